"""Lists of customers to hand on, and the key of their pseudonyms."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import labkit
from labkit import terms
from labkit.cli.parser import Commands
from labkit.store import unfinished


def add_lists(commands: Commands) -> None:
    """``lists`` and ``key rotate``."""
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
