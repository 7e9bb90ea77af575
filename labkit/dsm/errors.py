"""What is said when a programme, a trial or a scenario cannot be used."""


class DsmError(ValueError):
    """Input of demand-side management that cannot be used; says what, where, and what to do."""
