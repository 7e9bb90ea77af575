"""Who gains: the five tests of the California Standard Practice Manual, and the incentives for which all gain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize_scalar

from labkit.dsm.errors import DsmError
from labkit.dsm.joining import Joining
from labkit.terms import Language

Convention = Literal["spm", "flexvalue"]
#: Code of a test, in the order in which they are shown.
TESTS = ("PCT", "RIM", "PAC", "TRC", "SCT")
#: Terms of the manual: avoided and increased supply cost, revenue lost and gained, bills
#: reduced and increased, tax credits, incentives, the programme's cost, the participant's cost
#: gross and net, worth of what lies outside the market; ``_a``: of other fuels.
FLOWS = ("uac", "uic", "rl", "rg", "br", "bi", "tc", "inc", "prc", "pc", "pcn", "externality",
         "uac_a", "rl_a", "ab_a", "pac_a")  # fmt: skip
_COLUMNS = ["benefits_yuan", "costs_yuan", "npv_yuan", "ratio", "levelised_yuan_per_kwh", "payback_years"]


def cost_tests(
    flows: pd.DataFrame,
    discount_rate: float,
    societal_rate: float | None = None,
    convention: Convention = "spm",
) -> pd.DataFrame:
    """Participant, ratepayer, programme administrator, total resource and societal test.

    Parameters
    ----------
    flows : DataFrame
        A row a year, ``year`` (1, 2, …) as a column or the index, or the rows in
        order; columns of `FLOWS` in yuan, those left out are nought. ``pcn`` is
        ``pc`` where left out. ``saved_kwh`` gives the levelised cost.
    discount_rate : float
        A year, 0.08 for 8 %.
    societal_rate : float, optional
        Of the societal test; `discount_rate` where left out.
    convention : {"spm", "flexvalue"}
        What load increases cost (``uic``) counts among costs, as in the manual, or
        takes from the benefits.

    Returns
    -------
    DataFrame
        Index ``test`` (PCT, RIM, PAC, TRC, SCT): ``benefits_yuan`` and
        ``costs_yuan`` (present values), ``npv_yuan``, ``ratio`` (missing without
        costs), ``levelised_yuan_per_kwh`` (costs per discounted kWh saved),
        ``payback_years`` (discounted; missing if never).

    Raises
    ------
    DsmError
        For an unknown column, missing or repeated years, or a rate of -1 or less.

    Notes
    -----
    Discounted by (1 + d)^(t - 1), t = 1, 2, …: California Standard Practice Manual
    (2001). Where bills are the only other transfer (br = rl, bi = rg, pcn = pc),
    NPV(PCT) + NPV(RIM) = NPV(TRC).

    Examples
    --------
    >>> flows = pd.DataFrame({"uac": [450.0] * 3, "br": [650.0] * 3, "rl": [650.0] * 3, "externality": [50.0] * 3})
    >>> flows.loc[0, ["prc", "inc", "pc"]] = 100.0, 300.0, 900.0
    >>> cost_tests(flows.fillna(0), 0.08, 0.05)["ratio"].round(4).tolist()
    [2.3435, 0.567, 3.1312, 1.2525, 1.4297]
    """
    f, years, saved = _read_flows(flows)
    for name, rate in (("discount_rate", discount_rate), ("societal_rate", societal_rate)):
        if rate is not None and not rate > -1:
            raise DsmError(f"{name} is {rate}, expected a share a year such as 0.08")
    if convention not in ("spm", "flexvalue"):
        raise DsmError(f"convention is {convention!r}, expected 'spm' or 'flexvalue'")
    sides = value_tests(f, years, discount_rate, societal_rate, convention)
    own, society = _factors(years, discount_rate, societal_rate)
    rows = {}
    for test, (benefits, costs) in sides.items():
        factor = society if test == "SCT" else own
        b, c = float(benefits @ factor), float(costs @ factor)
        kwh = 0.0 if saved is None else float(saved @ factor)
        levelised = c / kwh if kwh > 0 else np.nan
        rows[test] = (b, c, b - c, b / c if c else np.nan, levelised, _payback((benefits - costs) * factor, years))
    return pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS).rename_axis("test")


def _factors(years: np.ndarray, discount_rate: float, societal_rate: float | None) -> tuple[np.ndarray, np.ndarray]:
    own = (1 + discount_rate) ** -(years - 1)
    return own, own if societal_rate is None else (1 + societal_rate) ** -(years - 1)


def value_tests(
    flows: Mapping[str, np.ndarray],
    years: np.ndarray,
    discount_rate: float,
    societal_rate: float | None = None,
    convention: Convention = "spm",
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Benefits and costs of each test, year by year, for any number of cases at once.

    Parameters
    ----------
    flows : mapping of str to ndarray, shape (..., years)
        Terms of `FLOWS`; those left out are nought, ``pcn`` is ``pc``.

    Returns
    -------
    dict
        Test -> (benefits, costs), not discounted.
    """
    nothing = np.zeros(len(years))
    f = {name: np.asarray(flows.get(name, nothing), dtype=float) for name in FLOWS}
    f["pcn"] = f["pcn"] if "pcn" in flows else f["pc"]
    netted = convention == "flexvalue"
    supply, more = (f["uac"] - f["uic"], 0 * f["uic"]) if netted else (f["uac"], f["uic"])
    return {
        "PCT": (f["br"] + f["tc"] + f["inc"] + f["ab_a"] + f["pac_a"], f["pc"] + f["bi"]),
        "RIM": (supply + f["rg"] + f["uac_a"], more + f["rl"] + f["prc"] + f["inc"] + f["rl_a"]),
        "PAC": (supply + f["uac_a"], f["prc"] + f["inc"] + more),
        "TRC": (supply + f["tc"] + f["uac_a"] + f["pac_a"], f["prc"] + f["pcn"] + more),
        "SCT": (supply + f["externality"] + f["uac_a"] + f["pac_a"], f["prc"] + f["pcn"] + more),
    }


