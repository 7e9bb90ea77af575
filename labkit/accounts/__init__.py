"""Key accounts (大客户): who they are, their load explained, what would save them money.

>>> from labkit import accounts
>>> accounts.read_assumptions().movable_share
0.1
"""

from labkit.accounts.advice import Advice, advise
from labkit.accounts.assumptions import Assumptions, read_assumptions
from labkit.accounts.case import Item
from labkit.accounts.load import AccountData, AccountError, LoadAnalysis, analyse_load, read_accounts
from labkit.accounts.ranking import (
    CRITERIA,
    count_tier_moves,
    find_trends,
    monthly_bills,
    rank_accounts,
    supply_costs,
    tiers_by_period,
)
from labkit.accounts.sheet import (
    Section,
    render_sheet,
    sheet,
    sheet_file_name,
    write_sheets,
    write_studies,
)
from labkit.accounts.study import AccountStudy, study_accounts
from labkit.accounts.summary import (
    describe_loads,
    estimate_total_saving,
    largest_savings,
    may_show_total,
    savings_by_segment,
    summarise_advice,
    summarise_criteria,
    summarise_modes,
    summarise_moves,
    summarise_trends,
    tabulate_moves,
    tariffs_by_segment,
)

__all__ = [
    "CRITERIA",
    "AccountData",
    "AccountError",
    "AccountStudy",
    "Advice",
    "Assumptions",
    "Item",
    "LoadAnalysis",
    "Section",
    "advise",
    "analyse_load",
    "count_tier_moves",
    "describe_loads",
    "estimate_total_saving",
    "find_trends",
    "largest_savings",
    "may_show_total",
    "monthly_bills",
    "rank_accounts",
    "read_accounts",
    "read_assumptions",
    "render_sheet",
    "savings_by_segment",
    "sheet",
    "sheet_file_name",
    "study_accounts",
    "summarise_advice",
    "summarise_criteria",
    "summarise_modes",
    "summarise_moves",
    "summarise_trends",
    "supply_costs",
    "tabulate_moves",
    "tariffs_by_segment",
    "tiers_by_period",
    "write_sheets",
    "write_studies",
]
