"""Tags beside peers: the checks of a thesaurus beside pyshacl, subsumption beside networkx alone."""

from __future__ import annotations

import json
import subprocess
import time
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from labkit import tags
from tests.benchmarks.peers import Beside, make_environment

PYSHACL = "pyshacl==0.40.1"
_SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix x: <urn:x:> .
x:prefixes sh:declare [ sh:prefix "skos" ; sh:namespace "http://www.w3.org/2004/02/skos/core#"^^<http://www.w3.org/2001/XMLSchema#anyURI> ] .
x:Concept a sh:NodeShape ; sh:targetClass skos:Concept ;
  sh:property [ sh:path skos:prefLabel ; sh:minCount 1 ; sh:uniqueLang true ] ;
  sh:property [ sh:path skos:definition ; sh:minCount 1 ; sh:severity sh:Info ] ;
  sh:sparql [ sh:prefixes x:prefixes ; sh:message "redundant" ;
    sh:select "SELECT $this ?value WHERE { $this skos:broader ?value . $this skos:broader ?mid . ?mid skos:broader+ ?value }" ] ;
  sh:sparql [ sh:prefixes x:prefixes ; sh:message "clash" ;
    sh:select "SELECT $this ?value WHERE { $this skos:related ?value . $this skos:broader+ ?value }" ] ;
  sh:sparql [ sh:prefixes x:prefixes ; sh:message "cycle" ; sh:select "SELECT $this WHERE { $this skos:broader+ $this }" ] .
"""
_PEER = """
import json, sys, time, rdflib, pyshacl
data, shapes = (rdflib.Graph().parse(name, format="turtle") for name in sys.argv[1:3])
started = time.perf_counter()
_, report, _ = pyshacl.validate(data, shacl_graph=shapes, advanced=True)
seconds = time.perf_counter() - started
said = rdflib.Namespace("http://www.w3.org/ns/shacl#").resultMessage
found = {name: sum(1 for _ in report.subject_objects(said) if str(_[1]) == name) for name in ("redundant", "clash")}
print(json.dumps({"seconds": seconds, "triples": len(data), **found}))
"""


def thesaurus(classes: int, seed: int = 1) -> tags.Scheme:
    """A made-up thesaurus with two parents here and there, some of them redundant, and related classes."""
    rng = np.random.default_rng(seed)
    made: list[tags.TagClass] = []
    for i in range(classes):
        parents = (
            [f"c{int(j)}" for j in np.unique(rng.integers(max(0, i // 5 - 40), i // 5 + 1, rng.integers(1, 3)))]
            if i
            else []
        )
        parents = [p for p in parents if p != f"c{i}"]
        if len(parents) == 1 and rng.random() < 0.2 and made[int(parents[0][1:])].parents:
            parents.append(made[int(parents[0][1:])].parents[0])
        made.append(
            tags.make_class(
                f"c{i}", f"class {i}", f"类{i}", aliases=[f"alias {i}"], definition=f"no. {i}", parents=parents
            )
        )
    pairs = rng.integers(0, classes, (classes, 2))
    related = [tags.Relation(f"c{a}", "related", f"c{b}") for a, b in pairs.tolist() if a != b]
    return tags.Scheme(**{**vars(tags.Scheme.of(made, title="thesaurus")), "relations": tuple(related)})


def compare_checks(folder: Path, classes: int = 3000) -> Beside:
    """All checks of a thesaurus after parsing, and five of them by pyshacl."""
    path = folder / "thesaurus.ttl"
    thesaurus(classes).write(path)
    (folder / "shapes.ttl").write_text(_SHAPES, encoding="utf-8")
    (folder / "shacl_peer.py").write_text(_PEER, encoding="utf-8")
    python = make_environment(folder / "pyshacl", PYSHACL)
    command = [python, "-W", "ignore", str(folder / "shacl_peer.py"), str(path), str(folder / "shapes.ttl")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peer = json.loads(done.stdout.strip().split("\n")[-1])
    scheme = tags.Scheme.read(path)
    started = time.perf_counter()
    found = tags.check(scheme)
    seconds = time.perf_counter() - started
    counts = found["check"].value_counts()
    apart = abs(counts["hierarchical_redundancy"] - peer["redundant"])
    what = f"a thesaurus of {peer['triples']:,} triples checked ({len(tags.CHECKS)} checks; {PYSHACL}: 5), redundant edges apart"
    return Beside(what, seconds * 1000, peer["seconds"] * 1000, float(apart), 20, 0.5)


def taggings(customers: int, vocabulary: int, each: int, seed: int = 1) -> pd.DataFrame:
    """Tags of customers, some far more frequent than others."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, vocabulary + 1) ** 0.8
    tag = rng.choice(vocabulary, customers * each, p=share / share.sum())
    names = np.array([f"t{i:03d}" for i in range(vocabulary)])
    return pd.DataFrame(
        {"customer_id": np.repeat(np.arange(customers), each), "tag": pd.Categorical.from_codes(tag, names)}
    )


def compare_subsumption(customers: int = 20_000) -> Beside:
    """Co-occurrence and subsumption of the same taggings, sparse and by networkx alone."""
    table = taggings(customers, 300, 8).astype({"tag": str})
    started = time.perf_counter()
    made = tags.induce(table, "subsumption", threshold=0.3)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    graph = nx.Graph()
    for _, tag in table.drop_duplicates().groupby("customer_id")["tag"]:
        for name in tag:
            graph.add_node(name, n=graph.nodes[name]["n"] + 1 if name in graph else 1)
        for a, b in combinations(tag, 2):
            graph.add_edge(a, b, n=graph.edges[a, b]["n"] + 1 if graph.has_edge(a, b) else 1)
    above = nx.DiGraph()
    for a, b, n in graph.edges(data="n"):
        for x, y in ((a, b), (b, a)):
            if n >= 0.3 * graph.nodes[y]["n"] and n < 0.3 * graph.nodes[x]["n"]:
                above.add_edge(x, y)
    edges = set(nx.transitive_reduction(above).edges)
    peer = time.perf_counter() - started
    apart = len(edges ^ set(made.graph.edges))
    return Beside(
        f"{len(table):,} taggings to a hierarchy, networkx alone (edges apart)",
        ours * 1000,
        peer * 1000,
        float(apart),
        0,
        0.5,
    )


def make_portraits(path: Path, customers: int) -> None:
    """Portraits with the columns that the library's rules look at, values drawn at random."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from labkit.portrait import SOURCES
    from labkit.tags.rules import Compare, parse_rule

    rng = np.random.default_rng(3)
    words: dict[str, set[str]] = {}
    for name in ("enumerative", "faceted"):
        for item in tags.read_catalogue(name).classes.values():
            rule = parse_rule(item.rule) if item.rule else None
            if isinstance(rule, Compare) and isinstance(rule.value, str):
                words.setdefault(rule.column, set()).add(rule.value)
    columns: dict[str, object] = {"customer_id": np.char.add("C", np.arange(customers).astype("U8"))}
    flags = ("prepaid", "important", "active", "in_time_of_use", "in_interruptible")
    for column in [c for names in SOURCES.values() for c in names]:
        if column in words or column == "industry_code":
            values = np.array(sorted(words.get(column, {"C25", "F51", "O80"})))
            columns[column] = pa.DictionaryArray.from_arrays(
                pa.array(rng.integers(0, len(values), customers).astype(np.int32)), pa.array(values)
            ).cast(pa.string())
        elif column in flags:
            columns[column] = rng.random(customers) < 0.5
        elif column.endswith("_count"):
            columns[column] = rng.integers(0, 8, customers)
        else:
            columns[column] = (
                rng.gamma(0.5, 400.0, customers) if not column.endswith(("share", "factor")) else rng.random(customers)
            )
    pq.write_table(pa.table(columns), path)
