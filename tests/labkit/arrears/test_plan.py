"""Plans keep to rules and capacity and cannot be bettered; losses; lists that give nobody away."""

from __future__ import annotations

import datetime as dt
import io
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from openpyxl import load_workbook

from labkit import arrears, terms
from labkit.arrears.plan import _assign
from labkit.calendar import DATA
from labkit.estimates import Estimate
from labkit.lab import Lab

DAY = "2025-06-25"


@pytest.fixture(scope="module")
def recovery(utility: Lab) -> arrears.RecoveryPlan:
    return arrears.plan(utility, DAY, draws=200, seed=1)


def test_the_assignment_is_the_best_there_is() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        net, allowed = rng.normal(size=(5, 3)), rng.random((5, 3)) < 0.8
        allowed[:, 0] = True
        limits = [np.inf, 2.0, 1.0]
        best = max(
            sum(net[i, w] for i, w in enumerate(pick))
            for pick in product(range(3), repeat=5)
            if all(allowed[i, w] for i, w in enumerate(pick)) and all(pick.count(k) <= limits[k] for k in range(3))
        )
        choice = _assign(net, allowed, limits)
        assert allowed[np.arange(5), choice].all() and (np.bincount(choice, minlength=3) <= limits).all()
        assert net[np.arange(5), choice].sum() == pytest.approx(best)


def test_the_plan_keeps_to_capacity_and_rules(recovery: arrears.RecoveryPlan, utility: Lab) -> None:
    assert (recovery.capacity["accounts_count"] <= recovery.capacity["capacity"]).all()
    who = utility.run(utility.customers.select("customer_id", "important", "capacity_kva", "customer_class"))
    told = recovery.accounts.merge(who[["customer_id", "important", "capacity_kva"]], on="customer_id")
    hard = told["way"].isin(["procedure", "disconnection"])
    assert not told.loc[hard, "important"].any() and set(told.loc[hard, "kind"]) <= {"will_not", "cannot", "forgot"}
    large = told[told["way"] == "load_controlled"]
    assert (large["customer_class"] != "residential").all() and (large["capacity_kva"] >= 315).all()
    assert (told.loc[told["kind"] == "unclear", "next_step"] == "review").all()
    assert (told["open_yuan"] > 0).all() and told["expected_recovered_yuan"].le(told["open_yuan"] + 1e-9).all()


def test_plans_are_compared_on_the_same_accounts(recovery: arrears.RecoveryPlan) -> None:
    table = recovery.comparison.set_index("plan")
    assert table.loc["plan", "net_yuan"] >= table["net_yuan"].drop("cut_everyone").max()
    assert table.loc["plan", "net_yuan"] == pytest.approx(recovery.accounts["net_yuan"].sum())
    assert (table["net_low_yuan"] <= table["net_high_yuan"]).all()
    assert table.loc["plan", "unlawful_count"] == 0 < table.loc["cut_everyone", "unlawful_count"]
    assert table.loc["cut_everyone", "wronged_count"] > table.loc["plan", "wronged_count"]
    money = arrears.plan_gain_yuan(recovery)
    assert money.low <= money.value <= money.high
    gain = arrears.plan_gain(recovery)
    assert money.value == pytest.approx(gain.value * recovery.accounts["open_yuan"].sum())
    assert gain.low < gain.value < gain.high and gain.low > 0
    told = arrears.summarise_plan(recovery).set_index("plan")
    assert told.loc["plan", "net_share"] - told.loc["cut_everyone", "net_share"] == pytest.approx(gain.value)


def test_only_who_may_lawfully_be_cut_off_is(utility: Lab) -> None:
    """On a day on which notices have run their days, and with nothing else that pays."""
    cheap = arrears.read_ways()
    only = {name: 0 for name in cheap.ways if name not in ("nothing", "disconnection", "procedure")}
    found = arrears.plan(utility, "2025-06-24", capacity=only, draws=20)
    cut = found.accounts[found.accounts["way"] == "disconnection"]
    assert found.comparison.set_index("plan").loc["plan", "unlawful_count"] == 0
    assert (cut["next_step"] == "disconnection").all() and (cut["days_overdue"] > 30).all()
    assert set(found.accounts["way"]) <= {"nothing", "disconnection", "procedure"}


