"""Which steps of the law have been taken on a bill, which is due, and whether cutting off would be lawful."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.arrears.errors import ArrearsError
from labkit.arrears.rules import Rules, late_fees

STEPS = ("reminder", "approval", "notice", "final_notice", "disconnection", "reconnection", "instalment_plan")
#: Steps that have to come one after another before a disconnection.
CHAIN = ("reminder", "approval", "notice", "final_notice")
#: Why a disconnection would not be lawful, in the order in which it is asked.
REASONS = (
    "no_rules", "settled", "disconnected", "instalment_plan", "not_overdue_enough", "important", "no_reminder", "no_approval",
    "no_notice", "notice_too_recent", "notice_too_old", "no_final_notice",
)  # fmt: skip
#: What is to be done about each reason.
_CURE = {
    "not_overdue_enough": "approval", "no_reminder": "reminder", "no_approval": "approval", "no_notice": "notice",
    "notice_too_recent": "final_notice", "notice_too_old": "notice", "no_final_notice": "final_notice", "": "disconnection",
}  # fmt: skip
_BILL = ("due_on", "settled_on", "customer_id", "customer_class", "important", "billed_yuan", "promise_broken")


def procedure(
    actions: pd.DataFrame,
    rules: Rules | Sequence[Rules],
    *,
    bills: pd.DataFrame | None = None,
    payments: pd.DataFrame | None = None,
    on: pd.Timestamp | str | None = None,
) -> pd.DataFrame:
    """Where each late bill stands in the procedure at a moment.

    Parameters
    ----------
    actions : DataFrame
        ``bill_id``, ``action``, ``at``; what came after the moment is not looked at.
    rules : Rules or sequence of Rules
        Those that hold at the moment are used.
    bills : DataFrame, optional
        ``bill_id``, ``due_on`` and, where known, ``settled_on``, ``customer_class`` (others than
        homes where it is not), ``important``, ``promise_broken``; such as of `late_bills` with the
        customer's class. Where left out, `actions` has these columns itself.
    payments : DataFrame, optional
        ``bill_id``, ``paid_on``, ``amount_yuan``: for the late fee, with ``billed_yuan`` of bills.
    on : Timestamp, optional
        The last action where left out.

    Returns
    -------
    DataFrame
        A row a bill: ``bill_id``, the time each step was taken (``reminder_at`` …; of the chain that
        counts, see Notes), ``lawful`` (a disconnection at the moment), ``reason`` if not,
        ``next_step`` and ``next_from`` [time] from when it may be taken, ``out_of_order``: the
        first step that was taken without the one it needs before it, ``reconnect_by`` where the
        supply is cut off and the bill settled, ``late_fee_yuan`` with `payments`.

    Raises
    ------
    ArrearsError
        If an action is unknown, names a bill that is not there, a bill is given twice, due
        dates are missing, or no rules hold.

    Notes
    -----
    Remind, get approval (the application is part of it), hand over the notice, tell once
    more, disconnect: each after the one before it, all after the due date and after the last
    reconnection. A notice older than the rules allow has to be handed over anew. Important
    users are cut off only with the notice sent to the authority, which these records do
    not show: never lawful by them. An instalment plan stops the procedure until it is broken.
    """
    moment = pd.Timestamp(on) if on is not None else pd.Timestamp(actions["at"].max())
    if pd.isna(moment):
        raise ArrearsError("there are no actions and no moment is given; give `on`")
    own = _rules_at(rules, moment)
    rows = _bills_of(actions) if bills is None else bills
    at = pd.Series(moment, range(len(rows)))
    state = _state(actions, rows, at)
    reason = _reason(state, own, at)
    told = state[["bill_id", *(f"{s}_at" for s in STEPS)]].copy()
    told["lawful"] = reason == ""
    told["reason"] = pd.Series(reason, told.index, dtype=object).where(reason != "")
    told["next_step"], told["next_from"] = _next_step(state, reason, own, moment)
    told["out_of_order"] = state["out_of_order"]
    cut = _cut_off(state) & state["settled"]
    told["reconnect_by"] = (state["settled_on"] + _reconnect_within(state, own)).where(cut)
    if payments is not None:
        missing = [c for c in ("billed_yuan", "customer_id") if c not in state]
        if missing:
            raise ArrearsError(f"bills have no {missing[0]}; a late fee needs it")
        kinds = state["customer_class"] if "customer_class" in state else pd.Series("other", state.index)
        classes = kinds.groupby(state["customer_id"]).first()
        book = [rules] if isinstance(rules, Rules) else list(rules)
        told["late_fee_yuan"] = late_fees(state, payments, classes, moment.date(), book)
    return told


def audit_disconnections(actions: pd.DataFrame, rules: Rules | Sequence[Rules], *, bills: pd.DataFrame) -> pd.DataFrame:
    """Whether each disconnection that was made was lawful when it was made.

    Returns
    -------
    DataFrame
        A row a disconnection: ``bill_id``, ``disconnection_at``, ``lawful``, ``reason`` (``no_rules``
        where none held that day), ``reconnected_hours`` after the beginning of the day on which the
        bill was settled, or of the cut (missing while it is not settled or not reconnected),
        ``reconnected_in_time``: False too where the last day known is past the deadline and the
        supply still off, missing where nothing was due yet.

    Notes
    -----
    Payments have a date and no hour: the deadline is counted from the beginning of the day, which
    is strict. The last day known is that of the last action.
    """
    book = [rules] if isinstance(rules, Rules) else list(rules)
    cuts = actions[(actions["action"] == "disconnection") & actions["bill_id"].isin(set(bills["bill_id"]))]
    cuts = cuts.sort_values(["bill_id", "at"])[["bill_id", "at"]].reset_index(drop=True)
    found = [
        "bill_id", "disconnection_at", "lawful", "reason", "reconnected_hours", "reconnected_in_time",
    ]  # fmt: skip
    if cuts.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in found})
    nth = cuts.groupby("bill_id").cumcount()
    rows = cuts[["bill_id"]].merge(bills, on="bill_id", how="left")
    # Each cut of a bill is a case of its own.
    rows["bill_id"] = cuts["bill_id"] + nth.map(lambda n: f"#{n}")
    mine = actions.merge(cuts.assign(_case=rows["bill_id"]).rename(columns={"at": "_cut"}), on="bill_id")
    before = mine[mine["at"] < mine["_cut"]].assign(bill_id=lambda f: f["_case"])
    at = cuts["at"]
    settled = pd.to_datetime(rows["settled_on"]) if "settled_on" in rows else pd.Series(pd.NaT, rows.index)
    rows["settled_on"] = settled.where(settled < at.dt.normalize())
    reasons, allowed = (
        np.full(len(rows), "no_rules", dtype=object),
        pd.Series(pd.NaT, rows.index, dtype="timedelta64[us]"),
    )
    for one in book:
        part = np.flatnonzero([one.in_force(t.date()) for t in at])
        if len(part):
            state = _state(before, rows.iloc[part], at.iloc[part])
            reasons[part] = _reason(state, one, at.iloc[part])
            allowed.iloc[part] = _reconnect_within(state, one).to_numpy()
    after = mine[(mine["action"] == "reconnection") & (mine["at"] > mine["_cut"])]
    back = after.groupby("_case")["at"].min().astype("datetime64[us]").reindex(rows["bill_id"]).reset_index(drop=True)
    start = settled.where(settled > at.dt.normalize(), at.dt.normalize()).where(settled.notna())
    took = (back - start).dt.total_seconds() / 3600
    overdue = back.isna() & (start + allowed < actions["at"].max())
    in_time = (took <= allowed.dt.total_seconds() / 3600).astype(object).where(took.notna(), None).mask(overdue, False)
    return pd.DataFrame(
        {
            "bill_id": cuts["bill_id"], "disconnection_at": at, "lawful": reasons == "",
            "reason": pd.Series(reasons, dtype=object).where(reasons != ""), "reconnected_hours": took, "reconnected_in_time": in_time,
        }
    )  # fmt: skip


def _rules_at(rules: Rules | Sequence[Rules], moment: pd.Timestamp) -> Rules:
    book = [rules] if isinstance(rules, Rules) else list(rules)
    own = next((one for one in book if one.in_force(moment.date())), None)
    if own is None:
        raise ArrearsError(f"none of the rules ({', '.join(r.id for r in book)}) hold on {moment.date()}")
    return own


def _bills_of(actions: pd.DataFrame) -> pd.DataFrame:
    if "due_on" not in actions:
        raise ArrearsError("give bills with their due_on, or actions that have it as a column")
    return actions.drop_duplicates("bill_id")[["bill_id", *[c for c in _BILL if c in actions]]]


def _state(actions: pd.DataFrame, bills: pd.DataFrame, at: pd.Series) -> pd.DataFrame:
    """Bills with the chain of steps that counts before a moment of their own."""
    odd = sorted(set(actions["action"].astype(str)) - set(STEPS))
    if odd:
        raise ArrearsError(f"actions: {odd[0]!r} is no step; expected one of {', '.join(STEPS)}")
    if bills["bill_id"].duplicated().any():
        raise ArrearsError("bills: a bill_id is there twice; give each bill once")
    known = actions["bill_id"].isin(set(bills["bill_id"]))
    if len(actions) and not known.any():
        raise ArrearsError("actions: none of their bills is among the bills given")
    state = bills.reset_index(drop=True).copy()
    due = pd.to_datetime(state["due_on"]).astype("datetime64[us]")
    ids = pd.Index(state["bill_id"])
    mine = actions.loc[known, ["bill_id", "action", "at"]].assign(
        at=lambda f: pd.to_datetime(f["at"]).astype("datetime64[us]")
    )
    row = ids.get_indexer(mine["bill_id"])
    mine = mine.assign(_row=row)[mine["at"].to_numpy() <= pd.Series(at.to_numpy())[row].to_numpy()]

    def pick(step: str, since: pd.Series, last: bool) -> pd.Series:
        """Time of the first or last such step not before a time of each bill."""
        part = mine[mine["action"] == step]
        part = part[part["at"].to_numpy() >= since[part["_row"]].to_numpy()]
        by = part.groupby("_row")["at"]
        return (by.max() if last else by.min()).reindex(range(len(state))).astype("datetime64[us]")

    ever = pd.Series(pd.Timestamp("1900-01-01"), state.index).astype("datetime64[us]")
    for step in ("disconnection", "reconnection", "instalment_plan"):
        state[f"{step}_at"] = pick(step, ever, last=True)
    # What came before the bill was overdue, or before the supply was last given back, is spent.
    since = due + pd.Timedelta(days=1)
    since = since.where(~(state["reconnection_at"] > since), state["reconnection_at"])
    never = pd.Timestamp("2200-01-01")
    order = pd.Series(None, state.index, dtype=object)
    for step, later in zip(CHAIN, (False, False, True, True)):
        found = pick(step, since, last=later)
        # There is such a step, but none after what it needs.
        stray = found.isna() & pick(step, due + pd.Timedelta(days=1), last=True).notna()
        order = order.where(order.notna() | ~stray, step)
        state[f"{step}_at"] = found
        since = found.fillna(never).astype("datetime64[us]")
    # A step for which an earlier one is missing altogether counts as out of order too.
    state["out_of_order"] = order
    settled = state["settled_on"] if "settled_on" in state else pd.Series(pd.NaT, state.index)
    state["settled_on"] = pd.to_datetime(settled).astype("datetime64[us]")
    state["due_on"] = due
    state["settled"] = state["settled_on"].le(pd.Series(at.to_numpy(), state.index)).fillna(False)
    kind = state["customer_class"] if "customer_class" in state else pd.Series("other", state.index)
    state["home"] = (kind == "residential").to_numpy()
    for name in ("important", "promise_broken"):
        flag = state[name] if name in state else pd.Series(False, state.index)
        state[name] = flag.astype(object).map(lambda v: v is True or v == 1).to_numpy(dtype=bool)
    return state


def _cut_off(state: pd.DataFrame) -> pd.Series:
    return state["disconnection_at"].notna() & ~(state["reconnection_at"] > state["disconnection_at"])


def _by_class(state: pd.DataFrame, home: int, other: int) -> np.ndarray:
    return np.where(state["home"], home, other)


def _reconnect_within(state: pd.DataFrame, rules: Rules) -> pd.Series:
    hours = _by_class(state, rules.reconnect_hours["residential"], rules.reconnect_hours["other"])
    return pd.Series(pd.to_timedelta(hours, unit="h"), state.index)


def _reason(state: pd.DataFrame, rules: Rules, at: pd.Series) -> np.ndarray:
    """The first reason why a disconnection at a moment would not be lawful; empty where it would be."""
    moment = pd.Series(at.to_numpy(), state.index).astype("datetime64[us]")
    overdue = (moment.dt.normalize() - state["due_on"]).dt.days
    least, most = (_by_class(state, rules.notice_days["residential"][i], rules.notice_days["other"][i]) for i in (0, 1))
    since = (moment.dt.normalize() - state["notice_at"].dt.normalize()).dt.days
    minutes = _by_class(state, rules.final_notice_min["residential"], rules.final_notice_min["other"])
    told = (moment - state["final_notice_at"]).dt.total_seconds() / 60
    tests = (
        np.zeros(len(state), dtype=bool),
        state["settled"],
        _cut_off(state),
        state["instalment_plan_at"].notna() & ~state["promise_broken"],
        overdue <= rules.overdue_days,
        state["important"] & rules.important_needs_authority,
        *(state[f"{step}_at"].isna() for step in CHAIN[:3]),
        since < least,
        since > most,
        (minutes > 0) & ~(told >= minutes).to_numpy(),
    )
    return np.select([np.asarray(test, dtype=bool) for test in tests], REASONS, default="").astype(object)


def _next_step(
    state: pd.DataFrame, reason: np.ndarray, rules: Rules, moment: pd.Timestamp
) -> tuple[pd.Series, pd.Series]:
    step = pd.Series([_CURE.get(why) for why in reason], state.index, dtype=object)
    step = step.mask((reason == "not_overdue_enough") & state["reminder_at"].isna().to_numpy(), "reminder")
    ripe = state["due_on"] + pd.Timedelta(days=rules.overdue_days + 1)
    least = _by_class(state, rules.notice_days["residential"][0], rules.notice_days["other"][0])
    told = state["notice_at"].dt.normalize() + pd.to_timedelta(least, unit="D")
    start = pd.Series(moment, state.index).astype("datetime64[us]").where(step.notna())
    start = start.mask((step == "approval") & (reason == "not_overdue_enough"), ripe.clip(lower=moment))
    start = start.mask((step == "final_notice").to_numpy() & (told > moment).to_numpy(), told)
    # Cut off and settled: to be reconnected, at once.
    cut = (reason == "settled") & _cut_off(state)
    return step.mask(cut, "reconnection"), start.mask(cut, moment)
