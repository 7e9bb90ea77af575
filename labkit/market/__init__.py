"""Market: which segments are attractive and where we are strong, who switches, rivals' prices, and what follows for each segment.

>>> from labkit import market
>>> market.zone_of([4.2], [3.9]).tolist()
['grow']
"""

from labkit.market.conditions import CONDITIONS, Thresholds, check_conditions, read_thresholds
from labkit.market.decisions import (
    Decision,
    fill_in,
    judge_worth,
    plot_decisions,
    rank_decisions,
    read_decisions,
    tell_decisions,
)
from labkit.market.errors import MarketError
from labkit.market.factors import Factor, Factors, measure_factors, read_factors
from labkit.market.judging import Condition, chance_above
from labkit.market.key_figures import KeyFigure, read_key_figures, tell_key_figures
from labkit.market.matrix import Positions, place_segments, plot_positions, zone_of
from labkit.market.prices import (
    Offer,
    Offers,
    Pull,
    energy_by_period,
    measure_pull,
    price_offers,
    price_to_match,
    read_offers,
    summarise_offers,
)
from labkit.market.proposals import MEASURES, PROPOSALS, known_measures, propose_segmentations
from labkit.market.strategy import Strategy, expect_effects, make_cards, read_strategy, tell_values
from labkit.market.switching import (
    STATES,
    Switching,
    business_of,
    count_switches,
    loss_change,
    lost_by,
    lost_share,
    whole_years,
    yearly_moves,
)
from labkit.market.swot import (
    SwotRules,
    choose_options,
    evaluate_factors,
    judge_lines,
    read_swot,
    tell_lines,
    tell_options,
)
from labkit.refusals import attempt

__all__ = [
    "CONDITIONS",
    "MEASURES",
    "PROPOSALS",
    "STATES",
    "Condition",
    "Decision",
    "Factor",
    "Factors",
    "KeyFigure",
    "MarketError",
    "Offer",
    "Offers",
    "Positions",
    "Pull",
    "Strategy",
    "Switching",
    "SwotRules",
    "Thresholds",
    "attempt",
    "business_of",
    "chance_above",
    "check_conditions",
    "choose_options",
    "count_switches",
    "energy_by_period",
    "evaluate_factors",
    "expect_effects",
    "fill_in",
    "judge_lines",
    "judge_worth",
    "known_measures",
    "loss_change",
    "lost_by",
    "lost_share",
    "make_cards",
    "measure_factors",
    "measure_pull",
    "place_segments",
    "plot_decisions",
    "plot_positions",
    "price_offers",
    "price_to_match",
    "propose_segmentations",
    "rank_decisions",
    "read_decisions",
    "read_factors",
    "read_key_figures",
    "read_offers",
    "read_strategy",
    "read_swot",
    "read_thresholds",
    "summarise_offers",
    "tell_decisions",
    "tell_key_figures",
    "tell_lines",
    "tell_options",
    "tell_values",
    "whole_years",
    "yearly_moves",
    "zone_of",
]
