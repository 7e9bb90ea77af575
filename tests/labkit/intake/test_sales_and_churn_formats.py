"""EIA-861 and PowerCo layouts, on small files made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from labkit import loyalty
from labkit.intake.findings import IntakeError
from labkit.intake.formats.eia861 import read_eia861
from labkit.intake.formats.powerco import read_powerco

_HEAD = [
    "Data Year",
    "Utility Number",
    "Utility Name",
    "Part",
    "Service Type",
    "Data Type\nO = Observed\nI = Imputed",
    "State",
    "Ownership",
]


def write_sales(path: Path, year: int, rows: list[tuple], *, authority: str = "BA Code", sheet: str = "States") -> Path:
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    groups = ["RESIDENTIAL", "COMMERCIAL", "INDUSTRIAL", "TRANSPORTATION", "TOTAL"]
    page.append(["Utility Characteristics"] + [None] * 8 + [g if k == 0 else None for g in groups for k in range(3)])
    page.append([""] + [None] * 8 + ["Revenues", "Sales", "Customers"] * 5)
    page.append([*_HEAD, authority] + ["Thousand Dollars", "Megawatthours", "Count"] * 5)
    for part, kind, state, owner, sales in rows:
        page.append(
            [
                year,
                1,
                "A utility",
                part,
                "x",
                kind,
                state,
                owner,
                "PJM",
                ".",
                ".",
                ".",
                ".",
                ".",
                ".",
                1.5,
                sales,
                2,
                ".",
                ".",
                ".",
                1,
                1,
                1,
            ]
        )
    page.append(["To calculate a state or the US total, sum the parts."])
    book.save(path)
    return path


@pytest.fixture
def years(tmp_path: Path) -> list[Path]:
    first = [("A", "O", "PA", "Investor", 100.0), ("B", "O", "PA", "Retail", 310.0), ("C", "O", "PA", "Investor", 300.0),
             ("D", "O", "TX", "Retail", 50.0), ("A", "O", "TX", "Municipal", 150.0), ("A", "O", "PA", "Behind the Meter", 999.0)]  # fmt: skip
    second = [("A", "O", "PA", "Investor", 60.0), ("B", "O", "PA", "Retail", 340.0), ("C", "O", "PA", "Investor", 330.0),
              ("C", "I", "PA", "", 10.0), ("D", "O", "TX", "Retail", 100.0), ("A", "O", "TX", "Municipal", 100.0)]  # fmt: skip
    return [
        write_sales(tmp_path / "a.xlsx", 2016, first, authority="BA_CODE"),
        write_sales(tmp_path / "b.xlsx", 2017, second),
    ]


def test_sales_become_shares_of_supply(years: list[Path]) -> None:
    sales = read_eia861(years)
    assert len(sales) == 11 and set(sales["sector"]) == {"industrial"} and sales["revenue_usd"].max() == 1500
    shares = loyalty.supply_shares(sales).set_index(["state", "year"])
    row = shares.loc[("PA", 2016)]
    assert row["direct_share"] == pytest.approx(0.75) and row["agency_share"] == pytest.approx(0.25)
    assert row["low_share"] == pytest.approx(0.75) and row["high_share"] == pytest.approx(310 / 410)
    assert shares.loc[("TX", 2017), ["direct_share", "retailer_share", "agency_share"]].tolist() == [0, 0.5, 0.5]
    assert shares.loc[("PA", 2017), "imputed_share"] == pytest.approx(10 / 400)
    net = loyalty.net_moves(loyalty.supply_shares(sales)).set_index("state")
    assert net.loc["PA", "change_share"] == pytest.approx(0.85 - 0.75)
    assert (
        net.loc["PA", "moved_to_direct_share"] == pytest.approx(0.10 / 0.25) and net.loc["PA", "moved_back_share"] == 0
    )
    with pytest.raises(loyalty.LoyaltyError, match="nothing was sold to 'farm'"):
        loyalty.supply_shares(sales, "farm")


def test_other_workbooks_are_refused(years: list[Path], tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="no sheet States"):
        read_eia861(write_sales(tmp_path / "c.xlsx", 2016, [], sheet="Sheet1"))
    with pytest.raises(IntakeError, match="2016 is in two files"):
        read_eia861([years[0], years[0]])
    with pytest.raises(IntakeError, match=r"row 4, industrial sales_mwh: expected a number"):
        read_eia861(write_sales(tmp_path / "d.xlsx", 2016, [("A", "O", "PA", "x", "many")]))
    with pytest.raises(IntakeError, match="part 'E' is not known"):
        read_eia861(write_sales(tmp_path / "e.xlsx", 2016, [("E", "O", "PA", "x", 1.0)]))
    (tmp_path / "f.xlsx").write_text("no workbook")
    with pytest.raises(IntakeError, match="cannot be read as an Excel workbook"):
        read_eia861(tmp_path / "f.xlsx")


def make_clients(n: int = 300) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(41)
    ids = [f"{i:032x}" for i in range(n)]
    clients = pd.DataFrame(
        {
            "id": ids, "channel_sales": rng.choice(["aaa", "bbb", "MISSING"], n), "cons_12m": rng.integers(0, 50_000, n),
            "date_activ": "2012-03-04", "date_end": "2016-06-01", "date_modif_prod": "2015-01-01",
            "date_renewal": np.where(np.arange(n) < 7, "2016-01-20", "2015-05-01"), "has_gas": rng.choice(["t", "f"], n),
            "margin_net_pow_ele": rng.normal(20, 5, n).round(2), "pow_max": 13.8, "churn": (rng.random(n) < 0.15).astype(int),
        }
    )  # fmt: skip
    months = pd.date_range("2015-01-01", "2016-02-01", freq="MS").strftime("%Y-%m-%d")
    prices = pd.DataFrame(
        [(i, m, 0.10 + 0.001 * k, 40.0) for i in ids[1:] for k, m in enumerate(months)],
        columns=["id", "price_date", "price_off_peak_var", "price_p1_fix"],
    )
    return clients, prices


def test_clients_become_a_churn_table(tmp_path: Path) -> None:
    clients, prices = make_clients()
    clients.to_csv(tmp_path / "clients.csv", index=False)
    prices.to_csv(tmp_path / "prices.csv", index=False)
    found = read_powerco(tmp_path / "clients.csv", tmp_path / "prices.csv")
    table = found.table
    assert len(table) == len(clients) and table["id"].is_unique
    assert table["channel_sales"].isna().sum() == (clients["channel_sales"] == "MISSING").sum()
    assert table["months_to_end"].iloc[0] == pytest.approx(5.0, abs=0.1) and table["months_since_renewal"].min() == 0
    # Twelve months of 2015; those of 2016 were not known.
    assert table["price_mean_off_peak_var"].iloc[1] == pytest.approx(0.1055)
    assert table["price_change_off_peak_var"].iloc[1] == pytest.approx(0.009) and "price_mean_off_peak_fix" in table
    assert (
        found.problems["date_renewal after the reference date"] == 7 and found.problems["clients without prices"] == 1
    )
    model = loyalty.churn_model(table, "churn", id="id", models=("logit",), folds=3)
    assert "months_to_end" not in model.left_out or model.left_out["months_to_end"] == "does not vary"
    clients.drop(columns="churn").to_csv(tmp_path / "old.csv", index=False)
    clients[["id", "churn"]].to_csv(tmp_path / "out.csv", index=False)
    again = read_powerco(tmp_path / "old.csv", churn=tmp_path / "out.csv").table
    assert (again["churn"] == table["churn"]).all()


@pytest.mark.parametrize(("change", "says"), [
    ({"date_end": "01/06/2016"}, r"row 2, date_end: 300 dates are not year-month-day"), ({"date_end": "2016-02-31"}, "300 dates do not exist"),
    ({"has_gas": "yes"}, "300 values other than t and f"), ({"id": "x"}, "300 clients|299 clients"), ({"churn": 2}, "other than 0 and 1"),
])  # fmt: skip
def test_clients_that_cannot_be_are_refused(tmp_path: Path, change: dict, says: str) -> None:
    clients, _ = make_clients()
    path = tmp_path / "clients.csv"
    clients.assign(**change).to_csv(path, index=False)
    with pytest.raises(IntakeError, match=says):
        read_powerco(path)
    clients.drop(columns="date_end").to_csv(path, index=False)
    with pytest.raises(IntakeError, match="not the PowerCo layout, column date_end is missing"):
        read_powerco(path)
