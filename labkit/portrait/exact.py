"""Sums and roundings that come out alike on every engine: whole numbers first, one division last."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.lab import Lab


def to_fen(yuan: ir.NumericValue) -> ir.IntegerValue:
    """Money in whole hundredths, whose sums do not depend on their order."""
    return (yuan * 100).round().cast("int64")


def to_thousandths(amount: ir.NumericValue) -> ir.IntegerValue:
    """Energy [kWh, kvarh] in whole Wh or varh, likewise."""
    return (amount * 1000).round().cast("int64")


def divide(
    number: ir.NumericValue | ir.IntegerColumn | ir.IntegerScalar, by: ir.NumericValue | float
) -> ir.FloatingColumn:
    """A quotient in double precision, missing where it would divide by nought.

    A literal such as ``3600.0`` is a decimal to Spark, and so would be the quotient, to six figures.
    """
    divisor = by.cast("float64").nullif(0) if isinstance(by, ir.Value) else ibis.literal(by, "float64")
    return number.cast("float64") / divisor


def round_to(value: ir.NumericValue, digits: int) -> ir.FloatingValue:
    """Rounded half up; engines' own ``round`` of a fraction differ in the last bit where they work in decimals."""
    return divide((value.cast("float64") * 10**digits + 0.5).floor(), 10**digits)


def last_day(lab: Lab, *tables: str) -> pd.Timestamp:
    """Last day that anything is known of: of the readings or bills, or of the tables named, whichever is later."""
    moments = [lab.period[1], *(lab.manifest.tables[name].last for name in tables if lab.has(name))]
    return max(pd.Timestamp(moment).normalize() for moment in moments if moment)


def year_before(day: pd.Timestamp) -> pd.Timestamp:
    """The day twelve months earlier; what lies after it is of the last twelve months."""
    return day - pd.DateOffset(months=12)