def test_less_capacity_never_brings_more(utility: Lab, recovery: arrears.RecoveryPlan) -> None:
    tight = arrears.plan(utility, DAY, capacity={"instalments": 5}, draws=20, seed=1)
    assert (tight.accounts["way"] == "instalments").sum() <= 5
    assert tight.accounts["net_yuan"].sum() < recovery.accounts["net_yuan"].sum()
    with pytest.raises(arrears.ArrearsError, match="bribery is no way"):
        arrears.plan(utility, DAY, capacity={"bribery": 3})


def test_same_seed_same_plan(utility: Lab, recovery: arrears.RecoveryPlan) -> None:
    again = arrears.plan(utility, DAY, draws=200, seed=1)
    pd.testing.assert_frame_equal(again.accounts, recovery.accounts)
    pd.testing.assert_frame_equal(again.comparison, recovery.comparison)


def test_rates_of_payment_by_hand() -> None:
    late = pd.DataFrame({
        "customer_id": ["a", "b", "c"], "due_on": pd.to_datetime(["2025-01-01"] * 3), "days_late": [10, 200, 364],
        "settled_on": pd.to_datetime(["2025-01-11", "2025-07-20", None]),
    })  # fmt: skip
    chance = pd.DataFrame(
        {"customer_id": ["a", "b", "c"], "forgot": 1.0, "cannot": 0.0, "will_not": 0.0, "disputes": 0.0}
    )
    kinds = arrears.Kinds(chance, pd.DataFrame(), arrears.read_kind_rules(), 0.7)
    rates = arrears.payment_rates(late, kinds, dt.date(2025, 12, 31), 90).set_index(["kind", "days_overdue"])
    assert rates.loc[("forgot", 1), ["bills_count", "paid"]].tolist() == [3, 1]
    assert rates.loc[("forgot", 181), ["bills_count", "paid"]].tolist() == [2, 1]
    # All ages together stand in for an age as five bills, an age for a kind as five.
    seen = rates.groupby("days_overdue")[["bills_count", "paid"]].sum()
    overall = (seen["paid"].sum() + 0.5) / (seen["bills_count"].sum() + 1)
    age = (1 + 5 * overall) / (3 + 5)
    assert rates.loc[("forgot", 1), "share"] == pytest.approx((1 + 5 * age) / (3 + 5))
    assert rates.loc[("cannot", 1), "share"] == pytest.approx(age), "nobody seen: the rate of the age"
    assert ((rates["low"] < rates["share"]) & (rates["share"] < rates["high"])).all()


def test_losses_beside_what_is_known_exactly() -> None:
    lost = Estimate(0.5, 0.4, 0.6, 30)
    n, p = 400, 0.03
    alone = arrears.forecast_losses(np.full(n, p), np.full(n, 100.0), lost, correlation=0.0, draws=4000, seed=2)
    from scipy.stats import binom

    assert alone.expected.value == pytest.approx(n * p * 50)
    assert alone.reserve_yuan == pytest.approx(binom.ppf(0.95, n, p) * 50, abs=50)
    together = arrears.forecast_losses(np.full(n, p), np.full(n, 100.0), lost, correlation=0.2, draws=4000, seed=2)
    assert together.reserve_yuan > 1.3 * alone.reserve_yuan and together.expected == alone.expected
    assert alone.effective_accounts == pytest.approx(n) and alone.top_ten_share == pytest.approx(10 / n)
    for bad, says in ((np.array([1.2]), "0..1"), (np.array([]), "0..1")):
        with pytest.raises(arrears.ArrearsError, match=says):
            arrears.forecast_losses(bad, np.full(len(bad), 1.0), lost)
    with pytest.raises(arrears.ArrearsError, match="long enough"):
        arrears.forecast_losses(np.array([0.1]), np.array([1.0]), Estimate(np.nan, np.nan, np.nan, 0))


