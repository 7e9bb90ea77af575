"""The command ``labkit``: sample, check, intake, report, lists, key, tags, notebook."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import duckdb

import labkit
from labkit import terms
from labkit.engine import EngineError
from labkit.intake import intake as intake_files
from labkit.intake.findings import CheckResult, IntakeError, LayoutError
from labkit.intake.formats import FORMATS, intake_format
from labkit.store import StoreError, unfinished, write_whole

#: Marks around what is generated in a Markdown file.
GENERATED = ("<!-- generated: begin -->", "<!-- generated: end -->")
#: What the engine raises when memory or disk does not suffice.
_NO_ROOM = (duckdb.OutOfMemoryException, duckdb.IOException)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all is well, 1 if something was found, 2 if it could not be done, 3 at a fault of ours."""
    options = _parser().parse_args(arguments)
    # Findings and pages are UTF-8 even where the terminal's locale says otherwise.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    # A polite request to end is obeyed like Ctrl-C: half-made things are removed.
    signal.signal(signal.SIGTERM, _stop)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("stopped; nothing was published", file=sys.stderr)
        return 130
    except MemoryError:
        print("labkit: not enough memory: end other programs, or use a machine that has more", file=sys.stderr)
        return 2
    except (StoreError, IntakeError, EngineError, ValueError, LookupError, OSError, *_NO_ROOM) as error:
        if getattr(options, "json", False):
            print(json.dumps({"error": str(error)}, ensure_ascii=False))
        print(f"labkit: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if type(error).__name__ in ("ReportError", "PageError"):
            print(f"labkit: {error}", file=sys.stderr)
            return 2
        return _confess(error, as_json=getattr(options, "json", False))


def _confess(error: Exception, *, as_json: bool) -> int:
    """A fault of ours: its kind and place, never its words, which may quote a customer's data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = (
        f"internal fault: {type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}; "
        "nothing was published; please report it with this line"
    )
    if as_json:
        print(json.dumps({"error": said}))
    print(f"labkit: {said}", file=sys.stderr)
    return 3


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("labkit", description="The analysis of electricity customers (电力营销).")
    parser.add_argument("--version", action="version", version=labkit.__version__)
    commands = parser.add_subparsers(required=True, metavar="command")

    sample = commands.add_parser("sample", help="make the sample utility")
    sample.add_argument("folder", type=Path)
    sample.add_argument("--customers", type=int, default=2000)
    sample.add_argument("--seed", type=int, default=2025)
    sample.add_argument("--progress", action="store_true", help="show a progress bar")
    sample.set_defaults(run=_sample)

    check = commands.add_parser("check", help="check a folder of files, write nothing")
    intake = commands.add_parser("intake", help="make a store of a folder of files")
    for command in (check, intake):
        command.add_argument(
            "path",
            type=Path,
            nargs="+" if command is intake else None,
            metavar="PATH",
            help="folder of CSV, Excel or Parquet files named after their tables, or one file"
            + ("; with the word suggest before it: write a first mapping of it" if command is intake else ""),
        )
        command.add_argument(
            "--mapping", type=Path, help="mapping file (mapping.yaml in the folder is found by itself)"
        )
        command.add_argument("--language", choices=terms.LANGUAGES, default="en")
        command.add_argument("--json", action="store_true", help="findings as JSON")
    check.set_defaults(run=_check)
    intake.add_argument("--out", type=Path, metavar="STORE", help="the store, or the mapping file of suggest")
    intake.add_argument("--format", choices=("tables", *FORMATS), default="tables", help="layout of a public data set")
    intake.add_argument("--timezone", metavar="ZONE", help="of the meters, where a layout's times are UTC")
    intake.usage = "labkit intake [suggest] PATH [--out STORE] [--mapping FILE | --format NAME [--timezone ZONE]] [--language LANGUAGE] [--json]"
    intake.formatter_class = argparse.RawDescriptionHelpFormatter
    intake.epilog = "formats:\n" + "\n".join(f"  {f.name:<12}{f.title} (PATH: {f.takes})" for f in FORMATS.values())
    intake.set_defaults(run=_intake)

    report = commands.add_parser("report", help="run the notebooks and write the pages")
    report.add_argument("--data", type=Path, default=Path("data/sample"))
    report.add_argument("--only", nargs="+", default=(), metavar="NN")
    report.add_argument("--lang", nargs="+", choices=terms.LANGUAGES, default=terms.LANGUAGES)
    report.add_argument("--out", type=Path, default=Path("reports"))
    report.add_argument("--no-progress", action="store_true")
    report.add_argument("--key", type=Path, metavar="FILE", help="pseudonyms on account sheets, by this key")
    report.add_argument(
        "--named", action="store_true", help="account numbers and names on account sheets; each page is stamped"
    )
    report.add_argument("--purpose", default="", metavar="TEXT", help="what a named report may be used for")
    report.set_defaults(run=_report)
    compare = report.add_subparsers(metavar="{compare}").add_parser(
        "compare", help="compare two published runs: which findings moved, and by more than chance allows?"
    )
    compare.add_argument("old", type=Path, metavar="RUN_A", help="folder of a run, such as reports/run-3dab477d")
    compare.add_argument("new", type=Path, metavar="RUN_B")
    compare.add_argument("--lang", choices=terms.LANGUAGES, default="en")
    compare.add_argument("--json", action="store_true", help="findings as JSON")
    compare.add_argument("--out", type=Path, metavar="FILE.html", help="write a page instead of a table")
    compare.set_defaults(run=_compare)

    notebook = commands.add_parser("notebook", help="work on the notebooks").add_subparsers(
        required=True, metavar="action"
    )
    new = notebook.add_parser("new", help="make one from the form")
    new.add_argument("name")
    new.set_defaults(run=_new_notebook)
    refresh = notebook.add_parser(
        "refresh", help="run notebooks on the sample, keep their outputs, renew the index table"
    )
    refresh.add_argument("numbers", nargs="*", metavar="NN")
    refresh.set_defaults(run=_refresh)
    lists = commands.add_parser("lists", help="write the lists of bad and of good payers, to hand on")
    lists.add_argument("--data", type=Path, default=Path("data/sample"))
    lists.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    lists.add_argument("--purpose", required=True, help="what they may be used for, in a sentence")
    lists.add_argument("--key", type=Path, metavar="FILE", help="key of the pseudonyms; made where there is none")
    lists.add_argument("--named", action="store_true", help="write ids and names instead of pseudonyms")
    lists.add_argument("--lang", choices=terms.LANGUAGES, default="zh")
    lists.set_defaults(run=_lists)
    rotate = commands.add_parser("key", help="work on the key of the pseudonyms").add_subparsers(
        required=True, metavar="action"
    ).add_parser("rotate", help="make a new key, and a file that says which pseudonym becomes which")  # fmt: skip
    rotate.add_argument("--data", type=Path, default=Path("data/sample"))
    rotate.add_argument("--key", type=Path, required=True, metavar="OLD", help="the key in use")
    rotate.add_argument("--new", type=Path, required=True, metavar="NEW", help="the key to make")
    rotate.add_argument("--mapping", type=Path, required=True, metavar="FILE.csv", help="old and new pseudonyms")
    rotate.set_defaults(run=_rotate_key)
    tags = commands.add_parser("tags", help="work on schemes of tags").add_subparsers(required=True, metavar="action")
    tags_check = tags.add_parser("check", help="check a scheme: CSV, Excel, JSON, SKOS")
    tags_check.add_argument("path", type=Path, metavar="FILE")
    tags_check.add_argument("--data", type=Path, metavar="STORE", help="try its rules on these customers too")
    tags_check.add_argument("--single-parent", action="store_true", help="report classes with two parents")
    tags_check.add_argument("--only", nargs="+", metavar="CHECK")
    tags_check.add_argument("--repair", type=Path, metavar="OUT", help="write the scheme with what can be repaired")
    tags_check.add_argument("--language", choices=terms.LANGUAGES, default="en")
    tags_check.add_argument("--json", action="store_true", help="findings as JSON")
    tags_check.set_defaults(run=_tags_check)
    export = tags.add_parser("export", help="write a catalogue of the library, or a file, in another format")
    export.add_argument("source", help="enumerative, faceted, combined, or a file")
    export.add_argument("out", type=Path, help="ends in .csv, .xlsx, .json, .ttl, .rdf or .graphml, also .gz or .bz2")
    export.set_defaults(run=_tags_export)
    card = commands.add_parser("card", help="write data/datapackage.json and the data card anew")
    card.set_defaults(run=_card)
    return parser


def _sample(options: argparse.Namespace) -> int:
    from labkit.sample import make_sample

    make_sample(options.folder, options.customers, options.seed, progress=options.progress)
    print(f"the sample utility is in {options.folder}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from labkit.intake import check

    try:
        return _show(check(options.path, options.mapping), options)
    except LayoutError as error:
        return _show_guess(error, options.path, options)


def _intake(options: argparse.Namespace) -> int:
    *word, path = options.path
    if word and [str(one) for one in word] != ["suggest"]:
        raise ValueError(f"one folder or file at a time: {path} is one too many")
    if word:
        return _suggest(path, options.out)
    if options.out is None:
        raise ValueError("name the store, as in --out my_store; for a first mapping: labkit intake suggest PATH")
    known = FORMATS.get(options.format)
    if known:
        if options.mapping:
            raise ValueError(f"--format {known.name} reads its layout by itself; leave --mapping out")
        result = intake_format(known.name, path, options.out, options.timezone)
    else:
        if options.timezone:
            raise ValueError("tables name their time zone in mapping.yaml (about: timezone); leave --timezone out")
        try:
            result = intake_files(path, options.out, options.mapping)
        except LayoutError as error:
            return _show_guess(error, path, options)
    _show(result, options)
    if not options.json:
        print(
            f"the {known.makes if known else 'store'} is in {options.out}"
            + ("; rows set aside are in its folder quarantine" if result.quarantine else "")
        )
    return 0


def _suggest(path: Path, out: Path | None) -> int:
    from labkit.intake.suggest import suggest_mapping

    text = suggest_mapping(path)
    if out is None:
        print(text, end="")
        return 0
    if out.exists():
        raise ValueError(f"{out} is there already and is not overwritten; name another file")
    write_whole(out, text.encode())
    print(f"wrote {out}: read its comments, then labkit intake {path} --mapping {out} --out STORE")
    return 0


def _show_guess(error: LayoutError, path: Path, options: argparse.Namespace) -> int:
    """A layout that is not known: what it looks like, and the two ways on; nothing is taken in."""
    from labkit.intake.suggest import explain_layout

    told = explain_layout(path, options.language)
    if options.json:
        print(json.dumps({"error": str(error), "guess": told}, ensure_ascii=False, indent=1))
    print(f"labkit: {error}", file=sys.stderr)
    if not options.json:
        print("\n".join(told), file=sys.stderr)
    return 2


def _show(result: CheckResult, options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps(result.to_json(), ensure_ascii=False, indent=1))
    else:
        for line in result.lines(options.language):
            print(line)
    return 1 if result.errors else 0


def _report(options: argparse.Namespace) -> int:
    from labkit import privacy
    from labkit.report.naming import Naming
    from labkit.report.run import run_report

    key = privacy.read_key(options.key, away_from=[options.data, options.out]) if options.key else None
    naming = Naming(options.named, options.purpose, key)
    # Chinese last: the index at the top of a run is in the last language.
    run = run_report(
        options.data,
        options.out,
        only=options.only,
        languages=tuple(dict.fromkeys(options.lang)),
        progress=not options.no_progress,
        naming=naming,
    )
    for failure in run.failures:
        print(f"failed: {failure}", file=sys.stderr)
    print(f"{len(run.pages)} pages; open {run.index}")
    return 1 if run.failures else 0


def _compare(options: argparse.Namespace) -> int:
    from labkit.report.compare_page import Comparison

    compared = Comparison.read(options.old, options.new)
    if options.out:
        write_whole(options.out, compared.to_page(options.lang).encode())
    if options.json:
        print(json.dumps(compared.to_json(), ensure_ascii=False, indent=1))
    elif options.out:
        print(f"wrote {options.out}")
    else:
        print("\n".join(compared.to_lines(options.lang)))
    if compared.withheld_count:
        print("labkit: " + compared.notes(options.lang)[1], file=sys.stderr)
    return 1 if compared.withheld_count else 0


def _new_notebook(options: argparse.Namespace) -> int:
    from labkit.report.run import new_notebook

    print(f"made {new_notebook(options.name)}")
    return 0


def _refresh(options: argparse.Namespace) -> int:
    from labkit.report.run import NOTEBOOKS, notebook_paths, notebook_table, refresh_notebooks

    paths = notebook_paths(only=options.numbers)
    refresh_notebooks(paths, NOTEBOOKS.parent / "data" / "sample")
    print(f"refreshed {', '.join(path.name for path in paths)}")
    _replace_between(NOTEBOOKS / "README.md", notebook_table())
    return 0


def _lists(options: argparse.Namespace) -> int:
    from labkit import privacy

    if options.key is None and not options.named:
        raise ValueError("give --key FILE for pseudonyms, or --named for a list that names customers")
    key = None if options.named else privacy.read_key(options.key, away_from=[options.data, options.out])
    # A row is a customer, by whatever name: only its owner opens the folder.
    with unfinished(options.out, mode=0o700) as work:
        _write_lists(options, key, work)
    return 0


def _write_lists(options: argparse.Namespace, key: bytes | None, work: Path) -> None:
    from labkit import arrears

    with labkit.open(options.data) as lab:
        books = arrears.open_books(lab)
        model, kinds = arrears.fit_credit(lab, books, 3), arrears.late_payers(lab, books)
        tables = {
            "bad_payers": arrears.list_bad_payers(lab, books, kinds, model),
            "vip": arrears.list_good_payers(lab, books, model),
        }
        names = lab.run(lab.customers.select("customer_id", "name")) if options.named else None
    for name, rows in tables.items():
        for ending in ("csv", "xlsx"):
            path = work / f"{name}.{ending}"
            arrears.write_list(rows, path, options.purpose, key=key, named=names, language=options.lang)
            path.chmod(0o600)
    for path in sorted(work.iterdir()):
        os.replace(path, options.out / path.name)
    for name, rows in tables.items():
        print(f"{len(rows)} customers in {options.out / name}.csv and .xlsx")


def _rotate_key(options: argparse.Namespace) -> int:
    from labkit import privacy

    with labkit.open(options.data) as lab:
        ids = lab.run(lab.customers.select("customer_id"))["customer_id"]
    away = [options.data, Path("reports")]
    count = privacy.rotate_key(options.key, options.new, ids, options.mapping, away_from=away)
    print(
        f"{count} pseudonyms old and new in {options.mapping}; use {options.new} from now on, then delete both others"
    )
    return 0


def _tags_check(options: argparse.Namespace) -> int:
    from labkit import tags

    scheme, membership = tags.Scheme.read(options.path, single_parent=options.single_parent), None
    if options.data:
        with labkit.open(options.data) as lab:
            membership, fewest = tags.assign(lab, scheme), lab.fewest_customers
    else:
        fewest = 1
    found = tags.check(scheme, membership, only=options.only, language=options.language, fewest=fewest)
    if options.json:
        told = {"scheme": scheme.title, "classes": len(scheme), "findings": json.loads(found.to_json(orient="records"))}
        print(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        print(scheme)
        for row in found.itertuples():
            print(f"{row.severity:<8}{row.check}: {row.why}" + (f" | {row.repair}" if row.repair else ""))
        print(", ".join(f"{n} {name}" for name, n in found["severity"].value_counts().items()) or "nothing found")
    if options.repair:
        repaired, changes = tags.repair_scheme(scheme)
        repaired.write(options.repair)
        print(f"{len(changes)} changes, written to {options.repair}", file=sys.stderr)
    return 1 if (found["severity"] == "error").any() else 0


def _tags_export(options: argparse.Namespace) -> int:
    from labkit import tags
    from labkit.tags.catalogue import CATALOGUES

    source = options.source
    scheme = tags.read_catalogue(source) if source in CATALOGUES else tags.Scheme.read(source)
    scheme.write(options.out)
    print(f"{scheme} written to {options.out}")
    return 0


def _card(_: argparse.Namespace) -> int:
    from labkit import schema
    from labkit.calendar import DATA

    package = json.dumps(schema.data_package(), ensure_ascii=False, indent=1)
    write_whole(DATA / "datapackage.json", f"{package}\n".encode())
    _replace_between(DATA / "README.md", schema.data_card())
    print("wrote data/datapackage.json and the data card in data/README.md")
    return 0


def _replace_between(path: Path, text: str) -> None:
    """Put a generated text between the two marks of a Markdown file."""
    whole = path.read_text(encoding="utf-8")
    before, _, rest = whole.partition(GENERATED[0])
    after = rest.partition(GENERATED[1])[2]
    write_whole(path, f"{before}{GENERATED[0]}\n\n{text}\n\n{GENERATED[1]}{after}".encode())


if __name__ == "__main__":
    sys.exit(main())
