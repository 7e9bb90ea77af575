"""What cannot be told from the data at hand: a refusal that says why, and a way to go on without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class RefusalError(ValueError):
    """A table, figure or parameter that cannot be used; says which, what was expected, what to do."""


def attempt(work: Callable[..., T], *given: object, **options: object) -> tuple[T | None, str]:
    """What a function gives, or None and why it cannot: for pages that go on without it.

    Examples
    --------
    >>> attempt(int, "7")
    (7, '')
    """
    try:
        return work(*given, **options), ""
    except RefusalError as refusal:
        return None, str(refusal)
