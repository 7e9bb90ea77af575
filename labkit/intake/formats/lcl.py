"""Low Carbon London smart-meter data with its tariff trial (UK Power Networks, 2011 to 2014), CC BY 4.0.

5,567 households, energy of each half-hour [kWh]; 1,122 of them on a dynamic
time-of-use tariff in 2013 (67.20, 11.76 and 3.99 pence a kWh), the rest on a flat
one. Source: London Datastore, "SmartMeter Energy Consumption Data in London
Households".

Traps: the name of the last column ends in a space; numbers are padded with
spaces; a missing value is the word ``Null``; times have seven decimals; lines end
in CRLF. The file begins a day at 00:30 and ends it at 00:00, so the label is
taken as the END of the half-hour. Households chose their arm, so the control group
is no random one.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import yaml

from labkit.intake.check import intake
from labkit.intake.findings import CheckResult, IntakeError

HEADER = ("LCLid", "stdorToU", "DateTime", "KWH/hh (per half hour)")
_TRIAL = ("LCL2013", dt.date(2013, 1, 1), dt.date(2013, 12, 31))
_ABOUT = {
    "name_en": "Low Carbon London", "name_zh": "低碳伦敦试点", "timezone": "Europe/London", "calendar": "GB",
    "currency": "GBP", "disclosure": "open",
}  # fmt: skip


def intake_lcl(path: Path, out: Path) -> CheckResult:
    """Make a store of a Low Carbon London file, with its trial as programme and enrolments.

    Parameters
    ----------
    path : Path
        The file as published, or a part of it.
    out : Path
        The store: ``customers``, ``readings``, ``programmes``, ``enrolments`` (``ToU``
        is the treated arm, ``Std`` the control).

    Raises
    ------
    IntakeError
        If the file does not have this layout.

    Notes
    -----
    Line numbers of findings are those of the source: each of its lines is handed on
    as one line. Half-hours that are ``Null`` are set aside as missing values.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory() as folder:
        arms = _hand_on(path, Path(folder) / path.with_suffix(".csv").name)
        ids = sorted(arms)
        csv.write_csv(pa.table({"customer_id": ids}), Path(folder) / "customers.csv")
        name, first, last = _TRIAL
        programme = {
            "programme_id": [name],
            "name": ["Dynamic time-of-use tariff"],
            "kind": ["time_of_use"],
            "starts_on": [first],
            "ends_on": [last],
        }
        csv.write_csv(pa.table(programme), Path(folder) / "programmes.csv")
        enrolled = {
            "enrolment_id": [f"N-{one}" for one in ids], "programme_id": [name] * len(ids), "customer_id": ids,
            "arm": ["treated" if arms[one] == "ToU" else "control" for one in ids], "joined_on": [first] * len(ids),
        }  # fmt: skip
        csv.write_csv(pa.table(enrolled), Path(folder) / "enrolments.csv")
        mapping = {
            "about": _ABOUT,
            "files": [
                {"file": path.with_suffix(".csv").name, "table": "readings", "time": "end", "interval_min": 30,
                 "columns": {"customer_id": "LCLid", "ts": "DateTime", "kwh": "kwh"}},
            ],
        }  # fmt: skip
        (Path(folder) / "mapping.yaml").write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
        return intake(Path(folder), out)


def _hand_on(path: Path, target: Path) -> dict[str, str]:
    """The file with clean cells, line by line; the arm of each household comes back."""
    with path.open(encoding="utf-8", newline="") as file:
        header = tuple(cell.strip() for cell in file.readline().rstrip("\r\n").split(","))
    if header != HEADER:
        raise IntakeError(f"{path.name}:1: not the layout of Low Carbon London: expected the header {','.join(HEADER)}")
    names = ["LCLid", "arm", "DateTime", "kwh"]
    arms: dict[str, str] = {}
    schema = pa.schema([(name, pa.string()) for name in ("LCLid", "DateTime", "kwh")])
    try:
        reader = csv.open_csv(
            path,
            read_options=csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=csv.ParseOptions(ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        with csv.CSVWriter(target, schema) as writer:
            for batch in reader:
                ids, arm, ts, kwh = (pc.utf8_trim_whitespace(column) for column in batch.columns)
                for one, group in zip(*(pa.table({"i": ids, "a": arm}).group_by(["i", "a"]).aggregate([]).columns)):
                    _note_arm(arms, one.as_py(), group.as_py(), path.name)
                ts = pc.replace_substring_regex(ts, r"\.\d+$", "")
                kwh = pc.if_else(pc.equal(kwh, "Null"), "", kwh)
                writer.write_batch(pa.record_batch([ids, ts, kwh], schema=schema))
    except pa.ArrowInvalid as error:
        raise IntakeError(
            f"{path.name}: a line does not have four cells: {error}; restore it from the source"
        ) from error
    return arms


def _note_arm(arms: dict[str, str], household: str, arm: str, name: str) -> None:
    if not household:
        return
    if arm not in ("Std", "ToU"):
        raise IntakeError(f"{name}: a household has the tariff {arm[:12]!r}, expected Std or ToU; correct stdorToU")
    if arms.setdefault(household, arm) != arm:
        raise IntakeError(f"{name}: a household stands there as Std and as ToU; keep one")
