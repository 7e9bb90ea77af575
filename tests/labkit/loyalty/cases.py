"""Customers made up for comparison with a second implementation; nothing but numpy and pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd


def make_customers(n: int = 400, seed: int = 20251125) -> pd.DataFrame:
    """Months at which customers were first and last seen, whether and why they left, and two covariates."""
    rng = np.random.default_rng(seed)
    price, contract = rng.normal(size=n), rng.integers(0, 2, n)
    stay = np.ceil(rng.exponential(30 * np.exp(-0.5 * price + 0.7 * contract)))
    watched = rng.integers(6, 60, n)
    entry = np.where(rng.random(n) < 0.5, rng.integers(0, 24, n), 0)
    months = np.minimum(stay, watched)
    table = pd.DataFrame(
        {
            "months": months,
            "left": stay <= watched,
            "entry": entry,
            "price": price.round(6),
            "contract": contract,
            "area": rng.choice(["north", "south"], n),
            "entity": np.arange(n) // 2,
            "weight": rng.choice([1.0, 2.0, 3.0], n),
            "reason": rng.choice(["retailer", "moved"], n, p=[0.6, 0.4]),
        }
    )
    return table[table["months"] > table["entry"]].reset_index(drop=True)


def spread_times(table: pd.DataFrame) -> pd.DataFrame:
    """The same without ties, for implementations that must break them by chance."""
    rng = np.random.default_rng(1)
    return table.assign(months=table["months"] + rng.permutation(len(table)) / (2.0 * len(table)))
