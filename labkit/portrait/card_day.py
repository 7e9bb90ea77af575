"""The picture of a card: a customer's workday beside its class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures
from labkit.portrait.standing import LEAST_PEERS
from labkit.terms import Language, Say


def compare_days(days: pd.DataFrame, customer_id: str, peers: pd.Index) -> pd.DataFrame | None:
    """A customer's mean workday, hour by hour, beside the median of its class.

    Parameters
    ----------
    days : DataFrame
        Of `labkit.profiles.typical_days`: ``customer_id``, ``day_type``, ``hour`` [h], ``mean_kw``.
    customer_id : str
    peers : Index of str
        The others of its class.

    Returns
    -------
    DataFrame or None
        By hour: ``own`` and ``peers``, load over the customer's own mean of these days, so that large
        and small compare (``peers`` is missing for fewer than 10 others). None where an hour of workdays
        was never metered, or nothing was used.

    Examples
    --------
    >>> kw = [1.0] * 23 + [25.0]
    >>> day = pd.DataFrame({"customer_id": "A", "day_type": "workday", "hour": range(24), "mean_kw": kw})
    >>> compare_days(day, "A", pd.Index([]))["own"].iloc[[0, 23]].tolist()
    [0.5, 12.5]
    """
    work = days[(days["day_type"] == "workday") & days["customer_id"].isin([customer_id, *peers])]
    hourly = work.assign(hour=np.floor(work["hour"])).pivot_table("mean_kw", "hour", "customer_id", aggfunc="mean")
    mean = hourly.mean(skipna=False) if len(hourly) == 24 else hourly.mean() * np.nan
    used = mean.index[mean > 0]
    relative = hourly[used] / mean[used]
    if customer_id not in relative:
        return None
    others = relative.drop(columns=customer_id)
    median = others.median(axis=1) if others.shape[1] >= LEAST_PEERS else np.nan
    return pd.DataFrame({"own": relative[customer_id], "peers": median})


def plot_day(compared: pd.DataFrame, language: Language, ax: Axes | None = None) -> Axes:
    """A customer's workday and the median of its class, each over its own mean."""
    say = Say(language)
    with figures.style():
        ax = ax or figures.new_axes(4.6, 2.0)
    lines = {say("this customer", "本户"): compared["own"]}
    if compared["peers"].notna().any():
        lines[say("its class", "同类")] = compared["peers"]
    unit = say("Load over the mean of its own workday", "负荷与本户工作日均值之比")
    return figures.plot_day_profiles(lines, unit=unit, hour_label=say("hour", "时"), ax=ax)


def tell_day(compared: pd.DataFrame, language: Language) -> str:
    """The picture in words."""
    say, own, peers = Say(language), compared["own"], compared["peers"]
    at, low = int(own.idxmax()), int(own.idxmin())
    text = say(
        f"Workday load highest at {at}:00, {own.max():.1f} times its mean, lowest at {low}:00, {own.min():.1f} times",
        f"工作日负荷 {at} 时最高，为均值的 {own.max():.1f} 倍；{low} 时最低，为 {own.min():.1f} 倍",
    )
    if peers.notna().any():
        top = int(peers.idxmax())
        text += say(
            f"; the median of its class is highest at {top}:00, {peers.max():.1f} times",
            f"；同类中位曲线 {top} 时最高，为 {peers.max():.1f} 倍",
        )
    return text + say(".", "。")
