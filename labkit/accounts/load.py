"""The load of one account explained: how much, when, how steadily, what changed, what was unusual."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats

from labkit import calendar, privacy
from labkit.estimates import Estimate
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS

#: A level that lasts less than this is an unusual time, not a change of level.
_SHORTEST_LEVEL_DAYS = 21
_LEAST_CHANGE = 0.05


@dataclass(frozen=True, eq=False)
class AccountData:
    """What is known of one account.

    Attributes
    ----------
    facts : Series
        Its row of the customers table, without personal data.
    load : Series
        Energy of each interval [kWh] by its start; gaps filled.
    filled_share : float
        Share of the intervals that were filled.
    kvarh : Series, optional
        Reactive energy [kvarh], as the load.
    bills : DataFrame
        Its bills, by period.
    temperature : Series, optional
        Mean temperature of each day at its place [°C].
    """

    facts: pd.Series
    load: pd.Series
    interval_min: int
    filled_share: float
    kvarh: pd.Series | None
    bills: pd.DataFrame
    day_type: pd.Series
    temperature: pd.Series | None

    @property
    def customer_id(self) -> str:
        """Its id."""
        return str(self.facts["customer_id"])

    @property
    def kw(self) -> pd.Series:
        """Mean power of each interval [kW]."""
        return self.load * (60 / self.interval_min)


#: Why there is no sheet, whoever it is about: what is said of it may stand in a report.
NO_READINGS = "an account has no readings; the sheet explains a load, so bring readings"


class AccountError(LookupError):
    """An account that cannot be looked into; says why and what to do."""


def read_accounts(lab: Lab, customer_ids: list[str]) -> dict[str, AccountData]:
    """Everything the advice needs of some accounts, in few queries.

    Raises
    ------
    AccountError
        If the lab has no such customer, or no readings of it.
    """
    who = lab.run(
        lab.customers.filter(lab.customers.customer_id.isin(customer_ids)).drop(
            "name", "phone", "longitude", "latitude"
        )
    ).set_index("customer_id", drop=False)
    rows = _rows(lab, "readings", customer_ids)
    for name in customer_ids:
        if name not in who.index:
            raise AccountError(f"the lab has no customer {privacy.mask(name)}; look in lab.customers")
        if name not in rows:
            raise AccountError(NO_READINGS)
    reactive = _rows(lab, "reactive", customer_ids) if lab.has("reactive") else {}
    bills = (
        lab.run(lab.bills.filter(lab.bills.customer_id.isin(customer_ids)))
        if lab.has("bills")
        else pd.DataFrame(columns=["customer_id", "period"])
    )
    weather = _temperatures(lab, set(who["area_id"].dropna()))
    first, last = (pd.Timestamp(day).date() for day in lab.period)
    kinds = calendar.day_type_table(first, last, lab.manifest.about.calendar)
    day_type = pd.Series(kinds["day_type"].to_numpy(), index=pd.DatetimeIndex(kinds["day"]))
    found = {}
    for name in customer_ids:
        load, minutes, share = _series(rows[name], day_type)
        kvarh = _series(reactive[name], day_type)[0].reindex(load.index) if name in reactive else None
        mine = bills[bills["customer_id"] == name].sort_values("period", ignore_index=True)
        place = weather.get(str(who.loc[name, "area_id"]))
        found[name] = AccountData(
            who.loc[name],
            load,
            minutes,
            share,
            kvarh if kvarh is not None and kvarh.notna().all() else None,
            mine,
            day_type,
            place,
        )
    return found


def _rows(lab: Lab, table: str, customer_ids: list[str]) -> dict[str, pd.DataFrame]:
    rows = lab.table(table)
    frame = lab.run(rows.filter(rows.customer_id.isin(customer_ids)).order_by(["customer_id", "day"]))
    return {str(name): part for name, part in frame.groupby("customer_id")}


def _series(rows: pd.DataFrame, day_type: pd.Series) -> tuple[pd.Series, int, float]:
    """Day rows as one series; days between the first and the last that are missing become gaps."""
    minutes = int(rows["interval_min"].min())
    rows = rows[rows["interval_min"] == minutes]
    slots = list(SLOT_COLUMNS[: 1440 // minutes])
    days = pd.DatetimeIndex(rows["day"])
    wide = pd.DataFrame(rows[slots].to_numpy(dtype=float) / 1000, index=days)
    wide = wide.reindex(pd.date_range(days.min(), days.max()))
    gaps = wide.isna()
    kinds = day_type.reindex(wide.index).fillna("workday").to_numpy()
    for keys in ([wide.index.to_period("M").astype(str), kinds], [kinds], [np.zeros(len(wide))]):
        if not wide.isna().any(axis=None):
            break
        wide = wide.fillna(wide.groupby(keys).transform("mean"))
    index = pd.date_range(wide.index[0], periods=wide.size, freq=f"{minutes}min")
    return pd.Series(wide.to_numpy().reshape(-1), index), minutes, float(gaps.to_numpy().mean())


def _temperatures(lab: Lab, areas: set[str]) -> dict[str, pd.Series]:
    if not lab.has("weather"):
        return {}
    weather = lab.weather.filter(lab.weather.area_id.isin(sorted(areas)))
    daily = lab.run(
        weather.mutate(day=weather.ts.date())
        .group_by(["area_id", "day"])
        .aggregate(celsius=lambda t: t.temperature_c.mean())
    )
    return {
        str(area): pd.Series(part["celsius"].to_numpy(), pd.DatetimeIndex(part["day"])).sort_index()
        for area, part in daily.groupby("area_id")
    }


@dataclass(frozen=True, eq=False)
class LoadAnalysis:
    """The load of an account in figures.

    Attributes
    ----------
    coincidence : Estimate or None
        Own load in the system's highest hour over own maximum demand; the ends are
        those of 95 % of the system's 40 highest hours.
    duration : DataFrame
        ``time_share`` and ``kw``: the load that is exceeded for that share of time.
    typical : DataFrame
        ``day_type``, ``hour``, ``mean_kw``.
    changes : DataFrame
        ``day``, ``change_share`` with ``low`` and ``high``: lasting changes of
        level, weather and day types taken out.
    unusual : DataFrame
        ``day``, ``kwh``, ``expected_kwh``, ``ratio``: single days out of line.
    """

    energy_kwh: float
    maximum_demand_kw: float
    maximum_demand_at: pd.Timestamp
    load_factor: float
    base_load_kw: float
    weekend_ratio: float
    coincidence: Estimate | None
    duration: pd.DataFrame
    typical: pd.DataFrame
    changes: pd.DataFrame
    unusual: pd.DataFrame


def analyse_load(account: AccountData, system_kw: pd.Series | None = None) -> LoadAnalysis:
    """The load of an account explained.

    Parameters
    ----------
    account : AccountData
    system_kw : Series, optional
        Hourly load of the whole system [kW], for the coincidence.
    """
    kw = account.kw
    hourly = kw.resample("h").mean()
    kinds = account.day_type.reindex(kw.index.normalize()).fillna("workday").to_numpy()
    typical = (
        kw.groupby([kinds, kw.index.hour]).mean().rename_axis(["day_type", "hour"]).rename("mean_kw").reset_index()
    )
    share = np.linspace(0, 1, 101)
    workday, weekend = kw[kinds == "workday"].mean(), kw[kinds == "weekend"].mean()
    changes, unusual = find_changes(account)
    top = float(kw.max())
    return LoadAnalysis(
        float(account.load.sum()),
        top,
        kw.idxmax(),
        float(kw.mean() / top) if top > 0 else np.nan,
        float(kw.quantile(0.05)),
        float(weekend / workday) if workday > 0 else np.nan,
        None if system_kw is None or top <= 0 else _coincidence(hourly, top, system_kw),
        pd.DataFrame({"time_share": share, "kw": np.quantile(kw.to_numpy(), 1 - share)}),
        typical,
        changes,
        unusual,
    )


def _coincidence(hourly: pd.Series, top: float, system_kw: pd.Series) -> Estimate | None:
    both = pd.concat([hourly.rename("own"), system_kw.rename("system")], axis=1).dropna()
    if len(both) < 40:
        return None
    highest = both.nlargest(40, "system")
    ratio = highest["own"].to_numpy() / top
    low, high = np.quantile(ratio, [0.025, 0.975])
    return Estimate(float(ratio[0]), float(low), float(high), 40)


def find_changes(account: AccountData) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lasting changes of level and unusual days.

    Returns
    -------
    changes, unusual : DataFrame
        As in `LoadAnalysis`.

    Notes
    -----
    Daily energy (log) is freed of day type and degree-days; PELT with a
    least-squares cost finds where the level changes, its penalty 4 log n times the
    long-run variance, since days hang together. Each change is then tested
    together with weather and day types (HAC errors, Bonferroni); those under 5 %
    are left out. Killick et al. (2012), doi:10.1080/01621459.2012.737745; Newey
    and West (1987), doi:10.2307/1913610. Unusual are days whose rest is beyond
    4.5 robust standard deviations.
    """
    daily = account.load.resample("D").sum()
    empty = pd.DataFrame(
        {"day": pd.Series(dtype="datetime64[us]")}
        | {c: pd.Series(dtype=float) for c in ("change_share", "low", "high")}
    )
    odd = pd.DataFrame(
        {"day": pd.Series(dtype="datetime64[us]")}
        | {c: pd.Series(dtype=float) for c in ("kwh", "expected_kwh", "ratio")}
    )
    level = daily[daily > 0.02 * daily.median()]
    if len(level) < 3 * _SHORTEST_LEVEL_DAYS or level.max() == level.min():
        return empty, odd
    y = np.log(level.to_numpy())
    known = _known_causes(account, level.index)
    rest = sm.RLM(y, known).fit().resid
    breaks = _breaks(rest)
    fit, names = _fit_levels(y, known, breaks)
    rows = []
    for i, at in enumerate(breaks):
        before = fit.params[names[i - 1]] if i else 0.0
        effect = fit.params[names[i]] - before
        contrast = np.zeros(len(fit.params))
        contrast[names[i]] = 1.0
        if i:
            contrast[names[i - 1]] = -1.0
        error = float(np.sqrt(contrast @ fit.cov_params() @ contrast))
        reach = stats.norm.ppf(1 - 0.025 / max(len(breaks), 1)) * error
        if abs(np.expm1(effect)) >= _LEAST_CHANGE and abs(effect) > reach:
            rows.append((level.index[at], np.expm1(effect), np.expm1(effect - reach), np.expm1(effect + reach)))
    changes = pd.DataFrame(rows, columns=["day", "change_share", "low", "high"]) if rows else empty
    # Days next to nothing are unusual as well, though they have no logarithm worth fitting.
    expected = pd.Series(np.exp(fit.fittedvalues), level.index).reindex(daily.index).interpolate(limit_direction="both")
    ratio = daily / expected
    spread = stats.median_abs_deviation(fit.resid, scale="normal")
    far = np.abs(np.log(ratio.clip(lower=1e-9))) > max(4.5 * spread, np.log(1.2))
    unusual = pd.DataFrame(
        {"day": daily.index, "kwh": daily.to_numpy(), "expected_kwh": expected.to_numpy(), "ratio": ratio.to_numpy()}
    )
    return changes, unusual[far.to_numpy()].reset_index(drop=True)


