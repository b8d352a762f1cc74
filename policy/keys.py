"""Where resources name the key that encrypts their data: read from the names of the provider's schema, at any depth."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from policy.resources import Resource
from policy.schema import corrections
from private_inference.graph.schema import Node, load
from private_inference.graph.values import Unknown, is_given, joined, known, pick, spread

KEY = re.compile(r"(?i)(?=\w*(kms|cmk|encryptionkey|managedkey))\w*(key|arn|id|identifier)$")
"""Names of keys. In a block that is about encryption, `keyArn`, `keyId` and `id` are, too."""
SWITCH = re.compile(r"(\w*[eE]ncrypted|\w*[eE]ncryptionEnabled)$")
KIND = ("encryptionType", "sseAlgorithm", "keyType")


@dataclass(frozen=True)
class Place:
    """A place for a key: the block that holds it, with its path, and what turns encryption on beside it.

    switches: booleans that have to be true; kinds: texts that have to say KMS.
    """

    path: str
    block: Any
    key: str
    switches: Sequence[str]
    kinds: Sequence[str]


def places(resource: Resource) -> Iterator[Place]:
    """The places where a resource has to name a key.

    A block that isn't about encryption counts where it is given; what corrections.json lists as not needed, or not with
    another property, where a key is given.
    """
    not_with = corrections()["keys"]["not with"]
    not_needed = {
        *corrections()["keys"]["not needed"],
        *(place for place, other in not_with.items() if is_given(resource.get(other))),
    }
    for schema_path, place in _places("", "", load().get(resource.type, {}), resource.properties):
        if not {place.key, f"{resource.type} {schema_path}"} & not_needed or pick(place.block, place.key) is not None:
            yield place
    for key, only_if in corrections()["keys"]["also"].get(resource.type, {}).items():
        if all(known(resource.get(name)) == value for name, value in only_if.items()):
            yield Place("", resource.properties, key, (), ())


def _places(schema_path: str, path: str, node: Node, block: Any) -> Iterator[tuple[str, Place]]:
    about = _about_encryption(schema_path.rpartition(".")[2])
    keys = [name for name, kind in node.items() if kind == "s" and _is_key(name, about)]
    if isinstance(block, Unknown):
        if _holds_keys(node, about):
            yield schema_path, Place(path, block, "", (), ())
        return
    switches = [n for n, kind in node.items() if kind in ("b", "s") and (SWITCH.match(n) or (about and n == "enabled"))]
    kinds = [name for name in KIND if node.get(name) == "s"]
    for name in keys:
        yield joined(schema_path, name), Place(path, block, name, switches, kinds)
    for name, inner in node.items():
        if isinstance(inner, dict):
            given = list(spread(joined(path, name), pick(block, name)))
            if not given and (_about_encryption(name) or (block is not None and len(inner) == 1 and _keys_only(inner))):
                given = [(joined(path, name), None)]
            for inner_path, each in given:
                yield from _places(joined(schema_path, name), inner_path, inner, each)


def _holds_keys(node: Node, about_encryption: bool) -> bool:
    return any(
        _holds_keys(kind, _about_encryption(name)) if isinstance(kind, dict) else _is_key(name, about_encryption)
        for name, kind in node.items()
    )


def _keys_only(node: Node) -> bool:
    return all(kind == "s" and _is_key(name, about_encryption=False) for name, kind in node.items())


def _about_encryption(name: str) -> bool:
    return "ncrypt" in name and "ransit" not in name


def _is_key(name: str, about_encryption: bool) -> bool:
    return bool(KEY.match(name)) or (about_encryption and name in ("keyArn", "keyId", "id"))
