"""Values that are decided at deployment only, and what a rule may do with them: nothing, unless it says so.

The SDK turns a touched unknown into an advisory note and drops the rule. Here, an unknown that a rule depends on
becomes a finding of its own, and whatever else the rule can decide is still decided.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy.proxy import UnknownValueError


class UnverifiableError(Exception):
    """A rule needs a value that is decided at deployment.

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


def reveal(value: Any, urn: str, path: str = "") -> Any:
    """Plain dicts and lists out of the SDK's proxies, with `Unknown` where a proxy would raise."""
    if isinstance(value, Mapping):
        return {key: _entry(value, key, urn, path) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_entry(value, position, urn, path) for position in range(len(value))]
    return value


def _entry(container: Any, key: str | int, urn: str, path: str) -> Any:
    here = f"{path}.{key}" if path else str(key)
    try:
        value = container[key]
    except UnknownValueError:
        return Unknown(urn, here)
    return reveal(value, urn, here)
