"""What a portrait says of itself: columns, sources, coverage, reasons; tags and segments; places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import labkit
from labkit import portrait, profiles, terms
from labkit.lab import Lab
from labkit.portrait import whole
from tests.labkit.portrait.cases import bills, customers, make_lab


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample, verify=False)


@pytest.fixture(scope="module")
def people(lab: Lab) -> pd.DataFrame:
    return portrait.portrait(lab)


def test_every_column_is_declared_named_and_explained(people: pd.DataFrame) -> None:
    declared = portrait.read_columns()
    assert list(declared) == sorted(declared, key=list(declared).index) and len(declared) == len(set(declared))
    for name, column in declared.items():
        assert column.group in portrait.GROUPS and column.source in terms.glossary(), name
        assert column.kind in ("word", "flag", "count", "number") and column.en and column.zh, name
        assert column.title("en") and column.title("zh"), name
        for reason, asked in column.missing:
            assert f"why={reason}" in terms.glossary() and (not asked or asked in declared), (name, reason)
    assert set(people.columns) - {"customer_id"} >= {c for names in portrait.SOURCES.values() for c in names}
    groups = portrait.group_columns(people.columns)
    assert sorted(c for names in groups.values() for c in names) == sorted(set(people.columns) - {"customer_id"})


def test_kinds_are_those_of_the_data(people: pd.DataFrame) -> None:
    for name in people.columns.drop("customer_id"):
        numeric = pd.api.types.is_numeric_dtype(people[name]) and not pd.api.types.is_bool_dtype(people[name])
        assert numeric == (name not in portrait.WORDS | portrait.FLAGS), name
        if name in portrait.COUNTS:
            assert pd.api.types.is_integer_dtype(people[name]) and people[name].ge(0).all(), name


def test_coverage_is_a_plain_count_and_every_gap_has_a_reason(people: pd.DataFrame) -> None:
    for language in ("en", "zh"):
        told = portrait.describe_columns(people, language).set_index("column")
        assert len(told) == people.shape[1] - 1 and not told[["attribute", "table", "definition"]].eq("").any().any()
        for name in told.index:
            known = sum(not pd.isna(value) for value in people[name])
            assert told.loc[name, "known_count"] == known
            assert told.loc[name, "known_customers_share"] == known / len(people)
            assert (told.loc[name, "missing_why"] == "") == (known == len(people))
        assert not set(told["missing_why"]) & {"not_known", terms.label("why=not_known", language)}


def test_a_load_feature_nobody_declared_is_taken_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    table = profiles.feature_table(lab)
    monkeypatch.setattr(whole.profiles, "feature_table", lambda lab: table.mutate(relative_load=table.load_factor * 2))
    people = portrait.portrait(lab)
    assert people["relative_load"].equals(people["load_factor"] * 2) and people["relative_load"].notna().any()
    assert "relative_load" in portrait.group_columns(people.columns)["behaviour"]
    assert portrait.column_of("relative_load").source == "readings"
    gone = people["relative_load"].isna()
    why = portrait.find_reasons(people, "relative_load")
    assert why.isin(["no_readings", "all_zero"]).all() and (why == "no_readings").sum() > len(why) / 2 and gone.any()


def test_two_customers_without_bills_or_readings_of_their_own(tmp_path: Path) -> None:
    tables = {"customers": customers("A", "B"), "bills": bills([("A", "2025-01", 0.0, 0.0)])}
    people = portrait.portrait(make_lab(tmp_path / "s", tables))
    told = portrait.describe_columns(people).set_index("column")
    assert told.loc["billed_share", "missing_why"] in ("nothing billed", "no bills")
    assert portrait.find_reasons(people, "average_price_yuan_per_kwh").tolist() == ["nothing_billed", "no_bills"]
    assert portrait.find_reasons(people, "billed_share").tolist() == ["nothing_billed", "no_bills"]
    assert not told["missing_why"].eq(terms.label("why=not_known")).any()


def test_tags_as_pairs_and_as_columns_agree(people: pd.DataFrame) -> None:
    who = people["customer_id"]
    wide = pd.DataFrame({"B2": [True, False] * 60, "A1": [True] * 119 + [False]}, index=who)
    pairs = pd.DataFrame(
        [(c, tag) for c in who for tag in wide.columns if wide.loc[c, tag]], columns=["customer_id", "tag"]
    )
    one, other = portrait.with_tags(people, wide), portrait.with_tags(people, pairs)
    pd.testing.assert_frame_equal(one, other)
    assert one["tag_ids"].iloc[[0, 1, 119]].tolist() == ["B2 A1", "A1", ""]
    assert one["tags_count"].tolist() == wide.sum(axis=1).tolist() and "tags_count" not in people
    part = portrait.with_tags(people, wide.iloc[:50].reset_index())
    assert part["tags_count"].isna().sum() == 70
    assert (portrait.find_reasons(part, "tag_ids") == "not_asked").all()


def test_memberships_that_cannot_be_used_are_refused(people: pd.DataFrame) -> None:
    with pytest.raises(portrait.PortraitError, match="a customer twice"):
        portrait.with_tags(people, pd.DataFrame({"T": [True, True]}, index=["X", "X"]))
    with pytest.raises(portrait.PortraitError, match=r"column 'T' holds no yes or no.*customer_id and tag"):
        portrait.with_tags(people, pd.DataFrame({"T": [1.0]}, index=["X"]))
    with pytest.raises(portrait.PortraitError, match="know none of the customers"):
        portrait.with_segments(people, {"value": pd.Series({"nobody": "A"})})


def test_segments_are_named_also_where_the_glossary_has_no_name(people: pd.DataFrame) -> None:
    labels = pd.Series("A", index=people["customer_id"][:100])
    both = portrait.with_segments(people, {"value": labels, "my_own": labels})
    told = portrait.describe_columns(both, "zh").set_index("column")
    assert (
        told.loc["segment_value", "attribute"] == "价值细分"
        and told.loc["segment_my_own", "attribute"] == "细分：my_own"
    )
    assert told.loc["segment_my_own", ["known_count", "missing_why"]].tolist() == [100, "未归入该细分"]


def test_places_are_those_of_scipy(people: pd.DataFrame) -> None:
    customer = people["customer_id"].iloc[3]
    found = portrait.stand_among(people, customer)
    own = people.iloc[3]
    others = people[(people["customer_class"] == own["customer_class"]) & (people["customer_id"] != customer)]
    for column in ("energy_kwh", "tickets_count", "late_share", "latest_supply_score"):
        if column not in found.index:
            continue
        values = others[column].dropna()
        place = found.loc[column]
        assert place["peers_count"] == len(values)
        if len(values) >= 10:
            assert place["below_share"] == pytest.approx(stats.percentileofscore(values, own[column], "mean") / 100)
            assert place["peers_median"] == np.median(values)
        else:
            assert np.isnan(place["below_share"])
    with pytest.raises(portrait.PortraitError, match=r"0 rows .* expected one"):
        portrait.stand_among(people, "nobody")
