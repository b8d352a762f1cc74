"""Which statement of a policy applies to a request: the part of IAM's evaluation that moto leaves out.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html, there
reference_policies_condition-single-vs-multi-valued-context-keys.html and reference_policies_variables.html.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from private_inference.graph.iam_documents import as_list

Statement = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]
"""Condition keys, in lower case, and their value or values; a key that the request does not carry is not there."""


class UnknownOperatorError(Exception):
    """A condition that can't be evaluated here; the message names its operator."""


def applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    """Whether a statement is about this action on this resource under these conditions, whoever asks."""
    return (
        _named(statement, "Action", action, {}, ignore_case=True)
        and _named(statement, "Resource", resource, context, ignore_case=False)
        and all(
            _holds(operator, key, as_list(wanted), context)
            for operator, block in statement.get("Condition", {}).items()
            for key, wanted in block.items()
        )
    )


def _named(statement: Statement, element: str, value: str, context: Context, *, ignore_case: bool) -> bool:
    def fits(pattern: str) -> bool:
        return _fits(value, _expression(pattern, context, wild=True), ignore_case)

    if element in statement:
        return any(map(fits, as_list(statement[element])))
    excluded = statement.get(f"Not{element}")
    return excluded is None or not any(map(fits, as_list(excluded)))


def _fits(value: str, expression: str | None, ignore_case: bool = False) -> bool:
    flags = re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL
    return expression is not None and re.fullmatch(expression, value, flags) is not None


def _expression(pattern: str, context: Context, *, wild: bool) -> str | None:
    """A pattern as a regular expression; None where a policy variable in it has no value, for then it fits nothing."""
    found = []
    for text in re.split(r"(\$\{[^}]*\})", pattern):
        if text.startswith("${") and text.endswith("}"):
            value = _variable(text[2:-1], context)
            if value is None:
                return None
            found.append(re.escape(value))
        elif wild:
            found.append(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))
        else:
            found.append(re.escape(text))
    return "".join(found)


def _variable(text: str, context: Context) -> str | None:
    if text in ("*", "?", "$"):
        return text
    key, comma, default = text.partition(",")
    value = context.get(key.strip().lower())
    if value is None:
        return default.strip().strip("'") if comma else None
    if isinstance(value, str):
        return value
    return value[0] if len(value) == 1 else None


def _arn_fits(value: str, wanted: str, context: Context) -> bool:
    """ARNs are compared part by part: no wildcard of the first five stands for a colon."""
    expression = _expression(wanted, context, wild=True)
    if expression is None or wanted == "*":
        return expression is not None
    parts = [_expression(part, context, wild=True) for part in re.split(r":(?![^{]*\})", wanted, maxsplit=5)]
    values = value.split(":", 5)
    return len(parts) == len(values) == 6 and all(map(_fits, values, parts))


def _address_fits(value: str, wanted: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)


def _moment(text: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    found = datetime.fromisoformat(text)
    return found.timestamp() if found.tzinfo else found.replace(tzinfo=UTC).timestamp()


Test = Callable[[str, str, Context], bool]


def _ordered(number: Callable[[str], float], relation: Callable[[float, float], bool]) -> Test:
    return lambda value, wanted, _: relation(number(value), number(wanted))


_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    "Equals": lambda value, wanted: value == wanted,
    "LessThan": lambda value, wanted: value < wanted,
    "LessThanEquals": lambda value, wanted: value <= wanted,
    "GreaterThan": lambda value, wanted: value > wanted,
    "GreaterThanEquals": lambda value, wanted: value >= wanted,
}

POSITIVE: Mapping[str, Test] = {
    "StringEquals": lambda value, wanted, context: _fits(value, _expression(wanted, context, wild=False)),
    "StringEqualsIgnoreCase": lambda value, wanted, context: _fits(
        value, _expression(wanted, context, wild=False), ignore_case=True
    ),
    "StringLike": lambda value, wanted, context: _fits(value, _expression(wanted, context, wild=True)),
    "ArnEquals": _arn_fits,
    "ArnLike": _arn_fits,
    "BinaryEquals": lambda value, wanted, _: value == wanted,
    "Bool": lambda value, wanted, _: value.lower() == wanted.lower(),
    "IpAddress": lambda value, wanted, _: _address_fits(value, wanted),
    **{f"Numeric{name}": _ordered(float, relation) for name, relation in _RELATIONS.items()},
    **{f"Date{name}": _ordered(_moment, relation) for name, relation in _RELATIONS.items()},
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}


def _holds(operator: str, key: str, wanted: Sequence[Any], context: Context) -> bool:
    value = context.get(key.lower())
    values = [str(item).lower() if isinstance(item, bool) else str(item) for item in wanted]
    if operator == "Null":
        return any((value is None) == (item.lower() == "true") for item in values)
    quantifier, _, rest = operator.rpartition(":")
    plain = rest.removesuffix("IfExists")
    if (plain not in POSITIVE and plain not in NEGATED) or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnknownOperatorError(f"the rehearsal can't evaluate the condition operator {operator}")
    if value is None:
        return quantifier == "ForAllValues" or rest != plain or (plain in NEGATED and not quantifier)
    test = POSITIVE[NEGATED.get(plain, plain)]
    fits = [any(test(each, item, context) for item in values) for each in _listed(value)]
    passing = [fit != (plain in NEGATED) for fit in fits]
    if quantifier:
        return all(passing) if quantifier == "ForAllValues" else any(passing)
    return any(fits) != (plain in NEGATED)


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    """The values of a key that has one or several."""
    return [value] if isinstance(value, str) else value
