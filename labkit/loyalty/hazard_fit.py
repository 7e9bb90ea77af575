"""Coefficients of monthly hazards on cells, reason by reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm

from labkit.loyalty.cells import Cells, count_cells, month_number
from labkit.loyalty.design import refuse_doubled
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.risk_sets import group_codes
from labkit.loyalty.settling import may_not_settle

_GROUPS = 40
_ENDLESS = 15.0
#: Events expected where none is seen in 2.5 % of the cases.
_NONE_SEEN = float(-np.log(0.025))


@dataclass(frozen=True, eq=False)
class ReasonFit:
    """Coefficients for one reason.

    Attributes
    ----------
    params : Series
        By term; 0 for what others are compared with, minus infinity where nobody left.
    covariance : ndarray
        Of the terms in ``fitted``.
    fitted : list of str
    upper : dict
        Term in which nobody left -> upper end of its hazard ratio.
    dispersion : float
        Pearson's chi-square over degrees of freedom.
    """

    params: pd.Series
    covariance: np.ndarray
    fitted: list[str]
    upper: dict[str, float]
    dispersion: float


@dataclass(frozen=True)
class CellPlan:
    """How cells are counted: the columns and bands of `count_cells`."""

    duration: str
    event: str
    covariates: tuple[str, ...]
    entry: str | None
    start: str | None
    renewal: str | None
    bands: tuple[int, ...]
    renewal_bands: tuple[int, ...]


def word_levels(cells: Cells) -> dict[str, tuple[str, ...]]:
    """Values of each covariate of words."""
    return {
        str(c): tuple(sorted(cells.segments[c].astype(str).unique()))
        for c in cells.segments
        if not pd.api.types.is_numeric_dtype(cells.segments[c])
    }


def covariate_frame(segments: pd.DataFrame, words: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    """Covariates as numbers: a column a word, ``column=word``."""
    parts = {}
    for column in segments:
        if column in words:
            own = segments[column].astype(str)
            strange = sorted(set(own) - set(words[column]))
            if strange:
                raise LoyaltyError(f"{column} has the value {strange[0]!r}, which the model has never seen")
            for word in words[column]:
                parts[f"{column}={word}"] = (own == word).to_numpy(dtype=float)
        else:
            parts[str(column)] = segments[column].to_numpy(dtype=float)
    return pd.DataFrame(parts, index=range(len(segments)))


def cell_design(
    cells: Cells, bands: tuple[int, ...], words: dict[str, tuple[str, ...]], calendar: pd.DataFrame | None, renews: bool
) -> pd.DataFrame:
    """Every term of every cell as a number: constant, bands, contract, calendar, covariates."""
    table = cells.table
    frame = covariate_frame(cells.segments, words).iloc[table["segment"]].reset_index(drop=True)
    parts: dict[str, np.ndarray] = {"const": np.ones(len(table))}
    for i in sorted(table["band"].unique()):
        parts[f"band={bands[i]}"] = (table["band"] == i).to_numpy(dtype=float)
    if renews:
        for name in sorted(table["renewal"].unique()):
            parts[f"renewal={name}"] = (table["renewal"] == name).to_numpy(dtype=float)
    if calendar is not None:
        at = np.searchsorted(month_number(pd.Series(calendar.index)), table["month"])
        parts |= {str(c): calendar[c].to_numpy(dtype=float)[at] for c in calendar}
    return pd.concat([pd.DataFrame(parts), frame], axis=1)


def at_risk_for(cells: Cells, reason: str) -> pd.Series:
    """Months at risk for one reason: who leaves for another is at risk for half of that month."""
    others = cells.table[[r for r in cells.reasons if r != reason]].sum(axis=1)
    return cells.table["at_risk"] - others / 2


def fit_reason(
    frame: pd.DataFrame,
    at_risk: pd.Series,
    events: pd.Series,
    reason: str,
    *,
    base_of: dict[str, str] | None = None,
    like: ReasonFit | None = None,
) -> ReasonFit:
    """One reason: words and bands in which nobody left are taken out with their months.

    Parameters
    ----------
    frame : DataFrame
        Of `cell_design`.
    at_risk, events : Series
        Months and departures of each cell.
    reason : str
        For what is said where it cannot be fitted.
    base_of : dict, optional
        Column -> value with which its others are compared; the one with most departures by default.
    like : ReasonFit, optional
        Of the whole, where a part is fitted: the same terms against the same others.

    Raises
    ------
    LoyaltyError
        If a covariate tells who leaves without fail.
    """
    n, y = at_risk.to_numpy(dtype=float), events.to_numpy(dtype=float)
    if (y >= n).all():
        raise LoyaltyError(
            f"all left ({reason}) in the first month they were seen, so nothing tells sooner from later; take a finer clock"
        )
    empty, base = _empty_and_base(frame, y, base_of or {}) if like is None else (list(like.upper), [])
    kept = ~(frame[empty] == 1).any(axis=1).to_numpy()
    names = [c for c in frame.columns if c not in {*empty, *base}] if like is None else like.fitted
    x = frame.loc[kept, names].to_numpy()
    if like is None:
        names, x = _varying(names, x, y[kept], reason)
        if len(names) > 1:
            refuse_doubled(x[:, 1:], names[1:], n[kept])
    scale = np.r_[1.0, np.maximum(x[:, 1:].std(axis=0), 1e-12)]
    first = np.r_[np.log(-np.log1p(-y[kept].sum() / n[kept].sum())), np.zeros(len(names) - 1)]
    if like is not None:
        first = like.params.reindex(names).to_numpy() * scale
    family = sm.families.Binomial(link=sm.families.links.CLogLog())
    with may_not_settle():
        fit = sm.GLM(np.column_stack([y[kept], n[kept] - y[kept]]), x / scale, family=family).fit(
            maxiter=100, start_params=first
        )
    b = fit.params / scale
    reach = np.abs(b[1:]) * np.ptp(x[:, 1:], axis=0)
    if not np.isfinite(b).all() or (reach > _ENDLESS).any():
        worst = names[1 + int(np.argmax(np.where(np.isfinite(reach), reach, np.inf)))]
        raise LoyaltyError(
            f"{worst} tells those who leave ({reason}) without fail, so its effect has no end; leave it out"
        )
    params = pd.Series(b, names).reindex(frame.columns).fillna(0.0)
    expected = n * -np.expm1(-np.exp(frame[names].to_numpy() @ b))
    upper = {}
    for name in empty:
        upper[name] = _NONE_SEEN / max(float(expected[frame[name].to_numpy() == 1].sum()), 1e-12)
        params[name] = -np.inf
    errors = (y[kept] - expected[kept]) ** 2 / np.maximum(expected[kept], 1e-12)
    dispersion = float(errors.sum() / max(kept.sum() - len(names), 1))
    return ReasonFit(params, np.asarray(fit.cov_params()) / np.outer(scale, scale), names, upper, dispersion)


def _empty_and_base(frame: pd.DataFrame, y: np.ndarray, wanted: dict[str, str]) -> tuple[list[str], list[str]]:
    """Terms in which nobody left, and in each group of terms the one with most departures, with which others are compared."""
    groups: dict[str, list[str]] = {}
    for name in frame.columns:
        if "=" in str(name):
            groups.setdefault(str(name).partition("=")[0], []).append(str(name))
    empty, base = [], []
    for group, own in groups.items():
        left = {name: float(y[frame[name].to_numpy() == 1].sum()) for name in own}
        empty += [name for name in own if left[name] == 0]
        chosen = f"{group}={wanted.get(group)}"
        base.append(chosen if left.get(chosen, 0) > 0 else max(own, key=lambda name: left[name]))
    return empty, base


def _varying(names: list[str], x: np.ndarray, y: np.ndarray, reason: str) -> tuple[list[str], np.ndarray]:
    """Terms that still vary; yes-and-no numbers refused that tell who leaves without fail."""
    for j, name in enumerate(names[1:], 1):
        values = np.unique(x[:, j])
        if len(values) == 2 and (y[x[:, j] == values[0]].sum() == 0 or y[x[:, j] == values[1]].sum() == 0):
            raise LoyaltyError(
                f"all who left ({reason}) have the same {name}, so it tells them without fail and its effect has no end; leave "
                "it out, or give it as words to have an upper end"
            )
    kept = [j for j in range(len(names)) if j == 0 or np.ptp(x[:, j]) > 0]
    return [names[j] for j in kept], x[:, kept]


def spread_by_clusters(
    models: dict[str, ReasonFit], table: pd.DataFrame, clusters: str, cells: Cells, words: dict[str, tuple[str, ...]],
    plan: CellPlan, calendar: pd.DataFrame | None,
) -> dict[str, ReasonFit]:  # fmt: skip
    """Covariances that hold where rows of a cluster hang together: a fortieth of the clusters is left out at a time.

    Raises
    ------
    LoyaltyError
        If there are fewer than 10 clusters, or a reason comes from a single fortieth.
    """
    who = group_codes(table, clusters)
    count = int(who.max()) + 1
    groups = min(_GROUPS, count)
    if groups < 10:
        raise LoyaltyError(f"{clusters} has {groups} values, too few for errors by cluster; 10 or more are wanted")
    part = np.random.default_rng(0).permutation(count)[who] % groups
    # Numbers go by the classes of the whole table, so that every part has the same cells.
    fixed = table.copy()
    for column, edges in cells.edges.items():
        place = np.searchsorted(edges, table[column].to_numpy(dtype=float), side="left")
        fixed[column] = cells.class_means[column][place]
    drawn: dict[str, list[np.ndarray]] = {r: [] for r in models}
    for g in range(groups):
        own = count_cells(
            fixed[part != g].reset_index(drop=True), plan.duration, plan.event, plan.covariates, entry=plan.entry,
            start=plan.start, renewal=plan.renewal, bands=plan.bands, renewal_bands=plan.renewal_bands, bins=10**6,
        )  # fmt: skip
        frame = cell_design(own, plan.bands, words, calendar, plan.renewal is not None)
        for reason, model in models.items():
            if reason not in own.reasons:
                raise LoyaltyError(f"{reason} comes from a single group of clusters; too few for errors by cluster")
            terms = frame.reindex(columns=model.params.index, fill_value=0.0)
            again = fit_reason(terms, at_risk_for(own, reason), own.table[reason], reason, like=model)
            drawn[reason].append(again.params.reindex(model.fitted).to_numpy())
    out = {}
    for reason, model in models.items():
        b = np.array(drawn[reason])
        centred = b - b.mean(axis=0)
        covariance = (groups - 1) / groups * centred.T @ centred
        out[reason] = ReasonFit(model.params, covariance, model.fitted, model.upper, model.dispersion)
    return out
