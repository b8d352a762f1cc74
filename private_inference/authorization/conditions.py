"""The conditions of a statement as formulas.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html, and for
sets reference_policies_condition-single-vs-multi-valued-context-keys.html there. A request that lacks a key fails a
positive test and passes a negated one; `ForAllValues` passes without values, `ForAnyValue` does not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from private_inference.authorization.formula import Atom, Formula, Unread, Value, all_of
from private_inference.authorization.patterns import Pattern, Wild, glob, literal
from private_inference.authorization.variables import UnresolvedError, resolved
from private_inference.graph.iam_documents import as_list
from private_inference.graph.values import known

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Wanted = Pattern | float | Network


class UnreadableError(Exception):
    """A condition of a form that isn't known here; the message says which."""


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "equals": lambda value, wanted: value == wanted,
    "lessthan": lambda value, wanted: value < wanted,
    "lessthanequals": lambda value, wanted: value <= wanted,
    "greaterthan": lambda value, wanted: value > wanted,
    "greaterthanequals": lambda value, wanted: value >= wanted,
}


@dataclass(frozen=True)
class Comparison:
    """A test of one key: `form` is what values are (`text`, `numeric`, `date`, `ip` or `null`)."""

    form: str
    wanted: tuple[Wanted, ...]
    relation: str = "equals"
    negated: bool = False
    if_exists: bool = False
    quantifier: str = ""
    """`forallvalues`, `foranyvalue`, or none for a key with at most one value."""
    two_valued: bool = False
    """Whether the key is true or false."""

    def holds(self, value: Value) -> bool:
        if self.form == "null":
            return glob("true" if value is None else "false") in self.wanted
        if value is None:
            return self._without_the_key()
        if self.quantifier == "forallvalues":
            return all(self._fits(each) != self.negated for each in value)
        if self.quantifier == "foranyvalue":
            return any(self._fits(each) != self.negated for each in value)
        return any(self._fits(each) for each in value) != self.negated

    def _without_the_key(self) -> bool:
        if self.quantifier == "forallvalues" or self.if_exists:
            return True
        return self.negated and not self.quantifier

    def _fits(self, text: str) -> bool:
        return any(self._fits_one(text, wanted) for wanted in self.wanted)

    def _fits_one(self, text: str, wanted: Wanted) -> bool:
        if isinstance(wanted, Pattern):
            return wanted.matches(text)
        try:
            if isinstance(wanted, float):
                value = float(text) if self.form == "numeric" else timestamp(text)
                return _COMPARISONS[self.relation](value, wanted)
            return ipaddress.ip_address(text) in wanted
        except ValueError:
            return False


def formula_of(tests: Sequence[tuple[str, str, Any]], fixed: Mapping[str, Value], variables: bool) -> Formula:
    """All tests of a condition (operator, key, value or values) together; keys in `fixed` are decided at once.

    variables: whether the document has policy variables. Raises UnverifiableError, UnreadableError.
    """
    parts: list[Formula] = []
    for operator, key, values in tests:
        name = key.lower()
        try:
            test = comparison(operator, as_list(known(values)), fixed if variables else None)
        except UnresolvedError as error:
            parts.append(Unread(f"the policy variable {error} in a condition on {key}"))
            continue
        parts.append(test.holds(fixed[name]) if name in fixed else Atom(name, test))
    return all_of(*parts)


def comparison(operator: str, values: Sequence[Any], fixed: Mapping[str, Value] | None) -> Comparison:
    """The test that an operator and its values mean; `fixed` are the keys that variables may name, None if none may.

    Raises UnverifiableError, UnreadableError, UnresolvedError.
    """
    quantifier, _, plain = operator.lower().rpartition(":")
    if quantifier not in ("", "forallvalues", "foranyvalue"):
        raise UnreadableError(f"the condition operator {operator}")
    if_exists = plain.endswith("ifexists")
    plain = plain.removesuffix("ifexists")
    texts = [_text(known(each)) for each in values]
    if plain == "null":
        return Comparison("null", tuple(glob(text.lower()) for text in texts))
    family, relation, negated = _parsed(plain)
    if family is None:
        raise UnreadableError(f"the condition operator {operator}")
    form, make = _FAMILIES[family]
    if relation not in ("equals", "") and form not in ("numeric", "date"):
        raise UnreadableError(f"the condition operator {operator}")
    try:
        wanted = tuple(one for text in texts for one in make(text, fixed))
    except ValueError:
        raise UnreadableError(f"a value of the condition operator {operator}") from None
    return Comparison(form, wanted, relation or "equals", negated, if_exists, quantifier, family == "bool")


def timestamp(text: str) -> float:
    """Seconds since 1970 of a date in ISO 8601, or of such seconds. Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def arn_pattern(pattern: Pattern) -> Pattern:
    """A pattern as conditions on ARNs have it: each of the first five parts for itself. Raises UnreadableError."""
    colons = [place for place, part in enumerate(pattern.parts) if part == ":"]
    if pattern.parts == (Wild.MANY,):
        return pattern
    if len(colons) < 5:
        raise UnreadableError("a condition on an ARN whose value has fewer than six parts")
    within = {Wild.ONE: Wild.ONE_OF_SEGMENT, Wild.MANY: Wild.MANY_OF_SEGMENT}
    head = (within.get(part, part) if isinstance(part, Wild) else part for part in pattern.parts[: colons[4]])
    return Pattern((*head, *pattern.parts[colons[4] :]))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed(plain: str) -> tuple[str | None, str, bool]:
    """The family of an operator, its relation, and whether it is negated."""
    if plain in ("ipaddress", "notipaddress"):
        return "ipaddress", "", plain.startswith("not")
    for family in ("string", "arn", "numeric", "date", "bool", "binary"):
        if plain.startswith(family):
            rest = plain.removeprefix(family)
            negated = rest.startswith("not")
            rest = rest.removeprefix("not")
            if (found := f"{family}{rest}") in _FAMILIES:
                return found, "", negated
            if family in _FAMILIES and rest in _COMPARISONS and not (negated and rest != "equals"):
                return family, rest, negated
    return None, "", False


Make = Callable[[str, Mapping[str, Value] | None], Sequence[Wanted]]


def _strings(*, wild: bool, ignore_case: bool = False) -> Make:
    def make(text: str, fixed: Mapping[str, Value] | None) -> Sequence[Wanted]:
        return resolved(text, fixed, wild=wild, ignore_case=ignore_case)

    return make


def _arns(text: str, fixed: Mapping[str, Value] | None) -> Sequence[Wanted]:
    return [arn_pattern(each) for each in resolved(text, fixed, wild=True)]


_FAMILIES: Mapping[str, tuple[str, Make]] = {
    "stringequals": ("text", _strings(wild=False)),
    "stringequalsignorecase": ("text", _strings(wild=False, ignore_case=True)),
    "stringlike": ("text", _strings(wild=True)),
    "arnequals": ("text", _arns),
    "arnlike": ("text", _arns),
    "binaryequals": ("text", lambda text, _: [literal(text)]),
    "bool": ("text", lambda text, _: [literal(text, ignore_case=True)]),
    "numeric": ("numeric", lambda text, _: [float(text)]),
    "date": ("date", lambda text, _: [timestamp(text)]),
    "ipaddress": ("ip", lambda text, _: [ipaddress.ip_network(text, strict=False)]),
}
"""By operator (of numbers and dates, by what it begins with): the form of values, and what each wanted one means."""
