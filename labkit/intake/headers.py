"""The header of a table: in which row it stands, and what its columns are called.

A header of several rows is read as one: ``电量`` merged over ``尖 峰 平 谷`` gives
four columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit import terms


@dataclass(frozen=True)
class Header:
    """The header of a table.

    Attributes
    ----------
    names : list of str
    rows : int
        Rows at the top of the file down to the last of the header.
    hits : int
        How many names are known.
    above : int
        Rows above the header that are not empty.
    """

    names: list[str]
    rows: int
    hits: int = 0
    above: int = 0


def find_header(rows: Sequence[Sequence[str]], known: set[str]) -> Header:
    """The header among the first rows of a file.

    Parameters
    ----------
    rows : sequence of rows of cells
    known : set of str
        Headers a table may have (normalised).

    Examples
    --------
    >>> rows = [["Bills"], ["bill_id", "电量", "", "amount"], ["", "尖", "峰", ""], ["B1", "1", "2", "3"]]
    >>> find_header(rows, {"bill_id", "尖电量", "峰电量", "amount"})
    Header(names=['bill_id', '尖电量', '峰电量', 'amount'], rows=3, hits=4, above=1)
    """
    hits = [sum(terms.normalise_header(cell) in known for cell in row) for row in rows]
    if max(hits, default=0) == 0:
        at = next((i for i, row in enumerate(rows) if any(cell.strip() for cell in row)), 0)
        return Header(_stripped(rows[at]) if rows else [], at + 1)
    at = hits.index(max(hits))
    names, last = _stripped(rows[at]), at
    for below in rows[at + 1 : at + 3]:
        merged = _merge(names, _stripped(below), known)
        if merged is None:
            break
        names, last = merged, last + 1
    above = sum(any(cell.strip() for cell in row) for row in rows[:at])
    return Header(names, last + 1, sum(terms.normalise_header(name) in known for name in names), above)


def _stripped(row: Sequence[str]) -> list[str]:
    return [cell.replace("\ufeff", "").strip() for cell in row]


def _merge(above: list[str], below: list[str], known: set[str]) -> list[str] | None:
    """Names of two header rows together; None where the lower one is a row of data."""
    width = max(len(above), len(below))
    upper, lower = above + [""] * (width - len(above)), below + [""] * (width - len(below))
    names, group, fresh = [], "", 0
    for top, bottom in zip(upper, lower, strict=True):
        group = top or group
        if not bottom:
            names.append(top)
            continue
        name = next((n for n in (bottom, bottom + group, group + bottom) if terms.normalise_header(n) in known), None)
        if name is None:
            return None
        names.append(name)
        fresh += name != top
    return names if fresh else None