def net_present_values(
    flows: Mapping[str, np.ndarray], years: np.ndarray, discount_rate: float, societal_rate: float | None = None
) -> dict[str, np.ndarray]:
    """Net present value of each test for many cases at once, shape (...)."""
    own, society = _factors(years, discount_rate, societal_rate)
    sides = value_tests(flows, years, discount_rate, societal_rate)
    return {test: (b - c) @ (society if test == "SCT" else own) for test, (b, c) in sides.items()}


def _read_flows(flows: pd.DataFrame) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]:
    table = flows.reset_index() if flows.index.name == "year" else flows
    unknown = [c for c in table.columns if c not in (*FLOWS, "year", "saved_kwh")]
    if unknown:
        raise DsmError(f"flows has a column {unknown[0]!r}; the manual's terms are {', '.join(FLOWS)}")
    if table.empty:
        raise DsmError("flows has no rows; give one a year")
    numbers = table.drop(columns="year", errors="ignore").to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        row, column = np.argwhere(~np.isfinite(numbers))[0]
        raise DsmError(
            f"flows row {row + 1}, {table.drop(columns='year', errors='ignore').columns[column]}: no number; write 0 for nothing"
        )
    years = table["year"].to_numpy(dtype=float) if "year" in table else np.arange(1.0, len(table) + 1)
    if len(np.unique(years)) != len(years) or years.min() < 1 or (years % 1 != 0).any():
        raise DsmError("flows: years are 1, 2, …, each once")
    order = np.argsort(years)
    table, years = table.iloc[order], years[order]
    found = {name: table[name].to_numpy(dtype=float) for name in FLOWS if name in table}
    return found, years, table["saved_kwh"].to_numpy(dtype=float) if "saved_kwh" in table else None


def _payback(net: np.ndarray, years: np.ndarray) -> float:
    """Years until what came in makes up for what went out, in parts of a year; the first outlay is at once."""
    total = np.cumsum(net)
    if total[-1] < 0:
        return np.nan
    below = np.flatnonzero(total < 0)
    if not len(below):
        # The first year's costs come first, its benefits over the year.
        return 0.0
    at = int(below[-1]) + 1
    return float(years[at] - 1 + -total[at - 1] / net[at])


