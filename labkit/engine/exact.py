"""Sums, quotients and roundings that come out the same in any order and on any engine.

A sum of floats hangs on the order of its rows, which no engine keeps; and engines
round decimals each in their own way (2.675 to 2.67 or 2.68). Whole numbers do neither.
"""

from __future__ import annotations

import ibis
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


def divide(
    number: ir.NumericValue | ir.IntegerColumn | ir.IntegerScalar, by: ir.NumericValue | float
) -> ir.FloatingColumn:
    """A quotient in double precision, missing where it would divide by nought.

    Examples
    --------
    >>> import ibis
    >>> ibis.literal(1).pipe(divide, 8).execute()
    0.125
    """
    divisor = by.cast("float64").nullif(0) if isinstance(by, ir.Value) else ibis.literal(by, "float64")
    return number.cast("float64") / divisor


def round_to(value: ir.NumericValue, decimals: int) -> ir.FloatingValue:
    """A value rounded, half up as it stands in binary.

    Examples
    --------
    >>> import ibis
    >>> round_to(ibis.memtable({"x": [1.005, 2.346]}).x, 2).execute().tolist()
    [1.0, 2.35]
    """
    return divide((value.cast("float64") * 10**decimals + 0.5).floor(), 10**decimals)
