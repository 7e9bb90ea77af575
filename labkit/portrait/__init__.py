"""One row a customer: everything known of it (客户画像).

Social, behaviour, value, credit, service, satisfaction, tags; every column is in the
glossary (`labkit.terms`) and in ``columns.csv`` with what it means, none names a person.

The package is no function: ``from labkit.portrait import portrait`` gives the one that makes it.

Examples
--------
>>> import labkit
>>> from labkit import portrait
>>> lab = labkit.open("data/sample")  # doctest: +SKIP
>>> people = portrait.portrait(lab)  # doctest: +SKIP
>>> portrait.describe_columns(people)  # doctest: +SKIP
"""

from labkit.portrait.card_page import CardRow, PortraitCard
from labkit.portrait.columns import (
    COUNTS,
    FLAGS,
    GROUPS,
    SOURCES,
    WORDS,
    PortraitColumn,
    column_of,
    group_columns,
    read_columns,
)
from labkit.portrait.customer_card import card
from labkit.portrait.describe import describe_by, describe_columns
from labkit.portrait.errors import PortraitError
from labkit.portrait.memberships import with_segments, with_tags
from labkit.portrait.missing import find_reasons
from labkit.portrait.payments import settled_bills
from labkit.portrait.standing import stand_among
from labkit.portrait.whole import portrait, portrait_table

__all__ = [
    "COUNTS",
    "FLAGS",
    "GROUPS",
    "SOURCES",
    "WORDS",
    "CardRow",
    "PortraitCard",
    "PortraitColumn",
    "PortraitError",
    "card",
    "column_of",
    "describe_by",
    "describe_columns",
    "find_reasons",
    "group_columns",
    "portrait",
    "portrait_table",
    "read_columns",
    "settled_bills",
    "stand_among",
    "with_segments",
    "with_tags",
]
