"""What a resource was given: every value at any depth, by its path."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from policy.iam_documents import Statement, statements
from policy.resources import Resource
from private_inference.graph.iam_documents import DocumentError
from private_inference.graph.values import Unknown, joined


class Given(NamedTuple):
    """A value that isn't a structure, its path, and the name that it goes by."""

    path: str
    name: str
    value: Any

    @property
    def text(self) -> str:
        """The value if it is known and text, or empty."""
        return self.value if isinstance(self.value, str) else ""


def values(resource: Resource) -> Iterator[Given]:
    """All values; those of JSON text (but for policy documents) with it, each by the path of the text."""
    yield from _values("", "", resource.properties)


def _values(path: str, name: str, value: Any) -> Iterator[Given]:
    if isinstance(value, Mapping):
        pair = value.get("name") if "value" in value else None
        for key, inner in value.items():
            yield from _values(joined(path, key), pair if key == "value" and isinstance(pair, str) else key, inner)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _values(joined(path, position), name, inner)
    elif isinstance(value, Unknown) or value is not None:
        yield Given(path, name, value)
        if isinstance(value, str) and value[:1] in ("{", "["):
            decoded = _decoded(value)
            if decoded is not None and not _is_document(decoded):
                yield from _values(path, name, decoded)


def documents(resource: Resource) -> Iterator[tuple[str, list[Statement]]]:
    """The policy documents of a resource, wherever they stand, each with its path."""
    for given in values(resource):
        if given.text.startswith("{") and _is_document(_decoded(given.text)):
            try:
                yield given.path, statements(given.text)
            except DocumentError:
                continue  # policies_are_documents says so


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_document(decoded: Any) -> bool:
    return isinstance(decoded, Mapping) and "Statement" in decoded


ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:([\w-]*):(\d{12}):")
"""An ARN anywhere in a text: its region and its account."""


def account_of(text: str) -> str | None:
    """The account that an ARN, or a bare number of twelve digits, names."""
    found = re.fullmatch(r"(?:arn:[^:]*:[^:]*:[^:]*:)?(\d{12})(?::.*)?", text, re.DOTALL)
    return found[1] if found else None


REGION = re.compile(r"(?:af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov)-[a-z]+-\d")


def region_of(text: str) -> str | None:
    """The region that an ARN, an endpoint service or a bare name names."""
    found = re.fullmatch(rf"(?:arn:[^:]*:[^:]*:)?({REGION.pattern})(?::.*)?", text, re.DOTALL) or re.fullmatch(
        rf"com\.amazonaws\.({REGION.pattern})\..*", text
    )
    return found[1] if found else None
