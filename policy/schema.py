"""What rules need to know of AWS beside the provider's schema: actions without resources, and corrections."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ACTIONS = Path(__file__).with_name("actions.json")
CORRECTIONS = Path(__file__).with_name("corrections.json")


@cache
def takes_no_resource(action: str) -> bool:
    """Whether AWS knows no resource for an action, such as `ec2:DescribeVpcs`: its statement has to say `*`."""
    service, _, name = action.lower().partition(":")
    return name in _without_resource().get(service, ())


def is_granted_on_any_resource(action: str) -> bool:
    """Whether AWS itself grants an action on `*` where it could name resources, and nothing is opened by it."""
    return action.lower() in _on_any_resource()


@cache
def _on_any_resource() -> frozenset[str]:
    return frozenset(action.lower() for action in corrections()["actions"]["on any resource"])


@cache
def _without_resource() -> Mapping[str, frozenset[str]]:
    services = json.loads(ACTIONS.read_text(encoding="utf-8"))
    return {service: frozenset(names) for service, names in services.items()}


@cache
def corrections() -> Mapping[str, Any]:
    """What general rules get wrong or can't read from names, with reasons: corrections.json."""
    found: Mapping[str, Any] = json.loads(CORRECTIONS.read_text(encoding="utf-8"))
    return found
