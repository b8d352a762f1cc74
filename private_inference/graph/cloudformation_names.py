"""The AWS provider's names for CloudFormation's types and properties: by rule, and otherwise by cloudformation.json."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from private_inference.graph.schema import Node, load

FILE = Path(__file__).with_name("cloudformation.json")


@cache
def corrections() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


@cache
def _tokens() -> Mapping[tuple[str, str], str]:
    """The provider's types by module and name, in lower case."""
    split = ((token, re.split("[:/]", token)) for token in load() if token.startswith("aws:"))
    return {(parts[1].lower(), parts[-1].lower()): token for token, parts in split}


def node_of(name: str, token: str) -> Node:
    """The properties of one of CloudFormation's types: the provider's, and those that it has no argument for."""
    beyond: Node = corrections()["beyond"].get(name, {})
    return {**load().get(token, {}), **beyond}


def provider_type(name: Any) -> str | None:
    """The provider's type for one of CloudFormation's; None if there is none, or none that is known to be the same."""
    parts = str(name).split("::")
    if len(parts) != 3:
        return None
    module = parts[1].lower()
    by_rule = _tokens().get((corrections()["modules"].get(module, module), parts[2].lower()))
    corrected: str | None = corrections()["types"].get(name, by_rule)
    return corrected


def property_name(node: Node, type_name: str, path: str) -> str | None:
    """The provider's name of the property at a path of CloudFormation's names; empty for a block that it has no level
    for, None if there is none."""
    corrected: str | None = corrections()["names"].get(type_name, {}).get(path)
    if corrected is not None:
        return corrected
    name = path.rpartition(".")[2].lower()
    spellings = [name, name.removesuffix("document"), f"{name}s"]
    if f"::{name.removesuffix('name')}" in type_name.lower() and name.endswith("name"):
        spellings.append("name")
    by_spelling = {key.lower(): key for key in node}
    return next((by_spelling[each] for each in spellings if each in by_spelling), None)
