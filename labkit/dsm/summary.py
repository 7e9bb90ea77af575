"""Results as a manager reads them: who gains, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures
from labkit.dsm.simulate import GAINERS, ScenarioResult
from labkit.estimates import Estimate
from labkit.terms import Language

SYSTEM_COLUMNS = ["peak_change_kw", "energy_change_kwh", "bills_change_yuan", "emissions_change_tonnes"]


def gain(result: ScenarioResult, who: str) -> Estimate:
    """Net present value of customer, utility or society, with its interval [yuan]."""
    row = result.tests.loc[GAINERS[who]]
    members = int(result.segments["customers_count"].sum())
    return Estimate(float(row["npv_yuan"]), float(row["npv_low_yuan"]), float(row["npv_high_yuan"]), members)


def tell_gains(table: pd.DataFrame, language: Language) -> pd.DataFrame:
    """The net present values of a table as text with their intervals, in 万元 or thousand yuan."""
    size = 1e4 if language == "zh" else 1e3
    told = table.copy()
    for who in GAINERS:
        parts = zip(*(told.pop(f"{who}{end}_yuan") / size for end in ("", "_low", "_high")))
        told[f"{who}_gain"] = [
            f"{v:,.0f}（{a:,.0f} 至 {b:,.0f}）" if language == "zh" else f"{v:,.0f} ({a:,.0f} to {b:,.0f})"
            for v, a, b in parts
        ]
    return told


def who_all_gain(table: pd.DataFrame) -> list[str]:
    """Scenarios of `compare` in which the whole interval of all three lies above 0."""
    lows = table[[f"{who}_low_yuan" for who in GAINERS]]
    return table.loc[(lows > 0).all(axis=1), "scenario"].tolist()


def best_by_class(results: Iterable[ScenarioResult], fewest: int = 1) -> pd.DataFrame:
    """The scenario of each customer class from which society gains most among those that harm neither side.

    Parameters
    ----------
    results : iterable of ScenarioResult
    fewest : int
        Classes of fewer customers are left out.

    Returns
    -------
    DataFrame
        ``customer_class``, ``scenario``, ``society_yuan`` with ``low``, ``high`` (present value), ``harmless``: whether neither the
        customer nor the utility surely loses; where no scenario is, the best for society stands there.
    """
    rows = []
    for one in results:
        own = one.segments[one.segments["customers_count"] >= fewest]
        harmless = (own["customer_high_yuan"] >= 0) & (own["utility_high_yuan"] >= 0)
        rows.append(own.assign(scenario=one.scenario.id, harmless=harmless))
    told = pd.concat(rows, ignore_index=True).rename(columns={"society_low_yuan": "low", "society_high_yuan": "high"})
    told = told.sort_values(["harmless", "society_yuan"], ascending=False, kind="stable")
    best = told.drop_duplicates("customer_class").sort_values("customer_class", ignore_index=True)
    return best[["customer_class", "scenario", "society_yuan", "low", "high", "harmless"]]


def best_for_all(results: Iterable[ScenarioResult]) -> ScenarioResult | None:
    """The scenario from which society gains most among those where customer, utility and society surely gain."""
    sure = [one for one in results if all(gain(one, who).low > 0 for who in GAINERS)]
    return max(sure, key=lambda one: gain(one, "society").value, default=None)


def closest_for_all(results: Iterable[ScenarioResult]) -> tuple[ScenarioResult, Estimate] | tuple[None, None]:
    """The scenario whose least favoured side is best off, by the lower ends, with what that side gains [yuan].

    Where all three surely gain in some scenario, the lower end lies above 0.
    """
    best: tuple[ScenarioResult, Estimate] | None = None
    for one in results:
        least = min((gain(one, who) for who in GAINERS), key=lambda found: found.low)
        if best is None or least.low > best[1].low:
            best = (one, least)
    return best or (None, None)


def check_transfers(results: Iterable[ScenarioResult]) -> pd.DataFrame:
    """Whether participant and ratepayer test add up to the resource test: ``scenario``, ``apart_yuan``, ``adds_up``.

    Scenarios with free riders are left out: there, some costs are no cost of the programme.
    """
    rows = []
    for one in results:
        if any(p.free_riders for p in one.scenario.programmes):
            continue
        npv = one.tests["npv_yuan"]
        apart = float(npv["PCT"] + npv["RIM"] - npv["TRC"])
        rows.append((one.scenario.id, round(apart, 0) + 0.0, bool(abs(apart) < 1e-6 * npv.abs().max() + 1)))
    return pd.DataFrame(rows, columns=["scenario", "apart_yuan", "adds_up"])


def plot_gains(
    table: pd.DataFrame, *, names: Mapping[str, str], labels: Sequence[str], unit: str, ax: Axes | None = None
) -> Axes:
    """Net present value of customer, utility and society in each scenario, with intervals.

    Parameters
    ----------
    table : DataFrame
        Of `compare`, in the order to be drawn from top to bottom.
    names : mapping
        Scenario -> its name.
    labels : sequence of str
        Of customer, utility and society.
    unit : str
        Of a million yuan; the axis is linear to one and compressed beyond.
    """
    with figures.style():
        ax = ax or figures.new_axes(height_in=0.9 + 0.42 * len(table))
        y = np.arange(len(table))
        for k, (who, label) in enumerate(zip(GAINERS, labels)):
            value, low, high = (table[f"{who}{end}_yuan"].to_numpy() / 1e6 for end in ("", "_low", "_high"))
            colour, at = figures.SERIES[k], y + (k - 1) * 0.22
            ax.hlines(at, low, high, color=colour, linewidth=1.4)
            ax.plot(value, at, "o", color=colour, markersize=4.5, label=label)
        ax.axvline(0, color=figures.SOFT, linewidth=1)
        ax.set_xscale("symlog", linthresh=1.0)
        ax.set_xticks([-100, -10, -1, 0, 1, 10, 100], ["-100", "-10", "-1", "0", "1", "10", "100"])
        ax.minorticks_off()
        ax.set_yticks(y, [names[name] for name in table["scenario"]])
        ax.set_ylim(len(table) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(unit, loc="right")
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    return ax
