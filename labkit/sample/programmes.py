"""Demand-side programmes of the sample: a time-of-use trial and interruptible load.

Both draw their control group by lot, so that the effect can be found again.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from labkit import calendar
from labkit.sample.world import FIRST, World

TRIAL_FROM = dt.date(2025, 4, 1)
#: Elasticities of the trial's homes: of substitution and of daily use (the truth).
SUBSTITUTION_ELASTICITY = -0.10
DAILY_ELASTICITY = -0.02
#: Prices in the trial against the flat price before [yuan/kWh].
FLAT_PRICE, PEAK_PRICE, OFF_PEAK_PRICE = 0.55, 0.80, 0.40
#: Share of load that interruptible customers shed in an event.
INTERRUPTED_SHARE = 0.22
EVENT_DAYS = tuple(dt.date(2025, m, d) for m, d in ((7, 15), (7, 17), (7, 24), (7, 30), (8, 6), (8, 14)))
EVENT_HOURS = (16, 19)

PROGRAMMES = pd.DataFrame(
    {
        "programme_id": ["TOU2025", "INT2025"],
        "name": ["Time-of-use trial for homes", "Interruptible load for industry"],
        "kind": ["time_of_use", "interruptible"],
        "starts_on": [TRIAL_FROM, dt.date(2025, 7, 1)],
        "ends_on": [dt.date(2025, 12, 31), dt.date(2025, 8, 31)],
        "incentive_yuan_per_kw": [0.0, 45.0],
        "base_yuan_per_kwh": [FLAT_PRICE, None],
        "peak_yuan_per_kwh": [PEAK_PRICE, None],
        "off_peak_yuan_per_kwh": [OFF_PEAK_PRICE, None],
    }
)


def make_events() -> pd.DataFrame:
    """Event windows of the interruptible programme."""
    start = [dt.datetime.combine(day, dt.time(EVENT_HOURS[0])) for day in EVENT_DAYS]
    end = [dt.datetime.combine(day, dt.time(EVENT_HOURS[1])) for day in EVENT_DAYS]
    return pd.DataFrame(
        {
            "event_id": [f"E{i + 1:02d}" for i in range(len(start))],
            "programme_id": "INT2025",
            "starts_at": start,
            "ends_at": end,
            "notice_h": 24.0,
        }
    )


def draw_enrolments(customers: pd.DataFrame, numbers: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Who takes part: one home in five, half of the large industry; arms by lot."""
    classes = customers["customer_class"].to_numpy()
    home = (classes == "residential") & (numbers % 5 == 0)
    plant = (classes == "industrial") & customers["_key"].to_numpy() & (rng.random(len(customers)) < 0.5)
    row = np.flatnonzero(home | plant)
    programme = np.where(home[row], "TOU2025", "INT2025")
    arm = np.where(rng.random(len(row)) < 0.5, "treated", "control")
    pay = np.where(
        (programme == "INT2025") & (arm == "treated"),
        customers["_mean_kw"].to_numpy()[row] * INTERRUPTED_SHARE * 45,
        0.0,
    )
    return pd.DataFrame(
        {
            "enrolment_id": "N" + customers["customer_id"].str[1:].to_numpy()[row] + "-" + programme,
            "programme_id": programme,
            "customer_id": customers["customer_id"].to_numpy()[row],
            "arm": arm,
            "joined_on": np.where(programme == "TOU2025", np.datetime64(TRIAL_FROM), np.datetime64("2025-07-01")),
            "paid_yuan": pay.round(2),
            "_row": row,
            "_day": (TRIAL_FROM - FIRST).days,
        }
    )


def responses(world: World, customers: pd.DataFrame, enrolments: pd.DataFrame) -> np.ndarray:
    """Factor on the load of each customer, day and hour in the interruptible programme, shape (n, days, 24)."""
    factor = np.ones((len(customers), len(world.days), 24), dtype=np.float32)
    treated = enrolments[(enrolments["arm"] == "treated") & (enrolments["programme_id"] == "INT2025")]
    shed = treated["_row"].to_numpy()
    for day in EVENT_DAYS:
        factor[shed, (day - FIRST).days, EVENT_HOURS[0] : EVENT_HOURS[1]] *= 1 - INTERRUPTED_SHARE
    return factor


def rows_on_trial_prices(enrolments: pd.DataFrame) -> np.ndarray:
    """Places of the customers who pay the trial's prices."""
    return enrolments.loc[
        (enrolments["arm"] == "treated") & (enrolments["programme_id"] == "TOU2025"), "_row"
    ].to_numpy()


def respond_to_trial(load: np.ndarray) -> np.ndarray:
    """Load under the trial's prices: every home and day by its own share of peak use.

    Parameters
    ----------
    load : ndarray, shape (homes, days, 24)
        Expected load; the days before the trial stay as they are.
    """
    peak = np.array([p in ("sharp", "peak") for p in calendar.read_periods().slots(60, 4)])
    after, first = load.copy(), (TRIAL_FROM - FIRST).days
    days = after[:, first:]
    share = days[..., peak].sum(axis=-1) / np.maximum(days.sum(axis=-1), 1e-9)
    in_peak, in_other = trial_factors(share)
    days *= np.where(peak, in_peak[..., None], in_other[..., None])
    return after


def trial_factors(peak_share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change of peak and of other use under the trial's prices (constant elasticity of substitution).

    Examples
    --------
    >>> [float(factor.round(4)) for factor in trial_factors(np.array(0.38))]
    [0.9573, 1.026]
    """
    ratio = (PEAK_PRICE / OFF_PEAK_PRICE) ** SUBSTITUTION_ELASTICITY
    mean_price = peak_share * PEAK_PRICE + (1 - peak_share) * OFF_PEAK_PRICE
    daily = (mean_price / FLAT_PRICE) ** DAILY_ELASTICITY
    off_peak = daily / (peak_share * ratio + 1 - peak_share)
    return off_peak * ratio, off_peak
