"""Which customers belong to which classes: rules evaluated on the engine, a sparse result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from labkit.lab import Lab
from labkit.portrait import portrait_table
from labkit.tags.errors import TagError
from labkit.tags.expressions import to_expression
from labkit.tags.rules import columns_of, parse_rule
from labkit.tags.scheme import Scheme


@dataclass(frozen=True, eq=False)
class Membership:
    """Customers by classes, sparse.

    Attributes
    ----------
    customer_ids : ndarray of str, shape (n,)
    tags : tuple of str
        Ids of the classes, the columns of ``matrix``.
    matrix : csc_matrix of bool, shape (n, tags)
    not_computed : mapping of str to str
        Classes whose members could not be worked out, and why.
    by_rule_counts : mapping of str to int
        Customers for whom a class's own rule is true, whether in its parents or not.
    """

    customer_ids: np.ndarray
    tags: tuple[str, ...]
    matrix: sparse.csc_matrix
    not_computed: dict[str, str]
    by_rule_counts: dict[str, int] = field(default_factory=dict)

    @cached_property
    def place(self) -> dict[str, int]:
        """Column of each class."""
        return {tag: i for i, tag in enumerate(self.tags)}

    def __contains__(self, tag: object) -> bool:
        return tag in self.place

    def extent(self, tag: str) -> np.ndarray:
        """Whether each customer is in a class."""
        if tag not in self.place:
            raise TagError(f"the membership has no class {tag!r}: {self.not_computed.get(tag, 'no rule leads to it')}")
        column = np.zeros(len(self.customer_ids), dtype=bool)
        at = self.place[tag]
        column[self.matrix.indices[self.matrix.indptr[at] : self.matrix.indptr[at + 1]]] = True
        return column

    @property
    def counts(self) -> pd.Series:
        """Customers in each class."""
        return pd.Series(np.diff(self.matrix.indptr), index=list(self.tags), name="customers_count")

    def to_frame(self) -> pd.DataFrame:
        """One row a customer and class: ``customer_id``, ``tag``."""
        found = self.matrix.tocoo()
        order = np.lexsort((found.col, found.row))
        return pd.DataFrame(
            {
                "customer_id": self.customer_ids[found.row[order]],
                "tag": np.asarray(self.tags, dtype=object)[found.col[order]],
            }
        )

    def whole(self, scheme: Scheme, tag: str) -> np.ndarray | None:
        """Customers that the subclasses of a class are to make up; None where nothing says who they are.

        Those for whom its rule holds; everybody for the only root of a scheme, if it has no
        rule. The union of its subclasses would prove itself.
        """
        if tag in self and (scheme[tag].rule or (tag not in self.by_rule_counts and not self.by_rule_counts)):
            return self.extent(tag)
        return np.ones(len(self.customer_ids), dtype=bool) if scheme.roots == (tag,) else None

    def rows(self, chosen: np.ndarray) -> Membership:
        """Only some customers."""
        return Membership(self.customer_ids[chosen], self.tags, self.matrix.tocsr()[chosen].tocsc(), self.not_computed)


def shuffle_members(membership: Membership, *, seed: int) -> Membership:
    """The same classes on customers drawn at random: what chance alone gives."""
    order = np.random.default_rng(seed).permutation(len(membership.customer_ids))
    shuffled = membership.rows(order)
    return Membership(membership.customer_ids, shuffled.tags, shuffled.matrix, shuffled.not_computed)


def membership_of(columns: dict[str, np.ndarray], customer_ids: Sequence[str] | None = None) -> Membership:
    """A membership from one boolean array a class, as in tests and for people's own tags."""
    n = len(next(iter(columns.values()), () if customer_ids is None else customer_ids))
    ids = np.asarray([f"C{i:07d}" for i in range(n)] if customer_ids is None else customer_ids, dtype=object)
    where = [np.flatnonzero(column).astype(np.int32) for column in columns.values()]
    indptr = np.concatenate([[0], np.cumsum([len(w) for w in where])]).astype(np.int64)
    indices = np.concatenate(where) if where else np.array([], dtype=np.int32)
    matrix = sparse.csc_matrix((np.ones(len(indices), dtype=bool), indices, indptr), shape=(n, len(columns)))
    return Membership(ids, tuple(columns), matrix, {})


