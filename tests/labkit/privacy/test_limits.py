"""Where exactly a rule begins to hide, what it hides then, and in which words it refuses."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit import privacy

from .test_cells import grouped_by

NAN = float("nan")


def hidden(values: list[float], parts: int, **how: object) -> list[int]:
    """Which cells go, of some parts and their sum."""
    gone = privacy.hide_cells(np.array(values), [(parts, list(range(parts)))], **how)  # type: ignore[arg-type]
    assert gone.dtype == bool
    return np.flatnonzero(gone).tolist()


@pytest.mark.parametrize(
    ("values", "how", "gone"),
    [
        ([40, 12, 3, 55], {}, [1, 2]),  # the smallest other goes with it
        ([10, 30, 20, 60], {}, []),  # ten may be shown
        ([9, 31, 20, 60], {}, [0, 2]),  # nine may not
        ([1, 31, 20, 52], {}, [0, 2]),
        ([0, 31, 20, 51], {}, []),  # nobody is nobody
        ([4, 6, 90, 100], {}, [0, 1]),  # two that hide each other
        ([4, 5, 90, 99], {}, [0, 1, 2]),  # together still few
        ([9, 31, 20, 60], {"minimum": 9}, []),
        ([9, 31, 20, 60], {"minimum": 12}, [0, 2]),
        ([3, 0, 3], {}, [0, 2]),  # nothing else helps but the total
        ([100, 50, 20, 170], {"hidden": np.array([True, False, False, False])}, [0, 2]),
        ([100, 50, 20, 170], {"hidden": np.array([1, 0, 0, 0]), "slack": np.array([15, 0, 0, 0])}, [0, 2]),
        ([100, 50, 20, 170], {"hidden": np.array([1, 0, 0, 0]), "slack": np.array([20, 0, 0, 0])}, [0, 2]),
        ([100, 50, 20, 170], {"hidden": np.array([1, 0, 0, 0]), "slack": np.array([30, 0, 0, 0])}, [0, 1, 2]),
        ([100, 50, 20, 170], {"hidden": np.array([1, 0, 0, 0]), "slack": np.array([80, 0, 0, 0])}, [0, 1, 2, 3]),
        # What stands in no table hides the other without being hidden itself.
        ([3, 40, 30, 73], {"published": np.array([True, False, True, True])}, [0]),
        # A total that is not named as one goes like any other cell where it is the cheapest.
        ([3, 40, 43], {"margins": []}, [0, 1]),
        ([3, 40, 43], {"margins": [1]}, [0, 2]),
        ([3, 40, 43], {"margins": [2]}, [0, 1]),
        ([0, 0, 0], {}, []),
    ],
)
def test_which_cells_go(values: list[float], how: dict[str, object], gone: list[int]) -> None:
    assert hidden(values, len(values) - 1, **how) == gone


def test_the_most_endangered_is_hidden_first_and_serves_the_others() -> None:
    # Rows and columns: two small ones in different rows and columns, four cells are enough.
    counts = pd.DataFrame({"a": [3, 60, 50], "b": [70, 80, 40], "c": [30, 20, 6]}, index=["x", "y", "z"])
    shown = privacy.suppress_cross_table(counts, total="all")
    assert shown.columns.tolist() == ["a", "b", "c", "all"] and shown.index.tolist() == ["x", "y", "z", "all"]
    assert shown["all"].tolist() == [103, 160, 96, 359] and shown.loc["all"].tolist() == [113, 190, 56, 359]
    assert np.argwhere(shown.isna().to_numpy()).tolist() == [[0, 0], [0, 2], [2, 0], [2, 2]]
    assert privacy.suppress_cross_table(counts, minimum=3).notna().all(axis=None)
    assert counts.loc["x", "a"] == 3, "what is handed in stays as it is"


def test_nobody_is_hidden_only_where_nothing_else_helps() -> None:
    """A nought among the cells would be the cheapest partner; it tells the most."""
    counts = pd.DataFrame({"a": [3, 40], "b": [500, 400], "c": [500, 0]}, index=["x", "y"])
    shown = privacy.suppress_cross_table(counts)
    assert shown.loc["y", "c"] == 0 and shown.loc["x", "c"] == 500
    assert shown.loc["x":"y", "a":"b"].isna().all(axis=None) and shown["total"].notna().all()


def test_sums_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError) as said:
        privacy.hide_cells(np.array([20.0, 3.0, 23.0]), [(2, [0, 1]), (0, [2])])
    assert str(said.value) == (
        "the sums contradict each other: a cell can take no other value; check which cells add up to which"
    )


def test_counts_are_rounded_half_up_to_any_base() -> None:
    assert privacy.round_counts(pd.Series([0, 2, 3, 7, 8, 12.5])).tolist() == [0, 0, 5, 5, 10, 15]
    assert privacy.round_counts(pd.Series([1, 4, 5, 9]), base=3).tolist() == [0, 3, 6, 9]


def small_cells(counts: list[int], **how: object) -> list[bool]:
    frame = pd.DataFrame({"n": counts, "kwh": range(len(counts))})
    shown = privacy.suppress_small_cells(frame, count="n", values=["kwh"], **how)  # type: ignore[arg-type]
    assert (shown["n"].isna() == shown["kwh"].isna()).all() and frame["n"].notna().all()
    return shown["n"].isna().tolist()


def test_small_cells_and_the_next_smallest_with_them() -> None:
    assert small_cells([40, 12, 10]) == [False, False, False]
    assert small_cells([40, 12, 9]) == [False, True, True]
    assert small_cells([40, 12, 1, 0]) == [False, True, True, False]
    assert small_cells([40, 12, 9], total=False) == [False, False, True]
    assert small_cells([40, 12, 4, 6]) == [False, False, True, True]
    assert small_cells([40, 12, 4, 5]) == [False, True, True, True]
    assert small_cells([4, 0]) == [True, False]
    assert small_cells([12, 14, 20], minimum=14) == [True, True, False]
    assert small_cells([]) == []


def test_near_a_whole_that_is_known() -> None:
    table = pd.DataFrame({"n": [200, 199, 191, 190, 10, 9, 1, 0], "share": 0.5})
    expected = [False, True, True, False, False, True, True, False]
    shown = privacy.hide_near_whole(table, 200, count="n", values=["share"])
    assert shown["n"].isna().tolist() == shown["share"].isna().tolist() == expected
    assert privacy.hide_near_whole(table, 200, count="n")["share"].notna().all()
    assert privacy.hide_near_whole(table, 200, count="n", minimum=1)["n"].tolist() == table["n"].tolist()
    clean = privacy.hide_near_whole(table.iloc[[0]], 200, count="n")
    assert clean["n"].dtype == table["n"].dtype, "where nothing is hidden numbers stay whole"


def test_where_the_15_15_rule_begins() -> None:
    shown = privacy.amount_may_be_shown
    assert shown(15, 0.15) and not shown(14, 0.15) and not shown(15, 0.1501)
    assert shown(100, 0.15, residential=True) and not shown(99, 0.01, residential=True)


@pytest.mark.parametrize(
    ("amounts", "how", "dominated"),
    [
        ([45, 45, 10], {}, False),  # nine tenths, not more
        ([46, 45, 9], {}, True),
        ([10, 46, 44], {}, False),  # in any order
        ([0.3, 0.3, 0.3], {}, False),
        ([0.5, 0.1], {}, True),
        ([0, 0], {}, False),
        ([100, 50, 10], {"share": 1.0}, False),  # the rest is a tenth of the largest: doubt enough
        ([100, 50, 9], {"share": 1.0}, True),
        ([100, 50, 10], {"share": 1.0, "p": 0.2}, True),
        ([60, 20, 20], {"count": 1, "share": 0.5}, True),
        ([60, 20, 20], {"count": 1, "share": 0.6}, False),
        ([40, 20, 20, 20], {"count": 3, "share": 0.75}, True),
    ],
)
def test_who_dominates_an_amount(amounts: list[float], how: dict[str, float], dominated: bool) -> None:
    assert privacy.largest_dominate(amounts, **how) is dominated  # type: ignore[arg-type]


def groups_of(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
    groups = pd.DataFrame(rows, columns=["kind", "customers_count", "energy_kwh", "largest_share"])
    groups["share"] = groups["energy_kwh"] / groups["energy_kwh"].sum()
    return groups.assign(peak_share=0.4, load_factor=0.5)


def test_which_figures_of_a_group_go() -> None:
    groups = groups_of([("z", 120, 500.0, 0.1), ("b", 40, 300.0, 0.3), ("a", 60, 200.0, 0.1), ("c", 99, 100.0, 0.01)])
    shown = privacy.suppress_groups(groups)
    assert shown.columns.tolist() == [
        "kind", "customers_count", "energy_kwh", "share", "peak_share", "load_factor"
    ]  # fmt: skip
    # b is dominated by one; c, the smallest amount, goes with it. Hidden rows come last, by name.
    assert shown["kind"].tolist() == ["z", "a", "b", "c"] and shown.index.tolist() == [0, 1, 2, 3]
    for column in ("energy_kwh", "share", "peak_share"):
        assert shown[column].isna().tolist() == [False, False, True, True]
    assert shown["customers_count"].tolist() == [120, 60, 40, 99]
    assert shown["load_factor"].notna().all()
    homes = privacy.suppress_groups(groups, residential=[True, False, False, True]).set_index("kind")
    assert homes["energy_kwh"].isna().to_dict() == {"z": False, "a": False, "b": True, "c": True}
    alone = privacy.suppress_groups(groups.assign(largest_share=0.1), residential=[False, False, False, True])
    assert alone.set_index("kind")["energy_kwh"].isna().to_dict() == {"z": False, "b": False, "a": True, "c": True}


def test_a_small_group_is_hidden_whole_and_so_is_what_gives_it_away() -> None:
    groups = groups_of([("a", 200, 500.0, 0.01), ("b", 150, 300.0, 0.01), ("c", 9, 50.0, 0.1), ("d", 300, NAN, NAN)])
    shown = privacy.suppress_groups(groups).set_index("kind")
    assert shown["customers_count"].isna().to_dict() == {"a": False, "b": True, "c": True, "d": False}
    assert shown.loc["b"].isna().all() and shown.loc["c"].isna().all()
    assert shown.loc["a"].notna().all() and shown.loc["d", "load_factor"] == 0.5
    fewer = privacy.suppress_groups(groups, minimum=9).set_index("kind")
    assert fewer["customers_count"].notna().all() and np.isnan(fewer.loc["c", "energy_kwh"])
    pair = groups_of([("a", 200, 500.0, 0.01), ("b", 150, 300.0, 0.01), ("c", 1, 50.0, 0.1)])
    assert privacy.suppress_groups(pair, minimum=2)["customers_count"].isna().sum() == 2
    assert "largest_share" not in privacy.suppress_groups(groups, minimum=1)
    assert privacy.suppress_groups(groups, minimum=1)["customers_count"].tolist() == [200, 150, 9, 300]


def linked(energy: str = "energy_kwh") -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Industry is large (30) and small (40, one of them most of it); shops are in no segment but one."""
    people = pd.DataFrame(
        {
            "kind": ["industrial"] * 70 + ["shop"] * 120 + ["farm"] * 90,
            "segment": ["large"] * 30 + ["small"] * 40 + ["retail"] * 120 + ["rural"] * 90,
            energy: [50.0] * 30 + [400.0] + [2.0] * 39 + [3.0] * 120 + [1.0] * 90,
        }
    )
    return {name: grouped_by(people, name, energy) for name in ("kind", "segment")}, people


