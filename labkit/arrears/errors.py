"""What arrears functions refuse."""


class ArrearsError(ValueError):
    """A parameter or table that cannot be used; says which, what was expected, what to do."""
