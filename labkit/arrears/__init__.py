"""Arrears and credit: who pays late and why, what it may cost, and what to do about it within the law.

>>> from labkit import arrears
>>> arrears.rules_on(__import__("datetime").date(2025, 1, 1)).overdue_days
30
"""

from labkit.arrears.ageing import AGES, age_receivables, days_sales_outstanding, recovery_curve, roll_rates
from labkit.arrears.behaviour import (
    billed_last_year,
    late_bills,
    late_change,
    late_shares,
    payment_behaviour,
    share_late,
)
from labkit.arrears.by_segment import kinds_by_segment
from labkit.arrears.credit import (
    CreditModel,
    credit_cases,
    fit_credit,
    fit_credits,
    grades_for,
    known_on,
    outcomes,
    price_of_fairness,
)
from labkit.arrears.drawings import plot_grades, plot_recovery
from labkit.arrears.errors import ArrearsError
from labkit.arrears.kinds import (
    KINDS,
    Kinds,
    kind_by_rules,
    late_habits,
    late_payers,
    likeliest_kind,
    mark_disputed,
    price_errors,
    read_kind_rules,
    tell_kinds,
)
from labkit.arrears.ledger import Books, ledger, open_books
from labkit.arrears.lists import list_bad_payers, list_good_payers, write_list
from labkit.arrears.plan import RecoveryPlan, plan
from labkit.arrears.portfolio import (
    LossForecast,
    forecast_arrears,
    forecast_losses,
    loss_given_default,
    watch_large_accounts,
)
from labkit.arrears.procedure import audit_disconnections, procedure
from labkit.arrears.reconcile import Reconciliation, reconcile
from labkit.arrears.rules import Rules, late_fee, late_fees, read_rule_book, read_rules, rules_on
from labkit.arrears.scorecard import GRADES, PROTECTED, Scorecard, fit_scorecard, grade
from labkit.arrears.summary import (
    audit_by_region,
    loss_shares,
    plan_gain,
    plan_gain_yuan,
    recovered_by,
    summarise_ages,
    summarise_fairness,
    summarise_habits,
    summarise_kinds,
    summarise_models,
    summarise_plan,
    summarise_steps,
    summarise_ways,
    tell_grades,
    tell_losses,
    tell_roll_rates,
    tell_watched,
)
from labkit.arrears.validation import check_fairness, grade_table
from labkit.arrears.ways import Way, Ways, payment_rates, read_ways
from labkit.arrears.woe import Binning, bin_woe
from labkit.refusals import attempt
from labkit.scores import calibrate, compare_auc, measure_auc, measure_ks, measure_psi

__all__ = [
    "AGES",
    "GRADES",
    "KINDS",
    "PROTECTED",
    "ArrearsError",
    "Binning",
    "Books",
    "CreditModel",
    "Kinds",
    "LossForecast",
    "Reconciliation",
    "RecoveryPlan",
    "Rules",
    "Scorecard",
    "Way",
    "Ways",
    "age_receivables",
    "attempt",
    "audit_by_region",
    "audit_disconnections",
    "billed_last_year",
    "bin_woe",
    "calibrate",
    "check_fairness",
    "compare_auc",
    "credit_cases",
    "days_sales_outstanding",
    "fit_credit",
    "fit_credits",
    "fit_scorecard",
    "forecast_arrears",
    "forecast_losses",
    "grade",
    "grade_table",
    "grades_for",
    "kind_by_rules",
    "kinds_by_segment",
    "known_on",
    "late_bills",
    "late_change",
    "late_fee",
    "late_fees",
    "late_habits",
    "late_payers",
    "late_shares",
    "ledger",
    "likeliest_kind",
    "list_bad_payers",
    "list_good_payers",
    "loss_given_default",
    "loss_shares",
    "mark_disputed",
    "measure_auc",
    "measure_ks",
    "measure_psi",
    "open_books",
    "outcomes",
    "payment_behaviour",
    "payment_rates",
    "plan",
    "plan_gain",
    "plan_gain_yuan",
    "plot_grades",
    "plot_recovery",
    "price_errors",
    "price_of_fairness",
    "procedure",
    "read_kind_rules",
    "read_rule_book",
    "read_rules",
    "read_ways",
    "reconcile",
    "recovered_by",
    "recovery_curve",
    "roll_rates",
    "rules_on",
    "share_late",
    "summarise_ages",
    "summarise_fairness",
    "summarise_habits",
    "summarise_kinds",
    "summarise_models",
    "summarise_plan",
    "summarise_steps",
    "summarise_ways",
    "tell_grades",
    "tell_kinds",
    "tell_losses",
    "tell_roll_rates",
    "tell_watched",
    "watch_large_accounts",
    "write_list",
]
