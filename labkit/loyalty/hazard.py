"""The chance of leaving month by month: contract clock, prices of the day, competing reasons, millions of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from labkit.loyalty.cells import BANDS, RENEWAL_BANDS, Cells, count_cells, month_number
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.hazard_fit import (
    CellPlan,
    ReasonFit,
    at_risk_for,
    cell_design,
    fit_reason,
    spread_by_clusters,
    word_levels,
)
from labkit.loyalty.hazard_model import HazardModel


def fit_hazard(
    table: pd.DataFrame,
    duration: str,
    event: str,
    covariates: Sequence[str] = (),
    *,
    entry: str | None = None,
    start: str | None = None,
    renewal: str | None = None,
    calendar: pd.DataFrame | None = None,
    clusters: str | None = None,
    bands: Sequence[int] = BANDS,
    renewal_bands: Sequence[int] = RENEWAL_BANDS,
    bins: int = 10,
    base: Mapping[str, str] | None = None,
) -> HazardModel:
    """Hazards by month and reason on grouped data (complementary log-log), for any number of customers.

    Parameters
    ----------
    table : DataFrame
        A row a customer, or several where covariates change: each a stretch from ``entry`` to ``duration``.
    duration : str
        Column: whole months from time zero to the month in which the customer left or was last seen. Month u is the
        u-th from the one in which time zero lies.
    event : str
        Column: whether the customer left then, or the reason in words (missing or empty for those who stay).
    covariates : sequence of str
        Columns; numbers of more than ``bins`` values go by the means of ``bins`` classes of equal size.
    entry : str, optional
        Column: months after which the customer was first at risk.
    start : str, optional
        Column: the calendar month of time zero (YYYY-MM or a date); wanted with ``calendar``.
    renewal : str, optional
        Column: month on the clock in which the contract ends, missing where there is none; the hazard may then differ
        by months left.
    calendar : DataFrame, optional
        Covariates of calendar months, such as the price gap to the market; index YYYY-MM, one row each month.
    clusters : str, optional
        Column: customer or legal entity; errors by leaving out a fortieth of them at a time.
    bands, renewal_bands : sequence of int
        Starts of the bands of the clock; upper ends of those of months left.
    bins : int
    base : mapping, optional
        Column (or ``band``, ``renewal``) -> value with which its others are compared, if anybody left there.

    Raises
    ------
    LoyaltyError
        If nobody left, one covariate or clock follows from others, times are no whole months, a covariate tells who leaves without fail, or the calendar lacks a month.

    Notes
    -----
    One model a reason on the same cells; who leaves for another reason is at risk for half of that month. Coefficients are those of a proportional
    hazards model in continuous time (Prentice and Gloeckler 1978, doi:10.2307/2529588). A band or word in which nobody left has
    no finite effect; its hazard is 0 here, and the summary says how large it may be.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"contract": rng.integers(0, 2, 4000)})
    >>> left = rng.geometric(0.02 * np.exp(-1.0 * table["contract"]))
    >>> table = table.assign(months=np.minimum(left, 24), left=left <= 24)
    >>> row = fit_hazard(table, "months", "left", ["contract"]).summary.set_index("term").loc["contract"]
    >>> bool(row["low"] < np.exp(-1) < row["high"])
    True
    """
    if calendar is not None and start is None:
        raise LoyaltyError("calendar covariates want `start`, the column with the calendar month of time zero")
    cells = count_cells(
        table, duration, event, covariates, entry=entry, start=start if calendar is not None else None,
        renewal=renewal, bands=bands, renewal_bands=renewal_bands, bins=bins,
    )  # fmt: skip
    if not cells.reasons:
        raise LoyaltyError(
            "nobody left, so nothing can be said of what makes customers leave; survival_curve gives what is known"
        )
    _refuse_calendar(cells, calendar)
    words = word_levels(cells)
    frame = cell_design(cells, tuple(bands), words, calendar, renewal is not None)
    models = {
        reason: fit_reason(frame, at_risk_for(cells, reason), cells.table[reason], reason, base_of=dict(base or {}))
        for reason in cells.reasons
    }
    if clusters is not None:
        how = CellPlan(
            duration,
            event,
            tuple(covariates),
            entry,
            start if calendar is not None else None,
            renewal,
            tuple(bands),
            tuple(renewal_bands),
        )
        models = spread_by_clusters(models, table, clusters, cells, words, how, calendar)
    columns = {k: v for k, v in (("renewal", renewal), ("start", start if calendar is not None else None)) if v}
    return HazardModel(
        cells, cells.reasons, tuple(bands), tuple(renewal_bands), columns, calendar, words,
        _summary(models), _notes(models, cells), models,
    )  # fmt: skip


def _refuse_calendar(cells: Cells, calendar: pd.DataFrame | None) -> None:
    if calendar is None:
        return
    numbers = month_number(pd.Series(calendar.index))
    absent = sorted(set(cells.table["month"].tolist()) - set(numbers.tolist()))
    if absent or calendar.isna().any(axis=None):
        which = f"{absent[0] // 12}-{absent[0] % 12 + 1:02d}" if absent else "a value"
        raise LoyaltyError(f"the calendar has no row for {which}, in which customers were at risk; give every month")
    if (np.diff(numbers) <= 0).any():
        raise LoyaltyError("the months of the calendar must rise, each once")


def _summary(models: dict[str, ReasonFit]) -> pd.DataFrame:
    rows = []
    for reason, model in models.items():
        errors = dict(zip(model.fitted, np.sqrt(np.diag(model.covariance))))
        for term, value in model.params.items():
            if term in model.upper:
                rows.append((reason, term, -np.inf, np.nan, 0.0, 0.0, model.upper[str(term)], np.nan))
            elif term in errors:
                se = errors[term]
                reach = norm.ppf(0.975) * se
                rows.append(
                    (
                        reason,
                        term,
                        value,
                        se,
                        np.exp(value),
                        np.exp(value - reach),
                        np.exp(value + reach),
                        2 * norm.sf(abs(value / se)),
                    )
                )
    return pd.DataFrame(
        rows, columns=["reason", "term", "coefficient", "standard_error", "hazard_ratio", "low", "high", "p_value"]
    )


def _notes(models: dict[str, ReasonFit], cells: Cells) -> tuple[str, ...]:
    notes = []
    for reason, model in models.items():
        left = int(cells.table[reason].sum())
        if left < 10 * (len(model.fitted) - 1):
            notes.append(
                f"{reason}: {left} departures for {len(model.fitted) - 1} effects, fewer than 10 each: effects are exaggerated and intervals too narrow."
            )
        if model.upper:
            notes.append(
                f"{reason}: nobody left with {', '.join(model.upper)}; how much lower the hazard is there has an upper end only."
            )
    return tuple(notes)
