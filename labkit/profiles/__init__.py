"""From readings to load features and typical days, in two steps.

Cells (customer x month x day type, sums, counts and maxima of every slot) are
the only pass over the readings; everything else follows from cells. Energies
are whole Wh, so that months add up exactly and engines agree bit for bit.
"""

from labkit.profiles.cells import cells, monthly_energy, monthly_sums
from labkit.profiles.features import FEW_DAYS, feature_table, features, load_features
from labkit.profiles.hourly import LEAST_COVERAGE, HourlyLoads, daily_energy, hourly_loads
from labkit.profiles.months import monthly_features
from labkit.profiles.reactive import measure_power_factor
from labkit.profiles.system import SystemPeak, find_system_peak, system_load
from labkit.profiles.typical import typical_days
from labkit.profiles.weather import degree_months, weather_response

__all__ = [
    "FEW_DAYS",
    "LEAST_COVERAGE",
    "HourlyLoads",
    "SystemPeak",
    "cells",
    "daily_energy",
    "degree_months",
    "feature_table",
    "features",
    "find_system_peak",
    "hourly_loads",
    "load_features",
    "measure_power_factor",
    "monthly_energy",
    "monthly_features",
    "monthly_sums",
    "system_load",
    "typical_days",
    "weather_response",
]
