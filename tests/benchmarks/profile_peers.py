"""Profiles beside a plain scan, pandas and polars: 35 M readings, then 288 M, on one machine."""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.benchmarks.measuring import Case, measure
from tests.benchmarks.peers import make_environment

POLARS = "polars==2.1.0"
_MAKE = "from pathlib import Path; from tests.benchmarks.data import make_store"
_OPEN = (
    "import labkit; from labkit import profiles; lab = labkit.open({store!r}, verify=False{limit}); lab.run(lab.days())"
)
_SCAN = "c = ', '.join(f'sum(p{{i:02d}})' for i in range({slots})); lab.backend.raw_sql('SELECT ' + c + ' FROM readings').fetchall()"
_CELLS = """
for part in lab.backend.in_parts(profiles.cells(lab, {minutes}), lab.manifest.buckets):
    assert len(part)
"""
_DAY_ROWS_PANDAS = """
import glob
wide = pd.concat([pd.read_parquet(path, columns=["customer_id", "day", *SLOTS]).assign(month=path.split("month=")[1][:7])
                  for path in sorted(glob.glob({store!r} + "/readings/*/*/*.parquet"))])
wide["day"] = pd.to_datetime(wide["day"])
wide = wide.merge(helps.days, on="day")
by = wide.groupby(["customer_id", "month", "day_type"])
s, n, m = by[SLOTS].sum(), by[SLOTS].count(), by[SLOTS].max()
keys = by.size().rename("days").reset_index()
found = follow(keys, s.to_numpy(), n.to_numpy(), m.to_numpy(), helps)
"""
_DAY_ROWS_POLARS = """
import polars as pl
days = pl.from_pandas(helps.days).with_columns(pl.col("day").cast(pl.Date))
parts = [e for c in SLOTS for e in (pl.col(c).cast(pl.Int64).sum().alias("s" + c), pl.col(c).count().alias("n" + c), pl.col(c).max().alias("m" + c))]
rows = pl.scan_parquet({store!r} + "/readings/**/*.parquet", hive_partitioning=True).select("customer_id", "day", "month", *SLOTS)
cells = rows.join(days.lazy(), on="day").group_by("customer_id", "month", "day_type").agg(pl.len().alias("days"), *parts).collect(engine="streaming")
keys = cells.select("customer_id", "month", "day_type", "days").to_pandas()
found = follow(keys, *(cells.select([k + c for c in SLOTS]).to_numpy() for k in "snm"), helps)
"""
#: As meters and head-ends send them: one row a reading, by customer and time.
_LONG = """
import duckdb
slots = ", ".join(f"p{{i:02d}}" for i in range(48))
duckdb.sql(f"COPY (SELECT customer_id, day + INTERVAL (i * 30) MINUTE ts, wh FROM (SELECT customer_id, day, unnest(range(48)) i, unnest([{{slots}}]) wh FROM '{store}/readings/*/*/*.parquet') ORDER BY customer_id, ts) TO '{folder}/long.parquet' (COMPRESSION zstd)")
"""
_LONG_PANDAS = """
long = pd.read_parquet("{folder}/long.parquet")
minute = long["ts"].to_numpy().astype("datetime64[m]").astype(np.int64)
first = helps.days["day"].min()
day = minute // 1440 - first.to_datetime64().astype("datetime64[D]").astype(np.int64)
names = helps.days["day"].dt.strftime("%Y-%m") + "_" + helps.days["day_type"]
kind, kinds = pd.factorize(names)
who, ids = pd.factorize(long["customer_id"])
cell = who * len(kinds) + kind[day]
key = cell * 48 + minute % 1440 // 30
by = long["wh"].groupby(key)
table = pd.DataFrame({{"s": by.sum(), "n": by.count(), "m": by.max()}})
shape = (-1, 48)
at = table.index.to_numpy()[::48] // 48
keys = pd.DataFrame({{"customer_id": np.asarray(ids)[at // len(kinds)]}})
keys["month"], keys["day_type"] = (pd.Series(np.asarray(kinds)[at % len(kinds)]).str.split("_").str[i] for i in (0, 1))
keys["days"] = table["n"].to_numpy().reshape(shape).max(1)
found = follow(keys, *(table[c].to_numpy().reshape(shape) for c in "snm"), helps)
"""
_LONG_POLARS = """
import polars as pl
days = pl.from_pandas(helps.days).with_columns(pl.col("day").cast(pl.Date))
rows = pl.scan_parquet("{folder}/long.parquet").with_columns(
    day=pl.col("ts").dt.date(), slot=(pl.col("ts").dt.hour().cast(pl.Int32) * 60 + pl.col("ts").dt.minute()) // 30)
rows = rows.join(days.lazy().with_columns(month=pl.col("day").dt.strftime("%Y-%m")), on="day")
cells = rows.group_by("customer_id", "month", "day_type", "slot").agg(
    s=pl.col("wh").cast(pl.Int64).sum(), n=pl.col("wh").count(), m=pl.col("wh").max()).collect(engine="streaming")
cells = cells.sort("customer_id", "month", "day_type", "slot")
keys = cells[::48].select("customer_id", "month", "day_type").to_pandas()
keys["days"] = cells["n"].to_numpy().reshape(-1, 48).max(1)
found = follow(keys, *(cells[c].to_numpy().reshape(-1, 48) for c in "snm"), helps)
"""
_BEFORE = """
import sys
sys.path.insert(0, {here!r})
import numpy as np, pandas as pd
from features_by_hand import Helps, follow
SLOTS = [f"p{{i:02d}}" for i in range(48)]
helps = Helps.read({folder!r})
"""
_HELPS = """
import numpy as np, labkit
from labkit import calendar
with labkit.open({store!r}, verify=False) as lab:
    days = lab.run(lab.days())
days["day"] = days["day"].astype("datetime64[ns]")
days.to_parquet("{folder}/days.parquet")
rules = calendar.read_periods()
for name, parts in (("peak", ("sharp", "peak")), ("valley", ("valley", "deep_valley"))):
    np.save(f"{folder}/{{name}}.npy", np.array([[s in parts for s in rules.slots(30, m)] for m in range(1, 13)]))
"""
#: The peer's figures are ours, all of them.
_SAME = """
import numpy as np, pandas as pd
ours = pd.read_parquet("{folder}/ours.parquet").set_index("customer_id").sort_index()
peer = pd.read_parquet("{folder}/peer.parquet").sort_index()
assert sorted(ours.columns) == sorted(peer.columns), sorted(set(ours.columns) ^ set(peer.columns))
for name in ours.columns:
    if pd.api.types.is_numeric_dtype(ours[name]):
        assert np.allclose(ours[name].to_numpy(dtype=float), peer[name].to_numpy(dtype=float), rtol=1e-9, atol=1e-12), name
    else:
        assert ours[name].tolist() == peer[name].tolist(), name
"""


