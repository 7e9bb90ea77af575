"""Who is going to leave, tried honestly: other customers, later dates, a gap between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from labkit.estimates import Estimate
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.leaks import as_dates, find_leaks, read_target
from labkit.scores import calibrate, compare_auc, measure_auc

MODELS = ("logit", "boosted")
#: Part of the customers that would be approached.
TOP = 0.10
_FEW = 20


@dataclass(frozen=True, eq=False)
class ChurnModel:
    """A forecast of leaving, and what it is good for on customers it has not seen.

    Attributes
    ----------
    measures : DataFrame
        ``model``, ``measure``, ``value``, ``low``, ``high``: ``auc``, ``brier``, ``intercept`` and ``slope`` of the
        calibration, ``lift`` in the top tenth, ``money_lift``: share of what leavers are worth in the top tenth by
        chance times value, over a tenth (if a value was given).
    gain : Estimate
        How much higher the area of the better model is than that of the other.
    best : str
        The model with the higher area; the logit unless the other is surely better.
    deciles : DataFrame
        Of the best: ``decile`` (1 the highest chances), ``customers_count``, ``expected_share``, ``left_share``, ``value_left_share``.
    folds : DataFrame
        ``fold``, ``train_count``, ``test_count``, ``left_count``, and ``train_until``, ``test_from`` where there are dates.
    scores : DataFrame
        ``row`` of the table, ``y``, a column of chances a model: out of the fold.
    leaks : DataFrame
        Of `find_leaks`, on the table and on the splits.
    out_of_time : bool
    features : tuple of str
    left_out : dict of str to str
        Columns that were not used, and why.
    """

    measures: pd.DataFrame
    gain: Estimate | None
    best: str
    deciles: pd.DataFrame
    folds: pd.DataFrame
    scores: pd.DataFrame
    leaks: pd.DataFrame
    out_of_time: bool
    features: tuple[str, ...]
    left_out: dict[str, str]
    _fitted: dict[str, Any]

    def predict(self, table: pd.DataFrame, model: str | None = None) -> pd.Series:
        """Chance of leaving of customers in a table with the same columns."""
        absent = [c for c in self.features if c not in table]
        if absent:
            raise LoyaltyError(f"the table has no column {absent[0]}; the model wants {', '.join(self.features)}")
        chosen = self._fitted[model or self.best]
        return pd.Series(chosen.predict_proba(_clean(table, self.features))[:, 1], table.index, name="leaves_share")


def churn_model(
    table: pd.DataFrame,
    target: str,
    *,
    id: str | None = None,
    group: str | None = None,
    time: str | None = None,
    horizon_days: float | None = None,
    value: str | None = None,
    features: Sequence[str] | None = None,
    known_later: Sequence[str] = (),
    reference_date: object | None = None,
    models: Sequence[str] = MODELS,
    folds: int = 5,
    seed: int = 0,
) -> ChurnModel:
    """Forecast who leaves, and try it on other customers and later dates.

    Parameters
    ----------
    table : DataFrame
        Any tidy table: a row a customer, or a customer and date.
    target : str
        Column: 1 for those who leave (within the horizon).
    id, group : str, optional
        Customer; legal entity. Neither stands on both sides of a split.
    time : str, optional
        Date as of which a row was known. With three dates or more, folds are out of time: trained up to a gap
        of ``horizon_days`` before the test date.
    horizon_days : float, optional
        Time in which leaving counts; wanted with ``time``.
    value : str, optional
        What each customer is worth [yuan]; not a feature.
    features : sequence of str, optional
        All other columns by default.
    known_later, reference_date
        As of `find_leaks`; columns with dates after the reference are left out.
    models : sequence of str
        ``logit`` (ridge) and ``boosted`` (trees).
    folds, seed : int
        Without dates.

    Raises
    ------
    LoyaltyError
        If the target cannot be, fewer than 20 leave or stay, nothing is left to learn from, or no later date can be tried.

    Notes
    -----
    No resampling: chances are to be chances. Intervals of the area by DeLong, taken together by group (or customer).
    What is found here says who leaves, not who stays when approached: see `retention_policy`.
    """
    y = read_target(table, target)
    if min(y.sum(), (1 - y).sum()) < _FEW:
        raise LoyaltyError(f"{int(y.sum())} of {len(y)} leave; a forecast wants {_FEW} or more of either kind")
    if time is not None and horizon_days is None:
        raise LoyaltyError("`time` wants `horizon_days`, so that training labels do not reach into the test")
    unknown = [m for m in models if m not in MODELS]
    if unknown or not models:
        raise LoyaltyError(f"models are {list(models)}, expected some of {', '.join(MODELS)}")
    absent = [c for c in (id, group, time, value, *(features or ())) if c is not None and c not in table]
    if absent:
        raise LoyaltyError(f"the table has no column {absent[0]}; its columns are {', '.join(map(str, table))}")
    table = table.reset_index(drop=True)
    leaks = find_leaks(
        table, target, id=id, group=group, time=time, reference_date=reference_date, known_later=known_later
    )
    aside = {target, id, group, time, value} - {None}
    names, left_out = _choose_features(table, [c for c in (features or table.columns) if c not in aside], leaks)
    if not names:
        raise LoyaltyError("no column is left to learn from; see find_leaks for why they were taken out")
    units = _units(table, id, group)
    splits, facts = _splits(table, y, units, time, horizon_days, folds, seed)
    out = {m: np.full(len(table), np.nan) for m in models}
    x = _clean(table, names)
    for train, test in splits:
        for model in models:
            out[model][test] = (
                _pipeline(model, x.iloc[train], names, seed)
                .fit(x.iloc[train], y[train])
                .predict_proba(x.iloc[test])[:, 1]
            )
    tried = np.flatnonzero(np.isfinite(out[models[0]]))
    if len(np.unique(y[tried])) < 2 or y[tried].sum() < 2:
        raise LoyaltyError("nobody leaves in the parts that were tried; wait for more departures or take fewer folds")
    worth = None if value is None else table[value].fillna(0).to_numpy(dtype=float)[tried]
    groups = pd.Series(units[tried])
    measures = pd.concat([_measure(m, y[tried], out[m][tried], worth, groups) for m in models], ignore_index=True)
    gain, best = None, models[0]
    if len(models) == 2:
        gain = compare_auc(y[tried], out[models[1]][tried], out[models[0]][tried], groups=groups)
        best = models[1] if gain.low > 0 else models[0]
    scores = pd.DataFrame({"row": tried, "y": y[tried].astype(int), **{m: out[m][tried] for m in models}})
    marks = [
        find_leaks(
            table[[*names, target, *([id] if id else []), *([group] if group and group != id else [])]],
            target,
            id=id,
            group=group,
            train=_mark(a, len(table)),
            test=_mark(b, len(table)),
        )
        for a, b in splits
    ]
    everything = pd.concat([leaks, *marks], ignore_index=True).drop_duplicates(["trap", "column"], ignore_index=True)
    return ChurnModel(
        measures, gain, best, _deciles(y[tried], out[best][tried], worth), facts, scores, everything, time is not None,
        tuple(names), left_out, {m: _pipeline(m, x, names, seed).fit(x, y) for m in models},
    )  # fmt: skip


def _units(table: pd.DataFrame, id: str | None, group: str | None) -> np.ndarray:
    """What must not be split: legal entities; who has none stands for itself."""
    alone = pd.Series(table.index.astype(str), table.index)
    unit = ("id " + table[id].astype(str)).where(table[id].notna(), alone) if id else alone
    if group:
        unit = ("group " + table[group].astype(str)).where(table[group].notna(), unit)
    return np.asarray(pd.factorize(unit)[0])


def _mark(rows: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n, dtype=bool)
    out[rows] = True
    return out


def _choose_features(table: pd.DataFrame, names: list[str], leaks: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """Columns to learn from; those that leak, do not vary or only name customers are left out."""
    left_out = {str(r.column): str(r.trap) for r in leaks.itertuples() if r.column}
    kept = []
    for name in names:
        values = table[name]
        if name in left_out:
            continue
        if as_dates(values) is not None:
            left_out[name] = "a date: give the time since or until it"
        elif values.nunique(dropna=True) < 2 and not (values.isna().any() and values.notna().any()):
            left_out[name] = "does not vary"
        elif not pd.api.types.is_numeric_dtype(values) and values.nunique() > max(50, 0.5 * len(values)):
            left_out[name] = "a name or number of customers"
        else:
            kept.append(str(name))
    return kept, {k: v for k, v in left_out.items() if k in names}


def _clean(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Numbers as floats, words as text with a word of their own for missing."""
    out = {}
    for name in names:
        values = table[name]
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            out[name] = pd.to_numeric(values).astype(float).replace([np.inf, -np.inf], np.nan)
        else:
            out[name] = values.astype(object).where(values.notna(), "missing").astype(str)
    return pd.DataFrame(out).reset_index(drop=True)


