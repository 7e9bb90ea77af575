"""SKOS in and out (W3C recommendation of 18 August 2009), by rdflib."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

import networkx as nx

from labkit.tags.errors import TagError
from labkit.tags.record import TEXT_FIELDS, Label, TagClass
from labkit.tags.scheme import Method, Relation, Scheme

SKOS = "http://www.w3.org/2004/02/skos/core#"
_XL = "http://www.w3.org/2008/05/skos-xl#"
#: Bytes of an entity; a longer one, used often, would fill the memory.
_LONGEST_ENTITY = 200
_RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_TITLES = (_RDFS_LABEL, "http://purl.org/dc/terms/title", "http://purl.org/dc/elements/1.1/title")
_IDENTIFIERS = ("http://purl.org/dc/elements/1.1/identifier", "http://purl.org/dc/terms/identifier")
_OWN, _BASE = "urn:labkit:tags#", "urn:labkit:tag:"

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_WELL_FORMED = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*\Z")
HIERARCHY = {"broader": 1, "broaderTransitive": 1, "narrower": -1, "narrowerTransitive": -1}
MAPPINGS = ("exactMatch", "closeMatch", "broadMatch", "narrowMatch", "relatedMatch")
_RELATIONS = (*HIERARCHY, "related", *MAPPINGS, "mappingRelation", "semanticRelation")
_SCHEME = ("inScheme", "topConceptOf", "hasTopConcept")
_LABELS = {"prefLabel": "pref", "altLabel": "alt", "hiddenLabel": "hidden"}
_NOTES = ("note", "changeNote", "definition", "editorialNote", "example", "historyNote", "scopeNote")
#: Everything that SKOS defines.
DEFINED = {*_RELATIONS, *_SCHEME, *_LABELS, *_NOTES, "notation", "member", "memberList", "Concept", "ConceptScheme", "Collection", "OrderedCollection"}  # fmt: skip
_FORMATS = {
    ".ttl": "turtle",
    ".n3": "n3",
    ".nt": "nt",
    ".rdf": "xml",
    ".owl": "xml",
    ".xml": "xml",
    ".jsonld": "json-ld",
}


def parse_skos(data: bytes, name: str, ending: str, *, title: str, method: Method, single_parent: bool) -> Scheme:
    """A scheme from the bytes of a SKOS file.

    Raises
    ------
    TagError
        If the file is not RDF of its ending's kind, or has no concept.

    Notes
    -----
    Parents are what ``broader`` and the inverse of ``narrower`` say; a file that has
    only the transitive forms gives its transitive reduction. A concept is what is
    typed so, or what stands in a semantic relation or in a concept scheme.
    """
    import rdflib

    quiet = logging.getLogger("rdflib.term")
    if _FORMATS[ending] == "xml":
        _refuse_growing_entities(data, name)
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # ill-typed literals are kept as text
    try:
        graph = rdflib.Graph().parse(data=data, format=_FORMATS[ending])
    except Exception as error:  # every parser of rdflib has errors of its own
        raise TagError(f"{name}: cannot be read as {_FORMATS[ending]}: {str(error)[:160]!r}") from error
    finally:
        quiet.setLevel(level)
    facts = _Facts()
    for s, p, o in graph:
        facts.take(str(s), str(p), str(o), getattr(o, "language", None) or "", isinstance(o, rdflib.Literal))
    if not facts.concepts:
        raise TagError(f"{name}: has no SKOS concept; expected skos:Concept, skos:inScheme or skos:broader")
    return facts.scheme(title, method, single_parent)


def _refuse_growing_entities(data: bytes, name: str) -> None:
    """Entities may shorten addresses, as editors of ontologies write them; those that nest or read files may not."""
    for found in re.finditer(rb"<!ENTITY\s+(%?)\s*\S+\s+([^>]*)>", data.replace(b"\0", b"")):
        outside = not found[2].lstrip().startswith((b"'", b'"'))
        if found[1] or outside or b"&" in found[2] or b"%" in found[2] or len(found[2]) > _LONGEST_ENTITY:
            raise TagError(f"{name}: declares an entity that is no short address; write the file without <!ENTITY")


class _Facts:
    """What the triples say, sorted by what it is about."""

    def __init__(self) -> None:
        self.concepts: set[str] = set()
        self.schemes: dict[str, str] = {}
        self.collections: set[str] = set()
        self.labels: dict[str, list[Label]] = defaultdict(list)
        self.spare: dict[str, list[Label]] = defaultdict(list)
        self.titles: dict[str, str] = {}
        self.notes: dict[str, list[Label]] = defaultdict(list)
        self.notations: dict[str, list[str]] = defaultdict(list)
        self.own: dict[str, dict[str, str]] = defaultdict(dict)
        self.relations: list[Relation] = []
        self.unknown: set[str] = set()
        self.subjects: set[str] = set()
        self.xl_forms: dict[str, Label] = {}
        self.xl_links: list[tuple[str, str, str]] = []
        self.identifiers: dict[str, list[str]] = defaultdict(list)

    def take(self, s: str, p: str, o: str, language: str, literal: bool) -> None:
        """Sort one triple in."""
        self.subjects.add(s)
        if p == _TYPE:
            if o == SKOS + "Concept":
                self.concepts.add(s)
            elif o == SKOS + "ConceptScheme":
                self.schemes.setdefault(s, "")
            elif o.startswith(SKOS):
                self._know(o)
                self.collections.add(s)
        elif p.startswith(SKOS):
            self._skos(s, p[len(SKOS) :], o, language, literal)
        elif p == _XL + "literalForm" and literal:
            self.xl_forms[s] = Label(o, language)
        elif p.startswith(_XL) and p[len(_XL) :] in _LABELS:
            if literal:  # some files write the text itself where a label is expected
                self.labels[s].append(Label(o, language, _LABELS[p[len(_XL) :]]))  # type: ignore[arg-type]
            else:
                self.xl_links.append((s, _LABELS[p[len(_XL) :]], o))
        elif p in _TITLES and literal:
            self.titles[s] = min(o, self.titles.get(s, o))
            if p == _RDFS_LABEL:
                self.spare[s].append(Label(o, language))
        elif p in _IDENTIFIERS and literal:
            self.identifiers[s].append(o)
        elif p.startswith(_OWN) and literal:
            self.own[s][p[len(_OWN) :]] = o

    def _skos(self, s: str, name: str, o: str, language: str, literal: bool) -> None:
        self._know(SKOS + name)
        if name in _LABELS:
            self.labels[s].append(Label(o, language, _LABELS[name]))  # type: ignore[arg-type]
        elif name in _NOTES and literal:
            self.notes[s].append(Label(o, language))
        elif name == "notation":
            self.notations[s].append(o)
        elif name in _RELATIONS:
            self.relations.append(Relation(s, name, o))
            self.concepts.add(s)
            if name in HIERARCHY or name == "related":
                self.concepts.add(o)
        elif name in _SCHEME:
            scheme, concept = (s, o) if name == "hasTopConcept" else (o, s)
            self.schemes.setdefault(scheme, "")
            self.concepts.add(concept)
            self.relations.append(Relation(s, name, o))
        elif name in ("member", "memberList"):
            self.collections.add(s)
            self.relations.append(Relation(s, name, o))

    def _know(self, term: str) -> None:
        if term[len(SKOS) :] not in DEFINED:
            self.unknown.add(term)

    def scheme(self, title: str, method: Method, single_parent: bool) -> Scheme:
        """The scheme that these facts make."""
        # What is only pointed at is no class, but a parent that is not there.
        concepts = sorted((self.concepts & self.subjects) - set(self.schemes) - self.collections)
        marks = self.notations or self.identifiers
        for concept, label_kind, node in sorted(self.xl_links):
            if node in self.xl_forms:
                form = self.xl_forms[node]
                self.labels[concept].append(Label(form.text, form.language, label_kind))  # type: ignore[arg-type]
        known, relations = set(concepts), sorted(self.relations, key=lambda r: (r.source, r.kind, r.target))
        parents: dict[str, dict[str, None]] = defaultdict(dict)
        for kinds in (("broader", "narrower"), ("broaderTransitive", "narrowerTransitive")):
            edges = [
                (r.source, r.target) if HIERARCHY[r.kind] > 0 else (r.target, r.source)
                for r in relations
                if r.kind in kinds
            ]
            if edges:
                for child, parent in edges if kinds[0] == "broader" else _reduce(edges):
                    if child in known and (parent in known or parent not in self.schemes):
                        parents[child][parent] = None
                break
        classes = [self._class(uri, tuple(parents[uri]), sorted(marks.get(uri, ()))) for uri in concepts]
        about = self.own.get(next(iter(sorted(self.schemes)), ""), {})
        return Scheme.of(
            classes,
            title=title,
            method=method or about.get("method", ""),
            single_parent=single_parent or about.get("single_parent") == "true",
            relations=tuple(Relation(plain_id(r.source), r.kind, plain_id(r.target)) for r in relations),
            schemes={uri: self.titles.get(uri, "") for uri in sorted(self.schemes)},
            unknown_terms=tuple(sorted(self.unknown)),
            from_rdf=True,
        )

    def _class(self, uri: str, parents: tuple[str, ...], marks: list[str]) -> TagClass:
        order = ("pref", "alt", "hidden")
        labels = self.labels.get(uri, [])
        if not any(label.kind == "pref" for label in labels):
            labels = [*labels, *dict.fromkeys(self.spare.get(uri, ()))]
        labels = sorted(labels, key=lambda x: (order.index(x.kind), x.language, x.text))
        own = self.own.get(uri, {})
        flags: dict[str, Any] = {k: own[k] == "true" for k in ("exclusive", "exhaustive", "residual") if k in own}
        flags |= {k: own[k] for k in TEXT_FIELDS if k in own and k != "notation"}
        return TagClass(
            plain_id(uri),
            labels=tuple(labels),
            notes=tuple(sorted(self.notes.get(uri, ()), key=lambda x: (x.language, x.text))),
            parents=tuple(plain_id(p) for p in parents),
            notation=";".join(marks),
            **flags,
        )


def plain_id(uri: str) -> str:
    """Id of a class written by `to_skos`, any other URI as it is."""
    return unquote(uri[len(_BASE) :]) if uri.startswith(_BASE) else uri


def _uri(id: str) -> str:
    if id.startswith(("http://", "https://", "urn:")):
        return quote(id, safe=":/?#[]@!$&'()*+,;=%-._~")
    return _BASE + quote(id, safe="")


def _clean(text: str) -> str:
    """Text without characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _tag(language: str) -> str | None:
    """A language as RDF takes it; none where it is not well-formed."""
    return language if _WELL_FORMED.match(language) else None


