"""What one control does with a packet: which of its rules decides, and on refusal what would have to change."""

from __future__ import annotations

from dataclasses import dataclass

from private_inference.reachability.block_public_access import mode_in
from private_inference.reachability.intervals import NONE, Intervals
from private_inference.reachability.model import AclRule, Cidr, GatewayKind, GroupRef, Network, PrefixListRef, SgRule
from private_inference.reachability.path import InterfaceSet, OutsideAddresses, Path, PathEnd, Stage
from private_inference.reachability.path_finder import ADMITTING_GATEWAYS, LOCAL, PathFinder
from private_inference.reachability.traffic import address_text, addresses, answer_to, service_text, services_text


@dataclass(frozen=True)
class Hop:
    """What one control does with the packet, or with its answer.

    remedy: what would have to change, when this hop refuses; "" when it doesn't. subnet: the one that the control is in
    force in, for controls that are in force in one.
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
class Packet:
    """One packet on a path: its addresses, and the requested service, as integers of their lines."""

    path: Path
    source: int
    destination: int
    service: int

    def address(self, stage: Stage) -> int:
        """The address that a stage looks at."""
        return self.source if stage.about == "source" else self.destination

    def peer(self, stage: Stage) -> PathEnd:
        """The end that a stage looks at."""
        return self.path.source if stage.about == "source" else self.path.destination


IN_SUBNETS = frozenset({"network ACL", "route table", "VPC Block Public Access"})
"""Controls of which a reader wants to know the subnet that they are in force in."""


def hop_of(finder: PathFinder, stage: Stage, packet: Packet) -> Hop:
    allowed = stage.admits.contains(packet.address(stage), packet.service)
    explain = {
        "security group": _explain_groups,
        "network ACL": _explain_acls,
        "route table": _explain_route,
        "gateway": _explain_gateway,
        "VPC Block Public Access": _explain_block,
    }[stage.control]
    reason, remedy = explain(finder, stage, packet, allowed)
    subject = ", ".join(finder.network.name(one) for one in stage.subjects)
    reply = stage.replies_to is not None
    subnet = finder.network.name(stage.subnet) if stage.control in IN_SUBNETS else ""
    return Hop(stage.control, subject, stage.direction, reply, allowed, reason, "" if allowed else remedy, subnet)


def _explain_groups(finder: PathFinder, stage: Stage, packet: Packet, allowed: bool) -> tuple[str, str]:
    network, address, peer = finder.network, packet.address(stage), packet.peer(stage)
    towards = "to" if stage.direction == "egress" else "from"
    service = service_text(packet.service)
    for group in stage.subjects:
        rules: tuple[SgRule, ...] = getattr(network.groups[group], stage.direction)
        for rule in rules:
            if packet.service in rule.services and _matches(network, rule, address, peer):
                shown = f" ({rule.name})" if rule.name else ""
                return f"allows {services_text(rule.services)} {towards} {_peer_text(network, rule.peer)}{shown}", ""
    who = address_text(address)
    own = ", ".join(network.name(group) for group in stage.subjects) or "its security groups"
    return (
        f"no {stage.direction} rule allows {service} {towards} {who}",
        f"an {stage.direction} rule of {own} for {service} {towards} {who} or a group it has",
    )


def _matches(network: Network, rule: SgRule, address: int, peer: PathEnd) -> bool:
    if isinstance(rule.peer, GroupRef):
        return isinstance(peer, InterfaceSet) and rule.peer.group in peer.groups
    return address in network.peer_addresses(rule.peer)


def _peer_text(network: Network, peer: Cidr | PrefixListRef | GroupRef) -> str:
    if isinstance(peer, GroupRef):
        return f"security group {network.name(peer.group)}"
    return f"prefix list {peer}" if isinstance(peer, PrefixListRef) else str(peer)


def _explain_acls(finder: PathFinder, stage: Stage, packet: Packet, allowed: bool) -> tuple[str, str]:
    if not stage.subjects:
        return (
            "the attachment has no subnet in this zone",
            "a subnet of this zone among the transit gateway attachment's",
        )
    explained = [_explain_acl(finder.network, acl, stage, packet) for acl in stage.subjects]
    return next(((reason, remedy) for reason, remedy in explained if bool(remedy) != allowed), explained[0])


def _explain_acl(network: Network, acl: str, stage: Stage, packet: Packet) -> tuple[str, str]:
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


def _explain_route(finder: PathFinder, stage: Stage, packet: Packet, allowed: bool) -> tuple[str, str]:
    network, address = finder.network, packet.address(stage)
    # Several tables are those of a transit gateway's attachment, whose packets go on within the VPC.
    deciding = [one for one in stage.subjects if (address in finder.route_targets(one).get(LOCAL, NONE)) == allowed]
    table = (deciding or stage.subjects)[0]
    shown = address_text(address)
    route = _best_route(finder, table, address)
    if allowed:
        return f"{route[0]} leads to {route[1]}" if route else "", ""
    wanted = packet.peer(stage)
    goal = "local"
    if isinstance(wanted, OutsideAddresses):
        goal = network.name(wanted.gateway) if wanted.gateway else "a gateway"
    reason = f"{route[0]} leads to {route[1]}" if route else f"no route to {shown}"
    return reason, f"a route of {network.name(table)} from {shown} to {goal}"


def _best_route(finder: PathFinder, table: str, address: int) -> tuple[str, str] | None:
    """The block and the target's name of the route that wins for an address."""
    for target, block in finder.routes_by_priority(table):
        if address in addresses(block):
            return block, finder.network.name(target) if target else "nowhere (blackhole)"
    return None


def _explain_gateway(finder: PathFinder, stage: Stage, packet: Packet, allowed: bool) -> tuple[str, str]:
    if not stage.subjects:
        return "no gateway leads there", "a gateway, and routes to it"
    gateway = finder.network.gateways[stage.subjects[0]]
    if allowed:
        return f"{gateway.kind} carries {address_text(packet.address(stage))}", ""
    if gateway.kind not in ADMITTING_GATEWAYS and stage.direction == "ingress":
        return f"{gateway.kind} lets nothing in", "another kind of gateway"
    if gateway.kind is GatewayKind.INTERNET:
        return "the interface has no public IPv4 address", "a public IPv4 address for the interface"
    return f"{gateway.kind} doesn't carry {address_text(packet.address(stage))}", "an address of the other family"


def _explain_block(finder: PathFinder, stage: Stage, packet: Packet, allowed: bool) -> tuple[str, str]:
    subnet = finder.network.subnets[stage.subnet]
    mode = mode_in(finder.network, subnet)
    if allowed:
        return f"{mode} leaves what passes no internet gateway", ""
    return f"{mode} is in force", f"an exclusion of {finder.network.name(subnet.id)} with allow-bidirectional"
