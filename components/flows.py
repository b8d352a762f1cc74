"""Who talks to whom, written once. Security-group rules and, in `acl_rules`, network-ACL rules are derived from it.

Pure: no Pulumi resources. The reachability engine proves the result and shares no code with this module.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Network
from itertools import product
from typing import Literal

from components.cidr import Tier
from components.settings import ACCESS, CLIENTS, Settings, blocks_of

Ports = tuple[int, int]
"""First and last port."""

HTTPS: Ports = (443, 443)
DNS: Ports = (53, 53)
FORWARDER_PORTS: Ports = (8443, 8443)
Protocol = Literal["tcp", "udp"]
Direction = Literal["ingress", "egress"]


class Gateway(StrEnum):
    """A service with a gateway endpoint: in the firewall it is a prefix list."""

    S3 = "s3"
    DYNAMODB = "dynamodb"


@dataclass(frozen=True)
class Block:
    """Addresses outside the VPC, or of subnets beside the tiers."""

    cidr: str


class Part(StrEnum):
    """A part of the front door that has a security group of its own in the subnets of a tier."""

    BALANCER = "balancer"
    FORWARDER = "forwarder"


Guarded = Tier | Part
"""What has a security group in the VPC."""
Peer = Tier | Part | Gateway | Block


def tier_of(guarded: Guarded) -> Tier:
    """Where it is: the balancer is called as interface endpoints are, the forwarder calls as clients do."""
    places = {Part.BALANCER: Tier.ACCESS, Part.FORWARDER: Tier.APP}
    return places[guarded] if isinstance(guarded, Part) else guarded


@dataclass(frozen=True)
class Flow:
    """Connections that `source` opens to `destination`."""

    source: Guarded | Block
    destination: Peer
    purpose: str
    ports: Ports = HTTPS
    protocol: Protocol = "tcp"


def flows(settings: Settings) -> tuple[Flow, ...]:
    """Every connection that the stack allows. All others are refused."""
    allowed = [
        Flow(Tier.APP, Tier.ACCESS, "Clients call the models through the runtime endpoint"),
        Flow(Tier.MODEL, Gateway.S3, "SageMaker fetches model artifacts through the S3 gateway"),
    ]
    if settings.private_access.dynamodb:
        allowed.append(Flow(Tier.APP, Gateway.DYNAMODB, "Clients reach DynamoDB through its gateway"))
    if settings.asynchronous:
        allowed.append(Flow(Tier.APP, Gateway.S3, "Clients put requests into S3, and read answers there"))
    elif "ecr.dkr" in settings.private_access.interface_endpoints:
        allowed.append(Flow(Tier.APP, Gateway.S3, "ECR serves image layers from S3"))
    if settings.network.on_premises:
        allowed += [
            Flow(Block(block), Tier.ACCESS, "On-premises clients call the models through the runtime endpoint")
            for block in settings.network.on_premises.cidrs
        ]
    if any(not model.isolated for endpoint in settings.endpoints for model in endpoint.models):
        allowed.append(Flow(Tier.MODEL, Tier.ACCESS, "Models without network isolation call AWS services"))
    return (*allowed, *_further(settings))


def resolver_flows(settings: Settings) -> tuple[Flow, ...]:
    """Queries from on premises to the inbound endpoint of Route 53 Resolver, which has a group of its own.

    Large answers come by TCP: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-forwarding-inbound-queries-values.html
    """
    premises = settings.network.on_premises
    if premises is None or not premises.inbound_resolver:
        return ()
    queries: tuple[Protocol, ...] = ("udp", "tcp")
    why = "On-premises clients resolve the VPC's private names"
    return tuple(
        Flow(Block(block), Tier.ACCESS, why, DNS, protocol) for block, protocol in product(premises.cidrs, queries)
    )


def load_balancer_flows(settings: Settings) -> tuple[Flow, ...]:
    """The way of a call through the load balancer and its forwarder, and what the forwarder needs to run."""
    if not settings.load_balancer:
        return ()
    premises = settings.network.on_premises.cidrs if settings.network.on_premises else ()
    return (
        Flow(Tier.APP, Part.BALANCER, "Clients call the models through the load balancer"),
        *(Flow(Block(each), Part.BALANCER, "On-premises clients call the load balancer") for each in premises),
        Flow(Part.BALANCER, Part.FORWARDER, "The load balancer passes calls on", FORWARDER_PORTS),
        Flow(Part.FORWARDER, Tier.ACCESS, "The forwarder calls the models, and AWS services to run"),
        Flow(Part.FORWARDER, Gateway.S3, "ECR serves the layers of the forwarder from S3"),
    )


def placed(allowed: Iterable[Flow]) -> tuple[Flow, ...]:
    """The flows as network ACLs and routes judge them: between tiers."""
    found = []
    for flow in allowed:
        source = tier_of(flow.source) if isinstance(flow.source, Part) else flow.source
        destination = tier_of(flow.destination) if isinstance(flow.destination, Part) else flow.destination
        found.append(replace(flow, source=source, destination=destination))
    return tuple(dict.fromkeys(found))


def through_transit(allowed: Iterable[Flow], vpc: str) -> tuple[Flow, ...]:
    """The flows from and to other networks, as the ACL of the transit gateway's subnets judges them.

    Of both directions it judges the address within the VPC alone:
    https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html.
    """
    found = [replace(flow, source=Tier.TRANSIT) for flow in allowed if is_outside(flow.source, vpc)]
    found += [replace(flow, destination=Tier.TRANSIT) for flow in allowed if is_outside(flow.destination, vpc)]
    return tuple(dict.fromkeys(found))


def is_outside(peer: Peer, vpc: str) -> bool:
    """Whether a peer is a block of another network."""
    return isinstance(peer, Block) and not IPv4Network(peer.cidr).overlaps(IPv4Network(vpc))


def _further(settings: Settings) -> Iterator[Flow]:
    """The flows that the settings declare beside the stack's own."""
    premises = settings.network.on_premises.cidrs if settings.network.on_premises else ()
    for flow in settings.network.flows:
        for source, destination in product(*(blocks_of(end, premises) for end in (flow.source, flow.destination))):
            for ports in flow.ports:
                yield Flow(_end(source), _end(destination), flow.because, ports)


def _end(name: str) -> Tier | Block:
    return {CLIENTS: Tier.APP, ACCESS: Tier.ACCESS}.get(name) or Block(name)


@dataclass(frozen=True)
class GroupRule:
    """A rule of the security group of `tier`, to or from `peer`. Groups are stateful: answers need no rule."""

    tier: Guarded
    direction: Direction
    peer: Peer
    ports: Ports
    description: str
    protocol: Protocol = "tcp"


def group_rules(allowed: Sequence[Flow]) -> Iterator[GroupRule]:
    """The rules for both ends of each flow, where an end has a security group in this VPC."""
    for flow in allowed:
        if isinstance(flow.source, Guarded):
            yield GroupRule(flow.source, "egress", flow.destination, flow.ports, flow.purpose, flow.protocol)
        if isinstance(flow.destination, Guarded):
            yield GroupRule(flow.destination, "ingress", flow.source, flow.ports, flow.purpose, flow.protocol)
