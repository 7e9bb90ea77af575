"""Whatever is done to a valid folder at random: no row lost without a trace, nobody shown, no traceback."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit import cli, intake

from .conftest import FILES, Folder
from .contract import PERSONAL, fingerprint

NASTY = (
    *('"', ",", "\n", "\r", "\0", "\ufeff", "\u200b", "'", ";", "\t", "=1+1", "１", "合计", "--", "#N/A", "1e400"),
    *("-0", "nan", "1,5", "2025-13-01", "24:00", "45296", "<script>", "{{7*7}}", "../../x", "9" * 300),
    *("王建国", "12912345678", '"a""b"', '"', "NULL", "customer_id", "\u2028", "\x1b[31m", "１２．５", "\ud7ff"),
)
ENCODINGS = ("utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-32", "latin-1", "big5")


def cells(text: str, change: Callable[[list[list[str]]], None]) -> str:
    rows = [line.split(",") for line in text.splitlines()]
    change(rows)
    return "\n".join(",".join(row) for row in rows) + "\n"


def corrupt_text(text: str, how: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True) or ["\n"]
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    if how == "drop":
        del lines[one]
    elif how == "twice":
        lines.insert(one, lines[other])
    elif how == "swap":
        lines[one], lines[other] = lines[other], lines[one]
    elif how == "cut":
        lines[one] = lines[one][: dice.randrange(len(lines[one]) + 1)]
    elif how == "line ends":
        return text.replace("\n", dice.choice(("\r\n", "\r")))
    elif how == "insert":
        at = dice.randrange(len(text) + 1)
        return text[:at] + dice.choice(NASTY) + text[at + dice.randrange(3) :]
    elif how == "cell":
        return cells(text, lambda rows: _replace_cell(rows, dice))
    elif how == "columns":
        return cells(text, lambda rows: _permute(rows, dice))
    return "".join(lines)


def _replace_cell(rows: list[list[str]], dice: random.Random) -> None:
    row = dice.choice(rows)
    row[dice.randrange(len(row))] = dice.choice(NASTY)


def _permute(rows: list[list[str]], dice: random.Random) -> None:
    order = dice.sample(range(len(rows[0])), len(rows[0]))
    rows[:] = [[row[i] for i in order] if len(row) == len(order) else row for row in rows]


HOW = ("drop", "twice", "swap", "cut", "line ends", "insert", "cell", "columns")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(FILES)),
    how=st.lists(st.sampled_from(HOW), min_size=1, max_size=3),
    after=st.sampled_from(("", "", "", "flip", "truncate", *ENCODINGS)),
    seed=st.integers(0, 2**32),
)
def test_no_row_is_lost_nobody_shown_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, name: str, how: list[str], after: str, seed: int
) -> None:
    dice = random.Random(seed)
    text = FILES[name]
    for step in how:
        text = corrupt_text(text, step, dice)
    data = text.encode(after if after in ENCODINGS else "utf-8", "replace")
    if after == "flip":
        data = bytes(byte ^ (1 << dice.randrange(8)) if dice.random() < 0.003 else byte for byte in data)
    if after == "truncate":
        data = data[: dice.randrange(len(data) + 1)]
    folder = Folder(tmp_path_factory.mktemp("spoilt") / "exports")
    folder.write(name, data)
    before = fingerprint(folder.path)
    try:
        result = intake.check(folder.path)
    except intake.IntakeError as error:  # and nothing else
        said = str(error)
        assert said.isprintable() or "\n" not in said
    else:
        said = "\n".join([*result.lines("en"), *result.lines("zh"), json.dumps(result.to_json(), ensure_ascii=False)])
        for count in result.counts:
            assert count.read == count.good + count.quarantined + count.duplicates
            kept = result.quarantine.get(count.table)
            assert count.quarantined == (0 if kept is None else len(kept))
        _check_lines(name, data, result)
    assert fingerprint(folder.path) == before
    assert not [personal for personal in PERSONAL if personal in said]


def _check_lines(name: str, data: bytes, result: intake.CheckResult) -> None:
    """Lines with something on them are header, title above it, or rows; counted here from the bytes themselves."""
    if b'"' in data or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return  # a record may have several lines, a character several bytes
    lines = [
        line for line in data.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n").split(b"\n") if line.strip(b" \t,;|")
    ]
    read = next((count.read for count in result.counts if count.file == name), None)
    if read is None:
        return
    titles = sum(finding.rows for finding in result.findings if finding.rule.endswith(".header.above"))
    assert 1 <= len(lines) - read - titles <= 3, "a header has one row to three"


def test_a_fault_of_ours_is_told_without_its_words(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("could not convert 王建国")

    monkeypatch.setattr("labkit.intake.check", fail)
    assert cli.main(["check", str(folder.path), "--json"]) == 3
    said = capsys.readouterr()
    assert "RuntimeError in test_corruption.py" in said.err and "internal fault" in said.out
    assert "王建国" not in said.out + said.err and "Traceback" not in said.err
