"""Segments: customers by value, by the shape of their days, by what they are; what can be learned, and rules to read.

>>> import pandas as pd
>>> from labkit import segments
>>> segments.classify_tiers(pd.Series([80.0, 12, 8], list("abc"))).labels.tolist()
['A', 'B', 'B']
"""

from labkit.refusals import attempt
from labkit.segments.behaviour import METHODS, Grouping, Method, classify_shapes, group_points
from labkit.segments.errors import SegmentError
from labkit.segments.indices import (
    DISSOLVED,
    STABLE,
    STRONG,
    bootstrap_jaccard,
    measure_cdi,
    measure_davies_bouldin,
    measure_mia,
    measure_silhouette,
    prediction_strength,
)
from labkit.segments.learned import DEFINING, LEARNED_METHODS, Learned, learn_classes, shape_features
from labkit.segments.naming import kind_of_day, name_shapes
from labkit.segments.number import NumberChoice, choose_number
from labkit.segments.repeats import (
    SeedSpread,
    TimeAgreement,
    agree_over_time,
    count_ari,
    estimate_ari,
    spread_over_seeds,
)
from labkit.segments.result import OUTLIER, UNKNOWN, Segmentation
from labkit.segments.rfm import RFM_NAMES, classify_rfm, rfm_table
from labkit.segments.shapes import NO_SHAPE, Shapes, read_shapes, shapes_of_loads
from labkit.segments.social import (
    INDUSTRIES,
    DeclaredSeen,
    classify_by,
    classify_industry,
    classify_size,
    compare_declared,
)
from labkit.segments.surrogate import Surrogate, explain_segments, readable_features
from labkit.segments.value import (
    check_moves,
    classify_deciles,
    classify_growth,
    classify_tiers,
    classify_tiers_over_time,
    measure_mobility,
)

__all__ = [
    "DEFINING",
    "DISSOLVED",
    "INDUSTRIES",
    "LEARNED_METHODS",
    "METHODS",
    "NO_SHAPE",
    "OUTLIER",
    "RFM_NAMES",
    "STABLE",
    "STRONG",
    "UNKNOWN",
    "DeclaredSeen",
    "Grouping",
    "Learned",
    "Method",
    "NumberChoice",
    "SeedSpread",
    "SegmentError",
    "Segmentation",
    "Shapes",
    "Surrogate",
    "TimeAgreement",
    "agree_over_time",
    "attempt",
    "bootstrap_jaccard",
    "check_moves",
    "choose_number",
    "classify_by",
    "classify_deciles",
    "classify_growth",
    "classify_industry",
    "classify_rfm",
    "classify_shapes",
    "classify_size",
    "classify_tiers",
    "classify_tiers_over_time",
    "compare_declared",
    "count_ari",
    "estimate_ari",
    "explain_segments",
    "group_points",
    "kind_of_day",
    "learn_classes",
    "measure_cdi",
    "measure_davies_bouldin",
    "measure_mia",
    "measure_mobility",
    "measure_silhouette",
    "name_shapes",
    "prediction_strength",
    "read_shapes",
    "readable_features",
    "rfm_table",
    "shape_features",
    "shapes_of_loads",
    "spread_over_seeds",
]
