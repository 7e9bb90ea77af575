from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labkit
from labkit.intake import intake
from labkit.store import (
    SLOT_COLUMNS,
    About,
    Manifest,
    StoreError,
    StoreWriter,
    TableEntry,
    arrow_schema,
    bucket_of,
    buckets_for,
    day_rows,
    is_store,
    time_column,
    write_whole,
)

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
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(OSError, match="checksum"):
        pq.read_table(path, page_checksum_verification=True)


def test_slots_have_no_dictionary_and_row_groups_enough_for_several_cores(tmp_path: Path) -> None:
    rows = 40_000
    wh = np.random.default_rng(3).integers(0, 5_000, (rows, 24), dtype=np.int32)
    days = pa.array(np.full(rows, "2025-01-01", dtype="datetime64[D]"))
    with StoreWriter(tmp_path / "store") as writer:
        table = day_rows(pa.array([f"C{i:07d}" for i in range(rows)]), days, 60, wh, wh == 7)
        writer.write_day_rows("readings", "2025-01", 0, table)
    meta = pq.ParquetFile(tmp_path / "store/readings/month=2025-01/bucket=0000/part.parquet").metadata
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [16_384, 16_384, 7_232]
    columns = {meta.schema.column(i).name: meta.row_group(0).column(i) for i in range(meta.num_columns)}
    assert not columns["p00"].has_dictionary_page and "DELTA_BINARY_PACKED" in columns["p00"].encodings
    assert columns["day"].has_dictionary_page and columns["p00"].statistics.max == wh[:16_384, 0].max()
    with labkit.open(tmp_path / "store") as lab:
        found = lab.run(lab.readings.order_by("customer_id"))
    assert np.array_equal(found["p05"].fillna(-1), np.where(wh[:, 5] == 7, -1, wh[:, 5])) and found["p24"].isna().all()


def test_the_next_run_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    (tmp_path / f".store.writing-{dead.pid}").mkdir()
    (tmp_path / ".other.writing-1").mkdir()
    write_small(tmp_path / "store")
    assert {path.name for path in tmp_path.iterdir()} == {"store", ".other.writing-1"}


def test_buckets_do_not_depend_on_the_run() -> None:
    # crc32, not hash(): the same on every machine and in every process.
    assert [bucket_of(f"C{n:07d}", 16) for n in range(5)] == [0, 6, 12, 10, 9]


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    about = About(name_en="Lake", name_zh="湖区", timezone="Europe/Berlin", calendar="DE", currency="EUR",
                  disclosure="open", sources=("meters", "billing"))  # fmt: skip
    with StoreWriter(tmp_path / "store", about, 4) as writer:
        writer.write("bills", pa.table({"bill_id": ["B1"], "customer_id": ["A"], "period": ["2025-02"], "kwh": [3]}))
        writer.write("bills", pa.table({"bill_id": ["B2"], "customer_id": ["A"], "period": ["2024-11"]}))
        writer.write("customers", pa.table({"customer_id": ["A"], "name": ["王建国"]}))
    manifest = Manifest.read(tmp_path / "store")
    assert manifest.about == about and manifest.buckets == 4
    assert list(manifest.tables) == ["bills", "customers"]
    bills = manifest.tables["bills"]
    assert (bills.rows, bills.first, bills.last) == (2, "2024-11", "2025-02")
    assert (manifest.tables["customers"].first, manifest.tables["customers"].last) == (None, None)
    rows = pq.read_table(tmp_path / "store" / "bills.parquet")
    assert rows.schema == arrow_schema("bills")
    assert rows["bill_id"].to_pylist() == ["B1", "B2"] and rows["kwh"].to_pylist() == [3.0, None]
    # What a store says of itself can be read without labkit, Chinese as it is written.
    assert '"name_zh": "湖区"' in (tmp_path / "store" / "manifest.json").read_text(encoding="utf-8")
    assert (tmp_path / "store" / "manifest.json").read_bytes().endswith(b"}\n")


def test_every_file_is_listed_with_its_rows_and_digest(tmp_path: Path) -> None:
    days = pa.array(np.array(["2025-04-01"], dtype="datetime64[D]"))
    values = np.full((1, 96), 250, np.int32)
    with StoreWriter(tmp_path / "store") as writer:
        for month, bucket in (("2025-04", 3), ("2025-03", 12)):
            writer.write_day_rows("readings", month, bucket, day_rows(pa.array(["A"]), days, 15, values, values < 0))
    entry = Manifest.read(tmp_path / "store").tables["readings"]
    folder = tmp_path / "store"
    assert [file["path"] for file in entry.files] == [
        "readings/month=2025-03/bucket=0012/part.parquet",
        "readings/month=2025-04/bucket=0003/part.parquet",
    ]
    assert files_of(folder) == ["manifest.json", *(file["path"] for file in entry.files)]
    for file in entry.files:
        content = (folder / file["path"]).read_bytes()
        assert (file["rows"], file["bytes"], file["sha256"]) == (1, len(content), hashlib.sha256(content).hexdigest())
        assert pq.ParquetFile(folder / file["path"]).metadata.row_group(0).column(0).compression == "ZSTD"
    assert entry.rows == 2


