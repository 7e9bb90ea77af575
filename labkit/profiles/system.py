"""All customers together: their load hour by hour, and when it is highest."""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit.lab import Lab
from labkit.profiles.cells import HOURS
from labkit.store import SLOT_COLUMNS


@dataclass(frozen=True)
class SystemPeak:
    """When all customers together use most, as a typical hour.

    Attributes
    ----------
    month : str
    day_type : str
    hour : int
        Start of the hour.
    mean_kw : float
        Mean load of all in that hour of such days [kW].
    """

    month: str
    day_type: str
    hour: int
    mean_kw: float


def find_system_peak(lab: Lab, sums: ir.Table | None = None) -> SystemPeak:
    """The month, kind of day and hour in which all customers together use most.

    Parameters
    ----------
    lab : Lab
    sums : Table, optional
        Of `monthly_sums` of all customers, where it is at hand; otherwise the readings are scanned.

    Notes
    -----
    A mean over the days of a month: the typical peak, not the one highest hour. Missing readings are missing in the sum.
    Of equal ones the first by month, kind of day and hour.
    """
    keys = ["month", "day_type"]
    if sums is not None:
        total = lab.run(sums.group_by(keys).aggregate(**{f"e{h}": sums[f"e{h}"].sum().cast("int64") for h in HOURS}))
    else:
        total = pd.concat([_hour_totals(lab, minutes) for minutes in lab.intervals()])
    energy = total.groupby(keys).sum().sort_index()
    days = lab.run(lab.days()).assign(month=lambda frame: frame["day"].astype(str).str[:7]).groupby(keys).size()
    mean = energy.div(days.reindex(energy.index), axis=0).to_numpy() / 1000
    row, hour = np.unravel_index(int(mean.argmax()), mean.shape)
    month, day_type = energy.index[row]
    return SystemPeak(str(month), str(day_type), int(hour), float(mean[row, hour]))


def _hour_totals(lab: Lab, interval_min: int) -> pd.DataFrame:
    """``month``, ``day_type`` and Wh of each hour, all customers with this interval."""
    rows = lab.readings.filter(lab.readings.interval_min == interval_min).inner_join(lab.days(), "day")
    names = SLOT_COLUMNS[: 1440 // interval_min]
    slots = lab.run(
        rows.group_by(["month", "day_type"]).aggregate(**{n: rows[n].sum().fill_null(0).cast("int64") for n in names})
    )
    width = len(names) // 24
    hours = {f"e{h}": slots[list(names[int(h) * width : (int(h) + 1) * width])].sum(axis=1) for h in HOURS}
    return slots[["month", "day_type"]].assign(**hours)


def system_load(lab: Lab) -> pd.Series:
    """Load of all customers together, hour by hour [kW].

    Returns
    -------
    Series
        By start of the hour; readings that are missing are missing in the sum.
    """
    found: list[pd.Series] = []
    for minutes in lab.intervals():
        rows = lab.readings.filter(lab.readings.interval_min == minutes)
        sums = {name: rows[name].sum().cast("int64") for name in SLOT_COLUMNS[: 1440 // minutes]}
        wide = lab.run(rows.group_by("day").aggregate(**sums)).set_index("day").sort_index()
        values = wide.fillna(0).to_numpy(dtype=float).reshape(len(wide), 24, 60 // minutes).sum(axis=2) / 1000
        times = pd.DatetimeIndex(wide.index).repeat(24) + pd.to_timedelta(np.tile(np.arange(24), len(wide)), unit="h")
        found.append(pd.Series(values.reshape(-1), times))
    return pd.concat(found).groupby(level=0).sum().rename("kw")