def test_the_forecast_of_the_sample_holds_its_parts(utility: Lab, books: arrears.Books, late: pd.DataFrame) -> None:
    model = arrears.fit_credit(utility, books, 12)
    found = arrears.forecast_arrears(utility, books, model, draws=500, seed=3)
    assert found.expected.low < found.expected.value < found.expected.high
    assert found.reserve_yuan > found.expected.value * 0.8 and found.quantiles["loss_yuan"].is_monotonic_increasing
    share = arrears.loss_given_default(books)
    assert 0 <= share.low <= share.value <= share.high <= 1
    # Debts bad already: never more than what is open, never less than those past all hope.
    open_ = late[(late["open_yuan"] > 0) & (late["days_late"] > 60)]
    assert found.old_debts is not None
    lost_for_good = open_.loc[open_["days_late"] > 240, "open_yuan"].sum()
    assert lost_for_good <= found.old_debts.low <= found.old_debts.value <= open_["open_yuan"].sum()
    with pytest.raises(arrears.ArrearsError, match="need one for 12"):
        arrears.forecast_arrears(utility, books, arrears.fit_credit(utility, books, 3))


def test_a_large_account_that_falls_and_pays_later_is_seen() -> None:
    rows, paid = [], []
    for c in range(20):
        for m in range(24):
            month = pd.Period("2024-01", "M") + m
            due = (month.end_time + pd.Timedelta(days=18)).date()
            falls = c == 0 and m >= 21
            kwh = (1000.0 if c else 50_000.0) * (0.5 if falls else 1.0)
            rows.append({"bill_id": f"B{c}-{m}", "customer_id": f"C{c}", "period": str(month), "kwh": kwh, "total_yuan": kwh,
                         "issued_on": due - dt.timedelta(days=15), "due_on": due})  # fmt: skip
            paid.append({"payment_id": f"Y{c}-{m}", "bill_id": f"B{c}-{m}", "customer_id": f"C{c}", "amount_yuan": kwh,
                         "paid_on": due + dt.timedelta(days=20 if falls else -1)})  # fmt: skip
    books = arrears.open_books(pd.DataFrame(rows), pd.DataFrame(paid))
    table = arrears.watch_large_accounts(books, share=0.2)
    assert table["customer_id"].tolist()[0] == "C0" and table["watch"].tolist() == [True, False, False, False]
    assert table["load_change"].iloc[0] == pytest.approx(-0.5)
    assert "fewer than 10" in arrears.tell_watched(table, "en", 10) and "不足 10 户" in arrears.tell_watched(
        table, "zh", 10
    )


@pytest.fixture(scope="module")
def lists(utility: Lab, books: arrears.Books) -> dict[str, pd.DataFrame]:
    model, kinds = arrears.fit_credit(utility, books, 3), arrears.late_payers(utility, books)
    return {
        "bad": arrears.list_bad_payers(utility, books, kinds, model),
        "good": arrears.list_good_payers(utility, books, model),
    }


def test_only_who_will_not_pay_is_on_the_list(
    lists: dict[str, pd.DataFrame], payer: pd.Series, late: pd.DataFrame
) -> None:
    assert set(lists["bad"]["customer_id"].map(payer)) == {"will_not"}
    assert not set(lists["good"]["customer_id"]) & set(late.loc[late["due_on"] > "2025-01-01", "customer_id"])
    for table in lists.values():
        assert table["reasons_en"].str.len().gt(10).all() and (table["expires_on"] == dt.date(2026, 12, 31)).all()


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("language", terms.LANGUAGES)
def test_a_list_names_nobody_unless_asked(
    lists: dict[str, pd.DataFrame], tmp_path: Path, ending: str, language: terms.Language, utility: Lab
) -> None:
    path = arrears.write_list(
        lists["bad"],
        tmp_path / f"bad.{ending}",
        "Visits of account managers in January",
        key=b"0" * 16,
        language=language,
    )
    if ending == "csv":
        text = path.read_text(encoding="utf-8-sig")
    else:
        sheet = load_workbook(path).active
        assert sheet is not None
        text = "\n".join(",".join(str(cell) for cell in row) for row in sheet.iter_rows(values_only=True))
    assert "Visits of account managers" in text.split("\n")[0]
    assert not any(c in text for c in lists["bad"]["customer_id"]) and text.count("P-") == len(lists["bad"])
    names = utility.run(utility.customers.select("customer_id", "name"))
    named = arrears.write_list(lists["bad"], tmp_path / f"named.{ending}", "Visits of account managers", named=names)
    assert named.stat().st_size > 0
    if ending == "csv":
        rows = pd.read_csv(io.StringIO(named.read_text(encoding="utf-8-sig").split("\n", 1)[1]))
        assert rows.iloc[:, 0].tolist() == lists["bad"]["customer_id"].tolist() and rows.iloc[:, 1].notna().all()