def _known_causes(account: AccountData, days: pd.DatetimeIndex) -> np.ndarray:
    kinds = account.day_type.reindex(days).fillna("workday")
    columns: list[Any] = [np.ones(len(days)), kinds == "weekend", kinds == "holiday"]
    if account.temperature is not None:
        celsius = account.temperature.reindex(days).interpolate(limit_direction="both").to_numpy()
        if np.isfinite(celsius).all():
            columns += [np.maximum(celsius - 22, 0), np.maximum(12 - celsius, 0)]
    matrix = np.column_stack([np.asarray(c, dtype=float) for c in columns])
    varies = np.ptp(matrix, axis=0) > 0
    varies[0] = True
    return matrix[:, varies]


def _breaks(rest: np.ndarray) -> list[int]:
    """Where the level changes (PELT)."""
    from ruptures import KernelCPD  # loads slowly; only here

    n = len(rest)
    penalty = 4 * np.log(n) * _long_run_variance(rest)
    if penalty <= 0:
        return []
    found = KernelCPD(kernel="linear", min_size=_SHORTEST_LEVEL_DAYS).fit(rest.reshape(-1, 1)).predict(pen=penalty)
    return [int(at) for at in found if at < n]


def _long_run_variance(rest: np.ndarray) -> float:
    """Variance of a day times (1 + r) / (1 - r), from differences, so that a change of level does not count."""
    one, two = np.diff(rest), rest[2:] - rest[:-2]
    # Of an AR(1): mean squares of differences are 2 s2 (1 - r) and 2 s2 (1 - r^2), so their ratio is 1 + r.
    first, second = (float(stats.median_abs_deviation(d, scale="normal") ** 2) for d in (one, two))
    if first <= 0:
        return float(np.var(rest))
    r = float(np.clip(second / first - 1, 0.0, 0.85))
    return first / (2 * (1 - r)) * (1 + r) / (1 - r)


def _fit_levels(y: np.ndarray, known: np.ndarray, breaks: list[int]) -> tuple[Any, list[int]]:
    """All together: what is known, and a level from each break to the next."""
    levels = np.zeros((len(y), len(breaks)))
    for i, at in enumerate(breaks):
        levels[at : breaks[i + 1] if i + 1 < len(breaks) else len(y), i] = 1.0
    matrix = np.column_stack([known, levels])
    fit = sm.OLS(y, matrix).fit(cov_type="HAC", cov_kwds={"maxlags": 14})
    return fit, [known.shape[1] + i for i in range(len(breaks))]


def cheapest_days_to_stop(account: AccountData, days: int) -> tuple[dt.date, float, float]:
    """First day of the run of days with the least energy, its energy and that of a middling run [kWh]."""
    daily = account.load.resample("D").sum()
    runs = daily.rolling(days).sum().dropna()
    last = runs.idxmin()
    return (last - pd.Timedelta(days=days - 1)).date(), float(runs.min()), float(runs.median())
