"""The project as a whole: floors, sizes, versions, generated files."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import tokenize
import tomllib
from pathlib import Path

import pytest
import yaml

from labkit import schema
from labkit.cli import GENERATED
from labkit.report.run import notebook_table

ROOT = Path(__file__).parents[1]
#: From the ground up; a module imports from those before it only. Domain packages
#: (the last set) may not import each other.
FLOORS = [
    {"terms", "refusals"},
    {"calendar", "estimates", "engine", "privacy", "schema"},
    {"store", "figures", "concentration", "shifting", "scores", "importance"},
    {"intake", "findings"},
    {"lab"},
    {"profiles", "tariffs"},
    {"vee"},
    {"portrait", "quality", "sample", "market_segments"},
    {"tags", "segments", "accounts", "service", "loyalty", "arrears", "dsm", "market"},
    {"report"},
    {"cli"},
]


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "labkit":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("labkit.")}
    return found


def modules() -> list[Path]:
    return [
        p for p in sorted((ROOT / "labkit").rglob("*.py")) if p.relative_to(ROOT / "labkit").parts != ("__init__.py",)
    ]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    own = path.relative_to(ROOT / "labkit").parts[0].removesuffix(".py")
    floor = next(i for i, names in enumerate(FLOORS) if own in names)
    below = set().union(*FLOORS[:floor])
    names = set().union(*FLOORS)
    assert (imports_of(path) & names) - {own} <= below


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_a_room_not_a_hall(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= 450


def code_lines(path: Path) -> int:
    """Lines with code: neither blank nor comment nor docstring."""
    source = path.read_text(encoding="utf-8")
    kept = {
        token.start[0] for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in _NO_CODE
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            kept -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(kept)


_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


#: Code lines of what all notebooks stand on (the portrait brings its card, the engines Spark, the intake eight published layouts, the checks of meter data their estimates), and of any one domain; tags are two notebooks and 51 checks, loyalty two notebooks and survival, value, trials, churn, segments their comparison.
MOST_SHARED, MOST_DOMAIN, MOST_OF = 16_500, 2600, {"tags": 4900, "loyalty": 4600, "segments": 2900}


def test_the_package_stays_small() -> None:
    # What a well-kept library does is not written again.
    lines: dict[str, int] = {}
    for path in (ROOT / "labkit").rglob("*.py"):
        room = path.relative_to(ROOT / "labkit").parts[0].removesuffix(".py")
        lines[room] = lines.get(room, 0) + code_lines(path)
    domains = {room: count for room, count in lines.items() if room in FLOORS[-3]}
    assert sum(lines.values()) - sum(domains.values()) < MOST_SHARED
    assert all(count < MOST_OF.get(room, MOST_DOMAIN) for room, count in domains.items()), domains


def locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


def test_lock_covers_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [r for extra in project["optional-dependencies"].values() for r in extra if not r.startswith("labkit[")]
    wanted = [*project["dependencies"], *extras]
    versions = locked()
    for requirement in wanted:
        name, _, least = requirement.partition(">=")
        name = name.split("[")[0].lower()
        assert name in versions, f"{name} is not in requirements.lock: run make lock"
        if least:
            have = tuple(int(n) for n in re.findall(r"\d+", versions[name])[:3])
            assert have >= tuple(int(n) for n in least.split("."))


def test_lock_is_hashed_and_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "http" not in re.sub(r"^(httpx|httpcore|.*http[a-z-]*)==.*$", "", text, flags=re.MULTILINE)
    assert "--index" not in text and "--find-links" not in text
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert packages and all("--hash=sha256:" in package for package in packages)


def test_environment_gives_the_versions_of_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == ["-r requirements.lock"]
    python = next(entry for entry in conda if entry.startswith("python="))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = tuple(int(n) for n in project["requires-python"].removeprefix(">=").split("."))
    assert tuple(int(n) for n in python.split("=")[1].split(".")) >= least
    # Nothing but Python, Java and pip comes from conda, so no version can differ.
    assert {entry.split("=")[0] for entry in conda} == {"python", "openjdk", "pip"}


def generated_part(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition(GENERATED[0])[2].partition(GENERATED[1])[0].strip()


def test_data_package_and_card_follow_the_schema() -> None:
    package = json.loads((ROOT / "data" / "datapackage.json").read_text(encoding="utf-8"))
    assert package == schema.data_package(), "stale: run `labkit card`"
    assert generated_part(ROOT / "data" / "README.md") == schema.data_card().strip(), "stale: run `labkit card`"


def test_index_of_notebooks_follows_the_notebooks() -> None:
    assert generated_part(ROOT / "notebooks" / "README.md") == notebook_table(), "stale: run `labkit notebook refresh`"


def test_nothing_committed_is_large_or_names_a_machine() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    home = re.compile("/" + "(?:home|root|Users)/[a-z]")
    for name in files:
        path = ROOT / name
        if path.is_file():
            assert path.stat().st_size < 1_000_000, name
            if path.suffix in {".py", ".md", ".ipynb", ".sh", ".toml", ".yml", ".yaml"}:
                assert not home.search(path.read_text(encoding="utf-8")), name
