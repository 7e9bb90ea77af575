"""What functions of segments refuse."""

from labkit.refusals import RefusalError


class SegmentError(RefusalError):
    """A table, figure or parameter that cannot be used; says which, what was expected, what to do."""
