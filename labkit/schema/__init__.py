"""The tables: columns, types, units, keys, personal-data class and rules.

Everything about a table is said once, here; the readers, the sample utility,
the data card and the checks all follow it.
"""

from labkit.schema.card import data_card, data_package
from labkit.schema.model import STORAGE, Column, Rule, Table, Type
from labkit.schema.rules import NEWEST, OLDEST, spoilt_id_rule, value_rules
from labkit.schema.tables import CUSTOMER_CLASSES, SETTLEMENTS, SURVEY_DIMENSIONS, TABLES

__all__ = [
    "CUSTOMER_CLASSES",
    "NEWEST",
    "OLDEST",
    "SETTLEMENTS",
    "STORAGE",
    "SURVEY_DIMENSIONS",
    "TABLES",
    "Column",
    "Rule",
    "Table",
    "Type",
    "data_card",
    "data_package",
    "spoilt_id_rule",
    "value_rules",
]
