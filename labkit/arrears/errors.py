"""What arrears functions refuse."""

from labkit.refusals import RefusalError


class ArrearsError(RefusalError):
    """A parameter or table that cannot be used; says which, what was expected, what to do."""
