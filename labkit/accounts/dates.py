"""Advice on dates: when to stop for maintenance, when to expand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats

from labkit.accounts.case import Case, Item
from labkit.accounts.load import cheapest_days_to_stop
from labkit.tariffs import Name, power_factor_of

_MONEY = "{:,.0f}".format


def advise_maintenance(case: Case) -> Iterator[Item]:
    """The days on which a stop costs least work."""
    days = case.assume.maintenance_days
    daily = case.load.resample("D").sum()
    if len(daily) < 26 * 7:
        return
    first, least, middling = cheapest_days_to_stop(case.data, days)
    if middling <= 0:  # it stands still most of the time as it is
        return
    last = first + dt.timedelta(days - 1)
    runs = daily.rolling(days).sum().dropna().to_numpy()[::days]
    price = float(case.cost_yuan.sum() / max(case.load.sum(), 1e-9))
    low, high = np.quantile(runs, [0.25, 0.75])
    yield Item(
        "maintenance",
        Name(
            f"Stop for maintenance around {first.day} {first:%b} to {last.day} {last:%b}",
            f"检修安排在 {first.month} 月 {first.day} 日至 {last.month} 月 {last.day} 日前后",
        ),
        Name(
            f"{days} days with {_MONEY(least)} kWh, {1 - least / middling:.0%} less than in a middling week "
            f"({_MONEY(low)} to {_MONEY(high)} kWh in half of all): the stop costs least work there. "
            f"Each kWh costs {price:.2f} yuan on average.",
            f"这 {days} 天用电 {_MONEY(least)} 千瓦时，比一般的一周少 {1 - least / middling:.0%}"
            f"（半数的周在 {_MONEY(low)} 至 {_MONEY(high)} 千瓦时之间），停产损失最小。平均电价 {price:.2f} 元/千瓦时。",
        ),
    )


def advise_expansion(case: Case) -> Iterator[Item]:
    """When the transformer is loaded as far as planned."""
    bills = case.data.bills
    known = bills[bills["max_demand_kw"] > 0] if "max_demand_kw" in bills else bills
    if case.capacity_kva is None or len(known) < 18:
        return
    pf = (
        0.9
        if case.kvarh is None
        else float(power_factor_of(np.array([case.load.sum()]), np.array([np.abs(case.kvarh).sum()]))[0])
    )
    limit = case.assume.planned_loading * case.capacity_kva * pf
    months = pd.PeriodIndex(known["period"], freq="M")
    t = (months.year + (months.month - 1) / 12).to_numpy(dtype=float)
    y = np.log(known["max_demand_kw"].to_numpy(dtype=float))
    fit = sm.OLS(y, sm.add_constant(t - t[-1])).fit(cov_type="HAC", cov_kwds={"maxlags": 6})
    ahead = np.arange(0, case.assume.horizon_years * 12 + 1) / 12
    mean = fit.params[0] + fit.params[1] * ahead
    x = np.column_stack([np.ones(len(ahead)), ahead])
    error = np.sqrt(np.einsum("ij,jk,ik->i", x, fit.cov_params(), x) + fit.mse_resid)
    high = mean + stats.t.ppf(0.975, len(y) - 2) * error
    loading = float(np.exp(y[-12:].max()) / (case.capacity_kva * pf))
    growth = float(np.expm1(fit.params[1]))
    reach = 1.96 * float(fit.bse[1])
    ends = f"{np.expm1(fit.params[1] - reach):+.0%}", f"{np.expm1(fit.params[1] + reach):+.0%}"
    dates = [_first_above(curve, np.log(limit), months[-1]) for curve in (mean, high)]
    told = f"{case.assume.planned_loading:.0%}"
    if dates[1] is None:
        year = months[-1].year + int(case.assume.horizon_years)
        yield Item(
            "expansion",
            Name("Do not enlarge the transformer", "不必增容"),
            Name(
                f"Highest loading {loading:.0%} of {case.capacity_kva:,.0f} kVA; demand changes by {growth:+.0%} a year "
                f"({ends[0]} to {ends[1]}): {told} is not reached before {year}.",
                f"最高负载率 {loading:.0%}（{case.capacity_kva:,.0f} kVA）；需量年变化 {growth:+.0%}（{ends[0]} 至 {ends[1]}）：{year} 年前达不到 {told}。",
            ),
            worth_it=False,
        )
        return
    now = loading >= case.assume.planned_loading
    earliest = ("now", "应即着手") if now else (f"at the earliest for {dates[1]}", f"最早 {dates[1]}")
    if now:
        expected = (f"{told} is reached already", f"已达到 {told}")
    elif dates[0] is not None:
        expected = (f"{told} is expected in {dates[0]}", f"预计 {dates[0]} 达到 {told}")
    else:
        expected = (f"{told} is expected after the horizon", f"预计展望期之后才达到 {told}")
    yield Item(
        "expansion",
        Name(f"Prepare an expansion, {earliest[0]}", f"准备增容，{earliest[1]}"),
        Name(
            f"Highest loading {loading:.0%} of {case.capacity_kva:,.0f} kVA; demand changes by {growth:+.0%} a year "
            f"({ends[0]} to {ends[1]}); {expected[0]}.",
            f"最高负载率 {loading:.0%}（{case.capacity_kva:,.0f} kVA）；需量年变化 {growth:+.0%}（{ends[0]} 至 {ends[1]}）；{expected[1]}。",
        ),
    )


def _first_above(curve: np.ndarray, limit: float, last: pd.Period) -> pd.Period | None:
    above = np.flatnonzero(curve >= limit)
    return None if not len(above) else last + int(above[0])
