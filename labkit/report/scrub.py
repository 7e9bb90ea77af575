"""What an error says, without what it quotes of customers."""

from __future__ import annotations

from pathlib import Path

import ibis

import labkit
from labkit import privacy
from labkit.schema import TABLES

#: Shorter values are no names; they would be found in any sentence.
_LEAST_LENGTH = 2


def hide_personal(text: str, data: Path) -> str:
    """A text with every personal value of a store masked: names, numbers, places, free text.

    Where a notebook fails, its error may quote what it could not digest, and the index of the run
    repeats it. The engine looks which values of the store occur in the text.

    Parameters
    ----------
    text : str
    data : Path
        The store.
    """
    found: set[str] = set()
    with labkit.open(data, verify=False) as lab:
        for name in (name for name in lab.tables if name in TABLES and name != "readings"):
            table = lab.table(name)
            personal = {c.name for c in TABLES[name].columns if c.personal != "none"} & set(table.columns)
            for column in personal:
                value = table[column].cast("string")
                inside = ibis.literal(text).contains(value) & (value.length() >= _LEAST_LENGTH)
                found |= set(lab.run(table.filter(inside).select(value=value).distinct())["value"])
    for value in sorted(found, key=lambda v: (-len(v), v)):
        text = text.replace(value, privacy.mask(value))
    return text
