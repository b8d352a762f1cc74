"""The intent of a stack's network, by its settings.

Derived from the settings and the design alone, without the code that derives the firewall rules, so that a mistake
there is found here. What it relies on: the VPC's first three quarters are the app, access and model tiers, and the
stack's groups are called client, access and model.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from private_inference.graph.endpoint_services import FRONT_DOOR as FRONT_DOOR_SERVICE
from private_inference.graph.endpoint_services import RUNTIMES
from private_inference.reachability.balanced_intent import balanced_expectations
from private_inference.reachability.declared_flows import STATELESS, Places, declared_expectations
from private_inference.reachability.intent import (
    ANSWERS,
    DNS,
    DNS_ANSWERS,
    HTTPS,
    OTHER_GROUPS,
    Expectation,
    Intent,
    Party,
)
from private_inference.reachability.intervals import NONE, Intervals
from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
    Gateway,
    GatewayKind,
    Interface,
    Network,
)
from private_inference.reachability.model import RESOLVER as RESOLVER_KIND
from private_inference.reachability.owners import is_used, owners_expectations
from private_inference.reachability.party_names import (
    ATTACHMENT,
    BALANCER,
    CLIENTS,
    DENIED,
    ELSEWHERE,
    FORWARDER,
    FRONT_DOOR,
    MODELS,
    NEIGHBOURS,
    OTHER_ENDPOINTS,
    OTHER_SUBNETS,
    OTHER_WORKLOADS,
    PREMISES,
    RESOLVER,
    RUNTIME,
    SERVICES,
    on_premises,
    other_workloads,
)
from private_inference.reachability.path import InterfaceSet, OutsideAddresses, PathEnd
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.traffic import (
    ALL_TRAFFIC,
    EVERYWHERE,
    IPV4,
    addresses,
    blocks,
    neighbourhood,
)

if TYPE_CHECKING:
    from components.settings import Settings

TIERS = ("app", "access", "model")
ROLES = {"app": "client", "access": "access", "model": "model"}
PARTS = {BALANCER: ("balancer", "access"), FORWARDER: ("forwarder", "app")}
"""The role and the tier of what stands in the front door's place."""
TO_PREMISES = (GatewayKind.VIRTUAL_PRIVATE, GatewayKind.TRANSIT)


def intent_from(settings: Settings, network: Network) -> Intent:
    """The intent of a stack: its parties, found in the network, and the services they may request of each other."""
    stack = _Stack(settings, network)
    parties = [party for party in stack.parties() if party.ends]
    known = {party.name for party in parties}
    wanted = [
        *_expectations(settings),
        *balanced_expectations(settings),
        *declared_expectations(settings),
        *stack.expectations(),
    ]
    expectations = [*stack.places.expanded(wanted, known)]
    unmet = [*stack.unmet, *stack.places.unmet(), *_without_party(expectations, known)]
    return Intent(
        tuple(parties),
        tuple(one for one in expectations if {one.source, one.destination} <= known),
        tuple(dict.fromkeys(unmet)),
        tuple(stack.places.to_come),
    )


def _without_party(expectations: Iterable[Expectation], known: set[str]) -> Iterator[str]:
    for one in expectations:
        for party in (one.source, one.destination):
            if one.required and party not in known:
                yield f"the settings ask for {one.source} → {one.destination}, and the network has no {party}"


