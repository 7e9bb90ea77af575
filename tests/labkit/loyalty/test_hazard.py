from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit import loyalty
from labkit.loyalty.cells import count_cells, month_number

FIRST = 2024 * 12


@pytest.fixture(scope="module")
def calendar() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    months = [f"{m // 12}-{m % 12 + 1:02d}" for m in range(FIRST, FIRST + 24)]
    return pd.DataFrame({"gap": rng.normal(size=24)}, index=months)


@pytest.fixture(scope="module")
def customers(calendar: pd.DataFrame) -> pd.DataFrame:
    """Month by month by the hazards themselves: class, price, the contract's last quarter and the gap of the day."""
    rng = np.random.default_rng(12)
    n = 9000
    zero = rng.integers(FIRST - 90, FIRST + 20, n)
    entry = np.maximum(FIRST - zero, 0)
    kind, price = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]), rng.choice([-1.0, 0.0, 1.0], n)
    ends = np.where(rng.random(n) < 0.5, entry + rng.integers(-5, 30, n), np.nan)
    alive, duration = np.ones(n, bool), np.zeros(n, np.int64)
    reason = np.full(n, "", dtype=object)
    for step in range(1, 25):
        u = entry + step
        here = alive & (zero + u - 1 < FIRST + 24)
        gap = calendar["gap"].to_numpy()[np.clip(zero + u - 1 - FIRST, 0, 23)]
        soon = (ends - u >= 0) & (ends - u <= 2)
        direct = np.exp(-4.0 + 0.5 * (kind == "b") + 0.4 * price + 0.3 * gap + 1.0 * soon) * (kind != "c")
        moved = np.exp(-5.0 - 0.5 * (kind == "b"))
        goes = here & (rng.random(n) < 1 - np.exp(-(direct + moved)))
        reason[goes] = np.where(rng.random(n) < direct / (direct + moved), "direct", "moved")[goes]
        duration[here] = u[here]
        alive &= ~goes & here
    table = pd.DataFrame(
        {
            "start": [f"{m // 12}-{m % 12 + 1:02d}" for m in zero], "entry": entry, "duration": duration, "reason": reason,
            "kind": kind, "price": price, "ends": ends, "entity": np.arange(n) // 3,
        }
    )  # fmt: skip
    return table[table["duration"] > table["entry"]].reset_index(drop=True)


@pytest.fixture(scope="module")
def model(customers: pd.DataFrame, calendar: pd.DataFrame) -> loyalty.HazardModel:
    return loyalty.fit_hazard(
        customers, "duration", "reason", ["kind", "price"], entry="entry", start="start", renewal="ends",
        calendar=calendar, bands=(0, 36), renewal_bands=(-1, 2),
    )  # fmt: skip


def test_the_hazards_are_found_again(model: loyalty.HazardModel) -> None:
    table = model.summary.set_index(["reason", "term"])
    truth = {("direct", "kind=b"): 0.5, ("direct", "price"): 0.4, ("direct", "gap"): 0.3, ("direct", "renewal=0-2"): 1.0,
             ("moved", "kind=b"): -0.5, ("moved", "price"): 0.0, ("moved", "gap"): 0.0, ("moved", "renewal=0-2"): 0.0}  # fmt: skip
    for where, value in truth.items():
        row = table.loc[where]
        assert abs(row["coefficient"] - value) < 3.3 * row["standard_error"], where
    inside = [table.loc[w, "low"] < np.exp(v) < table.loc[w, "high"] for w, v in truth.items()]
    assert sum(inside) >= 7


def test_where_nobody_left_there_is_an_upper_end_only(model: loyalty.HazardModel) -> None:
    row = model.summary.set_index(["reason", "term"]).loc[("direct", "kind=c")]
    assert row["coefficient"] == -np.inf and row["hazard_ratio"] == 0 and 0 < row["high"] < 0.05
    assert any("nobody left with kind=c" in note for note in model.notes)
    # The upper end: as many departures as would be missed in a fortieth of the cases.
    plain = pd.DataFrame({"t": 1, "e": [1] * 50 + [0] * 950 + [0] * 200, "k": ["a"] * 1000 + ["b"] * 200})
    high = loyalty.fit_hazard(plain, "t", "e", ["k"]).summary.set_index("term").loc["k=b", "high"]
    assert high == pytest.approx(-np.log(0.025) / (200 * 0.05), rel=0.01)


