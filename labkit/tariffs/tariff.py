"""A tariff that can be read, told and billed by."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from labkit.calendar import DATA
from labkit.tariffs.bill import Bill, make_bill
from labkit.tariffs.describe import describe_rule
from labkit.tariffs.determinants import as_load, check_validity, make_grid, measure, refuse_gaps, refuse_negative
from labkit.tariffs.lines import Account
from labkit.tariffs.read import parse_rule, read_rule
from labkit.tariffs.rule import TariffError, TariffRule
from labkit.tariffs.urdb import parse_urdb
from labkit.terms import Language


class Tariff(TariffRule):
    """A tariff: data with dates, region and source (see ``data/tariffs/README.md``).

    Examples
    --------
    >>> tariff = Tariff.read(DATA / "tariffs" / "TWO_PART_CAPACITY.yaml")
    >>> bill = tariff.bill([100.0] * 744, "2025-03-01", 60, capacity_kva=315)
    >>> bill.by_month().loc["2025-03", ["energy", "basic"]].tolist()
    [44640.0, 8190.0]
    """

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """A tariff from a YAML file.

        Raises
        ------
        TariffError
            If it cannot be used, naming the rule and the place.
        """
        return cls(**read_rule(path))

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """A tariff from what its YAML file would say."""
        return cls(**parse_rule(raw))

    @classmethod
    def from_urdb(cls, rate: dict[str, Any] | str | Path) -> Self:
        """A tariff from a rate of the US Utility Rate Database (version 8).

        Parameters
        ----------
        rate : dict, str or Path
            A rate as the service gives it (or its answer with ``items``), JSON
            text, or a file.

        Notes
        -----
        Weekdays are Monday to Friday; holidays are not told apart. The dates of a
        rate are kept in ``source`` and not enforced: typical-year loads belong to
        no year. See https://openei.org/services/doc/rest/util_rates/?version=8.
        """
        return cls(**parse_urdb(rate))

    def describe(self, language: Language = "en") -> str:
        """The tariff in words, a rule a line (Markdown)."""
        return describe_rule(self, language)

    def bill(
        self,
        kwh: Any,
        start: str | dt.date | pd.Timestamp,
        interval_min: int,
        kvarh: Any = None,
        capacity_kva: float | None = None,
        contract_kw: float | None = None,
        peak_so_far_kw: float | None = None,
        *,
        pf_standard: float | None = None,
        any_date: bool = False,
    ) -> Bill:
        """Bills of one customer, month by month.

        Parameters
        ----------
        kwh : sequence of float
            Energy of each interval [kWh], without gaps.
        start : str or date
            Start of the first interval, local wall time.
        interval_min : int
            1, 5, 15, 30 or 60 [min].
        kvarh : sequence of float, optional
            Reactive energy of each interval [kvarh]; sent back counts as well. For
            whole months also one value a month.
        capacity_kva : float, optional
            Transformer capacity [kVA].
        contract_kw : float, optional
            Contract maximum demand [kW].
        peak_so_far_kw : float, optional
            Maximum demand the first month has seen before the load begins [kW].
        pf_standard : float, optional
            Power-factor standard of the customer, in place of the tariff's.
        any_date : bool
            Price the load as if the tariff were in force on its days.

        Returns
        -------
        Bill

        Raises
        ------
        TariffError
            For gaps, negative energy, days outside the tariff's dates, or what the
            tariff needs and is not given.
        """
        load = as_load("kwh", kwh)
        if len(load) != 1:
            raise TariffError(f"kwh has {len(load)} rows; bill takes one customer, bill_many a lab")
        grid = make_grid(start, interval_min, load.shape[1], self.calendar)
        refuse_gaps("kwh", load, grid)
        refuse_negative("kwh", load, grid)
        if not any_date:
            check_validity(self, grid)
        reactive, monthly = None, None
        if kvarh is not None:
            given = as_load("kvarh", kvarh)
            refuse_gaps("kvarh", given, grid)
            if given.shape == load.shape:
                reactive = given
            elif given.shape == (1, len(grid.months)):
                monthly = np.abs(given)
            else:
                raise TariffError(
                    f"kvarh has {given.shape[1]} values and kwh {load.shape[1]}: give one an interval, or one a month"
                )
        found = measure(self, load, grid, reactive)
        account = Account(
            *(
                None if v is None else np.array([float(v)])
                for v in (capacity_kva, contract_kw, pf_standard, peak_so_far_kw)
            )
        )
        return make_bill(self, replace(found, kvarh=monthly) if monthly is not None else found, account, grid)

    def replace(self, **changes: Any) -> Self:
        """The same tariff with some parts changed, for what-if questions."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**parts | changes)

    def __repr__(self) -> str:
        return f"Tariff: {self.id} ({self.region or self.currency})"


def read_tariffs(folder: str | Path = DATA / "tariffs") -> dict[str, Tariff]:
    """Tariffs of a folder by id; files of periods and power-factor rules are passed over.

    Raises
    ------
    TariffError
        If a file cannot be used, or two tariffs of one id are in force on the same day.
    """
    found: dict[str, Tariff] = {}
    for path in sorted(Path(folder).glob("*.yaml")):
        if "energy:" not in path.read_text(encoding="utf-8"):
            continue
        tariff = Tariff.read(path)
        if tariff.id in found:
            raise TariffError(f"{path.name}: there is a tariff {tariff.id} already; give each file an id of its own")
        found[tariff.id] = tariff
    return found
