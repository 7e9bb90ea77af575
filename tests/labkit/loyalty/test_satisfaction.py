from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSSVD

import labkit
from labkit import loyalty
from labkit.importance import driver_importance

#: Miles a gallon, cylinders, displacement, power, gears of 32 cars (Motor Trend 1974).
CARS = [
    (21, 6, 160, 110, 4), (21, 6, 160, 110, 4), (22.8, 4, 108, 93, 4), (21.4, 6, 258, 110, 3), (18.7, 8, 360, 175, 3),
    (18.1, 6, 225, 105, 3), (14.3, 8, 360, 245, 3), (24.4, 4, 146.7, 62, 4), (22.8, 4, 140.8, 95, 4), (19.2, 6, 167.6, 123, 4),
    (17.8, 6, 167.6, 123, 4), (16.4, 8, 275.8, 180, 3), (17.3, 8, 275.8, 180, 3), (15.2, 8, 275.8, 180, 3), (10.4, 8, 472, 205, 3),
    (10.4, 8, 460, 215, 3), (14.7, 8, 440, 230, 3), (32.4, 4, 78.7, 66, 4), (30.4, 4, 75.7, 52, 4), (33.9, 4, 71.1, 65, 4),
    (21.5, 4, 120.1, 97, 3), (15.5, 8, 318, 150, 3), (15.2, 8, 304, 150, 3), (13.3, 8, 350, 245, 3), (19.2, 8, 400, 175, 3),
    (27.3, 4, 79, 66, 4), (26, 4, 120.3, 91, 5), (30.4, 4, 95.1, 113, 5), (15.8, 8, 351, 264, 5), (19.7, 6, 145, 175, 5),
    (15, 8, 301, 335, 5), (21.4, 4, 121, 109, 4),
]  # fmt: skip


@pytest.fixture(scope="module")
def cars() -> pd.DataFrame:
    return pd.DataFrame(CARS, columns=["mpg", "cyl", "disp", "hp", "gear"])


@pytest.fixture(scope="module")
def surveys(sample: Path) -> pd.DataFrame:
    with labkit.open(sample, verify=False) as lab:
        return lab.run(lab.surveys).sort_values("survey_id", ignore_index=True)


def test_johnsons_weights_are_those_published(cars: pd.DataFrame) -> None:
    # The vignette of the R package rwa.
    found = driver_importance(cars["mpg"], cars.drop(columns="mpg"), "johnson", draws=20).table.set_index("driver")
    told = {"hp": 0.2321744, "cyl": 0.2284797, "disp": 0.2221469, "gear": 0.0963886}
    assert found["importance"].to_dict() == pytest.approx(told, abs=5e-8)


def test_lmg_is_the_mean_over_all_orders(cars: pd.DataFrame) -> None:
    x, y = cars.drop(columns="mpg"), cars["mpg"].to_numpy()

    def r2(columns: tuple[int, ...]) -> float:
        design = np.column_stack([np.ones(len(y)), x.to_numpy()[:, list(columns)]])
        rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        return 1 - (rest @ rest) / ((y - y.mean()) ** 2).sum()

    parts = np.zeros(4)
    for order in permutations(range(4)):
        for k, driver in enumerate(order):
            parts[driver] += (r2(order[: k + 1]) - r2(order[:k])) / 24
    found = driver_importance(y, x, draws=20)
    assert found.table.sort_values("position")["importance"].to_numpy() == pytest.approx(parts, abs=1e-10)
    assert found.r_squared.value == pytest.approx(0.7791896, abs=1e-7)
    assert found.weights.sum() == pytest.approx(1) and list(found.weights.index) == list(x)


def test_a_copy_of_a_driver_shares_with_it_and_weights_count_rows(cars: pd.DataFrame) -> None:
    x = cars[["hp", "gear"]].assign(again=cars["hp"])
    found = driver_importance(cars["mpg"], x, draws=20).table.set_index("driver")["importance"]
    assert found["hp"] == pytest.approx(found["again"], abs=1e-9)
    times = np.arange(len(cars)) % 3 + 1
    many = cars.loc[cars.index.repeat(times)]
    once = driver_importance(cars["mpg"], cars[["hp", "gear"]], weights=times, draws=20).weights
    assert once.to_numpy() == pytest.approx(
        driver_importance(many["mpg"], many[["hp", "gear"]], draws=20).weights.to_numpy()
    )


