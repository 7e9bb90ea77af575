"""What speaks for one tag standing above another, and how much each sign weighs where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from labkit.tags.taggings import TagMatrix
from labkit.tags.words import normalise_word

#: Signs, in the order of their weights; none depends on how many things there are.
SIGNS = ("given", "lift", "size", "given_by_size", "back", "name")
_MOST_WORDS = 8


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of tags of which one may stand above the other.

    Attributes
    ----------
    upper, lower : ndarray of int
        Places of the tags.
    signs : ndarray, shape (pairs, 6)
        Of `SIGNS`: log odds of P(upper | lower); log of its ratio to P(upper); log of the
        lower one's count; the product of the first with that; log odds of
        P(lower | upper); whether the upper one's name is part of the lower one's.
    """

    upper: np.ndarray
    lower: np.ndarray
    signs: np.ndarray


def weigh_pairs(table: TagMatrix, names: Mapping[str, str] | None = None) -> Pairs:
    """Signs of every pair that occurs together, the more frequent above, or whose names contain each other.

    Parameters
    ----------
    table : TagMatrix
    names : mapping of str to str, optional
        Tag -> its name, where the tag is a code.

    Notes
    -----
    Shares are smoothed by half a case, so that few cases say little.
    """
    both = table.together.tocsr()
    counts = table.counts
    coo = both.tocoo()
    frequent = (counts[coo.row] > counts[coo.col]) & (coo.row != coo.col)
    named = _contained([normalise_word(str((names or {}).get(str(tag), tag))) for tag in table.tags])
    pairs = np.unique(np.concatenate([np.column_stack([coo.row, coo.col])[frequent], named]), axis=0)
    if not len(pairs):
        return Pairs(np.array([], int), np.array([], int), np.zeros((0, len(SIGNS))))
    x, y = pairs.T
    together = np.asarray(both[x, y]).ravel().astype(float)
    given = (together + 0.5) / (counts[y] + 1)
    back = (together + 0.5) / (counts[x] + 1)
    base = (counts[x] + 0.5) / (len(table.things) + 1)
    width = int(pairs.max()) + 1
    contained = np.isin(x * width + y, named[:, 0] * width + named[:, 1])
    size = np.log(counts[y])
    odds = _log_odds(given)
    return Pairs(x, y, np.column_stack([odds, np.log(given / base), size, odds * size, _log_odds(back), contained]))


def _log_odds(share: np.ndarray) -> np.ndarray:
    return np.log(share) - np.log1p(-share)


def _contained(names: list[str]) -> np.ndarray:
    """Pairs (part, whole): all words of one name, or all its letters in a row in Chinese, are in the other."""
    words = [frozenset(_stem(w) for w in name.split()) for name in names]
    by_words: dict[frozenset[str], list[int]] = {}
    for i, own in enumerate(words):
        by_words.setdefault(own, []).append(i)
    found = []
    for whole, own in enumerate(words):
        for size in range(1, min(len(own), _MOST_WORDS)):
            found += [
                (part, whole) for some in combinations(sorted(own), size) for part in by_words.get(frozenset(some), ())
            ]
    chinese = [i for i, name in enumerate(names) if any("\u4e00" <= c <= "\u9fff" for c in name)]
    by_text: dict[str, list[int]] = {}
    for i in chinese:
        by_text.setdefault(names[i], []).append(i)
    for whole in chinese:
        text = names[whole]
        parts = {text[a:b] for a in range(len(text)) for b in range(a + 2, len(text) + 1) if b - a < len(text)}
        found += [(part, whole) for piece in sorted(parts) for part in by_text.get(piece, ())]
    return np.array(sorted(set(found)), dtype=np.int64).reshape(-1, 2)


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word
