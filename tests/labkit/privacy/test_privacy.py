from __future__ import annotations

import csv
import io
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import privacy

KEY = b"k" * 32


@given(st.text(min_size=1), st.text(min_size=1))
def test_pseudonyms_are_stable_and_distinct(a: str, b: str) -> None:
    assert privacy.pseudonym(a, KEY) == privacy.pseudonym(a, KEY)
    assert (privacy.pseudonym(a, KEY) == privacy.pseudonym(b, KEY)) == (a == b)
    assert privacy.pseudonym(a, KEY) != privacy.pseudonym(a, b"o" * 32)


def test_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "pseudonyms"
    key = privacy.read_key(path)
    assert len(key) == 32 and privacy.read_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="at least 16 bytes"):
        privacy.read_key(path)


def test_a_key_does_not_travel_with_the_data(tmp_path: Path) -> None:
    data, reports = tmp_path / "store", tmp_path / "reports"
    for folder in (data, reports):
        folder.mkdir()
        with pytest.raises(privacy.KeyFileError, match=rf"k\.key lies in .*{folder.name}.*keep keys elsewhere"):
            privacy.read_key(folder / "deep" / "k.key", away_from=[data, reports])
        assert not list(folder.iterdir()), "no key was made there"
    (tmp_path / "link").symlink_to(data)
    with pytest.raises(privacy.KeyFileError, match="keep keys elsewhere"):
        privacy.read_key(tmp_path / "link" / "k.key", away_from=[data])
    assert len(privacy.read_key(tmp_path / "k.key", away_from=[data, reports])) == 32
    (tmp_path / "k.key").chmod(0o644)
    with pytest.raises(privacy.KeyFileError, match="others can read this key"):
        privacy.read_key(tmp_path / "k.key")


def test_a_rotated_key_leaves_a_way_from_old_to_new_for_its_owner(tmp_path: Path) -> None:
    data, ids = tmp_path / "store", [f"C{i:07d}" for i in range(20)]
    data.mkdir()
    old, new, mapping = tmp_path / "old.key", tmp_path / "new.key", tmp_path / "old_to_new.csv"
    with pytest.raises(privacy.KeyFileError, match="no such key to rotate"):
        privacy.rotate_key(old, new, ids, mapping)
    before = privacy.read_key(old)
    with pytest.raises(privacy.KeyFileError, match="keep keys elsewhere"):
        privacy.rotate_key(old, new, ids, data / "map.csv", away_from=[data])
    assert not new.exists()
    assert privacy.rotate_key(old, new, ids, mapping, away_from=[data]) == 20
    pairs = pd.read_csv(mapping, encoding="utf-8-sig").set_index("old")["new"].to_dict()
    assert pairs == {privacy.pseudonym(i, before): privacy.pseudonym(i, privacy.read_key(new)) for i in ids}
    assert not set(pairs) & set(pairs.values()) and not any(i in mapping.read_text(encoding="utf-8") for i in ids)
    assert stat.S_IMODE(mapping.stat().st_mode) == stat.S_IMODE(new.stat().st_mode) == 0o600
    with pytest.raises(privacy.KeyFileError, match="is there already"):
        privacy.rotate_key(old, new, ids, tmp_path / "other.csv")


@given(st.text())
def test_a_mask_never_shows_more_than_its_form(value: str) -> None:
    masked = privacy.mask(value)
    assert len(masked) <= 11
    kept = [character for character in masked if character != "*"]
    assert len(kept) <= (7 if value.isdigit() and len(value) == 11 else 1)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_no_cell_of_an_export_is_a_formula(cells: list[str]) -> None:
    frame = pd.DataFrame({"=evil": cells})
    raw = privacy.to_safe_csv(frame).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(raw.replace("\0", ""), newline="")))
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t")) for cell in row)


def test_numbers_stay_numbers() -> None:
    assert privacy.to_safe_csv(pd.DataFrame({"x": [-1.5, 2.0]})).decode("utf-8-sig") == "x\r\n-1.5\r\n2\r\n"


@given(st.lists(st.integers(0, 60), min_size=2, max_size=12), st.integers(2, 20))
def test_nothing_hidden_can_be_worked_out_from_the_total(counts: list[int], minimum: int) -> None:
    frame = pd.DataFrame({"n": counts, "kwh": np.arange(len(counts), dtype=float)})
    shown = privacy.suppress_small_cells(frame, count="n", values=["kwh"], minimum=minimum)
    hidden = shown["n"].isna()
    small = (frame["n"] > 0) & (frame["n"] < minimum)
    assert hidden[small].all(), "a small cell is shown"
    assert (shown["kwh"].isna() == hidden).all()
    if small.any() and (frame["n"] >= minimum).any():
        assert hidden.sum() >= 2, "one hidden cell follows from the total"
        assert frame["n"][hidden].sum() >= minimum
    if not small.any():
        assert not hidden.any()


def test_groups_follow_the_15_15_rule_and_their_place_tells_nothing() -> None:
    groups = pd.DataFrame(
        {
            "kind": ["d", "a", "b", "c"],
            "customers_count": [40, 200, 90, 300],
            "energy_kwh": [900.0, 400.0, 300.0, 200.0],
            "share": [0.5, 0.22, 0.17, 0.11],
            "largest_share": [0.4, 0.02, 0.01, 0.01],
        }
    )
    shown = privacy.suppress_groups(groups, residential=[False, False, False, False])
    assert shown["kind"].tolist() == ["a", "b", "c", "d"]  # c (smallest amount) hides d
    assert shown["energy_kwh"].isna().tolist() == [False, False, True, True]
    assert shown["customers_count"].tolist() == [200, 90, 300, 40]
    open_data = privacy.suppress_groups(groups, minimum=1)
    assert open_data["energy_kwh"].notna().all()


def test_small_groups_are_hidden_whole() -> None:
    groups = pd.DataFrame(
        {
            "kind": ["a", "b", "c"],
            "customers_count": [200, 150, 4],
            "energy_kwh": [5.0, 3.0, 1.0],
            "share": [0.5, 0.3, 0.2],
            "largest_share": [0.01, 0.01, 0.5],
            "load_factor": [0.5, 0.4, 0.3],
        }
    )
    shown = privacy.suppress_groups(groups).set_index("kind")
    assert shown.loc["c"].isna().all() and shown.loc["b"].isna().all()
    assert shown.loc["a"].notna().all()
