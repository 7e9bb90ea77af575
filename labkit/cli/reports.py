"""Pages out: a run, two runs compared, the notebooks behind them, the data card."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from labkit import terms
from labkit.cli.parser import Commands
from labkit.store import write_whole

#: Marks around what is generated in a Markdown file.
GENERATED = ("<!-- generated: begin -->", "<!-- generated: end -->")


def add_report(commands: Commands) -> None:
    """``report`` and ``report compare``."""
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


def add_notebook(commands: Commands) -> None:
    """``notebook new`` and ``notebook refresh``."""
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


def add_card(commands: Commands) -> None:
    """``card``."""
    card = commands.add_parser("card", help="write data/datapackage.json and the data card anew")
    card.set_defaults(run=_card)


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
