"""Classifications of customers compared by what they are good for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures, terms
from labkit.estimates import Estimate
from labkit.segments.agreement import measure_agreement
from labkit.segments.candidates import Candidate
from labkit.segments.combine import Combination, Trials, combine_candidates, estimate_gain
from labkit.segments.errors import SegmentError
from labkit.segments.explained import draw_weights, explain_outcomes, prepare_ground
from labkit.segments.outcomes import Outcome, find_overlap
from labkit.segments.result import UNKNOWN
from labkit.segments.stability import compare_periods, remake_candidates
from labkit.segments.traits import describe_traits
from labkit.segments.verdict import MEAN, find_winner, measure_differences, rank_candidates, tell_verdict

#: CPU time up to which a class goes [s]: coarse, so that two runs say the same.
_COSTS = ((1.0, "under_1_s"), (10.0, "under_10_s"), (60.0, "under_1_min"), (np.inf, "over_1_min"))


@dataclass(frozen=True, eq=False)
class Comparison:
    """What classifications explain, how stable they are, how they agree, what they are like; and the verdict.

    Attributes
    ----------
    explained : DataFrame
        A row an outcome and classification: ``outcome``, ``classification``, ``explained_share`` of the deviance, out of sample (below 0:
        it foretells worse than the mean of all) with ``low``, ``high`` (95 %), ``groups_count``, ``customers_count``, ``overlap`` (of
        `find_overlap`; where it is not empty the row does not count).
    differences : DataFrame
        Of `measure_differences`.
    ranking : DataFrame
        Of `rank_candidates`.
    combination : Combination
    gain : Estimate or None
        Mean share explained by the recommended combination (or by the first, where none is) beyond today's classification, over the
        outcomes that count for both; ends hold for all models tried. None where today's is not among the candidates.
    outcomes : DataFrame
        ``outcome``, ``kind``, ``since``, ``until``, ``customers_count`` with the outcome, ``left_out_count`` without, ``why`` nothing is
        said of it (empty, ``too_few``, ``all_alike``).
    stability, groups : DataFrame
        Of `remake_candidates`.
    periods : DataFrame
        Of `compare_periods`.
    agreement : DataFrame
        Of `measure_agreement`.
    traits : DataFrame
        Of `describe_traits`.
    seconds : mapping of str to float
        CPU time each classification took [s]; in no table, since it differs from run to run.
    candidates : mapping of str to Candidate
    judged : mapping of str to Outcome
    """

    explained: pd.DataFrame
    differences: pd.DataFrame
    ranking: pd.DataFrame
    combination: Combination
    gain: Estimate | None
    outcomes: pd.DataFrame
    stability: pd.DataFrame
    groups: pd.DataFrame
    periods: pd.DataFrame
    agreement: pd.DataFrame
    traits: pd.DataFrame
    seconds: Mapping[str, float]
    candidates: Mapping[str, Candidate]
    judged: Mapping[str, Outcome]

    @property
    def winner(self) -> str:
        """Name of the classification that surely explains most; empty if there is none."""
        return find_winner(self.ranking)

    @property
    def customers(self) -> int:
        """How many customers were classified; few of them left out of an outcome would follow from it."""
        return int((self.outcomes["customers_count"] + self.outcomes["left_out_count"]).max())

    @property
    def gain_points(self) -> Estimate:
        """The gain in percentage points; missing where there is none."""
        gain = self.gain or Estimate(float("nan"), float("nan"), float("nan"), 0)
        return Estimate(gain.value * 100, gain.low * 100, gain.high * 100, gain.n)

    def label(self, name: str, language: terms.Language = "en") -> str:
        """Name of a classification."""
        return self.candidates[name].label(language)

    def outcome_label(self, name: str, language: terms.Language = "en") -> str:
        """Name of an outcome."""
        return self.judged[name].label(language)

    def named(self, table: pd.DataFrame, language: terms.Language = "en") -> pd.DataFrame:
        """A table of this comparison with names in place of codes, to be shown."""
        out = table.copy()
        for column in out.columns.intersection(["classification", "first", "second"]):
            out[column] = [self.label(code, language) for code in out[column]]
        for column in out.columns.intersection(["overlap", "why", "cost"]):
            out[column] = [terms.category(column, code, language) if code else "" for code in out[column]]
        if "outcome" in out:
            out["outcome"] = [
                terms.category("outcome", code, language) if code == MEAN else self.outcome_label(code, language)
                for code in out["outcome"]
            ]
        return out

    def verdict(self, language: terms.Language = "en") -> str:
        """Which tells most, by a stated rule, or that none does; and what to use together.

        Notes
        -----
        Rule: the mean share of deviance explained out of sample over the outcomes with which a classification may be credited. It wins
        if the lower end of its share is above 0 and that of its difference from every other too, with ends that hold for all pairs
        at once.
        """
        return tell_verdict(self, language)

    def cost_classes(self) -> pd.DataFrame:
        """``classification``, ``cost``: coarse class of the CPU time, missing where it was not measured; on request only."""
        rows = [
            (n, next(c for limit, c in _COSTS if s < limit) if np.isfinite(s) else None)
            for n, s in self.seconds.items()
        ]
        return pd.DataFrame(rows, columns=["classification", "cost"])

    def plot(self, ax: Axes | None = None, *, language: terms.Language = "en") -> Axes:
        """Shares explained with their intervals, a small picture an outcome; hollow where they do not count."""
        names = list(self.ranking["classification"])
        shown = list(dict.fromkeys(self.explained["outcome"]))
        across = min(3, len(shown))
        down = -(-len(shown) // across)
        with figures.style():
            ax = ax or figures.new_axes(7.2, down * (0.7 + 0.26 * len(names)))
            ax.set_axis_off()
            for i, outcome in enumerate(shown):
                r, c = divmod(i, across)
                left = 0.17
                width, height = (1 - left) / across, 1 / down
                box = (left + c * width + 0.01, 1 - (r + 1) * height + 0.14 * height, width - 0.03, 0.72 * height)
                small = ax.inset_axes(box)
                rows = self.explained[self.explained["outcome"] == outcome].set_index("classification").loc[names]
                _plot_shares(small, rows)
                small.set_yticks(range(len(names)), [self.label(n, language) for n in names] if c == 0 else [])
                small.set_title(self.outcome_label(outcome, language), fontsize=9, pad=4)
            ax.set_title(terms.label("explained_share", language, with_unit=True), fontsize=9, color=figures.SOFT)
        return ax


def _plot_shares(ax: Axes, rows: pd.DataFrame) -> None:
    for at, row in enumerate(rows.to_dict("records")):
        counts, sure = row["overlap"] == "", row["low"] > 0
        colour = figures.ACCENT if counts and sure else figures.MUTED
        ax.plot([row["low"] * 100, row["high"] * 100], [at, at], color=colour, linewidth=1.8, solid_capstyle="butt")
        face = colour if counts else "none"
        ax.plot(row["explained_share"] * 100, at, "o", markersize=4.5, markeredgecolor=colour, markerfacecolor=face)
    ax.axvline(0, color=figures.LINE, linewidth=1, zorder=0)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(labelsize=8, axis="both", length=0)
    ax.locator_params(axis="x", nbins=4)
    ax.grid(axis="x")
    ax.set_axisbelow(True)


def compare(
    candidates: Sequence[Candidate],
    outcomes: Sequence[Outcome],
    *,
    seed: int,
    folds: int = 5,
    divisions: int = 2,
    draws: int = 1000,
    today: str = "class",
    value: pd.Series | None = None,
    features: pd.DataFrame | None = None,
    remade: int = 10,
    most: int = 4,
) -> Comparison:
    """Compare classifications of customers by what they explain, how stable and how readable they are.

    Parameters
    ----------
    candidates : sequence of Candidate
        Of `standard_candidates`, or your own.
    outcomes : sequence of Outcome
        Of `marketing_outcomes`, and margin, response to price or your own besides.
    seed : int
    folds, divisions : int
        Cross-validation: each customer is foretold from others, in so many divisions into folds.
    draws : int
        Bootstrap over customers, the same for all classifications and outcomes.
    today : str
        Classification in use, over which the gain is measured.
    value, features
        As of `describe_traits`.
    remade : int
        Draws in which classifications are made anew; 0 for none.
    most : int
        Classifications in the recommended combination at most.

    Returns
    -------
    Comparison

    Raises
    ------
    SegmentError
        If there is no candidate, two have one name, or no outcome can be told.

    Notes
    -----
    Share of deviance explained: 1 less the deviance of what a customer's group foretells over that of what the mean of all foretells,
    both from customers of other folds; squared error for numbers, binomial for yes or no and for shares. Groups of few are pulled
    towards the mean (`fit_effects`), so that many groups are neither punished nor rewarded by noise. For yes or no, even
    true chances explain far less than all: nobody knows who will leave. Customers are drawn with the predictions that
    others gave for them, which are not made anew in each draw.
    """
    names = [candidate.name for candidate in candidates]
    _check_names(names, [outcome.name for outcome in outcomes])
    ids = pd.Index(sorted(set().union(*(candidate.labels.index for candidate in candidates))), name="customer_id")
    told = _tell_outcomes(outcomes, ids)
    judged = [outcome for outcome, why in zip(outcomes, told["why"]) if not why]
    if not judged:
        raise SegmentError(
            "outcomes: none is known of 30 customers, or 10 of either kind; bring more, or a longer period"
        )
    codes = {c.name: pd.factorize(c.labels.reindex(ids).fillna(UNKNOWN), sort=True)[0] for c in candidates}
    weights = draw_weights(len(ids), draws, seed)
    grounds = [prepare_ground(outcome, ids, folds, divisions, seed) for outcome in judged]
    shares, explained = explain_outcomes(grounds, codes, weights)
    overlap = {c.name: [find_overlap(c.made_of, c.until, outcome) for outcome in judged] for c in candidates}
    trials = Trials(grounds, codes, weights, {name: np.array([not o for o in overlap[name]]) for name in names})
    trials.keep(shares, names)
    differences = measure_differences(trials, names, [outcome.name for outcome in judged])
    ranking = rank_candidates(trials, names, differences)
    combination = combine_candidates(trials, most=most)
    best = combination.model or (str(ranking["classification"].iloc[0]),)
    known = told.set_index("outcome")["customers_count"]
    explained = explained.assign(
        customers_count=explained["outcome"].map(known),
        overlap=[overlap[name][i] for i in range(len(judged)) for name in names],
    )
    stability, groups = remake_candidates(candidates if remade else (), seed=seed, draws=max(remade, 1))
    return Comparison(
        explained, differences, ranking, combination,
        estimate_gain(trials, best, (today,), len(ids)) if today in names else None, told, stability, groups,
        compare_periods(candidates, seed=seed), measure_agreement({c.name: c.labels for c in candidates}, seed=seed),
        describe_traits(candidates, value, features, seed=seed), {c.name: c.seconds for c in candidates},
        {c.name: c for c in candidates}, {outcome.name: outcome for outcome in outcomes},
    )  # fmt: skip


def _check_names(candidates: Sequence[str], outcomes: Sequence[str]) -> None:
    if not candidates or len(set(candidates)) < len(candidates):
        raise SegmentError("candidates: expected one or more, each with a name of its own")
    if len(set(outcomes)) < len(outcomes):
        raise SegmentError("outcomes: two have the same name; give each its own")


def _tell_outcomes(outcomes: Sequence[Outcome], ids: pd.Index) -> pd.DataFrame:
    rows = []
    for outcome in outcomes:
        there = len(outcome.cases(ids)[0])
        rows.append(
            (outcome.name, outcome.kind, outcome.since, outcome.until, there, len(ids) - there, outcome.why_not(ids))
        )
    return pd.DataFrame(rows, columns=["outcome", "kind", "since", "until", "customers_count", "left_out_count", "why"])
