"""Customer tags: schemes of classes as graphs, their rules and checks, people's own tags, and which method holds up.

>>> from labkit import tags
>>> tree = tags.Scheme.of([tags.make_class("A", "All"), tags.make_class("B", "Some", parents="A")])
>>> tree
Scheme: Scheme, 2 classes, 1 edges, 1 roots
"""

from labkit.tags.agreement import agreement
from labkit.tags.association import (
    compare_facets,
    known_facets,
    share_within_groups,
    strong_pairs,
    total_correlation,
)
from labkit.tags.catalogue import read_catalogue, read_queries
from labkit.tags.checks import CHECKS, check, explain_checks, prove_arrays, repair_scheme
from labkit.tags.choice import ancestor_coposting, choose_induction
from labkit.tags.compare import Comparison, answer_queries, compare, people_scheme
from labkit.tags.drawings import plot_dependence, plot_facets, plot_growth, plot_retrieval, plot_tree
from labkit.tags.editions import diff
from labkit.tags.errors import TagError
from labkit.tags.growth import facets_of, grow_marks, turning_points
from labkit.tags.induction import induce
from labkit.tags.measures import measure_shape, stump_accuracy
from labkit.tags.membership import Membership, assign, membership_of, shuffle_members
from labkit.tags.people import match_words, tagged_share
from labkit.tags.record import Label, TagClass, make_class
from labkit.tags.rules import parse_rule
from labkit.tags.scheme import Relation, Scheme
from labkit.tags.summary import (
    count_claims,
    facet_shares,
    list_classes,
    list_findings,
    main_classes,
    method_names,
    most_telling,
    round_trip,
    summarise_findings,
    summarise_methods,
    summarise_proof,
    tell_counts,
    tell_queries,
)
from labkit.tags.taggings import fit_heaps, tag_matrix, tagger_agreement
from labkit.tags.words import normalise_tags, synonyms_of

__all__ = [
    "CHECKS",
    "Comparison",
    "Label",
    "Membership",
    "Relation",
    "Scheme",
    "TagClass",
    "TagError",
    "agreement",
    "ancestor_coposting",
    "answer_queries",
    "assign",
    "check",
    "choose_induction",
    "compare",
    "compare_facets",
    "count_claims",
    "diff",
    "explain_checks",
    "facet_shares",
    "facets_of",
    "fit_heaps",
    "grow_marks",
    "induce",
    "known_facets",
    "list_classes",
    "list_findings",
    "main_classes",
    "make_class",
    "match_words",
    "measure_shape",
    "membership_of",
    "method_names",
    "most_telling",
    "normalise_tags",
    "parse_rule",
    "people_scheme",
    "plot_dependence",
    "plot_facets",
    "plot_growth",
    "plot_retrieval",
    "plot_tree",
    "prove_arrays",
    "read_catalogue",
    "read_queries",
    "repair_scheme",
    "round_trip",
    "share_within_groups",
    "shuffle_members",
    "strong_pairs",
    "stump_accuracy",
    "summarise_findings",
    "summarise_methods",
    "summarise_proof",
    "synonyms_of",
    "tag_matrix",
    "tagged_share",
    "tagger_agreement",
    "tell_counts",
    "tell_queries",
    "total_correlation",
    "turning_points",
]
