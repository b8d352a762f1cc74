"""The reasoner against a referee that decides request by request."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.authorization.agreement import disagreement


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32))
def test_they_agree(seed: int) -> None:
    assert not disagreement(seed)[0]
