"""What loyalty functions refuse."""


class LoyaltyError(ValueError):
    """A table, figure or parameter that cannot be used; says which, what was expected, what to do."""
