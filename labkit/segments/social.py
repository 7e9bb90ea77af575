"""Customers by what they are: class, industry, size, place; and whether they behave like what they declare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit import terms
from labkit.estimates import Estimate
from labkit.segments.errors import SegmentError
from labkit.segments.learned import LearnedMethod, learn_classes
from labkit.segments.result import UNKNOWN, Segmentation, by_rule, need_columns

#: Sections of GB/T 4754-2017 by the letter of an industry code.
INDUSTRIES: dict[str, tuple[str, str]] = {
    "A": ("Farming, forestry, fishing", "农、林、牧、渔业"),
    "B": ("Mining", "采矿业"),
    "C": ("Manufacturing", "制造业"),
    "D": ("Power, heat, gas, water", "电力、热力、燃气及水生产和供应业"),
    "E": ("Construction", "建筑业"),
    "F": ("Wholesale and retail", "批发和零售业"),
    "G": ("Transport, storage, post", "交通运输、仓储和邮政业"),
    "H": ("Hotels and catering", "住宿和餐饮业"),
    "I": ("Information technology", "信息传输、软件和信息技术服务业"),
    "J": ("Finance", "金融业"),
    "K": ("Real estate", "房地产业"),
    "L": ("Leasing and business services", "租赁和商务服务业"),
    "M": ("Research and technical services", "科学研究和技术服务业"),
    "N": ("Water and public facilities", "水利、环境和公共设施管理业"),
    "O": ("Resident services, repair", "居民服务、修理和其他服务业"),
    "P": ("Education", "教育"),
    "Q": ("Health and social work", "卫生和社会工作"),
    "R": ("Culture, sports, entertainment", "文化、体育和娱乐业"),
    "S": ("Public administration", "公共管理、社会保障和社会组织"),
    "T": ("International organisations", "国际组织"),
}
#: Capacity from which a customer is of a size [kVA]; 315 kVA is where two-part tariffs begin.
SIZES_KVA = {"small": 0.0, "medium": 50.0, "large": 315.0}
_SIZE_NAMES = {"small": ("Small", "小容量"), "medium": ("Medium", "中等容量"), "large": ("Large", "大容量")}


def classify_by(customers: pd.DataFrame, column: str, *, name: str = "") -> Segmentation:
    """Customers by a column of words, such as ``customer_class``, ``settlement`` or ``area_id``; largest group first.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id`` and the column; where it is missing the customer is ``unknown``.

    Examples
    --------
    >>> two = pd.DataFrame({"customer_id": ["a", "b"], "settlement": ["urban", None]})
    >>> classify_by(two, "settlement").describe("zh")["group"].tolist()
    ['城区', '无法判断']
    """
    need_columns(customers, ["customer_id", column], "customers")
    return _by_words(customers, lambda frame: frame[column], name or column, column, {})


def classify_industry(customers: pd.DataFrame) -> Segmentation:
    """Customers by the section of their industry (GB/T 4754-2017), from ``industry_code``; ``unknown`` without one."""
    need_columns(customers, ["customer_id", "industry_code"], "customers")

    def section(frame: pd.DataFrame) -> pd.Series:
        letter = frame["industry_code"].astype("string").str.strip().str[:1].str.upper()
        return letter.where(letter.isin(list(INDUSTRIES))).astype(object)

    return _by_words(customers, section, "industry", "industry", INDUSTRIES)


def classify_size(customers: pd.DataFrame, sizes: dict[str, float] | None = None) -> Segmentation:
    """Customers by contracted capacity, ``capacity_kva``.

    Parameters
    ----------
    customers : DataFrame
    sizes : dict, optional
        Code -> capacity from which it holds [kVA], rising; `SIZES_KVA` by default.
    """
    need_columns(customers, ["customer_id", "capacity_kva"], "customers")
    limits = SIZES_KVA if sizes is None else sizes
    if list(limits.values()) != sorted(limits.values()) or not limits:
        raise SegmentError(f"sizes: expected capacities that rise, but they are {list(limits.values())}")

    def size(frame: pd.DataFrame) -> pd.Series:
        kva = frame["capacity_kva"].astype(float)
        at = np.searchsorted(np.array(list(limits.values())), kva.fillna(-1.0).to_numpy(), side="right") - 1
        return pd.Series(np.array(list(limits), dtype=object)[at.clip(0)], frame.index).where(kva.notna() & (at >= 0))

    names = {c: _SIZE_NAMES.get(c, (c, c)) for c in limits}
    found = _by_words(customers, size, "size", "size", names)
    return Segmentation(
        found.name, found.labels, found.certainty, names, found.profiles, found.assigner, found.why,
        {f"{code}_from_kva": limit for code, limit in limits.items()},
    )  # fmt: skip


def _by_words(customers: pd.DataFrame, read, name: str, column: str, names: dict[str, tuple[str, str]]) -> Segmentation:  # type: ignore[no-untyped-def]
    def place(new: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
        frame = new.set_index("customer_id")
        code = read(frame).astype(object)
        known = code.notna() & (code != UNKNOWN)
        if new is not customers:
            known &= code.isin(list(told))
        return by_rule(code, known, "not_stated")

    told: dict[str, tuple[str, str]] = {}
    labels, certainty, why = place(customers)
    order = [str(c) for c in labels[labels != UNKNOWN].value_counts().index]
    told |= {c: names.get(c, (terms.category(column, c), terms.category(column, c, "zh"))) for c in order}
    return Segmentation(
        name, labels, certainty, told, pd.DataFrame(index=pd.Index(order)), place, why, {"column": column}
    )


@dataclass(frozen=True, eq=False)
class DeclaredSeen:
    """Customers whose load does not look like what they declare.

    Attributes
    ----------
    table : DataFrame
        Least likely first: ``customer_id``, ``declared``, ``seen``, ``chance_declared``, ``chance_seen``; all customers with a
        load whose chance of the declared class is below the threshold.
    checked_count : int
        Customers that were judged.
    accuracy : Estimate
        Of the class foretold, out of sample: how far such a list can be trusted.
    by_class : DataFrame
        ``declared``, ``customers_count``, ``listed_count``.
    """

    table: pd.DataFrame
    checked_count: int
    accuracy: Estimate
    by_class: pd.DataFrame


def compare_declared(
    features: pd.DataFrame,
    declared: pd.Series,
    *,
    below: float = 0.1,
    method: LearnedMethod = "forest",
    target: str = "customer_class",
    groups: pd.Series | None = None,
    seed: int = 0,
) -> DeclaredSeen:
    """Who behaves unlike what it declares, such as a home that behaves like a shop.

    Parameters
    ----------
    features : DataFrame
        Load by customer_id, of `labkit.segments.shape_features`.
    declared : Series
        Class by customer_id.
    below : float
        Customers are listed whose cross-validated chance of the declared class is less.
    method, target, groups, seed
        As of `learn_classes`.

    Notes
    -----
    Each customer is judged by a model that has not seen it, twice: the second time nobody is learned from whose declared class
    was unlikely the first time (Northcutt et al. 2021, doi:10.1613/jair.1.12125). A forest is the default: a logit bends
    to the few who are wrongly declared. A low chance is a reason to look, no proof: kinds of use
    that are rare within a class look like another class.
    """
    if not 0 < below < 1:
        raise SegmentError(f"below is {below}, expected a chance between 0 and 1")
    found = learn_classes(features, declared, method, groups=groups, target=target, seed=seed)
    doubted = _chance_declared(found.chances, declared)
    doubted = doubted[doubted < 0.5]
    # Those who are wrongly declared teach the model their kind; the second time nobody learns from the doubted.
    chances = learn_classes(
        features, declared, method, groups=groups, target=target, seed=seed, distrust=doubted.index
    ).chances
    own, chance = declared.reindex(chances.index).astype(str), _chance_declared(chances, declared)
    table = pd.DataFrame(
        {"declared": own, "seen": chances.idxmax(axis=1), "chance_declared": chance, "chance_seen": chances.max(axis=1)}
    ).rename_axis("customer_id")
    listed = (
        table[(chance < below) & (table["seen"] != own)].sort_values("chance_declared", kind="stable").reset_index()
    )
    counts = own.value_counts()
    by_class = pd.DataFrame(
        {"declared": counts.index, "customers_count": counts.to_numpy(),
         "listed_count": [int((listed["declared"] == c).sum()) for c in counts.index]}
    )  # fmt: skip
    return DeclaredSeen(listed, len(own), found.accuracy, by_class)


def _chance_declared(chances: pd.DataFrame, declared: pd.Series) -> pd.Series:
    own = declared.reindex(chances.index).astype(str)
    return pd.Series(chances.to_numpy()[np.arange(len(own)), chances.columns.get_indexer(own)], own.index)
