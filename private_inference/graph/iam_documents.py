"""IAM policy documents: what may be written as one value or as a list, as text or as a structure, in one form.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from private_inference.graph.values import known


class DocumentError(ValueError):
    """A policy that is no JSON, or JSON of another shape; the message says which."""


@dataclass(frozen=True)
class Statement:
    """A statement with every list a list; an element that isn't known yet is an `Unknown`.

    label: names it in messages. kinds: those of the principals in their order (`AWS`, `Service`); `*` alone has none.
    """

    label: str
    effect: Any
    actions: Sequence[Any]
    not_actions: Sequence[Any]
    resources: Sequence[Any]
    not_resources: Sequence[Any]
    principals: Sequence[Any]
    kinds: Sequence[str | None]
    not_principals: Sequence[Any]
    condition: Mapping[str, Mapping[str, Any]]

    @property
    def allows(self) -> bool:
        return bool(known(self.effect) == "Allow")

    @property
    def tests(self) -> Iterator[tuple[str, str, Any]]:
        """The tests of the condition: operator, key, and the value or values that the key is compared with."""
        for operator, tests in self.condition.items():
            for key, value in tests.items():
                yield operator, key, value


def statements(document: Any) -> list[Statement]:
    """The statements of a document: JSON text, or the structure itself.

    Raises UnverifiableError if it isn't known yet, DocumentError if it is none.
    """
    found = known(_decoded(known(document)).get("Statement"))
    if not found or not isinstance(found, Mapping | list):
        raise DocumentError("it has no Statement")
    return [_statement(position, known(each)) for position, each in enumerate(as_list(found))]


def has_variables(document: Any) -> bool:
    """Whether `${…}` in a document is a policy variable: in its newer version only.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html. Raises as `statements`.
    """
    return bool(known(_decoded(known(document)).get("Version")) == "2012-10-17")


def as_list(value: Any) -> list[Any]:
    """The elements of a member that may be one value or a list; none where it is left out."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _decoded(document: Any) -> Mapping[str, Any]:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except json.JSONDecodeError:
            raise DocumentError("it is not JSON") from None
    if not isinstance(document, Mapping):
        raise DocumentError("it is not a JSON object")
    return document


def _statement(position: int, raw: Any) -> Statement:
    if not isinstance(raw, Mapping) or known(raw.get("Effect")) not in ("Allow", "Deny"):
        raise DocumentError(f"statement {position} has no Effect of Allow or Deny")
    sid = raw.get("Sid")
    condition = known(raw.get("Condition") or {})
    named = principals(raw.get("Principal"))
    return Statement(
        label=f"statement {sid}" if isinstance(sid, str) and sid else f"statement {position}",
        effect=raw["Effect"],
        actions=as_list(raw.get("Action")),
        not_actions=as_list(raw.get("NotAction")),
        resources=as_list(raw.get("Resource")),
        not_resources=as_list(raw.get("NotResource")),
        principals=[principal for _, principal in named],
        kinds=[kind for kind, _ in named],
        not_principals=[principal for _, principal in principals(raw.get("NotPrincipal"))],
        condition={operator: known(tests) for operator, tests in condition.items()},
    )


def principals(value: Any) -> list[tuple[str | None, Any]]:
    """The principals that an element names, each with its kind, such as `AWS`; a bare `*` has none."""
    if isinstance(value, Mapping):
        return [(kind, each) for kind, values in value.items() for each in as_list(values)]
    return [(None, each) for each in as_list(value)]
