"""Covariates of a table as numbers for a model: words as differences from the most frequent one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.loyalty.errors import LoyaltyError

#: Share of a number's variance below which others have said it already.
_NOTHING_LEFT = 1e-9


@dataclass(frozen=True)
class Design:
    """How columns become numbers.

    Attributes
    ----------
    columns : tuple of str
        Of the table.
    levels : dict
        Column of words -> its values but the base, which is the most frequent one.
    base : dict
        Column of words -> its base.
    """

    columns: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    base: dict[str, str]

    @property
    def names(self) -> list[str]:
        """Names of the numbers: ``column``, or ``column=value``."""
        return [
            name
            for column in self.columns
            for name in ([f"{column}={v}" for v in self.levels[column]] if column in self.levels else [column])
        ]

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """The numbers of a table, shape (rows, len(names)).

        Raises
        ------
        LoyaltyError
            If a column is not there, has missing values, or a word that was not there when the model was fitted.
        """
        parts = []
        for column in self.columns:
            if column not in table:
                raise LoyaltyError(f"the table has no column {column}; its columns are {', '.join(map(str, table))}")
            values = table[column]
            if values.isna().any():
                raise LoyaltyError(
                    f"{column} is missing in {int(values.isna().sum())} rows; leave those out, or make missing a value of its own"
                )
            if column in self.levels:
                parts.append(self._dummies(column, values.astype(str).to_numpy()))
            else:
                numbers = values.to_numpy(dtype=float)
                if not np.isfinite(numbers).all():
                    raise LoyaltyError(f"{column} has infinite values; correct them")
                parts.append(numbers[:, None])
        return np.column_stack(parts) if parts else np.empty((len(table), 0))

    def _dummies(self, column: str, words: np.ndarray) -> np.ndarray:
        known = (*self.levels[column], self.base[column])
        strange = sorted(set(words.tolist()) - set(known))
        if strange:
            raise LoyaltyError(
                f"{column} has the value {strange[0]!r}, which the model has never seen; expected one of {', '.join(known)}"
            )
        return np.column_stack([words == v for v in self.levels[column]]).astype(float)


def read_design(table: pd.DataFrame, columns: Sequence[str]) -> Design:
    """How the columns of a table become numbers.

    Raises
    ------
    LoyaltyError
        If there is no column, one is not in the table, or one does not vary.
    """
    if not columns:
        raise LoyaltyError("no covariates are given; survival_curve needs none")
    levels, base = {}, {}
    for column in columns:
        if column not in table:
            raise LoyaltyError(f"the table has no column {column}; its columns are {', '.join(map(str, table))}")
        values = table[column]
        if values.nunique() < 2:
            raise LoyaltyError(f"{column} has the same value everywhere: nothing can be learned of it; leave it out")
        if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
            raise LoyaltyError(f"{column} holds dates or lengths of time; give numbers, such as months since it")
        if not pd.api.types.is_numeric_dtype(values):
            counts = values.dropna().astype(str).value_counts().sort_index().sort_values(ascending=False, kind="stable")
            base[column] = str(counts.index[0])
            levels[column] = tuple(sorted(str(v) for v in counts.index[1:]))
    return Design(tuple(columns), levels, base)


def numbers_of(table: pd.DataFrame, columns: Sequence[str]) -> tuple[Design, np.ndarray]:
    """Design and numbers of a table, with those refused that others already say.

    Raises
    ------
    LoyaltyError
        As of `read_design` and `Design.transform`, or if one number follows from others.
    """
    design = read_design(table, columns)
    x = design.transform(table)
    refuse_doubled(x, design.names)
    return design, x


def refuse_doubled(x: np.ndarray, names: Sequence[str], weights: np.ndarray | None = None) -> None:
    """Refuse numbers of which one follows from the others.

    Raises
    ------
    LoyaltyError
        With the name of the first that does.
    """
    w = np.ones(len(x)) if weights is None else weights
    mean = np.average(x, axis=0, weights=w)
    sums = (x * (w / w.sum())[:, None]).T @ x - np.outer(mean, mean)
    sd = np.sqrt(np.maximum(np.diag(sums), 1e-300))
    rest = sums / np.outer(sd, sd)
    # What is left of each once those before it are taken out, as in a regression on them.
    doubled = np.zeros(len(names), dtype=bool)
    for k in range(len(names)):
        doubled[k] = rest[k, k] < _NOTHING_LEFT
        if not doubled[k]:
            rest = rest - np.outer(rest[:, k], rest[k]) / rest[k, k]
    if len(x) < len(names) or doubled.any():
        raise LoyaltyError(
            f"{names[int(np.argmax(doubled))]} follows from the other covariates, so effects cannot be told apart; leave one of them out"
        )
