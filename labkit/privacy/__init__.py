"""Pseudonyms, masks, small cells and spreadsheet-safe text, for all that leaves.

A cell of a report has at least `MIN_CUSTOMERS` customers; energy and money are shown for at
least 15 customers none of whom is above 15 % of the total, 100 for residential ones; further
cells are hidden where a hidden one could be worked out. De-identified data are still personal
data.
"""

from labkit.privacy.cells import hide_cells, round_counts, suppress_cross_table
from labkit.privacy.groups import (
    amount_may_be_shown,
    hide_amounts,
    hide_near_whole,
    largest_dominate,
    suppress_groups,
    suppress_linked_groups,
    suppress_small_cells,
)
from labkit.privacy.limits import MAX_SHARE_AMOUNT, MIN_CUSTOMERS, MIN_CUSTOMERS_AMOUNT, MIN_CUSTOMERS_RESIDENTIAL
from labkit.privacy.masks import mask, safe_frame, safe_text, to_safe_csv
from labkit.privacy.pseudonyms import KeyFileError, pseudonym, read_key, rotate_key

__all__ = [
    "MAX_SHARE_AMOUNT",
    "MIN_CUSTOMERS",
    "MIN_CUSTOMERS_AMOUNT",
    "MIN_CUSTOMERS_RESIDENTIAL",
    "KeyFileError",
    "amount_may_be_shown",
    "hide_amounts",
    "hide_cells",
    "hide_near_whole",
    "largest_dominate",
    "mask",
    "pseudonym",
    "read_key",
    "rotate_key",
    "round_counts",
    "safe_frame",
    "safe_text",
    "suppress_cross_table",
    "suppress_groups",
    "suppress_linked_groups",
    "suppress_small_cells",
    "to_safe_csv",
]
