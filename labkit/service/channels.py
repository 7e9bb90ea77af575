"""Channels: what a contact costs the utility and the customer, who is best served where, what moving contacts would do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm

from labkit.estimates import estimate_mean
from labkit.service.assumptions import ChannelCosts
from labkit.service.errors import ServiceError
from labkit.service.shares import share_in_clusters
from labkit.service.tickets import Contacts, mark_repeats

#: What a contact and who makes it are described by in the choice model.
ATTRIBUTES = ("category", "customer_class", "settlement")


def cost_contacts(contacts: Contacts, costs: ChannelCosts) -> pd.DataFrame:
    """What each contact costs whom.

    Returns
    -------
    DataFrame
        By the index of the tickets: ``channel``, ``cost_yuan`` (utility), ``waiting_min``, ``travel_min``,
        ``effort_min``, ``own_min`` (their sum), ``own_yuan`` (its worth); missing where the channel is not known.

    Notes
    -----
    Waiting is the time to the first answer where it is spent waiting, at most two hours. Travel and effort are
    assumptions (``data/service/channels.yaml``); where the settlement is not known travel is that in town.
    """
    table = contacts.table
    channel = table["channel"].where(table["channel"].isin(list(costs.cost_yuan)))
    place = table["settlement"].fillna("urban") if "settlement" in table else pd.Series("urban", table.index)
    waits = channel.isin(list(costs.waited_for))
    waiting = table["answer_min"].clip(upper=120).where(waits, 0.0).fillna(0.0)
    travel = pd.Series([costs.travel_min.get((c, p), 0.0) for c, p in zip(channel, place, strict=True)], table.index)
    effort = channel.map(dict(costs.effort_min)).astype(float)
    own = waiting + travel + effort
    return pd.DataFrame(
        {
            "channel": channel,
            "cost_yuan": channel.map(dict(costs.cost_yuan)).astype(float),
            "waiting_min": waiting.where(channel.notna()),
            "travel_min": travel.where(channel.notna()),
            "effort_min": effort,
            "own_min": own,
            "own_yuan": own / 60 * costs.yuan_per_hour,
        }
    )


def compare_channels(contacts: Contacts, costs: ChannelCosts) -> pd.DataFrame:
    """Channels side by side.

    Returns
    -------
    DataFrame
        ``channel``, ``tickets_count``, ``share``, ``cost_yuan`` (a contact, to the utility), ``own_min`` and ``own_yuan`` (the
        customer's), ``score_mean`` with ``low`` and ``high`` (1 to 5, where asked), ``resolved_share`` (no second contact in a week).
    """
    table, price = contacts.table, cost_contacts(contacts, costs)
    again = mark_repeats(contacts)
    rows = []
    for channel, part in price.groupby("channel"):
        score = pd.to_numeric(table.loc[part.index, "score"], errors="coerce").dropna().to_numpy(dtype=float)
        mean = estimate_mean(score) if len(score) > 1 else None
        known = again[part.index].dropna()
        rows.append(
            {
                "channel": channel,
                "tickets_count": len(part),
                "share": len(part) / price["channel"].notna().sum(),
                "cost_yuan": part["cost_yuan"].mean(),
                "own_min": part["own_min"].mean(),
                "own_yuan": part["own_yuan"].mean(),
                "score_mean": mean.value if mean else np.nan,
                "low": mean.low if mean else np.nan,
                "high": mean.high if mean else np.nan,
                "resolved_share": 1 - float(known.astype(float).mean()) if len(known) else np.nan,
            }
        )
    return pd.DataFrame(rows).sort_values("tickets_count", ascending=False, kind="stable", ignore_index=True)


@dataclass(frozen=True, eq=False)
class ChannelChoice:
    """Which channel a contact comes through, by what it is about and who makes it.

    Attributes
    ----------
    coefficients : DataFrame
        ``channel`` (against what is left at its step), ``attribute``, ``odds_ratio`` with ``low``, ``high``: errors by customer.
    reference : str
        The channel that is left at the end.
    chances : DataFrame
        Chance of each channel for each contact, by the index of the tickets.
    fit_share : float
        McFadden's pseudo R².
    n : int
    """

    coefficients: pd.DataFrame
    reference: str
    chances: pd.DataFrame
    fit_share: float
    n: int


def fit_channel_choice(contacts: Contacts, attributes: tuple[str, ...] = ATTRIBUTES) -> ChannelChoice:
    """A sequential logit of the channel: online or not, and if not, at a counter or by phone.

    Parameters
    ----------
    contacts : Contacts
    attributes : tuple of str
        Columns of the tickets; of each the commonest value is the reference, values of fewer than 20 contacts are put together.

    Raises
    ------
    ServiceError
        If fewer than two channels have 20 contacts.

    Notes
    -----
    One binary logit (statsmodels) a step, errors by customer. A value that never comes with a channel, such as a fault at
    a counter, has no chance there and is left out of that step.
    """
    table = contacts.table.dropna(subset=["channel", "customer_id"])
    common = table["channel"].value_counts()
    kept = common[common >= 20].index.tolist()
    if len(kept) < 2:
        raise ServiceError("fewer than two channels have twenty contacts: there is no choice to be modelled")
    table = table[table["channel"].isin(kept)]
    steps = [*(["online"] if "online" in kept else []), *reversed([c for c in kept if c != "online"])]
    last, steps = steps[-1], steps[:-1]
    values = {name: _grouped(table[name]) for name in attributes if name in table}
    chances, left, rows, gain = pd.DataFrame(index=table.index), pd.Series(1.0, table.index), [], [0.0, 0.0]
    remaining = pd.Series(True, table.index)
    for channel in steps:
        here = (table["channel"] == channel)[remaining]
        design, possible = _design({n: v[remaining] for n, v in values.items()}, here)
        fit = sm.Logit(here[possible].astype(float).to_numpy(), design[possible].to_numpy()).fit(
            disp=0,
            cov_type="cluster",
            cov_kwds={"groups": pd.factorize(table.loc[design.index[possible], "customer_id"])[0]},
        )
        gain[0], gain[1] = gain[0] + fit.llf, gain[1] + fit.llnull
        for k, name in enumerate(design.columns):
            b, se = float(fit.params[k]), float(fit.bse[k])
            rows.append((channel, name, *np.exp(np.clip([b, b - 1.96 * se, b + 1.96 * se], -20, 20))))
        whole, may = _design(values, table["channel"] == channel, like=design.columns)
        own = pd.Series(np.where(may, fit.predict(whole.to_numpy()), 0.0), table.index)
        chances[channel], left = left * own, left * (1 - own)
        remaining &= table["channel"] != channel
    chances[last] = left
    frame = pd.DataFrame(rows, columns=["channel", "attribute", "odds_ratio", "low", "high"])
    return ChannelChoice(frame, last, chances, float(1 - gain[0] / gain[1]), len(table))


def _grouped(values: pd.Series) -> pd.Series:
    plain = values.fillna("unknown").astype(str)
    return plain.where(plain.map(plain.value_counts()) >= 20, "other")


def _design(
    values: dict[str, pd.Series], hit: pd.Series, like: pd.Index | None = None
) -> tuple[pd.DataFrame, np.ndarray]:
    """Indicators of the values, and which rows can come with the channel at all."""
    index = hit.index
    possible = np.ones(len(index), dtype=bool)
    parts = {"const": pd.Series(1.0, index)}
    for name, column in values.items():
        met = hit.groupby(column).agg(["any", "all"])
        order = [v for v in column.value_counts().index if met.loc[v, "any"] and not met.loc[v, "all"]]
        possible &= column.isin(order).to_numpy()
        parts |= {f"{name}={value}": (column == value).astype(float) for value in order[1:]}
    frame = pd.DataFrame(parts, index=index)
    return (frame if like is None else frame.reindex(columns=like, fill_value=0.0)), possible


def never_push(contacts: Contacts, choice: ChannelChoice, *, least_chance: float = 0.15) -> pd.Series:
    """Why a contact must not be moved online; empty where it may.

    Returns
    -------
    Series
        ``fault``: whoever has no supply may have no network and must reach a person; ``remote``: no
        dependable network; ``failed_online``: came back after an online contact about the same; ``unlikely``: customers like this
        one hardly ever come online. The first that applies.
    """
    table = contacts.table
    again = mark_repeats(contacts).fillna(False).astype(bool)
    failed = set(table.loc[again & (table["channel"] == "online"), "customer_id"].dropna())
    reason = pd.Series("", table.index)
    chance = (
        choice.chances["online"].reindex(table.index) if "online" in choice.chances else pd.Series(0.0, table.index)
    )
    reason[chance.fillna(0.0) < least_chance] = "unlikely"
    reason[table["customer_id"].isin(list(failed))] = "failed_online"
    if "settlement" in table:
        reason[table["settlement"] == "remote"] = "remote"
    reason[table["category"] == "fault"] = "fault"
    return reason


def move_online(contacts: Contacts, choice: ChannelChoice, costs: ChannelCosts, share: float = 0.1) -> dict[str, float]:
    """What moving a share of all contacts online would do.

    Parameters
    ----------
    contacts, choice, costs
    share : float
        Of all contacts, to be moved from other channels: those likeliest to come online of their own accord.

    Returns
    -------
    dict
        ``moved_count``, ``movable_count`` (others that may be moved), ``moved_share`` of all, ``saved_yuan`` a year to the utility,
        ``saved_own_min`` a year to customers, ``saved_own_yuan``. Where too few may be moved, all of them are.

    Raises
    ------
    ServiceError
        If the share is not between 0 and 1 or no contact comes online.
    """
    if not 0 < share < 1:
        raise ServiceError(f"share is {share}, expected between 0 and 1")
    if "online" not in choice.chances:
        raise ServiceError("no contact comes online, so nothing can be said of moving any there")
    table, price = contacts.table, cost_contacts(contacts, costs)
    may = (never_push(contacts, choice) == "") & price["channel"].notna() & (price["channel"] != "online")
    chance = choice.chances["online"].reindex(table.index).where(may).dropna()
    wanted = round(share * float(price["channel"].notna().sum()))
    moved = chance.sort_values(ascending=False, kind="stable").index[:wanted]
    years = max((table["opened_at"].max() - table["opened_at"].min()).days / 365.25, 1 / 12)
    own = price.loc[moved, "own_min"].sum() - len(moved) * costs.effort_min["online"]
    return {
        "moved_count": float(len(moved)),
        "movable_count": float(may.sum()),
        "moved_share": len(moved) / max(int(price["channel"].notna().sum()), 1),
        "saved_yuan": float(price.loc[moved, "cost_yuan"].sum() - len(moved) * costs.cost_yuan["online"]) / years,
        "saved_own_min": float(own) / years,
        "saved_own_yuan": float(own) / 60 * costs.yuan_per_hour / years,
    }


def share_pushed(contacts: Contacts, choice: ChannelChoice) -> pd.DataFrame:
    """How many contacts outside the online channel must not be moved there, and why: ``reason``, ``tickets_count``, ``share`` with ends."""
    table = contacts.table
    here = table["channel"].notna() & (table["channel"] != "online") & table["customer_id"].notna()
    reason = never_push(contacts, choice)[here]
    who = table.loc[here, "customer_id"]
    rows = []
    for name in ("fault", "remote", "failed_online", "unlikely", ""):  # the first that applies
        share = share_in_clusters(reason == name, who)
        rows.append((name or "may_move", int((reason == name).sum()), share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["reason", "tickets_count", "share", "low_share", "high_share"])