def test_importance_has_intervals_that_cover_and_ranks_that_say_when_they_are_sure() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for k in range(60):
        x = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
        found = driver_importance(x["a"] + 0.5 * x["b"] + rng.normal(size=300), x, draws=100, seed=k).table.set_index(
            "driver"
        )
        inside += found.loc["a", "share_low"] < 0.8 < found.loc["a", "share_high"]
        assert found.loc["a", "first_share"] > 0.95
    assert 50 <= inside <= 60
    alike = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
    told = driver_importance(alike["a"] + alike["b"] + rng.normal(size=300), alike, draws=100).table
    assert told["rank_low"].tolist() == [1, 1] and told["rank_high"].tolist() == [2, 2]


@pytest.mark.parametrize(("change", "options", "says"), [
    ({"hp": 1.0}, {}, "hp has the same value"), ({"mpg": 1.0}, {}, "y has the same value"),
    ({}, {"method": "shapley"}, "expected 'lmg' or 'johnson'"),
])  # fmt: skip
def test_what_does_not_vary_moves_nothing(cars: pd.DataFrame, change: dict, options: dict, says: str) -> None:
    table = cars.assign(**change)
    with pytest.raises(ValueError, match=says):
        driver_importance(table["mpg"], table.drop(columns="mpg"), **options)


def test_the_index_is_a_weighted_mean_with_customers_as_clusters() -> None:
    asked = pd.DataFrame(
        {
            "customer_id": list("aabcde"),
            "overall": [10, 8, 1, 5, np.nan, 7],
            "weight": [1, 1, 3, 2, 5, 1],
            "kind": list("xxxxyy"),
        }
    )
    whole = loyalty.satisfaction_index(asked).iloc[0]
    mean = (10 + 8 + 3 * 1 + 2 * 5 + 7) / 8
    assert whole["index"] == pytest.approx((mean - 1) / 9 * 100) and whole["customers_count"] == 4
    assert np.isnan(whole["low"])  # four customers are too few
    by = loyalty.satisfaction_index(asked, "kind")
    assert by["interviews_count"].tolist() == [4, 1] and by["low"].isna().all()


def test_an_index_covers_the_truth() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(200):
        level = rng.normal(7, 1.2, 80)
        who = rng.integers(0, 80, 150)
        answers = np.clip(np.round(level[who] + rng.normal(0, 1, 150)), 1, 10)
        row = loyalty.satisfaction_index(pd.DataFrame({"customer_id": who, "overall": answers})).iloc[0]
        inside += row["low"] < (7.0 - 1) / 9 * 100 < row["high"]
    assert inside >= 180


def test_one_answer_repeated_tells_nothing_of_the_spread(surveys: pd.DataFrame) -> None:
    same = surveys.assign(overall=7, supply_2=5)
    row = loyalty.satisfaction_index(same).iloc[0]
    assert row["index"] == pytest.approx(200 / 3) and np.isnan(row["low"]) and np.isnan(row["high"])
    with pytest.raises(loyalty.LoyaltyError, match="supply_2 has the same answer"):
        loyalty.scale_reliability(same)
    with pytest.raises(loyalty.LoyaltyError, match="overall has the same answer"):
        loyalty.driver_slopes(same.assign(supply_2=surveys["supply_2"]), loyalty.SCALES)
    with pytest.raises(loyalty.LoyaltyError, match="answers have 1 steps"):
        loyalty.fit_ordinal(same["overall"], loyalty.dimension_scores(surveys))


@pytest.mark.parametrize(("change", "items", "says"), [
    ({"weight": -1}, "overall", "weight is missing or below 0"), ({"weight": np.nan}, "overall", "weight is missing or below 0"),
    ({"customer_id": None}, "overall", "customer_id is missing"), ({}, "mood", "no item mood"), ({"overall": 11}, "overall", "outside 1 to 10"), ({"overall": np.nan}, "overall", "nobody answered"),
])  # fmt: skip
def test_answers_that_cannot_be_are_refused(surveys: pd.DataFrame, change: dict, items: str, says: str) -> None:
    with pytest.raises(loyalty.LoyaltyError, match=says):
        loyalty.satisfaction_index(surveys.assign(**change), items=items)


