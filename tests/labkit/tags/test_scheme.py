"""Schemes in code and from files."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import openpyxl
import pytest

from labkit import tags
from labkit.tags import Relation, Scheme, TagError, make_class

CSV = "id,name,parent\nA,Homes,\nB,Urban homes,A\nC,Rural homes,A\nD,Flats,B\n"


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Scheme:
    return Scheme.read(write(tmp_path, "tree.csv", CSV))


def test_words_of_the_field(tree: Scheme) -> None:
    assert tree.class_chain("D") == ("A", "B", "D")
    assert tree.class_array("A") == ("B", "C") and tree.coordinate_classes("B") == ("C",)
    assert tree.ancestors("D") == ("B", "A") and set(tree.descendants("A")) == {"B", "C", "D"}
    assert tree.roots == ("A",) and tree.leaves == ("C", "D")
    assert sorted(tree.graph.edges) == [("A", "B"), ("A", "C"), ("B", "D")]
    assert tree.graph.nodes["B"]["labels"][0].text == "Urban homes"
    assert "4 classes, 3 edges, 1 roots" in repr(tree) and "<details" in tree._repr_html_()


def test_subset_keeps_edges_between_what_is_kept(tree: Scheme) -> None:
    part = tree.subset(["A", "B", "D"])
    assert len(part) == 3 and sorted(part.graph.edges) == [("A", "B"), ("B", "D")]
    assert tree.subset(["A", "D"]).roots == ("A", "D") and len(tree) == 4


def test_adding_in_code_is_refused_where_it_breaks_the_scheme(tree: Scheme) -> None:
    with pytest.raises(TagError, match="cycle A -> B -> D -> A"):
        tree.add_parent("A", "D")
    with pytest.raises(TagError, match="cycle B -> B"):
        tree.add_parent("B", "B")
    with pytest.raises(TagError, match="'A' is there already"):
        tree.add_class(make_class("A"))
    with pytest.raises(TagError, match="parent 'Z', which is not there"):
        tree.add_class(make_class("E", parents="Z"))
    with pytest.raises(TagError, match="no class 'Z'"):
        _ = tree["Z"]
    more = tree.add_class(make_class("E", parents="C")).add_parent("D", "C")
    assert more["D"].parents == ("B", "C") and tree["D"].parents == ("B",)
    one = Scheme.of(tree.classes.values(), single_parent=True)
    with pytest.raises(TagError, match="this scheme allows one"):
        one.add_parent("D", "C")


def test_a_cycle_in_a_file_stays_for_the_check(tmp_path: Path) -> None:
    found = Scheme.read(write(tmp_path, "c.csv", "id,name,parent\nA,a,B\nB,b,A\n"))
    assert sorted(found.graph.edges) == [("A", "B"), ("B", "A")] and found.class_chain("A") == ("B", "A")
    assert tags.check(found, only=["cyclic_relations"])["classes"].tolist() == [("A", "B")]


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("标签编号,标签名称,父标签,口径", "utf-8"),
        ("代码,名称,上级代码,说明", "gb18030"),
        ("Code;Name;Parent Code;Description", "utf-16"),
    ],
)
def test_chinese_headers_and_encodings(tmp_path: Path, header: str, encoding: str) -> None:
    comma = ";" if ";" in header else ","
    text = "\n".join([header, comma.join(["1", "居民", "", "住户"]), comma.join(["11", "城镇居民", "1", ""])])
    found = Scheme.read(write(tmp_path, "s.csv", text.encode(encoding)))
    assert found["11"].name("zh") == "城镇居民" and found["11"].parents == ("1",) and found["1"].notes[0].text == "住户"


def test_the_id_is_the_column_that_parents_point_to(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "industry_id", "name", "parent_id", "level_type"])  # type: ignore[union-attr]
    for row in ([1, "A", "农业", None, 0], [2, "01", "种植业", "A", 1], [3, "011", "谷物", "01", 2]):
        book.active.append(row)  # type: ignore[union-attr]
    book.create_sheet("Query").append(["SELECT 1"])
    book.save(tmp_path / "i.xlsx")
    assert Scheme.read(tmp_path / "i.xlsx").class_chain("011") == ("A", "01", "011")
    with pytest.raises(TagError, match="no sheet 'X'; there are Sheet, Query"):
        tags.Scheme.read(tmp_path / "i.xlsx", sheet="X")


def test_a_parent_may_be_written_by_its_name(tmp_path: Path) -> None:
    found = Scheme.read(write(tmp_path, "n.csv", "id,name,parent_name\n1,Homes,\n2,Flats,Homes\n3,Sheds,Barns\n"))
    assert found["2"].parents == ("1",) and found["3"].parents == ("Barns",)


@pytest.mark.parametrize("ending", ["csv", "xlsx", "json", "ttl", "rdf", "csv.gz", "json.bz2", "ttl.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    library = tags.read_catalogue("combined")
    path = tmp_path / f"library.{ending}"
    library.write(path)
    again = Scheme.read(path)
    assert set(again.classes) == set(library.classes)
    for id, item in library.classes.items():
        other = again[id]
        assert set(other.labels) == set(item.labels) and set(other.notes) == set(item.notes)
        kept = (
            "parents",
            "rule",
            "facet",
            "criterion",
            "relation",
            "exclusive",
            "exhaustive",
            "residual",
            "status",
            "domain",
        )
        assert [getattr(other, name) for name in kept] == [getattr(item, name) for name in kept]
    if "xlsx" not in ending:  # a workbook holds the time it was written
        library.write(tmp_path / f"same.{ending}")
        assert (tmp_path / f"same.{ending}").read_bytes() == path.read_bytes()


def test_graphml_for_other_tools(tmp_path: Path) -> None:
    import networkx as nx

    tags.read_catalogue("enumerative").write(tmp_path / "t.graphml")
    assert nx.read_graphml(tmp_path / "t.graphml").number_of_edges() == 85


def test_skos_with_only_transitive_relations_is_a_tree(tmp_path: Path) -> None:
    text = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix x: <http://x/> .
@prefix dc: <http://purl.org/dc/elements/1.1/> .
x:c skos:broaderTransitive x:b, x:a ; skos:inScheme x:s ; dc:identifier "111" .
x:b skos:broaderTransitive x:a ; skos:inScheme x:s ; dc:identifier "11" .
x:a skos:inScheme x:s ; dc:identifier "1" ; skos:prefLabel "Root"@en ."""
    found = Scheme.read(write(tmp_path, "t.ttl.bz2", bz2.compress(text.encode())))
    assert found["http://x/c"].parents == ("http://x/b",) and found.roots == ("http://x/a",)
    assert found["http://x/b"].notation == "11" and len(found) == 3


