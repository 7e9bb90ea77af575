"""Why a forecast of leaving looks better than it is: the traps, one finding each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from labkit.loyalty.errors import LoyaltyError

#: Area under the curve of a single column above which it is no forecast but the answer.
TOO_GOOD = 0.97
#: What each trap is and what to do, English and Chinese.
TRAPS: dict[str, tuple[str, str]] = {
    "same_customer": (
        "A customer is on both sides of the split: the model knows it by heart. Split by customer.",
        "同一客户同时出现在训练集和检验集，模型只是记住了它；请按客户划分。",
    ),
    "sibling": (
        "Accounts of one legal entity are on both sides: they leave together. Split by entity.",
        "同一法人名下的户号分处训练集和检验集，它们往往同时离开；请按法人划分。",
    ),
    "same_values": (
        "Rows with all features the same are on both sides, as after oversampling before the split. Split first, resample the "
        "training part only, if at all.",
        "划分前做过重采样，特征完全相同的行分处两侧；应先划分，且只在训练集内重采样（一般不必）。",
    ),
    "later_date": (
        "A date lies after the reference date: it was not known then. Leave the column out, or take its value of that day.",
        "日期晚于参考日，当时不可能知道；请删去该列或取当日的值。",
    ),
    "later_column": (
        "The column was filled after the reference date, by what its source says. Leave it out.",
        "该列在参考日之后才产生；请删去。",
    ),
    "tells_alone": (
        "A single column tells who leaves nearly without fail: look whether it is written down only as the customer leaves.",
        "单独一列几乎就能判定去留；请核实它是否在离开时才被记录。",
    ),
    "missing_tells": (
        "Whether the column is missing tells who leaves nearly without fail: it is filled on leaving, or wiped.",
        "该列是否缺失几乎就能判定去留：多半是离开时才填写或被清空。",
    ),
    "copy_of_target": ("The column is the target under another name. Leave it out.", "该列就是目标变量的另一种写法；请删去。"),
    "customer_number": (
        "The column numbers customers, and the number tells who leaves: the table is sorted by the answer. Leave it out.",
        "该列是客户编号且与去留相关，说明表按结果排过序；请删去。",
    ),
    "no_gap": (
        "The gap between the last training date and the test date is shorter than the time in which leaving is counted, so "
        "training labels reach into the test. Leave a gap of at least that time.",
        "训练截止日与检验日的间隔短于统计流失的时长，训练标签已伸入检验期；间隔至少应与该时长相等。",
    ),
    "hard_labels": (
        "The score has two values only: the area under the curve was worked out on decisions, not on chances.",
        "得分只有两个取值：AUC 是按判定结果而非概率计算的。",
    ),
    "inverted_labels": (
        "Those with high scores leave less often: label or score is upside down.",
        "得分高者反而更少离开：标签或得分方向颠倒。",
    ),
    "most_leave": (
        "More than half are marked as leaving: 1 may stand for those who stay.",
        "被标为离开者超过一半：1 可能表示留存。",
    ),
}  # fmt: skip


def find_leaks(
    table: pd.DataFrame,
    target: str,
    *,
    id: str | None = None,
    group: str | None = None,
    time: str | None = None,
    reference_date: object | None = None,
    known_later: Sequence[str] = (),
    train: ArrayLike | None = None,
    test: ArrayLike | None = None,
    horizon_days: float | None = None,
    score: ArrayLike | None = None,
) -> pd.DataFrame:
    """Traps in a table, a split and a score of who leaves.

    Parameters
    ----------
    table : DataFrame
        A row a customer, or a customer and date.
    target : str
        Column: 1 for those who leave.
    id, group : str, optional
        Columns: customer; legal entity.
    time : str, optional
        Column: date as of which a row was known; a reference date of each row.
    reference_date : date-like, optional
        Of all rows.
    known_later : sequence of str
        Columns that a data dictionary says are filled later.
    train, test : array_like of bool, optional
        Rows of the split.
    horizon_days : float, optional
        Time after the reference date in which leaving counts.
    score : array_like, optional
        Of the test rows, or of all.

    Returns
    -------
    DataFrame
        ``trap`` (of `TRAPS`), ``column``, ``evidence`` (counts and shares, no customer), ``en``, ``zh``; empty if none was found.
        An empty table is no proof that there is none.

    Raises
    ------
    LoyaltyError
        If the target is not there or has other values than 0 and 1, or a split does not fit the table.

    Examples
    --------
    >>> table = pd.DataFrame({"id": [1, 2, 1, 3], "x": [1.0, 2, 3, 4], "left": [0, 1, 0, 1]})
    >>> find_leaks(table, "left", id="id", train=[1, 1, 0, 0], test=[0, 0, 1, 1])["trap"].tolist()
    ['same_customer']
    """
    y = read_target(table, target)
    parts = [np.zeros(len(table), bool) if p is None else np.asarray(p, dtype=bool) for p in (train, test)]
    if any(len(p) != len(table) for p in parts):
        raise LoyaltyError(f"train and test must mark the {len(table)} rows of the table; give one value a row")
    found: list[tuple[str, str, str]] = []
    aside = {target, id, group, time} - {None}
    features = [c for c in table.columns if c not in aside]
    found += _split_traps(table, features, id, group, *parts)
    found += _date_traps(table, features, time, reference_date, known_later)
    found += _column_traps(table, features, y, id)
    if time is not None and horizon_days is not None and parts[0].any() and parts[1].any():
        when = pd.to_datetime(table[time])
        gap = (when[parts[1]].min() - when[parts[0]].max()).days
        if gap < horizon_days:
            found.append(("no_gap", time, f"gap {gap} days, horizon {horizon_days:g}"))
    if y.mean() > 0.5:
        found.append(("most_leave", target, f"{y.mean():.1%} marked"))
    if score is not None:
        found += _score_traps(np.asarray(score, dtype=float), y, parts[1])
    rows = [(trap, column, evidence, *TRAPS[trap]) for trap, column, evidence in found]
    return pd.DataFrame(rows, columns=["trap", "column", "evidence", "en", "zh"])


def read_target(table: pd.DataFrame, target: str) -> np.ndarray:
    """The target as 0 and 1.

    Raises
    ------
    LoyaltyError
        If it is not there, has other values or missing ones, or only one of both.
    """
    if target not in table:
        raise LoyaltyError(f"the table has no column {target}; its columns are {', '.join(map(str, table))}")
    values = table[target]
    if values.isna().any() or not pd.Series(pd.to_numeric(values, errors="coerce")).isin((0, 1)).all():
        raise LoyaltyError(f"{target} has values other than 0 and 1, or missing ones; 1 is for those who leave")
    y = pd.to_numeric(values).to_numpy(dtype=float)
    if y.min() == y.max():
        raise LoyaltyError(
            f"{target} is {y[0]:g} in all rows: {'all' if y[0] else 'none'} leave, so nothing can be learned"
        )
    return np.asarray(y)


def _split_traps(
    table: pd.DataFrame, features: list[str], id: str | None, group: str | None, train: np.ndarray, test: np.ndarray
) -> list[tuple[str, str, str]]:
    if not train.any() or not test.any():
        return []
    found = []
    shared_ids: set[object] = set()
    for trap, column in (("same_customer", id), ("sibling", group)):
        if column is None:
            continue
        both = set(table.loc[train, column].dropna()) & set(table.loc[test, column].dropna())
        if trap == "same_customer":
            shared_ids = both
        elif id is not None:
            mixed = table[table[column].isin(both) & ~table[id].isin(shared_ids)]
            both = {g for g in both if g in set(mixed[column])}
        if both:
            rows = int(table.loc[test, column].isin(both).sum())
            found.append((trap, column, f"{len(both)} on both sides, {rows} of {int(test.sum())} test rows"))
    if features:
        key = pd.util.hash_pandas_object(table[features], index=False)
        fresh = test if id is None else test & ~table[id].isin(shared_ids).to_numpy()
        again = key[fresh].isin(set(key[train]))
        if len(features) >= 3 and again.mean() > 0.01 and again.sum() >= 5:
            found.append(
                ("same_values", "", f"{int(again.sum())} of {int(fresh.sum())} test rows stand in training too")
            )
    return found


def _date_traps(
    table: pd.DataFrame, features: list[str], time: str | None, reference: object, known_later: Sequence[str]
) -> list[tuple[str, str, str]]:
    found = [("later_column", c, "named as filled later") for c in known_later if c in features]
    limit = pd.to_datetime(table[time]) if time is not None else None
    if limit is None and reference is not None:
        limit = pd.Series(pd.Timestamp(str(reference)), table.index)
    if limit is None:
        return found
    for column in features:
        if column in known_later:
            continue
        dates = as_dates(table[column])
        if dates is None:
            continue
        after = dates > limit
        if after.any():
            found.append(("later_date", column, f"{int(after.sum())} of {len(table)} rows"))
    return found


def as_dates(values: pd.Series) -> pd.Series | None:
    """A column as dates, or None if it holds none."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.tz_localize(None) if values.dt.tz is not None else values
    if pd.api.types.is_numeric_dtype(values):
        return None
    text = values.dropna().astype(str)
    if text.empty or not text.str.match(r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}").mean() > 0.9:
        return None
    plain = values.astype("string").str.slice(0, 10).str.replace(r"[/.]", "-", regex=True)
    return pd.to_datetime(plain, errors="coerce", format="%Y-%m-%d")


