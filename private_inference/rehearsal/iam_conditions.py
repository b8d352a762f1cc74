"""Which statement of a resource policy applies to a request: the part of IAM's evaluation that moto leaves out.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from private_inference.graph.iam_documents import as_list

Statement = Mapping[str, Any]
Context = Mapping[str, str]
"""Condition keys, in lower case, and their values; a key that the request does not carry is not there."""


class UnknownOperatorError(Exception):
    """A condition that can't be evaluated here; the message names its operator."""


def applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    """Whether a statement is about this action on this resource under these conditions, whoever asks."""
    return (
        _named(statement, "Action", action, ignore_case=True)
        and _named(statement, "Resource", resource, ignore_case=False)
        and all(
            _holds(operator, key, as_list(wanted), context)
            for operator, block in statement.get("Condition", {}).items()
            for key, wanted in block.items()
        )
    )


def _named(statement: Statement, element: str, value: str, *, ignore_case: bool) -> bool:
    if element in statement:
        return any(_like(value, pattern, ignore_case) for pattern in as_list(statement[element]))
    excluded = statement.get(f"Not{element}")
    return excluded is None or not any(_like(value, pattern, ignore_case) for pattern in as_list(excluded))


def _like(value: str, pattern: str, ignore_case: bool = False) -> bool:
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(translated, value, re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL) is not None


def _equals(value: str, wanted: str) -> bool:
    return value == wanted


def _equals_ignoring_case(value: str, wanted: str) -> bool:
    return value.lower() == wanted.lower()


POSITIVE: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _equals,
    "StringEqualsIgnoreCase": _equals_ignoring_case,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _equals_ignoring_case,
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda value, wanted: float(value) >= float(wanted),
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
}


def _holds(operator: str, key: str, wanted: Iterable[Any], context: Context) -> bool:
    value, values = context.get(key.lower()), [str(item) for item in wanted]
    if operator == "Null":
        return any((value is None) == (item.lower() == "true") for item in values)
    plain = operator.removesuffix("IfExists")
    if plain not in POSITIVE and plain not in NEGATED:
        raise UnknownOperatorError(f"the rehearsal can't evaluate the condition operator {operator}")
    if value is None:
        return plain in NEGATED or operator != plain
    matched = any(POSITIVE[NEGATED.get(plain, plain)](value, item) for item in values)
    return matched != (plain in NEGATED)
