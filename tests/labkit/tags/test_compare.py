"""The methods compared, the library's own content, facets, editions, drawings."""

from __future__ import annotations

from pathlib import Path

import matplotlib.axes
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import Table

import labkit
from labkit import portrait, tags, terms
from labkit.lab import Lab
from labkit.tags import Scheme, TagError, make_class, membership_of
from labkit.tags.association import cramers_v, facet_labels
from labkit.tags.catalogue import CATALOGUES
from labkit.tags.clicks import measure_clicks
from labkit.tags.compare import MEASURES
from labkit.tags.measures import (
    array_measures,
    decisions_per_customer,
    keeps_one_criterion,
    marks_needed,
    measure_shape,
)
from labkit.tags.retrieval import (
    Dimensions,
    dimensions_of,
    express,
    f1,
    measure_retrieval,
    tell_expression,
)
from labkit.tags.summary import GROUPS


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample, memory_limit_mb=500)


@pytest.fixture(scope="module")
def people(lab: Lab) -> pd.DataFrame:
    return portrait.portrait(lab)


# -- the library's own content ---------------------------------------------------------


def test_the_library_is_large_bilingual_and_complete() -> None:
    schemes = {name: tags.read_catalogue(name) for name in CATALOGUES}
    known = {item.id: item for scheme in schemes.values() for item in scheme.classes.values()}
    assert len(known) >= 150 and sum(bool(item.rule) for item in known.values()) >= 150
    for item in known.values():
        assert item.name("en") != item.id and item.name("zh") != item.name("en"), item.id
        assert {note.language for note in item.notes} == {"en", "zh"}, item.id
        assert (item.owner and item.refresh and item.sources) or item.relation == "grouped_by", item.id
        assert item.rule or item.kind == "manual" or item.relation == "grouped_by" or item.id == "K", item.id
    assert {item.status for item in known.values()} >= {"accepted", "candidate", "deprecated"}
    groups = {
        item.parents[0]
        for item in schemes["faceted"].classes.values()
        if item.relation == "grouped_by" and item.parents != ("K",) and item.parents
    }
    assert groups == set("SBVCEHDM")


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_library_keeps_its_own_rules(name: str) -> None:
    found = tags.check(tags.read_catalogue(name))
    assert set(found["severity"]) <= {"note"}, found[found["severity"] != "note"]


def test_an_unknown_catalogue_is_refused() -> None:
    with pytest.raises(TagError, match="expected one of enumerative"):
        tags.read_catalogue("best")


def test_queries_are_twenty_at_least_and_their_rules_run(people: pd.DataFrame) -> None:
    queries = tags.read_queries()
    found = tags.answer_queries(people, queries)
    assert len(queries) >= 20 and found.tags == tuple(q.id for q in queries)
    assert all(q.text("zh") != q.text("en") for q in queries)
    expected = people[(people["disconnections_count"] >= 2) & (people["unpaid_yuan"] > 0)]
    assert set(found.customer_ids[found.extent("q23")]) == set(expected["customer_id"])


def test_queries_stand_off_the_borders_of_the_classes() -> None:
    borders = {
        (column, value)
        for item in tags.read_catalogue("faceted").classes.values()
        if item.rule
        for column, value in numbers(tags.parse_rule(item.rule))
    }
    asked = {pair for query in tags.read_queries() for pair in numbers(query.rule)}
    # Whole numbers of events have no other borders than those between them.
    assert {pair for pair in asked & borders if not pair[0].endswith("_count")} == set()


def numbers(rule: object) -> set[tuple[str, float]]:
    """Columns with the numbers a rule compares them with."""
    parts = getattr(rule, "parts", None) or ([rule.part] if hasattr(rule, "part") else None)  # type: ignore[attr-defined]
    if parts is not None:
        return set().union(*(numbers(part) for part in parts))
    values = [getattr(rule, name, None) for name in ("value", "low", "high")]
    return {(rule.column, v) for v in values if isinstance(v, float)}  # type: ignore[attr-defined]


