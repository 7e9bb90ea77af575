"""Every table of the project, each column once."""

from __future__ import annotations

from typing import Any

from labkit.schema import row_rules
from labkit.schema.model import Column, Personal, Table, Type

SURVEY_DIMENSIONS = ("supply", "attitude", "channel", "effort", "arrears")
CUSTOMER_CLASSES = ("residential", "commercial", "industrial", "agricultural", "public")
SETTLEMENTS = ("urban", "rural", "remote")


def _text(name: str, **more: Any) -> Column:
    return Column(name, Type.TEXT, **more)


def _number(name: str, low: float | None = None, high: float | None = None, **more: Any) -> Column:
    return Column(name, Type.NUMBER, low=low, high=high, **more)


def _count(name: str, low: float | None = 0, high: float | None = None, **more: Any) -> Column:
    return Column(name, Type.INTEGER, low=low, high=high, **more)


def _flag(name: str) -> Column:
    return Column(name, Type.BOOLEAN)


def _date(name: str, **more: Any) -> Column:
    return Column(name, Type.DATE, **more)


def _time(name: str, **more: Any) -> Column:
    return Column(name, Type.TIMESTAMP, **more)


def _id(name: str, references: str = "", *, personal: Personal = "none", required: bool = True) -> Column:
    return Column(name, Type.TEXT, required=required, references=references, personal=personal)


def _customer(references: str = "customers", *, required: bool = True) -> Column:
    return _id("customer_id", references, personal="identifier", required=required)


def _share(name: str) -> Column:
    return _number(name, -1, 1)


def _items() -> tuple[Column, ...]:
    names = [f"{dimension}_{i}" for dimension in SURVEY_DIMENSIONS for i in (1, 2, 3)]
    names += ["expectation", "overall", "value", "loyalty", "intention_to_stay"]
    return tuple(_count(name, 1, 10) for name in names)


