"""Tickets that follow outages, repairs, satisfaction that follows service, surveys."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.sample.world import World
from labkit.schema import SURVEY_DIMENSIONS

#: How satisfaction comes about: the truth the methods of notebook 06 should find.
DRIVER_WEIGHTS = {"supply": 0.34, "attitude": 0.20, "channel": 0.10, "effort": 0.22, "arrears": 0.14}
OUTAGE_HOUR_EFFECT = -0.16
SLOW_TICKET_EFFECT = -0.45
DISCONNECTION_EFFECT = -0.70

_WORDS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "fault": (
        ("no_supply", ("家里突然停电，请尽快抢修", "整栋楼没电了，什么时候能恢复", "停电很久了，冰箱里的东西要坏了")),
        ("low_voltage", ("电压低，空调带不起来", "晚上灯光忽明忽暗，电压不稳", "电压太低，水泵启动不了")),
        ("meter_fault", ("电表屏幕不亮了", "电表显示故障代码", "表箱有烧焦味")),
    ),
    "billing": (
        ("high_bill", ("这个月电费比上个月高很多，请核实", "电费突然翻倍，怀疑电表走快了", "电费太高，请派人校表")),
        ("step_tariff", ("阶梯电价怎么算的，为什么到第三档", "夏天用空调就到第三档，电费看不懂")),
        ("time_of_use", ("峰谷时段怎么划分", "想改成峰谷电价，怎么办理")),
    ),
    "enquiry": (
        ("invoice", ("电子发票怎么开", "增值税发票没有收到")),
        ("planned_outage", ("听说明天要停电，几点恢复", "计划停电通知没有收到")),
        ("account", ("网上国网怎么绑定户号", "过户需要什么材料")),
    ),
    "complaint": (
        ("attitude", ("营业厅人员态度不好", "客服推诿，一直没人处理")),
        ("slow_repair", ("报修三个小时没人来", "抢修太慢，影响生产")),
        ("frequent_outage", ("一个月停电好几次，影响生活", "我们村总是停电")),
    ),
    "connection": (
        ("charging_pile", ("想装充电桩，怎么报装", "小区充电桩报装多久能办好", "充电桩装表还没人联系")),
        ("capacity", ("工厂要增容，申请流程是什么", "新装用电多久能通电")),
    ),
    "suggestion": (("service", ("建议营业厅延长服务时间", "建议增加用电提醒")),),
}
#: Tickets a customer and month, by category.
_RATES = {"billing": 0.022, "enquiry": 0.020, "complaint": 0.004, "connection": 0.006, "suggestion": 0.002}


def make_tickets(
    world: World, customers: pd.DataFrame, disputes: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tickets and repair jobs of a block; disputed bills are calls of their own.

    Returns
    -------
    tickets, repairs : DataFrame
        With ``_row``, ``_day`` and ``_slow`` beside the columns of the tables.
    """
    parts = [_fault_calls(world, customers, rng), disputes.assign(category="billing", _outage=-1)]
    n, months = len(customers), len(world.months)
    month_days = np.diff(world.month_starts)
    trend = np.arange(months) / months
    for category, rate in _RATES.items():
        season = (
            np.where(np.isin(np.arange(months) % 12, (7, 8, 1)), 2.2, 1.0) if category == "billing" else np.ones(months)
        )
        growth = 1 + 2.5 * trend if category == "connection" else np.ones(months)
        row, month = np.nonzero(rng.poisson(rate * season * growth, (n, months)) > 0)
        day = world.month_starts[month] + rng.integers(0, month_days[month])
        minute = np.clip(rng.normal(14 * 60, 200, len(row)), 7 * 60, 22 * 60).astype(int)
        parts.append(pd.DataFrame({"_row": row, "category": category, "_minute": day * 1440 + minute, "_outage": -1}))
    tickets = pd.concat(parts).sort_values(["_row", "_minute"], ignore_index=True)
    tickets["_day"] = tickets["_minute"] // 1440
    _describe(world, customers, tickets, rng)
    repairs = _repairs(world, customers, tickets[tickets["category"] == "fault"], rng)
    restored = repairs.set_index("ticket_id")["restored_at"].reindex(tickets["ticket_id"]).to_numpy()
    tickets["closed_at"] = np.where(pd.isna(restored), tickets["closed_at"], restored + np.timedelta64(20, "m"))
    return tickets, repairs


