"""A small utility whose customers can be told anywhere, and whose words are hostile: exports on which whole runs are tried."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import labkit
from labkit.store import SLOT_COLUMNS

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "=HYPERLINK(\"http://127.0.0.1:9/\",\"x\")",
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "{{7*7}}",
    "${7*7}",
    "../../x",
    'x"; drop table readings;--',
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "$\\frac{1}$ _a_ **b** [x](javascript:alert(1))",
)  # fmt: skip
#: What tells a customer: account number, name, address or other free text; and phone numbers.
MARKS = re.compile(r"q7[nat][0-9a-f]{8}|1397770\d{4}", re.IGNORECASE)


def mark(kind: str, number: object) -> str:
    return f"Q7{kind}{hashlib.sha256(f'{kind}{number}'.encode()).hexdigest()[:8]}"


def hostile(number: int) -> str:
    return HOSTILE[number % len(HOSTILE)]


def write_exports(sample: Path, folder: Path) -> pd.DataFrame:
    """Write the tables of a sample as files with marks; give its customers."""
    folder.mkdir()
    with labkit.open(sample) as lab:
        frames = {name: lab.run(lab.table(name)) for name in lab.tables if name not in ("readings", "reactive")}
        days = lab.run(lab.readings)
    ids = {old: mark("A", old) for old in frames["customers"]["customer_id"]}
    people = frames["customers"]
    count = range(len(people))
    people["name"] = [f"{hostile(i)} {mark('N', i)}" for i in count]
    people["phone"] = [f"1397770{i:04d}" for i in count]
    areas = {area: f"{hostile(i)} area {i}" for i, area in enumerate(sorted(people["area_id"].unique()))}
    people["area_id"] = people["area_id"].map(areas)
    rng = np.random.default_rng(3)
    people["longitude"] = people["longitude"].round(2) + rng.integers(100, 999, len(people)) / 1e5
    people["latitude"] = people["latitude"].round(2) + rng.integers(100, 999, len(people)) / 1e5
    people["home address"] = [f"{hostile(i)} {mark('T', i)}" for i in count]  # a column nobody asked for
    tickets = frames["tickets"]
    tickets["text"] = [
        f"{text} {hostile(i)} {mark('N', i)} {mark('T', f't{i}')} 1397770{i % 10_000:04d}"
        for i, text in enumerate(tickets["text"].fillna(""))
    ]
    posts = {site: hostile(i) + f" {i}" for i, site in enumerate(frames["sites"]["site_id"])}
    frames["sites"]["site_id"] = frames["sites"]["site_id"].map(posts)
    frames["repairs"]["centre_id"] = frames["repairs"]["centre_id"].map(lambda site: posts.get(site, site))
    tags = frames["taggings"]
    tags["tag"] = [hostile(i) if i % 3 == 0 else tag for i, tag in enumerate(tags["tag"])]
    tags.loc[tags.index[:3], "tag"] = [mark("N", f"tag{i}") for i in range(3)]
    for name, frame in frames.items():
        if "customer_id" in frame:
            frame["customer_id"] = frame["customer_id"].map(ids)
        frame.to_csv(folder / f"{name}.csv", index=False)
    _long(days, ids).to_parquet(folder / "readings.parquet", index=False)
    _spoil(folder)
    return people


def _long(days: pd.DataFrame, ids: dict[str, str]) -> pd.DataFrame:
    """A row a reading, hourly."""
    hourly = days[days["interval_min"] == 60]
    slots = [c for c in SLOT_COLUMNS if c in hourly][:24]
    wide = hourly[["customer_id", "day", *slots]].set_axis(["customer_id", "day", *range(24)], axis=1)
    long = wide.melt(["customer_id", "day"], var_name="hour", value_name="wh").dropna(subset=["wh"])
    ts = pd.to_datetime(long["day"]) + pd.to_timedelta(long["hour"].astype(int), unit="h")
    return pd.DataFrame({"customer_id": long["customer_id"].map(ids), "ts": ts, "kwh": long["wh"].astype(float) / 1000})


def _spoil(folder: Path) -> None:
    """Rows that are set aside, with personal values in the wrong places."""
    with (folder / "bills.csv").open("a", encoding="utf-8") as file:
        head = (folder / "bills.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
        for i in range(3):
            row = dict.fromkeys(head, "") | {
                "bill_id": f"BAD{i}", "customer_id": mark("A", f"none{i}"), "period": mark("T", f"bad{i}"),
                "kwh": f"1397770{i:04d}", "total_yuan": mark("N", f"bad{i}"),
            }  # fmt: skip
            file.write(",".join(row[column] for column in head) + "\n")


def texts_in(path: Path) -> Iterator[tuple[str, str]]:
    """What a file says, with what is packed inside it: CSV files and pictures of pages."""
    raw = path.read_bytes()
    yield path.name, raw.decode("utf-8", errors="replace")
    if path.suffix == ".xlsx":
        import zipfile

        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                yield f"{path.name}:{name}", packed.read(name).decode("utf-8", errors="replace")
    for i, part in enumerate(re.findall(rb"base64,([A-Za-z0-9+/=\s]+)", raw)):
        yield f"{path.name}:base64 {i}", base64.b64decode(part).decode("utf-8", errors="replace")
