from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labkit
from labkit.intake import intake
from labkit.store import Manifest, StoreError, StoreWriter, bucket_of, day_rows

from .intake.conftest import Folder


def write_small(folder: Path, ids: tuple[str, ...] = ("A", "B")) -> None:
    with StoreWriter(folder) as writer:
        writer.write("customers", pa.table({"customer_id": list(ids)}))
        days = pa.array(np.array(["2025-03-01"] * len(ids), dtype="datetime64[D]"))
        values = np.full((len(ids), 24), 1000, np.int32)
        writer.write_day_rows("readings", "2025-03", 0, day_rows(pa.array(ids), days, 60, values, values < 0))


def test_same_content_same_digest(tmp_path: Path) -> None:
    write_small(tmp_path / "a")
    write_small(tmp_path / "b")
    write_small(tmp_path / "c", ("A", "C"))
    digests = [Manifest.read(tmp_path / name).digest for name in "abc"]
    assert digests[0] == digests[1] != digests[2]


def test_an_error_leaves_the_earlier_store_and_no_trace(tmp_path: Path) -> None:
    target = tmp_path / "store"
    write_small(target)
    before = Manifest.read(target).digest
    with pytest.raises(RuntimeError, match="power cut"), StoreWriter(target) as writer:
        writer.write("customers", pa.table({"customer_id": ["X"]}))
        raise RuntimeError("power cut")
    assert Manifest.read(target).digest == before
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_store_replaces_a_store_but_nothing_else(tmp_path: Path) -> None:
    write_small(tmp_path / "store")
    write_small(tmp_path / "store", ("Z",))
    assert Manifest.read(tmp_path / "store").tables["customers"].rows == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(StoreError, match="is not a labkit store"):
        write_small(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_a_flipped_bit_is_noticed_and_named(tmp_path: Path) -> None:
    """In every kind of file, wherever it is."""
    store = tmp_path / "store"
    intake(Folder(tmp_path / "exports").path, store)
    files = [
        "manifest.json",
        "intake.json",
        "customers.parquet",
        "bills.parquet",
        *store.glob("readings/*/*/*.parquet"),
    ]
    rng = np.random.default_rng(8)
    for path in (store / name for name in files):
        whole = path.read_bytes()
        for place, bit in zip(rng.integers(0, len(whole), 40), rng.integers(0, 8, 40)):
            spoilt = bytearray(whole)
            spoilt[place] ^= 1 << bit
            path.write_bytes(spoilt)
            if path.suffix == ".json" and b'"seal"' not in spoilt:
                continue  # nothing but the word itself is spoilt
            with pytest.raises(StoreError, match=rf"{path.name}.* make the store anew|store format|sha256 differs"):
                labkit.open(store)
        path.write_bytes(whole)
    labkit.open(store).close()


def test_a_missing_file_and_another_format_are_named(tmp_path: Path) -> None:
    write_small(tmp_path / "store")
    shutil.copytree(tmp_path / "store", tmp_path / "older")
    (tmp_path / "store" / "customers.parquet").unlink()
    with pytest.raises(StoreError, match=r"customers\.parquet is missing"):
        labkit.open(tmp_path / "store")
    manifest = tmp_path / "older" / "manifest.json"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace('"labkit_store": 1', '"labkit_store": 99'), encoding="utf-8"
    )
    with pytest.raises(StoreError, match="store format 99"):
        labkit.open(tmp_path / "older")
    manifest.write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be read"):
        labkit.open(tmp_path / "older")
    with pytest.raises(StoreError, match="labkit sample"):
        labkit.open(tmp_path / "nothing")


def test_pages_carry_checksums(tmp_path: Path) -> None:
    write_small(tmp_path / "store")
    path = tmp_path / "store" / "customers.parquet"
    assert pq.read_table(path, page_checksum_verification=True).num_rows == 2


def test_buckets_do_not_depend_on_the_run() -> None:
    # crc32, not hash(): the same on every machine and in every process.
    assert [bucket_of(f"C{n:07d}", 16) for n in range(5)] == [0, 6, 12, 10, 9]
