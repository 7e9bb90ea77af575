from __future__ import annotations

import pytest

from labkit import schema, terms
from labkit.calendar import day_types


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda t: t.name)
def test_every_table_and_column_has_titles_in_both_languages(table: schema.Table) -> None:
    for name in (table.name, *table.column_names):
        assert terms.label(name, "en") and terms.label(name, "zh")
    assert table.about_en and table.about_zh and table.wanted_by
    assert set(table.key) <= set(table.column_names)


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda t: t.name)
def test_no_header_can_mean_two_columns_of_a_table(table: schema.Table) -> None:
    meaning: dict[str, str] = {}
    for column in table.column_names:
        for name in terms.names_of(column) - (set(table.column_names) - {column}):
            assert meaning.setdefault(name, column) == column, name


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda t: t.name)
def test_rules_have_stable_distinct_ids_and_fit_one_scan(table: schema.Table) -> None:
    ids = [rule.id for rule in schema.value_rules(table)]
    assert len(ids) == len(set(ids)) and len(ids) + len(table.columns) <= 62
    assert all(rule.id.startswith(f"{table.name}.") for rule in schema.value_rules(table))
    for rule in schema.value_rules(table):
        assert rule.en and rule.zh and set(rule.columns) <= set(table.column_names)


def test_references_point_at_keys() -> None:
    for table in schema.TABLES.values():
        for column in table.columns:
            if column.references:
                assert len(schema.TABLES[column.references].key) == 1


def test_personal_columns_are_marked() -> None:
    assert set(schema.TABLES["customers"].personal_columns) == {"name", "phone", "longitude", "latitude"}
    assert schema.TABLES["tickets"].personal_columns == ("text",)


def test_glossary_refuses_what_it_does_not_know() -> None:
    with pytest.raises(KeyError, match=r"terms\.csv has no term"):
        terms.label("no_such_term")
    with pytest.raises(ValueError, match="expected one of en, zh"):
        terms.Say("fr")  # type: ignore[arg-type]


def test_make_up_workdays_are_workdays() -> None:
    import datetime as dt

    # State Council notices for 2024 and 2025: days worked to make up for a longer holiday.
    made_up = ["2024-02-04", "2024-09-14", "2025-01-26", "2025-02-08", "2025-09-28", "2025-10-11"]
    assert set(day_types([dt.date.fromisoformat(day) for day in made_up])) == {"workday"}
    assert day_types([dt.date(2025, 10, 1), dt.date(2025, 10, 12)]) == ["holiday", "weekend"]
    with pytest.raises(ValueError, match="calendar is 'XX'"):
        day_types([dt.date(2025, 1, 1)], "XX")
