"""Segments of the market: which customers each is made of, as data several domains share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from labkit import terms
from labkit.calendar import DATA
from labkit.lab import Lab
from labkit.schema import CUSTOMER_CLASSES

_COLUMNS = ("customer_class", "industry_code", "voltage_kv", "settlement")
_CONDITIONS = ("customer_class", "industry_code", "voltage_kv_at_least", "settlement")


@dataclass(frozen=True)
class Segment:
    """A segment and what a customer must be to belong to it.

    Attributes
    ----------
    customer_class, industry_code, settlement : tuple of str
        Any of these; codes of industries by how they begin. Empty: any.
    voltage_kv_at_least : float
    """

    id: str
    en: str
    zh: str
    customer_class: tuple[str, ...]
    industry_code: tuple[str, ...] = ()
    voltage_kv_at_least: float = 0.0
    settlement: tuple[str, ...] = ()

    def label(self, language: terms.Language) -> str:
        """Name of the segment."""
        return self.zh if language == "zh" else self.en


def read_segments(path: Path = DATA / "market" / "segments.yaml") -> dict[str, Segment]:
    """Segments from a YAML file, in the order in which customers are given to them.

    Raises
    ------
    ValueError
        If a condition or a class is unknown, or a name is missing.

    Examples
    --------
    >>> read_segments()["industrial_large"].voltage_kv_at_least
    10
    """
    segments = {}
    for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        odd = sorted(set(entry) - {"en", "zh", *_CONDITIONS})
        if odd or not {"en", "zh", "customer_class"} <= set(entry):
            raise ValueError(
                f"{path.name}, {name}: {f'{odd[0]} is unknown' if odd else 'en, zh and customer_class are needed'}"
            )
        strange = sorted(set(entry["customer_class"]) - set(CUSTOMER_CLASSES))
        if strange:
            raise ValueError(f"{path.name}, {name}: {strange[0]} is no customer class")
        listed: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
        }
        segments[name] = Segment(name, **listed)
    return segments


def assign_segments(customers: pd.DataFrame, segments: dict[str, Segment] | None = None) -> pd.Series:
    """Segment of each customer; missing where none fits.

    Parameters
    ----------
    customers : DataFrame
        ``customer_class`` and what else the conditions ask for; a condition on a
        column that is not there is not met.
    segments : dict, optional
        Of `read_segments`.

    Examples
    --------
    >>> two = pd.DataFrame({"customer_class": ["industrial", "residential"], "voltage_kv": [10.0, 0.22]})
    >>> assign_segments(two).tolist()
    ['industrial_large', 'residential']
    """
    found = np.full(len(customers), None, dtype=object)
    for segment in (read_segments() if segments is None else segments).values():
        meets = customers["customer_class"].isin(segment.customer_class)
        if segment.industry_code:
            meets &= _column(customers, "industry_code").astype("string").str.startswith(segment.industry_code)
        if segment.voltage_kv_at_least:
            meets &= _column(customers, "voltage_kv").astype(float) >= segment.voltage_kv_at_least
        if segment.settlement:
            meets &= _column(customers, "settlement").isin(segment.settlement)
        found[(meets.fillna(False).to_numpy(dtype=bool)) & pd.isna(found)] = segment.id
    return pd.Series(found, index=customers.index, name="segment")


def segments_of(lab: Lab, segments: dict[str, Segment] | None = None) -> pd.Series:
    """Segment by customer_id, of all customers of a lab, in the order of their ids."""
    wanted = ["customer_id", *(c for c in _COLUMNS if c in lab.customers.columns)]
    customers = lab.run(lab.customers.select(*wanted)).sort_values("customer_id", ignore_index=True)
    return pd.Series(assign_segments(customers, segments).to_numpy(), customers["customer_id"], name="segment")


def _column(customers: pd.DataFrame, name: str) -> pd.Series:
    return customers[name] if name in customers else pd.Series(np.nan, customers.index, dtype=object)
