"""Security-group and network-ACL rules in one form each, inline and stand-alone ones joined."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from policy.addresses import within
from policy.resources import Resource, Stack, pick, spread
from policy.unknowns import known

NETWORK_ACL = "aws:ec2/networkAcl:NetworkAcl"
DEFAULT_NETWORK_ACL = "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"
NETWORK_ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
SECURITY_GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

Direction = Literal["ingress", "egress"]

ALL_PORTS = (0, 65535)
FIRST_CLIENT_PORT = 1024
LINUX_CLIENT_PORTS = (32768, 65535)
"""https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports"""


def group_blocks(resource: Resource, direction: Direction) -> Iterator[tuple[str, Any]]:
    """The CIDR blocks that a group or a rule opens in a direction, each with its path; unknown ones included."""
    if resource.type in (SECURITY_GROUP, DEFAULT_SECURITY_GROUP):
        for path, rule in resource.entries(direction):
            yield from _blocks(rule, f"{path}.")
    elif resource.type == SECURITY_GROUP_RULE:
        if known(resource.get("type")) == direction:
            yield from _blocks(resource.properties, "")
    else:
        for key in ("cidrIpv4", "cidrIpv6"):
            yield from resource.entries(key)


def _blocks(rule: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for key in ("cidrBlocks", "ipv6CidrBlocks"):
        yield from spread(f"{prefix}{key}", pick(rule, key))


@dataclass(frozen=True)
class GroupRule:
    """One permission of a security group, and the resource that declares it.

    `groups` are the peers in this stack; `peers` counts all of its blocks, prefix lists and groups.
    """

    declared_by: Resource
    protocol: str
    ports: tuple[int, int]
    blocks: tuple[str, ...]
    prefix_lists: tuple[Any, ...]
    groups: tuple[Resource, ...]
    peers: int

    @property
    def https_only(self) -> bool:
        return self.protocol in ("tcp", "6") and self.ports == (443, 443)


def group_rules(stack: Stack, group: Resource, direction: Direction) -> Iterator[GroupRule]:
    """The rules of a group in a direction, inline and stand-alone."""
    for rule in group.get(direction) or []:
        yield _inline_rule(stack, group, direction, known(rule))
    one_way = INGRESS_RULE if direction == "ingress" else EGRESS_RULE
    for declared in stack.all(one_way):
        if group in stack.targets(declared, "securityGroupId", type_=SECURITY_GROUP):
            yield _one_way_rule(stack, declared)
    for declared in stack.all(SECURITY_GROUP_RULE):
        of_group = group in stack.targets(declared, "securityGroupId", type_=SECURITY_GROUP)
        if of_group and known(declared.get("type")) == direction:
            yield _two_way_rule(stack, declared)


def _inline_rule(stack: Stack, group: Resource, direction: Direction, rule: Mapping[str, Any]) -> GroupRule:
    named = [peer for _, peer in spread("", rule.get("securityGroups"))]
    peers = stack.resolve(group, direction, named, SECURITY_GROUP)
    return _rule(group, rule, known(rule.get("protocol")), peers, len(named))


def _two_way_rule(stack: Stack, declared: Resource) -> GroupRule:
    peers = stack.targets(declared, "sourceSecurityGroupId", type_=SECURITY_GROUP)
    named = declared.get("sourceSecurityGroupId") is not None
    return _rule(declared, declared.properties, known(declared.get("protocol")), peers, int(named))


def _rule(declared: Resource, rule: Mapping[str, Any], protocol: Any, groups: list[Resource], named: int) -> GroupRule:
    blocks = tuple(known(block) for _, block in _blocks(rule, ""))
    lists = tuple(rule.get("prefixListIds") or ())
    return GroupRule(
        declared, str(protocol), _ports(rule), blocks, lists, tuple(groups), named + len(blocks) + len(lists)
    )


def _one_way_rule(stack: Stack, declared: Resource) -> GroupRule:
    blocks = tuple(known(block) for key in ("cidrIpv4", "cidrIpv6") for _, block in declared.entries(key))
    lists = tuple(value for _, value in declared.entries("prefixListId"))
    groups = stack.targets(declared, "referencedSecurityGroupId", type_=SECURITY_GROUP)
    named = int(declared.get("referencedSecurityGroupId") is not None)
    protocol = str(known(declared.get("ipProtocol")))
    ports = ALL_PORTS if protocol == "-1" else _ports(declared.properties)
    return GroupRule(declared, protocol, ports, blocks, lists, tuple(groups), named + len(blocks) + len(lists))


def _ports(rule: Mapping[str, Any]) -> tuple[int, int]:
    first, last = known(rule.get("fromPort")), known(rule.get("toPort"))
    return (int(first or 0), int(last or 0)) if first is not None else ALL_PORTS


@dataclass(frozen=True)
class AclRule:
    """A numbered rule of a network ACL, and the resource that declares it."""

    declared_by: Resource
    path: str
    egress: bool
    number: int
    allow: bool
    block: str
    ports: tuple[int, int]

    @property
    def asks(self) -> bool:
        """Whether it is about requests to a service, not (only) about answers to clients' ports."""
        return self.ports[0] < FIRST_CLIENT_PORT

    @property
    def answers(self) -> bool:
        return self.ports[0] <= LINUX_CLIENT_PORTS[0] and self.ports[1] >= LINUX_CLIENT_PORTS[1]

    def covers(self, block: str) -> bool:
        return within(block, [self.block])


def acl_rules(stack: Stack, acl: Resource) -> list[AclRule]:
    """The rules of a network ACL, inline and stand-alone. Raises UnverifiableError if one isn't known."""
    inline = [
        _acl_rule(acl, f"{direction}.{position}", rule, direction == "egress", "ruleNo", "action")
        for direction in ("ingress", "egress")
        for position, rule in enumerate(acl.get(direction) or [])
    ]
    standalone = [
        _acl_rule(declared, "", declared.properties, bool(declared.get("egress")), "ruleNumber", "ruleAction")
        for declared in stack.referring([NETWORK_ACL_RULE], ["networkAclId"], acl)
    ]
    return sorted(inline + standalone, key=lambda rule: rule.number)


def _acl_rule(
    declared: Resource, path: str, rule: Mapping[str, Any], egress: bool, number: str, action: str
) -> AclRule:
    block = known(rule.get("cidrBlock")) or known(rule.get("ipv6CidrBlock"))
    every_port = str(known(rule.get("protocol"))) in ("-1", "all")
    return AclRule(
        declared,
        path,
        egress,
        int(known(rule.get(number))),
        str(known(rule.get(action))).lower() == "allow",
        str(block),
        ALL_PORTS if every_port else _ports(rule),
    )
