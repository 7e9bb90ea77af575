from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import labkit
from labkit import privacy
from labkit.cli import main

from .intake.conftest import Folder


def test_from_a_folder_to_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path / "exports")
    assert main(["check", str(folder.path)]) == 0
    assert (
        "readings.csv -> readings: 144 read = 144 good + 0 quarantined + 0 exact duplicates" in capsys.readouterr().out
    )
    folder.append("readings.csv", "0001,2025-03-09 00:00:00,12.5kWh")
    assert main(["check", str(folder.path), "--language", "zh"]) == 1
    assert "readings.csv:146 [kwh] 无法识别为数值 (1******)，共 1 行；把单位写到表头" in capsys.readouterr().out
    assert main(["check", str(folder.path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["rule"] == "readings.kwh.type"
    assert main(["intake", str(folder.path), "--out", str(tmp_path / "store")]) == 0
    assert "quarantine" in capsys.readouterr().out
    labkit.open(tmp_path / "store").close()


def test_errors_are_one_sentence_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = [
        (["check", str(tmp_path / "nothing")], "does not exist"),
        (["report", "--data", str(tmp_path)], "is not a labkit store"),
        (["sample", str(tmp_path / "s"), "--customers", "3"], "at least 50"),
        (["notebook", "new", "No Good"], "lower case"),
    ]
    for arguments, says in calls:
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert says in captured.err and "Traceback" not in captured.err and captured.err.count("\n") == 1


def test_sample_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(tmp_path / "s"), "--customers", "60", "--seed", "1"]) == 0
    assert main(["check", str(tmp_path / "s")]) == 0
    assert "no findings" in capsys.readouterr().out


def test_keys_on_the_command_line(small_sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(small_sample)]
    assert main(["report", *data, "--out", str(tmp_path / "r"), "--key", str(small_sample / "k.key")]) == 2
    assert "keep keys elsewhere" in capsys.readouterr().err and not (small_sample / "k.key").exists()
    assert main(["report", *data, "--out", str(tmp_path / "r"), "--named"]) == 2
    assert "needs --purpose TEXT" in capsys.readouterr().err and not (tmp_path / "r").exists()
    old, new, mapping = tmp_path / "old.key", tmp_path / "new.key", tmp_path / "map.csv"
    rotate = ["key", "rotate", *data, "--key", str(old), "--new", str(new), "--mapping", str(mapping)]
    assert main(rotate) == 2 and "no such key" in capsys.readouterr().err
    privacy.read_key(old)
    assert main(rotate) == 0 and "120 pseudonyms old and new" in capsys.readouterr().out
    assert mapping.read_text(encoding="utf-8-sig").count("P-") == 240


def test_lists_to_hand_on(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["lists", "--data", str(sample), "--out", str(tmp_path / "lists"), "--purpose", "大客户经理一月走访"]
    assert main(wanted) == 2 and "--key FILE" in capsys.readouterr().err
    assert not (tmp_path / "lists").exists()
    assert main([*wanted, "--key", str(tmp_path / "keys" / "lists.key")]) == 0
    names = sorted(path.name for path in (tmp_path / "lists").iterdir())
    modes = {path.stat().st_mode & 0o777 for path in [tmp_path / "lists", *(tmp_path / "lists").iterdir()]}
    assert modes == {0o700, 0o600}, "a row is a customer: its owner's alone"
    assert names == ["bad_payers.csv", "bad_payers.xlsx", "vip.csv", "vip.xlsx"]
    text = (tmp_path / "lists" / "bad_payers.csv").read_text(encoding="utf-8-sig")
    assert text.startswith("用途: 大客户经理一月走访") and not re.search(r"\bC\d{7}\b", text) and "P-" in text
    assert main([*wanted, "--named", "--lang", "en"]) == 0
    assert re.search(r"C\d{7}", (tmp_path / "lists" / "vip.csv").read_text(encoding="utf-8-sig"))
