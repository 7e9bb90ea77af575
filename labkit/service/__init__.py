"""Service: what customers call about, through which channel, how many agents it takes, where posts belong, whether promises are kept.

>>> from labkit import service
>>> round(service.erlang_c(200, 180, 14).mean_wait_s, 2)
7.84
"""

from labkit.refusals import attempt
from labkit.service.assumptions import read_channel_costs, read_promises, read_remedies, site_limits
from labkit.service.by_segment import contacts_by_segment, contacts_change, kept_by_segment, kept_change
from labkit.service.channels import (
    compare_channels,
    cost_contacts,
    fit_channel_choice,
    move_online,
    never_push,
    share_pushed,
)
from labkit.service.demand import count_cells, follow_topics, hot_topics, rank_remedies, satisfaction_lost
from labkit.service.drawings import plot_changes, plot_control, plot_map, plot_process, plot_staff
from labkit.service.erlang import agents_needed, erlang_a, erlang_c
from labkit.service.errors import ServiceError
from labkit.service.goals import decompose_goal, find_bottleneck, simulate_change
from labkit.service.interchange import evaluate_sites
from labkit.service.promises import check_promises, quality_index
from labkit.service.repair import (
    ON_SITE,
    process_graph,
    promises_kept,
    share_kept,
    summarise_stages,
    time_stages,
)
from labkit.service.siting import site_centres, travel_minutes, value_of_sites
from labkit.service.staffing import estimate_patience, forecast_calls, plan_staff, simulate_queue
from labkit.service.summary import area_demand, day_types, hide_few, monthly, place_posts, site_places
from labkit.service.tickets import (
    answer_times,
    count_contacts,
    first_contact_resolution,
    mark_repeats,
    open_contacts,
    rate_contacts,
)
from labkit.service.topics import find_topics, mask_text
from labkit.service.watch import (
    LEAST_PERIODS,
    cusum_chart,
    dispersion,
    individuals_chart,
    p_chart,
    run_length,
    u_chart,
)

__all__ = [
    "LEAST_PERIODS",
    "ON_SITE",
    "ServiceError",
    "agents_needed",
    "answer_times",
    "area_demand",
    "attempt",
    "check_promises",
    "compare_channels",
    "contacts_by_segment",
    "contacts_change",
    "cost_contacts",
    "count_cells",
    "count_contacts",
    "cusum_chart",
    "day_types",
    "decompose_goal",
    "dispersion",
    "erlang_a",
    "erlang_c",
    "estimate_patience",
    "evaluate_sites",
    "find_bottleneck",
    "find_topics",
    "first_contact_resolution",
    "fit_channel_choice",
    "follow_topics",
    "forecast_calls",
    "hide_few",
    "hot_topics",
    "individuals_chart",
    "kept_by_segment",
    "kept_change",
    "mark_repeats",
    "mask_text",
    "monthly",
    "move_online",
    "never_push",
    "open_contacts",
    "p_chart",
    "place_posts",
    "plan_staff",
    "plot_changes",
    "plot_control",
    "plot_map",
    "plot_process",
    "plot_staff",
    "process_graph",
    "promises_kept",
    "quality_index",
    "rank_remedies",
    "rate_contacts",
    "read_channel_costs",
    "read_promises",
    "read_remedies",
    "run_length",
    "satisfaction_lost",
    "share_kept",
    "share_pushed",
    "simulate_change",
    "simulate_queue",
    "site_centres",
    "site_limits",
    "site_places",
    "summarise_stages",
    "time_stages",
    "travel_minutes",
    "u_chart",
    "value_of_sites",
]
