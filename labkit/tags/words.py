"""People's own tags made comparable: case, width, traditional characters, spelling, synonyms."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

import pandas as pd

from labkit.tags.record import TagClass
from labkit.tags.scheme import Scheme

_SEPARATORS = re.compile(r"[\s_/\\·・,，;；:：\-–—]+")
#: Likeness from which a rare tag is taken for a slip of a frequent one, and how much more frequent that must be.
_ALIKE, _MORE_FREQUENT, _LEAST_LETTERS = 0.85, 5, 5


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
        tags = taggings["tag"].map(self.spelling)
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
        Take rare words of five letters or more for slips of a frequent word that is much
        like them (one letter in seven or so).

    Examples
    --------
    >>> vocabulary = normalise_tags(["Solar", "solar "] * 5 + ["sollar"], synonyms={"solar": "photovoltaics"})
    >>> vocabulary.spelling["sollar"], vocabulary.reasons["Solar"]
    ('photovoltaics', 'synonym')
    """
    counts = Counter(str(tag) for tag in tags)
    formed = {written: normalise_word(written) for written in counts}
    sizes: Counter[str] = Counter()
    for written, word in formed.items():
        sizes[word] += counts[written]
    slips = _slips(sizes) if spelling else {}
    known = {normalise_word(a): b for a, b in (synonyms or {}).items()}
    final, reasons = {}, {}
    for written, word in formed.items():
        kept = slips.get(word, word)
        final[written] = known.get(kept, kept)
        if final[written] != written:
            reasons[written] = (
                "synonym" if kept in known and known[kept] != kept else "spelling" if word in slips else "form"
            )
    return Vocabulary(final, reasons)


def _slips(sizes: Counter[str]) -> dict[str, str]:
    """Rare words that look like a frequent one; words in Chinese have too few letters to tell."""
    latin = [
        word for word in sizes if len(word) >= _LEAST_LETTERS and word.isascii() and not any(c.isdigit() for c in word)
    ]
    by_start: dict[str, list[str]] = {}
    for word in latin:
        by_start.setdefault(word[0], []).append(word)
    found: dict[str, str] = {}
    for group in by_start.values():
        group.sort(key=lambda w: (-sizes[w], w))
        for word in group:
            for better in group:
                if sizes[better] < _MORE_FREQUENT * sizes[word]:
                    break
                if abs(len(better) - len(word)) <= 2 and SequenceMatcher(None, better, word).ratio() >= _ALIKE:
                    found[word] = found.get(better, better)
                    break
    return found


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
