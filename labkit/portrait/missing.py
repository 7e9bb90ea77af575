"""Why a customer has no value in a column of its portrait: said, where the data tell."""

from __future__ import annotations

import pandas as pd

from labkit.portrait.columns import column_of


def find_reasons(people: pd.DataFrame, column: str) -> pd.Series:
    """Why customers have no value in a column.

    Parameters
    ----------
    people : DataFrame
        Of `labkit.portrait.portrait`.
    column : str

    Returns
    -------
    Series of str
        By the rows of `people` without a value: a code such as ``no_readings``, named in the
        glossary as ``why=…``; ``not_known`` where the data do not tell.

    Examples
    --------
    >>> people = pd.DataFrame({"bills_count": [0, 3], "billed_yuan": [None, 10.0]})
    >>> find_reasons(people, "billed_yuan").to_dict()
    {0: 'no_bills'}
    """
    lacking = people[people[column].isna()]
    reasons = pd.Series("not_known", index=lacking.index, dtype=object, name=column)
    open_ = pd.Series(True, index=lacking.index)
    for reason, asked in column_of(column).missing:
        if not asked:
            holds = open_
        elif asked in lacking:
            holds = open_ & (lacking[asked].isna() | (lacking[asked] == 0))
        else:
            continue
        reasons[holds] = reason
        open_ = open_ & ~holds
    return reasons