def assign(lab: Lab | ir.Table | pd.DataFrame, scheme: Scheme) -> Membership:
    """Evaluate the rules of a scheme on the customers, in one pass on their engine.

    Parameters
    ----------
    lab : Lab, Table or DataFrame
        A lab; or a portrait worked out already, as an Ibis table or a frame with
        ``customer_id`` and a row a customer, where several schemes are tried on it.
    scheme : Scheme

    Returns
    -------
    Membership
        A class with a rule has the customers for whom it is true and who are in its
        parents too, where it is a kind of them (``is_a``) and they have rules. A
        class without a rule has the customers of its subclasses. A rule over columns
        that the data do not have is named in ``not_computed``.

    Raises
    ------
    TagError
        If a rule cannot be parsed, or compares with a value of another type.
    """
    if isinstance(lab, Lab):
        table = portrait_table(lab)
    else:
        table = lab if isinstance(lab, ir.Table) else ibis.memtable(pa.Table.from_pandas(lab, preserve_index=False))
    if "customer_id" not in table.columns:
        raise TagError("the table has no column customer_id: rules need one row a customer")
    rules, missing = {}, {}
    for item in scheme.classes.values():
        if not item.rule:
            continue
        rule = parse_rule(item.rule, item.id)
        lacking = [c for c in columns_of(rule) if c not in table.columns]
        if lacking:
            missing[item.id] = f"its rule needs the column {lacking[0]}, which the data do not have"
        else:
            rules[item.id] = to_expression(rule, table, item.id)
    found = _evaluate(table, rules, lab)
    own = dict(zip(rules, found[1], strict=True))
    made = membership_of(_inherit(scheme, own, missing), list(found[0]))
    alone = {tag: int(members.sum()) for tag, members in own.items()}
    return Membership(made.customer_ids, made.tags, made.matrix, missing, alone)


def _evaluate(table: ir.Table, rules: dict, lab: object) -> tuple[np.ndarray, list[np.ndarray]]:
    """Customer ids in order, and a boolean array a rule."""
    asked = table.select("customer_id", **{f"r{i}": rule.fill_null(False) for i, rule in enumerate(rules.values())})
    backend = lab.backend if isinstance(lab, Lab) else table._find_backend(use_default=True)
    result: pa.Table = backend.to_pyarrow(asked)
    ids = result.column(0)
    if pc.count_distinct(ids).as_py() != len(ids):
        raise TagError("customer_id stands several times in the table: rules need one row a customer")
    order = pc.sort_indices(ids).to_numpy()
    sorted_already = bool((order == np.arange(len(order))).all())
    columns = []
    for i in range(len(rules)):
        bits = result.column(i + 1).combine_chunks().cast(pa.uint8()).to_numpy(zero_copy_only=False).view(bool)
        columns.append(bits if sorted_already else bits[order])
    return ids.take(order).to_numpy().astype(object), columns


def _inherit(scheme: Scheme, own: dict[str, np.ndarray], missing: dict[str, str]) -> dict[str, np.ndarray]:
    """Effective members: within the parents from above, unions of the children from below."""
    limits: dict[str, np.ndarray] = {}
    for id in top_down(scheme):
        item = scheme.classes[id]
        members = own.get(id)
        for parent in item.parents if item.relation == "is_a" else ():
            if parent in limits:
                members = limits[parent] if members is None else members & limits[parent]
        if members is not None:
            limits[id] = members
    columns: dict[str, np.ndarray] = {}
    for id in scheme.classes:
        if id in own:
            columns[id] = limits[id]
        elif id not in missing:
            below = [limits[b] for b in _parts(scheme, id) if b in own]
            if below:
                columns[id] = np.logical_or.reduce(below)
    return columns


def _parts(scheme: Scheme, id: str) -> tuple[str, ...]:
    """What a class without a rule is made of: its subclasses, or what is grouped under it where it has none."""
    found: dict[str, None] = {}
    queue = [id]
    for at in queue:  # grows while it is walked
        below = [
            child for child in scheme.children[at] if scheme[child].relation != "grouped_by" and child not in found
        ]
        found |= dict.fromkeys(below)
        queue += below
    return tuple(found) or scheme.descendants(id)


def top_down(scheme: Scheme) -> list[str]:
    """Every class after its parents; classes of a cycle, and those under it, come last as they stand."""
    waiting = {id: sum(p in scheme.classes for p in item.parents) for id, item in scheme.classes.items()}
    ready = [id for id, n in waiting.items() if n == 0]
    for id in ready:  # grows while it is walked
        for child in scheme.children[id]:
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    return [*ready, *(id for id, n in waiting.items() if n > 0)]