def test_rules_on_a_lab_and_on_its_portrait_agree(lab: Lab, people: pd.DataFrame) -> None:
    library = tags.read_catalogue("combined")
    one, two = tags.assign(lab, library), tags.assign(people, library)
    assert one.tags == two.tags and (one.matrix != two.matrix).nnz == 0 and not one.not_computed
    counts = people["customer_class"].value_counts()
    faceted = tags.assign(people, tags.read_catalogue("faceted"))
    assert {name: faceted.counts[f"S.class.{name}"] for name in counts.index} == counts.to_dict()
    assert faceted.counts["K"] == len(people)


# -- facets --------------------------------------------------------------------------


def test_cramers_v_against_statsmodels_and_its_bias() -> None:
    rng = np.random.default_rng(1)
    table = rng.integers(20, 60, (3, 4)).astype(float)
    chi2, n = stats.chi2_contingency(table, correction=False).statistic, table.sum()
    phi2 = max(0, chi2 / n - 2 * 3 / (n - 1))
    r, k = 3 - 4 / (n - 1), 4 - 9 / (n - 1)
    assert cramers_v(table) == pytest.approx(np.sqrt(phi2 / (min(r, k) - 1)))
    assert Table(table).test_nominal_association().statistic == pytest.approx(chi2)
    independent = [
        cramers_v(np.histogram2d(rng.integers(0, 5, 200), rng.integers(0, 5, 200), bins=5)[0]) for _ in range(200)
    ]
    assert np.mean(independent) < 0.05, "uncorrected it would be 0.14"
    assert cramers_v(np.array([[5, 5]])) == 0


def test_pairs_of_facets_and_what_they_share() -> None:
    rng = np.random.default_rng(2)
    a = rng.integers(0, 3, 600)
    b, c = (a + (rng.random(600) < 0.1)) % 3, rng.integers(0, 2, 600)
    table = membership_of(
        {
            f"{name}{i}": values == i
            for name, values in (("a", a), ("b", b), ("c", c))
            for i in range(3 if name != "c" else 2)
        }
    )
    facets = {name: [t for t in table.tags if t[0] == name] for name in "abc"}
    pairs = tags.compare_facets(table, facets)
    assert pairs.iloc[0][["facet", "other_facet"]].tolist() == ["a", "b"] and pairs["discovery"].tolist() == [
        True,
        False,
        False,
    ]
    assert pairs.iloc[0]["cramers_v"] > 0.8 and pairs.iloc[0]["shared_bits"] == pytest.approx(
        stats.entropy([1, 1, 1], base=2) - 0.47, abs=0.15
    )
    seen, chance = tags.total_correlation(table, facets, seed=1)
    assert seen > 1 and chance < 0.05
    assert (facet_labels(table, facets["a"]) == a).all()


def test_facets_are_compared_without_those_of_whom_nothing_is_known() -> None:
    library = tags.read_catalogue("faceted")
    known = tags.known_facets(library)
    assert "B.growth.short" not in known["B.growth"] and "B.growth.stable" in known["B.growth"]
    pairs = pd.DataFrame(
        {
            "facet": ["a", "b"],
            "other_facet": ["c", "d"],
            "cramers_v": [0.7, 0.7],
            "normalised_information": [0.5, 0.1],
            "discovery": [True, True],
        }
    )
    assert tags.strong_pairs(pairs)["facet"].tolist() == ["a"]


def test_a_customer_in_two_classes_of_a_facet_is_in_none() -> None:
    table = membership_of({"x": np.array([True, True, False]), "y": np.array([False, True, False])})
    assert facet_labels(table, ["x", "y"]).tolist() == [0, 2, 2]
    assert facet_labels(table, []).tolist() == [0, 0, 0]


# -- retrieval -----------------------------------------------------------------------