def test_cells_are_those_of_customer_months_written_out(customers: pd.DataFrame) -> None:
    part = customers.sample(400, random_state=1).reset_index(drop=True)
    cells = count_cells(
        part,
        "duration",
        "reason",
        ["kind"],
        entry="entry",
        start="start",
        renewal="ends",
        bands=(0, 36),
        renewal_bands=(-1, 2),
    ).table
    rows = []
    zero = month_number(part["start"])
    for i, row in enumerate(part.itertuples()):
        for u in range(row.entry + 1, row.duration + 1):
            left = row.ends - u
            renewal = "none" if np.isnan(left) else "ended" if left <= -1 else "0-2" if left <= 2 else "3+"
            rows.append((row.kind, int(u > 36), renewal, zero[i] + u - 1, row.reason if u == row.duration else ""))
    slow = pd.DataFrame(rows, columns=["kind", "band", "renewal", "month", "reason"])
    counted = slow.groupby(["kind", "band", "renewal", "month"]).agg(
        at_risk=("reason", "size"), direct=("reason", lambda r: (r == "direct").sum()), moved=("reason", lambda r: (r == "moved").sum())
    ).reset_index()  # fmt: skip
    cells["kind"] = (
        count_cells(part, "duration", "reason", ["kind"], entry="entry").segments["kind"].to_numpy()[cells["segment"]]
    )
    both = counted.merge(cells, on=["kind", "band", "renewal", "month"], suffixes=("", "_fast"), how="outer")
    for column in ("at_risk", "direct", "moved"):
        assert (both[column] == both[f"{column}_fast"]).all(), column


def test_without_covariates_it_is_departures_over_months() -> None:
    table = pd.DataFrame({"t": [3, 5, 10, 12], "e": [1, 0, 1, 0]})
    rate = -np.log(1 - 2 / 30)
    assert loyalty.fit_hazard(table, "t", "e", bands=(0,)).params.loc["const", "left"] == pytest.approx(
        np.log(rate), abs=1e-6
    )


def test_a_cox_model_says_the_same() -> None:
    rng = np.random.default_rng(13)
    x = rng.integers(0, 2, 3000)
    t = np.ceil(rng.exponential(25 * np.exp(-0.8 * x)))
    table = pd.DataFrame({"t": np.minimum(t, 30).astype(int), "e": t <= 30, "x": x})
    cox = loyalty.fit_cox(table, "t", "e", ["x"]).summary.iloc[0]
    grouped = loyalty.fit_hazard(table, "t", "e", ["x"], bands=tuple(range(30))).summary.set_index("term").loc["x"]
    assert grouped["coefficient"] == pytest.approx(cox["coefficient"], abs=0.02)
    assert grouped["standard_error"] == pytest.approx(cox["standard_error"], rel=0.03)


def test_many_departures_a_month_for_two_reasons_are_minded() -> None:
    rng = np.random.default_rng(16)
    t = rng.exponential(1 / 0.45, 40_000)
    reason = np.where(t <= 6, np.where(rng.random(40_000) < 0.25 / 0.45, "a", "b"), "")
    table = pd.DataFrame({"t": np.ceil(t).clip(max=6).astype(int), "reason": reason})
    model = loyalty.fit_hazard(table, "t", "reason", bands=(0,))
    assert np.exp(model.params.loc["const"]).tolist() == pytest.approx([0.25, 0.20], abs=0.008)
    assert model.predict_survival(pd.DataFrame(index=[0]), [3]).iloc[0, 0] == pytest.approx(np.exp(-1.35), abs=0.01)


def test_the_base_is_what_was_asked_for(model: loyalty.HazardModel, customers: pd.DataFrame) -> None:
    again = loyalty.fit_hazard(customers, "duration", "reason", ["kind"], entry="entry", base={"kind": "b"})
    assert "kind=b" not in set(again.summary["term"]) and "kind=a" in set(again.summary["term"])


