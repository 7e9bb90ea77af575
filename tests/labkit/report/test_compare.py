"""Two runs compared: moves, chance, runs that are none."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup

from labkit import cli
from labkit.cli import _parser
from labkit.findings import Finding, Findings, keep_finding
from labkit.report.compare import CompareError, compare_runs, count_moves, read_run
from labkit.report.compare_page import Comparison
from labkit.report.run_facts import RunFacts, read_run_facts, write_run_facts

KEPT = Finding("07.kept", 0.80, "%", "%", "Promises kept", "承诺兑现率", low=0.78, high=0.82)
PEOPLE = Finding("01.people", 2000, "", "户", "Customers", "客户数", digits=0)


def make_run(folder: Path, *found: Finding, digest: str = "a" * 64, version: str = "0.1.0") -> Path:
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("x", encoding="utf-8")
    for item in found:
        keep_finding(item, folder / "findings")
    write_run_facts(RunFacts("run", digest, version, "2025-01-01", "2025-12-31", "Utility", "样例电网"), folder)
    return folder


def test_the_largest_move_in_standard_errors_comes_first() -> None:
    found = [replace(KEPT, id=f"07.k{i}") for i in range(3)]
    moved = [
        replace(found[0], value=0.81, low=0.79, high=0.83),
        replace(found[1], value=0.6, low=0.58, high=0.62),
        found[2],
    ]
    frame = compare_runs(Findings([*found, PEOPLE]), Findings([*moved, replace(PEOPLE, value=2100)]))
    assert list(frame["id"]) == ["07.k1", "07.k0", "01.people", "07.k2"]
    assert list(frame["status"]) == ["moved"] * 3 + ["same"]
    assert frame["beyond_chance"].tolist()[:2] == [True, False] and frame["overlap"].tolist()[:2] == [False, True]
    assert frame.isna()["beyond_chance"].tolist() == [False, False, True, False]


def test_intervals_that_overlap_may_still_differ() -> None:
    row = compare_runs(Findings([KEPT]), Findings([replace(KEPT, value=0.835, low=0.815, high=0.855)])).iloc[0]
    assert row["overlap"] and row["beyond_chance"] and row["difference_low"] > 0


def test_the_verdict_errs_one_time_in_twenty_on_estimates_that_did_not_move() -> None:
    random, passed, tries = np.random.default_rng(7), 0, 1500
    for _ in range(tries):
        pair = [replace(KEPT, value=v, low=v - 1.96 * s, high=v + 1.96 * s)
                for v, s in zip(random.normal(0, [1.0, 2.0]), (1.0, 2.0), strict=True)]  # fmt: skip
        passed += bool(compare_runs(Findings(pair[:1]), Findings(pair[1:]))["beyond_chance"][0])
    assert 0.035 < passed / tries < 0.065


def test_skewed_intervals_count_the_ends_that_face_each_other() -> None:
    old, new = replace(KEPT, value=1.0, low=0.9, high=4.0), replace(KEPT, value=2.0, low=1.5, high=9.0)
    up, down = (
        compare_runs(Findings([old]), Findings([new])).iloc[0],
        compare_runs(Findings([new]), Findings([old])).iloc[0],
    )
    assert up["difference_low"] == pytest.approx(1 - math.hypot(0.5, 3.0))
    assert up["standard_errors"] == pytest.approx(down["standard_errors"]) and not up["beyond_chance"]


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (KEPT, replace(KEPT, unit_en="yuan", unit_zh="元"), "unit_changed"),
        (KEPT, replace(KEPT, value=math.nan), "hidden"),
        (KEPT, None, "only_old"),
        (None, KEPT, "only_new"),
        (replace(KEPT, low=math.nan, high=math.nan), replace(KEPT, value=0.9), "moved"),
    ],
)
def test_what_cannot_be_judged_is_not(old: Finding | None, new: Finding | None, status: str) -> None:
    frame = compare_runs(Findings([old] if old else []), Findings([new] if new else []))
    assert frame["status"].tolist() == [status] and frame["beyond_chance"].isna().all()
    assert count_moves(frame)["judged"] == 0


def test_exact_values_that_differ_are_beyond_chance() -> None:
    exact = replace(KEPT, low=0.8, high=0.8)
    row = compare_runs(Findings([exact]), Findings([replace(exact, value=0.9, low=0.9, high=0.9)])).iloc[0]
    assert math.isinf(row["standard_errors"]) and row["beyond_chance"]


def test_runs_that_are_none_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CompareError, match=r"nothing does not exist: name the folder of a run"):
        read_run(tmp_path / "nothing")
    with pytest.raises(CompareError, match=r"is not a run of the report"):
        read_run(tmp_path)
    good, empty = make_run(tmp_path / "a", KEPT), make_run(tmp_path / "b")
    with pytest.raises(CompareError, match=r"b has no findings: make it anew"):
        read_run(empty)
    (good / "findings" / "07.kept.json").write_text("{", encoding="utf-8")
    assert cli.main(["report", "compare", str(good), str(empty), "--json"]) == 2
    said = capsys.readouterr()
    assert "cannot be read" in json.loads(said.out)["error"] and "cannot be read" in said.err


def test_a_run_of_an_older_version_says_only_its_name(tmp_path: Path) -> None:
    (tmp_path / "run-1").mkdir()
    assert read_run_facts(tmp_path / "run-1") == RunFacts("run-1")


def test_the_command_in_both_languages_as_json_and_as_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = Finding("05.new", 1.0, "", "", "<script>x</script>", "<script>x</script>")
    old = make_run(tmp_path / "old", KEPT, PEOPLE)
    new = make_run(tmp_path / "new", replace(KEPT, value=0.9, low=0.88, high=0.92), hostile, digest="b" * 64)
    assert cli.main(["report", "compare", str(old), str(new)]) == 0
    out = capsys.readouterr().out
    assert "Promises kept" in out.splitlines()[1] and "+10.0 points (+7.2 to +12.8)" in out
    assert "beyond chance, intervals apart" in out and "in the old run only" in out
    assert "The data differ, the version is the same." in out and "independent" in out
    assert cli.main(["report", "compare", str(old), str(new), "--lang", "zh"]) == 0
    assert "+10.0 个百分点（+7.2 至 +12.8）" in capsys.readouterr().out
    assert cli.main(["report", "compare", str(old), str(new), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["old"]["digest"] == "a" * 64 and told["beyond_chance"] == 1 and told["findings"][0]["id"] == "07.kept"
    page = tmp_path / "moves.html"
    assert cli.main(["report", "compare", str(old), str(new), "--lang", "zh", "--out", str(page)]) == 0
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    assert soup.h1.text == "两次报告之间的变化" and not soup.find_all("script") and "<script>x</script>" in soup.text
    assert not soup.header.find_all("a")


@pytest.mark.parametrize(
    ("second", "says"),
    [({}, "due to parameters or notebooks"), ({"version": "0.2.0"}, "due to the version"),
     ({"version": "0.2.0", "digest": "b" * 64}, "can come from either"), ({"digest": ""}, "does not say")],
)  # fmt: skip
def test_what_differs_between_runs_is_said(tmp_path: Path, second: dict[str, str], says: str) -> None:
    compared = Comparison.read(make_run(tmp_path / "old", KEPT), make_run(tmp_path / "new", KEPT, **second))
    assert says in " ".join(compared.notes("en")) and len(compared.notes("zh")) == 3


def test_the_report_command_is_as_it_was() -> None:
    options = _parser().parse_args(["report", "--only", "05", "06", "--lang", "en", "--out", "x"])
    assert options.run is not _parser().parse_args(["report", "compare", "old", "new"]).run
    assert options.only == ["05", "06"] and options.lang == ["en"]
    assert _parser().parse_args(["report"]).out == Path("reports")


def test_what_two_runs_tell_of_a_few_customers_is_withheld(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # One farm has left between two runs: its energy is the difference of two totals.
    farms = replace(PEOPLE, id="01.people@farm", value=40)
    energy = Finding("01.energy@farm", 91_234, "kWh", "千瓦时", "Energy", "用电量", digits=0)
    shops = replace(PEOPLE, id="01.people@shop", value=300)
    sold = replace(energy, id="01.energy@shop", value=55_555)
    old = make_run(tmp_path / "old", farms, energy, shops, sold, KEPT)
    after = (replace(farms, value=39), replace(energy, value=90_000), replace(shops, value=320), sold, KEPT)
    new = make_run(tmp_path / "new", *after)
    frame = Comparison.read(old, new).frame.set_index("id")
    assert frame["status"].to_dict() == {
        "01.energy@farm": "withheld", "01.people@farm": "withheld", "01.people@shop": "moved", "01.energy@shop": "same", "07.kept": "same",
    }  # fmt: skip
    assert frame.loc[["01.energy@farm", "01.people@farm"], ["old", "new", "difference"]].isna().all(axis=None)
    for more in ([], ["--lang", "zh"], ["--json"], ["--out", str(tmp_path / "moves.html")]):
        assert cli.main(["report", "compare", str(old), str(new), *more]) == 1
        said = capsys.readouterr()
        assert "320" in said.out or more[:1] == ["--out"]
        told = said.out + ((tmp_path / "moves.html").read_text(encoding="utf-8") if more[:1] == ["--out"] else "")
        for number in ("91,234", "91234", "90,000", "90000", "1,234", "1234", "40", "39"):
            assert f" {number} " not in told and f">{number}<" not in told and f": {number}.0" not in told, number
        assert "fewer than ten customers" in said.err or "不足十户" in said.err


def test_of_open_data_all_is_compared(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name, replace(PEOPLE, value=n)) for name, n in (("old", 2000), ("new", 1999))]
    for folder in folders:
        write_run_facts(replace(read_run_facts(folder), disclosure="open"), folder)
    compared = Comparison.read(*folders)
    assert compared.withheld_count == 0 and compared.frame["difference"].tolist() == [-1.0]
    assert compared.frame["status"].tolist() == ["moved"]
