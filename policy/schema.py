"""The AWS provider's types and the names of their properties: schema.json.

`python -m private_inference.runner.refresh_policy_schema` writes it.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("schema.json")
ACTIONS = Path(__file__).with_name("actions.json")

Node = Mapping[str, Any]
"""Properties by name: `s` text, `b` boolean, `n` number, `m` a free mapping, or the Node of a block (or of each one of
a list)."""


@cache
def load() -> Mapping[str, Node]:
    """The properties by type."""
    found: Mapping[str, Node] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


@cache
def takes_no_resource(action: str) -> bool:
    """Whether AWS knows no resource for an action, such as `ec2:DescribeVpcs`: its statement has to say `*`."""
    service, _, name = action.lower().partition(":")
    return name in _without_resource().get(service, ())


@cache
def _without_resource() -> Mapping[str, frozenset[str]]:
    services = json.loads(ACTIONS.read_text(encoding="utf-8"))
    return {service: frozenset(names) for service, names in services.items()}


@cache
def corrections() -> Mapping[str, Any]:
    """What general rules get wrong or can't read from names, with reasons: corrections.json."""
    found: Mapping[str, Any] = json.loads(FILE.with_name("corrections.json").read_text(encoding="utf-8"))
    return found