def _fault_calls(world: World, customers: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Some of those without supply call, more of them the longer it lasts; some have a fault of their own."""
    area = customers["_area"].to_numpy()
    parts = []
    for number, outage in enumerate(world.outages.itertuples()):
        here = np.flatnonzero(area == outage.area)
        chance = (0.02 if outage.planned else 0.09) * min(outage.minutes / 60, 4)
        call = here[rng.random(len(here)) < chance]
        minute = outage.start_min + rng.integers(3, max(outage.minutes, 5), len(call))
        parts.append(pd.DataFrame({"_row": call, "_minute": minute, "_outage": number}))
    settlement = customers["settlement"].map({"urban": 0.006, "rural": 0.010, "remote": 0.014}).to_numpy()
    row, day = np.nonzero(rng.random((len(customers), len(world.days))) < settlement[:, None] / 30)
    minute = day * 1440 + rng.integers(0, 1440, len(row))
    parts.append(pd.DataFrame({"_row": row, "_minute": minute, "_outage": -1}))
    calls = pd.concat(parts, ignore_index=True)
    return calls[calls["_minute"] < len(world.days) * 1440].assign(category="fault")


def _describe(world: World, customers: pd.DataFrame, tickets: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(tickets)
    order = tickets.groupby("_row").cumcount() + 1
    ids = customers["customer_id"].to_numpy()[tickets["_row"]]
    tickets["ticket_id"] = "T" + pd.Series(ids).str[1:] + "-" + order.astype(str)
    tickets["customer_id"] = ids
    online = 0.30 + 0.15 * tickets["_day"].to_numpy() / len(world.days)
    draw = rng.random(n)
    fault = (tickets["category"] == "fault").to_numpy()
    tickets["channel"] = np.where(
        draw < online * np.where(fault, 0.5, 1.0), "online", np.where((draw > 0.93) & ~fault, "counter", "phone")
    )
    wait_min = rng.lognormal(np.where(tickets["channel"] == "phone", -0.9, 2.0), 0.9)
    tickets["opened_at"] = world.times(tickets["_minute"].to_numpy())
    tickets["first_answer_at"] = tickets["opened_at"] + (wait_min * 60).astype("timedelta64[s]")
    hours = rng.lognormal(np.where(tickets["category"].isin(["complaint", "connection"]), 3.6, 2.2), 0.8)
    tickets["closed_at"] = tickets["first_answer_at"] + (hours * 3600).astype("timedelta64[s]")
    tickets["_slow"] = (hours > 30) | (wait_min > 25)
    score = np.clip(np.round(4.5 - 1.6 * tickets["_slow"] + rng.normal(0, 0.9, n)), 1, 5)
    tickets["score"] = pd.array(np.where(rng.random(n) < 0.6, score, np.nan), dtype="Int64")
    picks = rng.integers(0, 1000, (n, 2))
    chosen = [_pick(category, a, b) for category, (a, b) in zip(tickets["category"], picks, strict=True)]
    tickets["subcategory"] = [subcategory for subcategory, _ in chosen]
    tickets["text"] = [text for _, text in chosen]


def _pick(category: str, a: int, b: int) -> tuple[str, str]:
    subcategory, texts = _WORDS[category][a % len(_WORDS[category])]
    return subcategory, texts[b % len(texts)]


def _repairs(world: World, customers: pd.DataFrame, faults: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(faults)
    row = faults["_row"].to_numpy()
    settlement = customers["settlement"].to_numpy()[row]
    travel = np.select([settlement == "urban", settlement == "rural"], [20.0, 45.0], 70.0)
    stages = {
        "dispatched_at": rng.lognormal(0.9, 0.5, n),
        "accepted_at": rng.lognormal(1.1, 0.6, n),
        "departed_at": rng.lognormal(1.8, 0.6, n),
        "arrived_at": travel * rng.lognormal(0, 0.45, n),
        "restored_at": rng.lognormal(np.where(settlement == "urban", 3.9, 4.3), 0.6, n),
    }
    repairs = pd.DataFrame({"ticket_id": faults["ticket_id"].to_numpy(), "received_at": faults["opened_at"].to_numpy()})
    at = repairs["received_at"]
    for stage, minutes in stages.items():
        at = at + (minutes * 60).astype("timedelta64[s]")
        repairs[stage] = at
    centres = centre_ids(world)
    repairs["centre_id"] = np.array(centres)[customers["_area"].to_numpy()[row] % len(centres)]
    repairs["settlement"] = settlement
    repairs["_row"], repairs["_day"] = row, faults["_day"].to_numpy()
    # Crews now and then forget to report a stage.
    repairs.loc[rng.random(n) < 0.03, "departed_at"] = pd.NaT
    return repairs


def centre_ids(world: World) -> list[str]:
    """Repair posts: one for every two areas."""
    return [f"S{i + 1:03d}" for i in range((len(world.areas) + 1) // 2)]


def satisfaction(
    world: World, customers: pd.DataFrame, tickets: pd.DataFrame, collections: pd.DataFrame, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Each customer's perception of the five dimensions, month by month (mean 0).

    Each is moved by what happened in the last three months and by the
    customer's own level; shape (n, months).
    """
    n, months = len(customers), len(world.months)
    outage = world.outage_hours[customers["_area"].to_numpy()]
    slow, cut = np.zeros((n, months)), np.zeros((n, months))
    month_of = np.repeat(np.arange(months), np.diff(world.month_starts))
    late = tickets[tickets["_slow"]]
    np.add.at(slow, (late["_row"].to_numpy(), month_of[late["_day"]]), 1)
    off = collections[collections["action"] == "disconnection"]
    np.add.at(cut, (off["_row"].to_numpy(), month_of[off["_day"]]), 1)
    moved_by = {
        "supply": OUTAGE_HOUR_EFFECT * (_last_three(outage) - 3.0),
        "attitude": 0.6 * SLOW_TICKET_EFFECT * _last_three(slow),
        "channel": 0.0,
        "effort": SLOW_TICKET_EFFECT * _last_three(slow),
        "arrears": DISCONNECTION_EFFECT * _last_three(cut),
    }
    base = customers["_base_satisfaction"].to_numpy()[:, None]
    return {
        name: np.clip(base + moved_by[name] + rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.25, (n, months)), -3, 3)
        for name in SURVEY_DIMENSIONS
    }


