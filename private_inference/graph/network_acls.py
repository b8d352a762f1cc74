"""The entries of network ACLs in both spellings: inline and stand-alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from private_inference.graph.resources import Resource
from private_inference.graph.security_groups import DIRECTIONS
from private_inference.graph.types import NETWORK_ACL_RULE
from private_inference.graph.values import Unknown, is_given, joined, pick, pick_first, protocol_text


@dataclass(frozen=True, eq=False)
class AclEntry:
    """An entry as a resource declares it; every value may be Unknown, and so may the whole entry (`properties`).

    `path` is the entry's own in the resource, empty for a stand-alone one.
    """

    path: str
    egress: Any
    properties: Any

    @property
    def number(self) -> Any:
        return pick_first(self.properties, "ruleNo", "ruleNumber")

    @property
    def action(self) -> Any:
        """`allow` or `deny`."""
        value = pick_first(self.properties, "action", "ruleAction")
        return value if value is None or isinstance(value, Unknown) else str(value).lower()

    @property
    def protocol(self) -> Any:
        """A name or a number, as text."""
        return protocol_text(pick(self.properties, "protocol"))

    @property
    def ports(self) -> tuple[Any, Any]:
        return pick(self.properties, "fromPort"), pick(self.properties, "toPort")

    @property
    def icmp(self) -> tuple[Any, Any]:
        """ICMP's type and code."""
        return pick(self.properties, "icmpType"), pick(self.properties, "icmpCode")

    @property
    def blocks(self) -> list[tuple[str, Any]]:
        """The IPv4 and the IPv6 block, as far as they are given, each with its path."""
        keys = ("cidrBlock", "ipv6CidrBlock")
        found = [(joined(self.path, key), pick(self.properties, key)) for key in keys]
        return [(path, block) for path, block in found if is_given(block)]


def entries_of(resource: Resource) -> Iterator[AclEntry]:
    """The entries that a resource declares: an ACL's inline ones, or the one that it is."""
    if resource.type == NETWORK_ACL_RULE:
        yield AclEntry("", resource.get("egress"), resource.properties)
    else:
        for direction in DIRECTIONS:
            for path, properties in resource.inputs(direction):
                yield AclEntry(path, direction == "egress", properties)
