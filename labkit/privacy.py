"""Pseudonyms, masks, small cells and spreadsheet-safe text, for all that leaves.

Rules (OpenSAFELY, ACRO, California D.14-05-016 as a base): a cell of a report
has at least `MIN_CUSTOMERS` customers; energy and money are shown for at least 15
customers none of whom is above 15 % of the total, 100 for residential ones; a
second cell is hidden where one hidden cell could be worked out. De-identified
data are still personal data.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

#: Fewest customers in a cell of anything in a report.
MIN_CUSTOMERS = 10
#: The 15/15 rule for energy and money.
MIN_CUSTOMERS_AMOUNT = 15
MAX_SHARE_AMOUNT = 0.15
#: Residential energy and money (California D.14-05-016).
MIN_CUSTOMERS_RESIDENTIAL = 100


def read_key(path: Path) -> bytes:
    """Key for pseudonyms; made (mode 0600) where there is none yet.

    Keep it outside the data: whoever has both can undo the pseudonyms.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
    key = path.read_bytes()
    if len(key) < 16:
        raise ValueError(
            f"{path.name}: a key has at least 16 bytes, this has {len(key)}; delete the file to make a new one"
        )
    return key


def pseudonym(identifier: str, key: bytes) -> str:
    """A stable name that cannot be guessed back without the key (HMAC-SHA256).

    Examples
    --------
    >>> pseudonym("C0000001", b"0" * 16)
    'P-D53684B015'
    """
    digest = hmac.new(key, identifier.encode("utf-8"), hashlib.sha256).hexdigest()
    return f"P-{digest[:10].upper()}"


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


def suppress_small_cells(
    frame: pd.DataFrame,
    *,
    count: str,
    values: Sequence[str],
    minimum: int = MIN_CUSTOMERS,
    total: bool = True,
) -> pd.DataFrame:
    """Hide what rests on too few customers, and what would give it away.

    Parameters
    ----------
    frame : DataFrame
        One row a cell, with the number of distinct customers.
    count : str
        Column with that number.
    values : sequence of str
        Columns to hide in a small row.
    minimum : int
        Fewest customers that may be shown.
    total : bool
        Whether a total over the rows is shown elsewhere: then one hidden row
        could be worked out, and the next smallest is hidden with it.

    Returns
    -------
    DataFrame
        A copy; hidden counts and values are missing.

    Examples
    --------
    >>> cells = pd.DataFrame({"n": [40, 12, 3], "kwh": [9.0, 4.0, 1.0]})
    >>> suppress_small_cells(cells, count="n", values=["kwh"])["n"].tolist()
    [40.0, nan, nan]
    """
    shown = frame.copy()
    counts = shown[count].to_numpy(dtype=float)
    hidden = (counts > 0) & (counts < minimum)
    if (total and hidden.any() and counts[hidden].sum() < minimum) or (total and hidden.sum() == 1):
        rest = np.where(hidden | (counts <= 0), np.inf, counts)
        if np.isfinite(rest).any():
            hidden[int(rest.argmin())] = True
    for column in (count, *values):
        shown[column] = shown[column].astype(float).where(~hidden)
    return shown


def amount_may_be_shown(customers: int, largest_share: float, *, residential: bool = False) -> bool:
    """Whether an energy or money total may be shown (the 15/15 rule).

    Parameters
    ----------
    customers : int
        Distinct customers behind the total.
    largest_share : float
        Share of the largest of them in the total, 0..1.
    residential : bool
        Residential totals need 100 customers.

    Examples
    --------
    >>> amount_may_be_shown(40, 0.10), amount_may_be_shown(40, 0.22), amount_may_be_shown(40, 0.1, residential=True)
    (True, False, False)
    """
    fewest = MIN_CUSTOMERS_RESIDENTIAL if residential else MIN_CUSTOMERS_AMOUNT
    return customers >= fewest and largest_share <= MAX_SHARE_AMOUNT


def suppress_groups(
    groups: pd.DataFrame, *, residential: Sequence[bool] | None = None, minimum: int = MIN_CUSTOMERS
) -> pd.DataFrame:
    """Groups of customers with their energy, as a report may show them.

    Parameters
    ----------
    groups : DataFrame
        ``customers_count``, ``energy_kwh``, ``share``, ``largest_share`` (of the
        largest customer within the group) and any other figures.
    residential : sequence of bool, optional
        Groups of homes, whose energy needs 100 customers.
    minimum : int
        1 switches everything off (data declared open).

    Returns
    -------
    DataFrame
        Without ``largest_share``: small groups are hidden whole, energy (and what is
        weighted by it) also by the 15/15 rule, and a second one where a single one could be worked out.
        What is hidden stands last, by name, so that its place tells nothing.
    """
    if minimum <= 1:
        return groups.drop(columns="largest_share")
    others = [c for c in groups.columns[1:] if c not in ("customers_count", "largest_share")]
    shown = suppress_small_cells(groups, count="customers_count", values=others, minimum=minimum)
    homes = [False] * len(groups) if residential is None else list(residential)
    open_ = np.array(
        [
            amount_may_be_shown(int(n), top, residential=home)
            for n, top, home in zip(groups["customers_count"], groups["largest_share"], homes, strict=True)
        ]
    )
    if (~open_).sum() == 1 and open_.any():  # one hidden amount follows from the total
        amounts = groups["energy_kwh"].to_numpy(dtype=float)
        open_[int(np.where(open_, amounts, np.inf).argmin())] = False
    for column in [name for name in ("energy_kwh", "share", "peak_share") if name in shown]:
        shown[column] = shown[column].where(open_)
    hidden = shown["share"].isna()
    ordered = pd.concat([shown[~hidden], shown[hidden].sort_values(shown.columns[0])], ignore_index=True)
    return ordered.drop(columns="largest_share")


def to_safe_csv(frame: pd.DataFrame) -> bytes:
    """CSV that Excel opens with Chinese intact (UTF-8 with BOM) and no live formula.

    Notes
    -----
    Twelve digits: more than any figure here is known to, and fewer than differ
    between processors.
    """
    return safe_frame(frame).to_csv(index=False, lineterminator="\r\n", float_format="%.12g").encode("utf-8-sig")