def test_cells_are_safe_and_bytes_the_same(lists: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    hostile = lists["bad"].assign(reasons_en="=HYPERLINK(1)")
    one = arrears.write_list(hostile, tmp_path / "a.xlsx", "=1+1 is what they wrote", key=b"0" * 16)
    sheet = load_workbook(one).active
    assert sheet is not None
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d"}, "no formula"
    two = arrears.write_list(hostile, tmp_path / "b.csv", "Visits in January", key=b"0" * 16)
    three = arrears.write_list(hostile, tmp_path / "c.csv", "Visits in January", key=b"0" * 16)
    assert two.read_bytes() == three.read_bytes() and b"'=HYPERLINK" in two.read_bytes()


@pytest.mark.parametrize(("options", "name", "purpose", "says"), [
    ({}, "a.csv", "Visits in January", "key for pseudonyms"),
    ({"key": b"0" * 16}, "a.csv", "x", "purpose is empty"),
    ({"key": b"0" * 16}, "a.txt", "Visits in January", "written as .csv or .xlsx"),
])  # fmt: skip
def test_a_list_without_purpose_or_key_is_not_written(
    lists: dict[str, pd.DataFrame], tmp_path: Path, options: dict[str, bytes], name: str, purpose: str, says: str
) -> None:
    with pytest.raises(arrears.ArrearsError, match=says):
        arrears.write_list(lists["bad"], tmp_path / name, purpose, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("change", "says"), [
    (lambda raw: raw.pop("horizon_days"), "horizon_days is missing"),
    (lambda raw: raw["ways"].pop("normal"), "normal is missing"),
    (lambda raw: raw["ways"]["normal"].update(speed=1), "expected cost_yuan, effect"),
    (lambda raw: raw["ways"]["normal"]["effect"].pop("forgot"), "a figure for each"),
    (lambda raw: raw["ways"]["normal"]["effect"].update(forgot=0), "effects lie above 0"),
])  # fmt: skip
def test_broken_ways_are_named(tmp_path: Path, change: object, says: str) -> None:
    raw = yaml.safe_load((DATA / "arrears" / "ways.yaml").read_text(encoding="utf-8"))
    change(raw)  # type: ignore[operator]
    path = tmp_path / "ways.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    with pytest.raises(arrears.ArrearsError, match=says):
        arrears.read_ways(path)


def test_pages_show_no_single_account() -> None:
    ages = pd.DataFrame({
        "age": ["not_due", "days_1_30", "days_31_60", "days_61_90"], "customers_count": [0, 40, 4, 60], "bills_count": [0, 50, 5, 70],
        "open_yuan": [0.0, 9e4, 1e4, 2e4], "share": [0.0, 0.75, 0.08, 0.17], "largest_share": [0.0, 0.05, 0.9, 0.1],
    })  # fmt: skip
    told = arrears.summarise_ages(ages, 10)
    assert told.loc[2, ["customers_count", "bills_count", "open_yuan"]].isna().all() and "share" not in told
    # The next smallest amount goes with it: from the total of all debts it would follow.
    assert told["open_yuan"].isna().tolist() == [False, False, True, True]
    assert told["open_yuan"].tolist()[:2] == [0, 9e4]
    assert told["customers_count"].isna().tolist() == [False, False, True, False], "customers may stand in several ages"
    alone = arrears.summarise_ages(ages.assign(largest_share=0.5), 10)
    assert "open_yuan" not in alone
    assert arrears.summarise_ages(ages, 1)["open_yuan"].tolist() == [0, 9e4, 1e4, 2e4]
