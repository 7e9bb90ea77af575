"""Loyalty: how satisfied customers are and why, who leaves, when and where to, what a kept customer is worth, whom to keep.

>>> from labkit import loyalty
>>> round(loyalty.fit_sbg([1000, 631, 468, 382, 326, 289, 262, 241]).alpha, 3)
0.704
"""

from labkit.importance import Importance, driver_importance
from labkit.loyalty.accuracy import auc_at, brier_score, calibration, concordance
from labkit.loyalty.behaviour import SatisfactionLink, answer_agreement, link_satisfaction
from labkit.loyalty.by_segment import best_measure_of, gain_by_segment, lost_by_segment, weakest_dimension
from labkit.loyalty.cells import count_cells
from labkit.loyalty.churn import ChurnModel, churn_model
from labkit.loyalty.cohorts import RenewalModel, compare_renewals, fit_bdw, fit_sbg
from labkit.loyalty.cox import CoxModel, fit_cox
from labkit.loyalty.curves import SurvivalCurve, survival_curve
from labkit.loyalty.drawings import plot_importance_performance, plot_index, plot_ratios
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.hazard import fit_hazard
from labkit.loyalty.hazard_model import HazardModel
from labkit.loyalty.incidence import CumulativeIncidence, cumulative_incidence
from labkit.loyalty.leaks import TRAPS, find_leaks
from labkit.loyalty.levers import (
    DriverSlopes,
    Measures,
    driver_slopes,
    importance_performance,
    penalty_reward,
    rank_measures,
    read_measures,
)
from labkit.loyalty.opening import Opening, compare_opening, net_moves, supply_shares
from labkit.loyalty.ordinal import OrdinalModel, fit_ordinal
from labkit.loyalty.path_model import PathModel, path_model
from labkit.loyalty.policy import RetentionPolicy, break_even_uplift, expected_gain, payback_months, retention_policy
from labkit.loyalty.reliability import Reliability, scale_reliability
from labkit.loyalty.retention import (
    RetentionCard,
    customers_today,
    fit_departures,
    foretell_departures,
    kinds_of_departure,
    measure_margins,
    retention_cards,
    value_today,
)
from labkit.loyalty.satisfaction import (
    SCALES,
    dimension_scores,
    half_year,
    index_change,
    name_halves,
    satisfaction_index,
)
from labkit.loyalty.snapshots import churn_table, survivors_by_quarter
from labkit.loyalty.spells import MARKET_REASONS, Spells, make_spells, read_spells, spells_after_answers
from labkit.loyalty.states import GONE, STATES, StateModel, fit_states, supply_stays
from labkit.loyalty.trial import (
    CONTROL_SHARE,
    design_trial,
    detectable_effect,
    estimate_uplift,
    measure_qini,
    policy_value,
    qini_curve,
    trial_power,
)
from labkit.loyalty.value import Margins, Offer, Values, customer_value, read_margins, value_customers
from labkit.refusals import attempt

__all__ = [
    "CONTROL_SHARE",
    "GONE",
    "MARKET_REASONS",
    "SCALES",
    "STATES",
    "TRAPS",
    "ChurnModel",
    "CoxModel",
    "CumulativeIncidence",
    "DriverSlopes",
    "HazardModel",
    "Importance",
    "LoyaltyError",
    "Margins",
    "Measures",
    "Offer",
    "Opening",
    "OrdinalModel",
    "PathModel",
    "Reliability",
    "RenewalModel",
    "RetentionCard",
    "RetentionPolicy",
    "SatisfactionLink",
    "Spells",
    "StateModel",
    "SurvivalCurve",
    "Values",
    "answer_agreement",
    "attempt",
    "auc_at",
    "best_measure_of",
    "break_even_uplift",
    "brier_score",
    "calibration",
    "churn_model",
    "churn_table",
    "compare_opening",
    "compare_renewals",
    "concordance",
    "count_cells",
    "cumulative_incidence",
    "customer_value",
    "customers_today",
    "design_trial",
    "detectable_effect",
    "dimension_scores",
    "driver_importance",
    "driver_slopes",
    "estimate_uplift",
    "expected_gain",
    "find_leaks",
    "fit_bdw",
    "fit_cox",
    "fit_departures",
    "fit_hazard",
    "fit_ordinal",
    "fit_sbg",
    "fit_states",
    "foretell_departures",
    "gain_by_segment",
    "half_year",
    "importance_performance",
    "index_change",
    "kinds_of_departure",
    "link_satisfaction",
    "lost_by_segment",
    "make_spells",
    "measure_margins",
    "measure_qini",
    "name_halves",
    "net_moves",
    "path_model",
    "payback_months",
    "penalty_reward",
    "plot_importance_performance",
    "plot_index",
    "plot_ratios",
    "policy_value",
    "qini_curve",
    "rank_measures",
    "read_margins",
    "read_measures",
    "read_spells",
    "retention_cards",
    "retention_policy",
    "satisfaction_index",
    "scale_reliability",
    "spells_after_answers",
    "supply_shares",
    "supply_stays",
    "survival_curve",
    "survivors_by_quarter",
    "trial_power",
    "value_customers",
    "value_today",
    "weakest_dimension",
]
