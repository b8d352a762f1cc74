"""Other values for an argument, of which the AWS provider may accept one: to see what a change of it does."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str | int, ...]
"""Where a value is in a resource's arguments: `("production_variants", 0, "instance_type")`."""

ARN = "arn:aws:iam::123456789012:role/example"
DOCUMENT = '{"Version": "2012-10-17", "Statement": []}'

NEW: Mapping[str, Sequence[Any]] = {
    "bool": (True, False),
    "number": (1, 60),
    "string": ("example", "17"),
}
"""Values for an argument that had none, by the schema's type."""


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The plain values in a tree. Of a list only the first item's: the items of a list are of one kind."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        yield from (leaves(value[0], (*path, 0)) if value else ())
    elif value is not None:
        yield path, value


def put(tree: Any, path: Path, value: Any) -> Any:
    """The tree with another value at `path`."""
    if not path:
        return value
    key, *rest = path
    if isinstance(tree, list) and isinstance(key, int):
        return [put(item, tuple(rest), value) if index == key else item for index, item in enumerate(tree)]
    return {**(tree or {}), key: put((tree or {}).get(key), tuple(rest), value)}


def others(value: Any) -> list[Any]:
    """Values like `value`, the likeliest to be accepted first."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1, value * 2]
    text = str(value)
    if text[:1] in "{[" and (document := _other_document(text)):
        return [document]
    if re.fullmatch(r"[\d.]+/\d+", text):
        return ["10.99.0.0/16", text.replace(text.split(".")[0], "11", 1)]
    return list(dict.fromkeys([_other_end(text), f"{text}x", *_other_words(text), "17"]))


def accepted(message: str) -> list[Any]:
    """The values that the provider says it accepts: `one of ["a" "b"]`, `in the range (1 - 9)`, `invalid ARN`, and
    `Valid Values: [a b ]`."""
    text = " ".join(message.split())
    if choices := re.search(r"one of:?\s*\[(.*?)\]", text):
        quoted: list[Any] = re.findall(r'"([^"]*)"', choices[1])
        return quoted or [int(each) for each in re.findall(r"-?\d+", choices[1])]
    if words := re.search(r"Valid Values: \[(.*?)\]", text):
        return words[1].split()
    if bounds := re.search(r"in the range \((-?\d+) - (-?\d+)\)", text):
        return [int(bounds[2]), int(bounds[1])]
    kinds = {"invalid ARN": ARN, "invalid JSON": DOCUMENT, "CIDR": "10.99.0.0/16"}
    return [value for sign, value in kinds.items() if sign in text]


def like(refused: Any, value: Any) -> Any:
    """A plain value in the list or map that the refused one was in."""
    if isinstance(refused, list):
        return [value]
    return dict.fromkeys(refused, value) if isinstance(refused, dict) else value


def conflicting(message: str) -> bool:
    """Whether the provider refuses the argument beside what the resource has, whatever its value."""
    return "onflict" in message or "nvalid combination" in message.lower()


def _other_end(text: str) -> str:
    """With another last character of the same class: `us-east-1a` → `us-east-1b`, `key/…9f` → `key/…9e`."""
    head, last = text[:-1], text[-1:]
    neighbour = chr(ord(last) - 1) if last and last not in "0aA" else {"0": "1", "a": "b", "A": "B"}.get(last, "")
    return head + (neighbour if neighbour.isalnum() else f"{last}x")


def _other_words(text: str) -> Iterator[str]:
    """A name that ends in a suffix with a meaning, changed before it."""
    head, separator, tail = text.partition("-")
    if separator:
        yield f"{head}x-{tail}"
    head, separator, tail = text.rpartition(":")
    if separator:
        yield f"{head}x:{tail}"


def _other_document(text: str) -> str:
    """A JSON document of which the longest text is another."""
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    texts = [(path, value) for path, value in leaves(document) if isinstance(value, str)]
    if not texts:
        return ""
    path, longest = max(texts, key=lambda each: len(each[1]))
    return json.dumps(put(document, path, f"{longest}x"))
