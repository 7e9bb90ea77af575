"""Rules between the columns of a row. Types, codes, bounds, keys and references
are rules too, but follow from the column itself (`labkit.schema.rules`)."""

from __future__ import annotations

import itertools

import ibis.expr.types as ir

from labkit.schema.model import Rule


def _after(id: str, earlier: str, later: str) -> Rule:
    return Rule(
        id,
        (earlier, later),
        lambda t: t[later] < t[earlier],
        f"{later} lies before {earlier}",
        f"{later} 早于 {earlier}",
        "correct the two times at the source; they may have been exchanged",
        "在源系统更正这两个时间，可能填反",
    )


CUSTOMERS = (
    _after("customers.left_after_connected", "connected_on", "left_on"),
    Rule(
        "customers.left_reason_without_date",
        ("left_on", "left_reason"),
        lambda t: t.left_reason.notnull() & t.left_on.isnull(),
        "a reason for leaving, but no date",
        "有离网原因而无离网日期",
        "add left_on, or clear left_reason",
        "补填离网日期，或清空离网原因",
        "warning",
    ),
)


READINGS = (
    Rule(
        "readings.ts.grid",
        ("ts",),
        lambda t: (t.ts.epoch_seconds() % 900) != 0,
        "off the 15-minute grid",
        "时间不在 15 分钟刻度上",
        "write the start of the interval: minute 0, 15, 30 or 45, second 0",
        "填写时段起点：分钟为 0、15、30 或 45，秒为 0",
    ),
)


def _parts_differ(total: str, parts: tuple[str, ...], tolerance: float):  # type: ignore[no-untyped-def]
    def bad(t: ir.Table) -> ir.BooleanValue:
        # Where every part is missing there is nothing to add up; a single missing part is nought.
        parts_sum = sum((t[part].fill_null(0) for part in parts[1:]), t[parts[0]].fill_null(0))
        some_part = t[parts[0]].notnull()
        for part in parts[1:]:
            some_part = some_part | t[part].notnull()
        return some_part & ((t[total] - parts_sum).abs() > tolerance)

    return bad


_ENERGY_PARTS = ("kwh_sharp", "kwh_peak", "kwh_flat", "kwh_valley")
_CHARGES = ("energy_yuan", "basic_yuan", "pf_yuan", "funds_yuan")

BILLS = (
    Rule(
        "bills.energy_adds_up",
        ("kwh", *_ENERGY_PARTS),
        _parts_differ("kwh", _ENERGY_PARTS, 0.05),
        "sharp + peak + flat + valley is not the energy of the bill",
        "尖、峰、平、谷电量之和与总电量不符",
        "check which of the five is wrong; a period column may be missing from the export",
        "核对五个电量字段，导出时可能漏了某一时段",
    ),
    Rule(
        "bills.charges_add_up",
        ("total_yuan", *_CHARGES),
        _parts_differ("total_yuan", _CHARGES, 0.015),
        "the charges do not add up to the amount due",
        "各项电费之和与应收电费不符",
        "check the charges at the source; a charge column may be missing from the export",
        "在源系统核对各项电费，导出时可能漏了某一项",
    ),
    _after("bills.due_after_issue", "issued_on", "due_on"),
)

TICKETS = (
    _after("tickets.closed_after_opened", "opened_at", "closed_at"),
    _after("tickets.answered_after_opened", "opened_at", "first_answer_at"),
)

_STAGES = ("received_at", "dispatched_at", "accepted_at", "departed_at", "arrived_at", "restored_at")
REPAIRS = tuple(
    _after(f"repairs.{later}_after_{earlier}", earlier, later) for earlier, later in itertools.pairwise(_STAGES)
)

OUTAGES = (_after("outages.restored_after_start", "started_at", "restored_at"),)
EVENTS = (_after("events.end_after_start", "starts_at", "ends_at"),)
