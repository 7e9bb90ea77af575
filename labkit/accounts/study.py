"""Load, advice and trend of accounts, before they are put into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from labkit import profiles
from labkit.accounts.advice import Advice, advise
from labkit.accounts.assumptions import Assumptions
from labkit.accounts.load import NO_READINGS, AccountData, LoadAnalysis, analyse_load, read_accounts
from labkit.accounts.ranking import find_trends, monthly_bills
from labkit.lab import Lab
from labkit.tariffs import Tariff, TariffError, read_tariffs


@dataclass(frozen=True, eq=False)
class AccountStudy:
    """All that a sheet shows, before it is put into words.

    Attributes
    ----------
    trend : Series, optional
        Its row of `find_trends`, judged among all business customers.
    """

    data: AccountData
    load: LoadAnalysis
    advice: Advice
    trend: pd.Series | None = None


def study_accounts(
    lab: Lab,
    customer_ids: Sequence[str],
    tariffs: Iterable[Tariff] | None = None,
    assumptions: Assumptions | None = None,
) -> tuple[dict[str, AccountStudy], dict[str, str]]:
    """Load and advice of some accounts.

    Returns
    -------
    studies, refused
        By customer id: what is known, and why there is no sheet for the others, in words that name nobody.
    """
    offered = list(read_tariffs().values() if tariffs is None else tariffs)
    metered = set(lab.run(lab.readings.select("customer_id").distinct())["customer_id"])
    known = set(lab.run(lab.customers.select("customer_id"))["customer_id"])
    refused = {str(name): NO_READINGS for name in customer_ids if name in known - metered}
    data = read_accounts(lab, [name for name in customer_ids if name not in refused])
    system_kw, trends = profiles.system_load(lab), _trends(lab)
    studies = {}
    for name, account in data.items():
        try:
            studies[name] = AccountStudy(
                account, analyse_load(account, system_kw), advise(account, offered, assumptions), trends.get(name)
            )
        except TariffError as error:
            refused[name] = str(error)
    return studies, refused


def _trends(lab: Lab) -> dict[str, pd.Series]:
    """Growth of every business customer, by its id."""
    if not lab.has("bills"):
        return {}
    business = lab.run(lab.customers.filter(lab.customers.customer_class != "residential").select("customer_id"))
    bills = monthly_bills(lab)
    found = find_trends(bills[bills["customer_id"].isin(business["customer_id"])])
    return {str(row["customer_id"]): row for _, row in found.iterrows()}
