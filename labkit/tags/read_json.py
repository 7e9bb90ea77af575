"""Schemes from JSON, every field of the right kind or refused with its place."""

from __future__ import annotations

import json
from typing import Any

from labkit.tags.errors import TagError
from labkit.tags.record import TEXT_FIELDS, Label, TagClass
from labkit.tags.scheme import Relation, Scheme


def parse_json(text: str, name: str, about: dict[str, Any]) -> Scheme:
    """A scheme from the text of a JSON file as `write_scheme` gives it."""
    try:
        found = json.loads(text)
        classes = [_json_class(entry, i) for i, entry in enumerate(found["classes"], 1)]
        relations = tuple(Relation(str(a), str(b), str(c)) for a, b, c in found.get("relations", ()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TagError(
            f"{name}: is not JSON of a scheme ({type(error).__name__}: {str(error)[:160]}); "
            "expected an object with a list `classes`, each with an `id`"
        ) from error
    if not classes:
        raise TagError(f"{name}: has no class; a scheme needs at least one")
    kept = {key: found[key] for key in ("title", "method", "single_parent", "schemes", "from_rdf") if key in found}
    kept = {**about, **kept, **{k: v for k, v in about.items() if v and k not in ("title",)}}
    return Scheme.of(classes, relations=relations, **kept)


def _json_class(entry: dict[str, Any], number: int) -> TagClass:
    """A class of a JSON file, every field of the right kind or refused with its place."""
    plain = dict(entry)
    for field, kinds in (("id", str), ("parents", list), ("labels", list), ("notes", list)):
        if field in plain and not isinstance(plain[field], kinds):
            raise TagError(f"class {number}, {field}: expected {kinds.__name__}, found {plain[field]!r}")
    for field in ("exclusive", "exhaustive", "residual"):
        if plain.get(field) not in (True, False, None):
            raise TagError(f"class {number}, {field}: expected true, false or null, found {plain[field]!r}")
    for field in TEXT_FIELDS:
        if not isinstance(plain.get(field, ""), str):
            raise TagError(f"class {number}, {field}: expected text, found {plain[field]!r}")
    for field in ("labels", "notes"):
        if not all(
            isinstance(x, list) and 1 <= len(x) <= 3 and all(isinstance(y, str) for y in x)
            for x in plain.get(field, ())
        ):
            raise TagError(f"class {number}, {field}: expected lists of text, language and kind")
        plain[field] = tuple(Label(*x) for x in plain.get(field, ()))
    if not all(isinstance(p, str) for p in plain.get("parents", ())):
        raise TagError(f"class {number}, parents: expected a list of ids")
    return TagClass(**{**plain, "parents": tuple(plain.get("parents", ()))})
