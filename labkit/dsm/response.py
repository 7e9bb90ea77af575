"""How use follows prices: constant elasticity of substitution between hours, and a daily elasticity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.dsm.effects import fit_panel
from labkit.dsm.errors import DsmError
from labkit.estimates import Estimate

#: Elasticities of the California Statewide Pricing Pilot, normal days and critical days.
PILOT = {"normal": (-0.09522, -0.02302), "critical": (-0.09698, -0.01607)}


def price_response(
    load_kwh: np.ndarray,
    price_before: np.ndarray | float,
    price_after: np.ndarray | float,
    peak: np.ndarray,
    substitution: np.ndarray | float = PILOT["normal"][0],
    daily: np.ndarray | float = PILOT["normal"][1],
) -> np.ndarray:
    """Load under new prices.

    Parameters
    ----------
    load_kwh : ndarray, shape (..., slots)
        Load under the old prices [kWh].
    price_before, price_after : float or ndarray, shape (slots,) or one that fits the load
        [yuan/kWh]
    peak : ndarray of bool, shape (slots,) or one that fits the load
        Slots of the peak period. A day without peak slots, or with none other,
        follows the daily elasticity only.
    substitution : float or ndarray that fits (..., 1)
        Elasticity of the ratio of peak to other use to the ratio of their prices;
        below 0.
    daily : float or ndarray that fits (..., 1)
        Elasticity of the day's energy to its mean price.

    Returns
    -------
    ndarray
        The new load; slots of a period change by one factor.

    Raises
    ------
    DsmError
        If a price is missing or not above 0, or an elasticity is above 0.

    Notes
    -----
    ln(Qp'/Qo') = ln(Qp/Qo) + substitution x ln[(Pp'/Po') / (Pp/Po)], and the
    day's energy changes by daily x ln of its mean price, weighted by the use before.
    Charles River Associates (2005), Impact Evaluation of the California Statewide
    Pricing Pilot, from which the default elasticities come: they are of Californian
    homes, to be replaced by those of a trial of one's own (`fit_response`).

    Examples
    --------
    >>> peak = np.arange(24) >= 19
    >>> day = price_response(np.where(peak, 2.0, 1.2), 0.15, np.where(peak, 0.20, 0.13), peak)
    >>> day[-1].round(6).item(), day[0].round(6).item()
    (1.943036, 1.214637)
    """
    load = np.asarray(load_kwh)
    if (np.asarray(substitution) > 0).any() or (np.asarray(daily) > 0).any():
        raise DsmError("an elasticity is above 0: use falls where the price rises; give it with its minus sign")
    before, after = (_as_price(n, p, load) for n, p in (("price_before", price_before), ("price_after", price_after)))
    on = np.broadcast_to(np.asarray(peak, dtype=bool), np.broadcast_shapes(np.shape(peak), load.shape[-1:]))
    q_peak, q_other = (np.where(on, load, 0).sum(-1, keepdims=True), np.where(on, 0, load).sum(-1, keepdims=True))
    cost = {}
    for name, price in (("before", before), ("after", after)):
        bill_peak = np.where(on, load * price, 0).sum(-1, keepdims=True)
        bill_other = np.where(on, 0, load * price).sum(-1, keepdims=True)
        cost[name] = (
            _ratio(bill_peak, q_peak),
            _ratio(bill_other, q_other),
            _ratio(bill_peak + bill_other, q_peak + q_other),
        )
    relative = np.log(cost["after"][0] / cost["after"][1]) - np.log(cost["before"][0] / cost["before"][1])
    ratio = np.exp(substitution * relative)
    level = np.exp(daily * np.log(cost["after"][2] / cost["before"][2]))
    total = q_peak + q_other
    other = level * total / np.maximum(q_peak * ratio + q_other, 1e-300)
    factor = np.where(on, other * ratio, other)
    # Where only one period has use there is nothing to substitute.
    factor = np.where((q_peak > 0) & (q_other > 0), factor, level)
    return np.asarray(load * factor, dtype=np.result_type(load.dtype, np.float32))


def _as_price(name: str, price: np.ndarray | float, load: np.ndarray) -> np.ndarray:
    values = np.asarray(price, dtype=float)
    try:
        np.broadcast_shapes(values.shape, load.shape)
    except ValueError:
        raise DsmError(f"{name} has the shape {values.shape}, the load {load.shape}: give one price a slot") from None
    if not np.isfinite(values).all() or (values <= 0).any():
        at = np.argwhere(~np.isfinite(values) | (values <= 0))
        where = f" (slot {at[0][-1]})" if values.ndim else ""
        raise DsmError(f"{name}{where} is missing or not above 0; elasticities need a price above 0 in every slot")
    return values


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.ones_like(above, dtype=float), where=below > 0)


def elasticity_matrix(
    energy_kwh: np.ndarray, price: np.ndarray, substitution: float, daily: float, names: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Own and cross elasticities of periods: % change of use (row) for 1 % more of a price (column).

    Parameters
    ----------
    energy_kwh : ndarray, shape (periods,)
        Use of each period [kWh].
    price : ndarray, shape (periods,)
        [yuan/kWh]
    substitution, daily : float
        One elasticity of substitution between all periods, and the daily elasticity.
    names : tuple of str

    Notes
    -----
    With energy shares s and shares of the bill w, small changes follow
    e_ij = substitution x (1[i=j] - s_j) + daily x w_j. Columns of energy-weighted
    rows add up to daily x w.

    Examples
    --------
    >>> elasticity_matrix(np.array([10.0, 22.8]), np.array([0.15, 0.15]), -0.09522, -0.02302).round(4).to_numpy().tolist()
    [[-0.0732, 0.0502], [0.022, -0.045]]
    """
    energy, prices = np.asarray(energy_kwh, dtype=float), np.asarray(price, dtype=float)
    if energy.shape != prices.shape or not (energy.sum() > 0 and (prices > 0).all()):
        raise DsmError("energy and price must have one value a period, some energy, and prices above 0")
    share, bill = energy / energy.sum(), energy * prices / (energy * prices).sum()
    matrix = substitution * (np.eye(len(share)) - share) + daily * bill
    periods = list(names) or [str(i) for i in range(len(share))]
    return pd.DataFrame(matrix, index=periods, columns=periods)


