"""Whether grades come true, and whether a score treats groups alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.estimates import estimate_share


def grade_table(grades: np.ndarray, bad: np.ndarray | pd.Series, chance: np.ndarray | pd.Series) -> pd.DataFrame:
    """Each grade: ``grade``, ``customers_count``, ``expected_share``, ``bad_share`` with its ends, ``within``.

    ``within``: whether what was foretold lies in the interval (Wilson) of what came.
    """
    b, p, g = np.asarray(bad, dtype=bool), np.asarray(chance, dtype=float), np.asarray(grades)
    rows = []
    for name in sorted(set(g.tolist())):
        own = g == name
        seen = estimate_share(int(b[own].sum()), int(own.sum()))
        foretold = float(p[own].mean())
        rows.append(
            (name, int(own.sum()), foretold, seen.value, seen.low, seen.high, seen.low <= foretold <= seen.high)
        )
    return pd.DataFrame(
        rows, columns=["grade", "customers_count", "expected_share", "bad_share", "low_share", "high_share", "within"]
    )


def check_fairness(
    groups: pd.Series, trusted: np.ndarray, bad: np.ndarray | pd.Series, chance: np.ndarray, fewest: int = 10
) -> pd.DataFrame:
    """Whether a score treats groups alike that it does not know of.

    Parameters
    ----------
    groups : Series, shape (n,)
        Group of each case.
    trusted : ndarray of bool
        Who gets the better terms, such as grades A to C.
    bad, chance : array_like
        What came, and what was foretold.
    fewest : int
        Cases a group needs to be looked at.

    Returns
    -------
    DataFrame
        ``group``, ``customers_count``, ``bad_share``, ``expected_share``, ``trusted_share`` with
        ``low_share`` and ``high_share`` (Wilson), ``impact_ratio`` of it to that of the group with the highest,
        ``payers_trusted_share``: among those who paid (equal opportunity), ``four_fifths``: whether
        the ratio is 0.8 or more.

    Notes
    -----
    The four-fifths rule of the US Uniform Guidelines (1978) is a screen, no test; groups that
    differ in what they owe differ in grades too, and equal opportunity and calibration
    cannot both hold then (Kleinberg et al. 2016, arXiv:1609.05807).
    """
    names, t, b, p = groups.to_numpy(), np.asarray(trusted, dtype=bool), np.asarray(bad, dtype=bool), np.asarray(chance)
    rows = []
    for name in sorted({str(n) for n in names[pd.notna(names)]}):
        own = names == name
        if own.sum() < fewest or not (own & ~b).any():
            continue
        share = estimate_share(int(t[own].sum()), int(own.sum()))
        rows.append(
            (name, int(own.sum()), b[own].mean(), p[own].mean(), share.value, share.low, share.high, t[own & ~b].mean())
        )
    table = pd.DataFrame(
        rows,
        columns=[
            "group",
            "customers_count",
            "bad_share",
            "expected_share",
            "trusted_share",
            "low_share",
            "high_share",
            "payers_trusted_share",
        ],
    )
    best = table["trusted_share"].max() if len(table) else np.nan
    table["impact_ratio"] = table["trusted_share"] / best if best else np.nan
    table["four_fifths"] = table["impact_ratio"] >= 0.8
    return table
