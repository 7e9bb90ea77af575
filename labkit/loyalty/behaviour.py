"""From what customers say to what they do: whether a point of satisfaction changes who leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.estimates import Estimate
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.hazard import fit_hazard
from labkit.loyalty.hazard_model import HazardModel
from labkit.loyalty.spells import Spells, spells_after_answers


@dataclass(frozen=True, eq=False)
class SatisfactionLink:
    """What goes with a point of satisfaction.

    Attributes
    ----------
    hazard_ratio : Estimate
        Of leaving to the market, a point of the answer (1..10) higher; n is departures.
    corrected : Estimate
        The same if the answer were without noise: as far as answers of the same customer half a year apart agree.
    agreement : Estimate
        Correlation of a customer's answers in following interviews.
    other_ratio : Estimate or None
        The same for reasons that have nothing to do with service; should be 1: a check.
    points_to_halve : float
        Points that would halve the hazard by `hazard_ratio`; missing where its interval has 1 inside.
    customers_count : int
    model : HazardModel
    """

    hazard_ratio: Estimate
    corrected: Estimate
    agreement: Estimate
    other_ratio: Estimate | None
    points_to_halve: float
    customers_count: int
    model: HazardModel


def link_satisfaction(
    spells: Spells,
    surveys: pd.DataFrame,
    answer: str = "overall",
    *,
    covariates: tuple[str, ...] = ("customer_class",),
    contract: bool = True,
    lag_months: int = 1,
    valid_months: int = 12,
) -> SatisfactionLink:
    """Does a point of satisfaction change the hazard, by how much, with an interval.

    Parameters
    ----------
    spells : Spells
    surveys : DataFrame
    answer : str
        On 1..10.
    covariates : tuple of str
        Of the spells, held.
    contract : bool
        Hold whether a contract runs, has run out, or there is none.
    lag_months, valid_months
        As of `spells_after_answers`.

    Raises
    ------
    LoyaltyError
        If fewer than 10 asked customers left to the market.

    Notes
    -----
    Answers are noisy, and a noisy measure shows less than there is (a ratio too near 1): the corrected ratio
    divides its logarithm by the agreement of following answers (Rosner et al. 1989, doi:10.1002/sim.4780080905). What a
    customer thinks may itself follow from what makes it leave: this is a link, no effect of raising satisfaction.
    """
    rows = spells_after_answers(spells, surveys, [answer], lag_months=lag_months, valid_months=valid_months)
    market = int(rows["left_to_market"].sum())
    if market < 10:
        raise LoyaltyError(
            f"{market} of the customers asked left to the market afterwards; a link wants 10 or more: ask more customers or wait"
        )
    use = [c for c in covariates if len(rows[c].unique()) > 1]
    kind = np.where(rows["left_to_market"], "market", np.where(rows["left"], "other", ""))
    rows = rows.assign(kind=kind)
    model = fit_hazard(
        rows, "duration_months", "kind", [*use, answer], entry="entry_months", bands=(0,), bins=20,
        renewal="contract_end_months" if contract and rows["contract_end_months"].notna().any() else None, renewal_bands=(-1,),
    )  # fmt: skip
    table = model.summary.set_index(["reason", "term"])
    own = table.loc[("market", answer)]
    ratio = Estimate(own["hazard_ratio"], own["low"], own["high"], market)
    agreement = answer_agreement(surveys, answer)
    strength = float(np.clip(agreement.value, 0.05, 1.0))
    value, low, high = (float(np.exp(np.log(v) / strength)) for v in (ratio.value, ratio.low, ratio.high))
    fixed = Estimate(value, low, high, market)
    other = None
    if ("other", answer) in table.index and int((kind == "other").sum()) >= 10:
        row = table.loc[("other", answer)]
        other = Estimate(row["hazard_ratio"], row["low"], row["high"], int((kind == "other").sum()))
    sure = ratio.high < 1 or ratio.low > 1
    halve = float(np.log(0.5) / np.log(ratio.value)) if sure else np.nan
    return SatisfactionLink(ratio, fixed, agreement, other, halve, int(rows["customer_id"].nunique()), model)


def answer_agreement(surveys: pd.DataFrame, answer: str = "overall") -> Estimate:
    """Correlation of a customer's answers in following interviews; Fisher's interval.

    Raises
    ------
    LoyaltyError
        If fewer than 20 customers answered twice.
    """
    asked = surveys.dropna(subset=[answer]).sort_values(["customer_id", "surveyed_on"])
    following = asked.groupby("customer_id")[answer].shift(-1)
    pairs = pd.DataFrame({"one": asked[answer].astype(float), "next": following.astype(float)}).dropna()
    if len(pairs) < 20:
        raise LoyaltyError(f"{len(pairs)} customers answered {answer} again; how far answers agree wants 20 or more")
    r = float(np.corrcoef(pairs["one"], pairs["next"])[0, 1])
    reach = 1.959964 / np.sqrt(len(pairs) - 3)
    middle = np.arctanh(min(max(r, -0.999), 0.999))
    return Estimate(r, float(np.tanh(middle - reach)), float(np.tanh(middle + reach)), len(pairs))
