"""Values as an error may show them, and text that no spreadsheet runs as a formula."""

from __future__ import annotations

import re

import pandas as pd


def mask(value: object) -> str:
    """A value as an error may show it: form kept, content gone.

    Phone numbers keep three figures in front and four behind; other values keep
    their first character and length at most.

    Examples
    --------
    >>> mask("13812345678"), mask("王建国"), mask("x"), mask("")
    ('138****5678', '王**', '*', '')
    """
    text = str(value)
    if re.fullmatch(r"\d{11}", text):
        return f"{text[:3]}****{text[-4:]}"
    if len(text) <= 1:
        return "*" * len(text)
    return text[0] + "*" * min(len(text) - 1, 8)


_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def safe_text(value: object) -> object:
    """Text that no spreadsheet runs as a formula; numbers stay numbers.

    Examples
    --------
    >>> safe_text("=HYPERLINK(1)"), safe_text(-3.5), safe_text("ok")
    ("'=HYPERLINK(1)", -3.5, 'ok')
    """
    if isinstance(value, str) and value.startswith(_FORMULA_START):
        return f"'{value}"
    return value


def safe_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose text cells, column names and index are spreadsheet-safe."""
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].map(safe_text)
    safe.columns = [safe_text(str(column)) for column in safe.columns]
    return safe


def to_safe_csv(frame: pd.DataFrame) -> bytes:
    """CSV that Excel opens with Chinese intact (UTF-8 with BOM) and no live formula.

    Notes
    -----
    Twelve digits: more than any figure here is known to, and fewer than differ
    between processors.
    """
    return safe_frame(frame).to_csv(index=False, lineterminator="\r\n", float_format="%.12g").encode("utf-8-sig")
