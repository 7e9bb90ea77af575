"""People's own tags made comparable: case, width, traditional characters, spelling, synonyms."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import pandas as pd

from labkit.tags.record import TagClass
from labkit.tags.scheme import Scheme

_SEPARATORS = re.compile(r"[\s_/\\·・,，;；:：\-–—]+")
#: How much more frequent the right spelling must be, how rare the slip, and the shortest word judged.
_MORE_FREQUENT, _RARE, _LEAST_LETTERS = 10, 3, 6


@cache
def _simplifier() -> object:
    import opencc

    return opencc.OpenCC("t2s")


def normalise_word(text: str) -> str:
    """One spelling of a tag: NFKC (width), lower case, simplified characters, single spaces, no marks around it.

    Examples
    --------
    >>> normalise_word(" ＶＩＰ　客戶 "), normalise_word("#Late-Payer!")
    ('vip 客户', 'late payer')
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    if any("\u4e00" <= letter <= "\u9fff" for letter in folded):
        folded = _simplifier().convert(folded)  # type: ignore[attr-defined]
    kept = "".join(c for c in folded if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    return _SEPARATORS.sub(" ", kept).strip(" #!?.。！？\"'“”‘’()（）[]【】<>《》")


@dataclass(frozen=True)
class Vocabulary:
    """How tags as written map to one spelling each.

    Attributes
    ----------
    spelling : dict of str to str
        Tag as written -> tag as counted.
    reasons : dict of str to str
        Tag as written -> why it changed: form, spelling, synonym.
    """

    spelling: dict[str, str]
    reasons: dict[str, str]

    def apply(self, taggings: pd.DataFrame) -> pd.DataFrame:
        """Taggings with one spelling a tag; a tag that is empty then is left out."""
        tags = taggings["tag"].astype(str).map(self.spelling).where(taggings["tag"].notna())
        return taggings.assign(tag=tags)[tags.fillna("") != ""].reset_index(drop=True)

    def to_frame(self) -> pd.DataFrame:
        """Changes: ``written``, ``tag``, ``reason``."""
        rows = [(written, self.spelling[written], reason) for written, reason in sorted(self.reasons.items())]
        return pd.DataFrame(rows, columns=["written", "tag", "reason"])


def normalise_tags(
    tags: Iterable[str], *, synonyms: Mapping[str, str] | None = None, spelling: bool = True
) -> Vocabulary:
    """One spelling for tags that mean the same.

    Parameters
    ----------
    tags : iterable of str
        As written, as often as they were.
    synonyms : mapping of str to str, optional
        Word -> the word it stands for, such as of `synonyms_of`.
    spelling : bool
        Take words of six letters or more that stand there three times at most for slips of one ten
        times as frequent, if a single letter is wrong, missing or too much. Names of the
        library (``synonyms``) are never slips. `Vocabulary.to_frame` shows each for review.

    Examples
    --------
    >>> vocabulary = normalise_tags(["Panels", "panels "] * 5 + ["pannels"], synonyms={"panels": "photovoltaics"})
    >>> vocabulary.spelling["pannels"], vocabulary.reasons["Panels"]
    ('photovoltaics', 'synonym')
    """
    counts = Counter(str(tag) for tag in tags if not (isinstance(tag, float) and tag != tag) and tag is not None)
    formed = {written: normalise_word(written) for written in counts}
    sizes: Counter[str] = Counter()
    for written, word in formed.items():
        sizes[word] += counts[written]
    known = {normalise_word(a): b for a, b in (synonyms or {}).items()}
    slips = _slips(sizes, set(known)) if spelling else {}
    final, reasons = {}, {}
    for written, word in formed.items():
        kept = slips.get(word, word)
        final[written] = known.get(kept, kept)
        if final[written] != written:
            reasons[written] = (
                "synonym" if kept in known and known[kept] != kept else "spelling" if word in slips else "form"
            )
    return Vocabulary(final, reasons)


def _slips(sizes: Counter[str], known: set[str]) -> dict[str, str]:
    """Rare words a letter away from a frequent one; words in Chinese have too few letters to tell."""
    frequent = [w for w in sizes if w.isascii() and sizes[w] >= _MORE_FREQUENT]
    found: dict[str, str] = {}
    for word in sorted(sizes):
        if sizes[word] > _RARE or word in known or not word.isascii() or any(c.isdigit() for c in word):
            continue
        better = [w for w in frequent if sizes[w] >= _MORE_FREQUENT * sizes[word] and _a_letter_apart(word, w)]
        if better:
            found[word] = max(better, key=lambda w: (sizes[w], w))
    return found


def _a_letter_apart(a: str, b: str) -> bool:
    """Whether one letter of one word makes the difference, in a word long enough to tell."""
    one, two = a.split(), b.split()
    if len(one) != len(two):
        return False
    apart = [(x, y) for x, y in zip(one, two, strict=True) if x != y]
    if len(apart) != 1 or min(map(len, apart[0])) < _LEAST_LETTERS - 1 or max(map(len, apart[0])) < _LEAST_LETTERS:
        return False
    x, y = sorted(apart[0], key=len)
    if len(y) - len(x) > 1:
        return False
    same = next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), len(x))
    return x[same:] == y[same + 1 :] if len(x) < len(y) else x[same + 1 :] == y[same + 1 :]


def synonyms_of(scheme: Scheme) -> dict[str, str]:
    """Every name and alias of a scheme's classes -> the class's id; a word that two classes claim is left out."""
    holders: dict[str, set[str]] = {}
    for item in scheme.classes.values():
        for text in _names(item):
            holders.setdefault(normalise_word(text), set()).add(item.id)
    return {word: next(iter(ids)) for word, ids in holders.items() if len(ids) == 1 and word}


def _names(item: TagClass) -> Iterable[str]:
    yield item.id
    yield from (label.text for label in item.labels)
