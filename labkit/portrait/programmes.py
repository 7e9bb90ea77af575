"""Demand-side programmes a customer takes part in (需求侧项目)."""

from __future__ import annotations

import ibis.expr.types as ir

from labkit.engine import divide, to_whole
from labkit.lab import Lab


def join_programmes(lab: Lab) -> ir.Table:
    """Programmes of each customer enrolled: the columns whose source is ``enrolments``."""
    joined = lab.enrolments.inner_join(lab.programmes.select("programme_id", "kind"), "programme_id")
    # A trial's control group is enrolled too, but nothing changes for it.
    taking_part = joined.arm.isnull() | (joined.arm != "control")
    return joined.group_by("customer_id").aggregate(
        **{f"in_{kind}": (taking_part & (joined["kind"] == kind)).any() for kind in ("time_of_use", "interruptible")},
        programmes_count=joined.programme_id.nunique(where=taking_part),
        programmes_paid_yuan=divide(to_whole(joined.paid_yuan, 2).sum().cast("int64"), 100),
    )
