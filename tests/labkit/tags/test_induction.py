"""Hierarchies out of tags, their agreement with a known one, and which to trust."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from labkit import tags
from labkit.tags import Scheme, TagError, agreement, ancestor_coposting, choose_induction, induce, make_class
from labkit.tags.agreement import Agreement
from labkit.tags.evidence import SIGNS, weigh_pairs
from labkit.tags.induction import METHODS, z_scores


def known_tree(branches: int = 4, leaves: int = 4) -> Scheme:
    """Three levels; names of leaves hold those of their branch."""
    classes = [make_class("root", "Thing")]
    for b in range(branches):
        classes.append(make_class(f"b{b}", f"Kind{b} thing", parents="root"))
        classes += [make_class(f"b{b}l{i}", f"Small{i} kind{b} thing", parents=f"b{b}") for i in range(leaves)]
    return Scheme.of(classes)


def post(gold: Scheme, documents: int, coposting: float, seed: int, each: int = 3) -> pd.DataFrame:
    """Documents with some leaves or branches each, whose ancestors are written with a chance."""
    rng = np.random.default_rng(seed)
    names = [id for id in gold.classes if id != "root"]
    rows = []
    for d in range(documents):
        for tag in rng.choice(names, each, replace=False):
            rows.append((f"{seed}-{d}", tag))
            rows += [(f"{seed}-{d}", above) for above in gold.ancestors(tag) if rng.random() < coposting]
    return pd.DataFrame(rows, columns=["document", "tag"]).drop_duplicates(ignore_index=True)


GOLD = known_tree()


def by_hand(got: nx.DiGraph, want: nx.DiGraph) -> tuple[float, float, float]:
    """Taxonomic precision, recall and overlap written out from the definition."""
    common = set(got) & set(want)
    p, r, o = [], [], []
    for c in common:
        mine = (nx.ancestors(got, c) | nx.descendants(got, c)) & common - {c}
        theirs = (nx.ancestors(want, c) | nx.descendants(want, c)) & common - {c}
        if theirs:
            p.append(len(mine & theirs) / len(mine) if mine else 0)
            r.append(len(mine & theirs) / len(theirs))
            o.append(len(mine & theirs) / len(mine | theirs))
    return float(np.mean(p)), float(np.mean(r)), float(np.mean(o))


@pytest.mark.parametrize("seed", range(6))
def test_agreement_is_that_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graphs = []
    for _ in range(2):
        nodes = rng.permutation(14)[:12]
        graphs.append(
            nx.DiGraph(
                [
                    (f"n{nodes[rng.integers(0, i)]}", f"n{nodes[i]}")
                    for i in range(1, 12)
                    for _ in range(1 + (i % 3 == 0))
                ]
            )
        )
    found = agreement(*graphs)
    assert (found.precision, found.recall, found.overlap) == pytest.approx(by_hand(*graphs))
    assert found.f == pytest.approx(2 * found.precision * found.recall / (found.precision + found.recall))
    assert found.acceptable + found.inverted + found.unrelated + found.missing == pytest.approx(1)
    assert 0 <= found.random_f <= found.random_f_high <= 1


def test_agreement_with_itself_upside_down_and_with_nothing() -> None:
    graph = GOLD.graph
    same = agreement(GOLD, graph)
    assert (same.precision, same.recall, same.f, same.overlap, same.exact) == (1, 1, 1, 1, 1) and same.random_f < 0.5
    turned = agreement(graph.reverse(), graph)
    # Ancestors and descendants are one cotopy: only the links tell that it stands on its head.
    assert turned.f == 1 and turned.exact == 0 and turned.inverted == pytest.approx(4 / 20)
    flat = nx.DiGraph()
    flat.add_nodes_from(graph)
    nothing = agreement(flat, graph)
    assert nothing.f == 0 and nothing.missing == 1
    with pytest.raises(TagError, match="no tag in common"):
        agreement(nx.DiGraph([("x", "y")]), graph)
    assert isinstance(nothing.to_frame(), pd.DataFrame)


def test_agreement_links_of_each_kind() -> None:
    gold = nx.DiGraph([("a", "b"), ("b", "c"), ("a", "d"), ("d", "e")])
    found = agreement(nx.DiGraph([("a", "b"), ("a", "c"), ("e", "d"), ("c", "e")]), gold)
    assert (found.exact, found.acceptable, found.inverted, found.unrelated, found.missing) == (0.25, 0.5, 0.25, 0.25, 0)
    assert found.tags_count == 5


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_finds_the_tree_where_ancestors_are_written(method: str) -> None:
    found = agreement(induce(post(GOLD, 1500, 1.0, 1), method), GOLD)
    assert found.f > {"tibely_a": 0.3, "heymann": 0.45}.get(method, 0.5) and found.f > 2 * found.random_f, found
    made = induce(post(GOLD, 300, 0.6, 2), method)
    assert nx.is_directed_acyclic_graph(made.graph) and made.method == "folksonomy"


@pytest.mark.parametrize("seed", range(3))
def test_subsumption_is_that_of_the_definition(seed: int) -> None:
    posted = post(GOLD, 120, 0.5, seed)
    made = induce(posted, "subsumption", threshold=0.6, least=3)
    sets = posted.groupby("tag")["document"].agg(set)
    sets = sets[sets.map(len) >= 3]
    graph = nx.DiGraph(
        [
            (x, y)
            for x in sets.index
            for y in sets.index
            if x != y and len(sets[x] & sets[y]) >= 0.6 * len(sets[y]) and len(sets[x] & sets[y]) < 0.6 * len(sets[x])
        ]
    )
    assert sorted(made.graph.edges) == sorted(nx.transitive_reduction(graph).edges)


def test_lift_keeps_a_tag_that_is_everywhere_from_the_top() -> None:
    posted = pd.concat(
        [post(GOLD, 200, 0.0, 3), pd.DataFrame({"document": [f"3-{i}" for i in range(200)], "tag": "theory"})]
    )
    assert induce(posted, "subsumption").children["theory"]
    assert not induce(posted, "subsumption", lift=2).children["theory"]


def test_z_score_is_that_of_the_hypergeometric() -> None:
    from scipy import stats

    both, counts, n = np.array([[0.0, 7.0], [7.0, 0.0]]), np.array([20.0, 12.0]), 100
    chance = stats.hypergeom(n, 20, 12)
    assert z_scores(both, counts, n)[0, 1] == pytest.approx((7 - chance.mean()) / chance.std())


def test_signs_hold_names_and_chinese_parts() -> None:
    posted = pd.DataFrame(
        {"document": [1, 1, 2, 2, 3, 3], "tag": ["工业", "大工业", "工业", "policy", "policy", "tax policies"]}
    )
    table = tags.tag_matrix(posted)
    pairs = weigh_pairs(table, {"tax policies": "tax policy"})
    named = {
        (table.tags[x], table.tags[y])
        for x, y, s in zip(pairs.upper, pairs.lower, pairs.signs)
        if s[SIGNS.index("name")]
    }
    assert named == {("工业", "大工业"), ("policy", "tax policies")}
    assert np.isfinite(pairs.signs).all()


def test_wrong_parameters_are_refused() -> None:
    posted = post(GOLD, 50, 1.0, 1)
    with pytest.raises(TagError, match="expected one of subsumption"):
        induce(posted, "magic")
    with pytest.raises(TagError, match="heymann has no parameter 'omega'"):
        induce(posted, "heymann", omega=0.1)
    with pytest.raises(TagError, match="no tag is on 500 things"):
        induce(posted, least=500)
    with pytest.raises(TagError, match="need the columns document"):
        induce(pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_coposting_is_measured_with_its_interval(rate: float) -> None:
    gold = known_tree(8, 8)
    found = ancestor_coposting(post(gold, 1500, rate, 5, each=1), gold, seed=1)
    assert found.low <= found.value <= found.high and abs(found.value - rate) < 0.03
    assert found.trusted == (rate == 1.0)
    assert ("should not be trusted" in found.told()) != found.trusted and (
        "不可信" in found.told("zh")
    ) != found.trusted


def test_coposting_without_any_broader_tag_says_so() -> None:
    alone = pd.DataFrame({"document": [1, 2], "tag": ["b0l0", "b1l0"]})
    assert "nothing can be told" in ancestor_coposting(alone, GOLD).told()


def test_the_choice_learns_on_folds_and_holds_on_a_third() -> None:
    gold = known_tree(8, 6)
    train, validate, third = (post(gold, n, 0.5, seed) for n, seed in ((800, 1), (300, 2), (300, 3)))
    choice = choose_induction(train, validate, gold)
    again = agreement(induce(third, **choice.parameters), gold)
    fixed = agreement(induce(third, "subsumption", threshold=0.5), gold)
    assert again.f > fixed.f - 0.02 and choice.trusted and isinstance(choice.validate, Agreement)
    assert choice.tried["mean_f"].is_monotonic_decreasing and choice.method == choice.tried["method"].iloc[0]
    assert set(choice.tried["method"]) == set(METHODS) and choice.method in choice.told("zh")
    graph_only = choose_induction(train, validate, gold.graph, methods=("subsumption", "generality"))
    assert graph_only.method in ("subsumption", "generality") and "names" not in graph_only.parameters


def test_a_choice_that_cannot_be_trusted_says_so() -> None:
    gold = Scheme.of([make_class(c.id, c.id, parents=c.parents) for c in known_tree(8, 6).classes.values()])
    choice = choose_induction(
        post(gold, 400, 0.0, 1), post(gold, 200, 0.0, 2), gold, methods=("subsumption", "tibely_b")
    )
    assert not choice.trusted and "not to be trusted" in choice.told() and not choice.coposting.trusted


def test_folds_that_share_documents_are_refused() -> None:
    posted = post(GOLD, 50, 1.0, 1)
    with pytest.raises(TagError, match="50 things stand in both folds"):
        choose_induction(posted, posted, GOLD)
    with pytest.raises(TagError, match="'magic' is not one of"):
        choose_induction(posted, post(GOLD, 50, 1.0, 2), GOLD, methods=("magic",))