def test_predictions_add_up_and_mind_the_clocks(model: loyalty.HazardModel, customers: pd.DataFrame) -> None:
    some = customers.head(50).assign(start="2024-01")
    times = [6, 12, 24]
    stays, leaves = model.predict_survival(some, times), model.predict_incidence(some, times)
    assert (stays + sum(leaves.values())).to_numpy() == pytest.approx(np.ones((50, 3)), abs=1e-12)
    given = model.predict_survival(some, [24], alive_until=6)
    assert (given[24] * stays[6]).to_numpy() == pytest.approx(stays[24].to_numpy(), abs=1e-12)
    soon = some.assign(ends=12.0, kind="a", price=0.0)
    later = soon.assign(ends=60.0)
    assert (model.predict_survival(soon, [12])[12] < model.predict_survival(later, [12])[12]).all()
    rates = model.monthly_rates(some.assign(alive_until=0), 24)
    assert np.exp(-sum(rates.values()).sum(axis=1)) == pytest.approx(stays[24].to_numpy(), abs=1e-9)


def test_departures_foretold_are_those_seen(model: loyalty.HazardModel) -> None:
    for by in ("band", "renewal", "kind"):
        told = model.check(by)
        assert told["expected"].sum() == pytest.approx(told["seen"].sum(), rel=1e-3)
        assert told["within"].all()


def test_errors_by_entity_are_wider_where_siblings_leave_together() -> None:
    rng = np.random.default_rng(14)
    entity = np.arange(1500) // 5
    x = rng.normal(size=300)[entity]
    t = rng.geometric(np.clip(0.03 * np.exp(0.4 * x + 1.2 * rng.normal(size=300)[entity]), 0, 0.9))
    table = pd.DataFrame({"t": np.minimum(t, 24), "e": t <= 24, "x": x, "entity": entity})
    plain = loyalty.fit_hazard(table, "t", "e", ["x"], bands=(0,)).summary.set_index("term").loc["x"]
    apart = loyalty.fit_hazard(table, "t", "e", ["x"], bands=(0,), clusters="entity").summary.set_index("term").loc["x"]
    assert apart["coefficient"] == plain["coefficient"] and apart["standard_error"] > 1.4 * plain["standard_error"]


@pytest.mark.parametrize(("change", "options", "says"), [
    ({"const": 1}, {"covariates": ["const"]}, "called 'const'"), ({}, {"covariates": ["leaves"]}, "same leaves, so it tells them without fail"),
    ({"t": 2.5}, {}, "parts of months"),
    ({"e": [2] + [0] * 39}, {}, "other than 0 and 1"),
    ({}, {"calendar": pd.DataFrame({"g": [1.0]}, index=["2024-01"])}, "want `start`"),
    ({}, {"calendar": pd.DataFrame({"g": [1.0]}, index=["2024-01"]), "start": "start"}, "no row for 2024-02"),
    ({"start": "soon"}, {"calendar": pd.DataFrame({"g": [1.0]}, index=["2024-01"]), "start": "start"}, "no months"),
    ({}, {"clusters": "few"}, "too few for errors by cluster"), ({"t": 1, "e": 1}, {}, "all left .left. in the first month"),
    ({"t": 0}, {}, "40 rows have a t below 1"), ({}, {"bands": (6, 12)}, "begin at 0"), ({"e": ["month"] * 40}, {}, "called 'month'"),
])  # fmt: skip
def test_what_cannot_be_fitted_is_refused(change: dict, options: dict, says: str) -> None:
    table = pd.DataFrame({"t": 6, "e": [1] * 8 + [0] * 32, "start": "2024-01", "few": [1, 2] * 20})
    table = table.assign(leaves=table["e"]).assign(**change)
    with pytest.raises(loyalty.LoyaltyError, match=says):
        loyalty.fit_hazard(table, "t", "e", **options)


def test_spells_are_read_with_what_cannot_be_counted() -> None:
    customers = pd.DataFrame(
        {
            "customer_id": list("abcdef"),
            "connected_on": ["2020-03-15", "2024-05-02", None, "2024-06-01", "2027-01-01", "2019-01-01"],
            "left_on": [None, "2024-07-20", None, "2024-03-01", None, "2023-02-01"],
            "left_reason": [None, "retailer", None, "moved", None, "moved"],
            "contract_end_on": ["2024-12-31", None, None, None, None, None],
            "customer_class": "industrial", "settlement": "urban", "voltage_kv": [10.0, 0.4, 0.4, 0.4, 0.4, 0.4],
        }
    )  # fmt: skip
    spells = loyalty.make_spells(customers, "2024-01", "2025-12")
    assert spells.left_out == {
        "no_connection_date": 1, "left_before_the_data": 1, "connected_after_the_data": 1, "left_before_connected": 1,
    }  # fmt: skip
    a, b = (spells.table.iloc[i] for i in (0, 1))
    # March 2020 is month 1; January 2024 is month 47, so 46 months had gone unseen; December 2025 is month 70.
    assert (a["entry_months"], a["duration_months"], a["left"], a["contract_end_months"]) == (46, 70, False, 58)
    assert (b["entry_months"], b["duration_months"], b["reason"], b["left_to_market"]) == (0, 3, "retailer", True)
    assert a["may_buy_directly"] and not b["may_buy_directly"]


