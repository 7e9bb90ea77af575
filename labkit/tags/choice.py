"""Which way of making a hierarchy out of taggings to trust, and whether to trust any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from labkit.estimates import Estimate, estimate_by_bootstrap
from labkit.tags.agreement import Agreement, Hierarchy, agreement, ancestor_matrix, graph_of
from labkit.tags.errors import TagError
from labkit.tags.evidence import SIGNS, weigh_pairs
from labkit.tags.induction import METHODS, induce, names_in
from labkit.tags.scheme import Scheme
from labkit.tags.taggings import ratio_of_sums, tag_matrix, thing_column
from labkit.terms import Language

#: Share of broader tags also written, from which induction has a chance; and taxonomic F from which a tree is any use.
TRUSTED_COPOSTING, TRUSTED_F = 0.3, 0.4
_GRID: dict[str, list[dict[str, float]]] = {
    "subsumption": [{"threshold": t, "lift": l} for t in (0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.9) for l in (0.0, 5.0)],
    "heymann": [{"threshold": t} for t in (0.05, 0.1, 0.2, 0.3, 0.5)],
    "generality": [{"threshold": t} for t in (0.1, 0.2, 0.3, 0.5, 0.7)],
    "tibely_a": [{"omega": w} for w in (0.2, 0.4, 0.7, 0.9)],
    "tibely_b": [{"z": z} for z in (3.0, 10.0)],
}
_CUTS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class CoPosting:
    """How often whoever writes a tag writes the broader one too.

    Attributes
    ----------
    value, low, high : float
        Share of (thing, tag, broader tag) in which the broader one is there, with a
        95 % bootstrap interval over things.
    n : int
        Things with a tag that has a broader one among the tags used.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def trusted(self) -> bool:
        """Whether a tree made from these taggings can be expected to be right."""
        return self.low >= TRUSTED_COPOSTING

    def told(self, language: Language = "en") -> str:
        """A sentence for the reader."""
        if np.isnan(self.value):
            return (
                "没有可供判断的标签。"
                if language == "zh"
                else "No tag has a broader one among those used: nothing can be told."
            )
        interval = f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"
        if language == "zh":
            interval = f"{self.value:.1%}（{self.low:.1%}～{self.high:.1%}）"
            end = "可以尝试归纳层级。" if self.trusted else "归纳出的层级不可信。"
            return f"打标时同时写出上位标签的比例为 {interval}，{end}"
        end = (
            "a hierarchy can be tried."
            if self.trusted
            else "a hierarchy made from these taggings should not be trusted."
        )
        return f"The broader tag is also written in {interval} of the cases: {end}"


def ancestor_coposting(taggings: pd.DataFrame, gold: Hierarchy, *, seed: int = 0, draws: int = 1000) -> CoPosting:
    """How often taggers also write the broader tag: the condition on which induction succeeds or fails.

    Parameters
    ----------
    taggings : DataFrame
        ``document`` or ``customer_id``, ``tag``.
    gold : Scheme or DiGraph
        A hierarchy held to be right. Broader tags that nobody ever used do not count:
        no induction could place them.
    seed : int

    Examples
    --------
    >>> tags = pd.DataFrame({"document": [1, 1, 2], "tag": ["tax", "vat", "vat"]})
    >>> ancestor_coposting(tags, nx.DiGraph([("tax", "vat")])).value
    0.5
    """
    table = tag_matrix(taggings)
    graph = graph_of(gold)
    nodes = [str(tag) for tag in table.tags]
    above = ancestor_matrix(graph, nodes)
    expected = table.matrix.astype(np.int64) @ above  # things x broader tags: how often each is called for
    whole = np.asarray(expected.sum(axis=1)).ravel()
    there = np.asarray(expected.multiply(table.matrix).sum(axis=1)).ravel()
    rows = np.column_stack([there, whole])[whole > 0].astype(float)
    if not len(rows):
        return CoPosting(np.nan, np.nan, np.nan, 0)
    if len(rows) < 5:
        return CoPosting(float(rows[:, 0].sum() / rows[:, 1].sum()), np.nan, np.nan, len(rows))
    found: Estimate = estimate_by_bootstrap(rows, ratio_of_sums, seed=seed, draws=draws)
    return CoPosting(found.value, found.low, found.high, len(rows))


@dataclass(frozen=True, eq=False)
class InductionChoice:
    """A method with its parameters, chosen where the truth is known.

    Attributes
    ----------
    parameters : dict
        Go straight into `induce`: ``induce(taggings, **choice.parameters)``.
    tried : DataFrame
        ``method``, ``parameters`` (as text), ``train_f``, ``validate_f``, ``mean_f``; best first.
    train, validate : Agreement
        Of the method chosen.
    coposting : CoPosting
        Of the training fold.
    unnamed_f : float
        F on the validation fold if tags had no names: what the taggings alone tell.
    """

    parameters: dict
    tried: pd.DataFrame
    train: Agreement
    validate: Agreement
    coposting: CoPosting
    unnamed_f: float

    @property
    def method(self) -> str:
        """Name of the method chosen."""
        return str(self.parameters["method"])

    @property
    def trusted(self) -> bool:
        """Whether its tree is right often enough on both folds to be used."""
        return min(self.train.f, self.validate.f) >= TRUSTED_F

    def told(self, language: Language = "en") -> str:
        """A sentence for the reader: what was chosen, how right it is, whether to trust it."""
        f, chance = self.validate.f, self.validate.random_f
        by_name = f - self.unnamed_f > 0.05
        if language == "zh":
            named = f"其中标签名称的贡献很大，不看名称只有 {self.unnamed_f:.3f}；" if by_name else ""
            end = "可供人工复核后使用。" if self.trusted else "不可信，只能作为线索。"
            return f"选用 {self.method}：验证集分类学 F 值 {f:.3f}（随机树 {chance:.3f}；两个样本集均参与选择，略偏高），{named}{end}"
        named = f" much of it from the tags' names, {self.unnamed_f:.3f} without them;" if by_name else ""
        end = "a draft worth reviewing." if self.trusted else "not to be trusted, a hint at most."
        return (
            f"{self.method} is chosen: taxonomic F {f:.3f} on the validation fold (random tree {chance:.3f}; a little too "
            f"good, since both folds chose it):{named} {end}"
        )


