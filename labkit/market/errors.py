"""What market functions refuse."""

from labkit.refusals import RefusalError


class MarketError(RefusalError):
    """A table, file or parameter that cannot be used; says which, what was expected, what to do."""
