"""What the checks ask of each customer and day: the only pass over the readings, in whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import combinations
from operator import add, and_, or_

import ibis
import ibis.expr.types as ir

from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS
from labkit.vee.clock import skipped_slots
from labkit.vee.thresholds import Thresholds

#: Stands for no reading where the highest and the lowest are sought.
_LOWEST, _HIGHEST = -(2**31) + 1, 2**31 - 1
#: Blocks of readings in which equal ones are looked for before they are counted.
_BLOCKS = 4


def known_intervals(lab: Lab, rows: ir.Table) -> ir.Table:
    """How much of each day is there.

    Parameters
    ----------
    lab : Lab
    rows : Table
        `Lab.readings`, or one of `Lab.parts`.

    Returns
    -------
    Table
        ``customer_id``, ``day``, ``month``, ``interval_min``; ``expected`` intervals of the day by the utility's clock, ``known``
        ones with a reading, and ``skipped_known``: readings in an hour that the clock skipped.
    """
    return _union([_known(lab, rows, minutes).drop(*_slots(minutes)) for minutes in lab.intervals()])


def day_facts(lab: Lab, rows: ir.Table, limits: Thresholds) -> ir.Table:
    """Facts of each customer and day.

    Returns
    -------
    Table
        Of `known_intervals`, and ``wh``; ``top_wh`` the highest and ``low_wh`` the lowest reading (0 where there is none);
        ``near`` readings that are not far below the highest, ``used`` readings above nought; ``held`` different values where
        they are fewer than the share of `limits`, else missing.

    Notes
    -----
    The spike rule asks for the third highest reading. (highest - third) / third > r says the same as: at most two readings
    of the day are as high as highest / (1 + r). Counting is a tenth of the work of sorting, and exact in whole numbers.
    """
    return _union([_facts(_known(lab, rows, minutes), _slots(minutes), limits) for minutes in lab.intervals()])


def _slots(interval_min: int) -> tuple[str, ...]:
    return SLOT_COLUMNS[: 1440 // interval_min]


def _union(parts: list[ir.Table]) -> ir.Table:
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def _known(lab: Lab, rows: ir.Table, interval_min: int) -> ir.Table:
    names, mine = _slots(interval_min), rows.filter(rows.interval_min == interval_min)
    lost: ir.IntegerValue = ibis.literal(0, "int64")
    filled: ir.IntegerValue = ibis.literal(0, "int64")
    for day, slots in skipped_slots(lab.manifest.about.timezone, lab.period, interval_min).items():
        here = mine.day == ibis.date(day)
        lost = here.ifelse(len(slots), lost)
        filled = here.ifelse(_count(mine[names[s]].notnull() for s in slots), filled)
    return mine.select(
        "customer_id",
        "day",
        "month",
        *names,
        interval_min=mine.interval_min.cast("int64"),
        expected=(len(names) - lost).cast("int64"),
        known=_count(mine[name].notnull() for name in names),
        skipped_known=filled.cast("int64"),
    )


def _count(conditions: Iterable[ir.BooleanValue]) -> ir.IntegerValue:
    """How many hold; at most 96, so small numbers do."""
    return reduce(add, (one.cast("int8") for one in conditions)).cast("int64")


def _facts(table: ir.Table, names: tuple[str, ...], limits: Thresholds) -> ir.Table:
    # Step by step: what needs the highest reading comes after it.
    table = table.mutate(
        wh=reduce(add, (table[name].fill_null(0).cast("int64") for name in names)),
        top_wh=ibis.greatest(*(table[name].fill_null(_LOWEST) for name in names)),
        low_wh=ibis.least(*(table[name].fill_null(_HIGHEST) for name in names)),
        used=_count(table[name].fill_null(0) > 0 for name in names),
        held=_different_values(table, names, limits["stuck.unique_share"]),
    )
    # value x (1 + r) >= highest, as a bound in whole Wh.
    factor, there = round(1000 * (1 + limits["spike.ratio"])), table.known > 0
    table = table.mutate(bound=((table.top_wh.cast("int64") * 1000 + factor - 1) // factor).cast("int32"))
    return table.mutate(
        top_wh=there.ifelse(table.top_wh, 0).cast("int64"),
        low_wh=there.ifelse(table.low_wh, 0).cast("int64"),
        near=_count(table[name].fill_null(_LOWEST) >= table.bound for name in names),
    ).drop(*names, "bound")


def _different_values(table: ir.Table, names: tuple[str, ...], share: float) -> ir.IntegerValue:
    """Number of different values where it is below the share of the readings; missing elsewhere.

    To count different values is dear. With at most u of them, any u + 1 readings in a row hold two that are equal: where
    that fails once, the day is passed over.
    """
    most = max(-int(-share * len(names) // 1) - 1, 1)
    blocks = [names[i : i + most + 1] for i in range(0, len(names) - most, most + 1)]
    blocks = blocks[:: max(len(blocks) // _BLOCKS, 1)]
    twice = (
        reduce(or_, ((table[a] == table[b]).fill_null(True) for a, b in combinations(block, 2))) for block in blocks
    )
    different = ibis.array([table[name].fill_null(_LOWEST) for name in names]).unique().length().cast("int64")
    count = different - (table.known < len(names)).cast("int64")
    nothing = ibis.null("int64")
    found = ((table.known > 0) & reduce(and_, twice)).ifelse(count, nothing)
    return (found.cast("float64") < table.known.cast("float64") * share).ifelse(found, nothing)
