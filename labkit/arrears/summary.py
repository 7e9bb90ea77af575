"""Arrears as a manager reads them: shares rather than single accounts, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from labkit import privacy
from labkit.arrears.ageing import STATES
from labkit.arrears.credit import CreditModel
from labkit.arrears.kinds import KINDS, Kinds, likeliest_kind
from labkit.arrears.plan import PLANS, RecoveryPlan
from labkit.arrears.portfolio import LossForecast
from labkit.arrears.procedure import audit_disconnections
from labkit.arrears.rules import read_rule_book
from labkit.arrears.scorecard import TERMS
from labkit.arrears.validation import check_fairness
from labkit.estimates import Estimate, estimate_ratio, estimate_share
from labkit.lab import Lab
from labkit.terms import Language

#: Grades that get the better terms.
TRUSTED = ("A", "B", "C")


def summarise_ages(ages: pd.DataFrame, fewest: int) -> pd.DataFrame:
    """Debts by age as a report may show them: counts of few, and money that one account dominates, are missing."""
    told = ages.drop(columns="largest_share").copy()
    hidden = privacy.hide_amounts(ages["open_yuan"], ages) if fewest > 1 else np.zeros(len(ages), dtype=bool)
    told["open_yuan"] = told["open_yuan"].where(~hidden)
    if hidden.any():  # shares would give away what is hidden
        told = told.drop(columns="share")
    if hidden.any() and hidden[ages["customers_count"].to_numpy() > 0].all():
        told = told.drop(columns="open_yuan")
    return privacy.suppress_small_cells(
        told,
        count="customers_count",
        values=[c for c in ("bills_count", "open_yuan") if c in told],
        minimum=fewest,
        total=False,
    )


def tell_roll_rates(rates: pd.DataFrame, language: Language, fewest: int) -> pd.DataFrame:
    """Roll rates as a matrix, each with its interval; rows of few customers left out."""
    rows = []
    for age in STATES[1:]:
        part = rates[rates["age"] == age].set_index("next_age")
        if not len(part) or part["customers_count"].iloc[0] < fewest:
            continue
        row: dict[str, object] = {"age": age, "customers_count": int(part["customers_count"].iloc[0])}
        for name in STATES:
            v, a, b = (100 * part.loc[name, c] for c in ("share", "low", "high"))
            row[f"to_{name}"] = (
                f"{v:.0f}%（{a:.0f}～{b:.0f}）" if language == "zh" else f"{v:.0f}% ({a:.0f} to {b:.0f})"
            )
        rows.append(row)
    return pd.DataFrame(rows, columns=["age", "customers_count", *(f"to_{name}" for name in STATES)])


def summarise_kinds(kinds: Kinds, fewest: int) -> pd.DataFrame:
    """Late payers by their likeliest kind: ``customers_count``, ``share`` with its ends, and how sure that is.

    ``sure_share``: mean chance of the kind; ``by_rule_count``: those clear by rules alone;
    ``review_gain_yuan``: what knowing the kind for certain would save, an account.
    """
    n = len(kinds.table)
    likeliest = likeliest_kind(kinds, kinds.table["customer_id"])
    rows = []
    for kind in KINDS:
        own = kinds.table[(likeliest == kind).to_numpy()]
        share = estimate_share(len(own), n)
        by_rule = int((own["rule"] == kind).sum())
        gain = float(own["review_gain_yuan"].mean())
        sure, bills = float(own[kind].mean()), int(own["late_bills_count"].sum())
        rows.append((kind, len(own), share.value, share.low, share.high, sure, by_rule, gain, bills))
    table = pd.DataFrame(
        rows,
        columns=[
            "kind",
            "customers_count",
            "share",
            "low_share",
            "high_share",
            "sure_share",
            "by_rule_count",
            "review_gain_yuan",
            "bills_count",
        ],
    )
    values = ["share", "low_share", "high_share", "sure_share", "by_rule_count", "review_gain_yuan", "bills_count"]
    return privacy.suppress_small_cells(table, count="customers_count", values=values, minimum=fewest)


def summarise_models(models: Mapping[int, CreditModel]) -> pd.DataFrame:
    """What each score measured: ``measure``, ``months``, ``value``, ``low``, ``high``."""
    parts = [
        model.measures.assign(months=months, tried_on="later_days" if model.out_of_time else "other_customers")
        for months, model in models.items()
    ]
    return pd.concat(parts, ignore_index=True)[["measure", "months", "tried_on", "value", "low", "high"]]


def _few(share: pd.Series, count: pd.Series, fewest: int) -> pd.Series:
    """Whether a share tells of fewer customers than may be shown, on either side of it."""
    hits = (share * count).round()
    return ((hits > 0) & (hits < fewest)) | ((count - hits > 0) & (count - hits < fewest))


def tell_grades(models: Mapping[int, CreditModel], fewest: int) -> pd.DataFrame:
    """Grades of each score with the terms each gets; what tells of few customers is missing."""
    parts = []
    for months, model in models.items():
        told = model.grades.assign(months=months, payment_terms=model.grades["grade"].map(TERMS))
        seen = ["bad_share", "low_share", "high_share"]
        few = _few(told["bad_share"], told["customers_count"], fewest)
        told["within"] = told["within"].astype(object).where(~few, None)
        told[seen] = told[seen].where(~few)
        small = told["customers_count"] < fewest
        told = privacy.suppress_small_cells(
            told, count="customers_count", values=["expected_share", *seen], minimum=fewest
        )
        told["within"] = told["within"].where(~small & told["customers_count"].notna(), None)
        parts.append(told)
    names = [
        "months",
        "grade",
        "payment_terms",
        "customers_count",
        "expected_share",
        "bad_share",
        "low_share",
        "high_share",
        "within",
    ]
    return pd.concat(parts, ignore_index=True)[names]


def summarise_fairness(model: CreditModel, fewest: int) -> pd.DataFrame:
    """How class and place are treated by a score that knows neither; what tells of few customers is missing."""
    cases = model.tested
    trusted = cases["grade"].isin(TRUSTED).to_numpy()
    parts = []
    for column in [c for c in ("customer_class", "settlement") if c in cases]:
        found = check_fairness(cases[column], trusted, cases["bad"], cases["default_probability"], fewest)
        mean = cases.groupby(cases[column].astype(str))["score"].mean()
        found["mean_score"] = found["group"].map(mean)
        few = _few(found["trusted_share"], found["customers_count"], fewest)
        for name in ("trusted_share", "low_share", "high_share", "impact_ratio"):
            found[name] = found[name].where(~few)
        found["bad_share"] = found["bad_share"].where(~_few(found["bad_share"], found["customers_count"], fewest))
        parts.append(found.assign(group=[f"{column}={name}" for name in found["group"]]))
    names = [
        "group",
        "customers_count",
        "mean_score",
        "expected_share",
        "bad_share",
        "trusted_share",
        "low_share",
        "high_share",
        "impact_ratio",
    ]
    return pd.concat(parts, ignore_index=True)[names] if parts else pd.DataFrame(columns=names)


def summarise_habits(late: pd.DataFrame, fees: pd.Series) -> pd.DataFrame:
    """What happens to late bills: ``habit``, ``share`` of them with its ends (customers as clusters)."""
    rows = []
    for name, has in (
        ("part_paid", late["part_paid"]), ("reminded", late["reminder_on"].notna()), ("noticed", late["notice_on"].notna()),
        ("cut_off", late["disconnection_on"].notna()), ("on_plan", late["instalment_plan_on"].notna()),
        ("plan_broken", late["promise_broken"]), ("least_fee", fees <= 1.0),
    ):  # fmt: skip
        by = has.groupby(late["customer_id"]).agg(["sum", "count"])
        found = estimate_ratio(by["sum"].to_numpy(), by["count"].to_numpy())
        rows.append((name, found.value, max(found.low, 0.0), min(found.high, 1.0)))
    return pd.DataFrame(rows, columns=["habit", "share", "low_share", "high_share"])


def summarise_steps(plan: RecoveryPlan, fewest: int) -> pd.DataFrame:
    """Next steps of the plan: ``next_step``, ``from_month`` from when it may be taken, ``customers_count``."""
    table = plan.accounts.assign(from_month=plan.accounts["next_from"].dt.strftime("%Y-%m"))
    table["from_month"] = table["from_month"].fillna(f"{plan.date:%Y-%m}")
    told = table.groupby(["next_step", "from_month"]).size().rename("customers_count").reset_index()
    told = told.sort_values(["customers_count", "next_step"], ascending=[False, True], ignore_index=True)
    return privacy.suppress_small_cells(told, count="customers_count", values=[], minimum=fewest)


def tell_losses(forecast: LossForecast, lost: Estimate, reserve: Estimate, billed_yuan: float) -> pd.DataFrame:
    """The portfolio in a table: ``loss_measure``, ``value``, ``low``, ``high``; shares in per cent."""
    old = forecast.old_debts
    rows = [
        ("expected", 100 * lost.value, 100 * lost.low, 100 * lost.high),
        ("reserve", 100 * reserve.value, 100 * reserve.low, 100 * reserve.high),
        *([] if old is None else [("old_debts", *(100 * y / billed_yuan for y in (old.value, old.low, old.high)))]),
        ("top_ten", 100 * forecast.top_ten_share, np.nan, np.nan),
        ("effective", forecast.effective_accounts, np.nan, np.nan),
    ]
    return pd.DataFrame(rows, columns=["loss_measure", "value", "low", "high"])


def tell_watched(watched: pd.DataFrame, language: Language, fewest: int) -> str:
    """How many large accounts use less and pay later, in a sentence; a few are not counted out."""
    n, flagged = len(watched), int(watched["watch"].sum())
    if 0 < flagged < fewest:
        zh, en = f"不足 {fewest} 户", f"fewer than {fewest}"
    else:
        zh, en = f"{flagged} 户", str(flagged)
    if language == "zh":
        return f"在 {n} 户大客户中，负荷明显下降且缴费变慢的有 {zh}。"
    return f"Of {n} large accounts, {en} use clearly less and pay later than before."


def summarise_plan(plan: RecoveryPlan, fewest: int = 1) -> pd.DataFrame:
    """The plans side by side, money as a share of what is overdue; counts of a few are missing."""
    owed = plan.accounts["open_yuan"].sum()
    told = plan.comparison[["plan"]].copy()
    for name in ("recovered", "cost", "loyalty_cost", "net"):
        told[f"{name}_share"] = plan.comparison[f"{name}_yuan"] / owed
    told["low_share"], told["high_share"] = (
        plan.comparison["net_low_yuan"] / owed,
        plan.comparison["net_high_yuan"] / owed,
    )
    counts = plan.comparison[["cut_off_count", "wronged_count", "unlawful_count"]].astype(float)
    return told.join(counts.where((counts < 0.5) | (counts >= fewest)))


def plan_gain(plan: RecoveryPlan, against: str = "cut_everyone") -> Estimate:
    """What the plan nets beyond another, as a share of what is overdue."""
    if against not in PLANS[1:]:
        raise ValueError(f"against is {against!r}, expected one of {', '.join(PLANS[1:])}")
    row, owed = plan.gain.set_index("against").loc[against], plan.accounts["open_yuan"].sum()
    return Estimate(row["net_yuan"] / owed, row["low"] / owed, row["high"] / owed, len(plan.accounts))


def summarise_ways(plan: RecoveryPlan, fewest: int) -> pd.DataFrame:
    """Accounts by kind and way; small groups of a kind together as ``other_ways``, and hidden if they stay small."""
    counts = plan.accounts.groupby(["kind", "way"], sort=False).size().rename("customers_count").reset_index()
    counts["way"] = counts["way"].where(counts["customers_count"] >= fewest, "other_ways")
    told = counts.groupby(["kind", "way"], sort=False)["customers_count"].sum().reset_index()
    told = told.sort_values(["kind", "customers_count"], ascending=[True, False], ignore_index=True)
    return privacy.suppress_small_cells(told, count="customers_count", values=[], minimum=fewest)


def loss_shares(forecast: LossForecast, billed_yuan: float) -> tuple[Estimate, Estimate]:
    """Expected loss and reserve as shares of a year's billing, with their ends."""
    e = forecast.expected
    reserve, low, high = (
        y / billed_yuan for y in (forecast.reserve_yuan, forecast.reserve_low_yuan, forecast.reserve_high_yuan)
    )
    return (
        Estimate(e.value / billed_yuan, e.low / billed_yuan, e.high / billed_yuan, e.n),
        Estimate(reserve, low, high, e.n),
    )


