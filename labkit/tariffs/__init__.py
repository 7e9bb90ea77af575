"""Tariffs as data: bills to the cent, and the choice between tariffs.

>>> from labkit import tariffs
>>> tariffs.power_factor_adjustment(0.91, 0.90)
-0.15
"""

from labkit.tariffs.bill import Bill
from labkit.tariffs.charges import charge
from labkit.tariffs.choice import Choice, best_contract, break_even, change_dates, choose
from labkit.tariffs.determinants import Determinants, energy_prices, measure_load
from labkit.tariffs.lines import Account
from labkit.tariffs.many import bill_loads, bill_many
from labkit.tariffs.power_factor import capacitor_kvar, power_factor_adjustment, power_factor_of
from labkit.tariffs.rule import Name, TariffError
from labkit.tariffs.tariff import Tariff, read_tariffs

__all__ = [
    "Account",
    "Bill",
    "Choice",
    "Determinants",
    "Name",
    "Tariff",
    "TariffError",
    "best_contract",
    "bill_loads",
    "bill_many",
    "break_even",
    "capacitor_kvar",
    "change_dates",
    "charge",
    "choose",
    "energy_prices",
    "measure_load",
    "power_factor_adjustment",
    "power_factor_of",
    "read_tariffs",
]
