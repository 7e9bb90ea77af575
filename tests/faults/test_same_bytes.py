"""The same bytes whatever the clock, the locale, the hash seed, the number of threads, the umask."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .conftest import Commands, content

ELSEWHERE = {
    "TZ": "America/Los_Angeles", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "0",
}  # fmt: skip
HERE = {"TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "2"}


def make_all(commands: Commands, folder: Path, exports: Path, notebooks: Path, **how: int) -> dict[str, str]:
    """A store of exports and the pages of a notebook."""
    for arguments in (
        ("intake", exports, "--out", folder / "store"),
        ("report", "--data", folder / "store", "--out", folder / "reports", "--no-progress"),
    ):
        code, said = commands.run(*arguments, notebooks=notebooks, **how)
        assert code == 0, said
    return content(folder)


def test_same_bytes_of_store_and_pages(exports: Path, notebooks: Path, tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Commands(Path(folder) / "a", HERE) as here,
        Commands(Path(folder) / "b", ELSEWHERE) as elsewhere,
    ):
        one = make_all(here, tmp_path / "here", exports, notebooks, umask=0o022)
        two = make_all(elsewhere, tmp_path / "elsewhere", exports, notebooks, umask=0o077, cores=1)
    assert one == two
    kinds = {Path(name).suffix for name in one}
    assert kinds == {".parquet", ".json", ".html"} and {
        "index.html",
        "glossary.html",
        "data.html",
        "01_quick.html",
    } <= {Path(name).name for name in one}
