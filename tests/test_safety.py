"""What no module may do, and the audit of the packages it stands on."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit import tags

ROOT = Path(__file__).parents[1]
#: Calls that run what they are given, by their last names or module and name.
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "execfile", "os.system", "os.popen", "os.execv", "os.spawnv", "pty.spawn",
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "pd.eval", "pd.read_pickle", "joblib.load", "joblib.dump",
    "pickle.load", "pickle.loads", "marshal.loads", "shelve.open", "tempfile.mktemp", "subprocess.getoutput",
}  # fmt: skip
#: Modules that read code out of data or entities out of XML; what rdflib is given is tried below.
UNSAFE_MODULES = {
    "pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "code", "codeop", "pty", "commands",
    "xml.dom", "xml.dom.minidom", "xml.sax", "xml.etree.cElementTree", "lxml", "lxml.etree", "xmlrpc", "xmlrpc.client", "telnetlib", "ftplib",
}  # fmt: skip
#: Who may, and why.
ALLOWED: dict[tuple[str, str], str] = {}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted([*(ROOT / "labkit").rglob("*.py"), *(ROOT / ".ci").glob("*.py")]):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def dangers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each call or import that could run what data bring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in UNSAFE_MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            yield from ((node.lineno, name) for name in sorted(names & (UNSAFE_MODULES | FORBIDDEN)))
        elif isinstance(node, ast.Call):
            called, keywords = name_of(node.func), {word.arg: word.value for word in node.keywords}
            if called in FORBIDDEN or called.endswith((".read_pickle", ".to_pickle")):
                yield node.lineno, called
            if called.endswith(".query") and "engine" in keywords:
                yield node.lineno, "DataFrame.query"
            for word in ("shell", "allow_pickle"):
                value = keywords.get(word)
                if value is not None and not (isinstance(value, ast.Constant) and value.value is False):
                    yield node.lineno, f"{called}({word}=…)"
            if called == "Environment" and "autoescape" not in keywords:
                yield node.lineno, "Environment without autoescape"


def test_no_module_runs_what_data_bring() -> None:
    found = [
        f"{name}:{line}: {what}" for name, tree in modules() for line, what in dangers(tree) if (name, what) not in ALLOWED
    ]  # fmt: skip
    assert not found
    assert all(ALLOWED.values()), "each exception has its reason"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "eval('1')", "pd.read_pickle(p)", "frame.to_pickle(p)", "os.system(x)",
        "subprocess.run(x, shell=True)", "np.load(p, allow_pickle=True)", "yaml.load(x)", "from os import system", "Environment(loader=x)",
        "from xml.dom import minidom",
    ],
)  # fmt: skip
def test_each_danger_would_be_seen(source: str) -> None:
    assert list(dangers(ast.parse(source)))


def test_notebooks_run_nothing_of_the_shell() -> None:
    import nbformat

    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "code":
                assert not cell.source.lstrip().startswith(("!", "%")), path.name
                assert not list(dangers(ast.parse(cell.source))), path.name


@pytest.fixture(scope="module")
def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RDF = """<?xml version="1.0"?><!DOCTYPE r [{entities}]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">
<skos:ConceptScheme rdf:about="urn:s"/><skos:Concept rdf:about="urn:x"><skos:inScheme rdf:resource="urn:s"/>
<skos:prefLabel xml:lang="en">{label}</skos:prefLabel></skos:Concept></rdf:RDF>"""
LAUGHS = '<!ENTITY a0 "lol">' + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize(
    ("entities", "label"),
    [
        (LAUGHS, "&a9;"),
        ('<!ENTITY x SYSTEM "file:///etc/hostname">', "&x;"),
        ('<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;', "x"),
        (f'<!ENTITY x "{"y" * 5000}">', "&x;" * 50),
    ],
)
def test_entities_of_a_scheme_neither_grow_nor_read_files(entities: str, label: str, tmp_path: Path) -> None:
    path = tmp_path / "scheme.rdf"
    path.write_text(RDF.format(entities=entities, label=label), encoding="utf-8")
    with pytest.raises(tags.TagError, match=r"scheme\.rdf: declares an entity that is no short address"):
        tags.Scheme.read(path)
    path.write_text(RDF.format(entities='<!ENTITY k "Key ">', label="&k;account"), encoding="utf-8")
    assert [found.name("en") for found in tags.Scheme.read(path).classes.values()] == ["Key account"]


SOUND = {"name": "numpy", "version": "2.4.0", "vulns": []}
FLAWED = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "code", "says"),
    [
        ([SOUND, SOUND], 0, "0 known vulnerabilities in 2 packages"),
        ([SOUND, FLAWED], 1, "old 1.0: PYSEC-1, mended in 1.1"),
        ([SOUND, UNKNOWN], 0, "in 1 packages; 1 the service does not know"),
        ([UNKNOWN, UNKNOWN], 0, "knows none of 2 packages: nothing was audited"),
    ],
)
def test_an_audit_says_what_it_knows(audit: Any, packages: list[dict[str, Any]], code: int, says: str) -> None:
    found, lines = audit.judge({"dependencies": packages}, "")
    assert found == code and says in "\n".join(lines)


def test_without_a_network_nothing_is_audited_and_that_is_said() -> None:
    nowhere = dict.fromkeys(
        ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9"
    )
    environment = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"} | nowhere
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "audit.py")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "nothing was audited" in done.stdout and not done.stderr
    assert time.monotonic() - began < 75


def test_a_service_that_does_not_answer_is_not_waited_for(audit: Any) -> None:
    report, why = audit.ask_service(audit.LOCK, 0.01)
    assert audit.judge(report, why) == (
        0,
        ["audit: the vulnerability service did not answer within 0 s: nothing was audited"],
    )
