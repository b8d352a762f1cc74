"""The security groups and network ACLs of a Pulumi program, their rules inline or stand-alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from private_inference.graph.references import LATER, UNKNOWN, PulumiResource, References
from private_inference.graph.types import (
    ACL,
    ACL_RULE,
    DEFAULT_ACL,
    DEFAULT_GROUP,
    EGRESS_RULE,
    GROUP,
    GROUP_RULE,
    INGRESS_RULE,
    PREFIX_LIST,
)
from private_inference.reachability.model import (
    AclRule,
    Cidr,
    GroupRef,
    NetworkAcl,
    PrefixListRef,
    SecurityGroup,
    SgRule,
    Vpc,
)
from private_inference.reachability.traffic import ALL_TRAFFIC, ANYWHERE, acl_services, group_services

OUTSIDE = "is not part of this program, so its rules and members aren't known"

Peer = Cidr | PrefixListRef | GroupRef
Raw = Mapping[str, Any]


def default_acl(vpc: str) -> str:
    """The id of the network ACL that a VPC comes with."""
    return f"{vpc}/default-network-acl"


def default_group(vpc: str) -> str:
    """The id of the security group that a VPC comes with."""
    return f"{vpc}/default-security-group"


# Network ACLs


def network_acls(references: References, vpcs: Mapping[str, Vpc]) -> dict[str, NetworkAcl]:
    """The ACLs by URN (VPCs' own by `default_acl`); those that a program adopts have the rules it gives, no others."""
    found = {default_acl(vpc): NetworkAcl(default_acl(vpc), vpc, _open_acl(), _open_acl(), "default") for vpc in vpcs}
    for resource in references.all(DEFAULT_ACL):
        if vpc := references.own_vpc(resource, "defaultNetworkAclId"):
            found[default_acl(vpc)] = _acl(references, resource, default_acl(vpc), vpc)
    for resource in references.all(ACL):
        if vpc := references.own_vpc(resource):
            found[resource.urn] = _acl(references, resource, resource.urn, vpc)
    for resource in references.all(ACL_RULE):
        key = acl_meant(references, resource, "networkAclId")
        if key in found:
            rules = _acl_rules(references, resource, resource.properties, "")
            found[key] = _with_rules(found[key], resource.properties.get("egress"), tuple(rules))
        elif key:
            references.undecide(resource, "networkAclId", f"names {key}, which {OUTSIDE}")
    return found


def _with_rules(acl: NetworkAcl, egress: Any, rules: tuple[AclRule, ...]) -> NetworkAcl:
    if egress is True:
        return replace(acl, egress=(*acl.egress, *rules))
    return replace(acl, ingress=(*acl.ingress, *rules))


def acl_meant(references: References, resource: PulumiResource, path: str) -> str | None:
    """The id of the ACL that a property means."""
    urn = references.one(resource, path, ACL, DEFAULT_ACL)
    adopted = {one.urn: one for one in references.all(DEFAULT_ACL)}
    vpc = references.own_vpc(adopted[urn], "defaultNetworkAclId") if urn in adopted else urn
    return default_acl(vpc) if vpc and references.is_vpc(vpc) else urn


def _open_acl() -> tuple[AclRule, ...]:
    """The rules of an ACL as AWS makes a VPC's own ("Default network ACL", Amazon VPC User Guide)."""
    return tuple(AclRule(100 + number, True, ALL_TRAFFIC, block) for number, block in enumerate(ANYWHERE))


def _acl(references: References, resource: PulumiResource, key: str, vpc: str) -> NetworkAcl:
    def rules(direction: str) -> tuple[AclRule, ...]:
        entries = _entries(references, resource, direction)
        return tuple(rule for path, raw in entries for rule in _acl_rules(references, resource, raw, path))

    return NetworkAcl(key, vpc, rules("ingress"), rules("egress"), resource.name)


def _acl_rules(references: References, resource: PulumiResource, raw: Raw, path: str) -> Iterator[AclRule]:
    """The rules that one entry stands for: one for each of its blocks.

    What isn't known is taken for a rule that allows everything, unless it is known to deny.
    """
    action = raw.get("ruleAction", raw.get("action", UNKNOWN))
    number = raw.get("ruleNumber", raw.get("ruleNo", UNKNOWN))
    blocks = [block for key in ("cidrBlock", "ipv6CidrBlock") if (block := raw.get(key))]
    asked = [raw.get(key) for key in ("protocol", "fromPort", "toPort", "icmpType", "icmpCode")]
    if any(value is UNKNOWN for value in (action, number, *blocks, *asked)):
        references.undecide(resource, path or "cidrBlock", LATER)
        if action != "deny":
            yield from (AclRule(0, True, ALL_TRAFFIC, block) for block in ANYWHERE)
        return
    offered = acl_services(_protocol(asked[0]), *map(_number, asked[1:]))
    yield from (AclRule(int(number), action == "allow", offered, block) for block in blocks)


# Security groups


@dataclass
class _Rules:
    """The rules of one group while they are collected."""

    vpc: str
    name: str
    ingress: list[SgRule] = field(default_factory=list)
    egress: list[SgRule] = field(default_factory=list)

    def group(self, key: str) -> SecurityGroup:
        return SecurityGroup(key, self.vpc, tuple(self.ingress), tuple(self.egress), self.name)


class Groups:
    """The security groups of a program, and what its references to groups mean."""

    def __init__(self, references: References, vpcs: Mapping[str, Vpc], prefix_lists: set[str]) -> None:
        self._references = references
        self._vpcs = vpcs
        self._prefix_lists = prefix_lists
        self._rules: dict[str, _Rules] = {}
        self._adopted: dict[str, str] = {}
        for vpc in vpcs:
            # The rules that AWS gives a VPC's own group: "Default security groups", Amazon VPC User Guide.
            own, out = GroupRef(default_group(vpc)), [SgRule(ALL_TRAFFIC, Cidr(block)) for block in ANYWHERE]
            self._rules[default_group(vpc)] = _Rules(vpc, "default", [SgRule(ALL_TRAFFIC, own)], out)
        self._find()
        self._read()

    def groups(self) -> list[SecurityGroup]:
        """Every group with its rules; read last, because references can add groups from outside the program."""
        return [rules.group(key) for key, rules in self._rules.items()]

    def meant(self, resource: PulumiResource, path: str, vpc: str) -> frozenset[str]:
        """The groups that a property means; the VPC's own where it gives none.

        A group outside the program is taken to let everything through, and recorded as undecided.
        """
        named = self._references.many(resource, path, GROUP, DEFAULT_GROUP)
        if not named and self._references.given(resource, path.partition(".")[0]) is None:
            return frozenset({default_group(vpc)})
        for urn in named:
            if self._key(urn) not in self._rules:
                self._references.undecide(resource, path, f"names {urn}, which {OUTSIDE}")
                self.open(urn, vpc)
        return frozenset(map(self._key, named))

    def open(self, key: str, vpc: str) -> str:
        """A group that lets everything through, for interfaces that have none or one that isn't known."""
        everything = [SgRule(ALL_TRAFFIC, Cidr(block)) for block in ANYWHERE]
        self._rules.setdefault(key, _Rules(vpc, key, everything, everything))
        return key

    def _key(self, urn: str) -> str:
        return default_group(urn) if urn in self._vpcs else self._adopted.get(urn, urn)

    def _find(self) -> None:
        for resource in self._references.all(GROUP, DEFAULT_GROUP):
            if vpc := self._references.own_vpc(resource):
                if resource.type == DEFAULT_GROUP:
                    self._adopted[resource.urn] = default_group(vpc)
                self._rules[self._key(resource.urn)] = _Rules(vpc, resource.name)

    def _read(self) -> None:
        for resource in self._references.all(GROUP, DEFAULT_GROUP):
            for direction in ("ingress", "egress"):
                for path, raw in _entries(self._references, resource, direction):
                    self._add(resource, self._key(resource.urn), direction, raw, path)
        for resource in self._references.all(GROUP_RULE, INGRESS_RULE, EGRESS_RULE):
            direction = {INGRESS_RULE: "ingress", EGRESS_RULE: "egress"}.get(
                resource.type, str(resource.properties.get("type"))
            )
            owner = self._references.one(resource, "securityGroupId", GROUP, DEFAULT_GROUP)
            if owner is not None:
                self._add(resource, self._key(owner), direction, resource.properties, "")

    def _add(self, resource: PulumiResource, key: str, direction: str, raw: Raw, path: str) -> None:
        """Add the rules of one entry to a group of the program."""
        if key not in self._rules:
            self._references.undecide(resource, path or "securityGroupId", f"names {key}, which {OUTSIDE}")
            return
        rules: list[SgRule] = getattr(self._rules[key], direction)
        if not raw:
            rules += [SgRule(ALL_TRAFFIC, Cidr(block), resource.name) for block in ANYWHERE]
            return
        asked = [raw.get("protocol", raw.get("ipProtocol")), raw.get("fromPort"), raw.get("toPort")]
        if any(value is UNKNOWN for value in asked):
            self._references.undecide(resource, path or "fromPort", LATER)
            offered = ALL_TRAFFIC
        else:
            offered = group_services(_protocol(asked[0]), *map(_number, asked[1:]))
        rules += [SgRule(offered, peer, resource.name) for peer in self._peers(resource, key, raw, path)]

    def _peers(self, resource: PulumiResource, key: str, raw: Raw, path: str) -> Iterator[Peer]:
        if raw.get("self"):
            yield GroupRef(key)
        for name in ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks"):
            for block in _listed(raw.get(name)):
                yield from self._block(resource, block, _joined(path, name))
        for name in ("prefixListId", "prefixListIds"):
            for one in _listed(raw.get(name)):
                yield from self._prefix_list(resource, one, _joined(path, name))
        for name in ("referencedSecurityGroupId", "sourceSecurityGroupId", "securityGroups"):
            for one in _listed(raw.get(name)):
                yield from self._group(resource, one, _joined(path, name))

    def _block(self, resource: PulumiResource, block: Any, path: str) -> Iterator[Peer]:
        if block is UNKNOWN:
            self._references.undecide(resource, path, LATER)
            yield from map(Cidr, ANYWHERE)
        else:
            yield Cidr(block)

    def _prefix_list(self, resource: PulumiResource, value: Any, path: str) -> Iterator[Peer]:
        for one in self._references.named(resource, path, value, PREFIX_LIST) or ["unknown"]:
            if one in self._prefix_lists:
                yield PrefixListRef(one)
            else:
                self._references.undecide(
                    resource, path, f"names prefix list {one or '(unknown)'}, whose blocks aren't known"
                )
                yield from map(Cidr, ANYWHERE)

    def _group(self, resource: PulumiResource, value: Any, path: str) -> Iterator[Peer]:
        for urn in self._references.named(resource, path, value, GROUP, DEFAULT_GROUP):
            key = self._key(urn)
            if key in self._rules:
                yield GroupRef(key)
            else:
                self._references.undecide(resource, path, f"names {urn}, which {OUTSIDE}")


# Values


def _entries(references: References, resource: PulumiResource, key: str) -> Iterator[tuple[str, Raw]]:
    """The elements of a list of rules, each with its path; an empty one stands for what isn't known."""
    values = references.given(resource, key)
    for position, raw in enumerate([UNKNOWN] if values is UNKNOWN else values or ()):
        path = key if values is UNKNOWN else f"{key}.{position}"
        if raw is UNKNOWN:
            references.undecide(resource, path, LATER)
        yield path, {} if raw is UNKNOWN else raw


def _listed(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _number(value: Any) -> int | None:
    return None if value is None else int(float(value))


def _protocol(value: Any) -> str:
    """A protocol as text: the wire makes floats of numbers."""
    return str(int(value)) if isinstance(value, int | float) else str(value)
