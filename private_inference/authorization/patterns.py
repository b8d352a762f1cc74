"""Patterns with `*` and `?`, and which of their intersections are not empty.

Of all strings, a set of patterns can tell apart only those that fit different patterns. `representatives` finds one
string of each such class, by walking through all patterns at once, one character at a time; what no pattern goes on
with next behaves as any other such character. So a statement about these few strings is one about all strings.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache


class Wild(Enum):
    """A place in a pattern where more than one character fits."""

    ONE = "."
    MANY = ".*"
    ONE_OF_SEGMENT = "[^:]"
    """Not a colon: conditions on ARNs compare each of their parts for itself."""
    MANY_OF_SEGMENT = "[^:]*"

    @property
    def repeats(self) -> bool:
        return self in (Wild.MANY, Wild.MANY_OF_SEGMENT)

    def fits(self, character: str) -> bool:
        return self in (Wild.ONE, Wild.MANY) or character != ":"


State = tuple[frozenset[int], ...]

MOST_STATES = 50_000
"""Where `representatives` gives up: patterns with very many `*` each."""


class TooManyClassesError(Exception):
    """The patterns tell more strings apart than can be looked at."""


@dataclass(frozen=True)
class Pattern:
    """A set of strings; with `ignore_case`, the literal characters are in lower case."""

    parts: tuple[str | Wild, ...]
    """Single characters, and wildcards."""
    ignore_case: bool = False

    def matches(self, text: str) -> bool:
        """Whether a string is in the set."""
        return self._expression.fullmatch(text.lower() if self.ignore_case else text) is not None

    @cached_property
    def constant(self) -> bool:
        """Whether it has no wildcard."""
        return not any(isinstance(part, Wild) for part in self.parts)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        parts = (part.value if isinstance(part, Wild) else re.escape(part) for part in self.parts)
        return re.compile("".join(parts), re.DOTALL)

    def closed(self, positions: frozenset[int]) -> frozenset[int]:
        """The positions, and those behind a `*`, which may stand for nothing."""
        found = set(positions)
        for position in positions:
            while position < len(self.parts) and self._repeats(position):
                position += 1
                found.add(position)
        return frozenset(found)

    def step(self, positions: frozenset[int], character: str) -> frozenset[int]:
        """Where in the pattern one may be after one more character."""
        found = set()
        for position in positions:
            if position < len(self.parts) and self._fits(self.parts[position], character):
                found.add(position if self._repeats(position) else position + 1)
        return self.closed(frozenset(found))

    def next_characters(self, positions: frozenset[int]) -> set[str]:
        """The characters that the pattern treats unlike others at some positions."""
        found = set()
        for position in positions:
            part = self.parts[position] if position < len(self.parts) else None
            if isinstance(part, str):
                found |= {part, part.upper()} if self.ignore_case else {part}
            elif part in (Wild.ONE_OF_SEGMENT, Wild.MANY_OF_SEGMENT):
                found.add(":")
        return found

    def _repeats(self, position: int) -> bool:
        part = self.parts[position]
        return isinstance(part, Wild) and part.repeats

    def _fits(self, part: str | Wild, character: str) -> bool:
        if isinstance(part, Wild):
            return part.fits(character)
        return part == (character.lower() if self.ignore_case else character)


def after(pattern: Pattern, start: str) -> Sequence[Pattern]:
    """What follows a start in the strings of a pattern that begin with it: they are in one of these patterns."""
    positions = pattern.closed(frozenset([0]))
    for character in start:
        positions = pattern.step(positions, character)
    return [Pattern(pattern.parts[position:], pattern.ignore_case) for position in sorted(positions)]


@lru_cache(maxsize=1 << 16)
def literal(text: str, *, ignore_case: bool = False) -> Pattern:
    """One string; with `ignore_case`, in whatever case."""
    return Pattern(tuple(text.lower() if ignore_case else text), ignore_case)


def before_wildcards(text: str) -> str:
    """What each string begins with that fits a text with wildcards."""
    ends = [place for wild in "*?" if (place := text.find(wild)) >= 0]
    return text[: min(ends)] if ends else text


def after_wildcards(text: str) -> str:
    """What each string ends with that fits a text with wildcards."""
    return text[max(text.rfind(wild) for wild in "*?") + 1 :]


@lru_cache(maxsize=1 << 16)
def glob(text: str, *, ignore_case: bool = False) -> Pattern:
    """A pattern as actions, resources and StringLike have it: a `*` may stand for colons, too."""
    wild = {"*": Wild.MANY, "?": Wild.ONE}
    return Pattern(tuple(wild.get(c, c) for c in (text.lower() if ignore_case else text)), ignore_case)


@lru_cache(maxsize=4096)
def representatives(patterns: tuple[Pattern, ...], within: Pattern | None = None) -> Sequence[str]:
    """One string, not empty, for each class that the patterns tell apart, the shortest ones; only those in `within`.

    Raises TooManyClassesError.
    """
    every = patterns if within is None else (*patterns, within)
    other = _other_character(every)
    start = tuple(each.closed(frozenset([0])) for each in every)
    # The start is not seen yet: what comes back to it is a string, which the start itself, empty, is not.
    seen, found, waiting = set[State](), dict[tuple[bool, ...], str](), deque([(start, "")])
    while waiting:
        state, text = waiting.popleft()
        if text:
            accepted = tuple(len(each.parts) in positions for each, positions in zip(every, state, strict=True))
            if within is None or accepted[-1]:
                found.setdefault(accepted, text)
        following = set().union(
            *(each.next_characters(positions) for each, positions in zip(every, state, strict=True))
        )
        for character in [other, *sorted(following)]:
            after = tuple(each.step(positions, character) for each, positions in zip(every, state, strict=True))
            if after not in seen and (within is None or after[-1]):
                seen.add(after)
                waiting.append((after, text + character))
        if len(seen) > MOST_STATES:
            raise TooManyClassesError
    return tuple(found.values())


def _other_character(patterns: Sequence[Pattern]) -> str:
    used = {part.lower() for each in patterns for part in each.parts if isinstance(part, str)}
    readable = "xyzqjkvw0123456789"
    return next(str(c) for c in [*readable, *map(chr, range(0x4E00, 0xFFFF))] if c not in used)
