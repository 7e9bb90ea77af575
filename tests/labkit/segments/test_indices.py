from __future__ import annotations

import numpy as np
import pytest

from labkit.segments.errors import SegmentError
from labkit.segments.indices import (
    bootstrap_jaccard,
    measure_cdi,
    measure_davies_bouldin,
    measure_mia,
    measure_silhouette,
    prediction_strength,
)


def three(n: int = 60, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], n)
    return rng.normal(size=(3 * n, 4)) * 0.2 + labels[:, None] * 3.0, labels


def test_cdi_equals_its_definition_over_pairs() -> None:
    x, labels = three(12)
    h = x.shape[1]

    def own(points: np.ndarray) -> float:  # d hat of Chicco et al., pair by pair
        d2 = ((points[:, None] - points[None]) ** 2).sum(axis=2) / h
        return float(np.sqrt(d2.sum() / (2 * len(points) ** 2)))

    centres = np.vstack([x[labels == g].mean(axis=0) for g in range(3)])
    parts = np.sqrt(np.mean([own(x[labels == g]) ** 2 for g in range(3)]))
    assert measure_mia(x, labels) == pytest.approx(parts)
    assert measure_cdi(x, labels) == pytest.approx(parts / own(centres))


def test_groups_that_are_there_come_again_and_one_too_many_does_not() -> None:
    x, labels = three()
    assert prediction_strength(x, 3, seed=1) == 1.0 and prediction_strength(x, 1, seed=1) == 1.0
    assert prediction_strength(x, 5, seed=1) < 0.8
    assert bootstrap_jaccard(x, labels, seed=1, draws=5).tolist() == [1, 1, 1]
    split = labels.copy()
    split[:30] = 3
    found = bootstrap_jaccard(x, split, seed=1, draws=10)
    assert found[[0, 3]].max() < 0.85
    with pytest.raises(SegmentError, match="one a point"):
        bootstrap_jaccard(x, labels[:5], seed=1)


def test_one_group_has_no_separation() -> None:
    x, _ = three(5)
    one = np.zeros(len(x), dtype=int)
    assert np.isnan([measure_silhouette(x, one, seed=1), measure_davies_bouldin(x, one), measure_cdi(x, one)]).all()
