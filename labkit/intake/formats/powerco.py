"""Retail churn tables in the PowerCo layout: a client table with dates, margins and consumption, and monthly prices.

Small businesses of a supplier as of January 2016, and whether they left within the next three months. Two editions go about: one of
26 columns with prices of off-peak, peak and mid-peak, an older one of 32 with prices of p1, p2, p3 and the churn in a file of its own. Source: BCG
X data science simulation, "PowerCo"; the data are for that exercise.

Traps: the date of the end is the planned one and lies after the reference date for every client, so it is a term and no
departure; renewals and changes of January 2016 lie after the first of the month; a missing channel is the word MISSING; whether
there is gas is t or f; copies re-saved by a spreadsheet have days first, which cannot be told from months first; the
older edition has negative consumption and margins; prices have a row a month and multiply clients if joined as they are; the price of a period a
client does not have is 0, not missing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from labkit import privacy
from labkit.intake.findings import CheckResult, FileCount, Finding, IntakeError
from labkit.store import write_whole

REFERENCE = "2016-01-01"
#: Time after the reference date in which leaving counts [days].
HORIZON_DAYS = 91
DATES = ("date_activ", "date_end", "date_modif_prod", "date_renewal", "date_first_activ")
_WANTED = ("id", "cons_12m", "date_activ", "date_end", "margin_net_pow_ele", "pow_max")
_PRICES = {
    "off_peak": ("price_off_peak_{}", "price_p1_{}"),
    "peak": ("price_peak_{}", "price_p2_{}"),
    "mid_peak": ("price_mid_peak_{}", "price_p3_{}"),
}


@dataclass(frozen=True, eq=False)
class ChurnTable:
    """One row a client, ready for `labkit.loyalty.churn_model`.

    Attributes
    ----------
    table : DataFrame
        ``id``, ``churn`` and features: dates as months from the reference date (``months_since_``, ``months_to_end``), prices as
        the mean of the year and the change from its first to its last quarter, the rest as it was.
    problems : dict of str to int
        What is odd, with counts; nothing was dropped.
    reference_date : str
    """

    table: pd.DataFrame
    problems: dict[str, int]
    reference_date: str


def read_powerco(
    clients: Path, prices: Path | None = None, churn: Path | None = None, *, reference_date: str = REFERENCE
) -> ChurnTable:
    """Client table with prices and churn, one row a client.

    Parameters
    ----------
    clients : Path
        CSV of the clients, of either edition.
    prices : Path, optional
        CSV of monthly prices; months from the reference date on are left out.
    churn : Path, optional
        CSV of ``id`` and ``churn``, where the clients' does not have it.
    reference_date : str
        Day as of which the table was known.

    Raises
    ------
    IntakeError
        If a column is not there, a client is there twice, a date is not year-month-day, or churn is other than 0 and 1.
    """
    frame = _csv(clients)
    _want(frame, _WANTED, clients.name)
    _unique(frame, clients.name)
    reference = pd.Timestamp(reference_date)
    problems: dict[str, int] = {}
    out = frame.drop(columns=[c for c in (*DATES, "churn") if c in frame])
    for column in out.columns[1:]:
        text = out[column].astype("string").str.strip()
        missing = text.isin(["MISSING", ""]) & text.notna()
        if missing.any():
            problems[f"{column} missing as a word"] = int(missing.sum())
        text = text.where(~missing)
        numbers = pd.to_numeric(text, errors="coerce")
        out[column] = (
            numbers if bool((numbers.notna() == text.notna()).all()) and text.notna().any() else text.astype(object)
        )
    if "has_gas" in out:
        strange = ~out["has_gas"].isin(["t", "f"])
        if strange.any():
            raise IntakeError(f"{clients.name}, has_gas: {int(strange.sum())} values other than t and f; correct them")
        out["has_gas"] = out["has_gas"] == "t"
    for column in (c for c in DATES if c in frame):
        days = _dates(frame[column], clients.name, column)
        months = (days - reference).dt.days / 30.4375
        if column == "date_end":
            out["months_to_end"] = months.round(2)
            continue
        after = days > reference
        if after.any():
            problems[f"{column} after the reference date"] = int(after.sum())
        # What happened later was not known: as if it had happened on the day itself.
        out[f"months_since_{column.removeprefix('date_')}"] = (-months).clip(lower=0).round(2)
    for column in ("cons_12m", "cons_last_month", "margin_gross_pow_ele", "margin_net_pow_ele", "net_margin"):
        if column in out and (out[column] < 0).any():
            problems[f"{column} below 0"] = int((out[column] < 0).sum())
    if prices is not None:
        out = out.merge(_prices(prices, reference), on="id", how="left")
        absent = int(out.filter(like="price_mean_").isna().all(axis=1).sum())
        if absent:
            problems["clients without prices"] = absent
    left = _churn(frame, clients, churn)
    out["churn"] = out["id"].map(left)
    if out["churn"].isna().any():
        raise IntakeError(
            f"churn is not known for {int(out['churn'].isna().sum())} clients; give the file that has it as `churn`"
        )
    return ChurnTable(out.assign(churn=out["churn"].astype(int)), problems, reference_date)


def _csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=True, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise IntakeError(f"{path.name}: cannot be read as CSV in UTF-8; restore it from the source") from error


def _want(frame: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    absent = [c for c in columns if c not in frame]
    if absent:
        raise IntakeError(
            f"{name}: not the PowerCo layout, column {absent[0]} is missing; expected {', '.join(columns)} and more"
        )


def _unique(frame: pd.DataFrame, name: str) -> None:
    if frame["id"].isna().any() or frame["id"].duplicated().any():
        odd = int((frame["id"].isna() | frame["id"].duplicated()).sum())
        raise IntakeError(f"{name}, id: {odd} clients have none or are there twice; expected one row a client")


def _dates(values: pd.Series, name: str, column: str) -> pd.Series:
    text = values.astype("string").str.strip()
    text = text.where(text != "")
    good = text.str.match(r"^\d{4}-\d{2}-\d{2}$")
    bad = text.notna() & ~good.fillna(False)
    if bad.any():
        line = int(np.flatnonzero(bad.to_numpy())[0]) + 2
        raise IntakeError(
            f"{name}, row {line}, {column}: {int(bad.sum())} dates are not year-month-day; a spreadsheet has re-saved them and day "
            "and month can no longer be told apart: restore the file from the source"
        )
    days = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    if (days.isna() & text.notna()).any():
        raise IntakeError(
            f"{name}, {column}: {int((days.isna() & text.notna()).sum())} dates do not exist; correct them"
        )
    return days


def _prices(path: Path, reference: pd.Timestamp) -> pd.DataFrame:
    """Mean of the months before the reference, and change from the first to the last three of them, by client."""
    frame = _csv(path)
    _want(frame, ("id", "price_date"), path.name)
    when = _dates(frame["price_date"], path.name, "price_date")
    frame = frame.assign(when=when)[when < reference]
    parts = {}
    for period, spellings in _PRICES.items():
        for kind in ("var", "fix"):
            column = next((s.format(kind) for s in spellings if s.format(kind) in frame), None)
            if column is None:
                continue
            value = pd.to_numeric(frame[column], errors="coerce")
            ranked = frame.groupby("id")["when"].rank(method="first")
            count = frame.groupby("id")["when"].transform("count")
            early, late = value.where(ranked <= 3), value.where(ranked > count - 3)
            by = frame["id"]
            parts[f"price_mean_{period}_{kind}"] = value.groupby(by).mean()
            parts[f"price_change_{period}_{kind}"] = late.groupby(by).mean() - early.groupby(by).mean()
    if not parts:
        raise IntakeError(f"{path.name}: has no column of prices, such as price_off_peak_var or price_p1_var")
    return pd.DataFrame(parts).rename_axis("id").reset_index()


def _churn(frame: pd.DataFrame, clients: Path, path: Path | None) -> pd.Series:
    source, name = (frame, clients.name) if path is None else (_csv(path), path.name)
    if "churn" not in source and "churned" in source:
        source = source.rename(columns={"churned": "churn"})
    _want(source, ("id", "churn"), name)
    _unique(source, name)
    values = pd.to_numeric(source["churn"], errors="coerce")
    if not values.isin((0, 1)).all():
        raise IntakeError(
            f"{name}, churn: {int((~values.isin((0, 1))).sum())} values other than 0 and 1; 1 is for those who left"
        )
    return pd.Series(values.to_numpy(), source["id"].to_numpy())


def intake_powerco(path: Path, out: Path) -> CheckResult:
    """Write one row a client, ready for `labkit.loyalty.churn_model`, as CSV or Parquet.

    Parameters
    ----------
    path : Path
        The folder of the tables, told apart by their columns, or the clients' CSV.
    out : Path
        Ends in .csv or .parquet. It is no store: the tables have neither readings nor bills.

    Raises
    ------
    IntakeError
        If the clients' table is not there, or is not as `read_powerco` expects.
    """
    out = Path(out)
    if out.suffix not in (".csv", ".parquet"):
        raise IntakeError(
            f"{out}: these tables hold neither readings nor bills and make no store; name a .csv or .parquet file"
        )
    files = [path] if path.is_file() else sorted(path.glob("*.csv"))
    columns = {file: set(pd.read_csv(file, nrows=0, encoding="utf-8-sig").columns) for file in files}
    clients = next((f for f, has in columns.items() if {"id", "cons_12m"} <= has), None)
    if clients is None:
        raise IntakeError(f"{path.name}: no CSV has the columns {', '.join(_WANTED)}; bring the clients' table")
    prices = next((f for f, has in columns.items() if {"id", "price_date"} <= has), None)
    apart = next((f for f, has in columns.items() if has in ({"id", "churn"}, {"id", "churned"})), None)
    found = read_powerco(clients, prices, apart)
    text = out.suffix == ".csv"
    content = privacy.to_safe_csv(found.table) if text else _parquet(found.table)
    write_whole(out, content)
    fix = ("bear it in mind when the model is read", "解读模型时留意")
    findings = [
        Finding("churn.odd", "warning", clients.name, "churn", (what.split()[0],), rows, None, "", what, f"存在异常：{what}", *fix)
        for what, rows in found.problems.items()
    ]  # fmt: skip
    return CheckResult((FileCount(clients.name, "churn", len(found.table), len(found.table)),), tuple(findings))


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()
