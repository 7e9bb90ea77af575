"""Layouts nobody described: guessed and shown, never applied; a first mapping that takes clean files in."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

import labkit
from labkit.cli import main
from labkit.intake import intake
from labkit.intake.findings import IntakeError
from labkit.intake.formats import FORMATS, recognise_format
from labkit.intake.mapping import read_mapping
from labkit.intake.suggest import explain_layout, suggest_mapping

HOURS = [(d, h) for d in (1, 2) for h in range(24)]


def meters(form: str = "2025-03-{d:02d} {h:02d}:00:00", *, ends: bool = False) -> str:
    """Two meters, hour h of a day uses h / 10 kWh, in words that are not ours."""
    lines = []
    for meter in ("M1", "M2"):
        for d, h in HOURS:
            at = (d, h) if not ends else ((d, h + 1) if h < 23 else (d + 1, 0))
            lines.append(f"{meter},{form.format(d=at[0], h=at[1])},{h / 10:.1f}")
    return "meter no,reading time,energy used\n" + "\n".join(lines) + "\n"


def take_in(path: Path, tmp_path: Path) -> list[dict]:
    mapping = tmp_path / "first.yaml"
    mapping.write_text(suggest_mapping(path), encoding="utf-8")
    result = intake(path, tmp_path / "store", mapping)
    assert result.errors == 0
    with labkit.open(tmp_path / "store") as lab:
        return lab.run(lab.readings.order_by("customer_id", "day")).to_dict("records")


def test_a_clean_file_is_taken_in_by_its_first_mapping(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.write_text(meters())
    text = suggest_mapping(path)
    assert "# ? the first label is no such end: labels taken as start" in text and "units: {kwh: kWh}" in text
    days = take_in(path, tmp_path)
    assert [(d["customer_id"], d["p00"], d["p23"]) for d in days] == [("M1", 0, 2300)] * 2 + [("M2", 0, 2300)] * 2


def test_labels_that_end_their_interval(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.write_text(meters(ends=True))
    assert read_mapping(_write(tmp_path, suggest_mapping(path))).files["load.csv"].time == "end"
    assert [(d["customer_id"], d["p00"], d["p23"]) for d in take_in(path, tmp_path)] == [("M1", 0, 2300)] * 2 + [
        ("M2", 0, 2300)
    ] * 2


def test_times_with_an_offset_are_moved(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.write_text(meters("2025-03-{d:02d}T{h:02d}:00:00Z"))
    days = take_in(path, tmp_path)
    # Midnight UTC is eight in the morning in Shanghai.
    assert [(str(d["day"])[:10], d["p08"]) for d in days[:3]] == [
        ("2025-03-01", 0),
        ("2025-03-02", 0),
        ("2025-03-03", None),
    ] or days[0]["p08"] == 0
    assert days[0]["p09"] == 100


def test_a_workbook_with_a_title_above_its_header(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "说明"
    book.active.append(["导出说明"])
    sheet = book.create_sheet("负荷")
    sheet.append(["负荷明细表"])
    sheet.append(["用户编号", "时间", "用电量(Wh)"])
    for d, h in HOURS:
        sheet.append(["0001", f"2025-03-{d:02d} {h:02d}:00:00", h * 100])
    book.save(tmp_path / "export.xlsx")
    text = suggest_mapping(tmp_path / "export.xlsx")
    entry = read_mapping(_write(tmp_path, text)).files["export.xlsx[负荷]"]
    assert (entry.sheet, entry.header_row, entry.units) == ("负荷", 2, {"kwh": "wh"})
    assert [(d["customer_id"], d["p23"]) for d in take_in(tmp_path / "export.xlsx", tmp_path)] == [("0001", 2300)] * 2


def test_wide_days_and_one_meter_without_header(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    slots = ",".join(f"P{i}" for i in range(1, 25))
    (folder / "wide.csv").write_text(f"户号,统计日,{slots}\nA1,2025-03-01,{','.join(['0.5'] * 24)}\n")
    (folder / "one.csv").write_text("".join(f"2025-03-01 {h:02d}:00,{h}\n" for h in range(24)))
    days = take_in(folder, tmp_path)
    assert [(d["customer_id"], d["p02"]) for d in days] == [("A1", 500), ("one", 2000)]


@pytest.mark.parametrize(("text", "says"), [
    ("id,when,kwh\nA,31/01/2025 00:00,1\nA,31/01/2025 01:00,1\n", "day or month first"),
    ("day,a,b\n2025-01-01,1,2\n2025-01-02,1,2\n", "totals of days"),
    ("x,y\nfoo,bar\n", "no column of times beside numbers"),
])  # fmt: skip
def test_what_cannot_be_mapped_says_why(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "odd.csv").write_text(text)
    suggested = suggest_mapping(tmp_path / "odd.csv")
    assert says in suggested and "files: []" in suggested
    assert read_mapping(_write(tmp_path, suggested)).files == {}


def test_a_name_in_a_header_is_not_shown(tmp_path: Path) -> None:
    rows = "".join(f"2025-03-01 {h:02d}:00,{h}\n" for h in range(24))
    (tmp_path / "one.csv").write_text(f"time,王建国 12912345678\n{rows}")
    told = "\n".join(explain_layout(tmp_path / "one.csv", "zh"))
    assert "王建国" not in told and "12912345678" not in told and "kwh = 第 2 列" in told
    assert "王建国" not in suggest_mapping(tmp_path / "one.csv")


def test_an_unknown_layout_ends_with_the_guess_and_takes_nothing_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "load.csv"
    path.write_text(meters())
    assert main(["intake", str(path), "--out", str(tmp_path / "store")]) == 2
    told = capsys.readouterr().err
    assert not (tmp_path / "store").exists()
    for part in (
        "customer_id = meter no",
        "ts = column 2",
        "unit kWh",
        "60 minutes",
        "labels are the start",
        "local time",
        "--format X",
        "intake suggest",
    ):
        assert part in told, part
    assert main(["check", str(path), "--json"]) == 2
    assert "60 minutes" in "".join(json.loads(capsys.readouterr().out)["guess"])


def test_known_layouts_are_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tops = {
        "uci": '"";"MT_001";"MT_002"', "lcl": "LCLid,stdorToU,DateTime,KWH/hh (per half hour) ", "cer": "1392 19503 0.14",
        "ausgrid": "title,,\nCustomer,Generator Capacity,Postcode,Consumption Category,date,0:30", "bdg2": "timestamp,Panther_office_Karla",
        "eemeter": "start,value", "powerco": "id,channel_sales,cons_12m",
        "greenbutton": '<?xml version="1.0"?>\n<feed xmlns:espi="http://naesb.org/espi">',
    }  # fmt: skip
    assert set(tops) == set(FORMATS)
    for readme in ("README.md", "README.zh.md"):
        text = (Path(__file__).parents[3] / readme).read_text(encoding="utf-8")
        assert all(f"| `{name}` |" in text for name in FORMATS), readme
    for name, top in tops.items():
        path = tmp_path / f"{name}.{'xml' if name == 'greenbutton' else 'csv'}"
        path.write_text(f"{top}\n")
        found = recognise_format(path)
        assert found is not None and found.name == name
    assert main(["intake", str(tmp_path / "lcl.csv"), "--out", str(tmp_path / "store")]) == 2
    assert "--format lcl" in capsys.readouterr().err
    assert "needs no mapping" in suggest_mapping(tmp_path / "greenbutton.xml")


def test_suggest_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "load.csv"
    path.write_text(meters())
    assert main(["intake", "suggest", str(path), "--out", str(tmp_path / "first.yaml")]) == 0
    assert main(["intake", "suggest", str(path), "--out", str(tmp_path / "first.yaml")]) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert main(["intake", str(path), "--mapping", str(tmp_path / "first.yaml"), "--out", str(tmp_path / "store")]) == 0
    # A folder that is called suggest is a folder.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suggest").mkdir()
    (tmp_path / "suggest" / "load.csv").write_text(meters())
    assert main(["intake", "suggest", "suggest"]) == 0
    assert main(["intake", "suggest", "--out", "other", "--mapping", "first.yaml"]) == 0
    assert (tmp_path / "other" / "manifest.json").is_file()
    capsys.readouterr()
    assert main(["intake", "suggest"]) == 2
    assert "name the store" in capsys.readouterr().err
    assert main(["intake", "a", "b", "--out", "c"]) == 2
    assert main(["intake", str(path), "--format", "lcl", "--timezone", "UTC", "--out", "c"]) == 2


@pytest.mark.parametrize(("text", "says"), [
    ("files: [{file: a.csv, table: readings, units: {kwh: furlong}}]", "kwh in 'furlong' is not understood"),
    ("files: [{file: a.csv, table: readings, units: 3}]", "units: expected entries"),
    ("files: [{file: a.csv, table: readings, timezone: Mars}]", "time zone 'Mars' is not known"),
    ("about: {timezone: Mars}", "time zone 'Mars' is not known"),
    ("files: [{file: a.xlsx, sheet: x, table: readings}, {file: a.xlsx, sheet: x, table: bills}]", "has two entries"),
])  # fmt: skip
def test_a_wrong_entry_of_a_mapping_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(IntakeError, match=says.replace("(", r"\(")):
        read_mapping(_write(tmp_path, text))


def test_powerco_makes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "powerco"
    folder.mkdir()
    head = "id,channel_sales,cons_12m,date_activ,date_end,margin_net_pow_ele,pow_max,churn"
    (folder / "client_data.csv").write_text(
        f"{head}\na,MISSING,10,2012-01-01,2016-06-01,1.5,13,0\nb,x,20,2013-01-01,2016-07-01,2.5,14,1\n"
    )
    (folder / "price_data.csv").write_text("id,price_date,price_off_peak_var\na,2015-01-01,0.1\nb,2015-01-01,0.2\n")
    assert main(["intake", str(folder), "--format", "powerco", "--out", str(tmp_path / "churn.csv")]) == 0
    assert "2 read = 2 good" in (told := capsys.readouterr().out) and "missing as a word" in told
    assert (tmp_path / "churn.csv").read_text(encoding="utf-8-sig").count("\n") == 3
    assert main(["intake", str(folder), "--format", "powerco", "--out", str(tmp_path / "store")]) == 2
    assert "name a .csv or .parquet file" in capsys.readouterr().err


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "written.yaml"
    path.write_text(text, encoding="utf-8")
    return path
