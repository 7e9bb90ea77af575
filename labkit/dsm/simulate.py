"""A scenario on the customers of a lab: load, bills, who gains, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.dsm.economics import SharedRange, cost_tests, net_present_values, shared_benefit_range
from labkit.dsm.errors import DsmError
from labkit.dsm.grid import TERMS, annuity_of, draw_cases, sum_up
from labkit.dsm.joining import Joining
from labkit.dsm.prepared import Prepared, prepare
from labkit.dsm.scenario import Scenario
from labkit.lab import Lab

#: Who gains, and the test that tells.
GAINERS = {"customer": "PCT", "utility": "RIM", "society": "SCT"}


@dataclass(frozen=True, eq=False)
class ScenarioResult:
    """What a scenario comes to; intervals hold 95 % of the drawn cases.

    Attributes
    ----------
    tests : DataFrame
        `cost_tests` of the middle case, with ``npv_low_yuan`` and ``npv_high_yuan``.
    segments : DataFrame
        ``customer_class``, ``customers_count``, ``joined_count`` and, for customer,
        utility and society, the net present value with ``_low`` and ``_high``.
    system : DataFrame
        ``measure``, ``before``, ``after``, ``change`` with ``low`` and ``high``: peak
        [kW], energy [kWh], bills [yuan], supply cost [yuan], emissions [t] of a year.
    peak_day : DataFrame
        ``hour``, ``before_kw``, ``after_kw`` of the day of the highest load.
    shared : dict
        Customer class -> `SharedRange`.
    """

    scenario: Scenario
    tests: pd.DataFrame
    segments: pd.DataFrame
    system: pd.DataFrame
    peak_day: pd.DataFrame
    shared: dict[str, SharedRange]


def run(lab: Lab | Prepared, scenario: Scenario, *, draws: int = 1000, seed: int = 0) -> ScenarioResult:
    """A scenario on the customers of a lab.

    Parameters
    ----------
    lab : Lab or Prepared
        `prepare` once for several scenarios.
    scenario : Scenario
    draws, seed : int
        Cases drawn over response, joining and avoided costs.

    Returns
    -------
    ScenarioResult

    Notes
    -----
    Loads are worked out at three levels of the response and three odds of joining,
    each the exact load of its level; cases in between are interpolated. Loads,
    bills and joiners are expected values: who joins is not drawn by lot. Every
    year of the life is as the year of the readings. Factors are log-normal and
    independent.

    Examples
    --------
    >>> import labkit
    >>> from labkit import dsm
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> dsm.run(lab, dsm.read_scenarios()["tou_sichuan"]).tests  # doctest: +SKIP
    """
    ready = lab if isinstance(lab, Prepared) else prepare(lab)
    classes = sorted({c for p in scenario.programmes for c in p.classes} & set(ready.block.customers["customer_class"]))
    if not classes:
        raise DsmError(f"{scenario.id}: the lab has no customers of the classes it is offered to")
    sums, hours = sum_up(ready, scenario, classes)
    weights, avoided = draw_cases(scenario, draws, seed)
    drawn = {t: np.einsum("dg,gs->ds", weights, sums[t].reshape(9, -1)) for t in TERMS}
    drawn["uac"], drawn["uic"] = drawn["uac"] * avoided[:, None], drawn["uic"] * avoided[:, None]
    middle = {t: sums[t][1, 1] for t in TERMS}
    fixed = sum(p.programme_yuan for p in scenario.programmes)
    years = np.arange(1.0, scenario.life_years + 1)
    own = [_flows(t, scenario, fixed, years) for t in (drawn, middle)]
    npv = net_present_values(own[0], years, scenario.discount_rate, scenario.societal_rate)
    mid = net_present_values(own[1], years, scenario.discount_rate, scenario.societal_rate)
    total = pd.DataFrame({name: flow.sum(axis=0) for name, flow in own[1].items()}).assign(year=years)
    total["saved_kwh"] = middle["saved_kwh"].sum()
    tests = cost_tests(total, scenario.discount_rate, scenario.societal_rate)
    for end, q in (("low", 0.025), ("high", 0.975)):
        tests[f"npv_{end}_yuan"] = [float(np.quantile(npv[t].sum(axis=1), q)) for t in tests.index]
    members = ready.block.customers["customer_class"].value_counts()
    segments = pd.DataFrame(
        {
            "customer_class": classes,
            "customers_count": [int(members[c]) for c in classes],
            "joined_count": middle["joined"].round(1),
        }
    )
    for who, test in GAINERS.items():
        segments[f"{who}_yuan"] = mid[test]
        segments[f"{who}_low_yuan"], segments[f"{who}_high_yuan"] = np.quantile(npv[test], [0.025, 0.975], axis=0)
    system, peak_day = _system(ready, hours, weights, avoided, drawn, middle)
    by_class = pd.Series(ready.bills_yuan).groupby(ready.block.customers["customer_class"].to_numpy()).mean()
    shared = _shared(scenario, classes, segments, by_class[classes].to_numpy(), mid, middle, fixed)
    return ScenarioResult(scenario, tests, segments, system, peak_day, shared)


def _flows(
    sums: Mapping[str, np.ndarray], scenario: Scenario, fixed: float, years: np.ndarray
) -> dict[str, np.ndarray]:
    """Flows by year from sums (..., classes), shape (..., classes, years); the fixed cost by who joins."""
    first = (years == 1).astype(float)
    yearly = np.ones(len(years))
    joined = sums["joined"]
    share = joined / np.maximum(joined.sum(axis=-1, keepdims=True), 1e-12)
    flows = {n: sums[n][..., None] * yearly for n in ("uac", "uic", "br", "bi", "rl", "rg", "pac_a", "externality")}
    for name in ("inc", "pc", "pcn"):
        flows[name] = sums[name][..., None] * yearly + sums[f"{name}_once"][..., None] * first
    flows["prc"] = sums["prc"][..., None] * yearly + (share * fixed)[..., None] * first
    return flows


def _system(
    ready: Prepared,
    hours: np.ndarray,
    weights: np.ndarray,
    avoided: np.ndarray,
    drawn: Mapping[str, np.ndarray],
    middle: Mapping[str, np.ndarray],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    before = ready.system.load_kwh.reshape(-1)
    mid = hours[1, 1]
    scale = 365 * 24 / len(before)
    peaks = np.array([(before + w @ hours.reshape(9, -1)).max() for w in weights]) - before.max()
    bills = {k: v["bi"] - v["br"] for k, v in (("d", drawn), ("m", middle))}
    supply = {k: v["uic"] - v["uac"] for k, v in (("d", drawn), ("m", middle))}
    cost = float((before * ready.system.avoided_yuan.reshape(-1)).sum() * scale)
    co2 = float((before * ready.system.tonnes_co2.reshape(-1)).sum() * scale)
    rows = [
        ("system_peak_kw", before.max(), (before + mid).max() - before.max(), peaks),
        ("energy_kwh", before.sum() * scale, -middle["saved_kwh"].sum(), -drawn["saved_kwh"].sum(axis=1)),
        ("bills_yuan", ready.bills_yuan.sum(), bills["m"].sum(), bills["d"].sum(axis=1)),
        ("supply_cost_yuan", cost, supply["m"].sum(), supply["d"].sum(axis=1)),
        ("emissions_tonnes", co2, -middle["tonnes"].sum(), -drawn["tonnes"].sum(axis=1)),
    ]
    table = pd.DataFrame(
        [(n, b, b + c, c, *np.quantile(d, [0.025, 0.975])) for n, b, c, d in rows],
        columns=["measure", "before", "after", "change", "low", "high"],
    )
    day = int(before.argmax() // 24)
    part = slice(day * 24, day * 24 + 24)
    return table, pd.DataFrame({"hour": np.arange(24), "before_kw": before[part], "after_kw": (before + mid)[part]})


def _shared(
    scenario: Scenario,
    classes: list[str],
    segments: pd.DataFrame,
    bills: np.ndarray,
    mid: Mapping[str, np.ndarray],
    sums: Mapping[str, np.ndarray],
    fixed: float,
) -> dict[str, SharedRange]:
    """The incentives for which all gain, a participant and class; for one voluntary programme without free riders."""
    if len(scenario.programmes) != 1 or scenario.programmes[0].joining is None or scenario.programmes[0].free_riders:
        return {}
    annuity, joining = annuity_of(scenario), scenario.programmes[0].joining
    found = {}
    for s, name in enumerate(classes):
        n = float(sums["joined"][s])
        if n <= 0:
            continue
        paid = sums["inc"][s] * annuity + sums["inc_once"][s]
        own_fixed = fixed * n / max(float(sums["joined"].sum()), 1e-12)
        customer = (mid["PCT"][s] - paid) / n - joining.effort_yuan * annuity
        utility = (mid["RIM"][s] + paid + own_fixed) / n
        society = (mid["SCT"][s] + own_fixed) / n
        per_yuan = joining.per_yuan + joining.per_percent * 100 / max(bills[s], 1.0)
        choice = Joining(joining.intercept, per_yuan / annuity)
        members = int(segments.loc[s, "customers_count"])
        found[name] = shared_benefit_range(
            customer, utility, society, customers=members, fixed_yuan=own_fixed, joining=choice
        )
    return found


def compare(results: Iterable[ScenarioResult]) -> pd.DataFrame:
    """Scenarios side by side: a row each, peak, energy, bills, emissions and who gains, with ends."""
    rows = []
    for r in results:
        system = r.system.set_index("measure")
        row: dict[str, object] = {"scenario": r.scenario.id, "joined_count": float(r.segments["joined_count"].sum())}
        for measure, name in (
            ("system_peak_kw", "peak_change_kw"),
            ("energy_kwh", "energy_change_kwh"),
            ("bills_yuan", "bills_change_yuan"),
            ("emissions_tonnes", "emissions_change_tonnes"),
        ):
            row |= {
                name: system.loc[measure, "change"],
                f"{name}_low": system.loc[measure, "low"],
                f"{name}_high": system.loc[measure, "high"],
            }
        for who, test in GAINERS.items():
            one = r.tests.loc[test]
            row |= {
                f"{who}_yuan": one["npv_yuan"],
                f"{who}_low_yuan": one["npv_low_yuan"],
                f"{who}_high_yuan": one["npv_high_yuan"],
            }
        rows.append(row)
    return pd.DataFrame(rows)
