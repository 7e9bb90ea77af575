"""What customers are called in what is handed on: by place in a list, by pseudonym, or by name for those who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labkit import privacy, terms


@dataclass(frozen=True)
class Naming:
    """How a run calls customers, and what it says of that on each page.

    Attributes
    ----------
    named : bool
        Account numbers and names; otherwise neither is in anything the run writes.
    purpose : str
        What a named run may be used for, in a sentence.
    key : bytes, optional
        For pseudonyms, which stay the same from run to run; without one, places in the list.
    names : mapping of str to str
        By account number; a named run fills them in.

    Raises
    ------
    ValueError
        If a named run has no purpose, or a key as well.

    Examples
    --------
    >>> Naming().label("C0000001", 3), Naming(key=b"0" * 16).label("C0000001", 3)
    ('K003', 'P-D53684B015')
    """

    named: bool = False
    purpose: str = ""
    key: bytes | None = field(default=None, repr=False)
    names: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.named and len(self.purpose.strip()) < 6:
            raise ValueError("a named report needs --purpose TEXT: say in a sentence what it may be used for")
        if self.named and self.key is not None:
            raise ValueError("give --named or --key FILE, not both: a named report has no pseudonyms")
        if self.purpose and not self.named:
            raise ValueError("--purpose goes with --named: only a named report is made for a purpose")

    @property
    def suffix(self) -> str:
        """End of the name of the run's folder."""
        return "-named" if self.named else ""

    def label(self, customer_id: str, place: int) -> str:
        """What a customer is called; `place` counts from 1 in the list of accounts."""
        if self.named:
            return customer_id
        return privacy.pseudonym(customer_id, self.key) if self.key is not None else f"K{place:03d}"

    def title(self, customer_id: str, place: int) -> str:
        """The same with the name, for those who may."""
        return " · ".join(filter(None, (self.label(customer_id, place), self.names.get(customer_id, ""))))

    def stamp(self, language: terms.Language) -> str:
        """What stands on top of every page of a named run; empty otherwise."""
        if not self.named:
            return ""
        purpose = self.purpose.strip()
        if language == "zh":
            return f"内部资料，含客户户号与名称。用途：{purpose}。仅限经授权人员使用，不得外传，用毕即删。"
        return (
            f"Internal: account numbers and names of customers. Purpose: {purpose}. For those who may only; "
            "do not pass on, delete when done."
        )
