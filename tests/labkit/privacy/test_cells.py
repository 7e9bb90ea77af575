"""What is hidden in a table with totals, attacked with all the arithmetic there is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from labkit import privacy


def feasible_interval(
    values: np.ndarray, sums: Sequence[tuple[int, Sequence[int]]], unknown: np.ndarray, cell: int
) -> tuple[float, float]:
    """Least and most a cell can be, for one who knows all the other cells and that none is negative."""
    relations = np.zeros((len(sums), len(values)))
    for row, (total, parts) in enumerate(sums):
        relations[row, total], relations[row, list(parts)] = 1.0, -1.0
    bounds = [(0, None) if away else (v, v) for v, away in zip(values, unknown, strict=True)]
    goal = np.zeros(len(values))
    goal[cell] = 1.0
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(sign * goal, A_eq=relations, b_eq=np.zeros(len(sums)), bounds=bounds, method="highs")
        ends.append(found.fun * sign if found.status == 0 else sign * -np.inf)
    return ends[0], ends[1]


def cross_sums(rows: int, columns: int) -> list[tuple[int, list[int]]]:
    at = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    return [(int(at[i, -1]), at[i, :-1].tolist()) for i in range(rows + 1)] + [
        (int(at[-1, j]), at[:-1, j].tolist()) for j in range(columns + 1)
    ]


def attack(table: pd.DataFrame, counts: pd.DataFrame, minimum: int = 10) -> None:
    """No hidden cell is known to the digit, nor known to be below the threshold."""
    whole = counts.astype(float)
    whole["total"] = whole.sum(axis=1)
    whole.loc["total"] = whole.sum()
    values, hidden = whole.to_numpy().ravel(), table.isna().to_numpy().ravel()
    sums = cross_sums(*counts.shape)
    for cell in np.flatnonzero(hidden):
        low, high = feasible_interval(values, sums, hidden, int(cell))
        assert high - low > 1e-3, "worked out exactly"
        assert high >= minimum - 1e-6, "known to be few"


tables = st.integers(2, 5).flatmap(
    lambda rows: st.integers(2, 5).flatmap(
        lambda columns: st.lists(
            st.lists(st.one_of(st.integers(0, 12), st.integers(0, 300)), min_size=columns, max_size=columns),
            min_size=rows, max_size=rows,
        )
    )
)  # fmt: skip


@settings(max_examples=30, deadline=None, derandomize=True)
@given(tables)
def test_no_hidden_cell_of_a_cross_table_can_be_worked_out(cells: list[list[int]]) -> None:
    counts = pd.DataFrame(cells)
    shown = privacy.suppress_cross_table(counts)
    inner = shown.iloc[:-1, :-1]
    assert (inner.isna() | (counts == 0) | (counts >= 10)).all(axis=None), "a small cell is shown"
    small = ((counts > 0) & (counts < 10)).any(axis=None)
    assert small or not shown.isna().any(axis=None)
    attack(shown, counts)


def test_hiding_row_by_row_would_be_found_out_and_this_is_not() -> None:
    # In each row two cells are hidden, yet the columns give all away: the trap of doing it by rows alone.
    counts = pd.DataFrame({"a": [3, 50, 40], "b": [30, 4, 60], "c": [70, 80, 90]})
    by_rows = counts.astype(float).assign(total=counts.sum(axis=1))
    by_rows.loc["total"] = by_rows.sum()
    by_rows.iloc[0, [0, 1]] = by_rows.iloc[1, [0, 2]] = np.nan
    with pytest.raises(AssertionError):
        attack(by_rows, counts)
    attack(privacy.suppress_cross_table(counts), counts)


def test_totals_go_only_where_nothing_else_helps() -> None:
    lonely = privacy.suppress_cross_table(pd.DataFrame({"a": [3, 0], "b": [0, 40]}))
    assert np.isnan(lonely.loc[0, "a"])
    attack(lonely, pd.DataFrame({"a": [3, 0], "b": [0, 40]}))
    usual = privacy.suppress_cross_table(pd.DataFrame({"a": [3, 60], "b": [20, 70]}))
    assert usual["total"].notna().all() and usual.loc["total"].notna().all()


def grouped_by(people: pd.DataFrame, by: str, energy: str = "energy_kwh") -> pd.DataFrame:
    found = people.groupby(by)[energy].agg(["size", "sum", "max"]).reset_index()
    return pd.DataFrame(
        {by: found[by], "customers_count": found["size"], "energy_kwh": found["sum"],
         "share": found["sum"] / found["sum"].sum(), "largest_share": found["max"] / found["sum"]}
    )  # fmt: skip


def test_one_table_gives_nothing_of_another_away() -> None:
    # Industry is large and small; the class shows the whole, so hiding only the small segment would be vain.
    people = pd.DataFrame(
        {
            "kind": ["industrial"] * 36 + ["shop"] * 90 + ["farm"] * 40,
            "segment": ["large"] * 30 + ["small"] * 6 + ["shop"] * 90 + ["farm"] * 37 + [None] * 3,
            "energy_kwh": [9.0] * 36 + [2.0] * 90 + [1.0] * 40,
        }
    )

    tables = {name: grouped_by(people, name) for name in ("kind", "segment")}
    shown = privacy.suppress_linked_groups(tables, people)
    kind, segment = (shown[name].set_index(name)["customers_count"] for name in tables)
    assert np.isnan(segment["small"])
    assert not (kind.notna()["industrial"] and segment.notna()["large"]), "6 = 36 - 30"
    assert not (kind.notna()["farm"] and segment.notna()["farm"]), "3 = 40 - 37"
    assert not segment.drop("small").notna().all(), "and 3 of all are in no segment"
    whole = privacy.suppress_linked_groups(tables, people, minimum=1)
    assert whole["segment"]["customers_count"].sum() == 163


def assert_nothing_follows(shown: dict[str, pd.DataFrame], people: pd.DataFrame, minimum: int = 10) -> None:
    """One who has both tables and the number and energy of all cannot tell what had to be hidden."""
    names = list(shown)
    inner = people.fillna(dict.fromkeys(names, "none")).groupby(names)["energy_kwh"].agg(["size", "sum"]).reset_index()
    for column, size in (("customers_count", "size"), ("energy_kwh", "sum")):
        values, sums, unknown, needs = inner[size].tolist(), [], [True] * len(inner), {}
        for name in names:
            full = grouped_by(people, name).set_index(name)
            for code, row in full.iterrows():
                cell = len(values)
                sums.append((cell, np.flatnonzero(inner[name] == code).tolist()))
                values.append(float(row[column]))
                unknown.append(bool(shown[name].set_index(name)[column].isna()[code]))
                few = row["customers_count"] < minimum
                if column == "customers_count" and few:
                    needs[cell] = float(minimum)
                elif column == "energy_kwh" and not privacy.amount_may_be_shown(
                    row["customers_count"], row["largest_share"]
                ):
                    needs[cell] = row["energy_kwh"] * (1 + 0.1 * row["largest_share"])
        values.append(sum(inner[size].tolist()))
        sums.append((len(values) - 1, list(range(len(inner)))))
        unknown.append(False)
        scale = max(values)
        for cell, need in needs.items():
            assert unknown[cell], "shown though it must not be"
            if all(away for away in unknown[len(inner) : -1]):
                continue  # nothing but the whole is shown
            low, high = feasible_interval(np.array(values) / scale, sums, np.array(unknown), cell)
            assert high >= need / scale - 1e-6, "known too well"
            assert high - low > 1e-5, "worked out exactly"


crossed = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "z", None]), st.integers(1, 60), st.integers(1, 400)),
    min_size=3, max_size=9, unique_by=lambda cell: cell[:2],
)  # fmt: skip


@settings(max_examples=30, deadline=None, derandomize=True)
@given(crossed)
def test_two_tables_together_tell_no_more_than_each_may(cells: list[tuple[str, str | None, int, int]]) -> None:
    # In every cell the first customer is as large as all the others together.
    rows = [
        (kind, segment, float(most if i == 0 else most / max(size - 1, 1)))
        for kind, segment, size, most in cells
        for i in range(size)
    ]
    people = pd.DataFrame(rows, columns=["kind", "segment", "energy_kwh"])
    if people["segment"].isna().all():
        people.loc[0, "segment"] = "x"
    tables = {name: grouped_by(people, name) for name in ("kind", "segment")}
    assert_nothing_follows(privacy.suppress_linked_groups(tables, people), people)


def test_of_two_tables_as_much_is_hidden_as_the_largest_customer_needs() -> None:
    # One customer has nine tenths of the small ones' energy, and half of all industry's.
    people = pd.DataFrame(
        {
            "kind": ["industry"] * 80 + ["shop"] * 120 + ["farm"] * 90 + ["school"] * 40,
            "segment": ["large"] * 40 + ["small"] * 40 + ["retail"] * 120 + ["rural"] * 90 + ["public"] * 40,
            "energy_kwh": [90.0] * 40 + [3510.0] + [10.0] * 39 + [3.0] * 120 + [6.0] * 90 + [5.0] * 40,
        }
    )
    tables = {name: grouped_by(people, name) for name in ("kind", "segment")}
    shown = privacy.suppress_linked_groups(tables, people)
    gone = {name: sorted(table.loc[table["energy_kwh"].isna(), name]) for name, table in shown.items()}
    # 3,510 kWh must stay unknown within 351: the schools' 200 kWh do not give that room, with the shops' 360 they do.
    assert gone == {"kind": ["industry", "school", "shop"], "segment": ["public", "retail", "small"]}
    assert all(table["customers_count"].notna().all() for table in shown.values())
    assert_nothing_follows(shown, people)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0.02, 1.0), st.integers(1, 10_000)), min_size=2, max_size=7))
def test_an_amount_is_never_known_closer_than_a_tenth_of_its_largest(rows: list[tuple[int, float, int]]) -> None:
    groups = pd.DataFrame(rows, columns=["customers_count", "largest_share", "energy_kwh"])
    groups.insert(0, "kind", [f"k{i}" for i in range(len(groups))])
    groups["share"] = groups["energy_kwh"] / groups["energy_kwh"].sum()
    shown = privacy.suppress_groups(groups).set_index("kind")["energy_kwh"].reindex(groups["kind"])
    hidden = shown.isna().to_numpy()
    for row in groups[hidden].itertuples():
        if privacy.amount_may_be_shown(row.customers_count, row.largest_share):
            continue
        room = groups.loc[hidden, "energy_kwh"].sum() - row.energy_kwh
        if hidden.all():
            continue
        assert room >= 0.1 * row.largest_share * row.energy_kwh - 1e-6
    open_ = [privacy.amount_may_be_shown(n, top) for n, top in zip(groups["customers_count"], groups["largest_share"])]
    assert hidden[~np.array(open_)].all()


def test_dominance_and_rounding() -> None:
    assert privacy.largest_dominate([80, 15, 5]) and not privacy.largest_dominate([10] * 12)
    assert privacy.largest_dominate([100, 90, 5], share=1.0), "the second knows the first within a tenth"
    assert not privacy.largest_dominate([])
    assert privacy.round_counts(pd.Series([0, 2, 3, 7, 8])).tolist() == [0, 0, 5, 5, 10]


def test_counts_near_a_known_whole_are_hidden() -> None:
    table = pd.DataFrame({"table": ["a", "b", "c", "d"], "n": [200, 195, 150, 4], "share": [1, 0.975, 0.75, 0.02]})
    shown = privacy.hide_near_whole(table, 200, count="n", values=["share"])
    assert shown["n"].isna().tolist() == shown["share"].isna().tolist() == [False, True, False, True]


def test_of_what_is_hidden_for_anothers_sake_only_what_tells_its_number() -> None:
    cells = pd.DataFrame({"n": [300, 42, 3], "share": [0.87, 0.12, 0.01], "of_amount": [0.05, 0.8, 0.15]})
    shown = privacy.suppress_small_cells(cells, count="n", values=["share", "of_amount"], telling=["share"])
    assert shown["n"].isna().tolist() == shown["share"].isna().tolist() == [False, True, True]
    assert shown["of_amount"].isna().tolist() == [False, False, True]
