"""Watching service: control charts with their false alarms stated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from labkit.service.errors import ServiceError

#: Fewer periods say nothing of what is usual.
LEAST_PERIODS = 8


@dataclass(frozen=True, eq=False)
class ControlChart:
    """A figure over time against what it varies by chance.

    Attributes
    ----------
    points : DataFrame
        ``period``, ``value``, ``low``, ``high`` (control limits), ``alarm``.
    centre : float
    false_alarm_share : float
        Chance that a point of a steady process is outside, mean over the points.
    periods_between : float
        Mean number of periods from one false alarm to the next.
    """

    points: pd.DataFrame
    centre: float
    false_alarm_share: float
    periods_between: float

    @property
    def alarms(self) -> list[str]:
        """Periods with an alarm."""
        return [str(p) for p in self.points.loc[self.points["alarm"], "period"]]


def _chart(
    period: list, value: np.ndarray, low: np.ndarray, high: np.ndarray, centre: float, chance: np.ndarray
) -> ControlChart:
    alarm = (value < low) | (value > high)
    points = pd.DataFrame({"period": period, "value": value, "low": low, "high": high, "alarm": alarm})
    rate = float(np.mean(chance))
    return ControlChart(points, centre, rate, 1 / rate if rate > 0 else np.inf)


def _base(n: int, baseline: int | None) -> slice:
    if n < LEAST_PERIODS:
        raise ServiceError(
            f"a control chart needs at least {LEAST_PERIODS} periods, there are {n}: wait, or take shorter periods"
        )
    if baseline is not None and not 5 <= baseline <= n:
        raise ServiceError(f"baseline is {baseline}, expected from 5 to the {n} periods")
    return slice(0, baseline)


def p_chart(hits: pd.Series, cases: pd.Series, *, baseline: int | None = None, alpha: float = 0.0027) -> ControlChart:
    """A share, such as promises kept, period by period.

    Parameters
    ----------
    hits, cases : Series
        By period, in order; periods without cases are left out.
    baseline : int, optional
        Periods at the beginning the limits come from; all by default.
    alpha : float
        Chance of a false alarm a point; 0.0027 is that of three standard deviations.

    Notes
    -----
    Exact binomial limits: three standard deviations would be wrong for few cases or shares
    near 0 or 1. The chance given is the exact one at the centre.

    Examples
    --------
    >>> months = [f"2025-{m:02d}" for m in range(1, 11)]
    >>> chart = p_chart(pd.Series([90] * 9 + [60], months), pd.Series([100] * 10, months), baseline=9)
    >>> chart.alarms
    ['2025-10']
    """
    known = cases.to_numpy(dtype=float) > 0
    x, n = hits.to_numpy(dtype=float)[known], cases.to_numpy(dtype=float)[known]
    first = _base(len(n), baseline)
    centre = float(x[first].sum() / n[first].sum())
    low, high = stats.binom.ppf(alpha / 2, n, centre), stats.binom.ppf(1 - alpha / 2, n, centre)
    chance = stats.binom.cdf(low - 1, n, centre) + stats.binom.sf(high, n, centre)
    return _chart([*cases.index[known]], x / n, low / n, high / n, centre, chance)


def u_chart(
    counts: pd.Series, exposure: pd.Series, *, baseline: int | None = None, alpha: float = 0.0027
) -> ControlChart:
    """A rate, such as complaints a thousand customers, period by period.

    Parameters
    ----------
    counts, exposure : Series
        By period; exposure in the unit of the rate.
    baseline, alpha
        As of `p_chart`.

    Notes
    -----
    Exact Poisson limits. Counts that vary more than by chance, as calls after storms do, give more
    alarms than stated: `dispersion` of such a series is above 1.
    """
    known = exposure.to_numpy(dtype=float) > 0
    x, t = counts.to_numpy(dtype=float)[known], exposure.to_numpy(dtype=float)[known]
    first = _base(len(t), baseline)
    centre = float(x[first].sum() / t[first].sum())
    low, high = stats.poisson.ppf(alpha / 2, centre * t), stats.poisson.ppf(1 - alpha / 2, centre * t)
    chance = stats.poisson.cdf(low - 1, centre * t) + stats.poisson.sf(high, centre * t)
    return _chart([*exposure.index[known]], x / t, low / t, high / t, centre, chance)


def dispersion(counts: pd.Series, exposure: pd.Series) -> tuple[float, float]:
    """Variance of counts over what chance gives, and the p value of a chi-square test that it is 1.

    Examples
    --------
    >>> round(dispersion(pd.Series([10, 10, 10]), pd.Series([1, 1, 1]))[0], 2)
    0.0
    """
    x, t = counts.to_numpy(dtype=float), exposure.to_numpy(dtype=float)
    expected = x.sum() * t / t.sum()
    chi2 = float(((x - expected) ** 2 / expected).sum())
    return chi2 / (len(x) - 1), float(stats.chi2.sf(chi2, len(x) - 1))


def individuals_chart(values: pd.Series, *, baseline: int | None = None, alpha: float = 0.0027) -> ControlChart:
    """A figure, such as the mean time to the site, period by period.

    Parameters
    ----------
    values : Series
        By period; missing ones are left out.
    baseline, alpha
        As of `p_chart`.

    Notes
    -----
    Spread from moving ranges (over 1.128); the chance holds for normal, independent values.
    """
    x = values.dropna()
    first = _base(len(x), baseline)
    base = x.to_numpy(dtype=float)[first]
    sigma = float(np.abs(np.diff(base)).mean() / 1.128)
    centre = float(base.mean())
    reach = float(stats.norm.isf(alpha / 2) * sigma)
    n = len(x)
    return _chart(
        [*x.index],
        x.to_numpy(dtype=float),
        np.full(n, centre - reach),
        np.full(n, centre + reach),
        centre,
        np.full(n, alpha),
    )


def cusum_chart(
    values: pd.Series, *, baseline: int | None = None, shift: float = 1.0, decision: float = 4.77
) -> ControlChart:
    """Small lasting changes that a chart of single points is slow to see.

    Parameters
    ----------
    values : Series
    baseline : int, optional
    shift : float
        Change to be found, in standard deviations of a period.
    decision : float
        At which sum to give an alarm, in standard deviations.

    Returns
    -------
    ControlChart
        ``value``: the larger of the two sums with its sign; limits at the decision. After an alarm the sums begin anew.

    Notes
    -----
    Page (1954), doi:10.1093/biomet/41.1-2.100. The time between false alarms is that of a Markov chain (Brook and
    Evans 1972, doi:10.1093/biomet/59.3.539), both sides together; 4.77 gives about 370 periods.
    """
    x = values.dropna()
    first = _base(len(x), baseline)
    base = x.to_numpy(dtype=float)[first]
    sigma = float(np.abs(np.diff(base)).mean() / 1.128)
    if sigma == 0:
        raise ServiceError("the values do not vary at all: nothing can be watched")
    z = (x.to_numpy(dtype=float) - base.mean()) / sigma
    up = down = 0.0
    told, alarm = [], []
    for value in z:
        up, down = max(0.0, up + value - shift / 2), max(0.0, down - value - shift / 2)
        told.append(up if up >= down else -down)
        alarm.append(max(up, down) > decision)
        if alarm[-1]:
            up = down = 0.0
    between = run_length(shift / 2, decision)
    points = pd.DataFrame({"period": [*x.index], "value": told, "low": -decision, "high": decision, "alarm": alarm})
    return ControlChart(points, 0.0, 1 / between, between)


def run_length(k: float, h: float, drift: float = 0.0, steps: int = 200) -> float:
    """Mean number of periods until a two-sided cusum gives an alarm.

    Parameters
    ----------
    k, h : float
        Allowance and decision, in standard deviations.
    drift : float
        Of the process [standard deviations]; 0 for the time between false alarms.

    Examples
    --------
    >>> round(run_length(0.5, 4.0)), round(run_length(0.5, 5.0))
    (168, 465)
    """
    return 1 / (1 / _one_sided(k, h, drift, steps) + 1 / _one_sided(k, h, -drift, steps))


def _one_sided(k: float, h: float, drift: float, steps: int) -> float:
    width = 2 * h / (2 * steps - 1)
    at = np.arange(steps) * width
    upper = stats.norm.cdf(at[None, :] + width / 2 - at[:, None] + k - drift)
    lower = stats.norm.cdf(at[None, :] - width / 2 - at[:, None] + k - drift)
    move = upper - lower
    move[:, 0] = upper[:, 0]
    return float(np.linalg.solve(np.eye(steps) - move, np.ones(steps))[0])
