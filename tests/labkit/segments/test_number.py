from __future__ import annotations

import pytest

from labkit.segments.errors import SegmentError
from labkit.segments.number import choose_number
from labkit.segments.shapes import Shapes
from tests.labkit.segments.cases import made_shapes


@pytest.mark.parametrize("method", ["kmeans", "ward", "mixture"])
def test_known_number_is_found(method: str) -> None:
    shapes, _ = made_shapes()
    found = choose_number(shapes, range(2, 7), 1, method=method, draws=8)  # type: ignore[arg-type]
    assert found.k == 4 and found.stable
    assert "4 groups" in found.verdict() and "取4组" in found.verdict("zh")
    assert found.table["groups_count"].tolist() == [2, 3, 4, 5, 6] and not found.table.isna().any().any()
    found.plot(language="zh").get_figure(root=True).canvas.draw()


def test_stability_finds_finer_groups_of_the_sample_than_the_silhouette(sample_shapes: Shapes) -> None:
    found = choose_number(sample_shapes, (4, 7, 14), 1, draws=10)
    assert found.k == 7 and found.preferred["silhouette"] == 4


def test_numbers_that_cannot_be_are_refused() -> None:
    shapes, _ = made_shapes(5)
    for ks in ((), (1, 2), (2, 9)):
        with pytest.raises(SegmentError, match="from 2 to 4 for 20 customers"):
            choose_number(shapes, ks)
