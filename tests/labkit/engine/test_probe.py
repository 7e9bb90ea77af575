"""Every Ibis operation that labkit builds on, on both engines: an upgrade that breaks one shows which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pytest

from labkit.engine import divide, round_to, to_whole
from labkit.lab import Lab

DAYS = [
    dt.date(2025, 1, 31),
    dt.date(2025, 2, 28),
    None,
    dt.date(2024, 2, 29),
    dt.date(2025, 12, 31),
    dt.date(2025, 1, 1),
]
TIMES = [None if day is None else dt.datetime(day.year, day.month, day.day, 23, 45, 1, 250) for day in DAYS]
ROWS = pa.table(
    {
        "id": pa.array(["a", "b", "c", "d", "e", "f"]),
        "kind": pa.array(["x", "y", "x", None, "y", "x"]),
        "month": pa.array(["2025-01", "2025-02", "2025-03", "2024-02", "2025-12", "2025-01"]),
        "n": pa.array([3, None, -7, 2**40, 0, 3], pa.int64()),
        "p": pa.array([1, 2, None, 2**31 - 1, 5, 0], pa.int32()),
        "v": pa.array([2.675, -1.005, None, 0.1, 1e-9, 7.5]),
        "flag": pa.array([True, False, None, True, False, True]),
        "day": pa.array(DAYS, pa.date32()),
        "at": pa.array(TIMES, pa.timestamp("us")),
    }
)
OTHER = pa.table({"id": pa.array(["a", "b", "b", "z"]), "w": pa.array([1, 2, 3, 4], pa.int64())})

Build = Callable[[ir.Table], ir.Table]
#: Works out a column from each row.
COLUMNS: dict[str, Callable[[ir.Table], ir.Value]] = {
    "add": lambda t: t.n + t.p,
    "divide": lambda t: t.n / 1000.0,
    "divide whole numbers": lambda t: t.n / t.p.nullif(0),
    "divide by a number that may be nought": lambda t: t.v / t.v.nullif(0),
    "modulo": lambda t: t.p % 3,
    "round to whole": lambda t: t.v.round(),
    "round to a decimal": lambda t: round_to(t.v, 2),
    "whole cents": lambda t: to_whole(t.v, 2),
    "square root": lambda t: (t.v * t.v + 2.0).sqrt(),
    "absolute": lambda t: t.n.abs(),
    "negative": lambda t: -t.n,
    "clip": lambda t: t.v.clip(lower=0.0, upper=2.0),
    "compare": lambda t: t.n > t.p,
    "and or not": lambda t: (t.flag & (t.n > 0)) | ~t.flag,
    "between": lambda t: t.n.between(0, 5),
    "is in": lambda t: t.kind.isin(["x", "q"]),
    "is null": lambda t: t.kind.isnull(),
    "fill null": lambda t: t.n.fill_null(0),
    "fill null of words": lambda t: t.kind.fill_null("none"),
    "nullif": lambda t: t.n.nullif(3),
    "coalesce": lambda t: ibis.coalesce(t.n, t.p, 9),
    "ifelse": lambda t: t.flag.ifelse(t.v, ibis.null("float64")),
    "cases": lambda t: ibis.cases((t.kind == "x", 1), (t.kind == "y", 2), else_=0),
    "greatest": lambda t: ibis.greatest(t.n, t.p, 1),
    "least": lambda t: ibis.least(t.n, t.p, 1),
    "cast to whole": lambda t: t.p.cast("int64"),
    "cast to float": lambda t: t.flag.cast("float64"),
    "cast words to whole": lambda t: t.month[5:7].cast("int64"),
    "cast date to time": lambda t: t.day.cast("timestamp(6)"),
    "slice": lambda t: t.month[:4],
    "join words": lambda t: t.month + "_" + t.id,
    "length": lambda t: t.month.length(),
    "pattern": lambda t: t.month.re_search(r"^(19|20)\d\d-(0[1-9]|1[0-2])$"),
    "days between": lambda t: ibis.date("2025-03-01").delta(t.day, unit="day"),
    "days since a time": lambda t: t.at.date(),
    "year": lambda t: t.day.year(),
    "month": lambda t: t.at.month(),
    "hour": lambda t: t.at.hour(),
    "seconds since 1970": lambda t: t.day.cast("timestamp(6)").epoch_seconds(),
    "compare dates": lambda t: t.day <= ibis.date("2025-01-31"),
    "compare times": lambda t: t.at < ibis.timestamp("2025-01-31 23:45:02"),
    "not a number": lambda t: (t.v.isnan() | t.v.isinf()).fill_null(False),
    "not a number is not missing": lambda t: t.v.fill_null(float("nan")).isnull() | t.v.isnull(),
    "not a number is known": lambda t: t.v.fill_null(float("nan")).notnull(),
    "row number": lambda t: ibis.row_number().over(ibis.window(group_by="kind", order_by=[ibis.desc("n"), "id"])),
    "lag": lambda t: t.n.lag().over(ibis.window(group_by="kind", order_by="id")),
    "share of a whole": lambda t: t.p / t.p.sum().over(ibis.window(group_by="kind")),
    "running sum": lambda t: t.p.sum().over(ibis.cumulative_window(group_by="kind", order_by="id")),
    "percent rank": lambda t: ibis.percent_rank().over(ibis.window(group_by="kind", order_by="id")),
    "ntile": lambda t: ibis.ntile(2).over(ibis.window(group_by="kind", order_by="id")),
}  # fmt: skip
#: Works out one figure a kind.
FIGURES: dict[str, Callable[[ir.Table], ir.Value]] = {
    "count": lambda t: t.count(),
    "count known": lambda t: t.n.count(),
    "count where": lambda t: t.count(where=t.flag),
    "distinct": lambda t: t.n.nunique(),
    "sum": lambda t: t.n.sum(),
    "sum of int32 beyond int32": lambda t: (t.p.sum() * 2).cast("int64"),
    "sum where": lambda t: t.n.sum(where=t.flag).fill_null(0),
    "sum of flags": lambda t: t.flag.fill_null(False).sum().cast("int64"),
    "sum of money": lambda t: divide(to_whole(t.v, 3).sum(), 1000),
    "sum of money where": lambda t: divide(to_whole(t.v, 3).sum(where=t.flag), 1000),
    "mean": lambda t: t.n.mean(),
    "mean where": lambda t: t.p.mean(where=t.p > 0),
    "share": lambda t: t.flag.cast("float64").mean(),
    "max": lambda t: t.day.max(),
    "min of times": lambda t: t.at.min(),
    "min of words": lambda t: t.month.min(),
    "argmax": lambda t: t.p.argmax(t.month),
    "argmin": lambda t: t.id.argmin(t.day),
    "any": lambda t: t.flag.any(),
    "all": lambda t: t.flag.all(),
    "median": lambda t: t.p.cast("float64").median(),
    "quantile": lambda t: t.p.cast("float64").quantile(0.9),
    "quantile where": lambda t: t.p.cast("float64").quantile(0.25, where=t.p > 0),
}  # fmt: skip
#: Figures whose last digits hang on the order of the rows: equal within 1e-12.
ROUGHLY = {
    "standard deviation": lambda t: t.p.cast("float64").std(how="pop"),
    "variance": lambda t: t.v.var(),
}
TABLES: dict[str, Build] = {
    "filter": lambda t: t.filter(t.n > 0, t.flag),
    "inner join": lambda t: t.select("id", "n").inner_join(ibis.memtable(OTHER), "id"),
    "left join": lambda t: t.select("id", "n").left_join(ibis.memtable(OTHER), "id").drop("id_right"),
    "cross join": lambda t: t.select("id").cross_join(ibis.memtable(OTHER).select("w")),
    "semi join": lambda t: t.semi_join(ibis.memtable(OTHER), "id"),
    "anti join": lambda t: t.anti_join(ibis.memtable(OTHER), "id"),
    "join on other names": lambda t: t.select("id").inner_join(
        ibis.memtable(OTHER).rename(who="id"), [("id", "who")]
    ),
    "union": lambda t: t.union(t.filter(t.n > 0)),
    "union distinct": lambda t: t.union(t, distinct=True),
    "distinct": lambda t: t.select("kind").distinct(),
    "group, count, sum": lambda t: t.group_by(["kind", "month"]).aggregate(n=t.count(), s=t.p.sum().cast("int64")),
    "having": lambda t: t.group_by("kind").having(t.count() > 1).aggregate(n=t.count()),
    "top of each": lambda t: t.mutate(
        rank=ibis.row_number().over(ibis.window(group_by="kind", order_by=[ibis.desc("p"), "id"]))
    ).filter(lambda r: r["rank"] == 0),
    "one row": lambda t: t.aggregate(n=t.count(), day=t.day.max(), at=t.at.min()),
    "an empty result": lambda t: t.filter(t.id == "none"),
    "rename and drop": lambda t: t.rename(customer="id").drop("v", "at"),
    "pivot": lambda t: t.select("id", "month", "p").filter(t.p.notnull()).pivot_wider(
        id_cols="id", names_from="month", names=["2025-01", "2025-02"], values_from="p", values_agg="sum"
    ),
    "sorted, the first": lambda t: t.order_by([ibis.desc("p"), "id"]).limit(3),
}  # fmt: skip


def on_both(duck: Lab, spark: Lab, build: Build) -> tuple[pa.Table, pa.Table]:
    found = [lab.backend.to_pyarrow(build(ibis.memtable(ROWS))) for lab in (duck, spark)]
    ordered = [table.sort_by([(name, "ascending") for name in table.column_names]) for table in found]
    return ordered[0], ordered[1]


@pytest.mark.parametrize("name", TABLES)
def test_tables(duck: Lab, spark: Lab, name: str) -> None:
    expected, found = on_both(duck, spark, TABLES[name])
    assert found.schema.equals(expected.schema) and found.equals(expected)


def test_columns(duck: Lab, spark: Lab) -> None:
    expected, found = on_both(
        duck, spark, lambda t: t.select("id", **{name: make(t) for name, make in COLUMNS.items()})
    )
    for name in expected.column_names:
        assert found[name].type == expected[name].type, name
        assert found[name].equals(expected[name]), (name, expected[name].to_pylist(), found[name].to_pylist())


def test_figures(duck: Lab, spark: Lab) -> None:
    def build(t: ir.Table) -> ir.Table:
        return t.group_by("kind").aggregate(**{name: make(t) for name, make in (FIGURES | ROUGHLY).items()})

    expected, found = on_both(duck, spark, build)
    for name in ("kind", *FIGURES):
        assert found[name].type == expected[name].type, name
        assert found[name].equals(expected[name]), (name, expected[name].to_pylist(), found[name].to_pylist())
    for name in ROUGHLY:
        pd.testing.assert_series_equal(found[name].to_pandas(), expected[name].to_pandas(), rtol=1e-12)


def test_a_scalar_is_a_scalar(duck: Lab, spark: Lab) -> None:
    for lab in (duck, spark):
        assert lab.backend.to_pyarrow(ibis.memtable(ROWS).n.sum()).as_py() == 2**40 - 1
