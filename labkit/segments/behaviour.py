"""Customers by the shape of their days, in two stages: a typical day each, then groups of those."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.cluster import AgglomerativeClustering, KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from labkit.segments.errors import SegmentError
from labkit.segments.naming import NIGHT_HOURS, mean_day, name_shapes, weekend_ratio
from labkit.segments.result import OUTLIER, UNKNOWN, Segmentation
from labkit.segments.shapes import Shapes, View, need_shapes

Method = Literal["kmeans", "mixture", "ward"]
SortBy = Literal["size", "peak_hour"]
METHODS: tuple[Method, ...] = ("kmeans", "mixture", "ward")
#: Ward needs all distances: beyond this many customers it works on a stratified sample of so many.
MOST_WARD = 4000
#: Fewer customers than this far from all others are strangers, no group.
FEWEST_IN_GROUP = 3
#: Components of the shapes that the Gaussian mixture sees; more make it see groups in noise.
MIXTURE_COMPONENTS = 8


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups of points and how a new point is given to one.

    Attributes
    ----------
    labels : ndarray of int, shape (n,)
    centres : ndarray, shape (k, p)
    memberships : callable
        Points -> chance or degree of each group, rows add up to 1.
    made_of_count : int
        Points the groups were made of; fewer than there are where the method works on a sample and the rest is assigned.
    """

    labels: np.ndarray
    centres: np.ndarray
    memberships: Callable[[np.ndarray], np.ndarray]
    made_of_count: int


def group_points(points: np.ndarray, k: int, method: Method = "kmeans", *, seed: int, starts: int = 10) -> Grouping:
    """Groups of points by one of the methods.

    Parameters
    ----------
    points : ndarray, shape (n, p)
    k : int
        Number of groups.
    method : {"kmeans", "mixture", "ward"}
        ``mixture``: Gaussian with diagonal covariance on the first principal components. ``ward``: exact to `MOST_WARD`
        points, beyond on a stratified sample; then each point goes to the nearest centre, as a new one would.
    seed : int
    starts : int
        Of k-means and the mixture; the best is kept.

    Raises
    ------
    SegmentError
        If the method is unknown, or there are fewer different points than groups.

    Notes
    -----
    The mixture hangs on its seed: on the sample, 9 groups, 12 seeds, its Rand index with the known behaviours was 0.69 in the
    median and 0.69 to 0.95 over seeds; that of k-means 0.88 and Ward 0.90 hardly moves. See `spread_over_seeds`.

    Not offered, for reasons measured: k-medoids (the kept package is GPL) came to adjusted Rand indices of 0.86, 0.67, 0.65 with
    7, 9, 10 groups of the sample (Ward 0.87, 0.90, 0.91) and 0.66 on buildings (Ward 0.68); k-shape to 0.54, 0.49, 0.48 and
    0.59, in 40 to 180 s for 1,872 customers and with 200 MB of compiler to install: it shifts days in time, and when a
    customer uses power is what is asked. HDBSCAN leaves many customers in no group and takes 45 s for 100,000.

    Membership of k-means and Ward is that of fuzzy c-means with exponent 2, (1/d²) / sum of 1/d² (Bezdek 1981,
    doi:10.1007/978-1-4757-0450-1); of the mixture the posterior. It
    orders customers by how sure their place is; it is no chance of being right.

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> found = group_points(points, 2, "ward", seed=1)
    >>> bool(found.labels[0] == found.labels[1] != found.labels[2])
    True
    """
    if method not in METHODS:
        raise SegmentError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
    different = len(np.unique(points.round(9), axis=0))
    if not 1 <= k <= different:
        raise SegmentError(f"k is {k}, but there are {different} different shapes; ask for 1 to {different} groups")
    if method == "mixture":
        return _mixture(points, k, seed, starts)
    made_of = points
    if method == "kmeans":
        centres = KMeans(k, n_init=starts, random_state=seed).fit(points).cluster_centers_
    else:
        made_of = _stratified(points, k, seed)
        centres = _ward_centres(made_of, k)
    labels = _distances(points, centres).argmin(axis=1)
    return Grouping(labels, centres, lambda new: _fuzzy(new, centres), len(made_of))


