from __future__ import annotations

import pandas as pd
import pytest

from labkit import terms
from labkit.estimates import estimate_share
from labkit.segments import (
    Segmentation,
    SegmentError,
    Shapes,
    agree_over_time,
    check_moves,
    classify_growth,
    classify_shapes,
    classify_tiers,
    spread_over_seeds,
)
from tests.labkit.segments.cases import made_shapes

IDS = pd.Index(["a", "b", "c", "d"])
NAMES = {"x": ("Large", "大户"), "y": ("Small", "小户")}


def made(labels: list[object], certainty: tuple[float, ...] = (1, 1, 1, 0), **more: object) -> Segmentation:
    given = pd.Series(labels, IDS, dtype=object)
    return Segmentation(
        "made", given, pd.Series(certainty, IDS, dtype=float), more.pop("names", NAMES), pd.DataFrame({"mean_kw": [5.0, 1.0]}, ["x", "y"]),
        lambda new: (pd.Series("x", new.index), pd.Series(1.0, new.index), pd.Series("", new.index)),
        pd.Series(["", "", "", "no_readings"], IDS),
    )  # fmt: skip


def test_sizes_have_wilson_intervals_and_groups_apart_come_last() -> None:
    sizes = made(["unknown", "y", "y", "x"]).sizes.set_index("group")
    assert sizes.index.tolist() == ["x", "y", "unknown"]
    expected = estimate_share(2, 4)
    assert sizes.loc["y"].tolist() == [2, 0.5, expected.low, expected.high]


def test_description_speaks_both_languages() -> None:
    found = made(["x", "y", "y", "unknown"])
    assert found.describe("zh")["group"].tolist() == ["大户", "小户", "无法判断"]
    assert found.describe()["mean_kw"].tolist()[:2] == [5.0, 1.0]
    assert found.describe_apart().iloc[0].tolist() == ["Not known", "no readings", 1]
    assert found.describe_apart("zh").iloc[0].tolist() == ["无法判断", "没有读数", 1]
    assert found.assign(pd.Series([1.0], ["e"])).loc["e"].tolist() == ["x", 1.0, ""]
    labels = [t.get_text() for t in found.plot(language="zh").get_yticklabels()]
    assert labels == ["大户", "小户", "无法判断"]


@pytest.mark.parametrize(
    ("labels", "more", "said"),
    [
        (["x", None, "y", "y"], {}, "1 customers have no group"),
        (["x", "z", "y", "y"], {}, "'z' has no name"),
        (["x", "x", "y", "y"], {"certainty": (1, 2, 0, 0)}, "from 0 to 1"),
        (["x", "x", "y", "y"], {"names": {"x": ("A", "甲"), "y": ("B", "甲")}}, "same name in zh"),
    ],
)
def test_what_is_no_classification_is_refused(labels: list[object], more: dict[str, object], said: str) -> None:
    with pytest.raises(SegmentError, match=said):
        made(labels, **more)


def test_every_heading_stands_in_the_glossary(sample_shapes: Shapes) -> None:
    money = pd.Series(range(1, 41), [f"c{i}" for i in range(40)], dtype=float)
    moved = agree_over_time(sample_shapes, sample_shapes, 4, seed=1)
    tables = [
        classify_shapes(sample_shapes, 4, seed=1).describe(), classify_tiers(money).describe(), moved.moves,
        classify_growth(money, money[::-1].set_axis(money.index)).describe(), check_moves(money > 9, money > 5),
        made(["x", "y", "y", "unknown"]).describe_apart(), spread_over_seeds(made_shapes(5)[0], 2).table,
        pd.DataFrame(columns=["recency_days", "on_time_share", "bills_paid_yuan"]),
    ]  # fmt: skip
    for column in {c for table in tables for c in table.columns}:
        assert [terms.label(column, language) for language in terms.LANGUAGES]  # type: ignore[arg-type]


def test_picture_says_who_is_not_in_it(sample_shapes: Shapes) -> None:
    found = classify_shapes(sample_shapes, 4, seed=1)
    share = (~found.labels.isin(list(found.names))).mean()
    assert f"({share:.1%})" in found.plot().get_title(loc="left")
    few = found.plot(most=2, language="zh").get_title(loc="left")
    assert "未绘出：另外" in few and few.endswith("）。")