def _reduce(edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Transitive reduction; as it stands where there is a cycle."""
    graph = nx.DiGraph(list(dict.fromkeys(edges)))
    return sorted(nx.transitive_reduction(graph).edges if nx.is_directed_acyclic_graph(graph) else graph.edges)


def to_skos(scheme: Scheme, form: str) -> bytes:
    """A scheme as SKOS: both directions of the hierarchy, top concepts, a collection a facet.

    Parameters
    ----------
    scheme : Scheme
    form : {"turtle", "pretty-xml"}

    Notes
    -----
    What SKOS has no word for (rule, owner, status, …) stands under ``urn:labkit:tags#``.
    """
    from rdflib import RDF, Graph, Literal, Namespace, URIRef

    core, own = Namespace(SKOS), Namespace(_OWN)
    graph = Graph()
    graph.bind("skos", core)
    graph.bind("tags", own)
    top = URIRef(next(iter(scheme.schemes), _BASE + "scheme"))
    graph.add((top, RDF.type, core.ConceptScheme))
    graph.add((top, URIRef(_TITLES[1]), Literal(scheme.title or "scheme", lang="en")))
    for name in ("method", "single_parent"):
        if getattr(scheme, name):
            graph.add((top, own[name], Literal(str(getattr(scheme, name)).lower())))
    words = {v: core[k] for k, v in _LABELS.items()}
    for item in scheme.classes.values():
        at = URIRef(_uri(item.id))
        graph.add((at, RDF.type, core.Concept))
        graph.add((at, core.inScheme, top))
        for label in item.labels:
            graph.add((at, words[label.kind], Literal(_clean(label.text), lang=_tag(label.language))))
        for note in item.notes:
            graph.add((at, core.definition, Literal(_clean(note.text), lang=_tag(note.language))))
        for mark in item.notation.split(";") if item.notation else ():
            graph.add((at, core.notation, Literal(_clean(mark))))
        for parent in item.parents:
            graph.add((at, core.broader, URIRef(_uri(parent))))
            graph.add((URIRef(_uri(parent)), core.narrower, at))
        for name in TEXT_FIELDS:
            if (
                name != "notation"
                and getattr(item, name)
                and getattr(item, name) != TagClass.__dataclass_fields__[name].default
            ):
                graph.add((at, own[name], Literal(_clean(getattr(item, name)))))
        for name in ("exclusive", "exhaustive", "residual"):
            if getattr(item, name) is not (False if name == "residual" else None):
                graph.add((at, own[name], Literal(str(getattr(item, name)).lower())))
        if item.facet:
            group = URIRef(_BASE + "facet:" + quote(item.facet, safe=""))
            graph.add((group, RDF.type, core.Collection))
            graph.add((group, core.prefLabel, Literal(item.facet, lang="en")))
            graph.add((group, core.member, at))
    for root in scheme.roots:
        graph.add((URIRef(_uri(root)), core.topConceptOf, top))
        graph.add((top, core.hasTopConcept, URIRef(_uri(root))))
    for relation in scheme.relations:
        if relation.kind in ("related", *MAPPINGS):
            graph.add((URIRef(_uri(relation.source)), core[relation.kind], URIRef(_uri(relation.target))))
    text: str = graph.serialize(format=form)
    return text.encode()
