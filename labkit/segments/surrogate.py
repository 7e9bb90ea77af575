"""Rules a manager can read: a small tree that says again what a classification says, and how faithfully."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import KFold
from sklearn.tree import DecisionTreeClassifier

from labkit import terms
from labkit.estimates import Estimate, estimate_share
from labkit.segments.errors import SegmentError
from labkit.segments.result import HOUR_COLUMN, UNKNOWN, Segmentation

#: More leaves than this are no rules for people.
MOST_LEAVES = 8


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A small tree in place of a classification.

    Attributes
    ----------
    table : DataFrame
        A row a leaf, largest first: ``group`` (code), ``customers_count``, ``agreement`` (share of the leaf's customers that the
        classification puts there too), ``conditions`` (tuple of (feature, ``<=`` or ``>``, threshold)).
    faithfulness : Estimate
        Share of customers a tree that has not seen them puts where the classification does (cross-validated, Wilson).
    kappa : float
        The same beyond chance (Cohen 1960, doi:10.1177/001316446002000104).
    missed : tuple of str
        Codes of groups no leaf leads to: too small, or not to be told by so few rules.
    """

    table: pd.DataFrame
    faithfulness: Estimate
    kappa: float
    missed: tuple[str, ...]
    segmentation: Segmentation

    def tell_rule(self, conditions: tuple[tuple[str, str, float], ...], language: terms.Language = "en") -> str:
        """Conditions of a leaf in words."""
        say = terms.Say(language)
        return say(" and ", "，且").join(_conditions(conditions, language)) or say("always", "任何情况")

    def rules(self, language: terms.Language = "en") -> list[str]:
        """A sentence a leaf."""
        say = terms.Say(language)
        out = []
        for row in self.table.itertuples():
            text = self.tell_rule(row.conditions, language)
            group, n, share = self.segmentation.label(row.group, language), row.customers_count, row.agreement
            out.append(
                say(
                    f"{group}: {text} ({n:,} customers, {share:.0%} agree)",
                    f"{group}：{text}（{n:,}户，与原分类一致{share:.0%}）",
                )
            )
        return out