def crossed(n: int = 400) -> tuple[dict[str, Scheme], dict[str, tags.Membership], tags.Membership]:
    """Two attributes; the tree lists only one, facets have both; what is asked is a crossing."""
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 4, n), rng.integers(0, 4, n)
    facet = [make_class(f"{x}{i}", facet=x, parents=x, criterion=x, rule="true") for x in "ab" for i in range(4)]
    faceted = Scheme.of(
        [make_class("a", relation="grouped_by"), make_class("b", relation="grouped_by"), *facet], method="faceted"
    )
    tree = Scheme.of(
        [make_class("t"), *(make_class(f"a{i}", parents="t", criterion="a") for i in range(4))], method="enumerative"
    )
    free = Scheme.of([make_class(f"a{i}") for i in range(4)], method="folksonomy")
    columns = {f"a{i}": a == i for i in range(4)} | {f"b{i}": b == i for i in range(4)}
    whole = {"t": np.ones(n, bool)}
    table = membership_of(columns)
    queries = membership_of(
        {"q1": (a == 1) & (b == 2), "q2": (a <= 1) & (b == 0), "q3": a == 3, "few": np.arange(n) < 3}
        | {f"r{i}{j}": (a == i) & (b == j) for i in range(4) for j in range(3)}
    )
    members = {
        "faceted": table,
        "enumerative": membership_of(whole | {k: v for k, v in columns.items() if k[0] == "a"}),
        "folksonomy": membership_of({k: v & (rng.random(n) < 0.5) for k, v in columns.items() if k[0] == "a"}),
    }
    return {"faceted": faceted, "enumerative": tree, "folksonomy": free}, members, queries


def test_expressions_cross_facets_and_unite_classes() -> None:
    schemes, members, queries = crossed()
    marks = dimensions_of(schemes["faceted"], members["faceted"])
    expression, found = express(queries.extent("q2"), marks, 4)
    assert f1(found[-1], queries.extent("q2")) == 1 and len(expression.marks) == 3
    assert {join for join, _ in expression.marks[1:]} == {"and", "or"} and "b0" in tell_expression(expression)
    tree, _ = express(queries.extent("q3"), dimensions_of(schemes["enumerative"], members["enumerative"]), 4)
    assert tree.marks == (("", "a3"),), "nothing is added that does not help"
    free = dimensions_of(schemes["folksonomy"], members["folksonomy"])
    assert (free.of == -1).all() and len(express(queries.extent("q3"), free, 2)[1]) == 2
    none, empty = express(queries.extent("q3"), Dimensions((), np.zeros((0, 400), bool), np.array([])), 3)
    assert not none.marks and not empty[-1].any()


def test_retrieval_is_tried_on_other_customers() -> None:
    schemes, members, queries = crossed()
    found = measure_retrieval(dimensions_of(schemes["faceted"], members["faceted"]), queries, seed=1, draws=100)
    assert len(found.by_query) == 15 and "few" not in set(found.by_query["query"]), (
        "a query for three customers is left out"
    )
    assert found.by_cost["f1"].iloc[-1] > 0.95 and found.by_cost["f1"].is_monotonic_increasing
    shuffled = tags.shuffle_members(members["faceted"], seed=3)
    chance = measure_retrieval(dimensions_of(schemes["faceted"], shuffled), queries, seed=1, draws=100)
    assert chance.by_cost["f1"].iloc[-1] < 0.45 and chance.by_cost["low"].iloc[-1] < chance.by_cost["f1"].iloc[-1]


def test_clicks_down_a_tree_and_across_facets() -> None:
    schemes, members, _ = crossed()
    facets, left, stuck = measure_clicks(schemes["faceted"], members["faceted"], few=60, seed=1)
    assert facets.value == 2 and left.value < 40 and stuck.value == 0
    tree, left, stuck = measure_clicks(schemes["enumerative"], members["enumerative"], few=60, seed=1)
    assert tree.value == 8 and left.value > 80 and stuck.value == 1, "one level leads no further"


