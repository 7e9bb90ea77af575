"""Whom to approach with which offer under a budget: by what an approach changes, not by who is likely to leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.trial import CONTROL_SHARE
from labkit.loyalty.value import Margins, Offer
from labkit.terms import Language

_MONTHS = 12
POLICIES = ("uplift_times_value", "largest_first", "likeliest_leavers", "nobody")


@dataclass(frozen=True, eq=False)
class RetentionPolicy:
    """Whom to approach, and what it should bring.

    Attributes
    ----------
    plan : DataFrame
        Those to approach, best first: ``customer_id``, ``offer``, ``market_share`` (chance of leaving to the market in a
        year), ``uplift_share`` (part of that prevented among those who accept), ``cost_yuan`` expected, ``gain_yuan``
        expected (value kept less cost) with ``low``, ``high``, ``break_even_share``: uplift at which the gain is 0,
        ``payback_months``, ``control``: whether to be left alone all the same, so that effects stay measurable (a tenth,
        drawn; gains are before that).
    comparison : DataFrame
        ``policy`` (of `POLICIES`, same budget), ``customers_count``, ``spent_yuan``, ``kept_count`` expected, ``gain_yuan``
        with ``low``, ``high``; ``behind_yuan`` (what it gains less than the first) with ``behind_low``, ``behind_high``, on the same draws.
    uplift_known : bool
        Whether uplift was measured; otherwise gains hold under assumption alone.
    budget_yuan : float
    gap_yuan : float
        Most that another choice within the budget could gain more.
    """

    plan: pd.DataFrame
    comparison: pd.DataFrame
    uplift_known: bool
    budget_yuan: float
    gap_yuan: float

    def told(self, language: Language = "en") -> str:
        """What is known of the uplift, in a sentence."""
        if self.uplift_known:
            return (
                "增量效果来自随机试验，收益区间已计入其误差。"
                if language == "zh"
                else "Uplift was measured in an experiment; the intervals of gains contain its error."
            )
        return (
            "尚无随机试验，挽留措施的增量效果无法从数据中识别：收益按假设效果计算，另给出盈亏平衡所需的效果；请先做对照试验。"
            if language == "zh"
            else "There has been no experiment, so what an approach changes cannot be told from the data: gains hold under the "
            "assumed effects, and the break-even uplift is given beside them. Run a trial with a control group first."
        )


def expected_gain(
    offer: Offer, market: np.ndarray, uplift: np.ndarray, at_stake_yuan: np.ndarray, margin_yuan: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gain and cost of approaching customers with an offer [yuan].

    Parameters
    ----------
    market : ndarray
        Chance of leaving to the market in the year if left alone.
    uplift : ndarray
        By how much the offer lowers it among those who accept.
    at_stake_yuan : ndarray
        Value kept if the customer stays.
    margin_yuan : ndarray
        Energy margin a year, of which a rebate is a part.

    Notes
    -----
    Gain = acceptance * uplift * value - contact - acceptance * price of the offer * chance to be there and take it: those who
    would have stayed anyway are paid too.
    """
    price = offer.cost_yuan + offer.share_of_margin * margin_yuan
    cost = offer.contact_yuan + offer.acceptance * price * np.clip(1 - market + uplift, 0, 1)
    return offer.acceptance * uplift * at_stake_yuan - cost, cost


def break_even_uplift(
    offer: Offer, market: np.ndarray, at_stake_yuan: np.ndarray, margin_yuan: np.ndarray
) -> np.ndarray:
    """Uplift at which an approach gains nothing; missing where no uplift up to the chance of leaving does.

    Examples
    --------
    >>> offer = Offer(0, 0, 100, 0.5, 0.2, "", "")
    >>> break_even_uplift(offer, np.array([0.2, 0.01]), np.array([2000.0, 2000.0]), np.zeros(2)).tolist()
    [0.1, nan]
    """
    price = offer.cost_yuan + offer.share_of_margin * margin_yuan
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (offer.contact_yuan / offer.acceptance + price * (1 - market)) / (at_stake_yuan - price)
    return np.where((share >= 0) & (share <= market), share, np.nan)