def choose_induction(
    train: pd.DataFrame,
    validate: pd.DataFrame,
    gold: Hierarchy,
    *,
    least: int = 5,
    seed: int = 0,
    methods: tuple[str, ...] = tuple(METHODS),
) -> InductionChoice:
    """Pick the method and its parameters that come nearest to a known hierarchy, on two folds.

    Parameters
    ----------
    train, validate : DataFrame
        Taggings of different things.
    gold : Scheme or DiGraph
        Where it is a scheme, its names serve for tags that are codes.
    least : int
        Of `induce`.
    seed : int
    methods : tuple of str

    Returns
    -------
    InductionChoice

    Raises
    ------
    TagError
        If a method is not known, things stand in both folds, or too little of the gold standard is used.

    Notes
    -----
    Every method is tried on a grid, scored by the mean of the taxonomic F on the two
    folds. The weights of ``evidence`` are learned on the training fold and on four
    random quarters of it, so that they hold for smaller and larger sets alike. The
    score of the winner is a little too good: try it on a third fold.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise TagError(f"method {unknown[0]!r} is not one of {', '.join(METHODS)}")
    thing = thing_column(train)
    shared = set(train[thing]) & set(validate[thing_column(validate)])
    if shared:
        raise TagError(f"{len(shared)} things stand in both folds: split by {thing}, or the score is too good")
    names = _names_of(gold) | names_in(train)
    settings = [(name, options) for name in methods for options in _GRID.get(name, ())]
    if "evidence" in methods:
        settings += [("evidence", options) for options in _learn(train, gold, least, names, seed)]
    rows: list[tuple] = []
    best: tuple[float, str, dict[str, float], dict[str, Any]] | None = None
    for name, options in settings:
        extra: dict[str, Any] = {"names": names} if name == "evidence" and names else {}
        found = [
            agreement(induce(fold, name, least=least, **(extra | options)), gold, draws=0) for fold in (train, validate)
        ]
        scores = [0.0 if np.isnan(item.f) else item.f for item in found]
        told = ", ".join(f"{key} {value:.3g}" for key, value in options.items())
        rows.append((name, told, *scores, float(np.mean(scores))))
        if best is None or rows[-1][-1] > best[0]:
            best = (rows[-1][-1], name, options, extra)
    assert best is not None
    _, name, options, extra = best
    parameters: dict[str, Any] = {"method": name, "least": least, **extra, **options}
    fits = [agreement(induce(fold, **parameters), gold, seed=seed) for fold in (train, validate)]
    tried = pd.DataFrame(rows, columns=["method", "parameters", "train_f", "validate_f", "mean_f"])
    tried = tried.sort_values("mean_f", ascending=False, kind="stable", ignore_index=True)
    bare = {**parameters, "names": {}, "name": 0.0} if name == "evidence" else parameters
    without = validate.drop(columns="label", errors="ignore")
    unnamed = agreement(induce(without, **bare), gold, draws=0).f if name == "evidence" else fits[1].f
    coposting = ancestor_coposting(train, gold, seed=seed)
    return InductionChoice(parameters, tried, fits[0], fits[1], coposting, unnamed)


def _names_of(gold: Hierarchy) -> dict[str, str]:
    if not isinstance(gold, Scheme):
        return {}
    return {id: item.name("en") for id, item in gold.classes.items() if item.labels and item.name("en") != id}


def _learn(
    train: pd.DataFrame, gold: Hierarchy, least: int, names: Mapping[str, str], seed: int
) -> Iterator[dict[str, float]]:
    """Weights of the signs, with each cut of the chance."""
    thing = thing_column(train)
    things = train[thing].drop_duplicates().to_numpy()
    rng = np.random.default_rng(seed)
    parts = [train]
    for _ in range(4):
        chosen = rng.choice(len(things), max(len(things) // 4, 1), replace=False)
        parts.append(train[train[thing].isin(things[np.sort(chosen)])])
    graph = graph_of(gold)
    above = {tag: nx.ancestors(graph, tag) for tag in set(train["tag"].dropna().astype(str)) if tag in graph}
    signs, truth = [], []
    for part in parts:
        table = tag_matrix(part).used(least)
        if not len(table.tags):
            continue
        pairs = weigh_pairs(table, names)
        signs.append(pairs.signs)
        truth += [table.tags[x] in above.get(table.tags[y], ()) for x, y in zip(pairs.upper, pairs.lower, strict=True)]
    x, y = np.concatenate(signs) if signs else np.zeros((0, len(SIGNS))), np.array(truth, dtype=bool)
    if y.sum() < 10 or y.all():
        return  # too few true pairs to learn from
    spread = x.std(axis=0)
    spread[spread == 0] = 1.0
    fit = LogisticRegression(max_iter=5000).fit((x - x.mean(axis=0)) / spread, y)
    weights = fit.coef_[0] / spread
    constant = float(fit.intercept_[0] - weights @ x.mean(axis=0))
    for cut in _CUTS:
        yield {"threshold": cut, "constant": constant, **dict(zip(SIGNS, weights.tolist(), strict=True))}
