"""The keys of a request that come with who asks, and which of them a statement reads.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principal-properties
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from private_inference.authorization.statements import PRINCIPAL_ARN
from private_inference.graph.iam_documents import Statement, as_list

TAGS = "aws:principaltag/"
_KEYS = frozenset({PRINCIPAL_ARN, "aws:username", "aws:userid"})
_VARIABLE = re.compile(r"\$\{\s*([^},]+?)\s*[,}]")


def tested(statement: Statement) -> frozenset[str]:
    """The keys of who asks that a statement's condition tests, by their names in lower case."""
    return frozenset(key.lower() for _, key, _ in statement.tests if _of_principal(key.lower()))


def inserted(statement: Statement) -> frozenset[str]:
    """Those that a statement inserts into its resources or values, as policy variables."""
    names = (found[1].lower() for text in _texts(statement) for found in _VARIABLE.finditer(text))
    return frozenset(name for name in names if _of_principal(name))


def _of_principal(key: str) -> bool:
    return key in _KEYS or key.startswith(TAGS)


def _texts(statement: Statement) -> Iterator[str]:
    values = [one for _, _, listed in statement.tests for one in as_list(listed)]
    yield from (each for each in (*statement.resources, *statement.not_resources, *values) if isinstance(each, str))
