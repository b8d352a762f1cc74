"""Reads IAM policy documents as AWS gives them back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Statement:
    """One statement, with every member that may be a string or a list made a set.

    `principals` are such as `*`, `AWS:arn:…` or `Service:logs.amazonaws.com`; `conditions` maps operator and key, such
    as `("StringEquals", "aws:SourceAccount")`, to values.
    """

    allows: bool
    principals: frozenset[str]
    actions: frozenset[str]
    resources: frozenset[str]
    conditions: Mapping[tuple[str, str], frozenset[str]]

    def requires(self, operator: str, key: str, *values: str) -> bool:
        """Whether the statement has a condition with exactly these values."""
        return self.conditions.get((operator, key)) == frozenset(values)


def statements(document: str | Mapping[str, Any]) -> tuple[Statement, ...]:
    """The statements of a document, given as JSON or decoded (boto3 decodes IAM's own)."""
    decoded = json.loads(document) if isinstance(document, str) else document
    given = decoded.get("Statement", [])
    return tuple(_statement(item) for item in ([given] if isinstance(given, dict) else given))


def _statement(item: Mapping[str, Any]) -> Statement:
    return Statement(
        allows=item["Effect"] == "Allow",
        principals=frozenset(_principals(item.get("Principal", {}))),
        # What is left out by name is everything else: no better than everything.
        actions=_set(item.get("Action", "*")),
        resources=_set(item.get("Resource", "*")),
        conditions={
            (operator, key): _set(value)
            for operator, tests in item.get("Condition", {}).items()
            for key, value in tests.items()
        },
    )


def _principals(given: Any) -> Iterator[str]:
    if isinstance(given, str):
        yield given
        return
    for kind, members in given.items():
        for member in _set(members):
            yield "*" if member == "*" else f"{kind}:{member}"


def _set(given: Any) -> frozenset[str]:
    return frozenset(map(str, given if isinstance(given, list) else [given]))
