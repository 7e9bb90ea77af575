from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import labkit
from labkit import portrait, quality, terms
from labkit.lab import Lab


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample, memory_limit_mb=500)


def test_repr_shows_tables_rows_and_period(lab: Lab) -> None:
    text = repr(lab)
    assert "Sample utility (样例电网)" in text and "2025-01-01 to 2025-12-31" in text
    assert "customers              120" in text.replace("   ", "   ") and "not there: tags" in text
    assert all(len(line) <= 120 for line in text.splitlines()[:-1])


def test_a_missing_table_is_named_with_what_to_bring(lab: Lab) -> None:
    with pytest.raises(
        labkit.MissingTableError, match=r"no table tags .* notebooks 02, 03 want: bring tags.csv with at least tag_id"
    ):
        _ = lab.tags
    assert "请提供 tags.csv" in lab.explain_missing("tags", "zh")
    with pytest.raises(AttributeError, match="its tables are customers"):
        _ = lab.nonsense
    assert lab.has("bills", "payments") and not lab.has("bills", "tags")


def test_an_unknown_engine_is_refused(small_sample: Path) -> None:
    with pytest.raises(ValueError, match="expected None or 'duckdb'"):
        labkit.open(small_sample, engine="oracle")


def test_portrait_has_one_row_a_customer_and_every_column_in_the_glossary(lab: Lab) -> None:
    people = portrait.portrait(lab)
    assert len(people) == 120 and people["customer_id"].is_unique
    for column in people.columns:
        assert terms.label(column, "zh")
    assert not set(people.columns) & {"name", "phone", "longitude", "latitude"}


def test_portrait_equals_pandas(lab: Lab) -> None:
    people = portrait.portrait(lab).set_index("customer_id")
    bills, payments = lab.run(lab.bills), lab.run(lab.payments)
    assert people["billed_yuan"].dropna().to_dict() == pytest.approx(
        bills.groupby("customer_id")["total_yuan"].sum().round(2).to_dict()
    )
    last = pd.to_datetime(payments["paid_on"]).max()
    due = bills[(pd.to_datetime(bills["due_on"]) <= last) & (bills["total_yuan"] > 0)].set_index("bill_id")
    paid = payments.groupby("bill_id").agg(paid=("amount_yuan", "sum"), on=("paid_on", "max")).reindex(due.index)
    settled = paid["paid"].fillna(0) >= due["total_yuan"] - 0.005
    late = (settled & (pd.to_datetime(paid["on"]) > pd.to_datetime(due["due_on"]))) | (
        ~settled & (pd.to_datetime(due["due_on"]) < last)
    )
    assert people["late_share"].dropna().to_dict() == pytest.approx(late.groupby(due["customer_id"]).mean().to_dict())
    tickets = lab.run(lab.tickets)
    assert people["tickets_count"].sum() == len(tickets)


def test_coverage_counts_connected_hours_only(lab: Lab) -> None:
    people = portrait.portrait(lab).set_index("customer_id")
    left = people[~people["active"] & (people["days_metered"] > 0)]
    assert len(left) and left["coverage_share"].min() > 0.95, "days after leaving are not missing"
    assert people["coverage_share"].dropna().between(0.9, 1).all()


def test_description_adds_up(lab: Lab) -> None:
    people = portrait.portrait(lab)
    table = portrait.describe_by(people, "customer_class")
    assert table["customers_count"].sum() == 120 and table["share"].sum() == pytest.approx(1)
    assert table["energy_kwh"].is_monotonic_decreasing


def test_quality_of_the_sample(lab: Lab) -> None:
    people = portrait.portrait(lab)
    rules = quality.check_rules(lab)
    assert rules["broken_count"].sum() == 0 and set(rules["table"]) == set(lab.tables)
    reconciled = quality.reconcile_bills(lab)
    dark = reconciled["bill_kwh"] == 0  # cut off all month
    assert len(reconciled) > 300 and reconciled["ratio"][~dark].between(0.999, 1.001).all()
    assert reconciled["agrees"].all() and (reconciled["readings_kwh"][dark] == 0).all()
    trust = quality.judge_trust(people, rules, reconciled)
    assert trust.agreement is not None and trust.agreement.value == 1 and trust.agreement.low < 1
    assert trust.coverage is not None and trust.coverage.low <= trust.coverage.value <= trust.coverage.high


def test_a_month_that_differs_makes_its_customer_differ(lab: Lab) -> None:
    people, rules = portrait.portrait(lab), quality.check_rules(lab)
    reconciled = quality.reconcile_bills(lab)
    reconciled.loc[0, "agrees"] = False
    trust = quality.judge_trust(people, rules, reconciled)
    customers = reconciled["customer_id"].nunique()
    assert trust.agreement is not None and trust.agreement.value == pytest.approx(1 - 1 / customers)


def test_broken_rules_are_counted(tmp_path: Path) -> None:
    import pyarrow as pa

    from labkit.store import StoreWriter

    with StoreWriter(tmp_path / "s") as writer:
        writer.write("customers", pa.table({"customer_id": ["A"], "customer_class": ["castle"]}))
        bills = {
            "bill_id": ["1", "2"],
            "customer_id": ["A", "A"],
            "period": ["2025-01", "2025-02"],
            "kwh": [1.0, -2.0],
            "total_yuan": [1.0, 1.0],
        }
        writer.write("bills", pa.table(bills))
    with labkit.open(tmp_path / "s") as lab:
        rules = quality.check_rules(lab).set_index("rule")["broken_count"]
        people = portrait.portrait(lab)
        assert lab.period == ("2025-01-01", "2025-02-28")
    assert rules.to_dict() == {"customers.customer_class.code": 1, "bills.kwh.range": 1}
    assert people["billed_kwh"].tolist() == [-1.0] and "load_factor" not in people
