"""Segments: customers by value, by the shape of their days, by what they are; what can be learned, and rules to read.

>>> import pandas as pd
>>> from labkit import segments
>>> segments.classify_tiers(pd.Series([80.0, 12, 8], list("abc"))).labels.tolist()
['A', 'B', 'B']
"""

from labkit.refusals import attempt
from labkit.segments.agreement import agreement_matrix, count_ari, estimate_ari, measure_agreement
from labkit.segments.behaviour import METHODS, Grouping, Method, classify_shapes, group_points
from labkit.segments.candidates import STANDARD, Candidate, standard_candidates
from labkit.segments.combine import Combination
from labkit.segments.compare import Comparison, compare
from labkit.segments.crossing import cross_segments
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
from labkit.segments.outcomes import OUTCOME_KINDS, OUTCOMES, Outcome, customers_at, find_overlap, marketing_outcomes
from labkit.segments.repeats import (
    SeedSpread,
    TimeAgreement,
    agree_over_time,
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
from labkit.segments.summary import (
    choose_cut,
    count_shared,
    estimate_first,
    name_largest,
    summarise_agreement,
    summarise_declared,
    summarise_explained,
    summarise_groups,
    summarise_leaders,
    summarise_outcomes,
    summarise_ranking,
    summarise_rules,
    summarise_steps,
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
from labkit.segments.verdict import join_names

__all__ = [
    "DEFINING",
    "DISSOLVED",
    "INDUSTRIES",
    "LEARNED_METHODS",
    "METHODS",
    "NO_SHAPE",
    "OUTCOMES",
    "OUTCOME_KINDS",
    "OUTLIER",
    "RFM_NAMES",
    "STABLE",
    "STANDARD",
    "STRONG",
    "UNKNOWN",
    "Candidate",
    "Combination",
    "Comparison",
    "DeclaredSeen",
    "Grouping",
    "Learned",
    "Method",
    "NumberChoice",
    "Outcome",
    "SeedSpread",
    "SegmentError",
    "Segmentation",
    "Shapes",
    "Surrogate",
    "TimeAgreement",
    "agree_over_time",
    "agreement_matrix",
    "attempt",
    "bootstrap_jaccard",
    "check_moves",
    "choose_cut",
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
    "compare",
    "compare_declared",
    "count_ari",
    "count_shared",
    "cross_segments",
    "customers_at",
    "estimate_ari",
    "estimate_first",
    "explain_segments",
    "find_overlap",
    "group_points",
    "join_names",
    "kind_of_day",
    "learn_classes",
    "marketing_outcomes",
    "measure_agreement",
    "measure_cdi",
    "measure_davies_bouldin",
    "measure_mia",
    "measure_mobility",
    "measure_silhouette",
    "name_largest",
    "name_shapes",
    "prediction_strength",
    "read_shapes",
    "readable_features",
    "rfm_table",
    "shape_features",
    "shapes_of_loads",
    "spread_over_seeds",
    "standard_candidates",
    "summarise_agreement",
    "summarise_declared",
    "summarise_explained",
    "summarise_groups",
    "summarise_leaders",
    "summarise_outcomes",
    "summarise_ranking",
    "summarise_rules",
    "summarise_steps",
]
