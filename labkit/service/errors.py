"""What service functions refuse."""

from labkit.refusals import RefusalError


class ServiceError(RefusalError):
    """A table, figure or parameter that cannot be used; says which, what was expected, what to do."""
