"""How each customer of a time-of-use trial answers to its prices, against what controls like it did."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV

from labkit.dsm.errors import DsmError
from labkit.dsm.trials import PriceTrial

#: Days with use a customer needs before the start and after it.
FEWEST_DAYS = 28
#: Controls are foretold from others, in so many parts.
_PARTS = 10


def individual_response(trial: PriceTrial, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Elasticity of substitution of each customer of a trial, as far as one customer's days tell it.

    Parameters
    ----------
    trial : PriceTrial
        Of `read_trial`.
    before : DataFrame, optional
        More numbers of how customers were before the start, by customer_id, such as the hours of their typical days
        (``segments.shape_features``): the better seasons are foretold, the less of them is taken for a response.

    Returns
    -------
    DataFrame
        ``customer_id``, ``arm``, ``change``: of ln of peak over other use, mean of the days since the start less mean of the days
        before; ``expected_change`` of controls that were like it before; ``response``: what is beyond, over ln of the new price
        ratio. Below 0: moves use out of the peak. Customers with fewer than `FEWEST_DAYS` days with use on either side are left out.

    Raises
    ------
    DsmError
        If fewer than 20 controls remain, or the prices do not differ.

    Notes
    -----
    What is expected is a ridge regression (its penalty by leaving one out) of the controls' change on their state before: mean of
    ln of peak over other use, how it differs at weekends, ln of daily use, and what else is given; so that seasons, which differ
    by customer, and the return to the mean are not taken for a response. Controls are foretold from other controls: if a
    classification explains *their* response, seasons are still in it, and no more than the rest is response. One
    customer's response is mostly noise; only means of many tell something.

    Examples
    --------
    >>> days = pd.date_range("2025-02-01", periods=118)
    >>> rng = np.random.default_rng(1)
    >>> rows = [(f"C{i:02d}", "treated" if i % 2 else "control", d, 0.5 * np.exp(rng.normal(0, 0.05) - 0.1 * np.log(2)
    ...          * (i % 2) * (d >= days[59])), 1.0) for i in range(60) for d in days]
    >>> table = pd.DataFrame(rows, columns=["customer_id", "arm", "day", "peak_kwh", "other_kwh"])
    >>> found = individual_response(PriceTrial(table, 0.5, 0.8, 0.4, days[59]))
    >>> found.groupby("arm")["response"].mean().round(2).abs().to_dict()
    {'control': 0.0, 'treated': 0.1}
    """
    if trial.peak <= 0 or trial.off_peak <= 0 or trial.peak == trial.off_peak:
        raise DsmError("trial: expected two prices above 0 that differ; without a new ratio there is no response")
    table = _by_customer(trial)
    if before is not None:
        table = table[table["customer_id"].isin(before.dropna().index)].reset_index(drop=True)
    controls = table["arm"].to_numpy() == "control"
    if controls.sum() < 20:
        raise DsmError(f"trial: {int(controls.sum())} controls have {FEWEST_DAYS} days on both sides; 20 are wanted")
    x = table[["before", "weekend", "size"]].to_numpy()
    if before is not None:
        x = np.column_stack([x, before.loc[table["customer_id"]].to_numpy(dtype=float)])
    expected = _foretell(x, table["change"].to_numpy(), controls)
    out = table[["customer_id", "arm", "change"]].assign(expected_change=expected)
    return out.assign(response=(out["change"] - expected) / np.log(trial.peak / trial.off_peak))


def _foretell(x: np.ndarray, y: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Change of controls like each customer; of a control, from other controls."""
    part = np.full(len(y), -1)
    part[controls] = np.arange(controls.sum()) % _PARTS
    x = (x - x[controls].mean(axis=0)) / np.maximum(x[controls].std(axis=0), 1e-9)
    expected = np.empty(len(y))
    for k in range(-1, _PARTS):
        learn = controls & (part != k)
        if (part == k).any():
            expected[part == k] = RidgeCV(np.logspace(-2, 4, 25)).fit(x[learn], y[learn]).predict(x[part == k])
    return expected


def _by_customer(trial: PriceTrial) -> pd.DataFrame:
    """State before and change of each customer, by customer_id in order."""
    rows = trial.table[(trial.table["peak_kwh"] > 0) & (trial.table["other_kwh"] > 0)]
    day = pd.to_datetime(rows["day"])
    rows = pd.DataFrame(
        {
            "customer_id": rows["customer_id"], "arm": rows["arm"], "after": day >= trial.starts_on, "weekend": day.dt.day_of_week > 4,
            "ratio": np.log(rows["peak_kwh"] / rows["other_kwh"]), "size": np.log(rows["peak_kwh"] + rows["other_kwh"]),
        }
    )  # fmt: skip
    before, after = rows[~rows["after"]].groupby("customer_id"), rows[rows["after"]].groupby("customer_id")
    weekend = rows[~rows["after"] & rows["weekend"]].groupby("customer_id")["ratio"].mean()
    table = pd.DataFrame(
        {
            "arm": rows.groupby("customer_id")["arm"].first(), "before": before["ratio"].mean(), "size": before["size"].mean(),
            "weekend": weekend - before["ratio"].mean(), "change": after["ratio"].mean() - before["ratio"].mean(),
            "days": np.minimum(before.size(), after.size()),
        }
    )  # fmt: skip
    return table[table["days"] >= FEWEST_DAYS].dropna().rename_axis("customer_id").reset_index()
