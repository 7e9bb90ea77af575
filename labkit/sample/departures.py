"""Who leaves, when and why: hazards that follow satisfaction and price."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.sample.world import World

REASONS = ("moved", "closed", "direct_purchase", "retailer", "own_generation")
#: Log monthly hazard at mean satisfaction, by reason, for homes and for others.
_LOG_BASE = {
    "home": {"moved": -5.6, "closed": -8.0},
    "other": {"moved": -6.6, "closed": -6.2, "direct_purchase": -4.4, "retailer": -5.8, "own_generation": -7.2},
}
#: Effect of a point of satisfaction and of price sensitivity on the log hazard.
SATISFACTION_EFFECT = {
    "moved": 0.0,
    "closed": 0.0,
    "direct_purchase": -0.45,
    "retailer": -0.75,
    "own_generation": -0.20,
}
PRICE_EFFECT = {"moved": 0.0, "closed": 0.0, "direct_purchase": 0.60, "retailer": 0.50, "own_generation": 0.35}
#: A running contract holds a customer.
CONTRACT_EFFECT = -1.2


def draw_departures(
    world: World, customers: pd.DataFrame, satisfaction: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Day and reason of leaving; day is far in the future for those who stay.

    Parameters
    ----------
    satisfaction : ndarray, shape (n, months)

    Returns
    -------
    DataFrame
        Columns ``day`` and ``reason``.
    """
    n, months = satisfaction.shape
    home = (customers["customer_class"] == "residential").to_numpy()
    eligible = (customers["voltage_kv"] >= 10).to_numpy()
    contract = pd.to_datetime(customers["contract_end_on"]).to_numpy()
    held = contract[:, None] > np.array([np.datetime64(m + "-01") for m in world.months])[None, :]
    lagged = np.concatenate([satisfaction[:, :1], satisfaction[:, :-1]], axis=1)
    price = customers["_price_sensitivity"].to_numpy()[:, None] - 1
    hazards = np.zeros((len(REASONS), n, months))
    for i, reason in enumerate(REASONS):
        base = np.where(home, _LOG_BASE["home"].get(reason, -np.inf), _LOG_BASE["other"][reason])
        if reason == "direct_purchase":
            base = np.where(eligible, base, -np.inf)
        log = base[:, None] + SATISFACTION_EFFECT[reason] * lagged + PRICE_EFFECT[reason] * price
        market = reason in ("direct_purchase", "retailer", "own_generation")
        hazards[i] = np.exp(log + (CONTRACT_EFFECT * held if market else 0.0))
    total = hazards.sum(axis=0)
    leaves = rng.random((n, months)) < 1 - np.exp(-total)
    month = np.where(leaves.any(axis=1), leaves.argmax(axis=1), -1)
    at = np.maximum(month, 0)
    shares = hazards[:, np.arange(n), at] / total[np.arange(n), at]
    reason = (rng.random(n) > np.cumsum(shares, axis=0)).sum(axis=0).clip(max=len(REASONS) - 1)
    day = world.month_starts[at] + rng.integers(0, np.diff(world.month_starts)[at])
    gone = month >= 0
    return pd.DataFrame(
        {"day": np.where(gone, day, 10**6), "reason": np.where(gone, np.array(REASONS, dtype=object)[reason], None)}
    )
