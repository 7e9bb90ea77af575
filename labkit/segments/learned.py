"""What customers declare, told from their load alone: decision tree, logit, forest, boosted trees, out of sample."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from labkit import terms
from labkit.estimates import Estimate, estimate_ratio, estimate_share
from labkit.segments.errors import SegmentError
from labkit.segments.result import UNKNOWN, Segmentation
from labkit.segments.shapes import Shapes

LearnedMethod = Literal["logit", "tree", "forest", "boosted"]
LEARNED_METHODS: tuple[LearnedMethod, ...] = ("logit", "tree", "forest", "boosted")
#: What is given together with the label, or because of it: such columns know the answer.
DEFINING: dict[str, frozenset[str]] = {
    "customer_class": frozenset({"customer_class", "industry_code", "tariff_id", "average_price_yuan_per_kwh", "segment"}),
    "industry": frozenset({"industry_code", "industry", "customer_class", "tariff_id", "segment"}),
}  # fmt: skip
#: Of cases a class needs to be learned.
FEWEST_CASES = 5
#: Groups up to which one at a time is left out; beyond they are put into folds.
_MOST_LEFT_OUT = 20


@dataclass(frozen=True, eq=False)
class Learned:
    """Classes foretold from load.

    Attributes
    ----------
    segmentation : Segmentation
        Each customer's class as foretold by a model that has not seen it; certainty is its chance.
    accuracy : Estimate
        Share foretold right, out of sample; interval over groups where there are groups (Wilson otherwise).
    naive : float
        Accuracy of always naming the most frequent class.
    chances : DataFrame
        Out-of-sample chance of each class, by customer_id.
    confusion : DataFrame
        ``declared``, ``seen``, ``customers_count``.
    """

    segmentation: Segmentation
    accuracy: Estimate
    naive: float
    chances: pd.DataFrame
    confusion: pd.DataFrame


def shape_features(shapes: Shapes) -> pd.DataFrame:
    """Features of shapes for `learn_classes`: logarithms of load over mean load, one a typical hour.

    Notes
    -----
    0.05 is added first, so that a quiet hour is low and not endless. Logarithms let a linear model see ratios between hours.
    """
    return np.log(shapes.values + 0.05)


def learn_classes(
    features: pd.DataFrame,
    declared: pd.Series,
    method: LearnedMethod = "logit",
    *,
    groups: pd.Series | None = None,
    target: str = "customer_class",
    folds: int = 5,
    seed: int = 0,
    allow: Collection[str] = (),
    distrust: Collection[str] = (),
) -> Learned:
    """Foretell a declared class from load, each customer by a model that has not seen it.

    Parameters
    ----------
    features : DataFrame
        Numbers by customer_id, such as of `shape_features`.
    declared : Series
        Class by customer_id; customers without features, or of a class with fewer than `FEWEST_CASES`, are ``unknown``.
    method : {"logit", "tree", "forest", "boosted"}
    groups : Series, optional
        By customer_id, such as the city or the owner: customers of a group are never on both sides.
    target : str
        What is foretold: names the categories, and which columns define it (`DEFINING`).
    folds, seed : int
    allow : collection of str
        Columns that are let in though they look like the label.
    distrust : collection of str
        Customers that are foretold but not learned from, since what they declare is doubted.

    Notes
    -----
    The logit is the default because it does well where both were tried. 144 simulated buildings of 16 types, accuracy with one
    city held out, two, five of nine, one held out with 5 % noise on each hour, and read from half a year only: logit 0.98,
    0.97, 0.97, 0.98, 0.95 to 0.98; linear discriminant 0.98, 0.98, 0.97, 0.98, 0.96; forest 0.95, 0.95, 0.92, 0.94, 0.93; tree
    0.89, 0.87, 0.76, 0.85, 0.82. Class of the sample's customers, each of which is several kinds: logit 0.991, forest 1.000,
    boosted 1.000, discriminant 0.943. A weaker penalty of the logit (C of 1 for 10) costs 0.01 on the buildings: nothing is tuned
    finely. Chances are not calibrated where groups shift.

    Raises
    ------
    SegmentError
        If a feature defines the label, by its name or because it alone tells all classes; if features are no numbers
        or missing; if there are fewer than two classes.

    Examples
    --------
    >>> x = pd.DataFrame({"night": [0.1, 0.2, 0.15, 0.2, 0.1, 0.3] * 4, "day": [3.0, 2.0, 2.5, 0.3, 0.2, 0.1] * 4})
    >>> y = pd.Series(["shop"] * 3 + ["home"] * 3).take([0, 1, 2, 3, 4, 5] * 4).reset_index(drop=True)
    >>> learn_classes(x, y, "tree", allow=["day"]).accuracy.value
    1.0
    """
    if method not in LEARNED_METHODS:
        raise SegmentError(f"method is {method!r}, expected one of {', '.join(LEARNED_METHODS)}")
    x, y = _cases(features, declared)
    refuse_defining(x, y, target, allow)
    model, codes = _model(method, seed), sorted(y.unique())
    chances, trusted = pd.DataFrame(0.0, x.index, codes), ~x.index.isin(list(distrust))
    for train, test in _splits(x, y, None if groups is None else groups.reindex(x.index), folds, seed):
        train = train[trusted[train]]
        fitted = model.fit(x.to_numpy()[train], y.to_numpy()[train])
        chances.loc[x.index[test], list(fitted.classes_)] = fitted.predict_proba(x.to_numpy()[test])
    seen = chances.idxmax(axis=1).astype(object)
    right = (seen == y).astype(float)
    if groups is None:
        accuracy = estimate_share(int(right.sum()), len(right))
    else:
        by_group = right.groupby(groups.reindex(x.index))
        among = estimate_ratio(by_group.sum().to_numpy(), by_group.size().to_numpy())
        accuracy = replace(among, low=max(among.low, 0.0), high=min(among.high, 1.0))  # a share, whatever its interval
    whole = _model(method, seed).fit(x.to_numpy()[trusted], y.to_numpy()[trusted])
    segmentation = _segmentation(f"learned {target}", x, declared, seen, chances, whole, codes, target)
    confusion = pd.DataFrame({"declared": y, "seen": seen}).value_counts().rename("customers_count").reset_index()
    return Learned(segmentation, accuracy, float(y.value_counts(normalize=True).iloc[0]), chances, confusion)


def refuse_defining(x: pd.DataFrame, y: pd.Series, target: str, allow: Collection[str] = ()) -> None:
    """Refuse features that define the label: by name (`DEFINING`), or because they alone tell all classes apart.

    Notes
    -----
    Alone: the column takes few values, as codes do (no more than a fifth of the cases, or two a class), and a tree with one
    leaf a class on it is right in 99.9 % of the cases.
    """
    asked = [c for c in x.columns if c not in allow]
    named = [c for c in asked if c in DEFINING.get(target, frozenset()) | {target}]
    if named:
        raise SegmentError(f"features: {named[0]} defines {target}, or follows from it; leave it out")
    few = [c for c in asked if x[c].nunique() <= max(2 * y.nunique(), 0.2 * len(x))]
    for column in few:
        alone = DecisionTreeClassifier(max_leaf_nodes=max(2, y.nunique()), random_state=0).fit(
            x[[column]].to_numpy(), y
        )
        if alone.score(x[[column]].to_numpy(), y) >= 0.999:
            raise SegmentError(
                f"features: {column} alone tells every {target}, so it looks like the label itself; "
                f"leave it out, or name it in allow= if it is truly measured"
            )


def _cases(features: pd.DataFrame, declared: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    words = [str(c) for c in features.columns if not pd.api.types.is_numeric_dtype(features[c])]
    if words:
        raise SegmentError(f"features: {words[0]} holds no numbers; give loads or shares of them")
    gaps = features.columns[features.isna().any()]
    if len(gaps):
        raise SegmentError(
            f"features: {gaps[0]} is missing for some customers; leave these customers or the column out"
        )
    y = declared.reindex(features.index).dropna().astype(str).astype(object)
    enough = y.value_counts()
    y = y[y.isin(enough[enough >= FEWEST_CASES].index)]
    if y.nunique() < 2:
        raise SegmentError(f"declared: fewer than two classes have {FEWEST_CASES} customers with features; bring more")
    return features.loc[y.index].astype(float), y


def _model(method: LearnedMethod, seed: int) -> Any:
    if method == "logit":
        return make_pipeline(StandardScaler(), LogisticRegression(C=10, max_iter=5000))
    if method == "tree":
        return DecisionTreeClassifier(min_samples_leaf=3, random_state=seed)
    if method == "forest":
        return RandomForestClassifier(200, min_samples_leaf=2, random_state=seed)
    # Without threads of its own: those of the histogram kind stall on a busy machine.
    return GradientBoostingClassifier(
        n_estimators=60, max_depth=3, max_features="sqrt", subsample=0.7, random_state=seed
    )


def _splits(x: pd.DataFrame, y: pd.Series, groups: pd.Series | None, folds: int, seed: int) -> Any:
    if groups is None:
        n = min(folds, int(y.value_counts().min()))
        return StratifiedKFold(n, shuffle=True, random_state=seed).split(x, y)
    if groups.isna().any() or groups.nunique() < 2:
        raise SegmentError("groups: expected a group for each customer, two groups or more")
    splitter = LeaveOneGroupOut() if groups.nunique() <= _MOST_LEFT_OUT else GroupKFold(folds)
    return splitter.split(x, y, groups)


def _segmentation(
    name: str, x: pd.DataFrame, declared: pd.Series, seen: pd.Series, chances: pd.DataFrame, model: Any, codes: list[str], target: str
) -> Segmentation:  # fmt: skip
    ids = declared.index.union(x.index)
    labels = seen.reindex(ids).fillna(UNKNOWN).rename("group")
    certainty = chances.max(axis=1).reindex(ids).fillna(0.0).clip(0, 1).rename("certainty")
    why = pd.Series(np.where(labels == UNKNOWN, "not_learned", ""), ids, dtype=object)
    names = {code: (terms.category(target, code), terms.category(target, code, "zh")) for code in codes}

    def place(new: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
        if list(new.columns) != list(x.columns):
            raise SegmentError("features: expected the columns the classes were learned from, in their order")
        chance = model.predict_proba(new.to_numpy(dtype=float))
        found = pd.Series(np.asarray(model.classes_)[chance.argmax(axis=1)], new.index, dtype=object)
        return found, pd.Series(chance.max(axis=1), new.index).clip(0, 1), pd.Series("", new.index, dtype=object)

    profiles = x.groupby(seen).mean()
    return Segmentation(name, labels, certainty, names, profiles.iloc[:, :0], place, why, {"target": target})
