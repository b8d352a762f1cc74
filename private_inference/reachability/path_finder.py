"""Finds the paths of a network: which controls stand between two ends, and what each of them admits.

Sources of the rules, all in the Amazon VPC User Guide: "Control traffic to your AWS resources using security groups",
"Network ACL basics" (stateless, lowest number first, not within a subnet), "Route priority", "Internet gateways",
"NAT gateways", "Gateway endpoints"; and "Network ACLs for transit gateways" in the Transit Gateway guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from private_inference.reachability import block_public_access
from private_inference.reachability.intervals import EMPTY, NONE, Intervals, Region
from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
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
from private_inference.reachability.path import Direction, End, InterfaceSet, OutsideAddresses, Path, PathEnd, Stage
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

LOCAL = "local"
EVERYTHING = Region.of(EVERYWHERE, ALL_TRAFFIC)

ADMITTING_GATEWAYS = frozenset(
    {
        GatewayKind.INTERNET,
        GatewayKind.VIRTUAL_PRIVATE,
        GatewayKind.TRANSIT,
        GatewayKind.PEERING,
        GatewayKind.OTHER,
    }
)


class PathFinder:
    """The paths of one network. Each control's region is computed once, however many paths cross it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.acl_region = cache(self._acl_region)
        self.acl_replies = cache(self._acl_replies)
        self.route_targets = cache(self._route_targets)
        self.group_region = cache(self._group_region)
        self.group_references = cache(self._group_references)
        self.crossing = cache(self._crossing)

    # Ends

    def interface_sets(self, interfaces: Iterable[Interface] | None = None) -> tuple[InterfaceSet, ...]:
        """The given interfaces (or all) as sets, one for those that no control treats differently."""
        every = self.network.interfaces.values() if interfaces is None else interfaces
        alike: dict[tuple[str, frozenset[str], bool, tuple[int, int]], list[Interface]] = {}
        for one in every:
            alike.setdefault((one.subnet, one.groups, one.public, one.ephemeral), []).append(one)
        return tuple(
            InterfaceSet(
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

    def outside(self, gateway: Gateway) -> OutsideAddresses:
        """All that can lie on the far side of a gateway.

        Behind gateways whose far side nothing limits that is every address outside the VPC, private ones included: an
        over-approximation, so that what is proved absent is absent.
        """
        if gateway.prefix_list:
            return OutsideAddresses(gateway.id, addresses(*self.network.prefix_lists[gateway.prefix_list]))
        if gateway.blocks:
            return OutsideAddresses(gateway.id, addresses(*gateway.blocks))
        return OutsideAddresses(gateway.id, EVERYWHERE - self.network.vpcs[gateway.vpc].addresses)

    # Paths

    def path(self, source: PathEnd, destination: PathEnd) -> Path:
        """The path between two ends; there is none between two outside the VPC, which carries nothing through."""
        if isinstance(source, InterfaceSet) and isinstance(destination, InterfaceSet):
            stages = self._inside(source, destination)
        elif isinstance(source, InterfaceSet) and isinstance(destination, OutsideAddresses):
            stages = self._outward(source, destination)
        elif isinstance(source, OutsideAddresses) and isinstance(destination, InterfaceSet):
            stages = self._inward(source, destination)
        else:
            stages = (Stage("gateway", (), "ingress", "source", EMPTY),)
        return Path(source, destination, tuple(sorted(stages, key=lambda stage: stage.replies_to is not None)))

    def _inside(self, source: InterfaceSet, destination: InterfaceSet) -> tuple[Stage, ...]:
        between = self.crossing(source.subnet, destination.subnet, source.ephemeral)
        requests = [stage for stage in between if not stage.replies_to]
        answers = [stage for stage in between if stage.replies_to]
        leaving, entering = self._groups(source, "egress", destination), self._groups(destination, "ingress", source)
        return (leaving, *requests, entering, *answers)

    def _crossing(self, source: str, destination: str, ephemeral: tuple[int, int]) -> tuple[Stage, ...]:
        """What lies between two subnets, whatever is placed in them; within one there is nothing."""
        here, there = self.network.subnets[source], self.network.subnets[destination]
        if here == there:
            return ()
        target = LOCAL if here.vpc == there.vpc else ""
        return (
            self._route(here, target, "destination"),
            self._acl(here, "egress", "destination"),
            self._acl(there, "ingress", "source"),
            self._route(there, target, "source", ephemeral),
            self._acl(there, "egress", "source", ephemeral),
            self._acl(here, "ingress", "destination", ephemeral),
        )

    def _outward(self, source: InterfaceSet, destination: OutsideAddresses) -> tuple[Stage, ...]:
        here = self.network.subnets[source.subnet]
        leaving = self._groups(source, "egress", destination)
        if destination.gateway is None:
            return leaving, Stage("route table", (here.route_table,), "egress", "destination", EMPTY, subnet=here.id)
        gateway = self.network.gateways[destination.gateway]
        shared = gateway.kind is GatewayKind.TRANSIT and here.id in gateway.subnets
        return (
            leaving,
            self._route(here, gateway.id, "destination"),
            self._acl(here, "egress", "destination"),
            *self._through(gateway, here, source),
            *block_public_access.outward(self.network, gateway, here, source.ephemeral),
            *([] if shared else [self._acl(here, "ingress", "destination", source.ephemeral)]),
        )

    def _inward(self, source: OutsideAddresses, destination: InterfaceSet) -> tuple[Stage, ...]:
        there = self.network.subnets[destination.subnet]
        if source.gateway is None:
            return (Stage("gateway", (), "ingress", "source", EMPTY),)
        gateway = self.network.gateways[source.gateway]
        if gateway.kind not in ADMITTING_GATEWAYS or gateway.vpc != there.vpc:
            return (Stage("gateway", (gateway.id,), "ingress", "source", EMPTY),)
        attached = self._subnets(gateway)
        crossing = there not in attached  # no ACL is evaluated where an attachment and an instance share a subnet
        return (
            Stage("gateway", (gateway.id,), "ingress", "destination", self._own_end(gateway, destination)),
            *block_public_access.inward(self.network, gateway, there),
            *(self._from_attachment(attached, "destination") if attached and crossing else []),
            *([self._acl(there, "ingress", "source")] if crossing else []),
            self._groups(destination, "ingress", source),
            self._route(there, gateway.id, "source", ANY_CLIENT_PORTS),
            self._acl(there, "egress", "source", ANY_CLIENT_PORTS),
            *([self._any_acl(attached, "ingress", "destination", ANY_CLIENT_PORTS)] if attached and crossing else []),
        )

    def _through(self, gateway: Gateway, here: Subnet, source: InterfaceSet) -> Iterator[Stage]:
        """The conditions of a gateway itself for packets of some interfaces, and for their answers."""
        yield Stage("gateway", (gateway.id,), "egress", "source", self._own_end(gateway, source))
        if gateway.kind is GatewayKind.NAT:
            yield from self._translated(gateway, here, source)
        elif gateway.kind is GatewayKind.TRANSIT and gateway.subnets and here.id not in gateway.subnets:
            near = [subnet for subnet in self._subnets(gateway) if subnet.zone == here.zone]
            yield self._any_acl(near, "ingress", "source")
            if near:
                yield from self._from_attachment(near, "source", source.ephemeral)

    def _translated(self, gateway: Gateway, here: Subnet, source: InterfaceSet) -> Iterator[Stage]:
        """A NAT gateway: packets enter its subnet, and leave it by its own route table with ports of the gateway's."""
        there = self.network.subnets[gateway.subnets[0]]
        targets = self.route_targets(there.route_table)
        onward = Intervals.union(targets.values())
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
        yield from block_public_access.translated(self.network, here, there, targets)
        yield self._acl(there, "ingress", "destination", ANY_CLIENT_PORTS)
        if here.id != there.id:
            yield self._acl(there, "egress", "source", source.ephemeral)

    def _subnets(self, gateway: Gateway) -> list[Subnet]:
        return [self.network.subnets[subnet] for subnet in gateway.subnets]

    def _own_end(self, gateway: Gateway, interfaces: InterfaceSet) -> Region:
        """The addresses of interfaces that a gateway serves: an internet gateway needs public ones."""
        if gateway.vpc != self.network.subnets[interfaces.subnet].vpc:
            return EMPTY
        if gateway.kind is GatewayKind.INTERNET and not interfaces.public:
            return Region.of(IPV6, ALL_TRAFFIC)
        if gateway.kind is GatewayKind.EGRESS_ONLY:
            return Region.of(IPV6, ALL_TRAFFIC)
        if gateway.kind is GatewayKind.NAT:
            return Region.of(IPV4, ALL_TRAFFIC)
        return EVERYTHING

    # Stages

    def _route(self, here: Subnet, target: str, about: End, replies_to: tuple[int, int] | None = None) -> Stage:
        """A subnet's route table, which admits what it sends to a target: a gateway or `LOCAL`."""
        reached = self.route_targets(here.route_table).get(target, NONE)
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
        """The ACLs of subnets of which a packet crosses one; nothing passes where there is none."""
        if not subnets:
            return Stage("network ACL", (), direction, about, EMPTY, replies_to)
        return self._any([self._acl(subnet, direction, about, replies_to) for subnet in subnets], replies_to)

    def _any(self, stages: Sequence[Stage], replies_to: tuple[int, int] | None) -> Stage:
        """Stages of which a packet crosses one: a request may cross any, an answer must pass them all."""
        admits = EVERYTHING if replies_to else EMPTY
        for stage in stages:
            admits = admits & stage.admits if replies_to else admits | stage.admits
        subjects = dict.fromkeys(subject for stage in stages for subject in stage.subjects)
        return replace(stages[0], subjects=tuple(subjects), admits=admits)

    def _from_attachment(
        self, subnets: list[Subnet], about: End, replies_to: tuple[int, int] | None = None
    ) -> Iterator[Stage]:
        """What comes out of a transit gateway: it follows the route table of the attachment's subnet, and its ACL."""
        routes = [self._route(subnet, LOCAL, about, replies_to) for subnet in subnets]
        yield self._any(routes, replies_to)
        yield self._any_acl(subnets, "egress", about, replies_to)

    def _groups(self, own: InterfaceSet, direction: Direction, peer: PathEnd) -> Stage:
        admits = self.group_region(own.groups, direction)
        if isinstance(peer, InterfaceSet):
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
