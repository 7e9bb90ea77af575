"""What service functions refuse."""


class ServiceError(ValueError):
    """A table, figure or parameter that cannot be used; says which, what was expected, what to do."""
