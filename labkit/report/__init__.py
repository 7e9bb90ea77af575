"""Notebooks to pages: what notebooks display, how they are run and published.

The running side is imported only when it is used, so that a notebook starts fast.
"""

from labkit.findings import Finding
from labkit.report.display import (
    answer,
    finding,
    findings_by_segment,
    note,
    show_figure,
    show_key_figures,
    show_table,
)
from labkit.report.saved import saved_findings

__all__ = [
    "Finding",
    "answer",
    "finding",
    "findings_by_segment",
    "note",
    "saved_findings",
    "show_figure",
    "show_key_figures",
    "show_table",
]
