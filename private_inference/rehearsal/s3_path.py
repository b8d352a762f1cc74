"""Whether a connection from a subnet reaches S3 through its gateway endpoint, and the answers come back.

Sources: https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html (routes, and firewalls that must let
the prefix list's addresses pass) and https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from private_inference.reachability.intervals import EMPTY, Intervals, Region

HTTPS = (443, 443)
ANSWERS = (32768, 60999)
"""The ports that Linux opens connections from, if nobody says otherwise (ip_local_port_range)."""


@dataclass(frozen=True)
class AclRule:
    """A rule of a network ACL."""

    number: int
    egress: bool
    allow: bool
    protocol: str
    """IANA's number, or -1 for all."""
    cidr: str
    ports: tuple[int, int]


@dataclass(frozen=True)
class EgressRule:
    """A rule of a security group."""

    protocol: str
    """`tcp`, or -1 for all."""
    peer: str
    """An IPv4 block, or the id of a prefix list."""
    ports: tuple[int, int]


@dataclass(frozen=True)
class PrefixList:
    """S3's addresses in the region."""

    id: str
    cidrs: Sequence[str]


@dataclass(frozen=True)
class Gateway:
    """S3's gateway endpoint in a VPC, in the route table of the subnet that it was found for."""

    id: str
    policy: dict[str, object]


@dataclass(frozen=True)
class Subnet:
    """What decides on a subnet's traffic."""

    id: str
    acl: Sequence[AclRule]
    gateway: Gateway | None


def blocked(subnet: Subnet, groups: Iterable[EgressRule], s3: PrefixList) -> list[str]:
    """What keeps a connection on port 443 from S3, in words; nothing if it works for every address of the list."""
    if subnet.gateway is None:
        return [f"the route table of {subnet.id} has no S3 gateway endpoint"]
    rules = list(groups)
    group_passes = [
        rule.peer if rule.peer != s3.id else None
        for rule in rules
        if rule.protocol in ("tcp", "-1") and (rule.protocol == "-1" or rule.ports[0] <= HTTPS[0] <= rule.ports[1])
    ]
    reasons = []
    for cidr in s3.cidrs:
        if None not in group_passes and not _covered(cidr, [peer for peer in group_passes if peer]):
            reasons.append(f"no security group lets tcp 443 out to {cidr}")
        if not _acl_passes(subnet.acl, cidr, HTTPS, egress=True):
            reasons.append(f"the network ACL of {subnet.id} does not let tcp 443 out to {cidr}")
        if not _acl_passes(subnet.acl, cidr, ANSWERS, egress=False):
            reasons.append(f"the network ACL of {subnet.id} does not let the answers of {cidr} in")
    return reasons


def _addresses(cidr: str) -> Intervals:
    block = ipaddress.ip_network(cidr)
    return Intervals.of((int(block.network_address), int(block.broadcast_address)))


def _covered(cidr: str, peers: Iterable[str]) -> bool:
    return _addresses(cidr) <= Intervals.union([Intervals(), *(_addresses(peer) for peer in peers if "/" in peer)])


def _acl_passes(rules: Iterable[AclRule], cidr: str, ports: tuple[int, int], *, egress: bool) -> bool:
    """Whether the rules, in order, allow all of these addresses and ports."""
    undecided = Region.of(_addresses(cidr), Intervals.of(ports))
    for rule in sorted(rules, key=lambda rule: rule.number):
        if rule.egress != egress or rule.protocol not in ("6", "-1"):
            continue
        spans = (0, 65535) if rule.protocol == "-1" else rule.ports
        decided = Region.of(_addresses(rule.cidr), Intervals.of(spans)) & undecided
        if decided and not rule.allow:
            return False
        undecided = undecided - decided
    return undecided == EMPTY