def recovered_by(curves: pd.DataFrame, days: Sequence[int] = (7, 14, 30, 60, 90)) -> pd.DataFrame:
    """Share settled by some days: ``group``, ``bills_count``, ``day``, ``recovered_share`` with its ends."""
    rows = []
    for group, part in curves.groupby("group", sort=False):
        for day in days:
            seen = part[part["day"] <= day]
            last = seen.iloc[-1] if len(seen) else None
            none = 1 - 0.025 ** (1 / int(part["bills_count"].iloc[0]))  # so many bills and none settled: exact
            ends = (0.0, 0.0, none) if last is None else (last["recovered_share"], last["low"], last["high"])
            rows.append((group, int(part["bills_count"].iloc[0]), day, *ends))
    return pd.DataFrame(rows, columns=["group", "bills_count", "day", "recovered_share", "low_share", "high_share"])


def audit_by_region(lab: Lab, late: pd.DataFrame, regions: Sequence[str], fewest: int) -> pd.DataFrame:
    """Disconnections that were made, held against the rules of several regions.

    Returns
    -------
    DataFrame
        ``region``, ``disconnections_count``, ``lawful_share`` with its ends (customers as clusters), ``reason``: the
        most frequent against it, ``reconnected_in_time_share``. Empty where fewer than `fewest` customers were cut off.
    """
    columns = [c for c in ("customer_id", "customer_class", "important") if c in lab.customers.columns]
    bills = late.merge(lab.run(lab.customers.select(*columns)), on="customer_id", how="left")
    actions = lab.run(lab.collections.select("bill_id", "action", "at"))
    actions = actions[actions["bill_id"].isin(set(bills["bill_id"]))]
    rows = []
    for region in regions:
        found = audit_disconnections(actions, read_rule_book(region), bills=bills)
        who = found["bill_id"].map(bills.set_index("bill_id")["customer_id"])
        by = found["lawful"].groupby(who).agg(["sum", "count"])
        if len(by) < fewest:
            continue
        share = estimate_ratio(by["sum"].to_numpy(), by["count"].to_numpy())
        why, back = found["reason"].dropna(), found["reconnected_in_time"].dropna()
        in_time = float(back.astype(float).mean()) if len(back) else np.nan
        rows.append(
            (region, len(found), share.value, share.low, share.high, why.mode().iloc[0] if len(why) else "", in_time)
        )
    names = [
        "region",
        "disconnections_count",
        "lawful_share",
        "low_share",
        "high_share",
        "reason",
        "reconnected_in_time_share",
    ]
    return pd.DataFrame(rows, columns=names)


def plan_gain_yuan(plan: RecoveryPlan, against: str = "cut_everyone") -> Estimate:
    """What the plan nets beyond another [yuan]."""
    if against not in PLANS[1:]:
        raise ValueError(f"against is {against!r}, expected one of {', '.join(PLANS[1:])}")
    row = plan.gain.set_index("against").loc[against]
    return Estimate(float(row["net_yuan"]), float(row["low"]), float(row["high"]), len(plan.accounts))
