"""Classes of strings, against all strings of a small alphabet."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from private_inference.authorization.conditions import arn_pattern
from private_inference.authorization.patterns import Pattern, glob, literal, representatives

TEXTS = st.text("ab:*?", min_size=1, max_size=4)
STRINGS = ["".join(each) for length in range(1, 7) for each in product("ab:z", repeat=length)]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), st.booleans())
def test_every_class_of_strings_has_one_representative(texts: list[str], ignore_case: bool) -> None:
    patterns = tuple(glob(text, ignore_case=ignore_case) for text in texts)
    found = [tuple(each.matches(text) for each in patterns) for text in representatives(patterns)]
    brute = {tuple(each.matches(text) for each in patterns) for text in STRINGS}
    assert len(set(found)) == len(found)
    assert brute <= set(found)


def test_only_strings_within_a_pattern_count() -> None:
    found = representatives((glob("*:a"), literal("b:a")), glob("b:?"))
    assert sorted(found) == ["b:a", "b:x"]


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("arn:aws:s3:::models/a:b", "arn:aws:s3:::models/*", True),
        ("arn:aws:iam::1:role/a", "arn:aws:iam::*:role/a", True),
        ("arn:aws:iam::1:2:role/a", "arn:aws:iam::*:role/a", False),
        ("arn:aws:iam::1:role/a", "*", True),
    ],
)
def test_arns_are_compared_part_by_part(text: str, pattern: str, fits: bool) -> None:
    assert arn_pattern(glob(pattern)).matches(text) is fits


def test_case_is_ignored_where_it_should_be() -> None:
    assert glob("S3:Get*", ignore_case=True).matches("s3:getobject")
    assert not Pattern(tuple("S")).matches("s")
