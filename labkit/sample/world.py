"""What all customers of the sample share: days, weather, areas, outages."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from labkit import calendar

FIRST = dt.date(2024, 1, 1)
LAST = dt.date(2025, 12, 31)
#: First day whose readings are kept (bills go back to FIRST).
READINGS_FROM = dt.date(2025, 1, 1)
SETTLEMENTS = ("urban", "rural", "remote")
_SETTLEMENT_SHARES = (0.62, 0.29, 0.09)


@dataclass(frozen=True)
class World:
    """Deterministic from seed and number of customers."""

    seed: int
    customers: int

    def rng(self, *key: int) -> np.random.Generator:
        """A generator of its own for each purpose, so that one table's draws never move another's."""
        return np.random.default_rng([self.seed, *key])

    @cached_property
    def days(self) -> pd.DataFrame:
        """Every day with month and day type."""
        return calendar.day_type_table(FIRST, LAST)

    @cached_property
    def day_codes(self) -> np.ndarray:
        """0 workday, 1 weekend, 2 holiday; one a day."""
        return self.days["day_type"].map({name: i for i, name in enumerate(calendar.DAY_TYPES)}).to_numpy()

    @cached_property
    def month_starts(self) -> np.ndarray:
        """Index of the first day of each month, with the end at last."""
        months = self.days["month"].to_numpy()
        return np.append(np.flatnonzero(np.append(True, months[1:] != months[:-1])), len(months))

    @cached_property
    def months(self) -> list[str]:
        """Months as YYYY-MM."""
        return list(dict.fromkeys(self.days["month"]))

    @cached_property
    def areas(self) -> pd.DataFrame:
        """Supply areas around one town: town, country, far country."""
        rng = self.rng(1)
        count = int(np.clip(self.customers // 150, 6, 60))
        shares = np.cumsum(_SETTLEMENT_SHARES)
        place = np.searchsorted(shares, (np.arange(count) + 0.5) / count)
        distance = np.array([0.05, 0.25, 0.6])[place] * rng.uniform(0.6, 1.4, count)
        angle = rng.uniform(0, 2 * np.pi, count)
        return pd.DataFrame(
            {
                "area_id": [f"A{i + 1:03d}" for i in range(count)],
                "settlement": np.array(SETTLEMENTS)[place],
                "longitude": 112.5 + distance * np.cos(angle),
                "latitude": 30.5 + distance * np.sin(angle),
            }
        )

    @cached_property
    def temperature(self) -> np.ndarray:
        """Air temperature [°C], shape (areas, days, 24)."""
        rng = self.rng(2)
        n_days = len(self.days)
        day_of_year = pd.DatetimeIndex(self.days["day"]).day_of_year.to_numpy()
        season = 16.5 - 12.5 * np.cos(2 * np.pi * (day_of_year - 20) / 365.25)
        spells = np.empty(n_days)
        spell = 0.0
        for day, push in enumerate(rng.normal(0, 1.8, n_days)):
            spell = 0.75 * spell + push
            spells[day] = spell
        hours = np.arange(24)
        daily = 4.0 * np.cos(2 * np.pi * (hours - 15) / 24)
        own = {"urban": 0.6, "rural": -0.2, "remote": -1.5}
        offset = self.areas["settlement"].map(own).to_numpy() + rng.normal(0, 0.3, len(self.areas))
        wobble = rng.normal(0, 0.4, (len(self.areas), n_days, 24))
        return (offset[:, None, None] + (season + spells)[None, :, None] + daily + wobble).round(1).astype(np.float32)

    @cached_property
    def outages(self) -> pd.DataFrame:
        """Interruptions of an area; storms and heat make summer worse."""
        rng = self.rng(3)
        rate = self.areas["settlement"].map({"urban": 0.20, "rural": 0.40, "remote": 0.75}).to_numpy()
        median_h = self.areas["settlement"].map({"urban": 1.4, "rural": 2.2, "remote": 3.2}).to_numpy()
        rows = []
        for month in range(len(self.months)):
            summer = 1.8 if month % 12 in (5, 6, 7) else 1.0
            for area, count in enumerate(rng.poisson(rate * summer)):
                first, after = self.month_starts[month], self.month_starts[month + 1]
                for _ in range(count):
                    planned = bool(rng.random() < 0.35)
                    start_min = int(rng.integers(8 * 60, 11 * 60)) if planned else int(rng.integers(0, 1440))
                    day = int(rng.integers(first, after))
                    minutes = int(60 * median_h[area] * rng.lognormal(0.6 if planned else 0.0, 0.5))
                    rows.append((area, day * 1440 + start_min, max(minutes, 10), planned))
        frame = pd.DataFrame(rows, columns=["area", "start_min", "minutes", "planned"])
        frame = frame.sort_values(["start_min", "area"], ignore_index=True)
        frame["announced_days"] = np.where(
            frame["planned"], rng.choice([4, 6, 7, 8, 10], len(frame), p=[0.05, 0.1, 0.4, 0.3, 0.15]), -1
        )
        return frame

    @cached_property
    def availability(self) -> np.ndarray:
        """Share of each hour with supply, shape (areas, days, 24)."""
        minutes = np.ones((len(self.areas), len(self.days) * 1440), dtype=bool)
        for row in self.outages.itertuples():
            minutes[row.area, row.start_min : row.start_min + row.minutes] = False
        return minutes.reshape(len(self.areas), len(self.days), 24, 60).mean(axis=3).astype(np.float32)

    @cached_property
    def outage_hours(self) -> np.ndarray:
        """Hours without supply, shape (areas, months)."""
        lost = (1 - self.availability).sum(axis=2)
        return np.add.reduceat(lost, self.month_starts[:-1], axis=1)

    def times(self, minutes: np.ndarray) -> np.ndarray:
        """Minutes since the first day as timestamps."""
        return np.datetime64(FIRST, "us") + (np.asarray(minutes) * 60_000_000).astype("timedelta64[us]")

    def dates(self, days: np.ndarray) -> np.ndarray:
        """Days since the first day as dates; negative days are missing."""
        days = np.asarray(days)
        dates = np.datetime64(FIRST, "D") + days.astype("timedelta64[D]")
        return np.where(days > -100_000, dates, np.datetime64("NaT"))