@dataclass(frozen=True)
class SharedRange:
    """Incentives for which customer, utility and society all gain.

    Attributes
    ----------
    low, high : float
        Incentive, present value a participant [yuan]; missing where the range is empty.
    customer_yuan, utility_yuan, society_yuan : float
        What each gains a participant without an incentive, the programme's fixed cost aside.
    fixed_yuan : float
        Cost of the programme that does not hang on the number of participants.
    lacking_yuan : float
        A participant, what customer and utility together lack for a range to be
        there; 0 where it is.
    """

    low: float
    high: float
    customer_yuan: float
    utility_yuan: float
    society_yuan: float
    fixed_yuan: float
    lacking_yuan: float

    @property
    def empty(self) -> bool:
        """Whether there is no such incentive."""
        return bool(np.isnan(self.low))

    def advice(self, language: Language) -> str:
        """The range in a sentence, or what to change where it is empty."""
        if not self.empty:
            zh = f"每户激励在 {self.low:,.0f} 至 {self.high:,.0f} 元（现值）之间时，客户、供电企业和社会均受益。"
            en = f"Between {self.low:,.0f} and {self.high:,.0f} yuan a participant (present value) customer, utility and society all gain."
            return zh if language == "zh" else en
        if self.society_yuan <= 0:
            zh = f"每户社会净效益为 {self.society_yuan:,.0f} 元：任何激励都只是转移损失，应缩减对象、降低成本或不实施。"
            en = f"Society loses {-self.society_yuan:,.0f} yuan a participant: any incentive only moves the loss; narrow it, make it cheaper, or leave it."
            return zh if language == "zh" else en
        zh = f"客户与供电企业每户合计还差 {self.lacking_yuan:,.0f} 元：须降低参与或管理成本、减少电费收入损失（调整电价），或由受益的社会出资补足。"
        en = (
            f"Customer and utility together lack {self.lacking_yuan:,.0f} yuan a participant: cut the cost of taking part or of "
            "running it, lose less revenue (change the tariff), or let society, which gains, pay the difference."
        )
        return zh if language == "zh" else en


def shared_benefit_range(
    customer_yuan: float,
    utility_yuan: float,
    society_yuan: float,
    *,
    customers: int = 1,
    fixed_yuan: float = 0.0,
    joining: Joining | None = None,
) -> SharedRange:
    """The incentives for which all gain, exactly.

    Parameters
    ----------
    customer_yuan, utility_yuan, society_yuan : float
        What each gains a participant, without an incentive and before the fixed
        cost of the programme (present values).
    customers : int
        Customers the programme is offered to.
    fixed_yuan : float
        Cost that does not hang on how many join; borne by the utility.
    joining : Joining, optional
        How many join at a gain; everybody where left out.

    Returns
    -------
    SharedRange
        The customer gains from -`customer_yuan` on (what effort costs it is part
        of `customer_yuan`). The utility gains where
        customers x P(join) x (utility - incentive) > fixed cost: at most two roots,
        since with a logit the left side rises to one top and falls. Society gains
        where customers x P x society covers the fixed cost, from some incentive on.

    Examples
    --------
    >>> r = shared_benefit_range(-200.0, 500.0, 350.0)
    >>> r.low, r.high
    (200.0, 500.0)
    >>> shared_benefit_range(-600.0, 500.0, 350.0).lacking_yuan
    100.0
    """
    floor = max(-customer_yuan, 0.0)

    def share(incentive: float) -> float:
        return 1.0 if joining is None else float(joining.probability(np.array(customer_yuan + incentive)))

    def utility(incentive: float) -> float:
        return customers * share(incentive) * (utility_yuan - incentive) - fixed_yuan

    def society(incentive: float) -> float:
        return customers * share(incentive) * society_yuan - fixed_yuan

    low, high = floor, utility_yuan - (fixed_yuan / customers if joining is None else 0.0)
    if joining is not None and high > floor and fixed_yuan > 0:
        top = minimize_scalar(
            lambda i: -utility(i), bounds=(floor, high), method="bounded", options={"xatol": 1e-9 * high}
        )
        best = float(top.x) if utility(float(top.x)) > utility(floor) else floor
        if utility(best) < 0:
            high = -np.inf
        else:
            high = brentq(utility, best, high, xtol=1e-9) if utility(high) < 0 else high
            low = brentq(utility, floor, best, xtol=1e-9) if utility(floor) < 0 else floor
        if society_yuan > 0 and low < high and society(low) < 0:
            low = brentq(society, low, high, xtol=1e-9) if society(high) >= 0 else np.inf
    gains = society_yuan > 0 and (joining is not None or society(floor) > 0)
    if gains and low <= high:
        return SharedRange(low, high, customer_yuan, utility_yuan, society_yuan, fixed_yuan, 0.0)
    best_share = max(share(floor), 1e-12)
    lacking = max(floor - (utility_yuan - fixed_yuan / (customers * best_share)), 0.0)
    return SharedRange(np.nan, np.nan, customer_yuan, utility_yuan, society_yuan, fixed_yuan, lacking)
