"""One packet's way through the controls: each hop with the rule that decides, and on refusal what would have to change.

A trace walks the stages of `paths`, so it can't disagree with the sets; it adds which rule of a control decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from private_inference.reachability.intervals import Intervals
from private_inference.reachability.model import AclRule, Cidr, GatewayKind, GroupRef, Network, PrefixListRef, SgRule
from private_inference.reachability.paths import LETS_IN, Beyond, Box, Engine, Path, Placement, Site, Stage, without
from private_inference.reachability.traffic import (
    address_text,
    addresses,
    answer_to,
    protocol_number,
    resolver,
    service_text,
    services,
    services_text,
)

# The Amazon DNS server's other addresses: "Understanding Amazon DNS", Amazon VPC User Guide.
_DNS_ANYWHERE = addresses("169.254.169.253", "fd00:ec2::253")


class Verdict(StrEnum):
    """What becomes of the packets that were asked about."""

    REACHES = "reaches"
    PARTLY = "reaches partly"
    ONE_WAY = "one way only"
    REFUSED = "refused"


@dataclass(frozen=True)
class Hop:
    """What one control does with the packet, or with its answer.

    remedy: what would have to change, when this hop refuses; "" when it doesn't. subnet: the one that the control is in
    force in, for ACLs and route tables.
    """

    control: str
    subject: str
    direction: str
    reply: bool
    allowed: bool
    reason: str
    remedy: str = ""
    subnet: str = ""

    @property
    def place(self) -> str:
        """The control by name, with its subnet: "network ACL app in app-us-east-1a"."""
        return f"{self.control} {self.subject}".strip() + (f" in {self.subnet}" if self.subnet else "")


@dataclass(frozen=True)
class Trace:
    """The verdict on a service between two sites, and the hops of one packet that shows it.

    The hops end with the first that refuses. Where only some addresses pass, the packet is one that doesn't.
    """

    source: str
    destination: str
    service: str
    verdict: Verdict
    hops: tuple[Hop, ...]

    @property
    def refusal(self) -> Hop | None:
        """The hop that refuses, if one does."""
        return next((hop for hop in self.hops if not hop.allowed), None)


class UnknownSite(ValueError):  # noqa: N818 - names what was asked for, like KeyError's siblings
    """A source or destination that the network doesn't have."""


@dataclass(frozen=True)
class _Packet:
    path: Path
    source: int
    destination: int
    service: int

    def address(self, stage: Stage) -> int:
        """The address that a stage looks at."""
        return self.source if stage.about == "source" else self.destination

    def peer(self, stage: Stage) -> Site:
        """The site at the end that a stage looks at."""
        return self.path.source if stage.about == "source" else self.path.destination


Named = Mapping[str, Sequence[Site]]


def trace(
    network: Network, source: str, destination: str, port: int, protocol: str = "tcp", named: Named | None = None
) -> Trace:
    """Trace a service from `source` to `destination`.

    Each is one of `named`, an address, "internet", or the id, name, owner or AWS service of interfaces or of a gateway
    endpoint. Where that is several interfaces the trace is of one that fares worst; where several gateways lead there,
    of the best. For ICMP, `port` is `type * 256 + code`.
    Raises UnknownSite, and ValueError for a protocol or port that isn't one.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be between 0 and 65535, got {port}")
    if protocol_number(protocol) is None:
        raise ValueError(f"a trace needs one protocol (tcp, udp, icmp or a number), got {protocol!r}")
    engine = Engine(network)
    service = services(protocol, port, port).first
    sources = sites(engine, source, named or {})
    return _amazon_dns(engine, sources, destination, service) or trace_sites(
        engine, sources, sites(engine, destination, named or {}), service
    )


def trace_sites(engine: Engine, sources: Sequence[Site], destinations: Sequence[Site], service: int) -> Trace:
    """The trace between two lists of sites: the worst over placements, the best over the gateways that lead to them."""
    by_placement: dict[tuple[Site | None, Site | None], list[Trace]] = {}
    for source in sources:
        for destination in destinations:
            key = (_placement(source), _placement(destination))
            by_placement.setdefault(key, []).append(trace_path(engine, engine.path(source, destination), service))
    order = list(Verdict)
    return max(
        (min(traces, key=lambda one: (order.index(one.verdict), -len(one.hops))) for traces in by_placement.values()),
        key=lambda one: order.index(one.verdict),
    )


def trace_path(engine: Engine, path: Path, service: int) -> Trace:
    """The trace of a service along a path, of a packet that doesn't pass if there is one."""
    asked = path.asking(Intervals.of((service, service)))
    if not asked:
        return _no_common_version(engine, path, service)
    refused = without(asked, path.delivered)
    left = refused or without(asked, path.answered)
    shown = trace_packet(engine, path, (left or asked)[0])
    return replace(shown, verdict=_verdict(refused, left, path, asked))