def compare_profiles(folder: Path) -> list[str]:
    """Lines of the table: features of 35 M readings, cells of 288 M with and without a limit of memory."""
    year, month = folder / "year", folder / "month"
    # Made by processes of their own: what this one holds would count in the peak of those it starts.
    for store, size in ((year, "2000"), (month, "100_000, days=30, interval_min=15")):
        measure(Case("make", f"make_store(Path({str(store)!r}), {size})", before=_MAKE))
    return [*_year_rows(folder, year), *_month_rows(month)]


def _year_rows(folder: Path, store: Path) -> list[str]:
    measure(Case("helps", _HELPS.format(folder=folder, store=str(store))))
    opened = _OPEN.format(store=str(store), limit="")
    ours = "table = profiles.load_features(lab)"
    saved = f"\ntable.to_parquet({str(folder / 'ours.parquet')!r})"
    scans, features = [], []
    for _ in range(3):  # by turns, so that a busy machine slows both
        scans.append(measure(Case("scan", _SCAN.format(slots=48), before=opened)))
        features.append(measure(Case("features", ours + saved, before=opened)))
    scan, found = (tuple(statistics.median(values) for values in zip(*runs, strict=True)) for runs in (scans, features))
    python = make_environment(folder / "polars", POLARS, "pandas", "pyarrow", "numpy")
    rows = [
        _row("scan of 35 M readings, 2,000 customers x 365 x 48 (sum of every slot)", scan, 1.0),
        _row(
            "load features of these",
            found,
            found[1] / scan[1],
            "3 x scan, 400 MB",
            found[1] <= 3 * scan[1] and found[2] <= 400,
        ),
    ]
    alone = measure(Case("features", ours, before=_OPEN.format(store=str(store), limit=", threads=1")))
    rows.append(_row("load features of these, one thread", alone, alone[1] / scan[1]))
    measure(Case("long", _LONG.format(folder=folder, store=store)))
    peers = (
        ("pandas written well, from the same day rows", _DAY_ROWS_PANDAS, None, 5.0),
        (f"{POLARS}, from the same day rows", _DAY_ROWS_POLARS, python, 1.0),
        ("pandas written well, from one row a reading", _LONG_PANDAS, None, 5.0),
        (f"{POLARS}, from one row a reading", _LONG_POLARS, python, 1.0),
    )
    for name, code, runner, least in peers:
        before = measure(Case("features", ours, before=opened))
        took = _measure_peer(folder, store, code, runner)
        # Held against ours just before and just after: a machine is not as fast at every hour.
        times = took[1] / statistics.mean([before[1], measure(Case("features", ours, before=opened))[1]])
        bound = f"{least:.0f} x labkit's time: {times:.1f}"
        rows.append(_row(f"the same features by {name}", took, took[1] / scan[1], bound, times >= least))
    return rows


def _measure_peer(folder: Path, store: Path, code: str, runner: str | None) -> tuple[float, float, float]:
    """Time of a peer whose figures have been found to be ours."""
    before = _BEFORE.format(folder=str(folder), here=str(Path(__file__).parent))
    save = f"\nfound.to_parquet({str(folder / 'peer.parquet')!r})"
    work = code.format(store=str(store), folder=str(folder)) + save
    took = measure(Case("peer", work, before=before), *([runner] if runner else []))
    measure(Case("same", _SAME.format(folder=folder)))
    return took


def _month_rows(store: Path) -> list[str]:
    free, tight = (_OPEN.format(store=str(store), limit=limit) for limit in ("", ", memory_limit_mb=250"))
    scan = measure(Case("scan", _SCAN.format(slots=96), before=free))
    work = _CELLS.format(minutes=15)
    plain, bound = (measure(Case("cells", work, before=opened)) for opened in (free, tight))
    ratio = bound[1] / plain[1]
    return [
        _row("scan of 288 M readings, 100,000 customers x 30 x 96", scan, 1.0),
        _row("cells of these", plain, plain[1] / scan[1], "6 s, 300 MB", plain[0] <= 6 and plain[2] <= 300),
        _row(
            "cells of these, engine limited to 250 MB",
            bound,
            bound[1] / scan[1],
            f"1.3 x without limit: {ratio:.2f}",
            ratio <= 1.3,
        ),
    ]


def _row(name: str, took: tuple[float, ...], ratio: float, bound: str = "", kept: bool = True) -> str:
    verdict = "" if not bound else "yes" if kept else "**no**"
    return f"| {name} | {took[0]:.2f} | {took[1]:.2f} | {took[2]:,.0f} | {ratio:.1f} | {bound} | {verdict} |"
