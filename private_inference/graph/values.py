"""The values of a resource's properties, and what may be done with those that are decided at deployment: nothing.

Whoever reads a property says what an unknown value means there; no comparison passes or fails by one unnoticed.
"""

from collections.abc import Iterator
from typing import Any


class UnverifiableError(Exception):
    """A value is needed that is decided at deployment.

    `urn` is the resource's, `property` the dotted path of the value, such as `ingress.0.cidrBlocks`.
    """

    def __init__(self, urn: str, property_path: str) -> None:
        super().__init__(f"{property_path} of {urn}")
        self.urn = urn
        self.property = property_path


def _refuse(unknown: "Unknown", *_: object) -> Any:
    raise UnverifiableError(unknown.urn, unknown.property)


class Unknown:
    """A value that is present, and decided at deployment. Only `is None` and `isinstance` work on it.

    Any other use raises UnverifiableError, so that no comparison can pass or fail by it unnoticed.
    """

    __slots__ = ("property", "urn")

    def __init__(self, urn: str, property_path: str) -> None:
        self.urn = urn
        self.property = property_path

    def __getattr__(self, name: str) -> Any:
        _refuse(self)

    __bool__: Any = _refuse
    __eq__: Any = _refuse
    __ne__: Any = _refuse
    __lt__: Any = _refuse
    __le__: Any = _refuse
    __gt__: Any = _refuse
    __ge__: Any = _refuse
    __hash__: Any = _refuse
    __iter__: Any = _refuse
    __len__: Any = _refuse
    __contains__: Any = _refuse
    __getitem__: Any = _refuse
    __add__: Any = _refuse
    __radd__: Any = _refuse
    __int__: Any = _refuse
    __float__: Any = _refuse
    __index__: Any = _refuse
    __str__: Any = _refuse
    __format__: Any = _refuse


def known(value: Any) -> Any:
    """The value, which a call that doesn't compare it is about to read. Raises UnverifiableError."""
    if isinstance(value, Unknown):
        raise UnverifiableError(value.urn, value.property)
    return value


def is_given(value: Any) -> bool:
    """Whether a property has a value: a known one that isn't empty, or one that is decided at deployment."""
    return isinstance(value, Unknown) or bool(value)


def pick(value: Any, key: str) -> Any:
    """An entry of a mapping: None if either is absent, Unknown if either is decided at deployment."""
    return value if value is None or isinstance(value, Unknown) else value.get(key)


def pick_first(value: Any, *keys: str) -> Any:
    """The first of some entries of a mapping that is there, as `pick`."""
    return next((found for key in keys if (found := pick(value, key)) is not None), None)


def joined(path: str, key: str | int) -> str:
    """The path of an entry of what is at a path; the path of a whole resource is empty."""
    return f"{path}.{key}" if path else str(key)


def spread(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds, each with its path: the elements of a list, a value that stands alone, nothing of None."""
    if isinstance(value, list):
        for position, element in enumerate(value):
            yield from spread(f"{path}.{position}", element)
    elif value is not None:
        yield path, value


def protocol_text(value: Any) -> Any:
    """A protocol as text: the wire makes floats of numbers. None and Unknown stay what they are."""
    if value is None or isinstance(value, Unknown):
        return value
    return str(int(value)) if isinstance(value, int | float) else str(value)


def port_number(value: Any) -> int | None:
    """A known port as a number: the wire makes floats of numbers, and programs give text."""
    return None if value is None else int(float(value))
