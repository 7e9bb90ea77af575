"""Customer tags: schemes of classes as graphs, their rules and checks, people's own tags, and which method holds up.

>>> from labkit import tags
>>> tree = tags.Scheme.of([tags.make_class("A", "All"), tags.make_class("B", "Some", parents="A")])
>>> tree
Scheme: Scheme, 2 classes, 1 edges, 1 roots
"""

from labkit.tags.errors import TagError
from labkit.tags.record import Label, TagClass, make_class
from labkit.tags.scheme import Relation, Scheme
from labkit.tags.checks import CHECKS, check, explain_checks, prove_arrays, repair_scheme
from labkit.tags.membership import Membership, assign, membership_of
from labkit.tags.rules import parse_rule
from labkit.tags.agreement import agreement
from labkit.tags.association import compare_facets
from labkit.tags.catalogue import read_catalogue, read_queries
from labkit.tags.choice import ancestor_coposting, choose_induction
from labkit.tags.induction import induce
from labkit.tags.taggings import fit_heaps, tag_matrix, tagger_agreement
from labkit.tags.words import normalise_tags, synonyms_of