def _no_common_version(engine: Engine, path: Path, service: int) -> Trace:
    ends = (path.source, path.destination)
    source, destination = (site_text(engine.network, site, site.addresses.first) for site in ends)
    hop = Hop(
        "addresses",
        "",
        "egress",
        False,
        False,
        "one end has IPv4 addresses only, the other IPv6",
        "a common IP version",
    )
    return Trace(source, destination, service_text(service), Verdict.REFUSED, (hop,))


def trace_packet(engine: Engine, path: Path, box: Box) -> Trace:
    """The trace of the first packet of a box along a path."""
    packet = _Packet(path, box.sources.first, box.destinations.first, box.services.first)
    hops: list[Hop] = []
    for stage in path.stages:
        hops.append(_hop(engine, stage, packet))
        if not hops[-1].allowed:
            break
    verdict = Verdict.REACHES
    if not hops[-1].allowed:
        verdict = Verdict.ONE_WAY if hops[-1].reply else Verdict.REFUSED
    return Trace(
        site_text(engine.network, path.source, packet.source),
        site_text(engine.network, path.destination, packet.destination),
        service_text(packet.service),
        verdict,
        tuple(hops),
    )


def _verdict(refused: Sequence[Box], left: Sequence[Box], path: Path, asked: Sequence[Box]) -> Verdict:
    if not left:
        return Verdict.REACHES
    passes = path.delivered if refused else path.answered
    if any(one & box for one in asked for box in passes):
        return Verdict.PARTLY
    return Verdict.REFUSED if refused else Verdict.ONE_WAY


def _amazon_dns(engine: Engine, sources: Sequence[Site], destination: str, service: int) -> Trace | None:
    """The trace of a query to the Amazon DNS server, which neither groups nor ACLs filter ("DNS in your VPC")."""
    address = _address(destination)
    if address is None or service not in services("udp", 53, 53) | services("tcp", 53, 53):
        return None
    for source in sources:
        if isinstance(source, Placement):
            vpc = engine.network.vpcs[engine.network.subnets[source.subnet].vpc]
            if vpc.dns and address <= _DNS_ANYWHERE | Intervals.of(
                *((resolver(b), resolver(b)) for b in vpc.cidrs[:1])
            ):
                reason = "Amazon DNS: no security group or network ACL filters it; Route 53 Resolver DNS Firewall does"
                hop = Hop("Amazon DNS", engine.network.name(vpc.id), "egress", False, True, reason)
                origin = site_text(engine.network, source, source.addresses.first)
                return Trace(origin, destination, service_text(service), Verdict.REACHES, (hop,))
    return None


def _placement(site: Site) -> Site | None:
    return site if isinstance(site, Placement) else None


# Sites by what a reader calls them


def sites(engine: Engine, text: str, named: Named) -> list[Site]:
    """The sites that `text` names: see `trace`. Raises UnknownSite."""
    network = engine.network
    if text in named:
        return list(named[text])
    if text == "internet":
        outside = (GatewayKind.INTERNET, GatewayKind.NAT, GatewayKind.EGRESS_ONLY)
        found = [engine.beyond(gateway) for gateway in network.gateways.values() if gateway.kind in outside]
        return [*found] or [Beyond(None, addresses("192.0.2.1"))]
    if (address := _address(text)) is not None:
        return _at_address(engine, address, named)
    interfaces = [one for one in network.interfaces.values() if text in (one.id, one.name, one.owner, one.service)]
    gateways = [one for one in network.gateways.values() if text in (one.id, one.name, one.service)]
    if not interfaces and not gateways:
        raise UnknownSite(
            f"nothing in the network is called {text!r}; give an address, internet, or one of: "
            + ", ".join(dict.fromkeys([*named, *_names(network)]))
        )
    return [*engine.placements(interfaces), *map(engine.beyond, gateways)]