def _expectations(settings: Settings) -> Iterator[Expectation]:
    yield Expectation(CLIENTS, RUNTIME, HTTPS, why="clients call the models")
    yield Expectation(MODELS, "s3", HTTPS, why="SageMaker fetches the model's artifact")
    yield from _through_acl("model", "s3")
    yield from _service_expectations(settings)
    yield from _through_acls("app", "access")
    for party in (PREMISES, SERVICES, NEIGHBOURS, DENIED, ELSEWHERE, other_workloads(ATTACHMENT)):
        yield Expectation(party, other_workloads(ATTACHMENT), ALL_TRAFFIC, required=False, why=_NO_ACL)
    if any(not model.isolated for endpoint in settings.endpoints for model in endpoint.models):
        yield Expectation(MODELS, RUNTIME, HTTPS, why="models without network isolation call AWS services")
        if settings.private_access.interface_endpoints:
            yield Expectation(MODELS, OTHER_ENDPOINTS, HTTPS, why="models without network isolation call AWS services")
        if settings.private_api:
            yield Expectation(MODELS, FRONT_DOOR, HTTPS, why="models without network isolation reach every endpoint")
        yield from _through_acls("model", "access")
    if settings.network.on_premises:
        yield Expectation(PREMISES, RUNTIME, HTTPS, why="on-premises clients call the models")
        if settings.private_access.interface_endpoints:
            yield Expectation(PREMISES, OTHER_ENDPOINTS, HTTPS, why="on-premises clients call AWS services")
        if settings.private_api:
            yield Expectation(
                PREMISES, FRONT_DOOR, HTTPS, why="on-premises clients call the models by the stack's name"
            )
        yield Expectation(PREMISES, other_workloads("access"), HTTPS, required=False)
        yield Expectation(other_workloads("access"), PREMISES, ANSWERS, required=False, why=STATELESS)
        if settings.network.on_premises.inbound_resolver:
            yield Expectation(PREMISES, RESOLVER, DNS, why="on-premises clients resolve private names")
            yield Expectation(PREMISES, other_workloads("access"), DNS, required=False)
            yield Expectation(other_workloads("access"), PREMISES, DNS_ANSWERS, required=False, why=STATELESS)


def _service_expectations(settings: Settings) -> Iterator[Expectation]:
    access = settings.private_access
    if access.interface_endpoints:
        yield Expectation(CLIENTS, OTHER_ENDPOINTS, HTTPS, why="clients call AWS services")
    if settings.private_api:
        yield Expectation(CLIENTS, FRONT_DOOR, HTTPS, why="clients call the models by the stack's own name")
    if access.dynamodb:
        yield Expectation(CLIENTS, "dynamodb", HTTPS, why="clients use DynamoDB")
        yield from _through_acl("app", "dynamodb")
    if settings.asynchronous:
        yield Expectation(CLIENTS, "s3", HTTPS, why="clients put requests into S3, and read answers there")
        yield from _through_acl("app", "s3")
    elif "ecr.dkr" in access.interface_endpoints:
        yield Expectation(CLIENTS, "s3", HTTPS, why="image layers come from S3")
        yield from _through_acl("app", "s3")


_NO_ACL = "AWS evaluates no network ACL between an attachment and its own subnet: keep that empty"
_COARSE = (
    "network ACLs name the first octets of AWS's prefix lists, which grow; routes and groups name the lists: one way"
)


def _through_acl(tier: str, service: str) -> Iterator[Expectation]:
    """What the ACL of a tier has to let through so that it can use a gateway endpoint."""
    yield Expectation(other_workloads(tier), service, HTTPS, required=False)
    yield Expectation(SERVICES, other_workloads(tier), ANSWERS, required=False, why=STATELESS)
    yield Expectation(NEIGHBOURS, other_workloads(tier), ANSWERS, required=False, why=_COARSE)


def _through_acls(source: str, destination: str) -> Iterator[Expectation]:
    """What the ACLs of two tiers have to let through, whatever groups a workload has."""
    yield Expectation(other_workloads(source), other_workloads(destination), HTTPS, required=False)
    yield Expectation(other_workloads(destination), other_workloads(source), ANSWERS, required=False, why=STATELESS)


