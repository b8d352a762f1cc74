"""Further flows: connections beside the stack's own that a stack declares, and what of them is refused."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from itertools import product
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from components.cidr import Tier, free_block, tier_blocks
from components.settings.fields import PRIVATE_NETWORKS, Reason, cidr_block
from components.settings.group import SettingsGroup
from components.settings.problems import Problem

CLIENTS, ACCESS, PREMISES = "clients", "access", "onPremises"
WIDEST_RANGE = 30_000
"""Ports of a range. All that clients are answered on are 32768; those that container hosts give out are 28233.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
"""
HTTPS = (443, 443)
MODELS = "models reach S3 alone, and nothing reaches them: call them through the runtime endpoint"
INSTEAD = {Tier.APP: f"; write {CLIENTS}", Tier.ACCESS: f"; write {ACCESS}", Tier.MODEL: f": {MODELS}"}

Ports = tuple[int, int]
"""First and last port."""


def _end(value: str) -> str:
    if value in (CLIENTS, ACCESS, PREMISES):
        return value
    if value.lower() in ("model", "models"):
        raise ValueError(f"can't be an end of a flow: {MODELS}")
    if not re.fullmatch(r"[\d./]+", value):
        raise ValueError(
            f"is no end of a flow; write {CLIENTS}, {ACCESS}, {PREMISES} or a private block such as 10.0.192.0/24"
        )
    block = IPv4Network(cidr_block(value))
    if not any(block.subnet_of(private) for private in PRIVATE_NETWORKS):
        raise ValueError("is not private, and flows are between private addresses; name a private block")
    return str(block)


def _ports(value: object) -> Ports:
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", str(value))
    if not found or isinstance(value, bool):
        raise ValueError('is no port; write one such as 5432, or a range such as "9092-9098"')
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= last <= 65535:
        raise ValueError("is not within 1 to 65535, the lower port first; write the ports that the service listens on")
    if last - first >= WIDEST_RANGE:
        raise ValueError(
            f"is a range of {last - first + 1} ports, and {WIDEST_RANGE} are the most; write the ports that the "
            "service listens on"
        )
    return first, last


def _distinct(values: tuple[Ports, ...]) -> tuple[Ports, ...]:
    if not values:
        raise ValueError("names no port; write those that the service listens on, such as [5432]")
    for position, ports in enumerate(values):
        if any(_overlap(ports, other) for other in values[:position]):
            raise ValueError("names a port twice; name each once")
    return values


def _describable(value: str) -> str:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html"""
    if refused := sorted(set(re.sub(r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]", "", value))):
        raise ValueError(f"describes a rule, where AWS takes no {' '.join(refused)}; leave that out")
    return value


End = Annotated[str, AfterValidator(_end)]


class FlowSettings(SettingsGroup):
    """TCP connections that a service beside the stack needs."""

    source: Annotated[End, Field(alias="from")]
    """Who opens connections: `clients` (whoever has the client group, in the app subnets), `onPremises`, or a block.

    A block is private. It lies in the last quarter of the VPC, which is free for further subnets with route tables and
    network ACLs of their own (but for its end with a transit gateway), or within `onPremises.cidrs`.
    """
    destination: Annotated[End, Field(alias="to")]
    """Whom they lead to: the same, or from further subnets also `access`, the interface endpoints, on 443.

    `clients` is at one end at least, or `access`: rules between others are not this stack's.
    """
    ports: Annotated[tuple[Annotated[Ports, BeforeValidator(_ports)], ...], AfterValidator(_distinct)]
    """TCP ports that the destination listens on, such as 5432, or a range such as "9092-9098"."""
    because: Annotated[Reason, AfterValidator(_describable)]
    """What the connections are for: the description of the rules."""


def contradictions(
    flows: Sequence[FlowSettings], vpc: str, premises: Sequence[str], denied: Sequence[str], transit: str | None
) -> Iterator[Problem]:
    """What of the flows can't be, in a VPC with clients in some blocks on premises, and with denied blocks.

    `transit` is the block of the transit gateway's subnets.
    """
    for position, flow in enumerate(flows):
        place = f"flows[{position}]"
        found = [*_misplaced(flow, vpc, premises, denied, transit), *_senseless(flow, vpc)]
        yield from (Problem(f"{place}.{key}", value, message) for key, value, message in found)
        for earlier, other in enumerate(flows[:position]):
            if not found and _share(flow, other, premises):
                message = f"has connections in common with flows[{earlier}]; name each in one flow only"
                yield Problem(place, f"{flow.source} to {flow.destination} on {_text(flow.ports)}", message)


def _misplaced(
    flow: FlowSettings, vpc: str, premises: Sequence[str], denied: Sequence[str], transit: str | None
) -> Iterator[Problem]:
    """Ends that aren't where an end may be."""
    for key, end in (("from", flow.source), ("to", flow.destination)):
        if end == PREMISES and not premises:
            yield Problem(key, end, "is nobody without network.onPremises; add that, or name another end")
        if end in (CLIENTS, ACCESS, PREMISES):
            continue
        block = IPv4Network(end)
        if cut := [each for each in denied if block.overlaps(IPv4Network(each))]:
            yield Problem(key, end, f"is denied by deniedCidrs ({cut[0]}); remove it from one of them")
        elif tiers := [tier for tier, own in tier_blocks(vpc).items() if block.overlaps(IPv4Network(own))]:
            yield Problem(key, end, f"reaches into the {tiers[-1]} tier{INSTEAD[tiers[-1]]}")
        elif transit and block.overlaps(IPv4Network(transit)):
            yield Problem(key, end, f"reaches into the transit gateway's subnets ({transit}); name addresses before it")
        elif not any(block.subnet_of(IPv4Network(each)) for each in (free_block(vpc), *premises)):
            places = f"the last quarter of the VPC ({free_block(vpc)}) nor within onPremises.cidrs"
            yield Problem(key, end, f"is neither within {places}; no route of the stack leads there")


def _senseless(flow: FlowSettings, vpc: str) -> Iterator[Problem]:
    """Ends that are each allowed, and not with one another."""
    ends = (flow.source, flow.destination)
    if flow.source == ACCESS:
        yield Problem("from", ACCESS, "opens no connections: interface endpoints only answer; name who calls")
    elif CLIENTS not in ends and ACCESS not in ends:
        message = f"has neither {CLIENTS} nor {ACCESS} at an end; rules between others are theirs, not this stack's"
        yield Problem("to", flow.destination, message)
    elif flow.destination == ACCESS:
        inside = flow.source not in (CLIENTS, PREMISES) and IPv4Network(flow.source).overlaps(IPv4Network(vpc))
        if not inside:
            yield Problem("from", flow.source, f"reaches {ACCESS} anyway, by a flow of the stack itself; remove it")
        elif flow.ports != (HTTPS,):
            yield Problem("ports", _text(flow.ports), "is not what interface endpoints listen on; write [443]")


def _share(one: FlowSettings, other: FlowSettings, premises: Sequence[str]) -> bool:
    ends = ((one.source, other.source), (one.destination, other.destination))
    same = all(_meet(blocks_of(left, premises), blocks_of(right, premises)) for left, right in ends)
    return same and any(_overlap(left, right) for left, right in product(one.ports, other.ports))


def blocks_of(end: str, premises: Sequence[str]) -> Sequence[str]:
    """The blocks that an end stands for; of the stack's own tiers their name alone."""
    return premises if end == PREMISES else [end]


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    named = (CLIENTS, ACCESS)
    return any(
        left == right if left in named or right in named else IPv4Network(left).overlaps(IPv4Network(right))
        for left, right in product(one, other)
    )


def _text(ports: Sequence[Ports]) -> str:
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ports)


def _overlap(one: Ports, other: Ports) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
