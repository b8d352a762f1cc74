"""Calls are split by weight: in any row of calls each variant has its share."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_inference.rehearsal.routing import next_in_turn


@given(st.lists(st.integers(0, 50), min_size=1, max_size=5).filter(any), st.integers(1, 200))
def test_each_variant_has_its_share_of_any_number_of_calls(weights: list[int], calls: int) -> None:
    by_name = {str(position): float(weight) for position, weight in enumerate(weights)}
    credit: dict[str, float] = {}
    got = Counter(next_in_turn(by_name, credit) for _ in range(calls))
    for name, weight in by_name.items():
        share = calls * weight / sum(weights)
        assert abs(got[name] - share) <= len(weights)
        assert weight or not got[name]


def test_a_weight_that_changes_counts_from_the_next_call() -> None:
    credit: dict[str, float] = {}
    for _ in range(7):
        next_in_turn({"a": 1, "b": 1}, credit)
    assert {next_in_turn({"a": 0, "b": 1}, credit) for _ in range(5)} == {"b"}


def test_without_any_weight_there_is_no_turn() -> None:
    with pytest.raises(ValueError, match="no production variant has a weight above 0"):
        next_in_turn({"a": 0, "b": 0}, {})
