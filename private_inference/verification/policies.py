"""IAM policy documents as AWS gives them back, for comparison with what they should say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from private_inference.graph import iam_documents
from private_inference.graph.iam_documents import DocumentError, as_list


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
    """The statements of a document, given as JSON or decoded (boto3 decodes IAM's own); none of an empty document."""
    try:
        return tuple(map(_statement, iam_documents.statements(document)))
    except DocumentError:
        return ()


def unescaped(text: str) -> str:
    r"""A policy as API Gateway gives it back: JSON text, in which it writes `\"` for a quotation mark."""
    return text.replace('\\"', '"').replace("\\/", "/")


def _statement(given: iam_documents.Statement) -> Statement:
    named = zip(given.kinds, given.principals, strict=True)
    return Statement(
        allows=given.allows,
        principals=frozenset(name if name == "*" or not kind else f"{kind}:{name}" for kind, name in named),
        # What is left out by name is everything else: no better than everything.
        actions=frozenset(map(str, given.actions or ["*"])),
        resources=frozenset(map(str, given.resources or ["*"])),
        conditions={(operator, key): frozenset(map(str, as_list(value))) for operator, key, value in given.tests},
    )
