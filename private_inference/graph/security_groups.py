"""The rules of security groups in all their spellings: inline, stand-alone for one direction, and the older ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from private_inference.graph.resources import Resource
from private_inference.graph.types import EGRESS_RULE, INGRESS_RULE, SECURITY_GROUP_RULE
from private_inference.graph.values import Unknown, joined, pick, pick_first, protocol_text, spread

Direction = Literal["ingress", "egress"]
DIRECTIONS: tuple[Direction, ...] = ("ingress", "egress")
RULE_TYPES = (INGRESS_RULE, EGRESS_RULE, SECURITY_GROUP_RULE)
"""Types that are one rule of the group in their `securityGroupId`."""


@dataclass(frozen=True, eq=False)
class SecurityGroupRule:
    """A rule as a resource declares it; every value may be Unknown, and so may the whole rule (`properties`).

    `path` is the rule's own in the resource, empty for a stand-alone rule. Peers come each with its path.
    """

    path: str
    direction: Any
    properties: Any

    @property
    def protocol(self) -> Any:
        """A name or a number, as text."""
        return protocol_text(pick_first(self.properties, "protocol", "ipProtocol"))

    @property
    def ports(self) -> tuple[Any, Any]:
        """The first and the last port, or ICMP's type and code; None if the rule gives none."""
        return pick(self.properties, "fromPort"), pick(self.properties, "toPort")

    @property
    def blocks(self) -> list[tuple[str, Any]]:
        return self._peers("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")

    @property
    def prefix_lists(self) -> list[tuple[str, Any]]:
        return self._peers("prefixListIds", "prefixListId")

    @property
    def groups(self) -> list[tuple[str, Any]]:
        return self._peers("securityGroups", "sourceSecurityGroupId", "referencedSecurityGroupId")

    @property
    def own_group(self) -> Any:
        """Whether the group's own members are peers, beside `groups`."""
        return pick(self.properties, "self")

    def _peers(self, *keys: str) -> list[tuple[str, Any]]:
        if isinstance(self.properties, Unknown):
            return [(self.path, self.properties)]
        return [peer for key in keys for peer in spread(joined(self.path, key), self.properties.get(key))]


def rules_of(resource: Resource) -> Iterator[SecurityGroupRule]:
    """The rules that a resource declares: a group's inline ones, or the one that it is."""
    if resource.type == SECURITY_GROUP_RULE:
        yield SecurityGroupRule("", resource.get("type"), resource.properties)
    elif resource.type in RULE_TYPES:
        yield SecurityGroupRule("", "ingress" if resource.type == INGRESS_RULE else "egress", resource.properties)
    else:
        for direction in DIRECTIONS:
            for path, properties in resource.inputs(direction):
                yield SecurityGroupRule(path, direction, properties)
