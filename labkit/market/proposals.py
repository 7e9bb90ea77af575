"""Segmentations that marketing proposes: by type, by use, by place, each told twice from separate sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit import concentration
from labkit.lab import Lab
from labkit.market.errors import MarketError
from labkit.market_segments import Segment, assign_segments

#: Proposed segmentations; the second telling stands in the column ``<name>_again``.
PROPOSALS = ("by_type", "by_use", "by_place")
#: Sections of GB/T 4754-2017 and the class of customer they stand for.
_CLASS_OF_SECTION = (
    dict.fromkeys("BCDE", "industrial")
    | dict.fromkeys("FGHIJKLMNOR", "commercial")
    | dict.fromkeys("PQST", "public")
    | {"A": "agricultural"}
)
#: What marketing acts on and no proposal is made of.
MEASURES = (
    "late_share",
    "latest_satisfaction",
    "tickets_count",
    "peak_share",
    "weekend_ratio",
    "load_factor",
    "billed_growth_share",
)


def propose_segmentations(lab: Lab, people: pd.DataFrame, segments: dict[str, Segment] | None = None) -> pd.DataFrame:
    """The portrait with three proposed segmentations.

    Parameters
    ----------
    lab : Lab
    people : DataFrame
        Of `labkit.portrait.portrait`.
    segments : dict, optional
        Of `read_segments`.

    Returns
    -------
    DataFrame
        ``people`` with ``by_type`` (segments of the market; again: with the class its industry code stands for, GB/T 4754; homes have none),
        ``by_use`` (tiers A, B, C of the energy billed in the last twelve months; again: in the twelve before),
        ``by_place`` (settlement; again: as repair crews noted it), each with ``_again``; ``reached``: has made contact or pays
        online; ``revenue_yuan``: billed a year.

    Raises
    ------
    MarketError
        If the data have no bills.
    """
    if not lab.has("bills"):
        raise MarketError("the data have no bills, so neither use nor revenue is known; bring the table bills")
    told = people.assign(by_type=assign_segments(people, segments))
    told = told.assign(by_type_again=_by_industry(told, segments))
    now, before = _energy(lab)
    ids = told["customer_id"]
    told = told.assign(
        by_use=ids.map(_tiers(now)),
        by_use_again=ids.map(_tiers(before)),
        by_place=told["settlement"].astype(object) if "settlement" in told else None,
        by_place_again=ids.map(_noted_places(lab)),
        revenue_yuan=12 * told["billed_yuan"] / told["bills_count"].where(told["bills_count"] > 0),
    )
    called = told["tickets_count"] > 0 if "tickets_count" in told else pd.Series(False, told.index)
    online = told["online_payment_share"] > 0 if "online_payment_share" in told else pd.Series(False, told.index)
    return told.assign(reached=(called | online.fillna(False)).astype(bool))


def _by_industry(told: pd.DataFrame, segments: dict[str, Segment] | None) -> pd.Series:
    """Segments as they would be with the class of the industry code; missing without a code."""
    if "industry_code" not in told:
        return pd.Series(None, told.index, dtype=object)
    classes = told["industry_code"].astype("string").str[:1].map(_CLASS_OF_SECTION)
    known = classes.notna().to_numpy()
    again = pd.Series(None, told.index, dtype=object)
    again[known] = assign_segments(told.assign(customer_class=classes)[known], segments)
    return again


def _energy(lab: Lab) -> tuple[pd.Series, pd.Series]:
    last = pd.Period(str(lab.manifest.tables["bills"].last)[:7], "M")
    sums = []
    for newest in (last, last - 12):
        bills = lab.bills.filter(lab.bills.period.between(str(newest - 11), str(newest)))
        table = lab.run(bills.group_by("customer_id").aggregate(kwh=bills.kwh.sum().round(3), n=bills.count()))
        whole = table[table["n"] >= 10].sort_values("customer_id").set_index("customer_id")
        sums.append(whole["kwh"] / whole["n"])
    return sums[0], sums[1]


def _tiers(kwh: pd.Series) -> pd.Series:
    return concentration.assign_tiers(kwh.clip(lower=0)).astype(object) if len(kwh) else pd.Series(dtype=object)


def _noted_places(lab: Lab) -> pd.Series:
    if not lab.has("repairs", "tickets"):
        return pd.Series(dtype=object)
    jobs = lab.repairs.select("ticket_id", "settlement").inner_join(
        lab.tickets.select("ticket_id", "customer_id"), "ticket_id"
    )
    noted = lab.run(jobs.select("customer_id", "settlement")).dropna()
    counted = noted.value_counts(["customer_id", "settlement"]).rename("n").reset_index()
    ordered = counted.sort_values(["customer_id", "n", "settlement"], ascending=[True, False, True])
    return ordered.drop_duplicates("customer_id").set_index("customer_id")["settlement"].astype(object)


def known_measures(told: pd.DataFrame, names: tuple[str, ...] = MEASURES) -> list[str]:
    """Measures that are there and not the same for all."""
    return [c for c in names if c in told and told[c].notna().sum() > 1 and np.ptp(told[c].dropna().astype(float)) > 0]