def test_a_change_minds_who_was_asked_twice() -> None:
    rng = np.random.default_rng(3)
    level = rng.normal(6, 1.5, 200)
    asked = pd.DataFrame(
        {
            "customer_id": np.r_[np.arange(200), np.arange(200)],
            "overall": np.clip(np.r_[level, level + 0.5] + rng.normal(0, 0.3, 400), 1, 10).round(3),
            "half": ["a"] * 200 + ["b"] * 200,
        }
    )
    same = loyalty.index_change(asked, asked["half"], "a", "b")
    apart = loyalty.index_change(asked.assign(customer_id=np.arange(400)), asked["half"], "a", "b")
    assert same.value == pytest.approx(apart.value) and same.high - same.low < (apart.high - apart.low) / 2
    assert same.low < 0.5 / 9 * 100 < same.high
    with pytest.raises(loyalty.LoyaltyError, match="no answer in c"):
        loyalty.index_change(asked, asked["half"], "a", "c")


def test_reliability_is_what_its_formulas_say(surveys: pd.DataFrame) -> None:
    found = loyalty.scale_reliability(surveys, weights=None, draws=50)
    x = surveys[[i for own in loyalty.SCALES.values() for i in own]].dropna()[loyalty.SCALES["supply"]].astype(float)
    row = found.table.set_index("scale").loc["supply"]
    assert row["alpha"] == pytest.approx(1.5 * (1 - x.var(ddof=0).sum() / x.sum(axis=1).var(ddof=0)), abs=1e-9)
    r = x.corr().to_numpy()
    loading = np.sqrt([r[0, 1] * r[0, 2] / r[1, 2], r[0, 1] * r[1, 2] / r[0, 2], r[0, 2] * r[1, 2] / r[0, 1]])
    assert row["average_variance"] == pytest.approx((loading**2).mean(), abs=1e-6)
    assert row["alpha_low"] < row["alpha"] < row["alpha_high"] and found.table["holds"].all()
    noise = surveys.assign(**{f"supply_{i}": np.random.default_rng(i).integers(1, 11, len(surveys)) for i in (1, 2, 3)})
    assert not loyalty.scale_reliability(noise, draws=50).table.set_index("scale").loc["supply", "holds"]
    doubled = surveys.assign(**{f"attitude_{i}": surveys[f"supply_{i}"] for i in (1, 2, 3)})
    pair = loyalty.scale_reliability(doubled, draws=50).pairs.iloc[0]
    assert pair["htmt"] > 0.95 and not pair["distinct"]


def test_slopes_find_the_causes_that_the_sample_was_made_with(surveys: pd.DataFrame, sample: Path) -> None:
    import json

    truth = json.loads((sample / "truth" / "parameters.json").read_text())["driver_weights"]
    found = loyalty.driver_slopes(surveys, loyalty.SCALES).table.set_index("driver")
    for driver, weight in truth.items():  # the overall answer moves by 1.3 of the whole
        assert found.loc[driver, "low"] < 1.3 * weight < found.loc[driver, "high"], driver
    # As they stand the answers lend what supply does to what moves with it.
    assert found.loc["supply", "plain_slope"] < 1.3 * truth["supply"] - 0.02


def test_ordinal_slopes_and_their_check() -> None:
    rng = np.random.default_rng(8)
    n = 3000
    x = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    latent = 1.0 * x["a"] + 0.5 * x["b"] + rng.logistic(size=n)
    y = pd.Series(np.digitize(latent, [-2, -1, 0, 1, 2]))
    model = loyalty.fit_ordinal(y, x)
    table = model.summary.set_index("driver")
    assert (
        table.loc["a", "low"] < np.e < table.loc["a", "high"]
        and table.loc["b", "low"] < np.exp(0.5) < table.loc["b", "high"]
    )
    assert model.check.set_index("driver").loc["all", "p_value"] > 0.01
    bent = pd.Series(
        np.where(rng.random(n) < 0.5, np.digitize(latent, [-2, -1, 0]), 3 + np.digitize(rng.logistic(size=n), [0, 1]))
    )
    check = loyalty.fit_ordinal(bent, x).check.set_index("driver")
    assert check.loc["a", "p_value"] < 1e-4 and check.loc["a", "highest_slope"] > check.loc["a", "lowest_slope"] + 0.3


