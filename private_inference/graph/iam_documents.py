"""The grammar of IAM policy documents: what may be written as one value or as a list, as text or as a structure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping
from typing import Any


class DocumentError(ValueError):
    """A policy that is no JSON, or JSON of another shape; the message says which."""


def decoded(document: Any) -> Mapping[str, Any]:
    """A document that is given as JSON text or as the structure itself. Raises DocumentError if it is neither."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except json.JSONDecodeError:
            raise DocumentError("it is not JSON") from None
    if not isinstance(document, Mapping):
        raise DocumentError("it is not a JSON object")
    return document


def as_list(value: Any) -> list[Any]:
    """The elements of a member that may be one value or a list; none where it is left out."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def principals(value: Any) -> list[tuple[str | None, Any]]:
    """The principals of a Principal or NotPrincipal, each with its kind (`AWS`, `Service`); `*` alone has none."""
    if isinstance(value, Mapping):
        return [(kind, each) for kind, values in value.items() for each in as_list(values)]
    return [(None, each) for each in as_list(value)]
