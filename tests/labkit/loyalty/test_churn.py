from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit import loyalty


def make_table(n: int = 3000, seed: int = 31) -> pd.DataFrame:
    """Customers of entities whose siblings leave together; one number and one word tell a little."""
    rng = np.random.default_rng(seed)
    entity = rng.integers(0, n // 2, n)
    shared = rng.normal(size=n // 2)[entity]
    x, word = rng.normal(size=n), rng.choice(["a", "b", "c"], n)
    p = 1 / (1 + np.exp(-(-2.6 + 0.8 * x + 1.2 * shared + 0.5 * (word == "a"))))
    table = pd.DataFrame(
        {
            "id": [f"K{i:05d}" for i in rng.permutation(n)], "entity": entity, "entity_score": shared.round(3), "x": x,
            "word": word, "kwh": rng.lognormal(8, 1, n), "since": "2014-05-01", "leaves": (rng.random(n) < p).astype(int),
        }
    )  # fmt: skip
    table.loc[::9, "x"] = np.nan
    return table


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_table()


@pytest.fixture(scope="module")
def model(table: pd.DataFrame) -> loyalty.ChurnModel:
    return loyalty.churn_model(
        table.drop(columns="entity_score").assign(worth=table["kwh"] * 0.02),
        "leaves",
        id="id",
        group="entity",
        value="worth",
    )


def test_a_forecast_is_tried_on_others_and_its_chances_come_true(
    model: loyalty.ChurnModel, table: pd.DataFrame
) -> None:
    told = model.measures.set_index(["model", "measure"])
    auc = told.loc[("logit", "auc")]
    assert 0.60 < auc["value"] < 0.75 and auc["low"] < auc["value"] < auc["high"]
    slope = told.loc[("logit", "slope")]
    assert slope["low"] < 1 < slope["high"]
    assert told.loc[("logit", "money_lift"), "value"] > told.loc[("logit", "lift"), "value"] > 1.5
    assert model.deciles["left_share"].iloc[0] > 3 * model.deciles["left_share"].iloc[-1]
    assert model.deciles["value_left_share"].sum() == pytest.approx(1)
    assert model.left_out == {"since": "a date: give the time since or until it"} and not model.out_of_time
    assert model.leaks.empty and set(model.features) == {"x", "word", "kwh"}
    assert len(model.scores) == len(table) and model.scores["row"].is_unique
    chances = model.predict(table.head(5))
    assert chances.between(0, 1).all() and model.predict(table.head(5).assign(word="never seen")).between(0, 1).all()
    with pytest.raises(loyalty.LoyaltyError, match="no column kwh"):
        model.predict(table.drop(columns="kwh"))


def test_same_data_same_chances(table: pd.DataFrame) -> None:
    one, two = (
        loyalty.churn_model(table.drop(columns="entity_score").head(900), "leaves", id="id", group="entity", folds=2)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.scores, two.scores)


def test_siblings_on_both_sides_make_a_forecast_look_better() -> None:
    rng = np.random.default_rng(32)
    entity = np.arange(3000) // 30
    shared = rng.normal(0, 1.2, 100)[entity]
    x = rng.normal(size=3000)
    left = (rng.random(3000) < 1 / (1 + np.exp(-(-2.0 + 0.4 * x + shared)))).astype(int)
    # A number that says nothing but which entity it is.
    seen = pd.DataFrame(
        {"id": np.arange(3000), "entity": entity, "x": x, "code": rng.normal(size=100)[entity], "leaves": left}
    )
    auc = {}
    for group in ("entity", None):
        model = loyalty.churn_model(seen, "leaves", id="id", group=group, models=("boosted",), features=["x", "code"])
        auc[group] = model.measures.set_index("measure").loc["auc", "value"]
    assert auc["entity"] < 0.62 and auc[None] > auc["entity"] + 0.08
    split = rng.random(3000) < 0.5
    found = loyalty.find_leaks(seen, "leaves", id="id", group="entity", train=split, test=~split)
    assert "sibling" in set(found["trap"])


def test_dates_are_minded(table: pd.DataFrame) -> None:
    days = ["2024-06-30", "2024-12-31", "2025-06-30"]
    long = pd.concat(
        [table.drop(columns=["entity_score", "since"]).assign(as_of=day) for day in days], ignore_index=True
    )
    model = loyalty.churn_model(
        long, "leaves", id="id", group="entity", time="as_of", horizon_days=180, models=("logit",)
    )
    assert model.out_of_time and (model.folds["train_until"] < model.folds["test_from"]).all()
    for fold in model.folds.itertuples():
        assert (pd.Timestamp(fold.test_from) - pd.Timestamp(fold.train_until)).days >= 180
    assert model.leaks.empty
    with pytest.raises(loyalty.LoyaltyError, match="wants `horizon_days`"):
        loyalty.churn_model(long, "leaves", id="id", time="as_of")
    with pytest.raises(loyalty.LoyaltyError, match="no date of as_of lies 400 days after"):
        loyalty.churn_model(long, "leaves", id="id", time="as_of", horizon_days=400)


def trap(table: pd.DataFrame, **options: object) -> set[str]:
    return set(loyalty.find_leaks(table, "leaves", id="id", group="entity", **options)["trap"])


def halves(n: int) -> dict[str, np.ndarray]:
    first = np.arange(n) < n // 2
    return {"train": first, "test": ~first}


def test_every_trap_is_found_and_only_where_it_is(table: pd.DataFrame) -> None:
    clean = table.drop(columns=["entity_score", "since"]).sort_values("entity", ignore_index=True)
    cut = clean["entity"] < 750
    split = {"train": cut.to_numpy(), "test": ~cut.to_numpy()}
    y = clean["leaves"].to_numpy()
    rng = np.random.default_rng(33)
    score = rng.random(len(clean)) * 0.8 + 0.2 * y
    assert trap(clean, **split, score=score) == set()
    twice = clean.copy()
    twice.loc[twice.index[-3:], "id"] = twice["id"].iloc[:3].to_numpy()
    assert trap(twice, **split) == {"same_customer"}
    assert trap(clean.sample(frac=1, random_state=1, ignore_index=True), **halves(len(clean))) == {"sibling"}
    copied = pd.concat(
        [clean, clean[clean["leaves"] == 1].assign(id=lambda t: t["id"] + "x", entity=lambda t: t["entity"] + 9999)],
        ignore_index=True,
    )
    again = {"train": np.r_[np.ones(len(clean), bool), np.zeros(len(copied) - len(clean), bool)]}
    assert trap(copied, **again, test=~again["train"]) == {"same_values"}
    assert trap(clean.assign(ends="2016-03-01"), reference_date="2016-01-01") == {"later_date"}
    assert trap(clean.assign(ends=pd.Timestamp("2016-03-01")), reference_date="2016-01-01") == {"later_date"}
    assert trap(clean, known_later=["kwh"]) == {"later_column"}
    assert trap(clean.assign(final_bill=y + rng.normal(0, 0.05, len(y)))) == {"tells_alone"}
    assert trap(clean.assign(why=np.where(y == 1, "price", "stays"))) == {"copy_of_target"}
    assert trap(clean.assign(why=np.where(y == 1, "price", None))) == {"missing_tells"}
    ordered = clean.sort_values("leaves", ignore_index=True).assign(id=[f"K{i:05d}" for i in range(len(clean))])
    assert trap(ordered) == {"customer_number"}
    dated = clean.assign(day=np.where(cut, "2025-01-01", "2025-03-01"))
    assert trap(dated, **split, time="day", horizon_days=90) == {"no_gap"}
    assert trap(dated, **split, time="day", horizon_days=30) == set()
    assert trap(clean, **split, score=(score > 0.5).astype(float)) == {"hard_labels"}
    assert trap(clean, **split, score=-score) == {"inverted_labels"}
    assert trap(clean.assign(leaves=1 - y)) == {"most_leave"}


def test_who_has_no_entity_stands_for_itself(table: pd.DataFrame) -> None:
    few = table.drop(columns=["entity_score", "since"]).assign(entity=table["entity"].where(table.index % 10 == 0))
    model = loyalty.churn_model(few, "leaves", id="id", group="entity", models=("logit",))
    assert model.folds["test_count"].max() < 0.25 * len(few)


def test_repeated_rows_make_no_model_surely_better(table: pd.DataFrame) -> None:
    one = table.drop(columns=["entity_score", "since"]).head(1200)
    five = pd.concat([one] * 4, ignore_index=True)
    widths = []
    for rows in (one, five):
        gain = loyalty.churn_model(rows, "leaves", id="id", folds=2).gain
        widths.append(gain.high - gain.low)
    assert widths[1] > 0.6 * widths[0]


def test_dates_are_seen_however_they_are_written(table: pd.DataFrame) -> None:
    clean = table.drop(columns=["entity_score", "since"])
    for date in ("2016/03/01", "2016.03.01", pd.Timestamp("2016-03-01", tz="Asia/Shanghai")):
        assert "later_date" in trap(clean.assign(ends=date), reference_date="2016-01-01"), date


def test_findings_name_no_customer_and_speak_both_languages(table: pd.DataFrame) -> None:
    twice = table.copy()
    twice.loc[twice.index[-3:], "id"] = twice["id"].iloc[:3].to_numpy()
    found = loyalty.find_leaks(twice, "leaves", id="id", group="entity", **halves(len(twice)))
    text = found.to_csv()
    assert not any(name in text for name in table["id"]) and found["zh"].str.len().min() > 8
    assert set(loyalty.TRAPS) >= set(found["trap"])


@pytest.mark.parametrize(("change", "options", "says"), [
    ({"leaves": 0}, {}, "none leave"), ({"leaves": "yes"}, {}, "values other than 0 and 1"), ({}, {"models": ["forest"]}, "expected some of"),
    ({}, {"features": ["absent"]}, "no column absent"), ({"leaves": [1] * 5 + [0] * 2995}, {}, "5 of 3000 leave"), ({}, {"features": ["since"]}, "no column is left"),
])  # fmt: skip
def test_tables_that_cannot_be_are_refused(table: pd.DataFrame, change: dict, options: dict, says: str) -> None:
    with pytest.raises(loyalty.LoyaltyError, match=says):
        loyalty.churn_model(table.assign(**change), "leaves", id="id", **options)
