"""The load features of `labkit.profiles` out of cells of half-hours, in numpy and pandas alone.

Imported by the peers of the benchmark, which may run where there is no labkit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

NIGHT = [*range(14), 46, 47]
FEW_DAYS = 14


@dataclass(frozen=True)
class Helps:
    """What a utility knows besides its readings: kinds of day, and which half-hours of a month are peak or valley."""

    days: pd.DataFrame
    peak: np.ndarray
    valley: np.ndarray

    @classmethod
    def read(cls, folder: str) -> Helps:
        """Of the files that the benchmark has written."""
        plans = (np.load(Path(folder) / f"{name}.npy") for name in ("peak", "valley"))
        return cls(pd.read_parquet(Path(folder) / "days.parquet"), *plans)


def follow(keys: pd.DataFrame, s: np.ndarray, n: np.ndarray, m: np.ndarray, helps: Helps) -> pd.DataFrame:
    """Features by customer.

    Parameters
    ----------
    keys : DataFrame
        ``customer_id``, ``month``, ``day_type`` and ``days`` of each cell.
    s, n, m : ndarray, shape (cells, 48)
        Energy [Wh], readings and highest reading [Wh] of each half-hour.
    helps : Helps
    """
    keys = keys.astype({"customer_id": str, "month": str, "day_type": str}).reset_index(drop=True)
    month = keys["month"].str[5:7].astype(int).to_numpy()
    hours, times = s.reshape(len(s), 24, 2).sum(2), n.reshape(len(s), 24, 2).sum(2) * 30
    work = (keys["day_type"] == "workday").to_numpy()
    spans = {
        "work": work,
        "rest": (keys["day_type"] == "weekend").to_numpy(),
        "summer": np.isin(month, [6, 7, 8]),
        "winter": np.isin(month, [12, 1, 2]),
        "mild": np.isin(month, [3, 4, 5, 9, 10, 11]),
    }
    columns = {"days": keys["days"].to_numpy(), "wh": s.sum(1), "minutes": n.sum(1) * 30, "night": s[:, NIGHT].sum(1)}
    columns["idle"] = (n * (s == 0)).sum(1) * 30
    columns |= {name: (s * getattr(helps, name)[month - 1]).sum(1) for name in ("peak", "valley")}
    at_peak, hour = _system_peak(keys, hours, helps.days)
    columns |= {"at_peak": hours[:, hour] * at_peak, "at_peak_min": times[:, hour] * at_peak}
    for name, here in spans.items():
        columns |= {f"{name}_wh": columns["wh"] * here, f"{name}_min": columns["minutes"] * here}
    columns |= {f"e{h}": hours[:, h] * work for h in range(24)} | {f"t{h}": times[:, h] * work for h in range(24)}
    total = pd.DataFrame(columns).groupby(keys["customer_id"]).sum()
    highest = _highest(keys, m)
    out = _ratios(total, highest["highest_w"])
    used = highest["highest_w"] > 0
    out["maximum_demand_month"] = highest["month"].where(used)
    out["maximum_demand_hour"] = highest["hour"].astype(float).where(used)
    return out.join(_months(keys, columns["wh"], columns["minutes"]))


def _system_peak(keys: pd.DataFrame, hours: np.ndarray, days: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Cells of the month and kind of day in which all together use most, and the hour of it."""
    kinds = ["month", "day_type"]
    energy = pd.DataFrame(hours).groupby([keys["month"], keys["day_type"]]).sum()
    counted = days.assign(month=days["day"].dt.strftime("%Y-%m")).groupby(kinds).size().reindex(energy.index)
    mean = energy.div(counted, axis=0).to_numpy()
    row, hour = np.unravel_index(int(mean.argmax()), mean.shape)
    at = energy.index[row]
    return ((keys["month"] == at[0]) & (keys["day_type"] == at[1])).to_numpy(), int(hour)


def _highest(keys: pd.DataFrame, m: np.ndarray) -> pd.DataFrame:
    """Highest demand of each customer and when it first was."""
    top = m.reshape(len(m), 24, 2).max(2) * 2
    table = keys[["customer_id", "month"]].assign(highest_w=top.max(1), hour=top.argmax(1))
    ordered = table.sort_values(["customer_id", "highest_w", "month", "hour"], ascending=[True, False, True, True])
    return ordered.drop_duplicates("customer_id").set_index("customer_id")


def _ratios(total: pd.DataFrame, highest_w: pd.Series) -> pd.DataFrame:
    day = (total[[f"e{h}" for h in range(24)]].to_numpy() * 60.0) / total[[f"t{h}" for h in range(24)]].to_numpy()
    mean_w = total["wh"] * 60 / total["minutes"]
    mild, work = (total[f"{name}_wh"] / total[f"{name}_min"] for name in ("mild", "work"))
    flat = total["wh"] - total["peak"] - total["valley"]
    out = pd.DataFrame(
        {
            "days_metered": total["days"],
            "hours_metered": total["minutes"] / 60,
            "gap_share": 1 - total["minutes"] / (total["days"] * 1440),
            "zero_share": total["idle"] / total["minutes"],
            "energy_kwh": total["wh"] / 1000,
            "energy_per_day_kwh": mean_w * 24 / 1000,
            "maximum_demand_kw": highest_w / 1000,
            "load_factor": mean_w / highest_w,
            "peak_share": total["peak"] / total["wh"],
            "flat_share": flat / total["wh"],
            "valley_share": total["valley"] / total["wh"],
            "night_energy_share": total["night"] / total["wh"],
            "weekend_ratio": total["rest_wh"] / total["rest_min"] / work,
            "summer_ratio": total["summer_wh"] / total["summer_min"] / mild,
            "winter_ratio": total["winter_wh"] / total["winter_min"] / mild,
            "coincidence": total["at_peak"] * 60 / total["at_peak_min"] / highest_w,
            "base_load_kw": day.min(1) / 1000,
            "base_load_share": day.min(1) / day.mean(1),
            "peak_hour": day.argmax(1).astype(float),
            "ramp_kw_per_h": abs(day - np.roll(day, 1, 1)).max(1) / 1000,
            "hour_variation": day.std(1) / day.mean(1),
        }
    )
    flags = [total["minutes"] == 0, total["wh"] == 0, total["days"] < FEW_DAYS]
    out["load_flag"] = np.select(flags, ["no_readings", "all_zero", "few_days"], "none")
    return out


def _months(keys: pd.DataFrame, wh: np.ndarray, minutes: np.ndarray) -> pd.DataFrame:
    """Trend and change of level; every customer has the same months, each with a week of readings or more."""
    table = pd.DataFrame({"wh": wh, "minutes": minutes}).groupby([keys["customer_id"], keys["month"]]).sum()
    assert (table["minutes"] >= 7 * 1440).all()
    w = np.floor(table["wh"] * 60 / table["minutes"] + 0.5).unstack()
    loads, months = w.to_numpy(), w.columns.to_numpy()
    count, mean = loads.shape[1], loads.mean(1)
    x = np.arange(count) - (count - 1) / 2
    splits = range(2, count - 1)
    changes = np.column_stack([loads[:, at:].mean(1) - loads[:, :at].mean(1) for at in splits])
    best = (changes**2 * [at * (count - at) for at in splits]).argmax(1)
    return pd.DataFrame(
        {
            "month_range_share": np.ptp(loads, axis=1) / mean,
            "load_trend_share": loads @ x / (x @ x) * 12 / mean,
            "level_change_share": changes[np.arange(len(loads)), best] / mean,
            "level_change_month": months[best + 2],
        },
        index=w.index,
    )
