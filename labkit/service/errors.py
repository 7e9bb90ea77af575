"""What service functions refuse."""

from labkit.refusals import Refusal


class ServiceError(Refusal):
    """A table, figure or parameter that cannot be used; says which, what was expected, what to do."""
