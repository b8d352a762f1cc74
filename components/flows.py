"""Who talks to whom, written once. Security-group rules and network-ACL rules are derived from it.

Pure: no Pulumi resources. The reachability engine proves the result and shares no code with this module.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from netaddr import IPNetwork, cidr_merge

from components.cidr import Tier
from components.settings import Settings

HTTPS = 443
EPHEMERAL_PORTS = (1024, 65535)
"""Ports that answers return to. Lambda and NAT use all of it, Linux the upper part.

https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports
"""

Direction = Literal["ingress", "egress"]


class Gateway(StrEnum):
    """A service with a gateway endpoint: in the firewall it is a prefix list."""

    S3 = "s3"
    DYNAMODB = "dynamodb"


@dataclass(frozen=True)
class Block:
    """Addresses outside the VPC."""

    cidr: str


Peer = Tier | Gateway | Block


@dataclass(frozen=True)
class Flow:
    """TCP connections that `source` opens to `destination`, on port 443."""

    source: Tier | Block
    destination: Tier | Gateway
    purpose: str


def flows(settings: Settings) -> tuple[Flow, ...]:
    """Every connection that the stack allows. All others are refused."""
    allowed = [
        Flow(Tier.APP, Tier.ACCESS, "Clients call the models through the runtime endpoint"),
        Flow(Tier.MODEL, Gateway.S3, "SageMaker fetches model artifacts through the S3 gateway"),
    ]
    if settings.private_access.dynamodb:
        allowed.append(Flow(Tier.APP, Gateway.DYNAMODB, "Clients reach DynamoDB through its gateway"))
    if "ecr.dkr" in settings.private_access.interface_endpoints:
        allowed.append(Flow(Tier.APP, Gateway.S3, "ECR serves image layers from S3"))
    if settings.network.on_premises:
        allowed += [
            Flow(Block(block), Tier.ACCESS, "On-premises clients call the models through the runtime endpoint")
            for block in settings.network.on_premises.cidrs
        ]
    if any(not endpoint.model.isolated for endpoint in settings.endpoints):
        allowed.append(Flow(Tier.MODEL, Tier.ACCESS, "Models without network isolation call AWS services"))
    return tuple(allowed)


@dataclass(frozen=True)
class GroupRule:
    """A rule of the security group of `tier`: TCP 443 to or from `peer`. Groups are stateful: answers need no rule."""

    tier: Tier
    direction: Direction
    peer: Peer
    description: str


def group_rules(allowed: Sequence[Flow]) -> Iterator[GroupRule]:
    """The rules for both ends of each flow, where an end has a security group in this VPC."""
    for flow in allowed:
        if isinstance(flow.source, Tier):
            yield GroupRule(flow.source, "egress", flow.destination, flow.purpose)
        if isinstance(flow.destination, Tier):
            yield GroupRule(flow.destination, "ingress", flow.source, flow.purpose)


@dataclass(frozen=True)
class NumberedAclRule:
    """A numbered rule of a network ACL."""

    direction: Direction
    number: int
    action: Literal["allow", "deny"]
    cidr: str
    ports: tuple[int, int] | None
    """First and last TCP port; None for all traffic."""


class AclQuotaError(ValueError):
    """The ACL would need more rules than the account allows; the message says how many and what to do."""


FIRST_DENY = 100
FIRST_ALLOW = 1000
STEP = 10


def acl_rules(
    tier: Tier, allowed: Sequence[Flow], denied: Sequence[str], addresses: Mapping[Peer, Sequence[str]], quota: int
) -> tuple[NumberedAclRule, ...]:
    """The rules of a tier's network ACL: denies first, then each flow and, because ACLs are stateless, its answers.

    `addresses` gives the blocks of every tier and gateway that the flows name. `quota` counts rules a direction with
    the default deny (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
    Raises AclQuotaError.
    """
    rules = []
    for direction in ("ingress", "egress"):
        opened = sorted(set(_opened(tier, direction, allowed, addresses)))
        needed = len(denied) + len(opened) + 1
        if needed > quota:
            raise AclQuotaError(
                f"The network ACL of the {tier} tier needs {needed} {direction} rules, the default deny included, "
                f"and network.naclRuleQuota allows {quota}. Merge deniedCidrs, or have AWS raise the quota and set it"
            )
        rules += [
            NumberedAclRule(direction, FIRST_DENY + STEP * i, "deny", block, None) for i, block in enumerate(denied)
        ]
        rules += [
            NumberedAclRule(direction, FIRST_ALLOW + STEP * i, "allow", block, ports)
            for i, (block, ports) in enumerate(opened)
        ]
    return tuple(rules)


def _opened(
    tier: Tier, direction: Direction, allowed: Sequence[Flow], addresses: Mapping[Peer, Sequence[str]]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Blocks and ports that the tier's flows need open in one direction."""
    outgoing, incoming = ((HTTPS, HTTPS), EPHEMERAL_PORTS)
    if direction == "ingress":
        outgoing, incoming = incoming, outgoing
    for flow in allowed:
        if flow.source == tier:
            yield from ((block, outgoing) for block in _blocks(flow.destination, addresses))
        if flow.destination == tier:
            yield from ((block, incoming) for block in _blocks(flow.source, addresses))


def _blocks(peer: Peer, addresses: Mapping[Peer, Sequence[str]]) -> list[str]:
    if isinstance(peer, Block):
        return [peer.cidr]
    return [str(block) for block in cidr_merge([IPNetwork(block) for block in addresses[peer]])]