def test_closed_files_are_whole_before_the_store_is(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "store") as writer:
        for table in ("customers", "sites"):
            writer.write(table, pa.table({f"{table[:-1]}_id": ["A"]}))
        days = pa.array(np.array(["2025-03-01"], dtype="datetime64[D]"))
        values = np.zeros((1, 24), np.int32)
        writer.write_day_rows("readings", "2025-03", 0, day_rows(pa.array(["A"]), days, 60, values, values < 0))
        writer.close_files("customers")
        writer.close_files("readings")
        assert pq.read_table(writer.folder / "customers.parquet").num_rows == 1
        assert pq.read_table(writer.folder / "readings/month=2025-03/bucket=0000/part.parquet").num_rows == 1
        with pytest.raises(pa.ArrowInvalid):  # still open: more may come
            pq.read_table(writer.folder / "sites.parquet")
        writer.write("sites", pa.table({"site_id": ["B"]}))
    assert {name: entry.rows for name, entry in Manifest.read(tmp_path / "store").tables.items()} == {
        "customers": 1,
        "readings": 1,
        "sites": 2,
    }


def test_the_digest_names_all_that_a_store_says(tmp_path: Path) -> None:
    def digest(name: str, about: About, buckets: int, ids: tuple[str, ...] = ()) -> str:
        with StoreWriter(tmp_path / name, about, buckets) as writer:
            if ids:
                writer.write("customers", pa.table({"customer_id": list(ids)}))
        return Manifest.read(tmp_path / name).digest

    # Reports are named by it: another version of labkit must find the same.
    assert digest("a", About(), 1) == "21e90c6035c243f940361f162ffc9ffef95de573214d86d9e9272ba2b41872b7"
    assert len({digest("b", About(), 1), digest("c", About(name_zh="湖区"), 1), digest("d", About(), 2),
                digest("e", About(), 1, ("A",)), digest("f", About(), 1, ("B",))}) == 5  # fmt: skip


def test_dates_that_are_missing_are_no_first_and_last(tmp_path: Path) -> None:
    moments = ["2025-03-05 08:00", None, "2025-03-02 09:30", "2025-03-04"]
    with StoreWriter(tmp_path / "store") as writer:
        for moment in moments:
            at = pa.array([None if moment is None else np.datetime64(moment, "us")], pa.timestamp("us"))
            writer.write("tickets", pa.table({"ticket_id": [str(moment)], "opened_at": at}))
        writer.write("tickets", pa.table({"ticket_id": ["undated"]}))
        writer.write("outages", pa.table({"started_at": pa.array([None], pa.timestamp("us"))}))
        writer.write("weather", pa.table({"ts": pa.array([], pa.timestamp("us"))}))
    tables = Manifest.read(tmp_path / "store").tables
    assert (tables["tickets"].first, tables["tickets"].last) == ("2025-03-02 09:30:00", "2025-03-05 08:00:00")
    assert (tables["outages"].rows, tables["outages"].first) == (1, None)
    assert (tables["weather"].rows, tables["weather"].last) == (0, None)


@pytest.mark.parametrize(
    ("spans", "period"),
    [
        ({"readings": ("2025-03-01", "2025-03-09"), "bills": ("2024-01", "2024-02")}, ("2025-03-01", "2025-03-09")),
        ({"readings": ("2025-03-01 00:15:00", "2025-03-09 23:45:00")}, ("2025-03-01", "2025-03-09")),
        ({"bills": ("2023-12", "2024-02")}, ("2023-12-01", "2024-02-29")),
        ({"readings": (None, None), "bills": ("2024-01", "2024-12")}, ("2024-01-01", "2024-12-31")),
        ({"readings": ("2025-03-01", None)}, None),
        ({"readings": (None, "2025-03-01")}, None),
        ({"payments": ("2024-01-01", "2024-01-02")}, None),
    ],
)
def test_the_period_is_of_readings_or_else_of_whole_billed_months(
    spans: dict[str, tuple[str | None, str | None]], period: tuple[str, str] | None
) -> None:
    tables = {name: TableEntry(1, (), *span) for name, span in spans.items()}
    assert Manifest(About(), 1, tables, "").period == period


def test_a_folder_that_is_no_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    assert not is_store(folder)
    with pytest.raises(StoreError) as none:
        Manifest.read(folder)
    assert str(none.value) == (
        f"{folder} is not a labkit store (no manifest.json): make one with `labkit intake {folder} --out STORE`"
    )
    write_small(tmp_path / "store")
    assert is_store(tmp_path / "store")
    manifest = tmp_path / "store" / "manifest.json"
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(whole | {"labkit_store": 2}), encoding="utf-8")
    with pytest.raises(StoreError) as other:
        Manifest.read(tmp_path / "store")
    assert str(other.value) == (
        f"{manifest} is of store format 2, this labkit reads 1: make the store anew from its source"
    )


