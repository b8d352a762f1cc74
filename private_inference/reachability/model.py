"""What of a VPC decides where packets go, in AWS's terms; identifiers are whatever the loader uses (ids, URNs).

Everything is frozen. `Network` holds it all, checks that references resolve, and lists what its loader couldn't decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from private_inference.reachability.intervals import Intervals
from private_inference.reachability.traffic import ALL_TRAFFIC, ANYWHERE, addresses, usable

# Client port ranges: "Ephemeral ports", Amazon VPC User Guide (network ACLs).
LINUX_PORTS = (32768, 65535)
ANY_CLIENT_PORTS = (1024, 65535)  # Lambda, Elastic Load Balancing, NAT gateways, and clients that nothing is known of


RESOLVER = "resolver endpoint"
"""The kind of the interfaces of a Route 53 Resolver endpoint."""


class ModelError(ValueError):
    """A network that can't exist: it refers to something that isn't in it, or describes one thing twice."""


@dataclass(frozen=True)
class Cidr:
    """A CIDR block as a rule's or route's peer."""

    block: str

    def __str__(self) -> str:
        return self.block


@dataclass(frozen=True)
class PrefixListRef:
    """A prefix list as a rule's or route's peer."""

    prefix_list: str

    def __str__(self) -> str:
        return self.prefix_list


@dataclass(frozen=True)
class GroupRef:
    """The interfaces of a security group as a rule's peer."""

    group: str

    def __str__(self) -> str:
        return self.group


class BlockMode(StrEnum):
    """What VPC Block Public Access does in a Region, the more open first."""

    OFF = "off"
    INGRESS = "block-ingress"
    BIDIRECTIONAL = "block-bidirectional"


class ExclusionMode(StrEnum):
    """What an exclusion from VPC Block Public Access lets a VPC or a subnet do, the more open first."""

    BIDIRECTIONAL = "allow-bidirectional"
    EGRESS = "allow-egress"


@dataclass(frozen=True)
class Vpc:
    """A VPC; `dns` is whether the Amazon DNS server answers in it (enableDnsSupport).

    block_mode: the mode of VPC Block Public Access in its Region, for the account that owns it.
    """

    id: str
    cidrs: tuple[str, ...]
    name: str = ""
    dns: bool = True
    block_mode: BlockMode = BlockMode.OFF

    @property
    def addresses(self) -> Intervals:
        return addresses(*self.cidrs)


@dataclass(frozen=True)
class Subnet:
    """A subnet with the route table and network ACL in force (associated, or else the VPC's main and default ones).

    exclusion: its own from VPC Block Public Access, or its VPC's; the more open if it has both.
    """

    id: str
    vpc: str
    zone: str
    cidrs: tuple[str, ...]
    route_table: str
    acl: str
    name: str = ""
    tier: str = ""
    exclusion: ExclusionMode | None = None

    @property
    def addresses(self) -> Intervals:
        """The addresses its interfaces can have."""
        return Intervals.union(usable(block) for block in self.cidrs)


@dataclass(frozen=True)
class Route:
    """A route; `target` is a gateway of the network, or None where packets are dropped (a blackhole)."""

    destination: Cidr | PrefixListRef
    target: str | None
    propagated: bool = False


