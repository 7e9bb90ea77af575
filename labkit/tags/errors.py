"""What tag functions refuse."""


class TagError(ValueError):
    """A file, rule, class or parameter that cannot be used; says which, what was expected, what to do."""
