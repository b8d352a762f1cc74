"""The AWS provider's types and the names of their properties: schema.json.

`python -m private_inference.runner.refresh_policy_schema` writes it.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("schema.json")

Node = Mapping[str, Any]
"""Properties by name: `s` text, `b` boolean, `n` number, `m` a free mapping, or the Node of a block (or of each one of
a list)."""


@cache
def load() -> Mapping[str, Node]:
    """The properties by type."""
    found: Mapping[str, Node] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def names_in(type_: str, path: str) -> set[str]:
    """The names, in lower case, of all properties inside the block at a path of a resource, at any depth."""
    node: Any = load().get(type_, {})
    for step in path.split("."):
        node = node if step.isdigit() or not isinstance(node, Mapping) else node.get(step, {})
    return {name.lower() for name in _names(node)}


@cache
def names_of(type_: str) -> frozenset[str]:
    """The names of all properties of a type, at any depth."""
    return frozenset(_names(load().get(type_, {})))


def _names(node: Any) -> set[str]:
    return set(node).union(*map(_names, node.values())) if isinstance(node, Mapping) else set()
