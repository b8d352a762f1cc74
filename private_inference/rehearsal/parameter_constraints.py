"""The constraints that AWS publishes in its service models and boto3 does not check: lengths, patterns, enumerations.

AWS answers a violation with a ValidationException; moto accepts it. Found here, it never gets as far as a deployment.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import regex  # type: ignore[import-untyped]


class ConstraintError(Exception):
    """An argument that AWS would refuse."""


def check_constraints(**event: Any) -> None:
    """A botocore `before-parameter-build` handler.

    Raises ConstraintError with every violation. Shapes themselves (required members, types, unknown members, minimum
    values) are left to botocore.
    """
    params, model = event["params"], event["model"]
    if model.input_shape is None:
        return
    found = list(_violations(params, model.input_shape, ""))
    if found:
        raise ConstraintError(f"{model.name}: " + "; ".join(found) + ".")


def _violations(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for key, member in value.items():
            if key in shape.members:
                yield from _violations(member, shape.members[key], f"{path}.{key}" if path else key)
    elif shape.type_name == "list" and isinstance(value, list | tuple):
        yield from _size(len(value), shape, path, "entries")
        for index, member in enumerate(value):
            yield from _violations(member, shape.member, f"{path}[{index}]")
    elif shape.type_name == "map" and isinstance(value, dict):
        yield from _size(len(value), shape, path, "entries")
        for key, member in value.items():
            yield from _violations(key, shape.key, f"{path} key")
            yield from _violations(member, shape.value, f"{path}.{key}")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _string(value, shape, path)
    elif shape.type_name in ("integer", "long", "float", "double") and isinstance(value, int | float):
        yield from _size(value, shape, path, "")


def _string(value: str, shape: Any, path: str) -> Iterator[str]:
    yield from _size(len(value), shape, path, "characters")
    if shape.enum and value not in shape.enum:
        yield f"{path} is {value!r}; AWS knows {_listing(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{path} is {value!r}; it must match {pattern}"


def _size(size: float, shape: Any, path: str, unit: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{path} has {size} {unit}; at least {least} needed" if unit else f"{path} is {size}; at least {least}"
    if most is not None and size > most:
        yield f"{path} has {size} {unit}; at most {most} allowed" if unit else f"{path} is {size}; at most {most}"


def _listing(names: list[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown


SURROGATE_PAIRS = r"\uD800\uDC00-\uDBFF\uDFFF"
"""How Java writes the characters beyond the basic plane."""


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    """A service model's pattern, written for Java, as `regex` reads it (`re` knows no Unicode properties)."""
    pattern = pattern.replace(SURROGATE_PAIRS, r"\U00010000-\U0010FFFF").replace(r"[\w-", r"[\w\-")
    return regex.compile(pattern)
