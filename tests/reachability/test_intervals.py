"""Intervals and regions are sets: they agree with Python's own on every operation."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from operator import and_, or_, sub
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_inference.reachability.intervals import EMPTY, NONE, Intervals, Region, Span

spans = st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=5)
intervals = spans.map(lambda drawn: Intervals.of(*drawn))
regions = st.lists(st.tuples(intervals, intervals), max_size=4).map(
    lambda drawn: _union_of(Region.of(xs, ys) for xs, ys in drawn)
)
OPERATIONS = [or_, and_, sub]


def _union_of(drawn: Iterable[Region]) -> Region:
    found = EMPTY
    for one in drawn:
        found |= one
    return found


def members(one: Intervals) -> set[int]:
    return {value for first, last in one.spans for value in range(first, last + 1)}


def pairs(one: Region) -> set[tuple[int, int]]:
    return {(x, y) for xs, ys in one for x in members(xs) for y in members(ys)}


@pytest.mark.parametrize("operation", OPERATIONS)
@given(one=intervals, other=intervals)
def test_intervals_operate_as_sets(operation: Callable[[Any, Any], Any], one: Intervals, other: Intervals) -> None:
    assert members(operation(one, other)) == operation(members(one), members(other))


@pytest.mark.parametrize("operation", OPERATIONS)
@given(one=intervals, other=intervals)
def test_results_are_canonical(operation: Callable[[Any, Any], Any], one: Intervals, other: Intervals) -> None:
    found = operation(one, other).spans
    assert all(first <= last for first, last in found)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


@given(intervals, intervals)
def test_inclusion_membership_and_size_are_those_of_sets(one: Intervals, other: Intervals) -> None:
    assert (one <= other) == (members(one) <= members(other))
    assert [value in one for value in range(26)] == [value in members(one) for value in range(26)]
    assert one.size == len(members(one))
    assert bool(one) == bool(members(one))


@given(st.lists(intervals, max_size=4))
def test_the_union_of_many_is_their_union_one_by_one(many: list[Intervals]) -> None:
    found = NONE
    for one in many:
        found |= one
    assert Intervals.union(many) == found


@given(spans)
def test_order_and_overlap_of_spans_make_no_difference(drawn: list[Span]) -> None:
    assert Intervals.of(*drawn) == Intervals.of(*reversed(drawn), *drawn)


def test_size_may_be_larger_than_len_can_say() -> None:
    assert Intervals.of((0, 2**128 - 1)).size == 2**128


@pytest.mark.parametrize("operation", OPERATIONS)
@given(one=regions, other=regions)
def test_regions_operate_as_sets_of_pairs(operation: Callable[[Any, Any], Any], one: Region, other: Region) -> None:
    assert pairs(operation(one, other)) == operation(pairs(one), pairs(other))


@given(regions, regions)
def test_equal_sets_of_pairs_are_equal_regions(one: Region, other: Region) -> None:
    assert (one == other) == (pairs(one) == pairs(other))
    assert (one <= other) == (pairs(one) <= pairs(other))


@given(regions)
def test_a_region_is_read_by_y_and_by_its_projections(one: Region) -> None:
    found = pairs(one)
    assert all(members(one.at(y)) == {x for x, other in found if other == y} for y in range(26))
    assert all(one.contains(x, y) for x, y in found)
    assert members(one.xs) == {x for x, _ in found}
    assert members(one.ys) == {y for _, y in found}
