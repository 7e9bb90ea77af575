"""What stands in a portrait, column by column; and its customers by group."""

from __future__ import annotations

import pandas as pd

from labkit import terms
from labkit.portrait.columns import column_of, group_columns
from labkit.portrait.missing import find_reasons
from labkit.terms import Language


def describe_columns(people: pd.DataFrame, language: Language = "en") -> pd.DataFrame:
    """What stands in a portrait, a row a column, and for how many customers it is known.

    Parameters
    ----------
    people : DataFrame
        Of `labkit.portrait.portrait`, perhaps with tags and segments.
    language : {"en", "zh"}

    Returns
    -------
    DataFrame
        ``attribute_group``; ``attribute``, its title; ``unit``; ``table`` it comes from (title);
        ``known_customers_share`` and ``known_count``: customers with a value (a count of 0 is one);
        ``missing_why``: the most frequent reason where there is none, empty if all have one;
        ``definition``; ``column``, its name in the data.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["A", "B"], "surveys_count": [0, 1], "latest_loyalty": [None, 7.0]})
    >>> described = describe_columns(people).set_index("column")
    >>> described.loc["latest_loyalty", "attribute"], described.loc["latest_loyalty", "missing_why"]
    ('Latest loyalty score', 'never interviewed')
    """
    rows = []
    for group, names in group_columns(people.columns).items():
        for name in names:
            column, known = column_of(name), people[name].notna()
            why = find_reasons(people, name).mode()
            rows.append(
                {
                    "attribute_group": terms.category("attribute_group", group, language),
                    "attribute": column.title(language),
                    "unit": terms.unit(name, language),
                    "table": terms.label(column.source, language),
                    "known_customers_share": float(known.mean()) if len(known) else float("nan"),
                    "known_count": int(known.sum()),
                    "missing_why": terms.category("why", why.iloc[0], language) if len(why) else "",
                    "definition": column.definition(language),
                    "column": name,
                }
            )
    return pd.DataFrame(rows)


def describe_by(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Customers, energy and load of each group of a portrait, largest use first.

    Parameters
    ----------
    frame : DataFrame
        Of `portrait`.
    by : str
        A column such as ``customer_class``.

    Returns
    -------
    DataFrame
        ``by``, ``customers_count``, ``energy_kwh``, ``share`` of energy,
        ``largest_share``: that of the largest customer within the group (for
        suppression), ``load_factor``: the group's median, ``peak_share``: of the
        group's energy.
    """
    energy = "energy_kwh" if "energy_kwh" in frame else "billed_kwh"
    rows = []
    for name, part in frame.groupby(frame[by].fillna("unknown")):
        kwh = part[energy].fillna(0.0)
        row = {
            by: name,
            "customers_count": len(part),
            "energy_kwh": kwh.sum(),
            "largest_share": kwh.max() / (kwh.sum() or 1),
        }
        if "load_factor" in part:
            row["load_factor"] = part["load_factor"].median()
            row["peak_share"] = (part["peak_share"] * kwh).sum() / (kwh.sum() or 1)
        rows.append(row)
    table = pd.DataFrame(rows).sort_values("energy_kwh", ascending=False, ignore_index=True)
    table.insert(3, "share", table["energy_kwh"] / (table["energy_kwh"].sum() or 1))
    return table
