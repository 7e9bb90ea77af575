"""Every check finds its defect, and nothing in a scheme without it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit import cli, privacy, tags
from labkit.tags import CHECKS, Label, Relation, Scheme, TagClass, TagError, check, make_class, membership_of
from labkit.tags.scheme import ReadingProblem

HOME = make_class(
    "H",
    "Homes",
    "居民",
    parents="R",
    rule="customer_class = 'residential'",
    definition="Lives there.",
    criterion="customer_class",
    owner="o",
    refresh="monthly",
)
OTHER = make_class(
    "O",
    "Firms",
    "企业",
    parents="R",
    rule="customer_class != 'residential'",
    definition="Works there.",
    criterion="customer_class",
    owner="o",
    refresh="monthly",
)
ROOT = make_class("R", "All", "全部", definition="Everybody.", domain="residential;commercial;industrial")
CLEAN = Scheme.of(
    [replace(c, notes=(Label("Said.", "en"), Label("口径", "zh"))) for c in (ROOT, HOME, OTHER)], title="clean"
)


def with_class(*classes: TagClass, **about: object) -> Scheme:
    return replace(Scheme.of([*CLEAN.classes.values(), *classes]), **about)


def changed(id: str, **fields: object) -> Scheme:
    return replace(CLEAN, classes={**CLEAN.classes, id: replace(CLEAN[id], **fields)})


def rdf(*relations: tuple[str, str, str], **about: object) -> Scheme:
    return replace(CLEAN, relations=tuple(Relation(*r) for r in relations), from_rdf=True, schemes={"S": "s"}, **about)


TOP = ("R", "topConceptOf", "S"), ("S", "hasTopConcept", "R")
PLAIN = [(("H", "broader", "R")), ("R", "narrower", "H"), ("O", "broader", "R"), ("R", "narrower", "O"), *TOP]
ALIEN = make_class("X", "Alien", "异类", definition="Said.")
ids = [f"C{i:03d}" for i in range(60)]
half = np.arange(60) < 30
MEMBERS = membership_of({"R": np.ones(60, bool), "H": half, "O": ~half}, ids)


def members(**columns: np.ndarray) -> tags.Membership:
    return membership_of({"R": np.ones(60, bool), "H": half, "O": ~half, **columns}, ids)


def facet(name: str, n: int, rule: str = "capacity_kva > {}") -> list[TagClass]:
    return [
        make_class(
            f"{name}{i}",
            f"{name} {i}",
            f"{name}{i}类",
            facet=name,
            rule=rule.format(i),
            parents="R",
            definition="x",
            relation="grouped_by",
            owner="o",
            refresh="m",
        )
        for i in range(n)
    ]


#: Check -> a scheme (and membership) in which it finds exactly so much, and the classes of the first finding.
BROKEN: dict[str, tuple[Scheme, tags.Membership | None, int, tuple[str, ...]]] = {
    "omitted_language_tags": (replace(rdf(*PLAIN), classes={**CLEAN.classes, "H": replace(CLEAN["H"], labels=(Label("Homes", ""), Label("x", "e_n")))}), None, 1, ("H",)),
    "incomplete_language_coverage": (changed("H", labels=(Label("Homes", "en"),), notes=()), None, 1, ("H",)),
    "no_common_language": (replace(CLEAN, classes={id: replace(c, labels=(Label("x", "en" if id == "H" else "de"),), notes=()) for id, c in CLEAN.classes.items()}), None, 1, ("H",)),
    "undocumented_classes": (changed("H", notes=()), None, 1, ("H",)),
    "overlapping_labels": (changed("H", labels=(Label("FIRMS ", "en"), Label("居民", "zh"))), None, 1, ("H", "O")),
    "missing_labels": (changed("H", labels=(Label("home", "en", "alt"),)), None, 1, ("H",)),
    "unprintable_characters": (changed("H", labels=(Label("Ho\u202emes", "en"), Label("居\x07民", "zh"))), None, 2, ("H",)),
    "empty_labels": (changed("H", labels=(Label("  ", "en"), Label("居民", "zh"))), None, 1, ("H",)),
    "inconsistent_preferred_labels": (changed("H", labels=(Label("Homes", "en"), Label("Houses", "en"))), None, 1, ("H",)),
    "disjoint_labels_violation": (changed("H", labels=(Label("Homes", "en"), Label("homes", "en", "alt"))), None, 1, ("H",)),
    "hostile_label": (changed("H", labels=(Label("=HYPERLINK(1)", "en"), Label("<script>", "zh"), Label("x" * 300, "en", "alt"))), None, 3, ("H",)),
    "orphan_classes": (with_class(ALIEN), None, 1, ("X",)),
    "disconnected_clusters": (with_class(ALIEN, make_class("Y", "Below", parents="X")), None, 1, ("X", "Y")),
    "cyclic_relations": (changed("R", parents=("H",)), None, 1, ("H", "R")),
    "reflexive_relations": (changed("H", parents=("R", "H")), None, 1, ("H",)),
    "hierarchical_redundancy": (with_class(make_class("F", "Flats", "公寓", parents=("H", "R"))), None, 1, ("F", "R")),
    "relation_clashes": (rdf(*PLAIN, ("H", "related", "R"), ("R", "related", "H")), None, 1, ("H", "R")),
    "valueless_associative_relations": (rdf(*PLAIN, ("H", "related", "O"), ("O", "related", "H")), None, 1, ("H", "O")),
    "solely_transitive_relations": (rdf(*PLAIN, ("H", "broaderTransitive", "O")), None, 1, ("H", "O")),
    "unidirectional_relations": (rdf(*PLAIN[1:]), None, 1, ("R", "H")),
    "mapping_relations_misuse": (rdf(*PLAIN, ("H", "exactMatch", "O"), ("H", "inScheme", "S"), ("O", "inScheme", "S")), None, 1, ("H", "O")),
    "mapping_clashes": (rdf(*PLAIN, ("H", "exactMatch", "e"), ("H", "broadMatch", "e")), None, 1, ("H", "e")),
    "omitted_top_classes": (rdf(*PLAIN[:4]), None, 1, ("S",)),
    "top_classes_with_parent": (rdf(*PLAIN, ("H", "topConceptOf", "S"), ("S", "hasTopConcept", "H")), None, 1, ("H", "R")),
    "ambiguous_notation": (replace(CLEAN, classes={id: replace(c, notation="1") if id != "R" else c for id, c in CLEAN.classes.items()}), None, 1, ("H", "O")),
    "undefined_skos_resources": (rdf(*PLAIN, unknown_terms=("http://www.w3.org/2004/02/skos/core#brooder",)), None, 1, ()),
    "repeated_id": (replace(CLEAN, repeated=(replace(CLEAN["H"], row=9),)), None, 1, ("H",)),
    "unknown_parent": (changed("H", parents=("R", "Z")), None, 1, ("H",)),
    "several_parents": (replace(with_class(make_class("F", "Flats", "公寓", parents=("H", "O"))), single_parent=True), None, 1, ("F", "H", "O")),
    "parent_against_notation": (Scheme.of([make_class("1", notation="1"), make_class("2", notation="2"), *(make_class(f"1{i}", notation=f"1{i}", parents="1") for i in range(5)), make_class("19", notation="19", parents="2")]), None, 1, ("19",)),
    "bad_row": (replace(CLEAN, problems=(ReadingProblem("bad_row", (), "row 3 has no id", 3),)), None, 1, ()),
    "bad_value": (replace(CLEAN, problems=(ReadingProblem("bad_value", ("H",), "row 3", 3),)), None, 1, ("H",)),
    "unread_column": (replace(CLEAN, problems=(ReadingProblem("unread_column", (), "column x", 1),)), None, 1, ()),
    "broken_rule": (changed("H", rule="customer_class ="), None, 1, ("H",)),
    "replaced_by_nothing": (replace(changed("H", status="deprecated"), classes={**changed("H", status="deprecated").classes, "O": replace(CLEAN["O"], replaced_by="Z")}), None, 2, ("H",)),
    "unowned_tag": (changed("H", owner=""), None, 1, ("H",)),
    "same_rule": (changed("O", rule="customer_class  = 'residential'"), None, 1, ("H", "O")),
    "one_criterion": (changed("O", rule="settlement = 'rural'", criterion="settlement"), None, 1, ("R", "H", "O")),
    "sibling_overlap": (changed("O", rule="customer_class in ('residential', 'commercial')"), None, 1, ("H", "O")),
    "union_gap": (changed("O", rule="customer_class = 'commercial'"), None, 1, ("R",)),
    "residual_class": (changed("O", labels=(Label("Other customers", "en"), Label("其他客户", "zh"))), None, 1, ("R", "O")),
    "single_child": (CLEAN.subset(["R", "H"]), None, 1, ("R", "H")),
    "array_size": (with_class(*(make_class(f"A{i}", f"a{i}", f"类{i}", parents="R", rule=f"customer_class = 'k{i}'") for i in range(20))), None, 1, ("R",)),
    "facets_share_criterion": (with_class(*facet("P", 2), *facet("Q", 2, "capacity_kva < {}")), None, 1, ("P0", "Q0")),
    "facet_implication": (with_class(*facet("P", 1, "capacity_kva > 100"), *facet("Q", 1, "capacity_kva > 10")), None, 1, ("P0", "Q0")),
    "members_overlap": (CLEAN, members(O=~half | (np.arange(60) < 5)), 1, ("H", "O")),
    "members_gap": (CLEAN, members(O=np.arange(60) >= 34), 1, ("R",)),
    "members_outside": (CLEAN, members(R=np.arange(60) > 1), 1, ("H", "R")),
    "empty_class": (CLEAN, members(O=np.zeros(60, bool)), 1, ("O",)),
    "rule_without_data": (CLEAN, replace(MEMBERS, not_computed={"H": "needs the column x"}), 1, ("H",)),
    "facets_depend": (with_class(*facet("P", 2), *facet("Q", 2)), members(P0=half, P1=~half, Q0=half, Q1=~half), 1, ()),
    "members_imply": (with_class(*facet("P", 1), *facet("Q", 1)), members(P0=half, Q0=np.arange(60) < 36), 1, ("P0", "Q0")),
}  # fmt: skip


def test_every_check_is_tried_and_explained() -> None:
    assert set(BROKEN) == set(CHECKS)
    told = tags.explain_checks("zh")
    assert len(told) == len(CHECKS) and told["asks"].str.contains("[\u4e00-\u9fff]").all()
    assert tags.explain_checks()["asks"].str.endswith(".").all() and (told["group"] == "qskos").sum() == 25


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert check(CLEAN, MEMBERS).empty
    assert check(rdf(*PLAIN)).empty


@pytest.mark.parametrize("name", list(CHECKS))
def test_a_check_finds_its_defect(name: str) -> None:
    scheme, membership, count, classes = BROKEN[name]
    found = check(scheme, membership, only=[name])
    assert found["check"].tolist() == [name] * count
    assert (
        found["classes"].iloc[0] == classes
        and found["why"].iloc[0]
        and found["severity"].iloc[0] == CHECKS[name].severity
    )
    chinese = check(scheme, membership, only=[name], language="zh")
    assert len(chinese) == count and chinese["severity"].tolist() == found["severity"].tolist()


def test_a_repair_names_edge_and_path() -> None:
    found = check(BROKEN["hierarchical_redundancy"][0], only=["hierarchical_redundancy"]).iloc[0]
    assert found["why"] == "Flats (F) -> All (R) also follows from Flats (F) -> Homes (H) -> All (R)"
    assert found["repair"] == "take the edge Flats (F) -> All (R) away"
    ring = check(BROKEN["cyclic_relations"][0], only=["cyclic_relations"]).iloc[0]
    assert ring["why"] == "cycle upwards: Homes (H) -> All (R) -> Homes (H)"


def test_a_check_that_fails_does_not_stop_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(view: object) -> list[object]:
        raise RuntimeError("no luck")

    monkeypatch.setitem(CHECKS, "orphan_classes", replace(CHECKS["orphan_classes"], find=fail))  # type: ignore[arg-type]
    found = check(BROKEN["unknown_parent"][0])
    assert "orphan_classes: RuntimeError: no luck" in found.loc[found["check"] == "check_failed", "why"].iloc[0]
    assert "unknown_parent" in set(found["check"])


def test_customers_are_counted_and_named_by_pseudonym_only() -> None:
    scheme, membership, _, _ = BROKEN["members_overlap"]
    key = b"k" * 32
    row = check(scheme, membership, only=["members_overlap"], key=key).iloc[0]
    assert row["customers_count"] == 5 and row["examples"] == tuple(privacy.pseudonym(i, key) for i in ids[:3])
    assert "overlap 16.7% of the smaller" in row["why"]
    assert check(scheme, membership, only=["members_overlap"], fewest=10).empty
    again = check(scheme, membership, only=["members_overlap"]).iloc[0]["examples"]
    assert again != row["examples"] and not any(i in str(again) for i in ids)


def test_proof_of_the_class_arrays() -> None:
    proof = tags.prove_arrays(CLEAN, members(O=np.arange(60) >= 45)).iloc[0]
    assert proof["exclusive"] == "holds" and proof["exhaustive"] == "refuted"
    assert proof["exhaustive_share"] == pytest.approx(45 / 60) and proof["overlap_share"] == 0
    loose = changed("R", exhaustive=False, exclusive=False)
    assert set(tags.prove_arrays(loose, MEMBERS)[["exclusive", "exhaustive"]].iloc[0]) == {"not_claimed"}
    hidden = tags.prove_arrays(CLEAN, members(O=np.arange(60) >= 34), fewest=10).iloc[0]
    assert np.isnan(hidden["exhaustive_share"]) and hidden["exhaustive"] == "but_for_few"


def test_unions_are_judged_within_the_domain() -> None:
    def split(domain: str, *rules: str) -> Scheme:
        return Scheme.of(
            [make_class("R", domain=domain), *(make_class(f"c{i}", parents="R", rule=r) for i, r in enumerate(rules))]
        )

    gaps = {
        ("0..", "capacity_kva < 5", "capacity_kva >= 5"): [],
        ("0..", "capacity_kva < 5", "capacity_kva > 5"): ["capacity_kva 5 is in no class under R"],
        ("0..1", "late_share > 0.1 and late_share < 0.5"): ["late_share 0 to 0.1; 0.5 to 1 is in no class under R"],
        ("", "settlement = 'urban'", "settlement = 'rural'"): [],
        ("urban;rural;remote", "settlement = 'urban'", "settlement = 'rural'"): [
            "settlement remote is in no class under R"
        ],
        ("", "prepaid", "not prepaid"): [],
        ("", "prepaid"): ["prepaid False is in no class under R"],
    }
    for (domain, *rules), told in gaps.items():
        found = check(split(domain, *rules), only=["union_gap"])["why"].tolist()
        assert found == told, rules


def test_repairs_give_a_new_scheme_and_what_changed() -> None:
    broken = Scheme.of(
        [
            make_class("1", "a", notation="1"), make_class("2", "b", notation="2", parents="Z"),
            *(make_class(f"1{i}", "x" * (i + 1), notation=f"1{i}", parents="1") for i in range(6)),
            make_class("16", "misplaced", notation="16", parents="2"), make_class("p", "p", parents=("q", "1")), make_class("q", "q", parents=("p", "1")),
            replace(make_class("e", "e", parents="1"), labels=(Label("e", "en"), Label("E", "en", "alt"), Label(" ", "zh"), Label("e\x00f", "de"))),
            make_class("r", "r", parents=("15", "1")),
        ],
    )  # fmt: skip
    before = check(broken)
    repaired, changes = check(broken, repair="all")
    after = check(repaired)
    mended = set(tags.checks.REPAIRS) & set(before["check"])
    assert mended >= {
        "unknown_parent",
        "parent_against_notation",
        "cyclic_relations",
        "hierarchical_redundancy",
        "empty_labels",
        "disjoint_labels_violation",
        "unprintable_characters",
    }
    assert not set(after["check"]) & set(tags.checks.REPAIRS)
    assert {c.check for c in changes} >= mended and len(broken["q"].parents) == 2
    assert repaired["16"].parents == ("1",) and repaired["r"].parents == ("15",)
    assert any(c.what == "took the edge 2 -> Z away" for c in changes)
    only, few = check(broken, repair="unknown_parent")
    assert len(few) == 1 and only["16"].parents == ("2",)
    with pytest.raises(TagError, match="'array_size' has no repair"):
        check(broken, repair=["array_size"])
    with pytest.raises(TagError, match="no check 'nonsense'"):
        check(broken, only=["nonsense"])


def test_repairs_of_stated_relations() -> None:
    one_way = rdf(*PLAIN[1:], ("H", "related", "R"))
    repaired, changes = check(one_way, repair=["unidirectional_relations", "relation_clashes"])
    assert check(repaired, only=["unidirectional_relations", "relation_clashes"]).empty
    assert {c.what for c in changes} >= {"stated H broader R", "took 'related' between H and R away"}


def test_the_command_checks_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.csv"
    path.write_text("id,name,parent\nA,Homes,\nA,Again,\nB,Flats,Z\n", encoding="utf-8")
    assert cli.main(["tags", "check", str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["classes"] == 2 and {"ambiguous_notation", "unknown_parent"} <= {f["check"] for f in told["findings"]}
    assert cli.main(["tags", "check", str(path), "--only", "unknown_parent", "--repair", str(tmp_path / "r.json")]) == 1
    out = capsys.readouterr()
    assert "row 4: parent 'Z' is not there" in out.out and "1 changes" in out.err
    assert Scheme.read(tmp_path / "r.json")["B"].parents == ()
    assert cli.main(["tags", "export", "combined", str(tmp_path / "c.ttl")]) == 0
    assert cli.main(["tags", "check", str(tmp_path / "none.csv")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_hostile_names_are_told_without_their_marks() -> None:
    bad = changed("H", labels=(Label("a\u202eb\x1b[31m", "en"),))
    found = check(bad)
    assert not any(letter in text for text in found["why"] for letter in "\u202e\x1b")
    assert isinstance(found, pd.DataFrame)


def test_splits_are_judged_within_their_parent() -> None:
    large = make_class("L", "Large", rule="capacity_kva >= 315")
    whole = Scheme.of(
        [
            large,
            make_class("a", parents="L", rule="capacity_kva < 1000"),
            make_class("b", parents="L", rule="capacity_kva < 100 or capacity_kva >= 1000"),
        ]
    )
    assert check(whole, only=["union_gap", "sibling_overlap"]).empty
    open_ = Scheme.of(
        [
            large,
            make_class("a", parents="L", rule="capacity_kva < 1000"),
            make_class("b", parents="L", rule="capacity_kva > 1000"),
        ]
    )
    assert check(open_, only=["union_gap"])["why"].tolist() == ["capacity_kva 1000 is in no class under Large (L)"]


def test_a_union_does_not_prove_itself() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in range(40)],
            "customer_class": ["residential", "industrial", "public", "commercial"] * 10,
        }
    )
    tree = Scheme.of(
        [
            make_class("R"),
            make_class("G", parents="R"),
            make_class("H", parents="G", rule="customer_class = 'residential'"),
            make_class("I", parents="G", rule="customer_class = 'industrial'"),
        ]
    )
    members = tags.assign(frame, tree)
    proof = tags.prove_arrays(tree, members).set_index("parent")
    assert proof.loc["G", "exhaustive"] == "not_testable" and np.isnan(proof.loc["G", "exhaustive_share"])
    assert proof.loc["R", "exhaustive"] == "refuted" and proof.loc["R", "exhaustive_share"] == 0.5, (
        "a lone root stands for everybody"
    )
    assert check(tree, members, only=["members_gap"])["classes"].tolist() == [("R",)]
    apart = Scheme.of(
        [
            make_class("R", rule="customer_class = 'public'"),
            make_class("X", parents="R", rule="customer_class = 'residential'"),
        ]
    )
    assert (
        "its rule holds for 10 outside its parents"
        in check(apart, tags.assign(frame, apart), only=["empty_class"])["why"].iloc[0]
    )


def test_rules_that_compare_with_another_type_are_found_before_they_run() -> None:
    found = check(changed("H", rule="customer_class > 3 or not prepaid"), only=["broken_rule"])
    assert "holds words, and 3.0 cannot be compared" in found["why"].iloc[0]
    own = membership_of({"H": half, "O": ~half}, ids)
    assert check(changed("H", rule="my_column > 3"), own, only=["broken_rule"]).empty


def test_transitive_and_mapped_relations_count() -> None:
    ring = rdf(*PLAIN, ("R", "broaderTransitive", "O"))
    assert check(ring, only=["cyclic_relations"])["classes"].tolist() == [("O", "R")]
    mapped = rdf(*PLAIN, ("H", "broadMatch", "O"), ("H", "related", "O"))
    assert check(mapped, only=["relation_clashes"])["classes"].tolist() == [("H", "O")]


def test_repair_may_just_be_true() -> None:
    assert check(changed("H", parents=("R", "Z")), repair=True)[0]["H"].parents == ("R",)
