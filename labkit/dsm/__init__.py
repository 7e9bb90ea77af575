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
from labkit.dsm.joining import Joining, NetToGross, draw_joiners, fit_joining, net_to_gross
from labkit.dsm.lp import ShiftPlan, solve_shift
from labkit.dsm.orderly import OrderlyPlan, orderly_plan, warning_level
from labkit.dsm.response import Response, elasticity_matrix, fit_response, price_response
from labkit.dsm.scenario import Programme, Scenario, read_scenario, read_scenarios
from labkit.dsm.shapes import call_windows, clip, conserve, fill, flexible, grow, shift
from labkit.dsm.simulate import Prepared, ScenarioResult, compare, prepare, run

__all__ = [
    "DailyBaseline",
    "DidEffect",
    "DsmError",
    "EventBaseline",
    "EventEffect",
    "Joining",
    "NetToGross",
    "OrderlyPlan",
    "Prepared",
    "Programme",
    "Response",
    "Scenario",
    "ScenarioResult",
    "SharedRange",
    "ShiftPlan",
    "baseline_daily",
    "call_windows",
    "clip",
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
    "grow",
    "measure_events",
    "net_to_gross",
    "orderly_plan",
    "prepare",
    "price_response",
    "read_scenario",
    "read_scenarios",
    "run",
    "shared_benefit_range",
    "shift",
    "solve_shift",
    "warning_level",
]