def _names(network: Network) -> list[str]:
    interfaces = {one.service or one.owner or one.name or one.id for one in network.interfaces.values()}
    gateways = {one.service or one.name or one.id for one in network.gateways.values()}
    return sorted(interfaces | gateways)


def _address(text: str) -> Intervals | None:
    try:
        return addresses(text)
    except ValueError:
        return None


def _at_address(engine: Engine, address: Intervals, named: Named) -> list[Site]:
    """The sites at an address: interfaces that have it or may, else a named party's, else beyond each gateway."""
    network = engine.network
    if here := [replace(one, addresses=both) for one in engine.placements() if (both := one.addresses & address)]:
        return [*here]
    for party in named.values():
        placements = [site for site in party if isinstance(site, Placement)]
        if here := [replace(one, addresses=both) for one in placements if (both := one.addresses & address)]:
            return [*here]
    for vpc in network.vpcs.values():
        if address & vpc.addresses:
            raise UnknownSite(
                f"no interface of {network.name(vpc.id)} has an address in {_text(address)}: name the interface, or "
                "give an address that one has"
            )
    beyond = [engine.beyond(gateway) for gateway in network.gateways.values()]
    return [Beyond(one.gateway, one.addresses & address) for one in beyond if one.addresses & address] or [
        Beyond(None, address)
    ]


def _text(found: Intervals) -> str:
    return address_text(found.first) if found.size == 1 else f"{address_text(found.first)} and on"


def site_text(network: Network, site: Site, address: int) -> str:
    shown = address_text(address)
    if isinstance(site, Beyond):
        return f"{shown} beyond {network.name(site.gateway)}" if site.gateway else f"{shown} outside"
    names = sorted({network.interfaces[one].name or one for one in site.members})
    if not names:
        groups = ", ".join(network.name(group) for group in sorted(site.groups)) or "no group"
        return f"{shown} (any interface with {groups} in {network.name(site.subnet)})"
    more = f" and {len(names) - 1} alike" if len(names) > 1 else ""
    return f"{shown} ({names[0]}{more})"


# Hops


def _hop(engine: Engine, stage: Stage, packet: _Packet) -> Hop:
    allowed = stage.admits.contains(packet.address(stage), packet.service)
    explain = {
        "security group": _explain_groups,
        "network ACL": _explain_acls,
        "route table": _explain_route,
        "gateway": _explain_gateway,
    }[stage.control]
    reason, remedy = explain(engine, stage, packet, allowed)
    subject = ", ".join(engine.network.name(one) for one in stage.subjects)
    reply = stage.replies_to is not None
    subnet = engine.network.name(stage.subnet) if stage.control in ("network ACL", "route table") else ""
    return Hop(stage.control, subject, stage.direction, reply, allowed, reason, "" if allowed else remedy, subnet)


def _explain_groups(engine: Engine, stage: Stage, packet: _Packet, allowed: bool) -> tuple[str, str]:
    network, address, peer = engine.network, packet.address(stage), packet.peer(stage)
    towards = "to" if stage.direction == "egress" else "from"
    asked = service_text(packet.service)
    for group in stage.subjects:
        rules: tuple[SgRule, ...] = getattr(network.groups[group], stage.direction)
        for rule in rules:
            if packet.service in rule.services and _matches(network, rule, address, peer):
                shown = f" ({rule.name})" if rule.name else ""
                return f"allows {services_text(rule.services)} {towards} {_peer_text(network, rule.peer)}{shown}", ""
    who = address_text(address)
    own = ", ".join(network.name(group) for group in stage.subjects) or "its security groups"
    return (
        f"no {stage.direction} rule allows {asked} {towards} {who}",
        f"an {stage.direction} rule of {own} for {asked} {towards} {who} or a group it has",
    )


def _matches(network: Network, rule: SgRule, address: int, peer: Site) -> bool:
    if isinstance(rule.peer, GroupRef):
        return isinstance(peer, Placement) and rule.peer.group in peer.groups
    return address in network.peer_addresses(rule.peer)