_TABLES = (
    Table(
        "customers",
        ("customer_id",),
        (
            _customer(""),
            _text("name", personal="direct"),
            _text("customer_class", values=CUSTOMER_CLASSES),
            _text("industry_code"),
            _number("voltage_kv", 0, 1100),
            _number("capacity_kva", 0, 5e6),
            _text("tariff_id"),
            _number("contract_kw", 0, 5e6),
            _number("pf_standard", 0.8, 0.9),
            _text("area_id"),
            _text("settlement", values=SETTLEMENTS),
            _number("longitude", -180, 180, personal="direct"),
            _number("latitude", -90, 90, personal="direct"),
            _text("phone", personal="direct"),
            _date("connected_on"),
            _date("contract_end_on"),
            _date("left_on"),
            _text("left_reason", values=("moved", "closed", "direct_purchase", "retailer", "own_generation")),
            _flag("prepaid"),
            _flag("important"),
        ),
        row_rules.CUSTOMERS,
        tuple(f"{n:02d}" for n in range(1, 13)),
        required=True,
        about_en="One row a customer: who it is, where, on which tariff, since when.",
        about_zh="每户一行：客户是谁、在哪里、执行何种电价、何时立户。",
    ),
    Table(
        "readings",
        ("customer_id", "ts"),
        # 2 GWh in an interval is more than any connection carries, and what fits the store's whole Wh.
        (_customer(), _time("ts", required=True), _number("kwh", 0, 2e6, required=True), _number("kvarh", -2e6, 2e6)),
        row_rules.READINGS,
        ("01", "04", "05", "10"),
        about_en="Energy of each interval of 15, 30 or 60 minutes; the time is the start of the interval. "
        "Long (a row a reading) or wide (P1..P96, a row a customer-day) at the door; the store keeps a row a "
        "customer-day with one whole-Wh column a slot.",
        about_zh="每 15、30 或 60 分钟的电量，时间为时段起点。可按长表（一行一个读数）或宽表（P1..P96，"
        "每户每日一行）提供；入库后每户每日一行，每个时段一列，单位为整数瓦时。",
    ),
    Table(
        "bills",
        ("bill_id",),
        (
            _id("bill_id"),
            _customer(),
            Column("period", Type.MONTH, required=True),
            _number("kwh", 0, required=True),
            *(_number(f"kwh_{part}", 0) for part in ("sharp", "peak", "flat", "valley")),
            _number("kvarh"),
            _number("max_demand_kw", 0),
            *(_number(f"{part}_yuan") for part in ("energy", "basic", "pf", "funds")),
            _number("total_yuan", required=True),
            _date("issued_on"),
            _date("due_on"),
        ),
        row_rules.BILLS,
        ("01", "04", "05", "09", "10"),
        about_en="One row a customer and month: energy by period, charges, dates.",
        about_zh="每户每月一行：分时电量、各项电费与日期。",
    ),
    Table(
        "payments",
        ("payment_id",),
        (
            _id("payment_id"),
            _id("bill_id", "bills"),
            _customer(),
            _date("paid_on", required=True),
            _number("amount_yuan", required=True),
            _text("channel", values=("online", "bank", "counter", "agent")),
        ),
        (),
        ("01", "09"),
        about_en="One row a payment against a bill.",
        about_zh="每笔缴费一行，对应一张账单。",
    ),
    Table(
        "collections",
        ("action_id",),
        (
            _id("action_id"),
            _id("bill_id", "bills"),
            _text(
                "action",
                required=True,
                values=(
                    "reminder",
                    "notice",
                    "approval",
                    "final_notice",
                    "disconnection",
                    "reconnection",
                    "instalment_plan",
                ),
            ),
            _time("at", required=True),
        ),
        (),
        ("09",),
        about_en="One row a step taken to recover an unpaid bill.",
        about_zh="每个催费步骤一行。",
    ),
    Table(
        "tickets",
        ("ticket_id",),
        (
            _id("ticket_id"),
            _customer(required=False),
            _text("channel", values=("phone", "online", "counter")),
            _time("opened_at", required=True),
            _time("closed_at"),
            _text(
                "category",
                values=("fault", "billing", "enquiry", "complaint", "connection", "suggestion"),
                required=True,
            ),
            _text("subcategory"),
            _text("text", personal="direct"),
            _time("first_answer_at"),
            _count("score", 1, 5),
        ),
        row_rules.TICKETS,
        ("01", "06", "07"),
        about_en="One row a contact through the hotline, online or at a counter.",
        about_zh="每次通过热线、网上或营业厅的诉求一行。",
    ),
    Table(
        "repairs",
        ("ticket_id",),
        (
            _id("ticket_id", "tickets"),
            _time("received_at", required=True),
            *(_time(f"{stage}_at") for stage in ("dispatched", "accepted", "departed", "arrived", "restored")),
            _text("centre_id"),
            _text("settlement", values=SETTLEMENTS),
        ),
        row_rules.REPAIRS,
        ("07",),
        about_en="One row a repair job, with the time of every stage from hotline to restored supply.",
        about_zh="每个抢修工单一行，含从受理到复电各环节的时间。",
    ),
    Table(
        "outages",
        ("outage_id",),
        (
            _id("outage_id"),
            _text("area_id", required=True),
            _time("started_at", required=True),
            _time("restored_at"),
            _flag("planned"),
            _date("announced_on"),
        ),
        row_rules.OUTAGES,
        ("07",),
        about_en="One row an interruption of a supply area, planned or not.",
        about_zh="每次区域停电一行，含计划停电与故障停电。",
    ),
    Table(
        "surveys",
        ("survey_id",),
        (_id("survey_id"), _customer(), _date("surveyed_on", required=True), _number("weight", 0), *_items()),
        (),
        ("01", "06", "08"),
        about_en="One row an interview: three items in each of five dimensions, and the overall answers, on 1..10.",
        about_zh="每份问卷一行：五个维度各三个题项及总体评价，均为 1 至 10 分。",
    ),
    Table(
        "tags",
        ("tag_id",),
        (
            _id("tag_id"),
            *(_text(name) for name in ("notation", "name_en", "name_zh", "aliases", "definition")),
            *(_text(name) for name in ("definition_en", "definition_zh", "facet")),
            _id("parent_id", "tags", required=False),
            _text("criterion"),
            _text("relation", values=("is_a", "part_of", "grouped_by")),
            *(_flag(name) for name in ("exclusive", "exhaustive", "residual")),
            _text("kind", values=("fact", "rule", "model", "manual")),
            *(_text(name) for name in ("rule", "domain", "sources", "owner", "refresh")),
            _date("valid_from"),
            _date("valid_to"),
            _text("status", values=("candidate", "accepted", "deprecated", "rejected")),
            _text("replaced_by"),
            _text("version"),
        ),
        (),
        ("02", "03"),
        about_en="The tag catalogue: one row a class of the tag library.",
        about_zh="标签目录：标签库中每个类目一行。",
    ),
    Table(
        "taggings",
        ("tagging_id",),
        (_id("tagging_id"), _customer(), _text("tag", required=True), _text("tagger"), _date("tagged_at")),
        (),
        ("02", "03"),
        about_en="One row each time somebody tagged a customer: a tag of the catalogue or free text.",
        about_zh="每次给客户打标签一行：目录标签或自由文本。",
    ),
    Table(
        "programmes",
        ("programme_id",),
        (
            _id("programme_id"),
            _text("name"),
            _text("kind", values=("time_of_use", "critical_peak", "interruptible", "direct_control", "efficiency")),
            _date("starts_on"),
            _date("ends_on"),
            _number("incentive_yuan_per_kw", 0),
            *(_number(f"{name}_yuan_per_kwh", 0) for name in ("base", "peak", "off_peak")),
        ),
        (),
        ("10",),
        about_en="Demand-side programmes on offer.",
        about_zh="已开展的需求侧项目。",
    ),
    Table(
        "enrolments",
        ("enrolment_id",),
        (
            _id("enrolment_id"),
            _id("programme_id", "programmes"),
            _customer(),
            _text("arm", values=("treated", "control")),
            _date("joined_on"),
            _number("paid_yuan", 0),
        ),
        (),
        ("10",),
        about_en="Who joined which programme, in which arm of the trial, and what it paid.",
        about_zh="谁参加了哪个项目、属于哪个试验组、获得多少激励。",
    ),
    Table(
        "events",
        ("event_id",),
        (
            _id("event_id"),
            _id("programme_id", "programmes"),
            _time("starts_at", required=True),
            _time("ends_at", required=True),
            _number("notice_h", 0),
        ),
        row_rules.EVENTS,
        ("10",),
        about_en="Windows in which a programme called for a response.",
        about_zh="项目要求响应的时段。",
    ),
    Table(
        "avoided_costs",
        ("ts",),
        (
            _time("ts", required=True),
            _number("energy_yuan_per_kwh"),
            _number("capacity_yuan_per_kw"),
            _number("network_yuan_per_kw"),
            _number("tonnes_co2_per_kwh"),
        ),
        (),
        ("05", "10"),
        about_en="What a kWh or kW not supplied saves, hour by hour.",
        about_zh="逐小时每少供一千瓦时或一千瓦所节约的成本。",
    ),
    Table(
        "sites",
        ("site_id",),
        (
            _id("site_id"),
            _text("kind", values=("service_centre", "repair_post")),
            _number("longitude", -180, 180),
            _number("latitude", -90, 90),
            _number("capacity", 0),
        ),
        (),
        ("07",),
        about_en="Service centres and repair posts.",
        about_zh="营业厅与抢修驻点。",
    ),
    Table(
        "market",
        ("segment",),
        (
            _id("segment"),
            _number("size_gwh", 0),
            _share("growth_share"),
            _share("margin_share"),
            _number("switching_share", 0, 1),
            *(_number(f"{who}_score", 0, 10) for who in ("own", "rival_a", "rival_b")),
        ),
        (),
        ("11",),
        about_en="Market segments: size, growth, margin, switching, own and rivals' strength.",
        about_zh="细分市场：规模、增长、利润、转换率、自身与竞争者实力。",
    ),
    Table(
        "weather",
        ("area_id", "ts"),
        (_id("area_id"), _time("ts", required=True), _number("temperature_c", -60, 60)),
        (),
        ("04", "10"),
        about_en="Air temperature of a supply area, hour by hour.",
        about_zh="各供电区域逐小时气温。",
    ),
)

#: Every table by name, in the order of the design.
TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
