"""The trials of a lab: read as tables, measured against their controls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit import calendar
from labkit.dsm.events import EventEffect, event_baseline, measure_events
from labkit.dsm.response import Response, fit_response
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS

#: Hours of the event's day that move its baseline.
_ADJUST_HOURS = (12, 13, 14)


@dataclass(frozen=True, eq=False)
class PriceTrial:
    """A time-of-use trial: a row a customer and day, and its prices [yuan/kWh]."""

    table: pd.DataFrame
    base: float
    peak: float
    off_peak: float
    starts_on: pd.Timestamp

    def too_small(self, fewest: int) -> bool:
        """Whether an arm has fewer customers than may be shown."""
        return bool(
            self.table.groupby("arm")["customer_id"].nunique().reindex(["treated", "control"]).fillna(0).min() < fewest
        )

    def fit(self) -> Response:
        """Elasticities of the trial."""
        return fit_response(self.table, self.base, (self.peak, self.off_peak), self.starts_on)


@dataclass(frozen=True, eq=False)
class EventTrial:
    """An interruptible programme: hourly loads, its events, its arms."""

    load_kwh: np.ndarray
    days: pd.DatetimeIndex
    day_types: tuple[str, ...]
    treated: np.ndarray
    events: pd.DataFrame

    def too_small(self, fewest: int) -> bool:
        """Whether an arm has fewer customers than may be shown."""
        return bool(min(self.treated.sum(), (~self.treated).sum()) < fewest)

    def measure(self) -> EventEffect:
        """Reduction in the events, less what the baseline misses among controls."""
        starts = pd.to_datetime(self.events["starts_at"])
        ends = pd.to_datetime(self.events["ends_at"])
        all_days = list(starts.dt.normalize())
        made = [
            event_baseline(
                self.load_kwh, self.days, start.normalize(), np.arange(start.hour, end.hour),
                event_days=all_days, day_types=self.day_types, adjust_slots=_ADJUST_HOURS,
            )
            for start, end in zip(starts, ends)
        ]  # fmt: skip
        return measure_events(made, self.treated)


def _of_kind(lab: Lab, kind: str) -> pd.Series | None:
    programmes = lab.run(lab.programmes)
    mine = programmes[programmes["kind"] == kind]
    return None if mine.empty else mine.iloc[0]


def _hourly(lab: Lab, programme: str, months: tuple[str, str] | None = None) -> pd.DataFrame:
    """``customer_id``, ``arm``, ``day`` and 24 hours [kWh] of who is enrolled."""
    arms = lab.enrolments.filter(lab.enrolments.programme_id == programme).select("customer_id", "arm")
    rows = lab.readings.inner_join(arms, "customer_id")
    if months is not None:
        rows = rows.filter((rows.month >= months[0]) & (rows.month <= months[1]))
    parts = []
    # The engine gives rows in no order; sums in another order differ in their last digits.
    for minutes, part in lab.run(rows.order_by(["customer_id", "day"])).groupby("interval_min"):
        slots = list(SLOT_COLUMNS[: 1440 // int(minutes)])
        hours = part[slots].to_numpy(dtype=float).reshape(len(part), 24, -1).sum(axis=2) / 1000
        parts.append(part[["customer_id", "arm", "day"]].reset_index(drop=True).join(pd.DataFrame(hours)))
    return pd.concat(parts, ignore_index=True)


def read_trial(lab: Lab) -> PriceTrial | None:
    """The first time-of-use trial with prices; None where there is none."""
    programme = _of_kind(lab, "time_of_use")
    prices = ["base_yuan_per_kwh", "peak_yuan_per_kwh", "off_peak_yuan_per_kwh"]
    if programme is None or programme[prices].isna().any():
        return None
    rows = _hourly(lab, str(programme["programme_id"]))
    start = pd.Timestamp(programme["starts_on"])
    peak = np.array([p in ("sharp", "peak") for p in calendar.read_periods().slots(60, start.month)])
    kwh = rows[list(range(24))].to_numpy()
    table = rows[["customer_id", "arm", "day"]].assign(
        peak_kwh=kwh[:, peak].sum(axis=1), other_kwh=kwh[:, ~peak].sum(axis=1)
    )
    base, high, low = (float(programme[name]) for name in prices)
    return PriceTrial(table.dropna(), base, high, low, start)


def read_events(lab: Lab) -> EventTrial | None:
    """The first interruptible programme with events; None where there is none."""
    programme = _of_kind(lab, "interruptible") if lab.has("programmes") else None
    if programme is None:
        return None
    events = lab.run(lab.events.filter(lab.events.programme_id == str(programme["programme_id"])).order_by("starts_at"))
    if events.empty:
        return None
    first, last = pd.to_datetime(events["starts_at"]).min(), pd.to_datetime(events["starts_at"]).max()
    months = (str(first.to_period("M") - 2), str(last.to_period("M")))
    rows = _hourly(lab, str(programme["programme_id"]), months)
    days = pd.date_range(pd.Timestamp(rows["day"].min()), pd.Timestamp(rows["day"].max()))
    ids, who = np.unique(rows["customer_id"].to_numpy().astype(str), return_inverse=True)
    load = np.full((len(ids), len(days), 24), np.nan)
    load[who, (pd.DatetimeIndex(rows["day"]) - days[0]).days.to_numpy()] = rows[list(range(24))].to_numpy()
    arm = rows.drop_duplicates("customer_id").set_index("customer_id")["arm"].reindex(ids)
    kinds = tuple(calendar.day_types([d.date() for d in days], lab.manifest.about.calendar))
    return EventTrial(load, days, kinds, (arm == "treated").to_numpy(), events)


def summarise_trials(response: Response | None, effect: EventEffect | None) -> pd.DataFrame:
    """What was measured: ``trial``, ``value``, ``low``, ``high``, ``customers_count``."""
    found = []
    if response is not None:
        found += [("substitution", response.substitution), ("daily", response.daily), ("pretrend", response.pretrend)]
    if effect is not None:
        found += [("reduction", effect.reduction), ("reduction_controls", effect.control)]
    rows = [(name, e.value, e.low, e.high, e.n) for name, e in found]
    return pd.DataFrame(rows, columns=["trial", "value", "low", "high", "customers_count"])
