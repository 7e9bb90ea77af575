"""Checks of meter data, coverage and estimates (VEE: validation, estimation, editing; 电量数据校核与补估).

Readings are never changed: what is suspected stands in a table of its own, and estimates in columns of their own.
"""

from labkit.vee.coverage import Coverage, expected_days, measure_coverage, read_coverage, tell_coverage
from labkit.vee.declared import SEVERITIES, Check, checks
from labkit.vee.estimation import REJECTED, estimate
from labkit.vee.flags import with_flags
from labkit.vee.masking import measure_error
from labkit.vee.registers import compare_registers
from labkit.vee.suspects import check, find_suspects, tabulate
from labkit.vee.thresholds import Threshold, Thresholds, VeeError, read_thresholds

__all__ = [
    "REJECTED",
    "SEVERITIES",
    "Check",
    "Coverage",
    "Threshold",
    "Thresholds",
    "VeeError",
    "check",
    "checks",
    "compare_registers",
    "estimate",
    "expected_days",
    "find_suspects",
    "measure_coverage",
    "measure_error",
    "read_coverage",
    "read_thresholds",
    "tabulate",
    "tell_coverage",
    "with_flags",
]