# -- the comparison ------------------------------------------------------------------


def test_the_verdict_follows_from_the_numbers() -> None:
    schemes, members, queries = crossed()
    found = tags.compare(schemes, members, queries, cost=3, seed=1, draws=100)
    assert found.ranking()[0] == "faceted" == found.winner() and found.difference("faceted", "enumerative").low > 0
    assert set(found.measures["measure"]) == set(MEASURES) == {m for group in GROUPS.values() for m in group}
    assert "Take the faceted scheme" in found.verdict() and "宜采用" in found.verdict("zh")
    alone = {"enumerative": schemes["enumerative"], "again": schemes["enumerative"]}
    level = tags.compare(
        alone,
        {"enumerative": members["enumerative"], "again": members["enumerative"]},
        queries,
        cost=2,
        seed=1,
        draws=50,
    )
    assert level.difference("enumerative", "again").value == 0 and level.winner() == "again", (
        "of equals the first by name"
    )
    with pytest.raises(TagError, match="no measure"):
        found.value("beauty", "faceted")
    for group in GROUPS:
        told = tags.summarise_methods(found, group, "zh")
        assert list(told.columns) == ["measure", *schemes] and all(
            terms.glossary()[f"measure={m}"] for m in told["measure"]
        )
    told = tags.tell_queries(found, (), "en")
    assert told["customers_count"].min() >= 10


def test_a_worse_winner_with_fewer_classes_is_taken_only_if_the_difference_is_not_sure() -> None:
    schemes, members, queries = crossed()
    noisy = membership_of(
        {
            **{t: members["faceted"].extent(t) for t in members["faceted"].tags},
            **{f"z{i}": np.random.default_rng(i).random(400) < 0.5 for i in range(3)},
        }
    )
    larger = Scheme.of(
        [*schemes["faceted"].classes.values(), *(make_class(f"z{i}", facet="z") for i in range(3))], method="faceted"
    )
    found = tags.compare(
        {"small": schemes["faceted"], "large": larger},
        {"small": members["faceted"], "large": noisy},
        queries,
        cost=3,
        seed=1,
        draws=60,
    )
    assert found.winner() == "small"


def test_members_of_other_customers_are_refused() -> None:
    schemes, members, queries = crossed()
    with pytest.raises(TagError, match="different customers"):
        tags.compare(schemes, {**members, "faceted": crossed(390)[1]["faceted"]}, queries)
    with pytest.raises(TagError, match="no query wants ten"):
        tags.compare(schemes, members, membership_of({"few": np.arange(400) < 3}))


def test_measures_by_hand() -> None:
    tree = Scheme.of(
        [
            make_class("R"),
            make_class("A", parents="R", criterion="x"),
            make_class("B", parents="R", criterion="x"),
            make_class("O"),
        ]
    )
    n = np.arange(100)
    table = membership_of({"R": n < 80, "A": n < 40, "B": (n >= 30) & (n < 70)})
    found = array_measures(tree, table).iloc[0]
    assert found["exhaustiveness"] == pytest.approx(70 / 80) and found["overlap_share"] == pytest.approx(10 / 80)
    assert found["largest_overlap"] == pytest.approx(10 / 40) and found["tags_per_customer"] == pytest.approx(1.6)
    assert found["information_bits"] == pytest.approx(-np.log2([0.8, 0.4, 0.4]).mean())
    assert found["left_bits"] == pytest.approx((80 * np.log2(80) + 80 * np.log2(40)) / 160)
    double = array_measures(tree, table, np.full((2, 100), 2.0))
    assert double["exhaustiveness"].tolist() == [found["exhaustiveness"]] * 2
    shape = measure_shape(tree)
    assert (shape["classes_count"], shape["orphan_share"], shape["arborescence"], shape["flow_hierarchy"]) == (
        4,
        0.25,
        0,
        1,
    )
    assert keeps_one_criterion(tree) == 1 and decisions_per_customer(tree, table) == (0.8, 1.6)
    assert marks_needed(tree) == (3.0, 3)


