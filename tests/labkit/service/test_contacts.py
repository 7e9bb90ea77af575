"""Tickets, topics, channels, promises: by hand, on the sample, and with what is odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import labkit
from labkit import service
from labkit.lab import Lab
from labkit.service import ServiceError
from labkit.service.assumptions import read_channel_costs, read_promises, read_remedies
from labkit.service.topics import split_words


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample, memory_limit_mb=500)


@pytest.fixture(scope="module")
def contacts(lab: Lab) -> service.tickets.Contacts:  # type: ignore[name-defined]
    customers = lab.run(lab.customers.select("customer_id", "customer_class", "settlement", "area_id"))
    return service.open_contacts(lab.run(lab.tickets), customers)


def tickets(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(
        rows,
        columns=[
            "ticket_id",
            "customer_id",
            "channel",
            "category",
            "opened_at",
            "first_answer_at",
            "closed_at",
            "text",
        ],
    )


ODD = tickets(
    [
        ("T1", "C1", "phone", "fault", "2025-01-01 08:00", "2025-01-01 08:01", "2025-01-01 09:00", "停电 no supply"),
        ("T2", "C1", "online", "fault", "2025-01-04 08:00", "2025-01-04 08:10", "2025-01-04 12:00", ""),
        ("T3", "C2", "phone", "billing", "2025-01-05 08:00", "2025-01-05 07:00", "2025-01-04 08:00", None),
        ("T4", None, "phone", "billing", "2025-01-06 08:00", None, None, "bill too high"),
        ("T5", "C3", "pigeon", "billing", None, None, None, "  "),
        ("T6", "C2", "counter", "billing", "2025-02-20 08:00", "2025-02-20 08:30", "2025-02-20 09:00", "电费高"),
    ]
)


def test_what_is_odd_is_counted_and_nothing_dropped() -> None:
    found = service.open_contacts(ODD)
    assert len(found.table) == 6 and dict(found.problems.itertuples(index=False)) == {
        "no_opening": 1, "answered_before_opened": 1, "closed_before_opened": 1, "no_answer_time": 2, "still_open": 2, "no_customer": 1, "empty_text": 3,
    }  # fmt: skip
    with pytest.raises(ServiceError, match="no column opened_at"):
        service.open_contacts(ODD.drop(columns="opened_at"))
    with pytest.raises(ServiceError, match="time of opening"):
        service.open_contacts(ODD.assign(opened_at=None))


def test_repeats_and_what_cannot_be_told_yet() -> None:
    found = service.open_contacts(ODD)
    again = service.mark_repeats(found)
    by_ticket = dict(zip(found.table["ticket_id"], again))
    assert by_ticket["T1"] and not by_ticket["T2"] and pd.isna(by_ticket["T4"]) and pd.isna(by_ticket["T6"]), (
        "T6 is of the last day"
    )
    once = service.first_contact_resolution(found)
    assert once["tickets_count"].iloc[0] == 3 and once["resolved_share"].iloc[0] == pytest.approx(2 / 3)


def test_shares_stay_within_nought_and_one(contacts: object) -> None:
    for by in ("channel", "subcategory", "area_id", "part_of_day"):
        table = service.count_contacts(contacts, by)  # type: ignore[arg-type]
        assert (
            table["share"].sum() == pytest.approx(1)
            and (table["low_share"] >= 0).all()
            and (table["high_share"] <= 1).all()
        )
        assert (table["low_share"] <= table["share"]).all() and table["tickets_count"].is_monotonic_decreasing


# -- topics ------------------------------------------------------------------------------


def test_words_of_both_languages_and_masks() -> None:
    assert split_words("充电桩 Meter, the") == ["充电", "电桩", "充电桩", "meter"]
    assert service.mask_text("户号 3301234567 张 a@b.cn 13812345678") == "户号 *** 张 *** ***"


def test_topics_separate_subjects_and_name_their_words() -> None:
    words = {
        "小区充电桩怎么报装": 40,
        "小区充电桩多久装好": 30,
        "家里突然停电了": 60,
        "整栋楼突然停电了": 50,
        "meter shows an error": 30,
        "my meter shows an error 13812345678": 10,
        "": 5,
    }
    texts = pd.Series([text for text, n in words.items() for _ in range(n)])
    found = service.find_topics(texts, 3)
    assert found.empty_count == 5 and (found.labels == -1).sum() == 5
    groups = texts.groupby(found.labels).unique()
    assert {frozenset(g) for k, g in groups.items() if k >= 0} == {
        frozenset(list(words)[0:2]),
        frozenset(list(words)[2:4]),
        frozenset(list(words)[4:6]),
    }
    assert "停电" in found.table["words"].iloc[0] and "1381" not in " ".join(found.table["examples"])
    assert found.table["tickets_count"].sum() == 220 and (found.table["low_share"] < found.table["share"]).all()
    with pytest.raises(ServiceError, match="no text has words"):
        service.find_topics(pd.Series(["", "12", None]))


def test_a_growing_topic_is_seen_to_grow() -> None:
    rng = np.random.default_rng(3)
    months = [str(p) for p in pd.period_range("2024-01", periods=24, freq="M")]
    rows = [
        ("pile" if rng.random() < (0.2 if i < 12 else 0.5) else "bill", m, f"C{rng.integers(0, 300)}")
        for i, m in enumerate(months)
        for _ in range(60)
    ]
    frame = pd.DataFrame(rows, columns=["topic", "month", "who"])
    found = service.follow_topics(frame["topic"], frame["month"], frame["who"], seed=1).set_index("topic")
    assert found.loc["pile", "low_share"] > 0.5 and found.loc["bill", "high_share"] < 0
    assert found.loc["pile", "change_share"] == pytest.approx(
        found.loc["pile", "after_count"] / found.loc["pile", "before_count"] - 1
    )


def test_a_hot_spot_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(5)
    months = [str(p) for p in pd.period_range("2024-01", periods=24, freq="M")]
    rows = [
        (t, a, m, rng.poisson(6 * (1.8 if m[5:] in ("07", "08") else 1)), 500.0)
        for t in ("bill", "fault")
        for a in ("A1", "A2", "A3", "A4")
        for m in months
    ]
    cells = pd.DataFrame(rows, columns=["topic", "area_id", "month", "tickets_count", "customers_count"])
    assert not service.hot_topics(cells)["hot"].any()
    burning = cells["topic"].eq("fault") & cells["area_id"].eq("A3") & cells["month"].isin(months[-3:])
    cells.loc[burning, "tickets_count"] += 15
    hot = service.hot_topics(cells)
    assert hot.loc[hot["hot"], ["topic", "area_id"]].values.tolist() == [["fault", "A3"]] and hot["low"].iloc[0] > 1.5
    with pytest.raises(ServiceError, match="9 months"):
        service.hot_topics(cells[cells["month"] < "2024-05"])


def test_satisfaction_lost_is_found_where_it_was_put() -> None:
    rng = np.random.default_rng(8)
    who = [f"C{i}" for i in range(600)]
    calls = pd.DataFrame(
        {"customer_id": who[:300], "opened_at": pd.Timestamp("2025-05-01"), "topic": ["slow"] * 150 + ["invoice"] * 150}
    )
    score = 8 - 2 * np.isin(np.arange(600), np.arange(150)) + rng.normal(0, 0.8, 600)
    surveys = pd.DataFrame({"customer_id": who, "surveyed_on": pd.Timestamp("2025-06-01"), "overall": score})
    lost = service.satisfaction_lost(calls["topic"], calls, surveys).set_index("topic")
    assert (
        lost.loc["slow", "low"] < 2 < lost.loc["slow", "high"]
        and lost.loc["invoice", "low"] < 0 < lost.loc["invoice", "high"]
    )
    counts = pd.DataFrame({"topic": ["slow", "invoice"], "customers_count": [150, 150]})
    ranked = service.rank_remedies(
        counts,
        lost.reset_index(),
        pd.DataFrame({"topic": ["invoice", "slow"], "en": "x", "zh": "x", "cost_yuan": 10_000, "feasibility": 0.5}),
    )
    assert (
        ranked["topic"].iloc[0] == "slow"
        and ranked["rank_worst"].iloc[0] == 1
        and ranked["points_for_money"].iloc[0] == pytest.approx(75 * lost.loc["slow", "lost_points"])
    )
    early = surveys.assign(surveyed_on=pd.Timestamp("2025-04-01"))
    assert service.satisfaction_lost(calls["topic"], calls, early).empty, (
        "what came after the interview cannot have moved it"
    )


# -- channels ------------------------------------------------------------------------------


def test_costs_of_a_contact_by_hand() -> None:
    found = service.cost_contacts(
        service.open_contacts(ODD, pd.DataFrame({"customer_id": ["C1", "C2"], "settlement": ["rural", "remote"]})),
        service.read_channel_costs(),
    )
    rows = found.set_index(service.open_contacts(ODD).table["ticket_id"])
    assert rows.loc["T1", "own_min"] == 1 + 5 and rows.loc["T2", "own_min"] == 6, "an online contact is not waited for"
    assert rows.loc["T6", "own_min"] == 30 + 140 + 15 and rows.loc["T6", "own_yuan"] == pytest.approx(185 / 60 * 25)
    assert np.isnan(rows.loc["T5", "cost_yuan"]), "a channel that is not known costs what nobody knows"


def test_the_choice_model_finds_who_comes_online() -> None:
    rng = np.random.default_rng(4)
    n = 4000
    category = rng.choice(["billing", "fault", "enquiry"], n)
    online = rng.random(n) < np.where(category == "fault", 0.1, np.where(category == "billing", 0.5, 0.3))
    channel = np.where(online, "online", np.where((rng.random(n) < 0.1) & (category != "fault"), "counter", "phone"))
    stamps = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 8000, n), "h")
    table = pd.DataFrame(
        {
            "ticket_id": [f"T{i}" for i in range(n)],
            "customer_id": [f"C{i % 900}" for i in range(n)],
            "channel": channel,
            "category": category,
            "opened_at": stamps,
            "first_answer_at": stamps,
            "closed_at": stamps,
        }
    )
    found = service.open_contacts(table)
    choice = service.fit_channel_choice(found, ("category",))
    by = choice.chances.groupby(found.table["category"]).mean()
    seen = pd.crosstab(found.table["category"], found.table["channel"], normalize="index")
    for channel_name in ("online", "phone", "counter"):
        assert by[channel_name].to_dict() == pytest.approx(seen[channel_name].to_dict(), abs=0.005)
    assert by.loc["fault", "counter"] == 0 and choice.chances.sum(axis=1).to_numpy() == pytest.approx(1)
    odds = choice.coefficients.query("channel == 'online'").set_index("attribute")
    reference = {"fault", "billing", "enquiry"} - {a.split("=")[1] for a in odds.index if "=" in a}
    assert len(reference) == 1 and (odds["low"] <= odds["odds_ratio"]).all()
    reasons = service.never_push(found, choice)
    assert (reasons[found.table["category"] == "fault"] == "fault").all()
    gain = service.move_online(found, choice, service.read_channel_costs(), 0.1)
    assert gain["moved_share"] == pytest.approx(0.1, abs=1e-3) and gain["saved_yuan"] > 0
    shares = service.share_pushed(found, choice)
    assert shares["share"].sum() == pytest.approx(1)
    with pytest.raises(ServiceError, match="between 0 and 1"):
        service.move_online(found, choice, service.read_channel_costs(), 1.5)
    two = service.fit_channel_choice(service.open_contacts(table[table["channel"] != "counter"]), ("category",))
    assert set(two.coefficients["channel"]) == {"online"} and two.reference == "phone" and 0 < two.fit_share < 1
    with pytest.raises(ServiceError, match="fewer than two channels"):
        service.fit_channel_choice(service.open_contacts(table.assign(channel="phone")))


def test_channels_side_by_side(contacts: object) -> None:
    table = service.compare_channels(contacts, service.read_channel_costs()).set_index("channel")  # type: ignore[arg-type]
    assert table["share"].sum() == pytest.approx(1) and table.loc["counter", "own_min"] > table.loc["phone", "own_min"]


# -- promises --------------------------------------------------------------------------------


def test_promises_on_the_sample(lab: Lab, contacts: object) -> None:
    table = service.check_promises(lab, service.read_promises(), contacts).set_index("id")  # type: ignore[arg-type]
    jobs = lab.run(lab.repairs)
    urban = jobs[jobs["settlement"] == "urban"]
    minutes = (urban["arrived_at"] - urban["received_at"]).dt.total_seconds() / 60
    assert table.loc["on_site_urban", "kept_share"] == pytest.approx((minutes <= 45).mean()) and table.loc[
        "on_site_urban", "cases_count"
    ] == len(urban)
    known = table[table["cases_count"] > 0]
    assert (
        (known["low_share"] >= 0).all()
        and (known["high_share"] <= 1).all()
        and {"outage_notice", "connection", "reconnection"} <= set(known.index)
    )
    alone = service.check_promises(lab, service.read_promises())
    assert alone.loc[alone["id"] == "connection", "cases_count"].iloc[0] == 0, "without tickets nothing is judged"
    later = service.read_promises().assign(since="2030-01-01")
    assert (service.check_promises(lab, later, contacts)["cases_count"] == 0).all()  # type: ignore[arg-type]


def test_the_index_has_weights_that_add_up(lab: Lab) -> None:
    surveys = lab.run(lab.surveys)
    rng = np.random.default_rng(1)
    many = pd.concat(
        [surveys.assign(customer_id=surveys["customer_id"] + str(i), overall=surveys["overall"]) for i in range(3)],
        ignore_index=True,
    )
    found = service.quality_index(many.sample(frac=1, random_state=1), seed=1)
    assert found is not None and found.weights["weight"].sum() == pytest.approx(1)
    assert (
        (found.by_period["index"] > found.by_period["low"]) & (found.by_period["index"] < found.by_period["high"])
    ).all()
    assert service.quality_index(surveys.head(10)) is None and rng.random() < 1


@pytest.mark.parametrize(
    ("reader", "content", "says"),
    [
        (read_channel_costs, {"channels": {"phone": {"cost_yuan": 1}}}, "effort_min"),
        (read_channel_costs, {"yuan_per_hour": 5}, "channels"),
        (read_remedies, [{"topic": "x", "en": "a", "zh": "b", "cost_yuan": -1, "feasibility": 0.5}], "x: cost_yuan"),
        (read_remedies, [{"topic": "x"}], "has no"),
        (
            read_promises,
            [{"id": "a", "en": "a", "zh": "b", "limit": 5, "unit": "weeks", "since": "2020-01-01"}],
            "unit min, h or day",
        ),
        (read_promises, [{"id": "a"}], "has no"),
    ],
)
def test_assumptions_that_are_wrong_are_refused(tmp_path: Path, reader: object, content: object, says: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ServiceError, match=says):
        reader(path)  # type: ignore[operator]


# -- places ------------------------------------------------------------------------------------


def test_posts_of_today_and_the_best(lab: Lab, contacts: object) -> None:
    areas = service.area_demand(lab, contacts, 3)  # type: ignore[arg-type]
    assert areas["demand"].sum() == pytest.approx(1) and (areas["customers_count"] >= 3).all()
    compared, best, steps = service.place_posts(areas, lab.run(lab.sites))
    today, better = compared.set_index("plan").loc[["today", "best"], "mean_min"]
    assert better <= today + 1e-9 and best.proved and (steps["saved_min"].dropna() >= -1e-9).all()
    assert set(service.site_places(areas, lab.run(lab.sites), best)["kind"]) == {"today", "best"}


def test_few_are_hidden() -> None:
    table = pd.DataFrame(
        {"channel": ["a", "b"], "tickets_count": [50, 3], "share": [0.9, 0.1], "customers_count": [40, 3]}
    )
    hidden = service.hide_few(table, 10)
    assert (
        hidden["channel"].tolist() == ["a", "b"]
        and hidden.loc[1, ["tickets_count", "share", "customers_count"]].isna().all()
    )
    whole = pd.concat([table, table.iloc[[0]].assign(channel="c", customers_count=30)], ignore_index=True)
    assert service.hide_few(whole, 10)["share"].isna().tolist() == [False, True, False]
    assert service.hide_few(whole, 10, total=True)["share"].isna().tolist() == [False, True, True], "shares make up one"
