"""The security groups of a Pulumi program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from private_inference.graph.resources import Resource
from private_inference.graph.security_groups import RULE_TYPES, SecurityGroupRule, rules_of
from private_inference.graph.types import DEFAULT_SECURITY_GROUP, PREFIX_LIST, SECURITY_GROUP
from private_inference.graph.values import Unknown, is_given, port_number
from private_inference.reachability.from_graph.references import LATER, OUTSIDE, References, default_of
from private_inference.reachability.intervals import Intervals
from private_inference.reachability.model import Cidr, GroupRef, PrefixListRef, SecurityGroup, SgRule, Vpc, open_rules
from private_inference.reachability.traffic import ALL_TRAFFIC, ANYWHERE, group_services

Peer = Cidr | PrefixListRef | GroupRef


class Groups:
    """The security groups of a program, and what its references to groups mean."""

    def __init__(self, references: References, vpcs: Mapping[str, Vpc], prefix_lists: set[str]) -> None:
        self._references = references
        self._prefix_lists = prefix_lists
        self._groups: dict[str, SecurityGroup] = {}
        for vpc in vpcs:
            # The rules that AWS gives a VPC's own group: "Default security groups", Amazon VPC User Guide.
            own = default_of(vpc, SECURITY_GROUP)
            members = (SgRule(ALL_TRAFFIC, GroupRef(own)),)
            self._groups[own] = SecurityGroup(own, vpc, members, open_rules(), "default")
        declared = references.all(SECURITY_GROUP, DEFAULT_SECURITY_GROUP)
        for resource in declared:
            if in_vpc := references.vpc_of(resource):
                key = self._id(resource.urn)
                self._groups[key] = SecurityGroup(key, in_vpc, name=resource.name)
        for resource in declared:
            self._read(resource, self._id(resource.urn))
        for resource in references.all(*RULE_TYPES):
            owner = references.one_id(resource, "securityGroupId", SECURITY_GROUP)
            if owner is not None:
                self._read(resource, owner)

    def groups(self) -> list[SecurityGroup]:
        """Every group with its rules; read last, because references can add groups from outside the program."""
        return list(self._groups.values())

    def named(self, resource: Resource, path: str, vpc: str) -> frozenset[str]:
        """The groups that a property names; the VPC's own where it gives none.

        A group outside the program is taken to let everything through, and recorded as undecided.
        """
        urns = self._references.many(resource, path, SECURITY_GROUP, DEFAULT_SECURITY_GROUP)
        if not urns and resource.given(path.partition(".")[0]) is None:
            return frozenset({default_of(vpc, SECURITY_GROUP)})
        for urn in urns:
            if self._id(urn) not in self._groups:
                self._references.undecide(resource, path, f"names {urn}, which {OUTSIDE}")
                self.add_open(urn, vpc)
        return frozenset(map(self._id, urns))

    def add_open(self, key: str, vpc: str) -> str:
        """Add a group that lets everything through, for interfaces that have none or one that isn't known."""
        self._groups.setdefault(key, SecurityGroup(key, vpc, open_rules(), open_rules(), key))
        return key

    def _id(self, urn: str) -> str:
        return self._references.id_of(urn, SECURITY_GROUP)

    def _read(self, resource: Resource, key: str) -> None:
        """Add the rules that a resource declares to the group with an id."""
        for rule in rules_of(resource):
            if key not in self._groups:
                path = rule.path or "securityGroupId"
                self._references.undecide(resource, path, f"names {key}, which {OUTSIDE}")
                return
            unknown = isinstance(rule.direction, Unknown)
            if unknown:
                self._references.undecide(resource, "type", LATER)
            group, rules = self._groups[key], self._made(resource, key, rule)
            if unknown or rule.direction == "ingress":
                group = replace(group, ingress=(*group.ingress, *rules))
            if unknown or rule.direction == "egress":
                group = replace(group, egress=(*group.egress, *rules))
            self._groups[key] = group

    def _made(self, resource: Resource, key: str, rule: SecurityGroupRule) -> tuple[SgRule, ...]:
        """A rule of the network for each peer; what isn't known is taken for all traffic, or for any peer."""
        if isinstance(rule.properties, Unknown):
            self._references.undecide(resource, rule.path, LATER)
            return open_rules(resource.name)
        services = self._services(resource, rule)
        return tuple(SgRule(services, peer, resource.name) for peer in self._peers(resource, key, rule))

    def _services(self, resource: Resource, rule: SecurityGroupRule) -> Intervals:
        if any(isinstance(value, Unknown) for value in (rule.protocol, *rule.ports)):
            self._references.undecide(resource, rule.path or "fromPort", LATER)
            return ALL_TRAFFIC
        return group_services(str(rule.protocol), *map(port_number, rule.ports))

    def _peers(self, resource: Resource, key: str, rule: SecurityGroupRule) -> Iterator[Peer]:
        if is_given(rule.own_group):
            yield GroupRef(key)
        for path, block in rule.blocks:
            if isinstance(block, Unknown):
                self._references.undecide(resource, path, LATER)
                yield from map(Cidr, ANYWHERE)
            else:
                yield Cidr(block)
        for path, value in rule.prefix_lists:
            for one in self._references.named(resource, path, value, PREFIX_LIST) or ["(unknown)"]:
                if one in self._prefix_lists:
                    yield PrefixListRef(one)
                else:
                    reason = f"names prefix list {one}, whose blocks aren't known"
                    self._references.undecide(resource, path, reason)
                    yield from map(Cidr, ANYWHERE)
        for path, value in rule.groups:
            for urn in self._references.named(resource, path, value, SECURITY_GROUP, DEFAULT_SECURITY_GROUP):
                if self._id(urn) in self._groups:
                    yield GroupRef(self._id(urn))
                else:
                    self._references.undecide(resource, path, f"names {urn}, which {OUTSIDE}")
