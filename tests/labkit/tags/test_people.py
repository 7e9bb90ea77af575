"""People's own tags: spelling, growth, agreement of taggers, what they add."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit import tags
from labkit.tags import TagError, make_class, membership_of
from labkit.tags.words import normalise_word


@pytest.mark.parametrize(
    ("written", "word"),
    [("ＶＩＰ客戶", "vip客户"), ("Late_Payer", "late payer"), ("  #大客户！ ", "大客户"), ("催費困難戶", "催费困难户"), ("a\u200bb", "ab"), ("臺區", "台区"), ("😀", "😀")],
)  # fmt: skip
def test_one_spelling(written: str, word: str) -> None:
    assert normalise_word(written) == word


def test_vocabulary_says_what_changed_and_why() -> None:
    written = ["Panels"] * 20 + ["panels"] * 5 + ["pannels", "電動車", "电动车", "panels roof", "   "]
    found = tags.normalise_tags(written, synonyms={"电动车": "D.equipment.EV"})
    assert found.spelling["Panels"] == found.spelling["pannels"] == "panels"
    assert found.spelling["panels roof"] == "panels roof", "a longer name is no slip"
    assert found.spelling["電動車"] == "D.equipment.EV", "a synonym leads to the id as it is"
    assert found.reasons == {
        "Panels": "form",
        "pannels": "spelling",
        "電動車": "synonym",
        "电动车": "synonym",
        "   ": "form",
    }
    frame = pd.DataFrame({"customer_id": ["a", "b"], "tag": ["Panels", "   "]})
    assert found.apply(frame)["tag"].tolist() == ["panels"] and len(found.to_frame()) == 5
    assert tags.normalise_tags(["pannels"] * 3 + ["panels"] * 3).spelling["pannels"] == "pannels", "both as frequent"


def test_names_that_two_classes_claim_are_no_synonyms() -> None:
    scheme = tags.Scheme.of(
        [make_class("A", "Shop", aliases=["Store"]), make_class("B", "Warehouse", aliases=["store"])]
    )
    assert tags.synonyms_of(scheme) == {"a": "A", "shop": "A", "b": "B", "warehouse": "B"}


def test_matrix_counts_a_pair_once() -> None:
    frame = pd.DataFrame({"document": [1, 1, 1, 2, 3], "tagger": list("xyxxx"), "tag": ["a", "a", "b", "b", None]})
    found = tags.tag_matrix(frame)
    assert found.matrix.toarray().tolist() == [[1, 1], [0, 1]] and found.counts.tolist() == [1, 2]
    assert found.together.toarray().tolist() == [[1, 1], [1, 2]] and found.used(2).tags.tolist() == ["b"]
    for broken, says in (
        ({"tag": ["a"]}, "document"),
        ({"document": [1]}, "tag"),
        ({"document": [], "tag": []}, "no row"),
    ):
        with pytest.raises(TagError, match=says):
            tags.tag_matrix(pd.DataFrame(broken))


def test_heaps_law_finds_its_exponent() -> None:
    n = np.arange(1, 20_001)
    target = np.floor(3 * n**0.6).astype(int)
    words, seen = [], 0
    for want in target:
        words.append(seen if seen < want else 0)
        seen = max(seen, min(want, seen + 1))
    law = tags.fit_heaps(pd.DataFrame({"document": n, "tag": words}))
    assert law.beta == pytest.approx(0.6, abs=0.02) and law.k == pytest.approx(3, rel=0.15)
    assert law.tags_count == len(set(words)) and law.curve["tags_count"].is_monotonic_increasing


def test_taggers_agree_as_counted_by_hand() -> None:
    rows = [(d, who, tag) for d in range(6) for who, chosen in (("x", "ab"), ("y", "bc"), ("z", "b")) for tag in chosen]
    found = tags.tagger_agreement(pd.DataFrame(rows, columns=["document", "tagger", "tag"]), seed=1)
    assert found is not None
    assert found["hooper"].value == pytest.approx((1 / 3 + 1 / 2 + 1 / 2) / 3)
    assert found["rolling"].value == pytest.approx((2 / 4 + 2 / 3 + 2 / 3) / 3)
    alone = pd.DataFrame({"document": [1, 2], "tagger": ["x", "y"], "tag": ["a", "a"]})
    assert (
        tags.tagger_agreement(alone, seed=1) is None
        and tags.tagger_agreement(alone[["document", "tag"]], seed=1) is None
    )
    never = pd.DataFrame(
        [(d, w, t) for d in range(20) for w, t in (("x", "a"), ("y", "b"))], columns=["document", "tagger", "tag"]
    )
    none = tags.tagger_agreement(never, seed=1)
    assert none is not None and none["hooper"].value == 0 and 0.1 < none["hooper"].high < 0.2


def test_words_stand_beside_the_class_they_fit() -> None:
    n = np.arange(200)
    scheme = tags.Scheme.of(
        [
            make_class("H", "Homes", aliases=["Household"], rule="x = 1"),
            make_class("S", "Shops", rule="x = 2"),
            make_class("E", "All", rule="true"),
        ]
    )
    rules = membership_of({"H": n < 140, "S": n >= 140, "E": n >= 0})
    people = membership_of({"household": n < 30, "odd": n % 10 == 0, "kiosk": (n >= 140) & (n < 160), "rare": n < 3})
    found = tags.match_words(people, rules, scheme).set_index("tag")
    assert found.loc["household", "class_name"] == "Homes" and found.loc["household", "known"]
    assert found.loc["kiosk", "class_name"] == "Shops" and not found.loc["kiosk", "known"]
    assert found.loc["kiosk", "inside_share"] == 1 and found.loc["kiosk", "low_share"] < 0.9
    assert found.loc["odd", "lift"] == pytest.approx(1) and "rare" not in found.index
    assert tags.tagged_share(people, rules) == pytest.approx(
        np.mean((n < 30) | (n % 10 == 0) | ((n >= 140) & (n < 160)))
    )


def test_people_scheme_knows_only_customers_that_are_there() -> None:
    frame = pd.DataFrame({"customer_id": ["C1", "C2", "C9", "C1"], "tag": ["a", "b", "a", "a"]})
    scheme, found = tags.people_scheme(frame, np.array(["C1", "C2", "C3"]))
    assert scheme.method == "folksonomy" and found.counts.to_dict() == {"a": 1, "b": 1}


def test_different_words_are_not_taken_for_slips() -> None:
    written = (
        ["complaint"] * 50
        + ["compliant"] * 3
        + ["paid early"] * 40
        + ["paid rarely"]
        + ["grade a client"] * 40
        + ["grade b client"]
        + ["payment"] * 40
        + ["paiment"]
    )
    assert tags.normalise_tags(written).reasons == {"paiment": "spelling"}
    assert tags.normalise_tags(["pannels"] + ["panels"] * 50, synonyms={"pannels": "P"}).spelling["pannels"] == "P"


def test_tags_and_customers_may_be_numbers() -> None:
    frame = pd.DataFrame({"customer_id": [1, 1, 2], "tag": [10, 11, 10]})
    assert len(tags.normalise_tags(frame["tag"]).apply(frame)) == 3
    import networkx as nx

    assert tags.ancestor_coposting(frame, nx.DiGraph([(10, 11)])).value == 1
    assert tags.agreement(nx.DiGraph([(1, 2)]), nx.DiGraph([(1, 2), (2, "x")])).f > 0
    assert tags.people_scheme(frame, np.array(["1", "2"]))[1].counts.to_dict() == {"10": 2, "11": 1}
    with pytest.raises(TagError, match="nothing to grow"):
        tags.fit_heaps(pd.DataFrame({"document": [1], "tag": [None]}))