def _mixture(points: np.ndarray, k: int, seed: int, starts: int) -> Grouping:
    pca = PCA(min(MIXTURE_COMPONENTS, *points.shape), random_state=seed).fit(points)
    scale = float(np.sqrt(pca.explained_variance_.sum())) or 1.0
    # The floor keeps a group of near-equal shapes from becoming a spike.
    model = GaussianMixture(
        k, covariance_type="diag", n_init=max(starts // 2, 1), random_state=seed, reg_covar=1e-3, max_iter=300
    ).fit(pca.transform(points) / scale)

    def chances(new: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_proba(pca.transform(new) / scale))

    labels = chances(points).argmax(axis=1)
    centres = np.vstack(
        [
            points[labels == g].mean(axis=0) if (labels == g).any() else np.full(points.shape[1], np.inf)
            for g in range(k)
        ]
    )
    return Grouping(labels, centres, chances, len(points))


def _ward_centres(points: np.ndarray, k: int) -> np.ndarray:
    labels = AgglomerativeClustering(k).fit_predict(points)
    return np.vstack([points[labels == g].mean(axis=0) for g in range(k)])


def _stratified(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    """`MOST_WARD` points or a few more, from every region of them in proportion, none left out: strata are rough k-means groups."""
    if len(points) <= MOST_WARD:
        return points
    strata = MiniBatchKMeans(4 * k, n_init=1, random_state=seed, batch_size=4096).fit_predict(points)
    rng, chosen = np.random.default_rng(seed), []
    for stratum in np.unique(strata):
        mine = np.flatnonzero(strata == stratum)
        count = max(round(len(mine) * MOST_WARD / len(points)), min(len(mine), FEWEST_IN_GROUP))
        chosen.append(rng.choice(mine, count, replace=False))
    return np.asarray(points[np.concatenate(chosen)])


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances, shape (n, k)."""
    return np.stack([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=1)


def _fuzzy(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    nearness = 1 / np.maximum(_distances(points, centres), 1e-12)
    return np.asarray(nearness / nearness.sum(axis=1, keepdims=True))


def classify_shapes(
    shapes: Shapes,
    k: int,
    method: Method = "kmeans",
    *,
    seed: int,
    view: View = "cumulated",
    outlier_quantile: float = 0.95,
    outlier_factor: float = 2.0,
    sort_by: SortBy = "size",
    name: str = "behaviour",
) -> Segmentation:
    """Customers by the shape of their typical days.

    Parameters
    ----------
    shapes : Shapes
    k : int
        Number of groups; `choose_number` says which.
    method : {"kmeans", "mixture", "ward"}
    seed : int
    view : {"cumulated", "plain", "root"}
        What distance means, as of `Shapes.points`.
    outlier_quantile, outlier_factor : float
        A customer is an outlier if its distance from the centre of its group, over the group's median distance, is more
        than `outlier_factor` times the `outlier_quantile` quantile of all customers'. A factor of 1 keeps a fixed share apart.
        Those who would make a group of fewer than `FEWEST_IN_GROUP` do not take part in making the groups.
    sort_by : {"size", "peak_hour"}
        Order and codes (``g1`` …) of the groups, so that runs agree.

    Returns
    -------
    Segmentation
        Customers without a shape are ``unknown``. Profiles: mean shape, ``peak_hour`` [h], ``night_share`` of a workday's
        energy (23 to 7), ``weekend_ratio``, ``day_load_factor``, ``mean_kw`` (median over customers). Settings: among them
        ``made_of_count``, customers the groups were made of; the others were assigned.
    """
    if sort_by not in ("size", "peak_hour"):
        raise SegmentError(f"sort_by is {sort_by!r}, expected 'size' or 'peak_hour'")
    if not 0 < outlier_quantile <= 1 or outlier_factor < 1:
        raise SegmentError(
            f"outlier_quantile is {outlier_quantile} and outlier_factor {outlier_factor}; expected 0..1 and 1 or more"
        )
    need_shapes(shapes)
    points = shapes.points(view)
    kept = without_strangers(points, k, method, seed)
    grouping = group_points(points[kept], k, method, seed=seed)
    median, limit = _outlier_limit(points[kept], grouping, outlier_quantile, outlier_factor)
    near = _relative(points[kept], grouping.labels, grouping.centres, median) <= limit
    means = shapes.values[kept][near].groupby(grouping.labels[near]).mean()
    counts = pd.Series(grouping.labels[near]).value_counts()
    if sort_by == "size":
        order = sorted(means.index, key=lambda g: (-counts[g], tuple(-means.loc[g])))
    else:
        order = sorted(means.index, key=lambda g: (int(np.argmax(mean_day(means.loc[g]))), -counts[g]))
    codes = {g: f"g{i}" for i, g in enumerate(order, 1)}
    means = means.loc[order].rename(index=codes).rename_axis("group")

    def place(new: Shapes) -> tuple[pd.Series, pd.Series, pd.Series]:
        if new.blocks != shapes.blocks:
            raise SegmentError(f"shapes: their days are {new.blocks}, expected {shapes.blocks}; read them the same way")
        p = new.points(view)
        chance = grouping.memberships(p) if len(p) else np.empty((0, k))
        at = chance.argmax(axis=1)
        far = _relative(p, at, grouping.centres, median) > limit
        code = np.array([OUTLIER if f else codes.get(g, OUTLIER) for g, f in zip(at, far)], dtype=object)
        ids = new.values.index.append(new.apart.index)
        order_of = ids.sort_values()
        labels = pd.Series([*code, *[UNKNOWN] * len(new.apart)], ids, name="group", dtype=object)
        certainty = pd.Series(
            [*chance.max(axis=1, initial=0), *[0.0] * len(new.apart)], ids, name="certainty", dtype=float
        )
        why = pd.Series([*np.where(code == OUTLIER, "far_from_all", ""), *new.apart], ids, name="why", dtype=object)
        return labels[order_of], certainty[order_of].clip(0, 1), why[order_of]

    labels, certainty, why = place(shapes)
    settings = {"method": method, "k": k, "view": view, "seed": seed, "sort_by": sort_by, "outlier_quantile": outlier_quantile,
                "outlier_factor": outlier_factor, "outlier_limit": round(limit, 3), "made_of_count": grouping.made_of_count}  # fmt: skip
    kw = shapes.scale_kw.groupby(labels.reindex(shapes.scale_kw.index)).median()
    table = means.assign(**_features(means), mean_kw=kw.reindex(means.index))
    return Segmentation(name, labels, certainty, name_shapes(means), table, place, why, settings)


def without_strangers(points: np.ndarray, k: int, method: Method, seed: int) -> np.ndarray:
    """Which points make the groups: not those that would be a group of their own, or nearly."""
    kept = np.ones(len(points), dtype=bool)
    for _ in range(5):
        if kept.sum() < 10 * k:  # with so few customers everybody counts
            break
        labels = group_points(points[kept], k, method, seed=seed, starts=4).labels
        sizes = np.bincount(labels, minlength=k)
        if sizes[labels].min() >= FEWEST_IN_GROUP:
            break
        kept[np.flatnonzero(kept)[sizes[labels] < FEWEST_IN_GROUP]] = False
    return kept


def _relative(points: np.ndarray, labels: np.ndarray, centres: np.ndarray, median: np.ndarray) -> np.ndarray:
    """Distance from the own centre over the median distance in that group."""
    return np.asarray(np.sqrt(((points - centres[labels]) ** 2).sum(axis=1)) / median[labels])


def _outlier_limit(points: np.ndarray, grouping: Grouping, quantile: float, factor: float) -> tuple[np.ndarray, float]:
    own = np.sqrt(((points - grouping.centres[grouping.labels]) ** 2).sum(axis=1))
    # A group of one or two has no spread of its own: that of all stands in.
    whole = float(np.median(own)) or 1.0
    sizes = np.bincount(grouping.labels, minlength=len(grouping.centres))
    median = np.array(
        [
            max(float(np.median(own[grouping.labels == g])), 0.25 * whole) if n > 2 else whole
            for g, n in enumerate(sizes)
        ]
    )
    # Where groups have no spread, as with as many groups as customers, the median distance itself is the measure.
    return median, factor * max(float(np.quantile(own / median[grouping.labels], quantile)), 1.0)


def _features(means: pd.DataFrame) -> dict[str, list[float]]:
    days = [mean_day(row) for _, row in means.iterrows()]
    return {
        "peak_hour": [float(np.argmax(day)) for day in days],
        "night_share": [float(day[list(NIGHT_HOURS)].sum() / day.sum()) for day in days],
        "weekend_ratio": [weekend_ratio(row) for _, row in means.iterrows()],
        "day_load_factor": [float(day.mean() / day.max()) for day in days],
    }
