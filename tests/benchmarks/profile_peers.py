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
#: The same features by hand: cells of every slot, then what follows from them, in numpy.
_FROM_CELLS = """
def follow(keys, s, n, m):
    night = [*range(14), 46, 47]
    wh, minutes = s.sum(1), n.sum(1) * 30
    hours, times = s.reshape(len(s), 24, 2).sum(2), n.reshape(len(s), 24, 2).sum(2) * 30
    month = keys["month"].astype(str).str[5:7].astype(int)
    table = keys.assign(wh=wh, minutes=minutes, highest=m.max(1) * 2, idle=(n * (s == 0)).sum(1) * 30, night=s[:, night].sum(1))
    for name, there in (("peak", PEAK), ("valley", VALLEY)):
        table[name] = (s * there[month.to_numpy() - 1]).sum(1)
    work, rest = (keys["day_type"] == d for d in ("workday", "weekend"))
    for name, here in (("work", work), ("rest", rest), ("summer", month.isin([6, 7, 8])), ("winter", month.isin([12, 1, 2]))):
        table[name + "_wh"], table[name + "_min"] = wh * here, minutes * here
    for h in range(24):
        table[f"e{h}"], table[f"t{h}"] = hours[:, h] * work, times[:, h] * work
    sums = [c for c in table if c not in ("customer_id", "month", "day_type", "highest")]
    total = table.groupby("customer_id", observed=True)[sums].sum()
    total["highest"] = table.groupby("customer_id", observed=True)["highest"].max()
    day = total[[f"e{h}" for h in range(24)]].to_numpy() * 60 / total[[f"t{h}" for h in range(24)]].to_numpy()
    mean = total["wh"] * 60 / total["minutes"]
    return pd.DataFrame({
        "load_factor": mean / total["highest"], "peak_share": total["peak"] / total["wh"], "valley_share": total["valley"] / total["wh"],
        "night_energy_share": total["night"] / total["wh"], "weekend_ratio": total["rest_wh"] / total["rest_min"] / (total["work_wh"] / total["work_min"]),
        "base_load_kw": day.min(1) / 1000, "ramp_kw_per_h": abs(day - np.roll(day, 1, 1)).max(1) / 1000, "peak_hour": day.argmax(1),
        "hour_variation": day.std(1) / day.mean(1), "zero_share": total["idle"] / total["minutes"]})
"""
_PANDAS = """
import glob
days = pd.read_parquet({days!r})
wide = pd.concat([pd.read_parquet(path, columns=["customer_id", "day", *SLOTS]).assign(month=path.split("month=")[1][:7])
                  for path in sorted(glob.glob({store!r} + "/readings/*/*/*.parquet"))])
wide["day"] = pd.to_datetime(wide["day"])
wide = wide.merge(days, on="day")
by = wide.groupby(["customer_id", "month", "day_type"])[SLOTS]
s, n, m = by.sum(), by.count(), by.max()
found = follow(s.index.to_frame(index=False), s.to_numpy(), n.to_numpy(), m.to_numpy())
"""
_POLARS = """
import polars as pl
days = pl.from_pandas(pd.read_parquet({days!r})).with_columns(pl.col("day").cast(pl.Date))
parts = [e for c in SLOTS for e in (pl.col(c).cast(pl.Int64).sum().alias("s" + c), pl.col(c).count().alias("n" + c), pl.col(c).max().alias("m" + c))]
rows = pl.scan_parquet({store!r} + "/readings/**/*.parquet", hive_partitioning=True).select("customer_id", "day", "month", *SLOTS)
cells = rows.join(days.lazy(), on="day").group_by("customer_id", "month", "day_type").agg(parts).collect(engine="streaming")
keys = cells.select("customer_id", "month", "day_type").to_pandas()
found = follow(keys, *(cells.select([k + c for c in SLOTS]).to_numpy() for k in "snm"))
"""
_BEFORE = """
import numpy as np, pandas as pd
SLOTS = [f"p{{i:02d}}" for i in range(48)]
PEAK, VALLEY = (np.load(f"{folder}/{{name}}.npy") for name in ("peak", "valley"))
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
#: The peer's figures are ours.
_SAME = """
import numpy as np, pandas as pd
ours = pd.read_parquet("{folder}/ours.parquet").set_index("customer_id").sort_index()
peer = pd.read_parquet("{folder}/peer.parquet")
assert np.allclose(ours[peer.columns].to_numpy(dtype=float), peer.to_numpy(dtype=float), rtol=1e-9)
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
    for name, code, runner, least in (("pandas written well", _PANDAS, None, 5.0), (POLARS, _POLARS, python, 1.0)):
        work = code.format(days=str(folder / "days.parquet"), store=str(store))
        before = _BEFORE.format(folder=str(folder)) + _FROM_CELLS
        check = f"\nfound.sort_index().to_parquet({str(folder / 'peer.parquet')!r})"
        took = measure(Case(name, work + check, before=before), *([runner] if runner else []))
        measure(Case("same", _SAME.format(folder=folder)))
        times = took[1] / found[1]
        rows.append(
            _row(
                f"a third of these features by {name}",
                took,
                took[1] / scan[1],
                f"{least:.0f} x labkit's time: {times:.1f}",
                times >= least,
            )
        )
    return rows


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