def _peer_text(network: Network, peer: Cidr | PrefixListRef | GroupRef) -> str:
    if isinstance(peer, GroupRef):
        return f"security group {network.name(peer.group)}"
    return f"prefix list {peer}" if isinstance(peer, PrefixListRef) else str(peer)


def _explain_acls(engine: Engine, stage: Stage, packet: _Packet, allowed: bool) -> tuple[str, str]:
    if not stage.subjects:
        return (
            "the attachment has no subnet in this zone",
            "a subnet of this zone among the transit gateway attachment's",
        )
    explained = [_explain_acl(engine.network, acl, stage, packet) for acl in stage.subjects]
    return next(((reason, remedy) for reason, remedy in explained if bool(remedy) != allowed), explained[0])


def _explain_acl(network: Network, acl: str, stage: Stage, packet: _Packet) -> tuple[str, str]:
    """The rules that decide about the packet or about every port its answer may go to; the first refusal wins."""
    wanted = Intervals.of((packet.service, packet.service))
    if stage.replies_to:
        wanted = answer_to(packet.service, stage.replies_to)
    address = packet.address(stage)
    # On the way back the address looked at is where the answer goes to or comes from.
    towards = "to" if stage.direction == "egress" else "from"
    rules: tuple[AclRule, ...] = getattr(network.acls[acl], stage.direction)
    used: list[AclRule] = []
    left = wanted
    for rule in sorted(rules, key=lambda one: one.number):
        if not (left and address in addresses(rule.block) and left & rule.services):
            continue
        if not rule.allow:
            denied = services_text(left & rule.services)
            return (
                f"rule {rule.number} denies {denied} {towards} {rule.block}",
                f"rule {rule.number} removed, or an {stage.direction} rule below {rule.number} that allows {denied} "
                f"{towards} {address_text(address)}",
            )
        used.append(rule)
        left -= rule.services
    if left:
        missing = f"{services_text(left)} {towards} {address_text(address)}"
        return f"no rule allows {missing}", f"an {stage.direction} rule of {network.name(acl)} that allows {missing}"
    if len(used) == 1:
        return f"rule {used[0].number} allows {services_text(wanted)} {towards} {used[0].block}", ""
    return f"rules {', '.join(str(rule.number) for rule in used)} allow {services_text(wanted)}", ""


def _explain_route(engine: Engine, stage: Stage, packet: _Packet, allowed: bool) -> tuple[str, str]:
    network, address = engine.network, packet.address(stage)
    (table,) = stage.subjects
    shown = address_text(address)
    route = _best_route(engine, table, address)
    if allowed:
        return f"{route[0]} leads to {route[1]}" if route else "", ""
    wanted = packet.peer(stage)
    goal = "local"
    if isinstance(wanted, Beyond):
        goal = network.name(wanted.gateway) if wanted.gateway else "a gateway"
    reason = f"{route[0]} leads to {route[1]}" if route else f"no route to {shown}"
    return reason, f"a route of {network.name(table)} from {shown} to {goal}"


def _best_route(engine: Engine, table: str, address: int) -> tuple[str, str] | None:
    """The block and the target's name of the route that wins for an address."""
    for target, block in engine.routes_by_priority(table):
        if address in addresses(block):
            return block, engine.network.name(target) if target else "nowhere (blackhole)"
    return None


def _explain_gateway(engine: Engine, stage: Stage, packet: _Packet, allowed: bool) -> tuple[str, str]:
    if not stage.subjects:
        return "no gateway leads there", "a gateway, and routes to it"
    gateway = engine.network.gateways[stage.subjects[0]]
    if allowed:
        return f"{gateway.kind} carries {address_text(packet.address(stage))}", ""
    if gateway.kind not in LETS_IN and stage.direction == "ingress":
        return f"{gateway.kind} lets nothing in", "another kind of gateway"
    if gateway.kind is GatewayKind.INTERNET:
        return "the interface has no public IPv4 address", "a public IPv4 address for the interface"
    return f"{gateway.kind} doesn't carry {address_text(packet.address(stage))}", "an address of the other family"
