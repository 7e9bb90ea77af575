"""What a portrait cannot be made of."""

from labkit.refusals import RefusalError


class PortraitError(RefusalError):
    """A customer, column or membership that a portrait cannot use; says which, what was expected, what to do."""