@pytest.mark.parametrize("energy", ["energy_kwh", "billed_kwh"])
def test_a_dominated_amount_stays_hidden_across_two_tables(energy: str) -> None:
    tables, people = linked(energy)
    shown = privacy.suppress_linked_groups(tables, people)
    kind, segment = (shown[name].set_index(name)["energy_kwh"].isna() for name in ("kind", "segment"))
    # The small ones are one customer's; industry shows them together with the large.
    assert kind["industrial"] and segment["small"]
    assert kind.to_dict() == {"industrial": True, "shop": False, "farm": True}
    assert segment.to_dict() == {"large": False, "small": True, "retail": False, "rural": True}
    assert all(table["customers_count"].notna().all() for table in shown.values())
    assert all("largest_share" not in table for table in shown.values())


def test_linked_groups_of_homes_need_a_hundred() -> None:
    tables, people = linked()
    people = people.assign(energy_kwh=people["energy_kwh"].clip(upper=50.0))
    tables = {name: table.assign(largest_share=0.05) for name, table in tables.items()}
    open_ = privacy.suppress_linked_groups(tables, people)
    assert all(table["energy_kwh"].notna().all() for table in open_.values())
    homes = {"kind": [kind == "farm" for kind in tables["kind"]["kind"]]}
    shown = privacy.suppress_linked_groups(tables, people, residential=homes)
    assert np.isnan(shown["kind"].set_index("kind").loc["farm", "energy_kwh"])
    assert np.isnan(shown["segment"].set_index("segment").loc["rural", "energy_kwh"]), "the same people"
    alone = people.assign(kind=["hermit", *people["kind"][1:]])
    hermit = tables["kind"].loc[[0]].assign(kind="hermit", customers_count=1, largest_share=1.0)
    by_kind = {"kind": pd.concat([hermit, tables["kind"]], ignore_index=True)}
    assert privacy.suppress_linked_groups(by_kind, alone, minimum=2)["kind"]["customers_count"].isna().sum() == 2
    open_data = privacy.suppress_linked_groups(by_kind, alone, minimum=1)["kind"]
    assert open_data["customers_count"].notna().all() and "largest_share" not in open_data
    assert privacy.suppress_linked_groups(tables, people, minimum=91)["kind"]["customers_count"].isna().any()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("13812345678", "138****5678"),
        ("1381234567", "1********"),  # not a phone: nothing but the first
        ("138123456789", "1********"),
        ("王建国", "王**"),
        ("ab", "a*"),
        ("x", "*"),
        ("", ""),
        (12345, "1****"),
        ("湖北省武汉市东湖路一百二十号", "湖********"),
    ],
)
def test_what_a_mask_leaves(value: object, shown: str) -> None:
    assert privacy.mask(value) == shown