def overall_satisfaction(perception: dict[str, np.ndarray]) -> np.ndarray:
    """Satisfaction as the true weights make it, shape (n, months)."""
    return np.asarray(sum(DRIVER_WEIGHTS[name] * perception[name] for name in SURVEY_DIMENSIONS))


def _last_three(monthly: np.ndarray) -> np.ndarray:
    padded = np.pad(monthly, ((0, 0), (2, 0)))
    return padded[:, 2:] + padded[:, 1:-1] + padded[:, :-2]


def make_surveys(
    world: World, customers: pd.DataFrame, perception: dict[str, np.ndarray], rng: np.random.Generator
) -> pd.DataFrame:
    """Interviews every half-year; large and business customers are drawn more often, and weighted back."""
    chance = np.where(customers["_key"], 0.6, np.where(customers["customer_class"] == "residential", 0.15, 0.30))
    parts = []
    for month in (5, 11, 17, 23):
        row = np.flatnonzero(rng.random(len(customers)) < chance)
        low, high = world.month_starts[month], world.month_starts[month + 1]
        day = rng.integers(low, high, len(row))
        frame = pd.DataFrame({"_row": row, "_day": day, "weight": (1 / chance[row]).round(4)})
        level = {name: perception[name][row, month] for name in SURVEY_DIMENSIONS}
        for name, value in level.items():
            for item in (1, 2, 3):
                frame[f"{name}_{item}"] = _answer(value, 0.55, rng)
        whole = sum(DRIVER_WEIGHTS[name] * value for name, value in level.items())
        frame["expectation"] = _answer(0.3 * whole + 0.5, 0.8, rng)
        frame["overall"] = _answer(whole * 1.3, 0.35, rng)
        frame["value"] = _answer(0.7 * whole - 0.4 * (customers["_price_sensitivity"].to_numpy()[row] - 1), 0.6, rng)
        frame["loyalty"] = _answer(1.0 * whole, 0.6, rng)
        frame["intention_to_stay"] = _answer(1.1 * whole + 0.3, 0.6, rng)
        parts.append(frame)
    surveys = pd.concat(parts).sort_values(["_row", "_day"], ignore_index=True)
    surveys["customer_id"] = customers["customer_id"].to_numpy()[surveys["_row"]]
    surveys["survey_id"] = (
        "V" + surveys["customer_id"].str[1:] + "-" + (surveys.groupby("_row").cumcount() + 1).astype(str)
    )
    surveys["surveyed_on"] = world.dates(surveys["_day"].to_numpy())
    return surveys


def _answer(level: np.ndarray, spread: float, rng: np.random.Generator) -> pd.arrays.IntegerArray:
    """A perception as an answer on 1..10; one in fifty does not know."""
    score = np.clip(np.round(7.4 + 1.5 * (level + rng.normal(0, spread, len(level)))), 1, 10)
    return pd.array(np.where(rng.random(len(level)) < 0.02, np.nan, score), dtype="Int64")