def retention_policy(
    customers: pd.DataFrame, margins: Margins, budget_yuan: float, *, uplift: pd.DataFrame | None = None,
    uplift_error: pd.DataFrame | None = None, draws: int = 500, seed: int = 0,
) -> RetentionPolicy:  # fmt: skip
    """Whom to approach with which offer under a budget.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id``, ``market_share``, ``at_stake_yuan``, ``energy_margin_yuan``, as of `value_customers`.
    margins : Margins
        With the offers; their assumed ``effect`` is the part of departures to the market that an offer prevents.
    budget_yuan : float
        For expected costs in the year.
    uplift : DataFrame, optional
        Measured: a row a customer, a column an offer; the drop in the chance of leaving among those who accept.
    uplift_error : DataFrame, optional
        Its standard errors; wanted with ``uplift``.
    draws, seed : int
        For the intervals: of the assumed effects (one draw an offer, for all customers) or of the measured uplift.

    Raises
    ------
    LoyaltyError
        If a column is not there, chances are out of 0..1, the budget is below 0, or uplift has other customers or offers.

    Notes
    -----
    A customer gets one offer at most; offers are taken by gain for money, better for cheaper ones as long as the budget
    lasts (greedy on the efficient offers of each, at most one approach from the best). Ranking by the chance of leaving is
    a different question: Ascarza (2018), doi:10.1509/jmr.16.0163.
    """
    for column in ("customer_id", "market_share", "at_stake_yuan", "energy_margin_yuan"):
        if column not in customers:
            raise LoyaltyError(f"the customers have no column {column}; see value_customers")
    table = customers.reset_index(drop=True)
    p, stake, margin = (table[c].to_numpy(dtype=float) for c in ("market_share", "at_stake_yuan", "energy_margin_yuan"))
    if not ((p >= 0) & (p <= 1)).all() or not budget_yuan >= 0:
        raise LoyaltyError("market_share must lie within 0 and 1 and the budget at 0 or more")
    if not (np.isfinite(stake) & np.isfinite(margin)).all():
        raise LoyaltyError("at_stake_yuan or energy_margin_yuan is missing for some customers; leave those out")
    if table["customer_id"].duplicated().any():
        raise LoyaltyError(f"{int(table['customer_id'].duplicated().sum())} customers are there twice; give each once")
    names = list(margins.offers)
    u = np.clip(_uplifts(table, margins, uplift, p), -1.0 + p[:, None], p[:, None])
    if uplift is not None and uplift_error is None:
        raise LoyaltyError(
            "a measured uplift wants its errors (`uplift_error`); without them gains would look surer than they are"
        )
    each = [expected_gain(margins.offers[name], p, u[:, k], stake, margin) for k, name in enumerate(names)]
    gain, cost = np.column_stack([g for g, _ in each]), np.column_stack([c for _, c in each])
    chosen, gap = _choose(gain, cost, budget_yuan)
    rng = np.random.default_rng(seed)
    if uplift is None:
        drawn = u[None] * np.exp(margins.effect_spread * rng.normal(size=(draws, 1, len(names))))
    else:
        assert uplift_error is not None
        error = _by_customer(uplift_error, table, names, "uplift_error")
        drawn = u[None] + error[None] * rng.normal(size=(draws, *u.shape))
    drawn = np.clip(drawn, -1.0 + p[None, :, None], p[None, :, None])
    plans = {
        POLICIES[0]: chosen,
        POLICIES[1]: _in_order(np.argsort(-margin, kind="stable"), gain, cost, budget_yuan),
        POLICIES[2]: _in_order(np.argsort(-p, kind="stable"), gain, cost, budget_yuan),
        POLICIES[3]: np.full(len(table), -1),
    }
    rows = []
    first = np.zeros(draws)
    for policy, plan in plans.items():
        at = np.flatnonzero(plan >= 0)
        k = plan[at]
        outcomes = _gains(margins, names, at, k, p, drawn[:, at, k], stake, margin)
        value = float(gain[at, k].sum())
        low, high = np.quantile(outcomes, [0.025, 0.975]) if len(at) else (0.0, 0.0)
        accept = np.array([margins.offers[names[i]].acceptance for i in k]) if len(at) else np.array([])
        first = outcomes if policy == POLICIES[0] else first
        behind = [float(q) for q in np.quantile(first - outcomes, [0.025, 0.975])]
        kept = float((accept * u[at, k]).sum())
        rows.append((policy, len(at), float(cost[at, k].sum()), kept, value, float(low), float(high), *behind))
    columns = [
        "policy",
        "customers_count",
        "spent_yuan",
        "kept_count",
        "gain_yuan",
        "low",
        "high",
        "behind_low",
        "behind_high",
    ]
    comparison = pd.DataFrame(rows, columns=columns)
    comparison.insert(7, "behind_yuan", comparison["gain_yuan"].iloc[0] - comparison["gain_yuan"])
    return RetentionPolicy(
        _plan(table, margins, names, chosen, p, u, drawn, gain, cost, stake, margin, seed),
        comparison,
        uplift is not None,
        budget_yuan,
        gap,
    )


def _uplifts(table: pd.DataFrame, margins: Margins, uplift: pd.DataFrame | None, p: np.ndarray) -> np.ndarray:
    if uplift is None:
        return np.column_stack([p * offer.effect for offer in margins.offers.values()])
    return _by_customer(uplift, table, list(margins.offers), "uplift")


