"""Demand-side management: load shapes, response to prices, who joins, who gains, and what was saved.

>>> from labkit import dsm
>>> dsm.warning_level(60, 1000).id
'III'
"""

from labkit.dsm.baseline import DailyBaseline, baseline_daily
from labkit.dsm.did import DidEffect, difference_in_differences
from labkit.dsm.economics import SharedRange, cost_tests, shared_benefit_range
from labkit.dsm.errors import DsmError
from labkit.dsm.events import EventBaseline, EventEffect, event_baseline, measure_events
from labkit.dsm.individual import individual_response
from labkit.dsm.joining import Joining, NetToGross, draw_joiners, fit_joining, net_to_gross
from labkit.dsm.lp import ShiftPlan, solve_shift
from labkit.dsm.orderly import OrderlyPlan, orderly_plan, warning_level
from labkit.dsm.prepared import Prepared, prepare
from labkit.dsm.response import Response, elasticity_matrix, fit_response, price_response
from labkit.dsm.scenario import Programme, Scenario, read_scenario, read_scenarios
from labkit.dsm.shapes import call_windows, clip, conserve, fill, flexible, grow, shift
from labkit.dsm.simulate import ScenarioResult, compare, run
from labkit.dsm.summary import (
    SYSTEM_COLUMNS,
    best_by_class,
    best_for_all,
    check_transfers,
    closest_for_all,
    gain,
    plot_gains,
    tell_gains,
    who_all_gain,
)
from labkit.dsm.trials import EventTrial, PriceTrial, read_events, read_trial, summarise_trials

__all__ = [
    "SYSTEM_COLUMNS",
    "DailyBaseline",
    "DidEffect",
    "DsmError",
    "EventBaseline",
    "EventEffect",
    "EventTrial",
    "Joining",
    "NetToGross",
    "OrderlyPlan",
    "Prepared",
    "PriceTrial",
    "Programme",
    "Response",
    "Scenario",
    "ScenarioResult",
    "SharedRange",
    "ShiftPlan",
    "baseline_daily",
    "best_by_class",
    "best_for_all",
    "call_windows",
    "check_transfers",
    "clip",
    "closest_for_all",
    "compare",
    "conserve",
    "cost_tests",
    "difference_in_differences",
    "draw_joiners",
    "elasticity_matrix",
    "event_baseline",
    "fill",
    "fit_joining",
    "fit_response",
    "flexible",
    "gain",
    "grow",
    "individual_response",
    "measure_events",
    "net_to_gross",
    "orderly_plan",
    "plot_gains",
    "prepare",
    "price_response",
    "read_events",
    "read_scenario",
    "read_scenarios",
    "read_trial",
    "run",
    "shared_benefit_range",
    "shift",
    "solve_shift",
    "summarise_trials",
    "tell_gains",
    "warning_level",
    "who_all_gain",
]