def test_answers_count_from_the_month_after_until_the_next() -> None:
    customers = pd.DataFrame(
        {
            "customer_id": ["a"], "connected_on": ["2023-01-10"], "left_on": ["2025-03-05"], "left_reason": ["retailer"],
            "contract_end_on": [None], "customer_class": ["industrial"], "settlement": ["urban"], "voltage_kv": [10.0],
        }
    )  # fmt: skip
    spells = loyalty.make_spells(customers, "2024-01", "2025-12")
    surveys = pd.DataFrame({"customer_id": "a", "surveyed_on": ["2024-06-11", "2024-11-03"], "overall": [8, 3]})
    rows = loyalty.spells_after_answers(spells, surveys, ["overall"])
    # June 2024 is month 18: its answer holds for months 19 to 23, the next for 24 to 27, in which it left.
    assert rows[["entry_months", "duration_months", "left", "overall"]].to_numpy().tolist() == [
        [18, 23, False, 8.0],
        [23, 27, True, 3.0],
    ]
    assert rows["reason"].tolist() == ["", "retailer"]
    with pytest.raises(loyalty.LoyaltyError, match="no customer was seen after"):
        loyalty.spells_after_answers(spells, surveys.assign(surveyed_on="2025-06-01"), ["overall"])


def test_states_with_return_are_found_again() -> None:
    rng = np.random.default_rng(15)
    rates = {
        "agency": {"retailer": 0.03, "direct_purchase": 0.02},
        "retailer": {"agency": 0.05},
        "direct_purchase": {"agency": 0.01},
    }
    rows, at_12 = [], []
    for who in range(3000):
        state, since = "agency", 0
        for month in range(1, 25):
            draw, total = rng.random(), 0.0
            for to, rate in rates[state].items():
                total += rate
                if draw < total:
                    rows.append((who, state, since, month, to))
                    state, since = to, month
                    break
            if month == 12:
                at_12.append(state)
        if since < 24:
            rows.append((who, state, since, 24, None))
    stays = pd.DataFrame(rows, columns=["customer_id", "state", "from_month", "to_month", "next_state"])
    model = loyalty.fit_states(stays, ("agency", "retailer", "direct_purchase"))
    told = model.rates.set_index(["state", "to_state"])
    for state, to in rates.items():
        for other, rate in to.items():
            row = told.loc[(state, other)]
            assert row["low"] < 12 * rate < row["high"]
    none = told.loc[("retailer", "direct_purchase")]
    assert none["moves_count"] == 0 and none["rate_per_year"] == 0 and 0 < none["high"] < 0.05
    share = model.occupation("agency", [12], draws=50).set_index("state")["share"]
    for state in rates:
        assert share[state] == pytest.approx(np.mean([s == state for s in at_12]), abs=1e-9)
    later = model.occupation("agency", [24, 30], draws=50)
    assert (
        later[later["month"] == 24]["share"].sum() == pytest.approx(1)
        and later[later["month"] == 30]["share"].isna().all()
    )
    assert len(model.plot(later[later["month"] == 24]).lines) == 3
    with pytest.raises(loyalty.LoyaltyError, match="overlap"):
        loyalty.fit_states(pd.concat([stays, stays.head(1)]), ("agency", "retailer", "direct_purchase"))
    with pytest.raises(loyalty.LoyaltyError, match="below 0"):
        loyalty.fit_states(stays.assign(from_month=-3), ("agency", "retailer", "direct_purchase"))
    with pytest.raises(loyalty.LoyaltyError, match="to their own state"):
        loyalty.fit_states(stays.assign(next_state=stays["state"]), ("agency", "retailer", "direct_purchase"))
    with pytest.raises(loyalty.LoyaltyError, match="no column next_state"):
        loyalty.fit_states(stays.drop(columns="next_state"))
    with pytest.raises(loyalty.LoyaltyError, match="is no state"):
        loyalty.fit_states(stays, ("agency", "retailer"))
