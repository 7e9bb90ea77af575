"""Lists to hand on: who pays badly, who pays well; pseudonymous unless named is asked for, each with its purpose."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.styles import Font

from labkit import privacy, terms
from labkit.arrears.behaviour import late_bills
from labkit.arrears.credit import CreditModel, grades_for, known_on
from labkit.arrears.errors import ArrearsError
from labkit.arrears.kinds import Kinds, mark_disputed
from labkit.arrears.ledger import Books
from labkit.lab import Lab

#: A listing ends by itself after so many days.
EXPIRES_DAYS = 365
_PAYS_BADLY = {"kind": "will_not", "grades": ("D", "E")}
_VALUE_SHARE = 0.2
#: Bills due in twelve months: the twelfth may not have fallen due yet.
WHOLE_YEAR = 11


def list_bad_payers(lab: Lab, books: Books, kinds: Kinds, model: CreditModel) -> pd.DataFrame:
    """Customers who can pay and do not: told so with certainty, late twice, and graded D or E or still owing.

    Those who forgot, are in need or dispute are never on it; nor are important users, or anybody
    with a disputed bill still open.

    Raises
    ------
    ArrearsError
        If the data have no steps of collection.

    Returns
    -------
    DataFrame
        ``customer_id``, ``open_yuan``, ``late_bills_count``, ``will_not`` (chance), ``grade``,
        ``reasons_en``, ``reasons_zh``, ``expires_on``; what is owed first. A proposal: a person looks
        at each before it is used, and the customer may object.
    """
    if books.collections is None:
        raise ArrearsError(
            "no steps of collection are in the data: who was given notice is not known, so nobody can be listed"
        )
    known, late = _graded(lab, books, model), late_bills(books)
    disputing = set(late.loc[mark_disputed(late, lab) & (late["open_yuan"] > 0), "customer_id"])
    sure = kinds.table[(kinds.table["kind"] == _PAYS_BADLY["kind"]) & (kinds.table["late_bills_count"] >= 2)]
    habits = ["open_yuan", "late_bills_count", "refused_share", "will_not"]
    rows = sure[["customer_id", *habits]].merge(known, on="customer_id")
    rows = rows[rows["grade"].isin(_PAYS_BADLY["grades"]) | (rows["open_yuan"] > 0)]
    rows["will_not"] = rows["will_not"].round(3)
    rows = rows[~rows["important"] & ~rows["customer_id"].isin(disputing) & (rows["refused_share"] > 0)]
    count, after = (
        rows["late_bills_count"].astype(str),
        (rows["refused_share"] * rows["late_bills_count"]).round().astype(int).astype(str),
    )
    rows["reasons_en"] = (
        count + " bills late, " + after + " of them paid only after notice; score: " + rows["reasons_en"]
    )
    rows["reasons_zh"] = count + " 张账单逾期，其中 " + after + " 张经通知后才交清；评分扣分项：" + rows["reasons_zh"]
    return _ended(rows, books.last_day, ["open_yuan", "late_bills_count", "will_not", "grade"], "open_yuan")


def list_good_payers(lab: Lab, books: Books, model: CreditModel) -> pd.DataFrame:
    """The VIP list: customers of high value (the top fifth of what is billed) and grade A who paid a year's bills in time.

    Returns
    -------
    DataFrame
        ``customer_id``, ``billed_yuan`` (mean bill x 12), ``grade``, ``reasons_en``, ``reasons_zh``,
        ``expires_on``; highest value first.
    """
    known = _graded(lab, books, model)
    known["billed_yuan"] = (known["mean_bill_yuan"] * 12).round(2)
    floor = known["billed_yuan"].quantile(1 - _VALUE_SHARE)
    good = (known["grade"] == "A") & (known["late_share"] == 0) & (known["overdue_yuan"] == 0)
    rows = known[good & (known["billed_yuan"] >= floor) & (known["bills_count"] >= WHOLE_YEAR)].copy()
    rows["reasons_en"], rows["reasons_zh"] = (
        "all bills of a year paid in time; among the top fifth by value",
        "近一年账单均按期交清；电费居前五分之一",
    )
    return _ended(rows, books.last_day, ["billed_yuan", "grade"], "billed_yuan")


def _graded(lab: Lab, books: Books, model: CreditModel) -> pd.DataFrame:
    known = known_on(lab, books, books.last_day)
    known["grade"] = grades_for(model, known)
    for language in terms.LANGUAGES:
        known[f"reasons_{language}"] = model.card.tell_reasons(known, language).to_numpy()
    vip = lab.run(lab.customers.select("customer_id", "important")) if "important" in lab.customers.columns else None
    marked = set() if vip is None else set(vip.loc[vip["important"].fillna(False).astype(bool), "customer_id"])
    return known.assign(important=known["customer_id"].isin(marked))


def _ended(rows: pd.DataFrame, day: dt.date, columns: list[str], order: str) -> pd.DataFrame:
    told = rows[["customer_id", *columns, "reasons_en", "reasons_zh"]].copy()
    told["expires_on"] = day + dt.timedelta(days=EXPIRES_DAYS)
    return told.sort_values([order, "customer_id"], ascending=[False, True], ignore_index=True)


def write_list(
    rows: pd.DataFrame, path: Path, purpose: str, *, key: bytes | None = None, named: pd.DataFrame | None = None,
    language: terms.Language = "en",
) -> Path:  # fmt: skip
    """Write a list as CSV or Excel.

    Parameters
    ----------
    rows : DataFrame
        Of `list_bad_payers` or `list_good_payers`.
    path : Path
        Ending in .csv or .xlsx; an existing file is replaced.
    purpose : str
        What it may be used for; its first line.
    key : bytes, optional
        For pseudonyms (`labkit.privacy.read_key`); needed unless `named` is given.
    named : DataFrame, optional
        ``customer_id``, ``name``: to write who they are.

    Raises
    ------
    ArrearsError
        If the purpose is empty, there is neither key nor names, or the ending is another.
    """
    if len(purpose.strip()) < 6:
        raise ArrearsError("purpose is empty or too short; say in a sentence what the list may be used for")
    if key is None and named is None:
        raise ArrearsError("give a key for pseudonyms, or the names if the list has to name customers")
    if path.suffix not in (".csv", ".xlsx"):
        raise ArrearsError(f"{path.name}: a list is written as .csv or .xlsx")
    told = rows.drop(columns=f"reasons_{'en' if language == 'zh' else 'zh'}").rename(
        columns={f"reasons_{language}": "reasons"}
    )
    if named is None:
        assert key is not None
        told["customer_id"] = [privacy.pseudonym(c, key) for c in told["customer_id"]]
    else:
        told.insert(1, "name", told["customer_id"].map(named.set_index("customer_id")["name"]))
    told["expires_on"] = told["expires_on"].astype(str)
    told = privacy.safe_frame(told).rename(columns={c: terms.label(c, language, with_unit=True) for c in told})
    first = str(privacy.safe_text(f"{'用途' if language == 'zh' else 'Purpose'}: {purpose.strip()}"))
    if path.suffix == ".csv":
        line = pd.DataFrame([[first]]).to_csv(index=False, header=False, lineterminator="\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + line.encode() + privacy.to_safe_csv(told)[3:])
        return path
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([first])
    sheet.append(list(told.columns))
    for row in told.itertuples(index=False):
        sheet.append([None if pd.isna(v) else v for v in row])
    for cell in sheet[2]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A3"
    stamp = dt.datetime(2000, 1, 1)  # same rows, same bytes
    book.properties.created = book.properties.modified = stamp
    book.save(path)
    return path
