"""Daily baseline of a meter from temperature, in the manner of CalTRACK 2.0, and the saving against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from labkit.dsm.errors import DsmError
from labkit.estimates import Estimate

Unit = Literal["C", "F"]
#: CalTRACK 2.0: 365 days, at most a tenth missing; balance points 30..90 °F in steps of 1;
#: a degree-day term needs 10 days and 20 degree-days (°F) at least.
MOST_DAYS, MOST_MISSING = 365, 37
BALANCE_POINTS_F = np.arange(30, 91)
LEAST_DAYS, LEAST_DEGREES_F = 10, 20.0


@dataclass(frozen=True, eq=False)
class DailyBaseline:
    """Use of a day as a function of its mean temperature.

    Attributes
    ----------
    kind : {"mean", "heating", "cooling", "both"}
    unit : {"C", "F"}
        Of temperatures, balance points and slopes.
    intercept_kwh, heating_kwh_per_degree, cooling_kwh_per_degree : float
    heating_balance, cooling_balance : float
        Missing where the term is not there.
    r_squared_adjusted, cv_rmse : float
        CV(RMSE) as a share of mean use.
    autocorrelation : float
        Of the residuals from one day to the next.
    days, missing : int
        Days fitted, and days of the period without a value.
    """

    kind: Literal["mean", "heating", "cooling", "both"]
    unit: Unit
    intercept_kwh: float
    heating_kwh_per_degree: float
    cooling_kwh_per_degree: float
    heating_balance: float
    cooling_balance: float
    r_squared_adjusted: float
    cv_rmse: float
    autocorrelation: float
    days: int
    missing: int
    _covariance: np.ndarray
    _mse: float

    def _design(self, temperature: np.ndarray) -> np.ndarray:
        columns = [np.ones(len(temperature))]
        if self.kind in ("heating", "both"):
            columns.append(np.maximum(self.heating_balance - temperature, 0))
        if self.kind in ("cooling", "both"):
            columns.append(np.maximum(temperature - self.cooling_balance, 0))
        return np.column_stack(columns)

    @property
    def params(self) -> np.ndarray:
        """Intercept and the slopes there are."""
        heating = [self.heating_kwh_per_degree] if self.kind in ("heating", "both") else []
        cooling = [self.cooling_kwh_per_degree] if self.kind in ("cooling", "both") else []
        return np.array([self.intercept_kwh, *heating, *cooling])

    def predict(self, temperature: pd.Series) -> pd.Series:
        """Use expected on days of these mean temperatures [kWh]."""
        values = self._design(np.asarray(temperature, dtype=float)) @ self.params
        return pd.Series(values, index=temperature.index, name="baseline_kwh")

    def saving(self, daily_kwh: pd.Series, temperature: pd.Series, level: float = 0.95) -> Estimate:
        """Energy saved over some days: baseline less use, with its interval [kWh].

        Notes
        -----
        The variance is that of the fitted mean plus that of the days' own noise,
        both widened by (1 + r) / (1 - r) for residuals that follow each other with
        the correlation r (ASHRAE Guideline 14, 2014). The choice of balance points
        is taken as known.
        """
        both = pd.concat([daily_kwh.rename("kwh"), temperature.rename("t")], axis=1, join="inner").dropna()
        if both.empty:
            raise DsmError("no day has both use and temperature; compare the days of the two series")
        x = self._design(both["t"].to_numpy(dtype=float))
        value = float((x @ self.params).sum() - both["kwh"].sum())
        total = x.sum(axis=0)
        r = float(np.clip(self.autocorrelation, 0.0, 0.95))
        wider = (1 + r) / (1 - r)
        variance = wider * (total @ self._covariance @ total + len(both) * self._mse)
        reach = float(stats.t.ppf(0.5 + level / 2, max(self.days / wider - len(total), 1)) * np.sqrt(variance))
        return Estimate(value, value - reach, value + reach, len(both), level)


def baseline_daily(daily_kwh: pd.Series, temperature: pd.Series, unit: Unit = "C") -> DailyBaseline:
    """The daily baseline of a meter: heating and cooling degree days, the best of all balance points.

    Parameters
    ----------
    daily_kwh : Series
        Use of each day (the index) [kWh]; at most 365 days, at most 37 of them missing.
    temperature : Series
        Mean temperature of each day.
    unit : {"C", "F"}
        Of the temperatures. Balance points are tried in steps of 1 °F either way.

    Returns
    -------
    DailyBaseline

    Raises
    ------
    DsmError
        For too few or too many days, a day twice, or no temperature.

    Notes
    -----
    All pairs of a heating balance point not above a cooling one, one of the two
    alone, and the mean are fitted by least squares; those with a coefficient
    below 0 or with too few degree-days are left out; the highest adjusted R²
    wins, the simpler on a tie. CalTRACK Methods 2.0 (2018), sections 2.2 and 3.4.
    The normal equations of all some 2,000 models are solved at once from one
    matrix of cross products.

    Examples
    --------
    >>> days = pd.date_range("2025-01-01", periods=365)
    >>> warm = pd.Series(60 - 20 * np.cos(np.arange(365) * 2 * np.pi / 365), days)
    >>> use = 10 + 2 * np.maximum(55 - warm, 0)
    >>> found = baseline_daily(use, warm, "F")
    >>> found.kind, found.heating_balance, round(found.heating_kwh_per_degree, 6)
    ('heating', 55.0, 2.0)
    """
    if unit not in ("C", "F"):
        raise DsmError(f"unit is {unit!r}, expected 'C' or 'F'")
    use, warm, missing = _days_of(daily_kwh, temperature)
    fahrenheit = warm * 1.8 + 32 if unit == "C" else warm
    best = _best_model(use, fahrenheit)
    kind, points, columns = best
    params, mse, covariance, residual = _least_squares(use, columns)
    total = ((use - use.mean()) ** 2).sum()
    k = columns.shape[1]
    r2 = 1 - (residual**2).sum() / total if total > 0 else 0.0
    adjusted = 1 - (1 - r2) * (len(use) - 1) / (len(use) - k) if k > 1 else 0.0
    lag = float((residual[1:] * residual[:-1]).sum() / max((residual**2).sum(), 1e-300)) if mse > 0 else 0.0
    slope = {"heating": 0.0, "cooling": 0.0}
    names = {"mean": (), "heating": ("heating",), "cooling": ("cooling",), "both": ("heating", "cooling")}[kind]
    scale = 1.8 if unit == "C" else 1.0
    for name, value in zip(names, params[1:]):
        slope[name] = float(value * scale)
    turn = np.diag([1.0, *[scale] * (k - 1)])
    back = {name: (point - 32) / 1.8 if unit == "C" else float(point) for name, point in zip(names, points)}
    return DailyBaseline(
        kind, unit, float(params[0]), slope["heating"], slope["cooling"],
        float(back.get("heating", np.nan)), float(back.get("cooling", np.nan)),
        float(adjusted), float(np.sqrt(mse) / use.mean()) if use.mean() > 0 else np.nan, lag, len(use), missing,
        turn @ covariance @ turn, float(mse),
    )  # fmt: skip


def _days_of(daily_kwh: pd.Series, temperature: pd.Series) -> tuple[np.ndarray, np.ndarray, int]:
    for name, series in (("daily_kwh", daily_kwh), ("temperature", temperature)):
        if not isinstance(series.index, pd.DatetimeIndex):
            raise DsmError(f"{name} has no dates as its index; give a Series by day")
        if series.index.has_duplicates:
            raise DsmError(f"{name} has the day {series.index[series.index.duplicated()][0]:%Y-%m-%d} twice; keep one")
    if daily_kwh.empty:
        raise DsmError("daily_kwh is empty; bring a year of days")
    span = (daily_kwh.index.max() - daily_kwh.index.min()).days + 1
    if span > MOST_DAYS + 1:
        raise DsmError(f"daily_kwh spans {span} days; a baseline takes the {MOST_DAYS} days before the change")
    both = pd.concat([daily_kwh.rename("kwh"), temperature.rename("t")], axis=1).reindex(daily_kwh.index).dropna()
    missing = MOST_DAYS - min(len(both), MOST_DAYS)
    if missing > MOST_MISSING:
        raise DsmError(
            f"{len(both)} days have use and temperature, {MOST_DAYS - MOST_MISSING} of {MOST_DAYS} are needed: "
            "the baseline has too few days; bring more of the year before the change"
        )
    return both["kwh"].to_numpy(dtype=float), both["t"].to_numpy(dtype=float), missing


def _best_model(
    use: np.ndarray, warm_f: np.ndarray
) -> tuple[Literal["mean", "heating", "cooling", "both"], tuple[float, ...], np.ndarray]:
    """The model of the highest adjusted R² among all balance points."""
    points = BALANCE_POINTS_F
    heat = np.maximum(points - warm_f[:, None], 0.0)
    cool = np.maximum(warm_f[:, None] - points, 0.0)
    n, y = len(use), use - use.mean()
    enough = [((part > 0).sum(axis=0) >= LEAST_DAYS) & (part.sum(axis=0) >= LEAST_DEGREES_F) for part in (heat, cool)]
    total = float(y @ y)
    candidates: list[tuple[float, int, str, tuple[int, ...]]] = [(0.0, 0, "mean", ())]
    if total <= 0:
        return "mean", (), np.ones((n, 1))
    mean_h, mean_c = heat.mean(axis=0), cool.mean(axis=0)
    h, c = heat - mean_h, cool - mean_c
    hh, cc, hc, hy, cy = (h**2).sum(axis=0), (c**2).sum(axis=0), h.T @ c, y @ h, y @ c
    for name, ss, sy, mean, ok in (("heating", hh, hy, mean_h, enough[0]), ("cooling", cc, cy, mean_c, enough[1])):
        slope = np.divide(sy, ss, out=np.full(len(ss), -1.0), where=ok & (ss > 1e-9))
        fine = (slope >= 0) & (use.mean() - slope * mean >= 0)
        gain = np.where(fine, slope * sy / total, -np.inf)
        at = int(np.argmax(gain))
        candidates.append((_adjusted(gain[at], n, 2), 1, name, (at,)))
    det = hh[:, None] * cc[None, :] - hc**2
    can = (enough[0][:, None] & enough[1][None, :]) & (points[:, None] <= points[None, :])
    can &= det > 1e-9 * hh[:, None] * cc[None, :]
    safe = np.where(can, det, 1.0)
    bh = (hy[:, None] * cc[None, :] - cy[None, :] * hc) / safe
    bc = (cy[None, :] * hh[:, None] - hy[:, None] * hc) / safe
    level = use.mean() - bh * mean_h[:, None] - bc * mean_c[None, :]
    can &= (bh >= 0) & (bc >= 0) & (level >= 0)
    gain = np.where(can, (bh * hy[:, None] + bc * cy[None, :]) / total, -np.inf)
    at_h, at_c = np.unravel_index(int(np.argmax(gain)), gain.shape)
    candidates.append((_adjusted(float(gain[at_h, at_c]), n, 3), 2, "both", (int(at_h), int(at_c))))
    _, _, kind, places = max(candidates, key=lambda one: (round(one[0], 10), -one[1]))
    parts = {"mean": [], "heating": [heat], "cooling": [cool], "both": [heat, cool]}[kind]
    columns = np.column_stack([np.ones(n), *(part[:, at] for part, at in zip(parts, places))])
    return kind, tuple(float(points[at]) for at in places), columns  # type: ignore[return-value]


def _adjusted(r_squared: float, n: int, k: int) -> float:
    return 1 - (1 - r_squared) * (n - 1) / (n - k) if np.isfinite(r_squared) else -np.inf


def _least_squares(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    params, *_ = np.linalg.lstsq(x, y, rcond=None)
    residual = y - x @ params
    mse = float(residual @ residual / max(len(y) - x.shape[1], 1))
    return params, mse, mse * np.linalg.inv(x.T @ x), residual
