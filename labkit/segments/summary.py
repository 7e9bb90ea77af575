"""What the notebook on segments shows: where the data are cut in time, tables in words, small groups hidden."""

from __future__ import annotations

import pandas as pd

from labkit import privacy, terms
from labkit.estimates import Estimate
from labkit.lab import Lab
from labkit.segments.compare import Comparison
from labkit.segments.errors import SegmentError
from labkit.segments.result import APART, Segmentation
from labkit.segments.social import DeclaredSeen
from labkit.segments.surrogate import Surrogate

#: Whole months wanted before the cut and after it.
LEAST_MONTHS = 3


def choose_cut(lab: Lab, cut: str = "") -> tuple[pd.Timestamp, pd.Timestamp]:
    """Last day of what classifications may know, and last day of what they are judged by.

    Parameters
    ----------
    lab : Lab
    cut : str
        The last day of a month (YYYY-MM-DD); by default a quarter of the whole months of readings (or bills) lie before it, three
        at least.

    Raises
    ------
    SegmentError
        If there are fewer than six whole months, or the day given leaves fewer than three on either side.
    """
    first, last = (pd.Timestamp(day) for day in lab.period)
    start = first.to_period("M") + int(first.day > 1)
    end = last.to_period("M") - int(not last.is_month_end)
    months = (end - start).n + 1
    if months < 2 * LEAST_MONTHS:
        raise SegmentError(
            f"period: {first:%Y-%m-%d} to {last:%Y-%m-%d} has {max(months, 0)} whole months, expected 6 or more"
        )
    until = pd.Timestamp(end.end_time.date())
    if not cut:
        return pd.Timestamp((start + max(LEAST_MONTHS, months // 4) - 1).end_time.date()), until
    day = pd.Timestamp(cut)
    before, after = (day.to_period("M") - start).n + 1, (end - day.to_period("M")).n
    if not day.is_month_end or min(before, after) < LEAST_MONTHS:
        raise SegmentError(
            f"cut is {cut}, expected the last day of a month with {LEAST_MONTHS} months before and after it"
        )
    return day, until


_ENDS = {"low": "low_share", "high": "high_share"}


def summarise_groups(found: Segmentation, language: terms.Language, fewest: int) -> pd.DataFrame:
    """A row a group as of `Segmentation.describe`; groups of few without figures.

    Notes
    -----
    Customers in no group count as groups here: how few they are would follow from the number of all. Of one that is hidden
    for another's sake only the number and its share are.
    """
    table = found.describe(language).rename(columns=_ENDS)
    values = [c for c in table.columns if c not in ("group", "customers_count")]
    return privacy.suppress_small_cells(
        table, count="customers_count", values=values, minimum=fewest, telling=["share", "low_share", "high_share"]
    )


def summarise_outcomes(found: Comparison, language: terms.Language, fewest: int) -> pd.DataFrame:
    """What classifications are judged by: ``outcome``, ``outcome_kind``, ``customers_count``, ``left_out_count`` and, where
    one is not judged, ``why``; without numbers where few are left out."""
    told = found.named(found.outcomes, language)
    told["outcome_kind"] = [terms.category("outcome_kind", kind, language) for kind in found.outcomes["kind"]]
    columns = ["outcome", "outcome_kind", "customers_count", "left_out_count", *(["why"] if told["why"].any() else [])]
    return privacy.hide_near_whole(
        told[columns], found.customers, count="customers_count", values=["left_out_count"], minimum=fewest
    )


def name_largest(found: Segmentation, language: terms.Language) -> tuple[str, float]:
    """Name and share of the largest group that is one."""
    sizes = found.sizes[~found.sizes["group"].isin(list(APART))].set_index("group")["share"]
    code = str(sizes.idxmax())
    return found.label(code, language), float(sizes[code])


def count_shared(found: Comparison, today: str = "class") -> int:
    """Outcomes that count for the recommended combination and for today's classification: those the gain is the mean of."""
    members = {*(found.combination.members or (str(found.ranking["classification"].iloc[0]),)), today}
    mine = found.explained[found.explained["classification"].isin(members)]
    return int((mine.groupby("outcome")["overlap"].agg("max") == "").sum())


def estimate_first(found: Comparison) -> Estimate:
    """Mean share explained by the classification that comes first."""
    row = found.ranking.iloc[0]
    people = len(found.candidates[str(row["classification"])].labels)
    return Estimate(row["explained_share"], row["low"], row["high"], people)


def summarise_leaders(found: Comparison, language: terms.Language, fewest: int = 1) -> pd.DataFrame:
    """For each outcome what surely explains most of it: ``outcome``, ``classification`` (a dash if none does), ``explained_share``,
    ``low_share``, ``high_share``, ``customers_count`` (hidden where few are left out)."""
    rows = []
    for outcome, mine in found.explained[found.explained["overlap"] == ""].groupby("outcome", sort=False):
        sure = mine[mine["low"] > 0]
        best = mine.loc[(sure if len(sure) else mine)["explained_share"].idxmax()]
        name = found.label(best["classification"], language) if len(sure) else "–"
        rows.append(
            (
                found.outcome_label(str(outcome), language),
                name,
                *best[["explained_share", "low", "high", "customers_count"]],
            )
        )
    columns = ["outcome", "classification", "explained_share", "low_share", "high_share", "customers_count"]
    table = pd.DataFrame(rows, columns=columns)
    if fewest <= 1:
        return table
    return privacy.hide_near_whole(table, found.customers, count="customers_count", minimum=fewest)


def summarise_explained(found: Comparison, language: terms.Language) -> tuple[pd.DataFrame, dict[str, str]]:
    """Shares explained, a row a classification and a column an outcome (``left_share`` …), with the columns' titles; missing where a
    classification may not be credited."""
    counted = found.explained.assign(
        explained_share=found.explained["explained_share"].where(found.explained["overlap"] == "")
    )
    order = list(found.ranking["classification"])
    outcomes = list(dict.fromkeys(found.explained["outcome"]))
    by = {o: mine.set_index("classification")["explained_share"] for o, mine in counted.groupby("outcome")}
    wide = pd.DataFrame(by).rename_axis("classification").round(3) + 0.0  # no nought below nought
    table = wide.loc[order, outcomes].add_suffix("_share").reset_index()
    table = table.assign(classification=[found.label(name, language) for name in order])
    return table.rename_axis(None, axis=1), {f"{o}_share": f"{found.outcome_label(o, language)} [%]" for o in outcomes}


def summarise_ranking(found: Comparison, language: terms.Language) -> pd.DataFrame:
    """How classifications compare: mean share explained, stability, size, readability; a row each, the first on top."""
    table = found.ranking[["classification", "explained_share", "low", "high", "outcomes_count", "mean_rank"]]
    table = table.merge(found.stability[["classification", "ari"]], "left", on="classification")
    table = table.merge(found.periods[["classification", "moved_share"]], "left", on="classification")
    traits = found.traits[["classification", "groups_count", "evenness", "gini", "faithfulness"]]
    # Rules are wanted for what was made of loads; the others are rules.
    loads = ["readings" in found.candidates[name].made_of for name in traits["classification"]]
    traits = traits.assign(faithfulness=traits["faithfulness"].where(loads))
    return found.named(table.merge(traits, "left", on="classification"), language).rename(columns=_ENDS)


def summarise_steps(found: Comparison, language: terms.Language) -> pd.DataFrame:
    """Classifications added one after another, as of `Combination`, in words."""
    table = found.combination.table
    yes = {True: terms.category("flag", "yes", language), False: terms.category("flag", "no", language)}
    told = found.named(table, language).assign(added=[yes[bool(a)] for a in table["added"]])
    return told.rename(columns={**_ENDS, "gain": "gain_share"})


def summarise_rules(found: Surrogate, language: terms.Language, fewest: int) -> pd.DataFrame:
    """A row a rule: ``group``, ``rule`` in words, ``customers_count``, ``agreement_share``; those of few are left out."""
    table = found.table[found.table["customers_count"] >= fewest]
    return pd.DataFrame(
        {
            "group": [found.segmentation.label(code, language) for code in table["group"]],
            "rule": [found.tell_rule(conditions, language) for conditions in table["conditions"]],
            "customers_count": table["customers_count"].to_numpy(),
            "agreement_share": table["agreement"].to_numpy(),
        }
    )


def summarise_agreement(found: Comparison, language: terms.Language, least: float = 0.3) -> pd.DataFrame:
    """Pairs of classifications that say much the same, those that agree most first."""
    pairs = found.agreement[found.agreement["low"] > least].sort_values("ari", ascending=False, kind="stable")
    return found.named(pairs, language).reset_index(drop=True)


def summarise_declared(found: DeclaredSeen, language: terms.Language, fewest: int) -> pd.DataFrame:
    """Customers whose load does not look like their class, by class; few are hidden."""
    table = found.by_class.assign(
        listed_share=found.by_class["listed_count"] / found.by_class["customers_count"],
        declared=[terms.category("customer_class", c, language) for c in found.by_class["declared"]],
    )
    few = (table["listed_count"] > 0) & (table["listed_count"] < fewest)
    hidden = table.assign(
        listed_count=table["listed_count"].astype(float).where(~few), listed_share=table["listed_share"].where(~few)
    )
    return privacy.suppress_small_cells(
        hidden, count="customers_count", values=["listed_count", "listed_share"], minimum=fewest
    )