def test_growth_of_marks_and_where_methods_turn(people: pd.DataFrame) -> None:
    library = tags.read_catalogue("faceted")
    growth = tags.grow_marks(library, tags.assign(people, library))
    assert growth["enumerative_count"].is_monotonic_increasing and growth["needed_count"].is_monotonic_increasing
    assert (growth["needed_count"] <= len(people)).all() and growth["needed_count"].iloc[0] <= growth[
        "enumerative_count"
    ].iloc[0] + 1
    sizes = [len(v) for v in tags.facets_of(library).values()]
    assert growth["faceted_count"].iloc[-1] == sum(s for s in sizes if s > 1)
    turns = tags.turning_points(
        growth, tags.fit_heaps(pd.DataFrame({"document": range(500), "tag": [f"t{i % 400}" for i in range(500)]}))
    )
    assert (
        turns["enumerative_over_faceted"] == 2
        and turns["enumerative_too_many"] <= 5
        and turns["folksonomy_over_faceted"] > 0
    )
    assert np.isnan(tags.turning_points(growth.head(1))["enumerative_over_faceted"])


def test_one_attribute_tells_a_class_that_is_made_of_it(people: pd.DataFrame) -> None:
    made = membership_of(
        {"big": (people["capacity_kva"] >= 50).to_numpy(), "odd": np.arange(len(people)) % 2 == 0},
        list(people["customer_id"]),
    )
    found = tags.stump_accuracy(made, people).set_index("tag")
    assert found.loc["big", "balanced_accuracy"] == 1 and found.loc["big", "attribute"] == "capacity_kva"
    assert found.loc["odd", "balanced_accuracy"] < 0.75


# -- editions ------------------------------------------------------------------------


def test_editions_against_each_other() -> None:
    old = Scheme.of(
        [
            make_class("1", "Farms"),
            make_class("11", "Grain", parents="1"),
            make_class("12", "Fruit", parents="1"),
            make_class("2", "Mines"),
            make_class("21", "Coal", parents="2"),
            make_class("3", "Old shops"),
            make_class("4", "Kiosks"),
            make_class("5", "Ships"),
            make_class("6", "Barges"),
        ]
    )
    new = Scheme.of(
        [
            make_class("1", "Farms"),
            make_class("11", "Grain crops", parents="1"),
            make_class("12", "Fruit", parents="2"),
            make_class("2", "Mines"),
            make_class("21", "Coal", parents="2"),
            make_class("211", "Hard coal", parents="21"),
            make_class("212", "Lignite", parents="21"),
            make_class("7", "Shops", aliases=["Old shops", "Kiosks"]),
            make_class("8", "Ships"),
            make_class("9", "Rail"),
        ]
    )
    found = tags.diff(old, new)
    rows = {(r.change, r.old, r.new) for r in found.to_frame().itertuples()}
    assert rows == {
        ("renamed", "11", "11"),
        ("moved", "12", "12"),
        ("split", "21", "211;212"),
        ("merged", "3;4", "7"),
        ("recoded", "5", "8"),
        ("removed", "6", ""),
        ("added", "", "211"),
        ("added", "", "212"),
        ("added", "", "7"),
        ("added", "", "9"),
    }
    survival = found.survival.set_index("measure")["kept_share"]
    assert survival["codes"] == pytest.approx(5 / 9) and survival["codes_and_names"] == pytest.approx(4 / 9)
    assert survival["leaf_codes"] == pytest.approx(3 / 7)
    assert set(tags.diff(old, old).changes["change"]) == {"kept"}