@pytest.mark.parametrize("start", list("=+-@\t\r\n\0＝＋－＠"))
def test_text_that_a_spreadsheet_would_run_is_defused(start: str) -> None:
    assert privacy.safe_text(f"{start}1") == f"'{start}1"
    assert privacy.safe_text(f"1{start}") == f"1{start}"


def test_a_frame_is_defused_in_cells_and_names_and_numbers_stay_numbers() -> None:
    assert privacy.to_safe_csv(pd.DataFrame({"x": [1e-7, 1e22, 123456.7890123]})) == (
        b"\xef\xbb\xbfx\r\n1e-07\r\n1e+22\r\n123456.789012\r\n"
    )
    frame = pd.DataFrame({"=a": ["+1", "ok"], "n": [-1.5, 1 / 3], 7: [None, "@x"]})
    safe = privacy.safe_frame(frame)
    assert safe.columns.tolist() == ["'=a", "n", "7"]
    assert safe["'=a"].tolist() == ["'+1", "ok"] and safe["n"].tolist() == [-1.5, 1 / 3]
    assert safe["7"].tolist()[1] == "'@x" and frame.columns.tolist() == ["=a", "n", 7]
    assert frame["=a"].tolist() == ["+1", "ok"], "what is handed in stays as it is"
    assert privacy.to_safe_csv(frame[["n", "=a"]]) == b"\xef\xbb\xbfn,'=a\r\n-1.5,'+1\r\n0.333333333333,ok\r\n"


