"""Rules of tags: a small language over the columns of the portrait, parsed, never evaluated as code.

A rule is comparisons joined by ``and``, ``or``, ``not`` and brackets::

    customer_class = 'industrial' and capacity_kva >= 315
    late_share between 0 and 0.1
    settlement in ('rural', 'remote') or average_power_factor is missing
    prepaid

A customer is in a class where its rule is true; where a value is missing the
comparison is neither true nor false, as in SQL, and the customer is not in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from labkit.portrait import FLAGS, WORDS
from labkit.tags.errors import TagError

Value = str | float | bool
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<op><=|>=|!=|<>|=|<|>)"
    r"|(?P<mark>[(),])|(?P<word>[A-Za-z_][A-Za-z0-9_]*))"
)
_WORDS = {"and", "or", "not", "between", "in", "is", "missing", "true", "false"}
_LONGEST, _DEEPEST = 4000, 40


@dataclass(frozen=True)
class Compare:
    """A column against a value; ``op`` is one of = != < <= > >=."""

    column: str
    op: str
    value: Value


@dataclass(frozen=True)
class Between:
    """A column from low to high, both included."""

    column: str
    low: float
    high: float


@dataclass(frozen=True)
class Among:
    """A column whose value is one of a list."""

    column: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Missing:
    """A column without a value."""

    column: str


@dataclass(frozen=True)
class Not:
    """What is not so."""

    part: Rule


@dataclass(frozen=True)
class All:
    """All parts are true; without parts always true."""

    parts: tuple[Rule, ...]


@dataclass(frozen=True)
class Any:
    """At least one part is true; without parts never."""

    parts: tuple[Rule, ...]


Rule = Compare | Between | Among | Missing | Not | All | Any


def parse_rule(text: str, tag: str = "", columns: Collection[str] | None = None) -> Rule:
    """A rule from its text.

    Parameters
    ----------
    text : str
    tag : str
        Whose rule it is, for messages.
    columns : collection of str, optional
        Columns there are; others are refused.

    Raises
    ------
    TagError
        Names tag, rule and place, what was expected there and what was found.

    Examples
    --------
    >>> parse_rule("late_share > 0.1 and not prepaid")
    All(parts=(Compare(column='late_share', op='>', value=0.1), Not(part=Compare(column='prepaid', op='=', value=True))))
    """
    return _Parser(text, tag, columns).whole()


class _Parser:
    """Recursive descent; every method takes what it needs from the front of the tokens."""

    def __init__(self, text: str, tag: str, columns: Collection[str] | None) -> None:
        self.text, self.tag, self.columns = text, tag, columns
        if len(text) > _LONGEST:
            raise self.error(_LONGEST, f"a rule of at most {_LONGEST} characters", f"{len(text)}")
        self.tokens = list(self._split())
        self.at, self.depth = 0, 0

    def error(self, place: int, expected: str, found: str) -> TagError:
        whose = f"tag {self.tag!r}, " if self.tag else ""
        told = self.text if len(self.text) <= 120 else self.text[:117] + "..."
        return TagError(f"{whose}rule {told!r}, place {place + 1}: expected {expected}, found {found}")

    def _split(self) -> Iterator[tuple[str, str, int]]:
        place = 0
        while self.text[place:].strip():
            hit = _TOKEN.match(self.text, place)
            if hit is None:
                start = place + len(self.text[place:]) - len(self.text[place:].lstrip())
                raise self.error(start, "a column, number, 'text' or comparison", repr(self.text[start : start + 10]))
            kind = str(hit.lastgroup)
            word = hit.group(kind)
            if kind == "word" and word.lower() in _WORDS:
                kind, word = "keyword", word.lower()
            yield kind, word, hit.start(str(hit.lastgroup))
            place = hit.end()

    def peek(self) -> tuple[str, str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "the end", len(self.text))

    def take(self, *words: str) -> bool:
        kind, word, _ = self.peek()
        if kind in ("keyword", "mark") and word in words:
            self.at += 1
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            _, found, place = self.peek()
            raise self.error(place, repr(word), repr(found))

    def whole(self) -> Rule:
        rule = self.any_of()
        kind, word, place = self.peek()
        if kind != "end":
            raise self.error(place, "'and', 'or' or the end", repr(word))
        return rule

    def any_of(self) -> Rule:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(self.peek()[2], f"brackets at most {_DEEPEST} deep", "more")
        parts = [self.all_of()]
        while self.take("or"):
            parts.append(self.all_of())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def all_of(self) -> Rule:
        parts = [self.one()]
        while self.take("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self) -> Rule:
        turned = False
        while self.take("not"):
            turned = not turned
        rule = self._plain()
        return Not(rule) if turned else rule

    def _plain(self) -> Rule:
        if self.take("("):
            inner = self.any_of()
            self.need(")")
            return inner
        if self.take("true"):
            return All(())
        if self.take("false"):
            return Any(())
        kind, column, place = self.peek()
        if kind != "word":
            raise self.error(place, "a column of the portrait", repr(column))
        if self.columns is not None and column not in self.columns:
            raise self.error(place, "a column of the portrait", repr(column))
        self.at += 1
        return self._about(column)

    def _about(self, column: str) -> Rule:
        kind, op, _ = self.peek()
        if kind == "op":
            self.at += 1
            value = self._value()
            place = self.tokens[self.at - 1][2]
            if op not in ("=", "!=", "<>") and not isinstance(value, float):
                raise self.error(place, f"a number after {op}", repr(value))
            return Compare(column, "!=" if op == "<>" else op, value)
        if self.take("between"):
            low = self._number()
            self.need("and")
            return Between(column, low, self._number())
        turned = self.take("not")
        if self.take("in"):
            self.need("(")
            values = [self._value()]
            while self.take(","):
                values.append(self._value())
            self.need(")")
            found: Rule = Among(column, tuple(values))
            return Not(found) if turned else found
        if not turned and self.take("is"):
            turned = self.take("not")
            self.need("missing")
            return Not(Missing(column)) if turned else Missing(column)
        if turned:
            raise self.error(self.peek()[2], "'in' after 'not'", repr(self.peek()[1]))
        return Compare(column, "=", True)

    def _value(self) -> Value:
        kind, word, place = self.peek()
        self.at += 1
        if kind == "number":
            return float(word)
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", word[1:-1])
        if word in ("true", "false") and kind == "keyword":
            return word == "true"
        raise self.error(place, "a number, 'text', true or false", repr(word))

    def _number(self) -> float:
        place = self.peek()[2]
        value = self._value()
        if isinstance(value, float):
            return value
        raise self.error(place, "a number", repr(value))


def require_types(rule: Rule, tag: str = "") -> None:
    """Refuse comparisons of a column of the portrait with a value of another type.

    Raises
    ------
    TagError
    """
    if isinstance(rule, Not):
        require_types(rule.part, tag)
    elif isinstance(rule, All | Any):
        for part in rule.parts:
            require_types(part, tag)
    elif not isinstance(rule, Missing):
        values = rule.values if isinstance(rule, Among) else (rule.low,) if isinstance(rule, Between) else (rule.value,)
        kind = str if rule.column in WORDS else bool if rule.column in FLAGS else float
        wrong = [value for value in values if not isinstance(value, kind)]
        if wrong:
            word = {str: "words", bool: "yes or no", float: "numbers"}[kind]
            raise TagError(
                f"tag {tag!r}: the column {rule.column} holds {word}, and {wrong[0]!r} cannot be compared with it"
            )


def columns_of(rule: Rule) -> tuple[str, ...]:
    """Columns a rule looks at, each once, in order.

    Examples
    --------
    >>> columns_of(parse_rule("a > 1 and (b = 'x' or a < 0)"))
    ('a', 'b')
    """
    if isinstance(rule, Not):
        return columns_of(rule.part)
    if isinstance(rule, All | Any):
        return tuple(dict.fromkeys(column for part in rule.parts for column in columns_of(part)))
    return (rule.column,)