def _numbers_and_words(x: pd.DataFrame, names: Sequence[str]) -> tuple[list[str], list[str]]:
    numbers = [n for n in names if pd.api.types.is_numeric_dtype(x[n])]
    # A column of which the training part knows nothing cannot be learned from there.
    return [n for n in numbers if x[n].notna().any()], [n for n in names if n not in numbers]


def _pipeline(model: str, x: pd.DataFrame, names: Sequence[str], seed: int) -> Pipeline:
    numbers, words = _numbers_and_words(x, names)
    hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=0.01, max_categories=30, sparse_output=False
    )
    if model == "logit":
        # Skewed amounts are drawn in, so that a few large customers do not decide the slope.
        squeeze = FunctionTransformer(np.arcsinh, feature_names_out="one-to-one")
        steps = make_pipeline(
            StandardScaler(), squeeze, SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
        )
        shape = ColumnTransformer([("numbers", steps, numbers), ("words", hot, words)])
        return make_pipeline(shape, LogisticRegression(C=0.5, max_iter=2000))
    shape = ColumnTransformer([("numbers", "passthrough", numbers), ("words", hot, words)])
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=300,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=True,
        validation_fraction=0.2,
        random_state=seed,
    )
    return make_pipeline(shape, trees)


def _splits(
    table: pd.DataFrame,
    y: np.ndarray,
    units: np.ndarray,
    time: str | None,
    horizon: float | None,
    folds: int,
    seed: int,
) -> tuple[list[tuple[np.ndarray, np.ndarray]], pd.DataFrame]:
    if time is None:
        count = min(folds, int(pd.Series(units[y == 1]).nunique()))
        if count < 2:
            raise LoyaltyError("all who leave belong to one customer or entity; other customers cannot be tried")
        cut = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
        found = [(a, b) for a, b in cut.split(np.zeros(len(y)), y, units) if y[a].min() != y[a].max()]
        rows = [(i, len(a), len(b), int(y[b].sum()), "", "") for i, (a, b) in enumerate(found, 1)]
    else:
        assert horizon is not None
        when = pd.to_datetime(table[time])
        dates = np.sort(when.unique())
        found, rows = [], []
        for date in dates[1:]:
            early = (when <= date - pd.Timedelta(days=horizon)).to_numpy()
            test = np.flatnonzero((when == date).to_numpy())
            train_all = np.flatnonzero(early)
            if len(train_all) < 2 * _FEW or not 0 < y[train_all].sum() < len(train_all):
                continue
            # Customers of the test are kept out of training: half of the units learn, the other half are tried, and round.
            half = pd.util.hash_array(units.astype(np.int64)) % 2
            for side in (0, 1):
                a, b = train_all[half[train_all] != side], test[half[test] == side]
                if len(b) and len(a) and 0 < y[a].sum() < len(a):
                    found.append((a, b))
                    rows.append(
                        (
                            len(found),
                            len(a),
                            len(b),
                            int(y[b].sum()),
                            str(when.iloc[a].max().date()),
                            str(pd.Timestamp(date).date()),
                        )
                    )
        if not found:
            raise LoyaltyError(
                f"no date of {time} lies {horizon:g} days after another with enough departures before; bring a longer history"
            )
    columns = ["fold", "train_count", "test_count", "left_count", "train_until", "test_from"]
    return found, pd.DataFrame(rows, columns=columns)