def test_skos_narrower_and_relations(tmp_path: Path) -> None:
    text = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">
<skos:Concept rdf:about="http://x/a"><skos:prefLabel xml:lang="en">A</skos:prefLabel><skos:narrower rdf:resource="http://x/b"/>
<skos:exactMatch rdf:resource="http://y/z"/></skos:Concept>
<skos:Concept rdf:about="http://x/b"><skos:prefLabel xml:lang="zh">乙</skos:prefLabel></skos:Concept></rdf:RDF>"""
    found = Scheme.read(write(tmp_path, "r.rdf.gz", gzip.compress(text.encode())))
    assert found["http://x/b"].parents == ("http://x/a",) and found["http://x/b"].name("zh") == "乙"
    assert Relation("http://x/a", "exactMatch", "http://y/z") in found.relations


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"  \n", "the file is empty"),
        ("a.csv", b"id,name\n", "no row below the header"),
        ("a.csv", b"word,meaning\nx,y\n", "no column could be the id"),
        ("a.csv", b"id,name\n\xff\xfe\xfa\x00\x81", "neither UTF-8 nor GB18030"),
        ("a.json", b"[1]", "not JSON of a scheme"),
        ("a.json", b'{"classes": []}', "has no class"),
        ("a.ttl", b"@prefix x <", "cannot be read as turtle"),
        ("a.ttl", b"@prefix x: <http://x/> . x:a x:b x:c .", "has no SKOS concept"),
        ("a.csv.gz", b"\x1f\x8b broken", "compressed file is damaged"),
        ("a.xlsx", b"no workbook", "not a readable workbook"),
        ("a.docx", b"x", "no format of schemes"),
        ("a.csv", b"\xff\xfea", "neither UTF-8 nor GB18030 nor UTF-16"),
        ("a.json", b'{"classes":[{"id":"A","parents":"B"}]}', "class 1, parents: expected list"),
        ("a.json", b'{"classes":[{"id":1}]}', "class 1, id: expected str"),
        ("a.json", b'{"classes":[{"id":"A","exclusive":"maybe"}]}', "class 1, exclusive: expected true"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(TagError, match=says) as caught:
        Scheme.read(write(tmp_path, name, content))
    assert name in str(caught.value)


def test_a_missing_file_and_an_unknown_ending(tmp_path: Path, tree: Scheme) -> None:
    with pytest.raises(TagError, match=r"none\.csv: there is no such file"):
        Scheme.read(tmp_path / "none.csv")
    with pytest.raises(TagError, match=r"is not one of \.csv"):
        tree.write(tmp_path / "x.doc")


def test_rows_that_do_not_fit_are_told_with_row_and_column(tmp_path: Path) -> None:
    text = "id,name,relation,exclusive\nA,a,is_a,yes\n,b,is_a,no\nC,c,cousin,perhaps\nD,d,is_a,no,more\n"
    found = tags.check(Scheme.read(write(tmp_path, "p.csv", text)), only=["bad_row", "bad_value"])
    said = found[["check", "row"]].values.tolist()
    assert said == [["bad_row", 5], ["bad_row", 3], ["bad_value", 4], ["bad_value", 4]]
    assert any("column relation: 'cousin' is not is_a or part_of or grouped_by" in why for why in found["why"])


@pytest.mark.parametrize(
    "parent", ["上级编号", "父级编号", "上级标签", "所属上级", "上位类编号", "父节点", "Parent ID", "上级代码"]
)
def test_headers_are_known_by_their_stems(tmp_path: Path, parent: str) -> None:
    found = Scheme.read(write(tmp_path, "h.csv", f"编号,标签名,{parent},备注一\nA,全部,,x\nB,居民,A,y\n"))
    assert found["B"].parents == ("A",) and found["B"].name("zh") == "居民"
    assert "'备注一' is not understood" in tags.check(found, only=["unread_column"])["why"].iloc[0]


def test_a_title_above_the_header_and_codes_kept_as_numbers(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["标签目录", None, None], ["代码", "名称", "上级代码"], [1, "甲", None], ["2", "乙", 1.0]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(tmp_path / "t.xlsx")
    assert Scheme.read(tmp_path / "t.xlsx").class_chain("2") == ("1", "2")


def test_labels_of_skos_xl(tmp_path: Path) -> None:
    text = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix xl: <http://www.w3.org/2008/05/skos-xl#> . @prefix e: <http://e/> .
e:a a skos:Concept ; xl:prefLabel e:l1 ; xl:altLabel e:l2 . e:l1 xl:literalForm "Tax"@en . e:l2 xl:literalForm "Duty"@en ."""
    item = Scheme.read(write(tmp_path, "x.ttl", text))["http://e/a"]
    assert item.name() == "Tax" and item.aliases == ("Duty",)


def test_a_cycle_through_a_parent_that_was_not_there_yet() -> None:
    waiting = Scheme.of([make_class("B", parents="A")])
    with pytest.raises(TagError, match="cycle A -> B -> A"):
        waiting.add_class(make_class("A", parents="B"))
    assert waiting.add_class(make_class("A"))["B"].parents == ("A",)


@pytest.mark.parametrize("ending", ["csv", "xlsx", "ttl", "rdf", "json"])
def test_hostile_text_is_written_and_read(tmp_path: Path, ending: str) -> None:
    odd = Scheme.of(
        [
            tags.TagClass("http://x/a b", labels=(tags.Label("a\x0bb", "en_US"), tags.Label("=1+1", "zh"))),
            make_class("c", "<b>", parents="http://x/a b"),
        ]
    )
    odd.write(tmp_path / f"o.{ending}")
    assert len(Scheme.read(tmp_path / f"o.{ending}")) == 2


def test_a_scheme_that_is_all_cycle_is_shown() -> None:
    ring = Scheme.of([make_class("A", parents="B"), make_class("B", parents="A")])
    assert "in a cycle: A, B" in ring._repr_html_()
    with pytest.raises(TagError, match="no root"):
        tags.plot_tree(ring)
