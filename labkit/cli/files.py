"""Files in: the sample utility, checks, stores, a first mapping."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from labkit import terms
from labkit.cli.parser import Commands
from labkit.intake import intake as intake_files
from labkit.intake.findings import CheckResult, LayoutError
from labkit.intake.formats import FORMATS, intake_format
from labkit.store import write_whole


def add_files(commands: Commands) -> None:
    """``sample``, ``check`` and ``intake``."""
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