def test_answers_told_without_fail_are_refused() -> None:
    rng = np.random.default_rng(9)
    x = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
    with pytest.raises(loyalty.LoyaltyError, match=r"without fail|does not settle"):
        loyalty.fit_ordinal(pd.Series(np.digitize(x["a"], [-1, 0, 1])), x)
    with pytest.raises(loyalty.LoyaltyError, match="c follows from the other"):
        loyalty.fit_ordinal(pd.Series(rng.integers(1, 6, 400)), x.assign(c=x["a"] + x["b"]))
    with pytest.raises(loyalty.LoyaltyError, match="too few for"):
        loyalty.fit_ordinal(pd.Series([1, 2, 3]), x.head(3))


def test_the_kind_of_a_driver_is_found() -> None:
    rng = np.random.default_rng(5)
    n = 4000
    x = pd.DataFrame(rng.uniform(1, 10, (n, 4)), columns=["basic", "exciting", "line", "nothing"])
    low, high = x.quantile(0.2), x.quantile(0.8)
    y = (
        6
        - 1.5 * (x["basic"] <= low["basic"])
        + 1.5 * (x["exciting"] >= high["exciting"])
        + 0.2 * x["line"]
        + rng.normal(size=n)
    )
    found = loyalty.penalty_reward(y, x).set_index("driver")
    assert found["kind"].to_dict() == {
        "basic": "basic",
        "exciting": "exciting",
        "line": "one_dimensional",
        "nothing": "unclear",
    }
    # 1.5 points over the 3.6 that the lowest fifth lies below the middle.
    assert found.loc["basic", "penalty_low"] < 1.5 / 3.6 < found.loc["basic", "penalty_high"]
    with pytest.raises(loyalty.LoyaltyError, match="fewer than three kinds"):
        loyalty.penalty_reward(y, x.assign(basic=np.where(x["basic"] > 5, 1.0, 0.0)))


def test_a_straight_driver_is_not_called_basic(surveys: pd.DataFrame) -> None:
    # The sample's own skewed scores, with an outcome that is straight in them.
    rng = np.random.default_rng(6)
    x = loyalty.dimension_scores(surveys).dropna()
    named = [
        loyalty.penalty_reward(0.4 * x["supply"] + 0.2 * x["effort"] + rng.normal(0, 0.8, len(x)), x).set_index(
            "driver"
        )["kind"]
        for _ in range(20)
    ]
    assert sum(kind["supply"] == "one_dimensional" for kind in named) >= 17


def test_two_blocks_are_the_first_pair_of_singular_vectors(surveys: pd.DataFrame) -> None:
    items = surveys[loyalty.SCALES["supply"] + loyalty.SCALES["effort"]].dropna().astype(float)
    model = loyalty.path_model(
        items, {"S": loyalty.SCALES["supply"], "E": loyalty.SCALES["effort"]}, {"E": ["S"]}, draws=0
    )
    z = ((items - items.mean()) / items.std(ddof=0)).to_numpy()
    pair = PLSSVD(n_components=1, scale=False).fit(z[:, :3], z[:, 3:])
    for block, weights in (("S", pair.x_weights_[:, 0]), ("E", pair.y_weights_[:, 0])):
        mine = (
            model.weights.query("block == @block")["weight"].to_numpy()
            * items[loyalty.SCALES["supply" if block == "S" else "effort"]].std(ddof=0).to_numpy()
        )
        assert mine / np.linalg.norm(mine) == pytest.approx(weights * np.sign(weights.sum()), abs=1e-6)
    scores = model.scores(items)
    assert scores.to_numpy().std(axis=0) == pytest.approx([1, 1], abs=1e-9)
    assert model.paths["coefficient"].iloc[0] == pytest.approx(np.corrcoef(scores.T)[0, 1], abs=1e-9)