def explain_segments(
    segmentation: Segmentation, features: pd.DataFrame, *, leaves: int = MOST_LEAVES, folds: int = 5, seed: int = 0
) -> Surrogate:
    """Rules on a few features that give nearly the same groups.

    Parameters
    ----------
    segmentation : Segmentation
        Customers that are ``unknown`` are left out.
    features : DataFrame
        Numbers by customer_id that a reader understands, such as of `readable_features` or the portrait.
    leaves : int
        2 to 8.
    folds, seed : int
        Of the cross-validation.

    Raises
    ------
    SegmentError
        If leaves are too many, features are no numbers or missing, or there is one group only.

    Notes
    -----
    Faithfulness is to the classification, not to any truth: a faithful tree repeats its mistakes.

    Examples
    --------
    >>> from labkit.segments.value import classify_tiers
    >>> money = pd.Series([80.0, 70, 9, 8, 9, 1, 1, 1, 1, 1] * 3, [f"c{i}" for i in range(30)])
    >>> found = explain_segments(classify_tiers(money), pd.DataFrame({"total_yuan": money}))
    >>> found.rules("zh")[0], round(found.faithfulness.value, 2)
    ('C类：其余：应收电费不超过4.5元（15户，与原分类一致100%）', 0.97)
    """
    if not 2 <= leaves <= MOST_LEAVES:
        raise SegmentError(f"leaves is {leaves}, expected 2 to {MOST_LEAVES}: more are no rules that people read")
    x, y = _cases(segmentation, features)
    folds = min(folds, len(y) // 2)
    told = pd.Series(index=y.index, dtype=object)
    for train, test in KFold(folds, shuffle=True, random_state=seed).split(x):
        told.iloc[test] = _tree(leaves, seed).fit(x.to_numpy()[train], y.to_numpy()[train]).predict(x.to_numpy()[test])
    faithful = estimate_share(int((told == y).sum()), len(y))
    tree = _tree(leaves, seed).fit(x.to_numpy(), y.to_numpy())
    table = _leaves(tree, x, y)
    missed = tuple(c for c in segmentation.codes if c in set(y) and c not in set(table["group"]))
    return Surrogate(table, faithful, float(cohen_kappa_score(y, told)), missed, segmentation)


def readable_features(values: pd.DataFrame) -> pd.DataFrame:
    """Features of typical days that need no explanation, for `explain_segments`.

    Parameters
    ----------
    values : DataFrame
        `Shapes.values`; the workday's hours, and the weekend's where there are any.

    Returns
    -------
    DataFrame
        Shares of a workday's energy in the night (23 to 7), morning (7 to 11), midday (11 to 17) and evening (17 to 23);
        ``late_evening_share`` (20 to 23); ``day_load_factor``; ``weekend_ratio``.

    Examples
    --------
    >>> flat = pd.DataFrame(np.ones((1, 24)), ["a"], [f"workday_{h:02d}" for h in range(24)])
    >>> readable_features(flat)["evening_share"].round(2).tolist()
    [0.25]
    """
    hours = {day: [c for c in values.columns if (m := HOUR_COLUMN.match(str(c))) and m.group(1).split("_")[-1] == day]
             for day in ("workday", "weekend")}  # fmt: skip
    if not hours["workday"]:
        raise SegmentError("values: expected columns workday_00 to workday_23; read the shapes with workdays")
    workdays = values[hours["workday"]].to_numpy(dtype=float)
    day = workdays.reshape(len(values), workdays.shape[1] // 24, 24).mean(axis=1)
    share = day / np.maximum(day.sum(axis=1, keepdims=True), 1e-12)
    spans = {"night": (*range(7), 23), "morning": range(7, 11), "midday": range(11, 17), "evening": range(17, 23), "late_evening": range(20, 23)}  # fmt: skip
    table = {f"{name}_share": share[:, list(span)].sum(axis=1) for name, span in spans.items()}
    table["day_load_factor"] = day.mean(axis=1) / np.maximum(day.max(axis=1), 1e-12)
    if hours["weekend"]:
        table["weekend_ratio"] = values[hours["weekend"]].mean(axis=1).to_numpy() / np.maximum(day.mean(axis=1), 1e-12)
    return pd.DataFrame(table, values.index)


def _cases(segmentation: Segmentation, features: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    words = [str(c) for c in features.columns if not pd.api.types.is_numeric_dtype(features[c])]
    if words or not len(features.columns):
        raise SegmentError(f"features: {(words or ['there is none, it'])[0]} holds no numbers; give columns of numbers")
    labels = segmentation.labels[segmentation.labels != UNKNOWN]
    ids = labels.index[labels.index.isin(features.index)]
    x = features.loc[ids].astype(float)
    x = x[x.notna().all(axis=1)]
    y = labels[x.index]
    if y.nunique() < 2 or len(y) < 10:
        raise SegmentError(
            f"features: {len(y)} customers in {y.nunique()} groups have all of them; rules want 10 customers in two groups"
        )
    return x, y


def _tree(leaves: int, seed: int) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=seed)


def _leaves(tree: DecisionTreeClassifier, x: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    at = tree.apply(x.to_numpy())
    inner, rows = tree.tree_, []

    def walk(node: int, conditions: list[tuple[str, str, float]]) -> None:
        if inner.children_left[node] < 0:
            mine = y[at == node]
            code = str(tree.classes_[inner.value[node][0].argmax()])
            rows.append((code, len(mine), float((mine == code).mean()), _tighten(conditions)))
            return
        name, limit = str(x.columns[inner.feature[node]]), float(inner.threshold[node])
        walk(inner.children_left[node], [*conditions, (name, "<=", limit)])
        walk(inner.children_right[node], [*conditions, (name, ">", limit)])

    walk(0, [])
    table = pd.DataFrame(rows, columns=["group", "customers_count", "agreement", "conditions"])
    return table.sort_values("customers_count", ascending=False, kind="stable", ignore_index=True)


def _tighten(conditions: list[tuple[str, str, float]]) -> tuple[tuple[str, str, float], ...]:
    """Of two limits on the same side the tighter one, which is the later."""
    return tuple((name, side, limit) for (name, side), limit in {(n, s): v for n, s, v in conditions}.items())


def _conditions(conditions: tuple[tuple[str, str, float], ...], language: terms.Language) -> list[str]:
    """A phrase a feature, both of its limits in one."""
    out = []
    for name in dict.fromkeys(n for n, _, _ in conditions):
        limits = {side: _value(name, limit, language) for n, side, limit in conditions if n == name}
        try:
            title = terms.label(name, language)
        except KeyError:  # a reader's own column goes by its own name
            title = name
        low, high = limits.get(">"), limits.get("<=")
        if language == "zh":
            out.append(f"{title}{f'在{low}与{high}之间' if low and high else f'高于{low}' if low else f'不超过{high}'}")
        else:
            words = f"between {low} and {high}" if low and high else f"above {low}" if low else f"at most {high}"
            out.append(f"{title.lower()} {words}")
    return out


def _value(name: str, limit: float, language: terms.Language) -> str:
    unit = terms.unit(name, language)
    if unit == "%":
        return f"{limit:.0%}"
    number = f"{limit:,.3g}" if abs(limit) < 1000 else f"{limit:,.0f}"
    return f"{number}{unit}" if language == "zh" else f"{number} {unit}".strip()
