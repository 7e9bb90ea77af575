"""Shares of cases that hang together, such as the contacts of a customer or the jobs of a centre and day."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from labkit.estimates import Estimate, estimate_ratio


def share_in_clusters(hit: pd.Series, cluster: pd.Series) -> Estimate:
    """Share of the cases that are hits, with an interval over clusters held within 0 and 1.

    Examples
    --------
    >>> share_in_clusters(pd.Series([True, False, True]), pd.Series(["a", "a", "b"])).value
    0.6666666666666666
    """
    by = hit.astype(float).groupby(cluster.to_numpy()).agg(["sum", "count"])
    found = estimate_ratio(by["sum"].to_numpy(), by["count"].to_numpy())
    return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))
