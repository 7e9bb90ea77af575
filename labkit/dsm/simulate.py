"""A scenario on the customers of a lab: load, bills, who gains, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from labkit import profiles, tariffs
from labkit.dsm.economics import SharedRange, cost_tests, net_present_values, shared_benefit_range
from labkit.dsm.errors import DsmError
from labkit.dsm.joining import Joining, net_to_gross
from labkit.dsm.respond import Block, Changed, System, bill_year, respond
from labkit.dsm.scenario import UNCERTAIN, Programme, Scenario
from labkit.lab import Lab

#: What is added up over customers, a year unless it says once.
_TERMS = ("joined", "br", "bi", "rl", "rg", "inc", "inc_once", "pc", "pc_once", "pcn", "pcn_once", "pac_a", "prc",
          "externality", "saved_kwh", "uac", "uic", "tonnes")  # fmt: skip
#: Hourly loads of a year take 35 kB a customer, and some five copies while a scenario runs.
MOST_CUSTOMERS = 20_000
#: Who gains, and the test that tells.
GAINERS = {"customer": "PCT", "utility": "RIM", "society": "SCT"}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A lab made ready for scenarios: loads, bills, prices, avoided costs; read once for all of them."""

    block: Block
    system: System
    bills_yuan: np.ndarray
    known: Mapping[str, tariffs.Tariff]


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


def prepare(lab: Lab, known: Mapping[str, tariffs.Tariff] | None = None) -> Prepared:
    """Read what scenarios need of a lab.

    Raises
    ------
    MissingTableError
        Without readings or avoided costs.
    DsmError
        If avoided costs do not cover the readings, or no customer has enough readings.
    """
    costs = lab.run(lab.table("avoided_costs"))
    metered = lab.table("readings")
    most = int(lab.run(metered.aggregate(n=metered.customer_id.nunique()))["n"].iloc[0])
    if most > MOST_CUSTOMERS:
        raise DsmError(
            f"scenarios hold all loads in memory, {MOST_CUSTOMERS:,} customers at most, and {most:,} have readings; "
            "make a store of a sample of them"
        )
    loads = profiles.hourly_loads(lab)
    names = ["customer_id", "customer_class", "tariff_id", "capacity_kva", "contract_kw", "important"]
    own = lab.run(lab.customers.select(*names)).set_index("customer_id").reindex(loads.customer_ids).reset_index()
    rules = dict(tariffs.read_tariffs() if known is None else known)
    own["whole"] = (loads.coverage >= profiles.LEAST_COVERAGE) & own["tariff_id"].isin(rules).to_numpy()
    if not own["whole"].any():
        raise DsmError("no customer has nine tenths of its readings and a known tariff; scenarios need both")
    shape = (len(loads.days), 24)
    by_hour = costs.set_index(pd.DatetimeIndex(costs["ts"])).drop(columns="ts")
    by_hour = by_hour.reindex(pd.date_range(loads.days[0], periods=shape[0] * 24, freq="h"))
    if by_hour["energy_yuan_per_kwh"].isna().any():
        at = by_hour.index[by_hour["energy_yuan_per_kwh"].isna()][0]
        raise DsmError(f"avoided_costs has no hour {at}; bring every hour of the readings")
    avoided = by_hour[["energy_yuan_per_kwh", "capacity_yuan_per_kw", "network_yuan_per_kw"]].fillna(0.0).sum(axis=1)
    draft = System(
        loads.days, loads.day_types, loads.kwh.sum(axis=0, dtype=float), avoided.to_numpy().reshape(shape),
        by_hour["tonnes_co2_per_kwh"].fillna(0.0).to_numpy().reshape(shape), {},
    )  # fmt: skip
    whole = np.flatnonzero(own["whole"])
    own, load = own.iloc[whole].reset_index(drop=True), loads.kwh[whole]
    bills, energy = bill_year(load, own, draft, rules)
    kwh = load.sum(axis=(1, 2), dtype=float) * 365 / shape[0]
    by_class = pd.DataFrame({"kwh": kwh, "yuan": energy}).groupby(own["customer_class"]).sum()
    mean = (by_class["yuan"] / by_class["kwh"].clip(lower=1e-9)).to_dict()
    price = {}
    for name, rows in own.groupby("tariff_id").indices.items():
        slots = tariffs.energy_prices(rules[str(name)], loads.days, loads.day_types, 60)
        use = load[rows].sum(axis=0, dtype=float)
        paid = energy[rows].sum() / max(kwh[rows].sum(), 1e-9)
        # Steps are not in the slots' prices: all are moved to the mean that is paid.
        price[str(name)] = np.maximum(slots + paid - (use * slots).sum() / max(use.sum(), 1e-9), 0.01)
    system = System(draft.days, draft.day_types, draft.load_kwh, draft.avoided_yuan, draft.tonnes_co2, mean)
    return Prepared(Block(own, load, price), system, bills, rules)


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
    sums, hours = _grid(ready, scenario, classes)
    weights, avoided = _draw(scenario, draws, seed)
    drawn = {t: np.einsum("dg,gs->ds", weights, sums[t].reshape(9, -1)) for t in _TERMS}
    drawn["uac"], drawn["uic"] = drawn["uac"] * avoided[:, None], drawn["uic"] * avoided[:, None]
    middle = {t: sums[t][1, 1] for t in _TERMS}
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


