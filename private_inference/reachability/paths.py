"""Where a VPC lets packets go: the controls between two sites, and the exact set of packets that all of them admit.

A path is a sequence of stages. Each stage is one control (a security group, a network ACL, a route table, a gateway)
and the region it admits, over the address of one end and the service asked for; so a path's packets are, for every
service, a product of source addresses and destination addresses. Two answers are kept apart:

* `delivered`: the request arrives. What must not exist must not even be delivered: one packet is enough to leak.
* `answered`: the request arrives and its answer comes back to *every* port the client may use. What must work, must.

Sources of the rules, all in the Amazon VPC User Guide: "Control traffic to your AWS resources using security groups",
"Network ACL basics" (stateless, lowest number first, not within a subnet), "Route priority", "Internet gateways",
"NAT gateways", "Gateway endpoints"; and "Network ACLs for transit gateways" in the Transit Gateway guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Literal

from private_inference.reachability.intervals import EMPTY, NONE, Intervals, Region
from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
    LINUX_PORTS,
    Cidr,
    Gateway,
    GatewayKind,
    GroupRef,
    Interface,
    Network,
    Route,
    SgRule,
    Subnet,
)
from private_inference.reachability.traffic import (
    ALL_TRAFFIC,
    EVERYWHERE,
    IPV4,
    IPV6,
    addresses,
    answers,
    prefix_length,
    whole_protocols,
)

Direction = Literal["ingress", "egress"]
End = Literal["source", "destination"]
Control = Literal["security group", "network ACL", "route table", "gateway"]

LOCAL = "local"
EVERYTHING = Region.of(EVERYWHERE, ALL_TRAFFIC)

LETS_IN = frozenset(
    {
        GatewayKind.INTERNET,
        GatewayKind.VIRTUAL_PRIVATE,
        GatewayKind.TRANSIT,
        GatewayKind.PEERING,
        GatewayKind.OTHER,
    }
)


@dataclass(frozen=True)
class Placement:
    """Interfaces that no control tells apart: one subnet, one set of groups; `members` are their ids."""

    subnet: str
    groups: frozenset[str]
    addresses: Intervals
    public: bool = False
    ephemeral: tuple[int, int] = LINUX_PORTS
    members: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Beyond:
    """Addresses outside the VPC, on the far side of a gateway; without a gateway, ones that nothing leads to."""

    gateway: str | None
    addresses: Intervals


Site = Placement | Beyond


@dataclass(frozen=True)
class Box:
    """All packets from any of `sources` to any of `destinations` that ask for any of `services`."""

    sources: Intervals
    destinations: Intervals
    services: Intervals

    def __bool__(self) -> bool:
        return bool(self.sources and self.destinations and self.services)

    def __and__(self, other: Box) -> Box:
        return Box(self.sources & other.sources, self.destinations & other.destinations, self.services & other.services)

    def minus(self, other: Box) -> list[Box]:
        """What is left of this box without the other, as disjoint boxes."""
        if not (both := self & other):
            return [self]
        left = (
            Box(self.sources - other.sources, self.destinations, self.services),
            Box(both.sources, self.destinations - other.destinations, self.services),
            Box(both.sources, both.destinations, self.services - other.services),
        )
        return [box for box in left if box]


def without(boxes: Iterable[Box], removed: Iterable[Box]) -> list[Box]:
    """The packets that are in one of `boxes` and in none of `removed`."""
    left = list(boxes)
    for cut in removed:
        left = [piece for box in left for piece in box.minus(cut)]
    return left


@dataclass(frozen=True)
class Stage:
    """One control on the way.

    subjects: the groups, ACL, table or gateway by id; where there are several, one that admits a packet is enough.
    about: the end whose address the control looks at. admits: those addresses, with the services *asked for*.
    replies_to: the client's ports when it is the answer that has to pass, None when it is the request.
    """

    control: Control
    subjects: tuple[str, ...]
    direction: Direction
    about: End
    admits: Region
    replies_to: tuple[int, int] | None = None
    subnet: str = ""


@dataclass(frozen=True)
class Path:
    """Every stage between two sites, in the order that packets meet them: the request's, then the answer's."""

    source: Site
    destination: Site
    stages: tuple[Stage, ...]

    @cached_property
    def delivered(self) -> tuple[Box, ...]:
        """The requests that arrive, as disjoint boxes."""
        return self._boxes(stage for stage in self.stages if not stage.replies_to)

    @cached_property
    def answered(self) -> tuple[Box, ...]:
        """The requests that arrive and whose answers come back, as disjoint boxes."""
        return self._boxes(self.stages)

    def asking(self, services: Intervals) -> tuple[Box, ...]:
        """All requests there could be for some services: from every source to every destination of its IP version."""
        boxes = (
            Box(self.source.addresses & family, self.destination.addresses & family, services)
            for family in (IPV4, IPV6)
        )
        return tuple(box for box in boxes if box)

    def _boxes(self, stages: Iterable[Stage]) -> tuple[Box, ...]:
        ends: dict[End, Region] = {
            "source": Region.of(self.source.addresses, ALL_TRAFFIC),
            "destination": Region.of(self.destination.addresses, ALL_TRAFFIC),
        }
        for stage in stages:
            ends[stage.about] &= stage.admits
        boxes = (
            Box(sources & family, destinations & family, asked & offered)
            for sources, asked in ends["source"]
            for destinations, offered in ends["destination"]
            for family in (IPV4, IPV6)
        )
        return tuple(box for box in boxes if box)


class Engine:
    """The paths of one network. Each control's region is computed once, however many paths cross it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.acl_region = cache(self._acl_region)
        self.acl_replies = cache(self._acl_replies)
        self.route_targets = cache(self._route_targets)
        self.group_region = cache(self._group_region)
        self.group_references = cache(self._group_references)
        self.crossing = cache(self._crossing)

    # Sites

    def placements(self, interfaces: Iterable[Interface] | None = None) -> tuple[Placement, ...]:
        """The given interfaces (or all) as placements, one for those that no control tells apart."""
        every = self.network.interfaces.values() if interfaces is None else interfaces
        alike: dict[tuple[str, frozenset[str], bool, tuple[int, int]], list[Interface]] = {}
        for one in every:
            alike.setdefault((one.subnet, one.groups, one.public, one.ephemeral), []).append(one)
        return tuple(
            Placement(
                subnet,
                groups,
                Intervals.union(self._interface_addresses(one) for one in members),
                public,
                ephemeral,
                tuple(one.id for one in members),
            )
            for (subnet, groups, public, ephemeral), members in alike.items()
        )

    def _interface_addresses(self, interface: Interface) -> Intervals:
        return addresses(*interface.addresses) or self.network.subnets[interface.subnet].addresses

    def beyond(self, gateway: Gateway) -> Beyond:
        """All that can lie on the far side of a gateway.

        Behind gateways whose far side nothing limits that is every address outside the VPC, private ones included: an
        over-approximation, so that what is proved absent is absent.
        """
        if gateway.prefix_list:
            return Beyond(gateway.id, addresses(*self.network.prefix_lists[gateway.prefix_list]))
        if gateway.blocks:
            return Beyond(gateway.id, addresses(*gateway.blocks))
        return Beyond(gateway.id, EVERYWHERE - self.network.vpcs[gateway.vpc].addresses)

    # Paths

    def path(self, source: Site, destination: Site) -> Path:
        """The path between two sites; there is none between two outside the VPC, which carries nothing through."""
        if isinstance(source, Placement) and isinstance(destination, Placement):
            stages = self._inside(source, destination)
        elif isinstance(source, Placement) and isinstance(destination, Beyond):
            stages = self._outward(source, destination)
        elif isinstance(source, Beyond) and isinstance(destination, Placement):
            stages = self._inward(source, destination)
        else:
            stages = (Stage("gateway", (), "ingress", "source", EMPTY),)
        return Path(source, destination, tuple(sorted(stages, key=lambda stage: stage.replies_to is not None)))

    def _inside(self, source: Placement, destination: Placement) -> tuple[Stage, ...]:
        between = self.crossing(source.subnet, destination.subnet, source.ephemeral)
        requests = [stage for stage in between if not stage.replies_to]
        answers = [stage for stage in between if stage.replies_to]
        leaving, entering = self._groups_out(source, destination), self._groups_in(destination, source)
        return (leaving, *requests, entering, *answers)

    def _crossing(self, source: str, destination: str, ephemeral: tuple[int, int]) -> tuple[Stage, ...]:
        """What lies between two subnets, whatever is placed in them; within one there is nothing."""
        here, there = self.network.subnets[source], self.network.subnets[destination]
        if here == there:
            return ()
        return (
            self._local_route(here, there, "destination"),
            self._acl(here, "egress", "destination"),
            self._acl(there, "ingress", "source"),
            self._local_route(there, here, "source", ephemeral),
            self._acl(there, "egress", "source", ephemeral),
            self._acl(here, "ingress", "destination", ephemeral),
        )

    def _outward(self, source: Placement, destination: Beyond) -> tuple[Stage, ...]:
        here = self.network.subnets[source.subnet]
        leaving = self._groups_out(source, destination)
        if destination.gateway is None:
            return leaving, Stage("route table", (here.route_table,), "egress", "destination", EMPTY, subnet=here.id)
        gateway = self.network.gateways[destination.gateway]
        shared = gateway.kind is GatewayKind.TRANSIT and here.id in gateway.subnets
        return (
            leaving,
            self._route(here, gateway, "destination"),
            self._acl(here, "egress", "destination"),
            *self._through(gateway, here, source),
            *([] if shared else [self._acl(here, "ingress", "destination", source.ephemeral)]),
        )

    def _inward(self, source: Beyond, destination: Placement) -> tuple[Stage, ...]:
        there = self.network.subnets[destination.subnet]
        if source.gateway is None:
            return (Stage("gateway", (), "ingress", "source", EMPTY),)
        gateway = self.network.gateways[source.gateway]
        if gateway.kind not in LETS_IN or gateway.vpc != there.vpc:
            return (Stage("gateway", (gateway.id,), "ingress", "source", EMPTY),)
        attached = self._subnets(gateway)
        crossing = there not in attached  # no ACL is evaluated where an attachment and an instance share a subnet
        return (
            Stage("gateway", (gateway.id,), "ingress", "destination", self._own_end(gateway, destination)),
            *([self._any_acl(attached, "egress", "destination")] if attached and crossing else []),
            *([self._acl(there, "ingress", "source")] if crossing else []),
            self._groups_in(destination, source),
            self._route(there, gateway, "source", ANY_CLIENT_PORTS),
            self._acl(there, "egress", "source", ANY_CLIENT_PORTS),
            *([self._any_acl(attached, "ingress", "destination", ANY_CLIENT_PORTS)] if attached and crossing else []),
        )

    def _through(self, gateway: Gateway, here: Subnet, source: Placement) -> Iterator[Stage]:
        """What a gateway itself asks of the packets of a placement, and of their answers."""
        yield Stage("gateway", (gateway.id,), "egress", "source", self._own_end(gateway, source))
        if gateway.kind is GatewayKind.NAT:
            yield from self._translated(gateway, here, source)
        elif gateway.kind is GatewayKind.TRANSIT and gateway.subnets and here.id not in gateway.subnets:
            near = [subnet for subnet in self._subnets(gateway) if subnet.zone == here.zone]
            yield self._any_acl(near, "ingress", "source")
            yield self._any_acl(near, "egress", "source", source.ephemeral)

    def _translated(self, gateway: Gateway, here: Subnet, source: Placement) -> Iterator[Stage]:
        """A NAT gateway: packets enter its subnet, and leave it by its own route table with ports of the gateway's."""
        there = self.network.subnets[gateway.subnets[0]]
        onward = Intervals.union(self.route_targets(there.route_table).values())
        if here.id != there.id:
            yield self._acl(there, "ingress", "source")
        yield Stage(
            "route table",
            (there.route_table,),
            "egress",
            "destination",
            Region.of(onward, ALL_TRAFFIC),
            subnet=there.id,
        )
        yield self._acl(there, "egress", "destination")
        yield self._acl(there, "ingress", "destination", ANY_CLIENT_PORTS)
        if here.id != there.id:
            yield self._acl(there, "egress", "source", source.ephemeral)

    def _subnets(self, gateway: Gateway) -> list[Subnet]:
        return [self.network.subnets[subnet] for subnet in gateway.subnets]

    def _own_end(self, gateway: Gateway, placement: Placement) -> Region:
        """The addresses of a placement that a gateway serves: one to the internet asks for public ones."""
        if gateway.vpc != self.network.subnets[placement.subnet].vpc:
            return EMPTY
        if gateway.kind is GatewayKind.INTERNET and not placement.public:
            return Region.of(IPV6, ALL_TRAFFIC)
        if gateway.kind is GatewayKind.EGRESS_ONLY:
            return Region.of(IPV6, ALL_TRAFFIC)
        if gateway.kind is GatewayKind.NAT:
            return Region.of(IPV4, ALL_TRAFFIC)
        return EVERYTHING

    # Stages

    def _local_route(self, here: Subnet, there: Subnet, about: End, replies_to: tuple[int, int] | None = None) -> Stage:
        local = self.route_targets(here.route_table).get(LOCAL, NONE) if here.vpc == there.vpc else NONE
        admits = Region.of(local, ALL_TRAFFIC)
        return Stage("route table", (here.route_table,), "egress", about, admits, replies_to, here.id)

    def _route(self, here: Subnet, gateway: Gateway, about: End, replies_to: tuple[int, int] | None = None) -> Stage:
        reached = self.route_targets(here.route_table).get(gateway.id, NONE)
        admits = Region.of(reached, ALL_TRAFFIC)
        return Stage("route table", (here.route_table,), "egress", about, admits, replies_to, here.id)

    def _acl(
        self, subnet: Subnet, direction: Direction, about: End, replies_to: tuple[int, int] | None = None
    ) -> Stage:
        admits = (
            self.acl_replies(subnet.acl, direction, replies_to)
            if replies_to
            else self.acl_region(subnet.acl, direction)
        )
        return Stage("network ACL", (subnet.acl,), direction, about, admits, replies_to, subnet.id)

    def _any_acl(
        self, subnets: list[Subnet], direction: Direction, about: End, replies_to: tuple[int, int] | None = None
    ) -> Stage:
        """The ACLs of subnets of which a packet crosses one: a request may cross any, an answer must pass them all."""
        stages = [self._acl(subnet, direction, about, replies_to) for subnet in subnets]
        admits = EVERYTHING if replies_to and stages else EMPTY
        for stage in stages:
            admits = admits & stage.admits if replies_to else admits | stage.admits
        acls = tuple(dict.fromkeys(subnet.acl for subnet in subnets))
        return Stage("network ACL", acls, direction, about, admits, replies_to, subnets[0].id if subnets else "")

    def _groups_out(self, source: Placement, destination: Site) -> Stage:
        return self._groups(source, "egress", destination)

    def _groups_in(self, destination: Placement, source: Site) -> Stage:
        return self._groups(destination, "ingress", source)

    def _groups(self, own: Placement, direction: Direction, peer: Site) -> Stage:
        admits = self.group_region(own.groups, direction)
        if isinstance(peer, Placement):
            named = self.group_references(own.groups, direction)
            admits |= Region.of(
                peer.addresses, Intervals.union(named[group] for group in peer.groups if group in named)
            )
        about: End = "destination" if direction == "egress" else "source"
        return Stage("security group", tuple(sorted(own.groups)), direction, about, admits, subnet=own.subnet)

    # Controls

    def _acl_region(self, acl: str, direction: Direction) -> Region:
        """What an ACL allows in a direction: from the last rule to the first, each overrides those behind it."""
        rules = getattr(self.network.acls[acl], direction)
        allowed = EMPTY
        for rule in sorted(rules, key=lambda rule: rule.number, reverse=True):
            matched = Region.of(addresses(rule.block), rule.services)
            allowed = allowed | matched if rule.allow else allowed - matched
        return allowed

    def _acl_replies(self, acl: str, direction: Direction, ephemeral: tuple[int, int]) -> Region:
        """The requests (by peer address and service) whose answers an ACL lets pass to every port of the client."""
        refused = EVERYTHING - self.acl_region(acl, direction)
        needed = answers(ephemeral)
        unanswered = EMPTY
        for peers, ports in refused:
            unanswered |= Region.of(peers, whole_protocols(ports & needed))
        return EVERYTHING - unanswered

    def _route_targets(self, table: str) -> Mapping[str, Intervals]:
        """The addresses that a route table sends to each target, `LOCAL` included; dropped ones are in none."""
        targets: dict[str, Intervals] = {}
        claimed = NONE
        for target, block in self.routes_by_priority(table):
            won = addresses(block) - claimed
            claimed |= won
            if target is not None:
                targets[target] = targets.get(target, NONE) | won
        return targets

    def routes_by_priority(self, table: str) -> list[tuple[str | None, str]]:
        """Targets (None: dropped) and blocks, first match first.

        The longest prefix comes first, and among equals static routes, then prefix lists, then propagated routes.
        A propagated route never wins over a local one, however long its prefix ("Route priority").
        """
        found = self.network.route_tables[table]
        local = self.network.vpcs[found.vpc]
        ranked: list[tuple[int, int, str | None, str]] = [
            (-prefix_length(block), -1, LOCAL, block) for block in local.cidrs
        ]
        for route in found.routes:
            for block in self._route_blocks(route):
                if route.propagated and addresses(block) <= local.addresses:
                    continue
                rank = 2 if route.propagated else int(not isinstance(route.destination, Cidr))
                ranked.append((-prefix_length(block), rank, route.target, block))
        return [(target, block) for *_, target, block in sorted(ranked, key=lambda one: one[:2])]

    def _route_blocks(self, route: Route) -> tuple[str, ...]:
        if isinstance(route.destination, Cidr):
            return (route.destination.block,)
        return self.network.prefix_lists[route.destination.prefix_list]

    def _rules(self, groups: frozenset[str], direction: Direction) -> Iterator[SgRule]:
        for group in sorted(groups):
            yield from getattr(self.network.groups[group], direction)

    def _group_region(self, groups: frozenset[str], direction: Direction) -> Region:
        """What the rules of groups admit by blocks and prefix lists."""
        by_peer = [
            (self.network.peer_addresses(rule.peer), rule.services)
            for rule in self._rules(groups, direction)
            if not isinstance(rule.peer, GroupRef)
        ]
        admitted = EMPTY
        for peers, services in by_peer:
            admitted |= Region.of(peers, services)
        return admitted

    def _group_references(self, groups: frozenset[str], direction: Direction) -> Mapping[str, Intervals]:
        """The services that the rules of groups admit for each group they refer to."""
        by_group: dict[str, Intervals] = {}
        for rule in self._rules(groups, direction):
            if isinstance(rule.peer, GroupRef):
                by_group[rule.peer.group] = by_group.get(rule.peer.group, NONE) | rule.services
        return by_group