@pytest.mark.parametrize(
    ("spoilt", "kind"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError"),
        ('{"labkit_store": 1, "about": {"sources": [], "colour": "red"}}', "TypeError"),
        ('{"labkit_store": 1, "about": {"sources": []}, "tables": []}', "AttributeError"),
    ],
)
def test_a_spoilt_manifest_is_named_and_never_a_traceback(tmp_path: Path, spoilt: str, kind: str) -> None:
    write_small(tmp_path / "store")
    manifest = tmp_path / "store" / "manifest.json"
    manifest.write_text(spoilt, encoding="utf-8")
    with pytest.raises(StoreError) as said:
        Manifest.read(tmp_path / "store")
    assert str(said.value) == f"{manifest} cannot be read ({kind}): make the store anew from its source"


@pytest.mark.parametrize("spoil", ["cut", "changed", "gone"])
def test_every_file_is_looked_at_and_the_spoilt_one_named(tmp_path: Path, spoil: str) -> None:
    write_small(tmp_path / "store")
    manifest = Manifest.read(tmp_path / "store")
    manifest.verify(tmp_path / "store")
    (path,) = (tmp_path / "store" / "readings").rglob("*.parquet")
    content = path.read_bytes()
    said = f"{path} is not what was written (sha256 differs): make the store anew from its source"
    if spoil == "cut":
        path.write_bytes(content[:-1])
    elif spoil == "changed":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        path.unlink()
        said = f"{path} is missing: make the store anew from its source"
    with pytest.raises(StoreError) as error:
        manifest.verify(tmp_path / "store")
    assert str(error.value) == said


def test_a_store_that_cannot_be_put_in_place_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small(tmp_path / "store")
    before = Manifest.read(tmp_path / "store").digest

    def full(path: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_small(tmp_path / "store", ("Z",))
    assert Manifest.read(tmp_path / "store").digest == before
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_place_that_is_taken_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "thesis.docx"
    file.write_text("years of work", encoding="utf-8")
    with pytest.raises(StoreError) as taken, StoreWriter(file):
        raise AssertionError("nothing is begun")
    assert str(taken.value) == (
        f"{file} is there already and is not a labkit store: name another folder, or move it away"
    )
    (tmp_path / "empty").mkdir()
    write_small(tmp_path / "empty")
    assert is_store(tmp_path / "empty")
    write_small(tmp_path / "a" / "deep" / "place")
    assert is_store(tmp_path / "a" / "deep" / "place")
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == tmp_path and mode == os.W_OK))
    with pytest.raises(StoreError) as locked, StoreWriter(tmp_path / "b" / "c"):
        raise AssertionError("nothing is begun")
    assert str(locked.value) == f"{tmp_path} cannot be written to: name another folder"
    assert not (tmp_path / "b").exists()


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "manifest.json"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second" and [p.name for p in tmp_path.iterdir()] == ["manifest.json"]
    seen: list[tuple[str, bytes]] = []

    def killed(part: Path, target: Path) -> None:
        seen.append((Path(part).parent.name, Path(part).read_bytes()))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"third")
    assert path.read_bytes() == b"second"
    assert seen == [(tmp_path.name, b"third")], "whole, beside its target, before it takes the name"


def test_how_many_buckets() -> None:
    sizes = [0, 1, 8_192, 8_193, 16_384, 16_385, 100_000, 1_000_000]
    assert [buckets_for(size) for size in sizes] == [1, 1, 1, 2, 2, 4, 16, 128]
    assert bucket_of("客户", 16) == zlib.crc32("客户".encode()) % 16


def test_day_rows_keep_energy_apart_from_what_is_missing() -> None:
    days = pa.array(np.array(["2025-03-01", "2025-03-02"], dtype="datetime64[D]"))
    values = np.arange(2 * 48, dtype=np.int32).reshape(2, 48)
    missing = np.zeros(values.shape, bool)
    missing[1, 47] = True
    rows = day_rows(pa.array(["A", "B"]), days, 30, values, missing)
    assert rows.schema == arrow_schema("readings") == arrow_schema("reactive")
    assert rows.column_names == ["customer_id", "day", "interval_min", *SLOT_COLUMNS]
    assert rows["interval_min"].to_pylist() == [30, 30] and rows["p00"].to_pylist() == [0, 48]
    assert rows["p46"].to_pylist() == [46, 94] and rows["p47"].to_pylist() == [47, None]
    assert all(rows[f"p{slot}"].null_count == 2 for slot in range(48, 96))


def test_types_of_the_store_and_the_column_that_dates_a_row() -> None:
    kinds = {field.name: str(field.type) for field in arrow_schema("bills")}
    assert kinds["bill_id"] == kinds["period"] == "string"
    assert kinds["kwh"] == "double" and kinds["issued_on"] == "date32[day]"
    assert str(arrow_schema("tickets").field("opened_at").type) == "timestamp[us]"
    dated = {name: time_column(name) for name in ("readings", "reactive", "bills", "payments", "tickets", "customers")}
    assert dated == {
        "readings": "day", "reactive": "day", "bills": "period",
        "payments": "paid_on", "tickets": "opened_at", "customers": None,
    }  # fmt: skip