def single_auc(x: np.ndarray, y: np.ndarray) -> float:
    """How well one column alone orders those who leave, whichever way; 0.5 is not at all."""
    auc = _area(x, y)
    return max(auc, 1 - auc)


def _area(x: np.ndarray, y: np.ndarray) -> float:
    """Chance that one who leaves has a higher value than one who stays."""
    n1 = y.sum()
    return float((rankdata(x)[y == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * (len(y) - n1)))


def _column_traps(
    table: pd.DataFrame, features: list[str], y: np.ndarray, id: str | None
) -> list[tuple[str, str, str]]:
    found = []
    for column in [*features, *([id] if id else [])]:
        values = table[column]
        missing = values.isna().to_numpy()
        numeric = pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)
        code = values.to_numpy(dtype=float) if numeric else pd.factorize(values, sort=False)[0].astype(float)
        if column == id or (not numeric and values.nunique() > 0.9 * len(values)):
            order = pd.factorize(values, sort=True)[0].astype(float)
            if values.nunique() > 0.9 * len(values) and len(y) >= 50 and single_auc(order, y) > 0.8:
                found.append(
                    ("customer_number", column, f"its order alone reaches an area of {single_auc(order, y):.2f}")
                )
            continue
        if missing.any() and not missing.all() and single_auc(missing.astype(float), y) > TOO_GOOD:
            found.append(
                (
                    "missing_tells",
                    column,
                    f"{missing.mean():.1%} missing, area {single_auc(missing.astype(float), y):.2f}",
                )
            )
            continue
        known = ~missing
        if known.sum() < 20 or len(np.unique(y[known])) < 2:
            continue
        x, t = code[known], y[known]
        if len(np.unique(x)) == 2 and ((x == x.max()) == (t == 1)).mean() in (0.0, 1.0):
            found.append(("copy_of_target", column, "equal in all rows"))
            continue
        if not numeric:
            rate = pd.Series(t).groupby(x).transform("mean").to_numpy()
            x = rate if len(np.unique(x)) <= max(len(t) // 20, 2) else x
        if single_auc(x, t) > TOO_GOOD:
            found.append(("tells_alone", column, f"area {single_auc(x, t):.3f} alone"))
    return found


def _score_traps(score: np.ndarray, y: np.ndarray, test: np.ndarray) -> list[tuple[str, str, str]]:
    own = y if len(score) == len(y) else y[test]
    if len(score) != len(own):
        raise LoyaltyError(
            f"there are {len(score)} scores for {len(own)} rows; give one a row of the table or of the test part"
        )
    known = np.isfinite(score)
    s, t = score[known], own[known]
    found = []
    if len(np.unique(s)) <= 2:
        found.append(("hard_labels", "", f"{len(np.unique(s))} values"))
    if len(np.unique(t)) == 2:
        auc, n1 = _area(s, t), t.sum()
        spread = np.sqrt((len(t) + 1) / (12 * n1 * (len(t) - n1)))
        if auc < 0.5 - 1.96 * spread:
            found.append(("inverted_labels", "", f"area {auc:.3f}"))
    return found
