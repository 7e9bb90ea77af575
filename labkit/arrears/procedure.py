"""Which steps of the law have been taken on a bill, which is due, and whether cutting off would be lawful."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from labkit.arrears.errors import ArrearsError
from labkit.arrears.rules import Rules

STEPS = ("reminder", "approval", "notice", "final_notice", "disconnection", "reconnection", "instalment_plan")
#: Why a disconnection would not be lawful, in the order in which it is asked.
REASONS = (
    "settled", "disconnected", "instalment_plan", "not_overdue_enough", "important", "no_reminder", "no_approval",
    "no_notice", "notice_too_recent", "notice_too_old", "no_final_notice",
)  # fmt: skip


def procedure(
    actions: pd.DataFrame, rules: Rules | Sequence[Rules], *, bills: pd.DataFrame, on: pd.Timestamp | str | None = None
) -> pd.DataFrame:
    """Where each late bill stands in the procedure at a moment.

    Parameters
    ----------
    actions : DataFrame
        ``bill_id``, ``action``, ``at``; what came after the moment is not looked at.
    rules : Rules or sequence of Rules
        Those that hold at the moment are used.
    bills : DataFrame
        ``bill_id``, ``due_on`` and, where known, ``settled_on``, ``customer_class``,
        ``important``; such as of `late_bills` with the customer's class.
    on : Timestamp, optional
        The last action where left out.

    Returns
    -------
    DataFrame
        A row a bill: ``bill_id``, the time each step was last taken (``reminder_at`` …),
        ``lawful`` (a disconnection at the moment), ``reason`` if not, ``next_step`` and
        ``next_from`` [time] from when it may be taken, ``out_of_order``: the first step that
        came before one it needs, ``reconnect_by`` where the supply is cut off and the bill settled.

    Raises
    ------
    ArrearsError
        If an action is unknown, names a bill that is not there, or no rules hold.

    Notes
    -----
    Remind, get approval, hand over the notice, tell once more, disconnect. A notice
    that is older than the rules allow has to be handed over anew. Important users are
    cut off only with the authority told, which these records do not show: never lawful
    by them. An instalment plan stops the procedure.
    """
    moment = pd.Timestamp(on) if on is not None else pd.Timestamp(actions["at"].max())
    if pd.isna(moment):
        raise ArrearsError("there are no actions and no moment is given; give `on`")
    own = _rules_at(rules, moment)
    state = _state(actions, bills, pd.Series(moment, bills.index))
    reason = _reason(state, own, pd.Series(moment, bills.index))
    told = state[["bill_id", *(f"{s}_at" for s in STEPS)]].copy()
    told["lawful"] = reason == ""
    told["reason"] = pd.Series(reason, told.index).where(reason != "")
    step, start = _next_step(state, reason, own, moment)
    told["next_step"], told["next_from"] = step, start
    told["out_of_order"] = out_of_order(state)
    hours = pd.to_timedelta(
        np.where(state["home"], own.reconnect_hours["residential"], own.reconnect_hours["other"]), unit="h"
    )
    cut = state["disconnection_at"].notna() & ~(state["reconnection_at"] > state["disconnection_at"])
    told["reconnect_by"] = (state["settled_on"] + pd.Timedelta(days=1) + hours).where(cut & state["settled"])
    return told


def audit_disconnections(actions: pd.DataFrame, rules: Rules | Sequence[Rules], *, bills: pd.DataFrame) -> pd.DataFrame:
    """Whether each disconnection that was made was lawful when it was made.

    Returns
    -------
    DataFrame
        ``bill_id``, ``disconnection_at``, ``lawful``, ``reason``, ``reconnected_hours`` after the
        end of the day on which the bill was settled (missing while it is not, or not reconnected),
        ``reconnected_in_time``.
    """
    cuts = actions[actions["action"] == "disconnection"].sort_values("at").drop_duplicates("bill_id")
    mine = bills[bills["bill_id"].isin(set(cuts["bill_id"]))].reset_index(drop=True)
    at = mine["bill_id"].map(cuts.set_index("bill_id")["at"])
    before = actions.merge(cuts[["bill_id", "at"]].rename(columns={"at": "_cut"}), on="bill_id")
    before = before[before["at"] < before["_cut"]]
    reasons, hours_allowed = np.full(len(mine), "", dtype=object), np.zeros(len(mine))
    book = [rules] if isinstance(rules, Rules) else list(rules)
    open_then = (
        mine.assign(settled_on=mine["settled_on"].where(mine["settled_on"] < at.dt.normalize()))
        if "settled_on" in mine
        else mine
    )
    for one in book:
        part = np.flatnonzero([one.in_force(t.date()) for t in at])
        if not len(part):
            continue
        rows = open_then.iloc[part].reset_index(drop=True)
        then = at.iloc[part].reset_index(drop=True)
        state = _state(before, rows, then)
        reasons[part] = _reason(state, one, then)
        hours_allowed[part] = np.where(state["home"], one.reconnect_hours["residential"], one.reconnect_hours["other"])
    back = (
        actions[actions["action"] == "reconnection"]
        .sort_values("at")
        .drop_duplicates("bill_id")
        .set_index("bill_id")["at"]
    )
    settled = mine["settled_on"] if "settled_on" in mine else pd.Series(pd.NaT, mine.index)
    took = (mine["bill_id"].map(back) - (settled + pd.Timedelta(days=1))).dt.total_seconds() / 3600
    took = took.clip(lower=0)
    return pd.DataFrame(
        {
            "bill_id": mine["bill_id"], "disconnection_at": at, "lawful": reasons == "",
            "reason": pd.Series(reasons).where(reasons != ""), "reconnected_hours": took,
            "reconnected_in_time": (took <= hours_allowed).astype(object).where(took.notna(), None),
        }
    )  # fmt: skip


def _rules_at(rules: Rules | Sequence[Rules], moment: pd.Timestamp) -> Rules:
    book = [rules] if isinstance(rules, Rules) else list(rules)
    own = next((one for one in book if one.in_force(moment.date())), None)
    if own is None:
        raise ArrearsError(f"none of the rules ({', '.join(r.id for r in book)}) hold on {moment.date()}")
    return own


def _state(actions: pd.DataFrame, bills: pd.DataFrame, at: pd.Series) -> pd.DataFrame:
    """Bills with the time each step was last taken before a moment of their own."""
    odd = sorted(set(actions["action"].astype(str)) - set(STEPS))
    if odd:
        raise ArrearsError(f"actions: {odd[0]!r} is no step; expected one of {', '.join(STEPS)}")
    unknown = ~actions["bill_id"].isin(set(bills["bill_id"]))
    if unknown.all() and len(actions):
        raise ArrearsError("actions: none of their bills is among the bills given")
    state = bills.reset_index(drop=True).copy()
    moment = pd.Series(at.to_numpy(), state["bill_id"])
    mine = actions[~unknown]
    mine = mine[mine["at"].to_numpy() <= mine["bill_id"].map(moment).to_numpy()]
    for step in STEPS:
        last = mine[mine["action"] == step].groupby("bill_id")["at"].max()
        state[f"{step}_at"] = pd.to_datetime(last.reindex(state["bill_id"])).to_numpy()
    settled = state["settled_on"] if "settled_on" in state else pd.Series(pd.NaT, state.index)
    state["settled_on"] = pd.to_datetime(settled)
    state["settled"] = (state["settled_on"] <= at.reset_index(drop=True)).fillna(False)
    kind = state["customer_class"] if "customer_class" in state else pd.Series("other", state.index)
    state["home"] = (kind == "residential").to_numpy()
    vip = state["important"] if "important" in state else pd.Series(False, state.index)
    state["important"] = vip.astype(object).map(lambda v: v is True or v == 1).to_numpy(dtype=bool)
    return state


def _reason(state: pd.DataFrame, rules: Rules, at: pd.Series) -> np.ndarray:
    """The first reason why a disconnection at a moment would not be lawful; empty where it would be."""
    moment = pd.Series(at.to_numpy(), state.index)
    overdue = (moment.dt.normalize() - state["due_on"]).dt.days
    least, most = (
        np.where(state["home"], rules.notice_days["residential"][i], rules.notice_days["other"][i]) for i in (0, 1)
    )
    since = (moment.dt.normalize() - state["notice_at"].dt.normalize()).dt.days
    minutes = np.where(state["home"], rules.final_notice_min["residential"], rules.final_notice_min["other"])
    told = (moment - state["final_notice_at"]).dt.total_seconds() / 60
    fresh = state["final_notice_at"] > state["notice_at"]
    tests = (
        state["settled"],
        state["disconnection_at"].notna() & ~(state["reconnection_at"] > state["disconnection_at"]),
        state["instalment_plan_at"].notna(),
        overdue <= rules.overdue_days,
        state["important"] & rules.important_needs_authority,
        state["reminder_at"].isna(),
        state["approval_at"].isna(),
        state["notice_at"].isna(),
        since < least,
        since > most,
        (minutes > 0) & ~(fresh & (told >= minutes)).to_numpy(),
    )
    return np.select([np.asarray(test, dtype=bool) for test in tests], REASONS, default="").astype(object)


#: What is to be done about each reason.
_CURE = {
    "not_overdue_enough": "approval", "no_reminder": "reminder", "no_approval": "approval", "no_notice": "notice",
    "notice_too_recent": "final_notice", "notice_too_old": "notice", "no_final_notice": "final_notice", "": "disconnection",
}  # fmt: skip


def _next_step(
    state: pd.DataFrame, reason: np.ndarray, rules: Rules, moment: pd.Timestamp
) -> tuple[pd.Series, pd.Series]:
    reminded = state["reminder_at"].notna()
    step = pd.Series([_CURE.get(why) for why in reason], state.index, dtype=object)
    step = step.mask((reason == "not_overdue_enough") & ~reminded.to_numpy(), "reminder")
    ripe = state["due_on"] + pd.Timedelta(days=rules.overdue_days + 1)
    least = np.where(state["home"], rules.notice_days["residential"][0], rules.notice_days["other"][0])
    told = state["notice_at"].dt.normalize() + pd.to_timedelta(least, unit="D")
    start = pd.Series(moment, state.index).where(step.notna())
    start = start.mask((step == "approval") & (reason == "not_overdue_enough"), ripe.clip(lower=moment))
    start = start.mask((step == "final_notice").to_numpy() & (told > moment).to_numpy(), told)
    # Cut off and settled: to be reconnected, at once.
    cut = (
        (reason == "settled")
        & state["disconnection_at"].notna()
        & ~(state["reconnection_at"] > state["disconnection_at"])
    )
    return step.mask(cut, "reconnection"), start.mask(cut, moment)


def out_of_order(state: pd.DataFrame) -> pd.Series:
    """The first step that was taken without one it needs before it: ``approval before reminder`` and so on."""
    order = ("reminder", "approval", "notice", "final_notice", "disconnection")
    found = pd.Series(None, state.index, dtype=object)
    for earlier, later in pairwise(order):
        a, b = state[f"{earlier}_at"], state[f"{later}_at"]
        wrong = b.notna() & ~(a <= b)
        found = found.where(found.notna() | ~wrong, later)
    return found
