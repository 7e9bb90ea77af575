from __future__ import annotations

import pandas as pd
import pytest

from labkit.estimates import estimate_share
from labkit.segments.errors import SegmentError
from labkit.segments.result import Segmentation

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
    assert found.describe_apart().to_dict("records") == [
        {"group": "unknown", "why": "no_readings", "customers_count": 1}
    ]
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
