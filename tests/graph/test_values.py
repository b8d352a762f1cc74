"""Unknown values can't be used unawares."""

import operator
from collections.abc import Callable
from typing import Any

import pytest

from private_inference.graph.values import Unknown, UnverifiableError, is_given, known, pick, spread

URN = "urn:pulumi:test::p::t::n"

USES: list[Callable[[Any], Any]] = [
    bool,
    len,
    iter,
    hash,
    str,
    int,
    float,
    known,
    lambda value: value == "x",
    lambda value: "x" == value,  # noqa: SIM300 - the reflected comparison
    lambda value: value != "x",
    lambda value: value < 1,
    lambda value: value in ("x", "y"),
    lambda value: "x" in value,
    lambda value: value + "x",
    lambda value: value["x"],
    lambda value: value.get("x"),
    lambda value: value.startswith("x"),
    lambda value: f"{value}",
    lambda value: {value: 1},
    lambda value: value or "x",
    lambda value: operator.index(value),
]


@pytest.mark.parametrize("use", USES)
def test_any_use_of_an_unknown_names_it(use: Callable[[Any], Any]) -> None:
    with pytest.raises(UnverifiableError) as caught:
        use(Unknown(URN, "ingress.0"))
    assert (caught.value.urn, caught.value.property) == (URN, "ingress.0")


def test_an_unknown_is_present() -> None:
    value = Unknown(URN, "x")
    assert value is not None
    assert isinstance(value, Unknown)


def test_what_an_unknown_holds_is_unknown_and_given() -> None:
    value = Unknown(URN, "x")
    assert pick(value, "y") is value
    assert [path for path, _ in spread("x", value)] == ["x"]
    assert is_given(value)