def _grid(ready: Prepared, scenario: Scenario, classes: list[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Sums by response, joining and class, (3, 3, classes); change of the system by hour, (3, 3, hours)."""
    levels = [np.array([scenario.uncertain[u][0], 1.0, scenario.uncertain[u][1]]) for u in UNCERTAIN[:2]]
    block = ready.block
    sums = {t: np.zeros((3, 3, len(classes))) for t in _TERMS}
    hours = np.zeros((3, 3, ready.system.load_kwh.size))
    for at, level in enumerate(levels[0]):
        touched: dict[int, np.ndarray] = {}
        bills = ready.bills_yuan.copy()
        for programme in scenario.programmes:
            wanted = [c for c in classes if c in programme.classes]
            groups = [wanted] if programme.kind == "orderly" else [[c] for c in wanted]
            for group in groups:
                rows = np.flatnonzero(block.customers["customer_class"].isin(group))
                own = block.customers.iloc[rows].reset_index(drop=True)
                load = np.stack([touched.get(int(i), block.load_kwh[i]) for i in rows])
                changed = _respond_by_tariff(programme, load, own, ready, float(level))
                after, energy = bill_year(changed.load_kwh, own, ready.system, dict(ready.known))
                if changed.price is not None:
                    scale = 365 / load.shape[1]
                    after += np.einsum("nds,ds->n", changed.load_kwh, changed.price) * scale - energy
                codes = np.array([classes.index(c) for c in own["customer_class"]])
                joined = _add(
                    sums, hours, at, codes, programme, scenario, changed, load,
                    bills[rows], bills[rows] - after, levels[1], ready.system,
                )  # fmt: skip
                for k, i in enumerate(rows):
                    touched[int(i)] = load[k] + (changed.load_kwh[k] - load[k]) * np.float32(joined[k])
                bills[rows] += (after - bills[rows]) * joined
    return sums, hours


def _respond_by_tariff(
    programme: Programme, load: np.ndarray, own: pd.DataFrame, ready: Prepared, level: float
) -> Changed:
    """One class at once; each customer at the prices of its own tariff."""
    if programme.kind in ("shift", "time_of_use", "critical_peak"):
        price = np.stack([ready.block.price[name] for name in own["tariff_id"]])
    else:
        price = np.ones(load.shape[1:])
    return respond(programme, load, own, price, ready.system, level)


def _add(
    sums: dict[str, np.ndarray], hours: np.ndarray, at: int, codes: np.ndarray, programme: Programme, scenario: Scenario,
    changed: Changed, load: np.ndarray, bill: np.ndarray, bill_fall: np.ndarray, odds: np.ndarray, system: System,
) -> np.ndarray:  # fmt: skip
    """Add one programme's customers to the sums; who joins in the middle case comes back."""
    annuity = _annuity(scenario)
    change = (changed.load_kwh - load).reshape(len(load), -1)
    scale = 365 / load.shape[1]
    moved = np.maximum(np.maximum(-change, 0).sum(axis=1), np.maximum(change, 0).sum(axis=1)) * scale
    a_kwh = programme.participant_yuan_per_kwh * moved
    cost, other_fuel = np.maximum(a_kwh, 0) + changed.lost_yuan * scale, np.maximum(-a_kwh, 0)
    incentive = (
        programme.incentive_yuan
        + programme.incentive_yuan_per_kw * changed.kw_ready
        + programme.incentive_yuan_per_kwh * moved
    )
    paid = incentive + programme.incentive_yuan_once / annuity
    gain = bill_fall - cost + other_fuel - programme.participant_yuan / annuity
    middle = np.ones(len(load))
    for o, odd in enumerate(odds):
        if programme.joining is None:
            p, net = np.ones(len(load)), np.ones(len(load))
        else:
            j = programme.joining
            choice = replace(j, intercept=j.intercept + float(np.log(odd)))
            p = choice.probability(gain + paid, bill)
            net = p
            if programme.free_riders:
                net = p * net_to_gross(choice, gain, paid, np.maximum(moved, 1e-9), programme.spillover, bill).ratio
        middle = p if odd == 1.0 else middle
        by_class = np.zeros((sums["joined"].shape[2], len(load)))
        by_class[codes, np.arange(len(load))] = net
        hourly = by_class @ change
        hours[at, o] += hourly.sum(axis=0)
        a = system.avoided_yuan.reshape(-1)
        worth = programme.externality_yuan_per_kwh * moved
        tonnes = -(hourly @ system.tonnes_co2.reshape(-1)) * scale
        parts = {
            "joined": p, "br": p * bill_fall.clip(min=0), "bi": p * (-bill_fall).clip(min=0),
            "rl": net * bill_fall.clip(min=0), "rg": net * (-bill_fall).clip(min=0), "inc": p * incentive,
            "inc_once": p * programme.incentive_yuan_once, "pc": p * cost, "pc_once": p * programme.participant_yuan,
            "pcn": net * cost, "pcn_once": net * programme.participant_yuan, "pac_a": net * other_fuel,
            "prc": p * programme.programme_yuan_per_participant, "externality": net * worth,
            "saved_kwh": -net * change.sum(axis=1) * scale,
        }  # fmt: skip
        for name, values in parts.items():
            sums[name][at, o] += np.bincount(codes, values, sums[name].shape[2])
        sums["uac"][at, o] += np.maximum(-hourly, 0) @ a * scale
        sums["uic"][at, o] += np.maximum(hourly, 0) @ a * scale
        sums["tonnes"][at, o] += tonnes
        sums["externality"][at, o] += tonnes * scenario.carbon_yuan_per_tonne
    return middle


def _annuity(scenario: Scenario, rate: float | None = None) -> float:
    return float(((1 + (scenario.discount_rate if rate is None else rate)) ** -np.arange(scenario.life_years)).sum())


def _draw(scenario: Scenario, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the nine points of the grid, (draws, 9), and factors on avoided costs."""
    z = np.random.default_rng(seed).standard_normal((draws, 3))
    factors = []
    for k, name in enumerate(UNCERTAIN):
        low, high = np.log(scenario.uncertain[name])
        factors.append((low + high) / 2 + z[:, k] * (high - low) / (2 * 1.959964))
    axes = []
    for k, name in enumerate(UNCERTAIN[:2]):
        nodes = np.array([scenario.uncertain[name][0], 1.0, scenario.uncertain[name][1]])
        x = np.exp(factors[k]) if name == "response" else factors[k]
        nodes = nodes if name == "response" else np.log(nodes)
        axes.append(_hats(x, nodes))
    return np.einsum("da,db->dab", *axes).reshape(draws, 9), np.exp(factors[2])


def _hats(x: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Weights of three nodes for a straight line between neighbours, carried on beyond the ends."""
    weights, left = np.zeros((len(x), 3)), x < nodes[1]
    for side, (a, b) in ((left, (0, 1)), (~left, (1, 2))):
        share = (x[side] - nodes[a]) / max(nodes[b] - nodes[a], 1e-12)
        weights[side, a], weights[side, b] = 1 - share, share
    return weights


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
    annuity, joining = _annuity(scenario), scenario.programmes[0].joining
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
