"""Rules: the grammar, its messages, what they select, what they cover."""

from __future__ import annotations

import itertools

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.tags import Scheme, TagError, assign, make_class
from labkit.tags.extents import describe, extent_of, join, leftover, meet
from labkit.tags.rules import All, Among, Any, Between, Compare, Missing, Not, Rule, columns_of, parse_rule

FRAME = pd.DataFrame(
    {
        "customer_id": [f"C{i}" for i in range(8)],
        "kind": ["home", "shop", "home", "plant", None, "shop", "home", "plant"],
        "kva": [8.0, 50.0, 15.0, 315.0, 100.0, np.nan, 8.0, 1000.0],
        "prepaid": [True, False, True, False, False, False, True, False],
    }
)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("kind = 'home'", {0, 2, 6}),
        ("kind != 'home'", {1, 3, 5, 7}),  # who has none is neither
        ("not kind = 'home'", {1, 3, 5, 7}),
        ("kva between 15 and 315", {1, 2, 3, 4}),
        ("kva >= 315 or prepaid", {0, 2, 3, 6, 7}),
        ("kind in ('shop', 'plant') and not kva < 100", {3, 7}),
        ("kind not in ('shop')", {0, 2, 3, 6, 7}),
        ("kva is missing", {5}),
        ("kind is not missing and kva is not missing", {0, 1, 2, 3, 6, 7}),
        ("prepaid = false and (kva < 60 or kind = 'plant')", {1, 3, 7}),
        ("kva > 5e1", {3, 4, 7}),
        ("true", set(range(8))),
        ("false", set()),
        ("NOT prepaid AND kva <= 50.0", {1}),
    ],
)
def test_a_rule_selects_whom_it_says(text: str, members: set[int]) -> None:
    found = assign(FRAME, Scheme.of([make_class("T", rule=text)]))
    assert set(np.flatnonzero(found.extent("T"))) == members


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kva >", r"place 6: expected a number, 'text', true or false, found 'the end'"),
        ("kva = home", r"place 7: .* found 'home'"),
        ("kva > 'x'", r"expected a number after >, found 'x'"),
        ("(kva > 1", r"expected '\)', found 'the end'"),
        ("kva > 1 kind = 'a'", r"place 9: expected 'and', 'or' or the end, found 'kind'"),
        ("kva between 1", r"expected 'and'"),
        ("kva in 1", r"expected '\('"),
        ("kva not > 1", r"expected 'in' after 'not'"),
        ("__import__('os')", r"place 11: expected 'and', 'or' or the end, found '\('"),
        ("kva > 1; drop table x", r"place 8: expected a column, number"),
        ("volts > 1", r"place 1: expected a column of the portrait, found 'volts'"),
        ("", r"expected a column of the portrait, found 'the end'"),
        ("(" * 60 + "kva > 1" + ")" * 60, r"at most 40 deep"),
        ("kva > 1 or " * 500 + "kva > 2", r"at most 4000 characters"),
    ],
)
def test_a_wrong_rule_names_tag_rule_and_place(text: str, says: str) -> None:
    with pytest.raises(TagError, match=says) as caught:
        parse_rule(text, "T7", {"kva", "kind", "__import__"})
    assert "tag 'T7', rule " in str(caught.value)


def test_types_are_compared_only_with_their_own() -> None:
    for rule in ("kind > 3", "kva = 'a'", "prepaid = 'yes'", "kind in (1, 2)"):
        with pytest.raises(TagError, match="tag 'T'"):
            assign(FRAME, Scheme.of([make_class("T", rule=rule)]))


def test_a_column_that_is_not_there_is_told_and_the_rest_goes_on() -> None:
    found = assign(FRAME, Scheme.of([make_class("T", rule="volts > 1"), make_class("U", rule="kva > 1")]))
    assert found.tags == ("U",) and "volts" in found.not_computed["T"]
    with pytest.raises(TagError, match="volts"):
        found.extent("T")


def test_classes_hold_those_of_their_parents() -> None:
    scheme = Scheme.of(
        [
            make_class("R"),
            make_class("H", parents="R", rule="kind = 'home'"),
            make_class("G", parents="H"),
            make_class("B", parents="G", rule="kva > 10"),
            make_class("S", parents="R", rule="kind = 'shop'"),
            make_class("F", parents="H", rule="kva > 10", relation="grouped_by"),
        ]
    )
    found = assign(FRAME, scheme)
    members = {tag: set(np.flatnonzero(found.extent(tag))) for tag in found.tags}
    assert members["B"] == {2} and members["G"] == {2}, "a class without a rule passes on who may be in it"
    assert members["R"] == {0, 1, 2, 5, 6} and members["F"] == {1, 2, 3, 4, 7}
    assert found.counts["H"] == 3 and len(found.to_frame()) == found.matrix.nnz


