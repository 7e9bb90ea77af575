"""Findings: kept, read again, committed, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import labkit
from labkit import report
from labkit.estimates import Estimate
from labkit.findings import FINDINGS_VARIABLE, Finding, Findings, keep_finding, read_findings
from labkit.report.saved import read_committed, run_name, saved_findings, write_committed
from labkit.store import Manifest

HALF = Finding("01.x", 0.5, "%", "%", "Half", "一半", 0.4, 0.6)


def test_kept_and_read_again(tmp_path: Path) -> None:
    other = replace(HALF, id="06.index@commercial", subject="channel=online", low=None, high=float("nan"))
    for item in (other, HALF):
        keep_finding(item, tmp_path / "f")
    again = read_findings(tmp_path / "f")
    assert list(again) == ["01.x", "06.index@commercial"] and again["01.x"] == HALF
    assert again.by_segment("06.index")["commercial"].subject_label("zh") == "网上"
    assert again.notebooks == {"01", "06"} and again.missing(["01.x", "02.y"]) == ["02.y"]
    assert len(read_findings(tmp_path / "nothing")) == 0
    assert again.joined([replace(HALF, value=0.7)])["01.x"].value == 0.7 and again["01.x"].value == 0.5


def test_changes_in_words() -> None:
    moved = replace(HALF, change=-0.02, change_low=-0.03, change_high=0.001)
    assert (
        moved.changed("en") == "−2.0 points (−3.0 to +0.1)" and moved.changed("zh") == "−2.0 个百分点（−3.0 至 +0.1）"
    )
    assert HALF.changed("en") == "" and replace(moved, change_low=None).changed("en").startswith("−2.0 points (–")
    money = Finding("a", 1, "yuan", "元", "", "", change=123_456.0, change_low=1.0, change_high=200_000.0, digits=0)
    assert money.changed("zh") == "+12.3 万元（+1 至 +20.0 万）"


def test_an_interval_there_is_or_there_is_not() -> None:
    assert HALF.estimate == Estimate(0.5, 0.4, 0.6, 0)
    assert replace(HALF, low=None).estimate is None and replace(HALF, high=float("nan")).estimate is None


def test_subjects_the_glossary_does_not_know_bring_their_names() -> None:
    item = replace(HALF, subject="scenario=night", subject_en="Night tariff", subject_zh="夜间电价")
    assert (item.subject_label("en"), item.subject_label("zh")) == ("Night tariff", "夜间电价")


def test_hidden_segments_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FINDINGS_VARIABLE, str(tmp_path))
    frame = pd.DataFrame(
        {"segment": ["a", "b"], "v": [1.0, None], "lo": [0.5, None], "hi": [1.5, None], "about": ["kind=forgot"] * 2}
    )
    kept = report.findings_by_segment("09.v", frame, value="v", low="lo", high="hi", subject="about", en="V", zh="值")
    assert [item.id for item in kept] == ["09.v@a"] and list(read_findings(tmp_path)) == ["09.v@a"]
    assert kept[0].subject_label("en") == "forgot"


def test_a_run_comes_before_a_published_one_and_that_before_the_committed(
    sample: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifest = Manifest.read(sample)
    with labkit.open(sample, verify=False) as lab:
        monkeypatch.delenv(FINDINGS_VARIABLE, raising=False)
        assert len(saved_findings(lab, tmp_path)) > 100  # those committed with the notebooks
        keep_finding(HALF, tmp_path / run_name(manifest) / "findings")
        assert list(saved_findings(lab, tmp_path)) == ["01.x"]
        monkeypatch.setenv(FINDINGS_VARIABLE, str(tmp_path / "under way"))
        assert len(saved_findings(lab, tmp_path)) == 0


def test_committed_findings_are_of_their_data_alone(sample: Path, small_sample: Path, tmp_path: Path) -> None:
    path, manifest = tmp_path / "findings.json", Manifest.read(sample)
    write_committed(Findings([replace(HALF, value=1 / 3)]), manifest, path)
    assert read_committed(manifest, path)["01.x"].value == pytest.approx(1 / 3, rel=1e-8)
    assert len(read_committed(Manifest.read(small_sample), path)) == 0
    assert len(read_committed(manifest, tmp_path / "none.json")) == 0
    before = path.read_bytes()
    write_committed(read_committed(manifest, path), manifest, path)
    assert path.read_bytes() == before
