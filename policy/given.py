"""What a resource was given: every value at any depth, by its path."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from policy.findings import Findings, for_each
from policy.resources import Resource
from policy.schema import corrections
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


def each_value(
    resource: Resource, wrong: Callable[[Given], str | None], among: Iterable[Given] | None = None
) -> Findings:
    """Judge every value (or some of them) on its own: `wrong` returns what is wrong with one, or None."""
    found = values(resource) if among is None else among

    def judge(given: Given) -> Findings:
        what = wrong(given)
        if what:
            yield resource.violation(f"{what} ({given.path})")

    yield from for_each(found, judge)


WORDS = ("name", "description", "tags", "tagsAll", "variables", "environment", "environments", "labels", "metadata")
"""Properties whose values are anybody's words."""


def choices(resource: Resource) -> Iterator[Given]:
    """The values that AWS gives a meaning: all but those of properties that hold anybody's words."""
    return (given for given in values(resource) if not set(given.path.split(".")) & {*WORDS})


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
        decoded = _decoded(value)
        if decoded is not None and not _is_document(decoded):
            yield from _values(path, name, decoded)


DOCUMENT = re.compile(
    r"policy|policyDocument|inlinePolicies|accessPolicies|"
    r"(access|assumeRole|bucket|deliveryDestination|inline|repository|resource|session)Policy"
)
"""Names of properties that hold policy documents of IAM. Others hold one where their text says so."""


def documents(resource: Resource) -> Iterator[tuple[str, Any]]:
    """The policy documents of a resource, wherever they stand, each with its path: unknown and malformed ones, too."""
    if resource.type not in corrections()["documents"]["of another form"]:
        yield from _documents("", "", resource.properties)


def _documents(path: str, name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and not _is_document(value):
        for key, inner in value.items():
            yield from _documents(joined(path, key), key, inner)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _documents(joined(path, position), name, inner)
    elif _named_document(name, value) or _is_document(value) or _is_document(_decoded(value)):
        yield path, value


def _named_document(name: str, value: Any) -> bool:
    return bool(DOCUMENT.fullmatch(name) and (isinstance(value, Unknown) or value))


def _decoded(value: Any) -> Any:
    """What JSON text that is a structure stands for, else None."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return None
    try:
        return json.loads(value)
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
