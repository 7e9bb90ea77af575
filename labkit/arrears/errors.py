"""What arrears functions refuse."""

from labkit.refusals import Refusal


class ArrearsError(Refusal):
    """A parameter or table that cannot be used; says which, what was expected, what to do."""
