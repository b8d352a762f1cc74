"""Policy variables: `${key}` and `${key, 'default'}`, and `${*}`, `${?}` and `${$}` for the characters themselves.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from private_inference.authorization.formula import Value
from private_inference.authorization.patterns import Pattern, glob, literal

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"\s*([^,]+?)\s*,\s*'(.*)'\s*", re.DOTALL)


class UnresolvedError(Exception):
    """A variable whose value the request decides; the message names it."""


def resolved(
    text: str, fixed: Mapping[str, Value] | None, *, wild: bool, ignore_case: bool = False
) -> Sequence[Pattern]:
    """What a text of a policy means: one pattern, or none where a variable has no value, for it then fits nothing.

    fixed: the keys with a known value; None where the document is of a version without variables. wild: whether `*`
    and `?` are wildcards. Raises UnresolvedError.
    """
    make = glob if wild else literal
    if fixed is None or "${" not in text:
        return [make(text, ignore_case=ignore_case)]  # kept from the last time, with its compiled expression
    parts: list[Pattern] = []
    end = 0
    for found in _VARIABLE.finditer(text):
        parts.append(make(text[end : found.start()], ignore_case=ignore_case))
        value = _value(found[1], fixed)
        if value is None:
            return []
        parts.append(literal(value, ignore_case=ignore_case))
        end = found.end()
    parts.append(make(text[end:], ignore_case=ignore_case))
    return [Pattern(tuple(each for part in parts for each in part.parts), ignore_case)]


def _value(name: str, fixed: Mapping[str, Value]) -> str | None:
    if name in ("*", "?", "$"):
        return name
    with_default = _DEFAULT.fullmatch(name)
    key, default = (with_default[1], with_default[2]) if with_default else (name.strip(), None)
    if key.lower() not in fixed:
        raise UnresolvedError(f"${{{key}}}")
    value = fixed[key.lower()]
    return default if value is None else value[0] if len(value) == 1 else None