def test_what_a_file_says_of_successors_is_followed() -> None:
    old = Scheme.of(
        [
            make_class("a", "A", replaced_by="x"),
            make_class("b", "B", replaced_by="x"),
            make_class("c", "C", replaced_by="y;z"),
        ]
    )
    new = Scheme.of([make_class("x", "X"), make_class("y", "Y"), make_class("z", "Z")])
    rows = {(r.change, r.old, r.new) for r in tags.diff(old, new).to_frame().itertuples()}
    assert {("merged", "a;b", "x"), ("split", "c", "y;z")} <= rows and not any(r[0] == "removed" for r in rows)


# -- drawings and forms ----------------------------------------------------------------


def test_drawings_return_their_axes(people: pd.DataFrame) -> None:
    library = tags.read_catalogue("combined")
    members = tags.assign(people, library)
    main = tags.main_classes(library)
    assert len(main) == 19 and main.roots == ("N",)
    shares = tags.facet_shares(library, members, fewest=5, language="zh")
    assert shares["customers_count"].min() >= 5 and (shares.groupby("facet")["share"].sum() <= 1 + 1e-9).all()
    drawn = [
        tags.plot_tree(main, language="zh", counts=dict.fromkeys(main.classes, "1")),
        tags.plot_facets(tags.most_telling(shares, 5), x_label="%", rest="-"),
        tags.plot_dependence(tags.compare_facets(members, tags.facets_of(library)), names={f: f for f in tags.facets_of(library)}, label="V"),
        tags.plot_growth(tags.grow_marks(library, members), names={"enumerative_count": "a", "faceted_count": "b"}, x_label="x", y_label="y"),
    ]  # fmt: skip
    assert all(isinstance(ax, matplotlib.axes.Axes) for ax in drawn)
    with pytest.raises(TagError, match="at most 60: draw a subset"):
        tags.plot_tree(library)


def test_counts_of_few_are_not_told(people: pd.DataFrame) -> None:
    library = tags.read_catalogue("combined")
    members, main = tags.assign(people, library), tags.main_classes(library)
    told = tags.tell_counts(members, main, 10)
    for below in main.children.values():
        hidden = [members.counts[id] for id in below if np.isnan(told[id])]
        assert not hidden or sum(hidden) >= 10 or len(hidden) == len([i for i in below if members.counts[i]])
    assert all(n >= 10 or n == 0 or np.isnan(n) for n in told.values())
    listed = tags.list_classes(main, told, "en")
    assert len(listed) == 19 and listed["parent"].iloc[0] == "–"


def test_forms_of_findings(people: pd.DataFrame, tmp_path: Path) -> None:
    library = tags.read_catalogue("combined")
    members = tags.assign(people, library)
    found = tags.check(library, members, language="zh")
    table = tags.summarise_findings(found, "zh")
    assert (
        table["findings_count"].sum() == len(found)
        and table["severity"].map(["error", "warning", "note"].index).is_monotonic_increasing
    )
    assert len(tags.list_findings(found, most=5)) == 5
    proofs = {"combined": tags.prove_arrays(library, members)}
    claims = tags.count_claims(proofs).iloc[0]
    assert claims["exclusive_held_count"] == claims["exclusive_claimed_count"] > 0
    assert set(tags.summarise_proof(proofs["combined"])["exhaustive"]) <= {"refuted"}
    assert tags.round_trip(library, tmp_path) and tags.method_names({"faceted": 1}, "zh") == {"faceted": "分面组配式"}


def test_how_often_people_tag_a_customer_tells_no_word() -> None:
    has = np.arange(60) % 3 == 0
    made = membership_of({"word": has})
    weak = np.where(np.arange(60) % 10 < 8, has, ~has)
    people = pd.DataFrame({"customer_id": made.customer_ids, "taggings_count": has.astype(int), "tag_words_count": has.astype(int), "weak": weak})  # fmt: skip
    assert tags.stump_accuracy(made, people)["attribute"].tolist() == ["weak"]
