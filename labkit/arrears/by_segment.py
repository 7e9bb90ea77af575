"""Arrears by segment of the customers."""

from __future__ import annotations

import pandas as pd

from labkit.arrears.kinds import Kinds, likeliest_kind
from labkit.estimates import estimate_share


def kinds_by_segment(kinds: Kinds, segment: pd.Series, fewest: int) -> pd.DataFrame:
    """The most frequent kind of late payer in each segment.

    Parameters
    ----------
    kinds : Kinds
    segment : Series
        Segment by customer_id.
    fewest : int
        Segments with fewer late payers, or fewer of that kind, are left out.

    Returns
    -------
    DataFrame
        ``segment``, ``customers_count`` late, ``kind`` (a code ``kind=…``), ``share`` of them with ``low_share``, ``high_share``.
    """
    table = pd.DataFrame({"customer_id": kinds.table["customer_id"]})
    table["kind"] = likeliest_kind(kinds, table["customer_id"]).to_numpy()
    table["segment"] = table["customer_id"].map(segment)
    rows = []
    for name, part in table.dropna(subset=["segment"]).groupby("segment", sort=True):
        counts = part["kind"].value_counts().sort_index()
        most = str(counts.idxmax())
        if counts[most] < fewest or 0 < len(part) - counts[most] < fewest:
            continue
        share = estimate_share(int(counts[most]), len(part))
        rows.append((name, len(part), f"kind={most}", share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["segment", "customers_count", "kind", "share", "low_share", "high_share"])