def test_a_cycle_and_two_rows_of_a_customer() -> None:
    ring = Scheme.of([make_class("A", parents="B", rule="kva > 10"), make_class("B", parents="A", rule="kva < 200")])
    assert set(assign(FRAME, ring).tags) == {"A", "B"}
    with pytest.raises(TagError, match="one row a customer"):
        assign(pd.concat([FRAME, FRAME]), ring)


def test_membership_comes_in_order_of_the_customers() -> None:
    shuffled = FRAME.sample(frac=1, random_state=1)
    one, two = (assign(frame, Scheme.of([make_class("T", rule="kva > 10")])) for frame in (FRAME, shuffled))
    assert (one.customer_ids == two.customer_ids).all() and (one.matrix != two.matrix).nnz == 0
    assert assign(ibis.memtable(FRAME), Scheme.of([make_class("T", rule="kva > 10")])).counts["T"] == 5


# -- a second implementation: rows one by one, in plain Python --------------------------


def holds(rule: Rule, row: dict) -> bool | None:
    """True, false, or None where a value is missing: as in SQL."""
    if isinstance(rule, Not):
        inner = holds(rule.part, row)
        return None if inner is None else not inner
    if isinstance(rule, All | Any):
        parts = [holds(part, row) for part in rule.parts]
        decides = isinstance(rule, Any)
        return decides if decides in parts else None if None in parts else not decides
    value = row[rule.column]
    if isinstance(rule, Missing):
        return value is None
    if value is None:
        return None
    if isinstance(rule, Between):
        return rule.low <= value <= rule.high
    if isinstance(rule, Among):
        return value in rule.values
    op = {"=": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}[rule.op]
    return bool(getattr(value, op)(rule.value))


NUMBERS = st.sampled_from([1.0, 2.0, 3.0])
LEAVES = st.one_of(
    st.builds(Compare, st.just("x"), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), NUMBERS),
    st.builds(Between, st.just("x"), NUMBERS, NUMBERS),
    st.builds(lambda values: Among("x", tuple(values)), st.lists(NUMBERS, min_size=1, max_size=2)),
    st.just(Missing("x")),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda parts: All(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: Any(tuple(parts)), st.lists(inner, max_size=3)),
    ),
    max_leaves=5,
)
VALUES: list[float | None] = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, None]


@given(RULES)
@settings(max_examples=150, deadline=None)
def test_what_a_rule_covers_is_what_it_is_true_of(rule: Rule) -> None:
    extent = extent_of(rule)
    assert extent is not None
    for value in VALUES:
        point = extent_of(Missing("x")) if value is None else extent_of(Compare("x", "=", value))
        assert point is not None
        assert (not meet(extent, point).empty) == (holds(rule, {"x": value}) is True), (rule, value)


@given(RULES)
@settings(max_examples=60, deadline=None)
def test_the_engine_agrees_with_plain_python(rule: Rule) -> None:
    from labkit.tags.expressions import to_expression

    frame = pd.DataFrame({"x": VALUES})
    table = ibis.memtable(frame)
    got = to_expression(rule, table).fill_null(False).to_pyarrow()
    values = got.to_pylist() if hasattr(got, "to_pylist") else [got.as_py()] * len(VALUES)
    values = values if isinstance(values, list) and len(values) == len(VALUES) else [bool(got.as_py())] * len(VALUES)
    assert values == [holds(rule, {"x": value}) is True for value in VALUES]


def test_extents_of_words_flags_and_several_columns() -> None:
    home, rest = extent_of(parse_rule("k = 'a'")), extent_of(parse_rule("k != 'a'"))
    assert home is not None and rest is not None
    assert meet(home, rest).empty and not join(home, rest).empty
    assert leftover(join(home, rest), home) == leftover(rest, home)
    assert extent_of(parse_rule("a > 1 and b > 1")) is None
    yes, no = extent_of(parse_rule("p")), extent_of(parse_rule("not p"))
    assert yes is not None and no is not None and meet(yes, no).empty
    told = {
        text: describe(extent_of(parse_rule(text)) or meet(home, rest))
        for text in ("x < 5", "x = 5", "k != 'a'", "x is missing", "false", "k in ('b', 'a')")
    }
    assert list(told.values()) == ["below 5", "5", "any but a", "missing", "nothing", "a, b"]


def test_columns_are_listed_once() -> None:
    assert columns_of(parse_rule("b > 1 and (a < 2 or not b = 3)")) == ("b", "a")
    assert list(itertools.chain(*[columns_of(All(()))])) == []