def _measure(model: str, y: np.ndarray, p: np.ndarray, worth: np.ndarray | None, groups: pd.Series) -> pd.DataFrame:
    auc = measure_auc(y, p, groups=groups)
    told = calibrate(y, p, groups)
    rows = [("auc", auc.value, auc.low, auc.high), *told.itertuples(index=False, name=None)]
    rng = np.random.default_rng(0)
    n = len(y)
    codes = pd.factorize(groups)[0]
    starts = [np.flatnonzero(codes == g) for g in range(codes.max() + 1)] if codes.max() + 1 < n else None

    def drawn() -> np.ndarray:
        if starts is None:
            return rng.integers(0, n, n)
        return np.concatenate([starts[g] for g in rng.integers(0, len(starts), len(starts))])

    draws = [drawn() for _ in range(200)]
    lifts = [_lift(y[at], p[at], np.ones(len(at))) for at in draws]
    rows.append(("lift", _lift(y, p, np.ones(n)), *np.nanquantile(lifts, [0.025, 0.975])))
    if worth is not None and (worth * y).sum() > 0:
        lifts = [_lift(y[at], p[at] * worth[at], worth[at]) for at in draws]
        rows.append(("money_lift", _lift(y, p * worth, worth), *np.nanquantile(lifts, [0.025, 0.975])))
    frame = pd.DataFrame(rows, columns=["measure", "value", "low", "high"])
    return frame.assign(model=model)[["model", "measure", "value", "low", "high"]]


def _lift(y: np.ndarray, order: np.ndarray, worth: np.ndarray) -> float:
    """Share of what leaves that the top tenth holds, over a tenth."""
    top = np.argsort(-order, kind="stable")[: max(round(TOP * len(y)), 1)]
    total = float((y * worth).sum())
    return float((y[top] * worth[top]).sum() / total / (len(top) / len(y))) if total > 0 else np.nan


def _deciles(y: np.ndarray, p: np.ndarray, worth: np.ndarray | None) -> pd.DataFrame:
    place = pd.Series(-p).rank(method="first").to_numpy()
    decile = ((place - 1) * 10 // len(p) + 1).astype(int)
    frame = pd.DataFrame({"decile": decile, "y": y, "p": p, "left": y * (1.0 if worth is None else worth)})
    table = frame.groupby("decile").agg(
        customers_count=("y", "size"), expected_share=("p", "mean"), left_share=("y", "mean"), left=("left", "sum")
    )
    table["value_left_share"] = table["left"] / table["left"].sum()
    return table.drop(columns="left").reset_index()
