"""What is said when a programme, a trial or a scenario cannot be used."""

from labkit.refusals import RefusalError


class DsmError(RefusalError):
    """Input of demand-side management that cannot be used; says what, where, and what to do."""