def _by_customer(frame: pd.DataFrame, table: pd.DataFrame, names: list[str], what: str) -> np.ndarray:
    absent = [c for c in ("customer_id", *names) if c not in frame]
    if absent:
        raise LoyaltyError(f"{what} has no column {absent[0]}; give customer_id and one column an offer")
    given = frame.set_index("customer_id")[names]
    strange = set(table["customer_id"]) - set(given.index)
    if strange:
        raise LoyaltyError(f"{len(strange)} customers have no {what}; give a row for each, or leave them out")
    values = given.loc[table["customer_id"]].to_numpy(dtype=float)
    if len(values) != len(table) or not np.isfinite(values).all():
        raise LoyaltyError(f"{what} is missing for some customers, or there twice; give one number each")
    return np.asarray(values)


def _choose(gain: np.ndarray, cost: np.ndarray, budget: float) -> tuple[np.ndarray, float]:
    """Best offer of each customer within the budget (-1 for none), and how far from the best it can be."""
    steps = []
    for i in range(len(gain)):
        # Efficient offers only: each costs more than the one before and brings less for the money.
        spent, won, at = -1e-9, 0.0, -1
        left = [k for k in np.argsort(cost[i], kind="stable") if gain[i, k] > 0]
        while left := [k for k in left if cost[i, k] > spent and gain[i, k] > won]:
            slopes = [(gain[i, k] - won) / (cost[i, k] - spent) for k in left]
            slope, k = max(slopes), left[int(np.argmax(slopes))]
            steps.append((slope, i, at, k, cost[i, k] - spent, gain[i, k] - won))
            spent, won, at = cost[i, k], gain[i, k], k
    chosen, rest, gap = np.full(len(gain), -1), budget, 0.0
    for slope, i, before, k, more, _ in sorted(steps, key=lambda s: (-s[0], s[1])):
        if chosen[i] == before and more <= rest + 1e-9:
            chosen[i], rest = k, rest - more
        elif chosen[i] == before:
            gap = max(gap, slope * rest)
    return chosen, float(gap)


def _in_order(order: np.ndarray, gain: np.ndarray, cost: np.ndarray, budget: float) -> np.ndarray:
    """The one offer for all, approached in an order until the money is spent, that does best so."""
    best, plan = -np.inf, np.full(len(gain), -1)
    for k in range(gain.shape[1]):
        within = order[np.cumsum(cost[order, k]) <= budget]
        if len(within) and gain[within, k].sum() > best:
            best = gain[within, k].sum()
            plan = np.full(len(gain), -1)
            plan[within] = k
    return plan


def _gains(
    margins: Margins,
    names: list[str],
    at: np.ndarray,
    k: np.ndarray,
    p: np.ndarray,
    uplift: np.ndarray,
    stake: np.ndarray,
    margin: np.ndarray,
) -> np.ndarray:
    total = np.zeros(len(uplift))
    for j in sorted(set(k.tolist())):
        own = k == j
        gain, _ = expected_gain(margins.offers[names[j]], p[at[own]], uplift[:, own], stake[at[own]], margin[at[own]])
        total += gain.sum(axis=1)
    return total


def _plan(
    table: pd.DataFrame, margins: Margins, names: list[str], chosen: np.ndarray, p: np.ndarray, u: np.ndarray,
    drawn: np.ndarray, gain: np.ndarray, cost: np.ndarray, stake: np.ndarray, margin: np.ndarray,
    seed: int,
) -> pd.DataFrame:  # fmt: skip
    rows = []
    for i in np.flatnonzero(chosen >= 0):
        k = chosen[i]
        offer = margins.offers[names[k]]
        one = np.array([i])
        outcomes, _ = expected_gain(offer, p[one], drawn[:, i, k], stake[one], margin[one])
        low, high = np.quantile(outcomes, [0.025, 0.975])
        even = break_even_uplift(offer, p[one], stake[one], margin[one])[0]
        monthly = offer.acceptance * u[i, k] * margin[i] / _MONTHS
        payback = cost[i, k] / monthly if monthly > 0 else np.inf
        rows.append(
            (table["customer_id"][i], names[k], p[i], u[i, k], cost[i, k], gain[i, k], low, high, even, payback)
        )
    columns = [
        "customer_id",
        "offer",
        "market_share",
        "uplift_share",
        "cost_yuan",
        "gain_yuan",
        "low",
        "high",
        "break_even_share",
        "payback_months",
    ]
    plan = pd.DataFrame(rows, columns=columns).sort_values(
        "gain_yuan", ascending=False, kind="stable", ignore_index=True
    )
    alone = np.random.default_rng(seed).permutation(len(plan)) < round(CONTROL_SHARE * len(plan))
    return plan.assign(control=alone)


def payback_months(cost_yuan: float, uplift_share: float, margin_yuan_per_year: float) -> float:
    """Months in which the margin of the customers kept pays for an approach.

    Examples
    --------
    >>> payback_months(300, 0.1, 12_000)
    3.0
    """
    if not (uplift_share > 0 and margin_yuan_per_year > 0):
        return float("inf")
    return cost_yuan / (uplift_share * margin_yuan_per_year / _MONTHS)
