"""Which classification tells most: ranked by the mean share explained, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labkit import terms
from labkit.segments.combine import Gain, Trials, ends_of

if TYPE_CHECKING:
    from labkit.segments.compare import Comparison

#: In place of an outcome's name: over all outcomes that count for both.
MEAN = "mean"


def measure_differences(trials: Trials, names: Sequence[str], outcomes: Sequence[str]) -> pd.DataFrame:
    """How much more one classification explains than another, pair by pair, of each outcome and in the mean.

    Returns
    -------
    DataFrame
        ``outcome`` (or ``mean``, over the outcomes with which both may be credited), ``first``, ``second``, ``difference``, ``low``,
        ``high`` (95 %, for all pairs of an outcome at once).
    """
    pairs, rows = list(combinations(names, 2)), []
    for at, outcome in enumerate([*outcomes, MEAN]):
        found = [_gain_at(trials, one, other, None if outcome == MEAN else at) for one, other in pairs]
        low, high = ends_of(found) if pairs else (np.empty(0), np.empty(0))
        values = [gain.value for gain in found]
        rows += [(outcome, *pair, *ends) for pair, *ends in zip(pairs, values, low, high)]
    return pd.DataFrame(rows, columns=["outcome", "first", "second", "difference", "low", "high"])


def _gain_at(trials: Trials, one: str, other: str, at: int | None) -> Gain:
    """Of an outcome by its place, or of the mean."""
    if at is None:
        return trials.gain((one,), (other,))
    drawn = trials.drawn[(one,)][:, at] - trials.drawn[(other,)][:, at]
    if not trials.credit((one,), (other,))[at]:
        return Gain(np.nan, np.full(len(drawn), np.nan), np.nan, 0)
    least = trials.grounds[at].grain * trials.least({one, other})
    return Gain(float(trials.value[(one,)][at] - trials.value[(other,)][at]), drawn, least, 1)


def rank_candidates(trials: Trials, names: Sequence[str], differences: pd.DataFrame) -> pd.DataFrame:
    """Classifications, the one that explains most first.

    Returns
    -------
    DataFrame
        ``classification``, ``explained_share`` (mean over the outcomes with which it may be credited) with ``low``, ``high``,
        ``outcomes_count``, ``mean_rank`` (place by outcome, in the mean), ``behind``: how much less than the first, on the
        outcomes that count for both, with ``behind_low``, ``behind_high`` (for all pairs at once), ``level``: whether it can not be told
        apart from the first.

    Notes
    -----
    In the order of the sum of what they explain, nothing for outcomes with which they may not be credited; where all outcomes count
    for all this is the order of the mean share.
    """
    mean = differences[differences["outcome"] == MEAN]
    gap = {(r.first, r.second): (r.difference, r.low, r.high) for r in mean.itertuples()}
    gap |= {(b, a): (-d, -high, -low) for (a, b), (d, low, high) in gap.items()}
    counted = np.stack([trials.counted[name] for name in names])
    shares = pd.DataFrame(np.where(counted, np.stack([trials.value[(n,)] for n in names]), np.nan), index=list(names))
    # What a classification may not be credited with counts as nothing, or leaving out what is hard would pay.
    order = sorted(names, key=lambda name: (shares.loc[name].isna().all(), -float(shares.loc[name].sum())))
    ranks, rows = shares.rank(ascending=False).mean(axis=1), []
    for name in order:
        own = trials.gain((name,), ())
        low, high = (float(end[0]) for end in ends_of([own]))
        behind = (0.0, 0.0, 0.0) if name == order[0] else gap[order[0], name]
        # Who may be credited with nothing stands in nobody's way.
        level = name != order[0] and own.outcomes > 0 and not behind[1] > 0
        rows.append((name, own.value, low, high, own.outcomes, ranks[name], *behind, level))
    columns = ["classification", "explained_share", "low", "high", "outcomes_count", "mean_rank", "behind", "behind_low",
               "behind_high", "level"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def find_winner(ranking: pd.DataFrame) -> str:
    """The first, if it surely explains something and surely more than every other; empty otherwise.

    Examples
    --------
    >>> find_winner(pd.DataFrame({"classification": ["a", "b"], "low": [0.1, 0.0], "level": [False, True]}))
    ''
    """
    if ranking.empty or not ranking["low"].iloc[0] > 0 or ranking["level"].iloc[1:].any():
        return ""
    return str(ranking["classification"].iloc[0])


def tell_verdict(found: Comparison, language: terms.Language) -> str:
    """Winner or none, what leads by outcome, what is not credited, and the combination, in sentences."""
    parts = [_tell_first(found, language), _tell_outcomes(found, language), _tell_overlap(found, language)]
    return ("" if language == "zh" else " ").join(p for p in [*parts, _tell_combination(found, language)] if p)


def _share(value: float, low: float, high: float, language: terms.Language) -> str:
    to = "至" if language == "zh" else " to "
    ends = f"{low * 100:.1f}{to}{high * 100:.1f}"
    return f"{value:.1%}（{ends}）" if language == "zh" else f"{value:.1%} ({ends})"


def join_names(names: Sequence[str], language: terms.Language) -> str:
    """Names in a row, as a sentence has them.

    Examples
    --------
    >>> join_names(["a", "b", "c"], "en"), join_names(["a", "b"], "zh")
    ('a, b and c', 'a、b')
    """
    if language == "zh" or len(names) < 2:
        return "、".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _tell_first(found: Comparison, language: terms.Language) -> str:
    say, rows = terms.Say(language), found.ranking
    if rows.empty or not rows["low"].iloc[0] > 0:
        return say(
            "No classification surely foretells these outcomes better than the mean of all customers.",
            "没有一种分类能可靠地比全体均值更好地预测这些结果。",
        )
    first = rows.iloc[0]
    name = found.label(first["classification"], language)
    share = _share(first["explained_share"], first["low"], first["high"], language)
    count = int(first["outcomes_count"])
    if find_winner(rows):
        if len(rows) == 1:
            return say(f"{name} explains {share} of the deviance.", f"{name}可解释偏差的{share}。")
        second = rows.iloc[1]
        more = _share(second["behind"], second["behind_low"], second["behind_high"], language)
        other = found.label(second["classification"], language)
        return say(
            f"{name} tells most: it explains {share} of the deviance in the mean of {count} outcomes, out of sample; "
            f"beyond {other}, the next, {more}.",
            f"{name}最能说明问题：样本外平均可解释{count}项结果偏差的{share}，比居第二位的{other}多{more}。",
        )
    level = [found.label(n, language) for n in rows.loc[rows["level"], "classification"]]
    return say(
        f"No winner: {name} comes first with {share} of the deviance explained in the mean of {count} outcomes, out of "
        f"sample, but on the outcomes that count for both it cannot be told apart from {join_names(level, language)}.",
        f"没有明确的优胜者：{name}居首，样本外平均可解释{count}项结果偏差的{share}，但在双方均可计入的结果上，与{join_names(level, language)}的差异不显著。",
    )


def _tell_outcomes(found: Comparison, language: terms.Language) -> str:
    """What leads for each outcome."""
    say, parts = terms.Say(language), []
    for outcome, rows in found.explained[found.explained["overlap"] == ""].groupby("outcome", sort=False):
        sure = rows[rows["low"] > 0]
        best = rows.loc[(sure if len(sure) else rows)["explained_share"].idxmax()]
        title = found.outcome_label(str(outcome), language)
        if best["low"] > 0:
            share = _share(best["explained_share"], best["low"], best["high"], language)
            parts.append(say(f"{title}: {found.label(best['classification'])}, {share}",
                             f"{title}——{found.label(best['classification'], 'zh')}，{share}"))  # fmt: skip
        else:
            parts.append(say(f"{title}: none surely", f"{title}——均不显著"))
    joined = say("; ", "；").join(parts)
    return say(f"First by outcome: {joined}.", f"各项结果解释最多的分类：{joined}。") if parts else ""


def _tell_overlap(found: Comparison, language: terms.Language) -> str:
    flagged = found.explained[found.explained["overlap"] != ""]
    if flagged.empty:
        return ""
    pairs = [
        terms.Say(language)(f"{found.label(r.classification)} with {found.outcome_label(r.outcome).lower()}",
                            f"{found.label(r.classification, 'zh')}对{found.outcome_label(r.outcome, 'zh')}")
        for r in flagged.itertuples()
    ]  # fmt: skip
    return terms.Say(language)(
        f"Not credited, since made of the same data or of a later time: {join_names(pairs, language)}.",
        f"因采用同一数据或使用了结果期内的数据而不计：{join_names(pairs, language)}。",
    )


def _tell_combination(found: Comparison, language: terms.Language) -> str:
    say, made = terms.Say(language), found.combination
    if not made.members:
        return say("There is no combination to recommend.", "没有可推荐的组合。")
    names = [found.label(name, language) for name in made.members]
    told: Callable[[dict[str, float]], str] = lambda r: _share(r["gain"], r["low"], r["high"], language)  # noqa: E731
    rows = made.table[made.table["added"]].to_dict("records")
    last = made.table.iloc[-1]
    if len(names) == 1:
        text = say(f"Recommended: {names[0]} alone ({told(rows[0])})", f"推荐：仅用{names[0]}（{told(rows[0])}）")
    else:
        added = [say(f"{n} adds {told(r)}", f"加入{n}提高{told(r)}") for n, r in zip(names[1:], rows[1:])]
        how = say("crossed", "交叉使用") if made.crossed else say("side by side", "并列使用")
        text = say(f"Recommended: {join_names(names, language)}, {how}; {join_names(added, language)}",
                   f"推荐：{join_names(names, language)}，{how}；{'，'.join(added)}")  # fmt: skip
    if not last["added"]:
        nothing = found.label(last["classification"], language)
        text += say(
            f"; no other surely adds anything ({nothing} comes nearest)",
            f"；再加入其他分类均无显著提高（最接近的是{nothing}）",
        )
    return text + say(".", "。")