def test_a_path_model_finds_paths_and_says_what_is_sure() -> None:
    rng = np.random.default_rng(6)
    n = 1500
    quality = rng.normal(size=n)
    satisfaction = 0.7 * quality + np.sqrt(1 - 0.49) * rng.normal(size=n)
    loyal = 0.6 * satisfaction + np.sqrt(1 - 0.36) * rng.normal(size=n)
    other = rng.normal(size=n)
    blocks = {"Q": quality, "S": satisfaction, "L": loyal, "O": other}
    items = pd.DataFrame({f"{b}{i}": v + 0.05 * rng.normal(size=n) for b, v in blocks.items() for i in (1, 2, 3)})
    names = {b: [f"{b}{i}" for i in (1, 2, 3)] for b in blocks}
    for scheme in ("centroid", "factorial", "path"):
        model = loyalty.path_model(items, names, [("Q", "S"), ("S", "L"), ("O", "L")], scheme, draws=60)
        found = model.paths.set_index(["source", "target"])
        assert found.loc[("Q", "S"), "low"] < 0.7 < found.loc[("Q", "S"), "high"]
        assert found.loc[("S", "L"), "low"] < 0.6 < found.loc[("S", "L"), "high"]
        assert not found.loc[("O", "L"), "sure"] and found.loc[("Q", "S"), "sure"]
        total = model.effects.set_index(["source", "target"]).loc[("Q", "L")]
        assert total["direct"] == 0 and total["low"] < 0.42 < total["high"]
        assert model.reliability["holds"].all() and model.reliability["apart"].all()


@pytest.mark.parametrize(("blocks", "paths", "says"), [
    ({"A": ["a"], "B": ["b"]}, {"B": ["C"]}, "names the block 'C'"), ({"A": ["a"], "B": ["b"]}, [], "no path"),
    ({"A": ["a"], "B": ["b"]}, [("A", "B"), ("B", "A")], "go round"), ({"A": ["a"], "B": ["a"]}, [("A", "B")], "two blocks"),
    ({"A": ["a"], "B": ["b"], "C": ["c"]}, [("A", "B")], "block C has no path"), ({"A": ["a"], "B": ["x"]}, [("A", "B")], "no item x"),
])  # fmt: skip
def test_models_that_cannot_be_are_refused(blocks: dict, paths: object, says: str) -> None:
    items = pd.DataFrame(np.random.default_rng(7).normal(size=(60, 3)), columns=["a", "b", "c"])
    with pytest.raises(loyalty.LoyaltyError, match=says):
        loyalty.path_model(items, blocks, paths, draws=0)


def test_measures_go_by_points_for_money(surveys: pd.DataFrame, tmp_path: Path) -> None:
    slopes = loyalty.driver_slopes(surveys, loyalty.SCALES, draws=100)
    ranked = loyalty.rank_measures(slopes, loyalty.read_measures(), 2000)
    best = ranked.iloc[0]
    slope = slopes.table.set_index("driver").loc[best["dimension"], "slope"]
    assert best["points_for_money"] == pytest.approx(
        slope * best["points"] * best["reach_share"] * 2000 / (best["cost_yuan"] / 1e4)
    )
    assert (ranked["low"] < ranked["points_for_money"]).all() and (ranked["points_for_money"] < ranked["high"]).all()
    assert ranked["points_for_money"].is_monotonic_decreasing and ranked["first_share"].sum() == pytest.approx(1)
    bad = tmp_path / "measures.yaml"
    bad.write_text(
        "source: x\nspread: 0.4\nmeasures:\n  a: {dimension: supply, points: 20, reach_share: 0.1, cost_yuan: 5, en: a, zh: b}\n"
    )
    with pytest.raises(loyalty.LoyaltyError, match="points of 0 to 9"):
        loyalty.read_measures(bad)


def test_where_a_dimension_stands_is_told_with_its_doubt(surveys: pd.DataFrame) -> None:
    scores = loyalty.dimension_scores(surveys)
    told = loyalty.importance_performance(surveys, loyalty.SCALES, draws=200)
    plain = driver_importance(
        surveys["overall"], scores, weights=surveys["weight"], groups=surveys["customer_id"], draws=20
    )
    assert told["share"].to_numpy() == pytest.approx(plain.table["share"].to_numpy())
    supply = told.set_index("driver").loc["supply"]
    assert supply["quadrant"] == "keep_up" and supply["quadrant_share"] > 0.95
    assert (told["quadrant_share"] <= 1).all() and told["quadrant_share"].min() < 0.9
    ax = loyalty.plot_importance_performance(told, names={"supply": "Supply"}, x_label="x", y_label="y")
    assert "Supply" in [t.get_text() for t in ax.texts]
