"""Service as a manager reads it: areas instead of addresses, small counts left out, sentences of numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit import calendar, privacy
from labkit.lab import Lab
from labkit.service.interchange import evaluate_sites
from labkit.service.siting import Siting, site_centres, travel_minutes
from labkit.service.tickets import Contacts


def hide_few(
    frame: pd.DataFrame, fewest: int, count: str = "customers_count", *, keep: int = 1, total: bool = False
) -> pd.DataFrame:
    """Rows that rest on fewer customers or cases have their figures missing; the first columns and the row stay.

    Parameters
    ----------
    frame : DataFrame
    fewest : int
    count : str
        Column that is looked at.
    keep : int
        Columns at the beginning that are never hidden.
    total : bool
        Whether the rows make up a whole that is known, or shares that add up to one: then a hidden row would follow from
        the others, and the next smallest is hidden with it.
    """
    values = [c for c in frame.columns[keep:] if c != count and pd.api.types.is_numeric_dtype(frame[c])]
    return privacy.suppress_small_cells(frame, count=count, values=values, minimum=fewest, total=total)


def area_demand(lab: Lab, contacts: Contacts | None, fewest: int) -> pd.DataFrame:
    """Areas with their middle, customers and faults a year: ``area_id``, ``longitude``, ``latitude``, ``customers_count``, ``faults_per_year``, ``demand``.

    The middle is the mean place of at least ``fewest`` customers, so that no address shows. Demand: customers and faults, each
    as a share of all, in equal parts; of faults alone where they are known for no area, of customers.
    """
    customers = lab.run(lab.customers.select("customer_id", "area_id", "longitude", "latitude")).sort_values(
        "customer_id"
    )
    areas = customers.groupby("area_id").agg(
        longitude=("longitude", "mean"), latitude=("latitude", "mean"), customers_count=("customer_id", "nunique")
    )
    areas = areas[areas["customers_count"] >= fewest].dropna(subset=["longitude", "latitude"])
    faults = pd.Series(0.0, areas.index)
    if contacts is not None and "area_id" in contacts.table:
        table = contacts.table
        years = max((table["opened_at"].max() - table["opened_at"].min()).days / 365.25, 1 / 12)
        faults = (
            table[table["category"] == "fault"].groupby("area_id").size().reindex(areas.index, fill_value=0) / years
        )
    share = areas["customers_count"] / areas["customers_count"].sum()
    demand = (share + faults / faults.sum()) / 2 if faults.sum() > 0 else share
    return areas.assign(faults_per_year=faults, demand=demand).reset_index()


def place_posts(
    areas: pd.DataFrame, sites: pd.DataFrame, kind: str = "repair_post", *, most: int | None = None
) -> tuple[pd.DataFrame, Siting, pd.DataFrame]:
    """Today's posts beside the best places for as many, and what one more would bring.

    Parameters
    ----------
    areas : DataFrame
        Of `area_demand`.
    sites : DataFrame
        The table `sites`.
    kind : str
        Of site.
    most : int, optional
        Number of sites up to which the value is worked out; by default two more than today.

    Returns
    -------
    comparison : DataFrame
        ``plan`` (today, best), ``sites_count``, ``mean_min`` (demand-weighted travel), ``farthest_min``.
    best : Siting
        Over today's sites and the middles of the areas, in this order.
    steps : DataFrame
        ``sites_count``, ``mean_min``, ``saved_min`` by the last one.
    """
    own = sites[sites["kind"] == kind].reset_index(drop=True)
    places = pd.concat([own[["longitude", "latitude"]], areas[["longitude", "latitude"]]], ignore_index=True)
    cost = travel_minutes(
        *(areas[c].to_numpy() for c in ("longitude", "latitude")),
        *(places[c].to_numpy() for c in ("longitude", "latitude")),
    )
    weight = (areas["demand"] / areas["demand"].sum()).to_numpy()
    p = min(len(own), len(places))
    best = site_centres(cost, weight, p)
    rows = []
    for plan, chosen in (("today", np.arange(len(own))), ("best", best.sites)):
        rows.append(
            (
                plan,
                len(chosen),
                evaluate_sites(cost, weight, chosen, "median"),
                evaluate_sites(cost, weight, chosen, "center"),
            )
        )
    steps = []
    for k in range(max(1, p - 2), min(most or p + 2, len(places)) + 1):
        steps.append((k, site_centres(cost, weight, k).value))
    frame = pd.DataFrame(steps, columns=["sites_count", "mean_min"])
    return (
        pd.DataFrame(rows, columns=["plan", "sites_count", "mean_min", "farthest_min"]),
        best,
        frame.assign(saved_min=-frame["mean_min"].diff()),
    )


def site_places(areas: pd.DataFrame, sites: pd.DataFrame, best: Siting, kind: str = "repair_post") -> pd.DataFrame:
    """Places to be drawn: today's sites and the best ones, ``longitude``, ``latitude``, ``kind`` (today, best)."""
    own = sites[sites["kind"] == kind].reset_index(drop=True)
    places = pd.concat([own[["longitude", "latitude"]], areas[["longitude", "latitude"]]], ignore_index=True)
    return pd.concat(
        [own[["longitude", "latitude"]].assign(kind="today"), places.iloc[best.sites].assign(kind="best")],
        ignore_index=True,
    )


def day_types(lab: Lab, opened_at: pd.Series) -> pd.DataFrame:
    """Every day from the first to the last contact with its type: ``day``, ``day_type``."""
    stamps = pd.to_datetime(opened_at.dropna())
    return calendar.day_type_table(stamps.min().date(), stamps.max().date(), lab.manifest.about.calendar)


def monthly(hit: pd.Series, month: pd.Series, least: int = 1) -> tuple[pd.Series, pd.Series]:
    """Hits and cases by month, for a control chart; months of fewer than ``least`` cases left out."""
    known = hit.notna() & month.notna()
    by = hit[known].astype(float).groupby(month[known].to_numpy()).agg(["sum", "count"]).sort_index()
    by = by[by["count"] >= least]
    return by["sum"], by["count"]