def test_a_pseudonym_is_the_same_in_every_version() -> None:
    assert privacy.pseudonym("C0000001", b"0" * 16) == "P-D53684B015"
    assert privacy.pseudonym("户号0001", b"0" * 16) == privacy.pseudonym("户号0001", b"0" * 16) != "P-D53684B015"


def test_a_key_that_will_not_do_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "k.key"
    path.write_bytes(b"x" * 15)
    path.chmod(0o600)
    with pytest.raises(privacy.KeyFileError) as short:
        privacy.read_key(path)
    assert str(short.value) == "k.key: a key has at least 16 bytes, this has 15; delete the file to make a new one"
    path.write_bytes(b"x" * 16)
    assert privacy.read_key(path) == b"x" * 16
    for mode in (0o640, 0o604, 0o610, 0o601):
        path.chmod(mode)
        with pytest.raises(privacy.KeyFileError) as open_:
            privacy.read_key(path)
        assert str(open_.value) == ("k.key: others can read this key; make it your own with chmod 600, or rotate it")
    path.chmod(0o400)
    assert privacy.read_key(path) == b"x" * 16
    with pytest.raises(privacy.KeyFileError) as inside:
        privacy.read_key(path, away_from=[tmp_path / "elsewhere", tmp_path])
    assert str(inside.value) == (
        f"k.key lies in {tmp_path}, from where it would travel with what it protects: "
        "keep keys elsewhere, such as ~/.config/labkit/pseudonyms.key"
    )


def test_a_key_is_its_owners_from_the_first_byte(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key = privacy.read_key(tmp_path / "a" / "b" / "k.key")
    finally:
        os.umask(before)
    path = tmp_path / "a" / "b" / "k.key"
    assert path.read_bytes() == key and len(key) == 32 and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert privacy.read_key(tmp_path / "other.key") != key


def test_a_rotation_that_cannot_be_done_changes_nothing(tmp_path: Path) -> None:
    old, new, mapping = tmp_path / "old.key", tmp_path / "new.key", tmp_path / "map.csv"
    data = tmp_path / "data"
    data.mkdir()

    def refused(*paths: Path, **how: object) -> str:
        with pytest.raises(privacy.KeyFileError) as said:
            privacy.rotate_key(paths[0], paths[1], ["A"], paths[2], **how)  # type: ignore[arg-type]
        return str(said.value)

    assert refused(old, new, mapping) == "old.key: there is no such key to rotate; name the key in use"
    assert list(tmp_path.iterdir()) == [data], "no key is made in passing"
    privacy.read_key(old)
    for paths in ((data / "k", new, mapping), (old, data / "k", mapping), (old, new, data / "k")):
        assert refused(*paths, away_from=iter([data])).startswith(f"k lies in {data}, ")
    for there in (new, mapping):
        there.write_bytes(b"mine")
        assert refused(old, new, mapping) == f"{there.name} is there already; name a new file"
        assert there.read_bytes() == b"mine"
        there.unlink()
    assert privacy.rotate_key(old, new, ["B", "A"], mapping) == 2
    lines = mapping.read_text(encoding="utf-8-sig").split()
    assert lines[0] == "old,new" and lines[1:] == sorted(lines[1:]) and len(lines) == 3