@dataclass(frozen=True, eq=False)
class Response:
    """Elasticities found in a trial.

    Attributes
    ----------
    substitution, daily : Estimate
    by_segment : DataFrame
        ``segment``, ``customers_count``, ``substitution`` and ``daily`` with
        ``_low`` and ``_high``; missing where a segment has too few customers.
    pretrend : Estimate
        Difference of the arms' daily change of ln(peak / other use) before the
        trial: holds 0 where they went alike.
    notes : tuple of str
    """

    substitution: Estimate
    daily: Estimate
    by_segment: pd.DataFrame
    pretrend: Estimate
    notes: tuple[str, ...] = ()


def fit_response(
    table: pd.DataFrame,
    price_before: float | tuple[float, float],
    price_after: tuple[float, float],
    starts_on: object,
    *,
    segment: str | None = None,
    fewest: int = 10,
) -> Response:
    """Elasticities from a trial with a control group.

    Parameters
    ----------
    table : DataFrame
        A row a customer and day: ``customer_id``, ``day``, ``arm`` (treated or
        control), ``peak_kwh``, ``other_kwh``, and the column of `segment`.
    price_before : float or (float, float)
        Of all, and of the controls throughout: peak and other hours [yuan/kWh].
    price_after : (float, float)
        Of the treated from `starts_on` on, peak and other hours [yuan/kWh].
    starts_on : date
    segment : str, optional
        Column by which to fit each group anew.
    fewest : int
        Fewest customers of an arm for a fit of a segment.

    Returns
    -------
    Response

    Raises
    ------
    DsmError
        Without a control group or days before the trial.

    Notes
    -----
    ln(peak / other use) on the change of ln of the price ratio, and ln of the
    day's energy on the change of ln of the mean price (weighted by each
    customer's use before the trial, so that it does not follow the response),
    with effects of customer and day; intervals by customer. The daily elasticity
    is told by how prices rise more for some than for others, against the same
    difference among the controls, and is known less well.
    Days without use in one of the two are left out.
    """
    data = _trial_rows(table, starts_on)
    names = ["substitution", "daily"]
    whole = _fit_elasticities(data, price_before, price_after)
    rows = []
    for name, part in data.groupby(segment, sort=True) if segment else []:
        arms = part.groupby("arm")["customer_id"].nunique().reindex(["treated", "control"]).fillna(0)
        row: dict[str, object] = {"segment": name, "customers_count": int(arms.sum())}
        enough = arms.min() >= fewest
        found = _fit_elasticities(part, price_before, price_after) if enough else (None, None)
        for key, one in zip(names, found):
            row |= {key: np.nan, f"{key}_low": np.nan, f"{key}_high": np.nan}
            if one is not None:
                row |= {key: one.value, f"{key}_low": one.low, f"{key}_high": one.high}
        rows.append(row)
    columns = ["segment", "customers_count", *(f"{n}{e}" for n in names for e in ("", "_low", "_high"))]
    return Response(*whole, pd.DataFrame(rows, columns=columns), _pretrend(data))


