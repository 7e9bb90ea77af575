"""What loyalty functions refuse."""

from labkit.refusals import RefusalError


class LoyaltyError(RefusalError):
    """A table, figure or parameter that cannot be used; says which, what was expected, what to do."""
