"""What customers call about: topics out of their own words, in Chinese, English or both."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import silhouette_score

from labkit.service.errors import ServiceError

#: Share of the tickets from which a topic says nothing any more.
_LARGEST = 0.3
_WORD = re.compile(r"[a-z]{2,}|[\u4e00-\u9fff]+")
_NUMBER, _MAIL = re.compile(r"\d[\d\-\s]{2,}\d|\d+"), re.compile(r"\S+@\S+")
_STOP = frozenset(
    [
        "the",
        "and",
        "for",
        "of",
        "to",
        "in",
        "is",
        "it",
        "my",
        "we",
        "our",
        "has",
        "have",
        "not",
        "what",
        "how",
        "when",
        "can",
        "please",
        "need",
        "want",
        "this",
        "that",
        "with",
        "请",
        "我",
        "的",
        "了",
        "吗",
        "呢",
        "怎么",
        "什么",
        "一直",
        "没有",
        "可以",
        "现在",
        "已经",
        "需要",
    ]
)


def mask_text(text: str) -> str:
    """A customer's words without numbers and addresses that could name it.

    Examples
    --------
    >>> mask_text("户号1234567890停电，电话13812345678")
    '户号***停电，电话***'
    """
    return _NUMBER.sub("***", _MAIL.sub("***", str(text)))


def split_words(text: str) -> list[str]:
    """Words of Latin script, and all pairs and triples of neighbouring Chinese characters.

    Pairs and triples need no dictionary and do not break on new words; mixed texts give both.

    Examples
    --------
    >>> split_words("充电桩 meter")
    ['充电', '电桩', '充电桩', 'meter']
    """
    found = []
    for piece in _WORD.findall(unicodedata.normalize("NFKC", str(text)).lower()):
        if piece[0] <= "z":
            found += [piece] if piece not in _STOP else []
        else:
            for size in (2, 3):
                found += [piece[i : i + size] for i in range(len(piece) - size + 1)]
            if len(piece) == 1:
                found.append(piece)
    return [word for word in found if word not in _STOP]


@dataclass(frozen=True, eq=False)
class Topics:
    """Topics of texts.

    Attributes
    ----------
    labels : ndarray of int
        Topic of each text; -1 where it has no words.
    table : DataFrame
        ``topic``, ``words``, ``tickets_count``, ``share`` with ``low_share`` and ``high_share``, ``examples`` (masked).
    empty_count : int
        Texts without words.
    """

    labels: np.ndarray
    table: pd.DataFrame
    empty_count: int


def find_topics(
    texts: pd.Series, k: int | None = None, *, customers: pd.Series | None = None, seed: int = 0, draws: int = 300
) -> Topics:
    """Group texts by their words.

    Parameters
    ----------
    texts : Series of str
        Chinese, English or both; empty ones are counted.
    k : int, optional
        Topics; by default the number from 8 to 30 with the best silhouette of those whose largest topic has at most three tenths.
    customers : Series, optional
        Who wrote each: then intervals draw customers.
    seed, draws : int

    Returns
    -------
    Topics
        The largest first; up to three masked examples each, the most typical ones.

    Raises
    ------
    ServiceError
        If no text has words.

    Notes
    -----
    TF-IDF of words and of pairs and triples of characters, k-means on the different texts weighted by the
    logarithm of how often each occurs. Groups of words are not meanings: read the examples before naming them.
    """
    plain = texts.fillna("").astype(str)
    counts = plain.value_counts(sort=False)
    different = sorted(text for text in counts.index if split_words(text))
    if not different:
        raise ServiceError("no text has words: bring the customers' words in the column text")
    vectorizer = TfidfVectorizer(analyzer=split_words, max_features=20_000, sublinear_tf=True)
    matrix = vectorizer.fit_transform(different)
    weight = counts[different].to_numpy(dtype=float)
    model = _cluster(matrix, np.log1p(weight), k, seed)
    number = int(model.labels_.max()) + 1
    of_text = dict(zip(different, model.labels_.tolist(), strict=True))
    raw = plain.map(of_text).fillna(-1).to_numpy().astype(int)
    sizes = np.bincount(raw[raw >= 0], minlength=number)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(number, dtype=int)
    rank[order] = np.arange(number)
    labels = np.where(raw >= 0, rank[raw], -1)
    near = np.asarray(matrix @ model.cluster_centers_.T)
    everything = _parts_of(different, weight)
    rows, ends = [], _shares(labels, number, customers, seed, draws)
    for new, old in enumerate(order):
        inside = np.flatnonzero(model.labels_ == old)
        typical = inside[np.argsort(-near[inside, old] * np.sqrt(weight[inside]), kind="stable")[:3]]
        words = _tell_words([different[i] for i in inside], weight[inside], everything, weight.sum())
        examples = " | ".join(mask_text(different[i]) for i in typical)
        rows.append((new, words, int(sizes[old]), int(sizes[old]) / len(labels), *ends[new].tolist(), examples))
    table = pd.DataFrame(
        rows, columns=["topic", "words", "tickets_count", "share", "low_share", "high_share", "examples"]
    )
    return Topics(labels, table, int((raw < 0).sum()))


def _cluster(matrix: sparse.csr_matrix, weight: np.ndarray, k: int | None, seed: int) -> KMeans:
    """k-means of the number of groups asked for, or of the best silhouette of those in which no group takes in too much."""
    n = matrix.shape[0]
    starts = 20 if n < 500 else 2  # few texts lie far apart, and one start easily goes astray
    if k is not None or n < 8:
        return KMeans(min(k or n, n), n_init=starts, random_state=seed).fit(matrix, sample_weight=weight)
    sample = np.random.default_rng(seed).choice(n, min(n, 2000), replace=False)
    tried: list[tuple[bool, float, KMeans]] = []
    for number in (8, 10, 12, 15, 18, 22, 26, 30):
        if number >= n - 1:
            break
        model = KMeans(number, n_init=starts, random_state=seed).fit(matrix, sample_weight=weight)
        chosen = model.labels_[sample]
        if len(np.unique(chosen)) > 1:
            largest = np.bincount(model.labels_, weight).max() / weight.sum()
            score = float(silhouette_score(matrix[sample], chosen, metric="cosine"))
            tried.append((largest <= _LARGEST, score, model))
    if not tried:
        return KMeans(min(4, n), n_init=starts, random_state=seed).fit(matrix, sample_weight=weight)
    return max(tried, key=lambda x: (x[0], x[1]))[2]


def _parts_of(texts: list[str], weight: np.ndarray) -> dict[str, float]:
    """How much weight has each word, and each row of two to five Chinese characters."""
    found: dict[str, float] = {}
    for text, w in zip(texts, weight.tolist(), strict=True):
        parts = set()
        for piece in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
            if piece[0] <= "z":
                parts.add(piece)
            else:
                parts |= {piece[i : i + size] for size in (2, 3, 4, 5) for i in range(len(piece) - size + 1)}
        for part in parts - _STOP:
            found[part] = found.get(part, 0.0) + w
    return found


def _tell_words(texts: list[str], weight: np.ndarray, everything: dict[str, float], total: float, most: int = 3) -> str:
    """The parts of texts that mark a topic: frequent in it, rare elsewhere, long; none of them part of another."""
    if len(texts) > 300:
        order = np.argsort(-weight, kind="stable")[:300]
        texts, weight = [texts[i] for i in order], weight[order]
    own = _parts_of(texts, weight)
    whole, part_of_all = float(weight.sum()), float(total)
    score: dict[str, float] = {}
    for part, own_weight in own.items():
        here, there = own_weight / whole, everything[part] / part_of_all
        score[part] = float(here * np.log(here / there + 1e-9) * np.sqrt(min(len(part), 4)))
    kept: list[str] = []
    for part in sorted(score, key=lambda p: (-score[p], -len(p), p))[:200]:
        if score[part] > 0 and not any(
            set(part) & set(other) and (part in other or other in part or _overlap(part, other)) for other in kept
        ):
            kept.append(part)
        if len(kept) == most:
            break
    return ", ".join(kept)


def _overlap(a: str, b: str) -> bool:
    """Whether one ends as the other begins, so that they are cut from one word."""
    return any(a.endswith(b[:n]) or b.endswith(a[:n]) for n in range(1, min(len(a), len(b))))


def _shares(labels: np.ndarray, number: int, customers: pd.Series | None, seed: int, draws: int) -> np.ndarray:
    """Ends of the share of each topic, by a bootstrap over customers (or texts): shape (topics, 2)."""
    who = np.arange(len(labels)) if customers is None else pd.factorize(customers.fillna("?").to_numpy())[0]
    n, known = int(who.max()) + 1, labels >= 0
    inside = sparse.csr_matrix((np.ones(int(known.sum())), (who[known], labels[known])), shape=(n, number))
    whole = np.bincount(who, minlength=n).astype(float)
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(draws):
        w = np.bincount(rng.integers(0, n, n), minlength=n).astype(float)
        drawn.append((inside.T @ w) / max(float(w @ whole), 1.0))
    ends: np.ndarray = np.quantile(np.array(drawn), [0.025, 0.975], axis=0).T
    return ends
