"""What `make mutation` counts as caught, and when it fails."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def mutation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutation", ROOT / ".ci" / "mutation.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_part_with_too_few_caught_or_none_tried_fails(mutation: ModuleType, tmp_path: Path) -> None:
    noted = {
        "store/swap.py": [1] * 85 + [0] * 15,
        "privacy/cells.py": [1] * 80 + [36] * 10 + [33] * 5 + [None] * 5,
        "schema/rules.py": [1, 1, 0],
        "intake/rows.py": [1, -11, 3],
    }
    for name, codes in noted.items():
        path = tmp_path / "labkit" / f"{name}.meta"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(json.dumps({"exit_code_by_key": {f"m{i}": code for i, code in enumerate(codes)}}))
    code, lines = mutation.judge(mutation.outcomes(tmp_path))
    assert code == 1 and lines[:3] == [
        "mutation: store: 100 mutants, 85 caught, 15 survived, 85.0% caught",
        "mutation: privacy: 100 mutants, 90 caught, 10 survived, 90.0% caught",
        "mutation: rules: 6 mutants, 5 caught, 1 survived, 83.3% caught",
    ]
    assert "85% caught in rules: " in lines[3]
    good = [(part, "m", 1) for part in mutation.PARTS]
    assert mutation.judge(good)[0] == 0
    assert mutation.judge(good[:2])[0] == 1, "nothing tried is nothing caught"


def test_what_is_mutated_is_there(mutation: ModuleType) -> None:
    import tomllib

    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    folders = {pattern.split("/")[1] for pattern in config["only_mutate"]}
    assert folders == {folder for part in mutation.PARTS.values() for folder in part}
    for pattern in config["only_mutate"]:
        assert list(ROOT.glob(pattern)), pattern
    for test in config["pytest_add_cli_args_test_selection"]:
        assert (ROOT / test).exists(), test
