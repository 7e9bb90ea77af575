"""Sums and roundings that come out the same in any order and on any engine.

A sum of floats hangs on the order of its rows, which no engine keeps; and engines
round decimals each in their own way (1.005 to 1.0 or 1.01). Whole numbers do neither.
"""

from __future__ import annotations

import ibis.expr.types as ir


def to_whole(value: ir.NumericValue, decimals: int) -> ir.IntegerValue:
    """A value as a whole number of its last decimal: money in cents, energy in Wh.

    Examples
    --------
    >>> import ibis
    >>> ibis.literal(12.34).pipe(to_whole, 2).execute()
    1234
    """
    return (value * 10**decimals).round().cast("int64")


def round_to(value: ir.NumericValue, decimals: int) -> ir.FloatingValue:
    """A value rounded, half away from zero as it stands in binary.

    Examples
    --------
    >>> import ibis
    >>> round_to(ibis.memtable({"x": [1.005, -2.5]}).x, 2).execute().tolist()
    [1.0, -2.5]
    """
    return to_whole(value, decimals) / float(10**decimals)


def sum_exactly(value: ir.NumericColumn, decimals: int, where: ir.BooleanValue | None = None) -> ir.FloatingScalar:
    """Sum of values of so many decimals.

    Examples
    --------
    >>> import ibis
    >>> money = ibis.memtable({"yuan": [0.1] * 10})
    >>> money.aggregate(total=sum_exactly(money.yuan, 2)).execute()["total"].tolist()
    [1.0]
    """
    return to_whole(value, decimals).sum(where=where).cast("int64") / float(10**decimals)
