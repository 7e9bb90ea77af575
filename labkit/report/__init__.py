"""Notebooks to pages: what notebooks display, how they are run and published.

The running side is imported only when it is used, so that a notebook starts fast.
"""

from labkit.report.display import Finding, answer, finding, note, show_figure, show_key_figures, show_table

__all__ = ["Finding", "answer", "finding", "note", "show_figure", "show_key_figures", "show_table"]
