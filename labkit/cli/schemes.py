"""Schemes of tags: check and export."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import labkit
from labkit import terms
from labkit.cli.parser import Commands


def add_tags(commands: Commands) -> None:
    """``tags check`` and ``tags export``."""
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