@dataclass(frozen=True)
class RouteTable:
    """A route table; the local routes to the VPC's own blocks are understood."""

    id: str
    vpc: str
    routes: tuple[Route, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class AclRule:
    """A network ACL rule; `services` as in `traffic.services`."""

    number: int
    allow: bool
    services: Intervals
    block: str


@dataclass(frozen=True)
class NetworkAcl:
    """A network ACL; the final rule that denies everything is understood."""

    id: str
    vpc: str
    ingress: tuple[AclRule, ...] = ()
    egress: tuple[AclRule, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class SgRule:
    """A security group rule; `name` is what a reader finds it by."""

    services: Intervals
    peer: Cidr | PrefixListRef | GroupRef
    name: str = ""


def open_rules(name: str = "") -> tuple[SgRule, ...]:
    """Rules that let everything through."""
    return tuple(SgRule(ALL_TRAFFIC, Cidr(block), name) for block in ANYWHERE)


@dataclass(frozen=True)
class SecurityGroup:
    """A security group with its rules, inline or stand-alone."""

    id: str
    vpc: str
    ingress: tuple[SgRule, ...] = ()
    egress: tuple[SgRule, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Interface:
    """A network interface, or several that are alike.

    addresses: its private addresses; empty when AWS hasn't chosen them yet, which means any usable one of the subnet.
    public: whether it has a public IPv4 address (an IPv6 address is public by itself).
    kind, owner: what it belongs to, "interface endpoint" and the endpoint's name for example; service: the endpoint's.
    ephemeral: the ports that it makes requests from, both included.
    """

    id: str
    subnet: str
    groups: frozenset[str]
    addresses: tuple[str, ...] = ()
    public: bool = False
    kind: str = "network interface"
    owner: str = ""
    service: str = ""
    name: str = ""
    ephemeral: tuple[int, int] = LINUX_PORTS


class GatewayKind(StrEnum):
    """What a route can lead to outside the VPC."""

    INTERNET = "internet gateway"
    EGRESS_ONLY = "egress-only internet gateway"
    NAT = "NAT gateway"
    VIRTUAL_PRIVATE = "virtual private gateway"
    TRANSIT = "transit gateway attachment"
    PEERING = "peering connection"
    ENDPOINT = "gateway endpoint"
    OTHER = "other target"


@dataclass(frozen=True)
class Gateway:
    """A way out of the VPC, or into it.

    subnets: where a NAT gateway or a transit gateway attachment has its interfaces; empty for a transit gateway that
        was attached elsewhere, whose subnets' ACLs are then taken to allow everything.
    blocks, prefix_list: what lies behind it, when that is limited (the peer's blocks; the endpoint's prefix list).
    """

    id: str
    vpc: str
    kind: GatewayKind
    subnets: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    prefix_list: str = ""
    service: str = ""
    name: str = ""


@dataclass(frozen=True)
class Undecided:
    """A property that a loader couldn't decide: a proof about the network is incomplete while there is one."""

    resource: str
    property: str
    reason: str


Thing = Vpc | Subnet | RouteTable | NetworkAcl | SecurityGroup | Gateway | Interface
T = TypeVar("T", Vpc, Subnet, RouteTable, NetworkAcl, SecurityGroup, Gateway, Interface)


@dataclass(frozen=True)
class Network:
    """Everything that decides where packets go, by id; build it with `Network.of`."""

    vpcs: Mapping[str, Vpc] = field(default_factory=dict)
    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    route_tables: Mapping[str, RouteTable] = field(default_factory=dict)
    acls: Mapping[str, NetworkAcl] = field(default_factory=dict)
    groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    prefix_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undecided: tuple[Undecided, ...] = ()

    @classmethod
    def of(
        cls,
        things: Iterable[Thing],
        prefix_lists: Mapping[str, Iterable[str]] | None = None,
        undecided: Iterable[Undecided] = (),
    ) -> Network:
        """The network of all `things`; ModelError when two share an id or one refers to something that isn't there."""
        every = tuple(things)
        network = cls(
            _by_id(every, Vpc),
            _by_id(every, Subnet),
            _by_id(every, RouteTable),
            _by_id(every, NetworkAcl),
            _by_id(every, SecurityGroup),
            _by_id(every, Gateway),
            _by_id(every, Interface),
            {key: tuple(blocks) for key, blocks in (prefix_lists or {}).items()},
            tuple(undecided),
        )
        _check(network)
        return network

    def name(self, key: str) -> str:
        """What a reader calls the thing with this id: its name, or else the id."""
        named: tuple[Mapping[str, Thing], ...] = (
            self.subnets,
            self.groups,
            self.acls,
            self.route_tables,
            self.gateways,
            self.interfaces,
            self.vpcs,
        )
        return next((things[key].name or key for things in named if key in things), key)

    def peer_addresses(self, peer: Cidr | PrefixListRef) -> Intervals:
        """The addresses that a block or a prefix list stands for."""
        return addresses(peer.block) if isinstance(peer, Cidr) else addresses(*self.prefix_lists[peer.prefix_list])


def _by_id(things: Iterable[Thing], kind: type[T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for thing in things:
        if isinstance(thing, kind):
            if thing.id in found:
                raise ModelError(f"{kind.__name__} {thing.id!r} is described twice")
            found[thing.id] = thing
    return found


def _check(network: Network) -> None:
    """Raise ModelError naming the first reference that doesn't resolve."""
    for owner, kind, key in _references(network):
        if key not in getattr(network, kind):
            raise ModelError(f"{owner} refers to {key!r}, which is not among the network's {kind}")


def _references(network: Network) -> Iterable[tuple[str, str, str]]:
    """Every reference of the network: who refers, to which mapping of it, to which id."""
    for subnet in network.subnets.values():
        yield from ((subnet.id, "vpcs", subnet.vpc), (subnet.id, "route_tables", subnet.route_table))
        yield subnet.id, "acls", subnet.acl
    for table in network.route_tables.values():
        yield table.id, "vpcs", table.vpc
        yield from ((table.id, "gateways", route.target) for route in table.routes if route.target is not None)
        yield from _peer_references(table.id, (route.destination for route in table.routes))
    for acl in network.acls.values():
        yield acl.id, "vpcs", acl.vpc
    for group in network.groups.values():
        yield group.id, "vpcs", group.vpc
        yield from _peer_references(group.id, (rule.peer for rule in (*group.ingress, *group.egress)))
    for gateway in network.gateways.values():
        yield gateway.id, "vpcs", gateway.vpc
        yield from ((gateway.id, "subnets", subnet) for subnet in gateway.subnets)
        if gateway.prefix_list:
            yield gateway.id, "prefix_lists", gateway.prefix_list
    for interface in network.interfaces.values():
        yield interface.id, "subnets", interface.subnet
        yield from ((interface.id, "groups", group) for group in interface.groups)


def _peer_references(owner: str, peers: Iterable[Cidr | PrefixListRef | GroupRef]) -> Iterable[tuple[str, str, str]]:
    for peer in peers:
        if isinstance(peer, PrefixListRef):
            yield owner, "prefix_lists", peer.prefix_list
        elif isinstance(peer, GroupRef):
            yield owner, "groups", peer.group
