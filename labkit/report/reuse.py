"""Which statements of a notebook hang on a parameter, so that for another value of it only those run again.

What a statement reads and sets is told from its text. A name that several statements set, or that
one sets and another changes in place, would be another thing on a second pass: all statements that
set it run again, in order, so that it is made anew. Whatever may display something runs again too.
What cannot be seen in the text, such as a generator of random numbers that one statement makes and
another draws from, is not known; a notebook therefore says in its metadata
(``labkit: {reuse: true}``) that its work may be used again, and a test compares.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Methods that change what they are called on.
_CHANGING = frozenset(
    {
        "append",
        "extend",
        "insert",
        "update",
        "pop",
        "popitem",
        "remove",
        "clear",
        "sort",
        "reverse",
        "setdefault",
        "add",
        "discard",
    }
)


@dataclass(frozen=True)
class _Statement:
    """A statement: its cell, its text, which names each name it sets is made of, and whether it may display."""

    cell: int
    source: str
    made_of: dict[str, frozenset[str]]
    reads: frozenset[str]
    displays: bool


def names_read(source: str) -> set[str]:
    """Names of the notebook that code reads, also inside comprehensions and functions.

    Examples
    --------
    >>> sorted(names_read("total = [price * n for n in counts]"))
    ['counts', 'price']
    """

    def inside(table: symtable.SymbolTable) -> set[str]:
        found = {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        return found.union(*(inside(child) for child in table.get_children()))

    top = symtable.symtable(source, "cell", "exec")
    own = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for node in ast.walk(ast.parse(source)):  # x += 1 reads x as well
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            own.add(node.target.id)
    return own.union(*(inside(child) for child in top.get_children()))


def names_set(source: str) -> set[str]:
    """Names that code sets, imports or changes in place.

    Examples
    --------
    >>> sorted(names_set("import os\\ntable['x'] = 1\\nkey += [2]\\nnames.append(3)"))
    ['key', 'names', 'os', 'table']
    """
    top = symtable.symtable(source, "cell", "exec")
    found = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    for node in ast.walk(ast.parse(source)):
        for target in _changed_by(node):
            base: ast.expr = target
            while isinstance(base, (ast.Attribute, ast.Subscript, ast.Starred)):
                base = base.value
            if isinstance(base, ast.Name) and (base is not target or isinstance(node, ast.Call)):
                found.add(base.id)
    return found


def _changed_by(node: ast.AST) -> list[ast.expr]:
    """What a node sets or changes in place: x[0] = …, x.y += …, x.append(…), x.drop(…, inplace=True)."""
    if isinstance(node, (ast.Assign, ast.Delete)):
        return list(node.targets)
    if isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.For)):
        return [node.target]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        in_place = node.func.attr in _CHANGING or any(k.arg == "inplace" for k in node.keywords)
        return [node.func.value] if in_place else []
    return []


def _statements(cells: Sequence[str]) -> Iterator[_Statement]:
    for number, cell in enumerate(cells):
        for node in ast.parse(cell).body:
            source = ast.get_source_segment(cell, node) or ""
            displays = any(isinstance(part, ast.Expr) or _shows(part) for part in ast.walk(node))
            yield _Statement(number, source, _made_of(node, source), frozenset(names_read(source)), displays)


def _shows(node: ast.AST) -> bool:
    """Whether a call displays: report.show_table(…), report.note(…), display(…)."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name.startswith("show_") or name in ("note", "answer", "display", "print")


def _made_of(node: ast.stmt, source: str) -> dict[str, frozenset[str]]:
    """Name by name where a tuple is set from a tuple, otherwise every name of all that is read."""
    reads = frozenset(names_read(source))
    whole = dict.fromkeys(names_set(source), reads)
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Tuple):
        names, values = node.targets[0].elts, node.value
        if isinstance(values, ast.Tuple) and len(values.elts) == len(names):
            each = {
                name.id: frozenset(names_read(ast.unparse(value)))
                for name, value in zip(names, values.elts, strict=True)
                if isinstance(name, ast.Name)
            }
            return whole | each
    return whole


def parts_to_repeat(cells: Sequence[str], parameter: str) -> list[str]:
    """What of each cell must run again when a parameter changes; empty where nothing must.

    Parameters
    ----------
    cells : sequence of str
        Code of the cells in order, without those that set the parameters.
    parameter : str

    Examples
    --------
    >>> parts_to_repeat(["table, say = read(), Say(language)", "big = work(table)", "show(say, big)", "x = 1", "x += 1"], "language")
    ['table, say = read(), Say(language)', '', 'show(say, big)', 'x = 1', 'x += 1']
    """
    statements = list(_statements(cells))
    setters: dict[str, int] = {}
    for one in statements:
        for name in one.made_of:
            setters[name] = setters.get(name, 0) + 1
    often = {name for name, count in setters.items() if count > 1}
    changed, again = {parameter} | often, set[int]()
    while True:
        before = len(changed), len(again)
        for i, one in enumerate(statements):
            if one.displays or one.reads & changed or one.made_of.keys() & changed:
                again.add(i)
                changed |= {name for name, parts in one.made_of.items() if one.displays or parts & changed}
        if (len(changed), len(again)) == before:
            break
    parts = [""] * len(cells)
    for i in sorted(again):
        one = statements[i]
        parts[one.cell] += ("\n" if parts[one.cell] else "") + one.source
    return parts