class _Stack:
    """The parties of a stack in a network, and what is missing of them."""

    def __init__(self, settings: Settings, network: Network) -> None:
        self.settings = settings
        self.network = network
        self.finder = PathFinder(network)
        self.unmet: list[str] = []
        self._front_door = bool(settings.private_api)
        self._resolver = bool(settings.network.on_premises and settings.network.on_premises.inbound_resolver)
        self._tiers = {tier: self._in_tier(tier) for tier in TIERS}
        premises = settings.network.on_premises
        self.denied = addresses(*settings.network.denied_cidrs) if settings.network.denied_cidrs else NONE
        gateways = self._gateways(GatewayKind.ENDPOINT)
        services = Intervals.union(self.finder.outside(one).addresses for one in gateways)
        near = neighbourhood(*blocks(services & IPV4))
        self.services = services - self.denied
        self.premises = (addresses(*premises.cidrs) if premises else NONE) - self.denied - self.services
        self.neighbours = near - self.denied - self.services - self.premises
        self._premises_are_near = bool(self.premises & near)
        untiered = set(network.subnets) - {subnet for tier in TIERS for subnet in self._subnets(tier)}
        attached = {subnet for one in self._gateways(GatewayKind.TRANSIT) for subnet in one.subnets}
        self._attached, self._further = untiered & attached, untiered - attached
        *self._sorts, self._rest = self._interfaces()
        self.places = Places(settings, self.finder, self._further, self._rest)

    def expectations(self) -> Iterator[Expectation]:
        """What depends on where things lie: clients on premises may have public addresses near a service's."""
        services = (gateway.service or gateway.id for gateway in self._gateways(GatewayKind.ENDPOINT))
        yield from owners_expectations(self.settings, TIERS, list(services))
        if self._premises_are_near:
            for tier in ("app", "model"):
                yield Expectation(PREMISES, other_workloads(tier), ANSWERS, required=False, why=_COARSE)

    def parties(self) -> Iterator[Party]:
        """Every party; together they hold every interface and everything behind every gateway."""
        runtime, others, models, clients, front_door, resolver, *parts = self._sorts
        yield Party(CLIENTS, (*self._future_workloads("app"), *clients))
        yield Party(MODELS, (*self._future_workloads("model"), *models))
        for (name, (role, tier)), there in zip(PARTS.items(), parts, strict=True):
            # AWS replaces them, and adds more: any address of the tier may be one of theirs.
            yield Party(name, (*self._with_group(role, tier), *there) if self.settings.load_balancer else ())
        yield Party(RUNTIME, runtime)
        yield Party(OTHER_ENDPOINTS, others)
        yield Party(FRONT_DOOR, front_door)
        yield Party(RESOLVER, resolver)
        for gateway in self._gateways(GatewayKind.ENDPOINT):
            yield Party(gateway.service or gateway.id, (self.finder.outside(gateway),), starts=False)
        yield from self._outside()
        for tier in TIERS:
            yield Party(other_workloads(tier), self._anything_in(self._subnets(tier)))
        yield from self.places.parties
        yield Party(OTHER_WORKLOADS, _beside(self._rest, self.places.inside))
        yield Party(other_workloads(ATTACHMENT), self._anything_in(self._attached))
        further = self._anything_in(self._further)
        yield Party(other_workloads(OTHER_SUBNETS), _beside(further, self.places.inside))

    def _in_tier(self, tier: str) -> list[str]:
        """The subnets set for a tier of an existing VPC; in the stack's own those wholly in the tier's block."""
        existing, subnets = self.settings.network.existing, self.network.subnets
        if existing:
            return [key for key in subnets if key.rpartition("::")[2] in existing.subnets.by_tier[tier]]
        quarters = ipaddress.ip_network(self.settings.network.cidr).subnets(prefixlen_diff=2)
        block = addresses(str(list(quarters)[TIERS.index(tier)]))
        return [key for key, subnet in subnets.items() if subnet.addresses <= block]

    def _subnets(self, tier: str) -> list[str]:
        return self._tiers[tier]

    def _future_workloads(self, tier: str) -> tuple[PathEnd, ...]:
        """Workloads yet to come: any address of the tier, with the stack's group for it.

        Those of the app tier are other people's, who may give them public addresses.
        """
        return self._with_group(ROLES[tier], tier, public=tier == "app")

    def _with_group(self, role: str, tier: str, *, public: bool = False) -> tuple[PathEnd, ...]:
        """Any address of a tier, with the stack's group for a role."""
        named = self._groups_called(role)
        if len(named) != 1:
            self.unmet.append(f"there must be one security group called {role}; the network has {len(named)}")
            return ()
        return tuple(
            InterfaceSet(key, frozenset(named), self.network.subnets[key].addresses, public, ANY_CLIENT_PORTS)
            for key in self._subnets(tier)
        )

    def _groups_called(self, role: str) -> list[str]:
        """The groups with a role: by their name in the program, else by the Name tag that ends in it."""
        names = {key: group.name for key, group in self.network.groups.items()}
        exact = [key for key, name in names.items() if name == role]
        return exact or [key for key, name in names.items() if name.endswith(f"-{role}")]

    def _anything_in(self, subnets: Iterable[str]) -> tuple[InterfaceSet, ...]:
        """Workloads of anybody, who may give them public addresses."""
        everything = frozenset({OTHER_GROUPS.id})
        return tuple(
            InterfaceSet(key, everything, self.network.subnets[key].addresses, True) for key in sorted(subnets)
        )

    def _interfaces(self) -> tuple[tuple[InterfaceSet, ...], ...]:
        """Those of runtime endpoint, others, models, clients, front door, resolver, balancer, forwarder; the rest."""
        sorts: tuple[list[Interface], ...] = tuple([] for _ in range(9))
        for one in self.network.interfaces.values():
            sorts[self._classify(one)].append(one)
        return tuple(self.finder.interface_sets(each) for each in sorts)

    def _classify(self, one: Interface) -> int:
        if is_used(self.settings, one, set(self._groups_called(ROLES["access"]))):
            front_door = self._front_door and one.service == FRONT_DOOR_SERVICE
            return 0 if one.service in RUNTIMES else 4 if front_door else 1
        if self._resolver and one.kind == RESOLVER_KIND:
            return 5
        if one.kind == "SageMaker model" or one.groups & set(self._groups_called("model")):
            return 2
        if one.groups & set(self._groups_called("client")):
            return 3
        for number, (role, _) in enumerate(PARTS.values(), start=6):
            if self.settings.load_balancer and one.groups & set(self._groups_called(role)):
                return number
        return 8

    def _gateways(self, *kinds: GatewayKind) -> list[Gateway]:
        return [one for one in self.network.gateways.values() if one.kind in kinds]

    def _outside(self) -> Iterator[Party]:
        """The addresses outside the VPC: every one that lies behind a gateway is in one of these parties."""
        for block, place in self.places.premises.items():
            yield Party(on_premises(block), self._behind(TO_PREMISES, self.premises & place), block=place)
        named = Intervals.union(self.places.premises.values())
        yield Party(PREMISES, self._behind(TO_PREMISES, self.premises - named))
        others = tuple(kind for kind in GatewayKind if kind not in (*TO_PREMISES, GatewayKind.ENDPOINT))
        yield Party(SERVICES, self._behind((*TO_PREMISES, *others), self.services))
        denied = self._behind((*TO_PREMISES, *others), self.denied)
        yield Party(DENIED, denied or self._behind_no_gateway(self.denied))
        near = self._behind((*TO_PREMISES, *others), self.neighbours)
        yield Party(NEIGHBOURS, near or self._behind_no_gateway(self.neighbours))
        rest = EVERYWHERE - self.denied - self.services - self.neighbours
        elsewhere = (*self._behind(TO_PREMISES, rest - self.premises), *self._behind(others, rest))
        yield Party(ELSEWHERE, elsewhere or self._behind_no_gateway(rest - self.premises))

    def _behind(self, kinds: tuple[GatewayKind, ...], wanted: Intervals) -> tuple[PathEnd, ...]:
        """The wanted addresses that lie behind gateways of some kinds."""
        found = [self.finder.outside(gateway) for gateway in self._gateways(*kinds)]
        return tuple(OutsideAddresses(one.gateway, both) for one in found if (both := one.addresses & wanted))

    def _behind_no_gateway(self, wanted: Intervals) -> tuple[PathEnd, ...]:
        """Addresses outside to which no gateway leads."""
        outside = wanted - Intervals.union(vpc.addresses for vpc in self.network.vpcs.values())
        return (OutsideAddresses(None, outside),) if outside else ()


def _beside(ends: Iterable[InterfaceSet], place: Intervals) -> tuple[InterfaceSet, ...]:
    """What of interfaces is not in a place."""
    left = (replace(one, addresses=one.addresses - place) for one in ends)
    return tuple(one for one in left if one.addresses)
