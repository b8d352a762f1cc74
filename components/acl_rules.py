"""The rules of a tier's network ACL, derived from the flows. Pure: no Pulumi resources.

AWS knows a rule by its number, so a number follows from what the rule says alone: what comes or goes beside it touches
no other rule, and a changed rule is made under its new number before the old one goes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network
from typing import Literal

from components.cidr import Tier
from components.flows import HTTPS, Block, Direction, Flow, Gateway, Peer, Ports, Protocol, tier_of

EPHEMERAL_PORTS: Ports = (1024, 65535)
"""Ports that answers return to. Lambda and NAT use all of it, Linux the upper part.

https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports
"""

PORTS: Sequence[Ports] = (HTTPS, EPHEMERAL_PORTS)
"""The ports of the stack's own rules that allow. Numbers follow from the position."""

DENIES = range(1000, 10000)
TIERS = range(10000, 10100)
TIERS_ON_OTHER_PORTS = range(10100, 11000)
GATEWAYS = range(11000, 12000)
BLOCKS = range(12000, 32000)
"""Numbers of the rules by what they are about; AWS takes 1 to 32766, and the lowest that matches decides."""

WIDEST = 8
"""Prefix length to which a gateway's blocks are widened: in few rules, and far from 0.0.0.0/0."""

NOT_PUBLIC = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
        ),
    )
)  # fmt: skip
"""Blocks that no public service has: https://www.iana.org/assignments/iana-ipv4-special-registry."""


@dataclass(frozen=True)
class NumberedAclRule:
    """A numbered rule of a network ACL."""

    direction: Direction
    number: int
    action: Literal["allow", "deny"]
    cidr: str
    ports: Ports | None
    """None for all traffic."""
    protocol: Protocol = "tcp"


class AclQuotaError(ValueError):
    """The ACL would need more rules than the account allows; the message says how many and what to do."""


class NotPublicError(ValueError):
    """A gateway's prefix list names addresses that are not public; the message says which."""


def acl_rules(
    tier: Tier, allowed: Sequence[Flow], denied: Sequence[str], addresses: Mapping[Peer, Sequence[str]], quota: int
) -> tuple[NumberedAclRule, ...]:
    """The rules of a tier's network ACL: denies first, then each flow and, because ACLs are stateless, its answers.

    `addresses` gives the blocks of every tier and gateway that the flows name; those of a gateway are opened as
    `supernets`. `quota` counts rules a direction with the default deny
    (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html). A rule has the same number whatever rules
    there are beside it, unless two want the same one: then the second takes the next that is free.
    Raises AclQuotaError, and NotPublicError as `supernets` does.
    """
    rules: list[NumberedAclRule] = []
    for direction in ("ingress", "egress"):
        wanted = set(_denies(denied)) | set(_allows(tier, direction, allowed, addresses))
        if len(wanted) + 1 > quota:
            raise AclQuotaError(
                f"The network ACL of the {tier} tier needs {len(wanted) + 1} {direction} rules, the default deny "
                f"included, and network.naclRuleQuota allows {quota}. Merge deniedCidrs, or have AWS raise the quota "
                "and set it"
            )
        rules += _numbered(direction, wanted)
    return tuple(rules)


def supernets(blocks: Iterable[str]) -> list[str]:
    """For each block of a gateway's prefix list the widest public block around it, a /8 at most.

    AWS extends these lists at any time: an ACL that names its blocks alone would cut off what is added, where a new
    block mostly lies within a /8 in use. Routes and security groups name the list itself, and so bound what the ACL
    opens. Raises NotPublicError for a block that is not public.
    https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html
    """
    return sorted({str(_supernet(IPv4Network(block))) for block in blocks})


def _supernet(block: IPv4Network) -> IPv4Network:
    if not _public(block):
        raise NotPublicError(f"{block} is not public")
    while block.prefixlen > WIDEST and _public(block.supernet()):
        block = block.supernet()
    return block


def _public(block: IPv4Network) -> bool:
    return not any(block.overlaps(other) for other in NOT_PUBLIC)


@dataclass(frozen=True)
class _Wanted:
    """What a rule says, and the number it has unless another one wants the same."""

    number: int
    action: Literal["allow", "deny"]
    cidr: str
    ports: Ports | None
    among: range
    protocol: Protocol = "tcp"


def _denies(denied: Iterable[str]) -> Iterator[_Wanted]:
    for block in denied:
        yield _Wanted(_by_content(DENIES, block), "deny", block, None, DENIES)


def _allows(
    tier: Tier, direction: Direction, allowed: Iterable[Flow], addresses: Mapping[Peer, Sequence[str]]
) -> Iterator[_Wanted]:
    """Requests and answers of the tier's flows in one direction."""
    for flow in allowed:
        outgoing, incoming = (flow.ports, EPHEMERAL_PORTS) if direction == "egress" else (EPHEMERAL_PORTS, flow.ports)
        if flow.source == tier:
            yield from _opened(flow.destination, outgoing, flow.protocol, addresses)
        if flow.destination == tier:
            yield from _opened(flow.source, incoming, flow.protocol, addresses)


def _opened(peer: Peer, ports: Ports, protocol: Protocol, addresses: Mapping[Peer, Sequence[str]]) -> Iterator[_Wanted]:
    service = f"{ports}" if protocol == "tcp" else f"{protocol} {ports}"
    if isinstance(peer, Block):
        number = _by_content(BLOCKS, f"{peer.cidr} {service}")
        yield _Wanted(number, "allow", peer.cidr, ports, BLOCKS, protocol)
    elif isinstance(peer, Gateway):
        for block in supernets(addresses[peer]):
            number = GATEWAYS[len(PORTS) * int(block.partition(".")[0]) + PORTS.index(ports)]
            yield _Wanted(number, "allow", block, ports, GATEWAYS)
    elif ports in PORTS and protocol == "tcp":
        for block in addresses[peer]:
            yield _Wanted(
                TIERS[10 * list(Tier).index(tier_of(peer)) + PORTS.index(ports)], "allow", block, ports, TIERS
            )
    else:
        for block in addresses[peer]:
            number = _by_content(TIERS_ON_OTHER_PORTS, f"{peer} {service}")
            yield _Wanted(number, "allow", block, ports, TIERS_ON_OTHER_PORTS, protocol)


def _by_content(numbers: range, content: str) -> int:
    return numbers[int.from_bytes(sha256(content.encode()).digest()) % len(numbers)]


def _numbered(direction: Direction, wanted: Iterable[_Wanted]) -> Iterator[NumberedAclRule]:
    taken: set[int] = set()
    for rule in sorted(wanted, key=lambda rule: (rule.number, rule.cidr)):
        number = rule.number
        while number in taken:
            number = rule.among[(rule.among.index(number) + 1) % len(rule.among)]
        taken.add(number)
        yield NumberedAclRule(direction, number, rule.action, rule.cidr, rule.ports, rule.protocol)
