"""Exact sets of integers, and of pairs of integers, as sorted intervals: what the proofs are computed with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import or_, sub

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Intervals:
    """A set of integers: inclusive spans, ascending, that neither overlap nor touch (so equal sets compare equal)."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, *spans: Span) -> Intervals:
        """The union of inclusive spans in any order; a span whose first is above its last is empty."""
        merged: list[Span] = []
        for first, last in sorted(span for span in spans if span[0] <= span[1]):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    @classmethod
    def union(cls, sets: Iterable[Intervals]) -> Intervals:
        """The union of any number of sets in one sweep."""
        many = list(sets)
        return many[0] if len(many) == 1 else cls.of(*(span for one in many for span in one.spans))

    def __or__(self, other: Intervals) -> Intervals:
        if not self.spans or self == other:
            return other
        if not other.spans:
            return self
        return Intervals.of(*self.spans, *other.spans)

    def __and__(self, other: Intervals) -> Intervals:
        mine, theirs = self.spans, other.spans
        if mine == theirs:
            return self
        if len(mine) == 1 and len(theirs) == 1:
            first, last = max(mine[0][0], theirs[0][0]), min(mine[0][1], theirs[0][1])
            return Intervals(((first, last),)) if first <= last else NONE
        common: list[Span] = []
        i = j = 0
        while i < len(mine) and j < len(theirs):
            first, last = max(mine[i][0], theirs[j][0]), min(mine[i][1], theirs[j][1])
            if first <= last:
                common.append((first, last))
            if mine[i][1] < theirs[j][1]:
                i += 1
            else:
                j += 1
        return Intervals(tuple(common))

    def __sub__(self, other: Intervals) -> Intervals:
        if not self.spans or not other.spans:
            return self
        left: list[Span] = []
        theirs = other.spans
        j = 0
        for first, last in self.spans:
            start = first
            while j < len(theirs) and theirs[j][1] < start:
                j += 1
            k = j
            while k < len(theirs) and theirs[k][0] <= last:
                if start < theirs[k][0]:
                    left.append((start, theirs[k][0] - 1))
                start = theirs[k][1] + 1
                k += 1
            if start <= last:
                left.append((start, last))
        return Intervals(tuple(left))

    def __le__(self, other: Intervals) -> bool:
        return not (self - other)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, value: int) -> bool:
        return any(first <= value <= last for first, last in self.spans)

    @property
    def size(self) -> int:
        """How many integers (not spans) the set holds; `len` can't say more than 2**63."""
        return sum(last - first + 1 for first, last in self.spans)

    @property
    def first(self) -> int:
        """The smallest member; raises IndexError when the set is empty."""
        return self.spans[0][0]


NONE = Intervals()

Slice = tuple[Intervals, Intervals]


@dataclass(frozen=True, slots=True)
class Region:
    """A set of (x, y) pairs: slices `(xs, ys)` whose ys are disjoint and whose xs differ, ordered by ys.

    For every y the region holds exactly one set of xs, so equal regions compare equal.
    """

    slices: tuple[Slice, ...] = ()

    @classmethod
    def of(cls, xs: Intervals, ys: Intervals) -> Region:
        """The rectangle of all xs and all ys."""
        return cls(((xs, ys),)) if xs and ys else EMPTY

    def __iter__(self) -> Iterator[Slice]:
        return iter(self.slices)

    def __bool__(self) -> bool:
        return bool(self.slices)

    def __or__(self, other: Region) -> Region:
        return self._combined(other, or_)

    def __and__(self, other: Region) -> Region:
        return _canonical((xs & their_xs, ys & their_ys) for xs, ys in self for their_xs, their_ys in other)

    def __sub__(self, other: Region) -> Region:
        return self._combined(other, sub)

    def __le__(self, other: Region) -> bool:
        return not (self - other)

    def _combined(self, other: Region, operation: Callable[[Intervals, Intervals], Intervals]) -> Region:
        """Cut both regions along y, so that within a piece each has one set of xs, and combine those (unions, say)."""
        pieces: list[Slice] = []
        unmatched = Intervals.union(ys for _, ys in other)
        for xs, ys in self:
            rest = ys
            for their_xs, their_ys in other:
                if both := ys & their_ys:
                    pieces.append((operation(xs, their_xs), both))
                    rest -= both
            pieces.append((operation(xs, NONE), rest))
            unmatched -= ys
        pieces.extend((operation(NONE, their_xs), their_ys & unmatched) for their_xs, their_ys in other)
        return _canonical(pieces)

    def at(self, y: int) -> Intervals:
        """The xs that the region pairs with `y`."""
        return next((xs for xs, ys in self if y in ys), NONE)

    def contains(self, x: int, y: int) -> bool:
        """Whether the pair is in the region."""
        return x in self.at(y)

    @property
    def xs(self) -> Intervals:
        """Every x that occurs in a pair."""
        return Intervals.union(xs for xs, _ in self)

    @property
    def ys(self) -> Intervals:
        """Every y that occurs in a pair."""
        return Intervals.union(ys for _, ys in self)


EMPTY = Region()


def _canonical(pieces: Iterable[Slice]) -> Region:
    """The region of pieces whose ys are disjoint: pieces with equal xs become one slice, empty ones none."""
    by_xs: dict[Intervals, list[Span]] = {}
    for xs, ys in pieces:
        if xs and ys:
            by_xs.setdefault(xs, []).extend(ys.spans)
    slices = [(xs, Intervals.of(*spans)) for xs, spans in by_xs.items()]
    return Region(tuple(sorted(slices, key=lambda one: one[1].spans)))
