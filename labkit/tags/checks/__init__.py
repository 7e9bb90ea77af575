"""Checks of a scheme: `check` runs them all, `CHECKS` says what each asks."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import overload

import pandas as pd

from labkit.tags.checks import customer_checks, file_checks, label_checks, logic_checks, relation_checks
from labkit.tags.checks.customer_checks import prove_arrays
from labkit.tags.checks.registry import CHECKS, Check, Finding, View
from labkit.tags.checks.repairs import REPAIRS, Change, repair_scheme
from labkit.tags.errors import TagError
from labkit.tags.membership import Membership
from labkit.tags.scheme import Scheme
from labkit.terms import Language, Say

__all__ = [
    "CHECKS",
    "REPAIRS",
    "Change",
    "Check",
    "Finding",
    "check",
    "explain_checks",
    "prove_arrays",
    "repair_scheme",
]
_MODULES = (
    file_checks,
    label_checks,
    relation_checks,
    logic_checks,
    customer_checks,
)  # entering is what importing does
_COLUMNS = ["check", "severity", "classes", "why", "repair", "row", "customers_count", "examples"]


@overload
def check(
    scheme: Scheme, membership: Membership | None = ..., *, only: Collection[str] | None = ..., language: Language = ...,
    key: bytes | None = ..., fewest: int = ..., largest_array: int = ..., repair: None = ...,
) -> pd.DataFrame: ...  # fmt: skip
@overload
def check(
    scheme: Scheme, membership: Membership | None = ..., *, only: Collection[str] | None = ..., language: Language = ...,
    key: bytes | None = ..., fewest: int = ..., largest_array: int = ..., repair: Collection[str] | str | bool,
) -> tuple[Scheme, list[Change]]: ...  # fmt: skip


def check(
    scheme: Scheme,
    membership: Membership | None = None,
    *,
    only: Collection[str] | None = None,
    language: Language = "en",
    key: bytes | None = None,
    fewest: int = 1,
    largest_array: int = 15,
    repair: Collection[str] | str | bool | None = None,
) -> pd.DataFrame | tuple[Scheme, list[Change]]:
    """Everything a scheme breaks of its own rules.

    Parameters
    ----------
    scheme : Scheme
    membership : Membership, optional
        Then the rules are also proved or refuted on the customers.
    only : collection of str, optional
        Ids of the checks to make; all by default, see `CHECKS`.
    language : {"en", "zh"}
    key : bytes, optional
        For the pseudonyms of counter-examples (`labkit.privacy.read_key`); without one
        they are made up for this call and lead back to nobody.
    fewest : int
        Fewest customers of a finding about customers.
    largest_array : int
        Classes side by side above which `array_size` speaks.
    repair : collection of str, "all" or True, optional
        Instead of the table, a scheme with these repaired and what changed.

    Returns
    -------
    DataFrame
        A row a finding: ``check``, ``severity`` (error, warning, note), ``classes`` (ids),
        ``why``, ``repair`` (naming edge and path), ``row`` of the file (0: none),
        ``customers_count``, ``examples``. A check that fails itself gives one
        finding ``check_failed`` and does not stop the others.

    Raises
    ------
    TagError
        If a check is not known.

    Examples
    --------
    >>> from labkit.tags import make_class
    >>> tree = Scheme.of([make_class("A", "a", parents="B"), make_class("B", "b", parents="A")])
    >>> check(tree, only=["cyclic_relations"])["why"].tolist()
    ['cycle upwards: a (A) -> b (B) -> a (A)']
    """
    if repair is not None and repair is not False:
        return repair_scheme(scheme, "all" if repair is True else repair)
    unknown = [name for name in only or () if name not in CHECKS]
    if unknown:
        raise TagError(f"there is no check {unknown[0]!r}; there are {', '.join(CHECKS)}")
    view = View(scheme, Say(language), membership, key or secrets.token_bytes(32), largest_array, fewest)
    rows = []
    for found in CHECKS.values():
        if (only is not None and found.id not in only) or (found.group == "customers" and membership is None):
            continue
        try:
            rows += [
                (found.id, found.severity, f.classes, f.why, f.repair, f.row, f.customers_count, f.examples)
                for f in found.find(view)
            ]
        except Exception as error:  # one broken check must not hide what the others find
            rows.append(
                (
                    "check_failed",
                    "error",
                    (),
                    f"{found.id}: {type(error).__name__}: {str(error)[:200]}",
                    "",
                    0,
                    None,
                    (),
                )
            )
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    return frame.astype({"row": "int64", "customers_count": "Int64"})


def explain_checks(language: Language = "en") -> pd.DataFrame:
    """What every check asks: ``check``, ``group``, ``severity``, ``asks``."""
    return pd.DataFrame(
        [(c.id, c.group, c.severity, c.explain(language)) for c in CHECKS.values()],
        columns=["check", "group", "severity", "asks"],
    )
