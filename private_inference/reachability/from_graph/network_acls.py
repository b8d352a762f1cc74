"""The network ACLs of a Pulumi program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from private_inference.graph.network_acls import AclEntry, entries_of
from private_inference.graph.resources import Resource
from private_inference.graph.types import DEFAULT_NETWORK_ACL, NETWORK_ACL, NETWORK_ACL_RULE
from private_inference.graph.values import Unknown, port_number
from private_inference.reachability.from_graph.references import ADOPTING, LATER, OUTSIDE, References, default_of
from private_inference.reachability.model import AclRule, NetworkAcl, Vpc
from private_inference.reachability.traffic import ALL_TRAFFIC, ANYWHERE, acl_services

# The rules of an ACL as AWS makes a VPC's own: "Default network ACL", Amazon VPC User Guide.
OPEN = tuple(AclRule(100 + position, True, ALL_TRAFFIC, block) for position, block in enumerate(ANYWHERE))


def network_acls(references: References, vpcs: Mapping[str, Vpc]) -> dict[str, NetworkAcl]:
    """The ACLs by URN (VPCs' own by `default_of`); those that a program adopts have the rules it gives, no others."""
    found = {}
    for vpc in vpcs:
        own = default_of(vpc, NETWORK_ACL)
        found[own] = NetworkAcl(own, vpc, OPEN, OPEN, "default")
    for resource in references.all(DEFAULT_NETWORK_ACL):
        if in_vpc := references.vpc_of(resource, ADOPTING[NETWORK_ACL][1]):
            own = default_of(in_vpc, NETWORK_ACL)
            found[own] = _with_entries(references, resource, NetworkAcl(own, in_vpc, name=resource.name))
    for resource in references.all(NETWORK_ACL):
        if in_vpc := references.vpc_of(resource):
            acl = NetworkAcl(resource.urn, in_vpc, name=resource.name)
            found[resource.urn] = _with_entries(references, resource, acl)
    for resource in references.all(NETWORK_ACL_RULE):
        key = references.one_id(resource, "networkAclId", NETWORK_ACL)
        if key in found:
            found[key] = _with_entries(references, resource, found[key])
        elif key:
            references.undecide(resource, "networkAclId", f"names {key}, which {OUTSIDE}")
    return found


def _with_entries(references: References, resource: Resource, acl: NetworkAcl) -> NetworkAcl:
    """An ACL with the entries that a resource declares."""
    for entry in entries_of(resource):
        rules = tuple(_rules(references, resource, entry))
        if isinstance(entry.egress, Unknown):
            references.undecide(resource, "egress", LATER)
            rules = tuple(rule for rule in rules if rule.allow)
        if isinstance(entry.egress, Unknown) or entry.egress:
            acl = replace(acl, egress=(*acl.egress, *rules))
        if isinstance(entry.egress, Unknown) or not entry.egress:
            acl = replace(acl, ingress=(*acl.ingress, *rules))
    return acl


def _rules(references: References, resource: Resource, entry: AclEntry) -> Iterator[AclRule]:
    """The rules that an entry stands for: one for each of its blocks.

    What isn't known is taken for a rule that allows everything, unless it is known to deny.
    """
    blocks = [block for _, block in entry.blocks]
    values = [entry.number, entry.action, entry.protocol, *entry.ports, *entry.icmp, *blocks]
    if entry.number is None or entry.action is None or any(isinstance(value, Unknown) for value in values):
        references.undecide(resource, entry.path or "cidrBlock", LATER)
        if isinstance(entry.action, Unknown) or entry.action != "deny":
            yield from (AclRule(0, True, ALL_TRAFFIC, block) for block in ANYWHERE)
        return
    services = acl_services(str(entry.protocol), *map(port_number, entry.ports), *map(port_number, entry.icmp))
    yield from (AclRule(int(entry.number), entry.action == "allow", services, block) for block in blocks)