def _trial_rows(table: pd.DataFrame, starts_on: object) -> pd.DataFrame:
    wanted = ["customer_id", "day", "arm", "peak_kwh", "other_kwh"]
    missing = [name for name in wanted if name not in table]
    if missing:
        raise DsmError(f"the trial's table has no column {missing[0]}; it needs {', '.join(wanted)}")
    data = table[(table["peak_kwh"] > 0) & (table["other_kwh"] > 0)].copy()
    data["day"] = pd.to_datetime(data["day"])
    data["on"] = data["day"] >= pd.Timestamp(starts_on)
    for arm in ("treated", "control"):
        if not (data["arm"] == arm).any():
            raise DsmError(
                f"the trial has no customers in the arm {arm!r}: without a control group nothing can be said"
            )
    if data["on"].all() or not data["on"].any():
        raise DsmError(f"all days lie on one side of {starts_on}: bring days before and after the trial's start")
    # Who has no day before has no use to compare with.
    both = data.groupby("customer_id")["on"].agg(["any", "all"])
    return data[data["customer_id"].isin(both.index[both["any"] & ~both["all"]])]


def _fit_elasticities(
    data: pd.DataFrame, price_before: float | tuple[float, float], price_after: tuple[float, float]
) -> tuple[Estimate, Estimate]:
    old = (price_before, price_before) if isinstance(price_before, int | float) else price_before
    active = ((data["arm"] == "treated") & data["on"]).to_numpy(dtype=float)
    ratio = np.log((price_after[0] / price_after[1]) / (old[0] / old[1]))
    before = data[~data["on"]].groupby("customer_id")[["peak_kwh", "other_kwh"]].sum()
    share = before["peak_kwh"] / before.sum(axis=1)
    mean = [share * p[0] + (1 - share) * p[1] for p in (price_after, old)]
    level = data["customer_id"].map(np.log(mean[0] / mean[1])).to_numpy()
    who, day = data["customer_id"].to_numpy(), data["day"].to_numpy()
    y = np.log(data["peak_kwh"] / data["other_kwh"]).to_numpy()
    substitution = fit_panel(y, (active * ratio)[:, None], ("substitution",), who, day)
    y = np.log(data["peak_kwh"] + data["other_kwh"]).to_numpy()
    # Customers of other hours have other seasons: the controls tell how use moved with `level` anyway.
    season = data["on"].to_numpy(dtype=float) * level
    daily = fit_panel(y, np.column_stack([active * level, season]), ("daily", "season"), who, day)
    return substitution.estimate("substitution"), daily.estimate("daily")


def _pretrend(data: pd.DataFrame) -> Estimate:
    before = data[~data["on"]]
    number = (before["day"] - before["day"].min()).dt.days.to_numpy(dtype=float)
    slope = number * (before["arm"] == "treated").to_numpy()
    y = np.log(before["peak_kwh"] / before["other_kwh"]).to_numpy()
    fit = fit_panel(y, slope[:, None], ("pretrend",), before["customer_id"].to_numpy(), before["day"].to_numpy())
    return fit.estimate("pretrend")
