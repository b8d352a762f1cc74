"""What the route tables and network ACLs of a VPC that is there already do to a stack: each fault with its remedy."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from components.acl_passage import LAST, refusing_rule
from components.acl_rules import EPHEMERAL_PORTS
from components.cidr import WORKLOADS, Tier
from components.existing_needs import PLACE, Needs
from components.existing_vpc import Item, target_of
from components.flows import Direction, Flow, Gateway, Peer

OTHER_NETWORKS = (
    "a way to other networks that isn't declared; declare its blocks in network.onPremises, or remove the route, or "
    "name subnets with another table"
)
WAY_OUT = "a way out of the VPC, such as to the internet; remove the route, or name subnets with another table"
MODELS = "models reach S3 alone; remove the route, or name subnets with another table"


def ways_out(needs: Needs) -> Iterator[str]:
    """Routes of the tiers that lead to other places than the VPC itself, its gateway endpoints and declared blocks."""
    endpoints = {each["VpcEndpointId"] for each in needs.vpc.endpoints}
    for tier in WORKLOADS:
        for subnet in needs.vpc.of(tier):
            table = needs.vpc.route_table(subnet["SubnetId"])
            for route in table["Routes"]:
                target = target_of(route)
                if target not in ("local", *endpoints) and (why := _objection(needs, tier, route)):
                    yield (
                        f"{PLACE}.subnets.{tier}: {table['RouteTableId']}, the route table of {subnet['SubnetId']}, "
                        f"leads {_destination(route)} to {target}: {why}"
                    )


def _objection(needs: Needs, tier: Tier, route: Item) -> str | None:
    """Why a route may not be there; None if it leads to declared blocks on premises."""
    target = target_of(route)
    if _on_premises(needs, route):
        return MODELS if tier == Tier.MODEL else None
    return OTHER_NETWORKS if target.startswith(("tgw-", "vgw-", "pcx-")) else WAY_OUT


def _on_premises(needs: Needs, route: Item) -> bool:
    premises, block = needs.settings.network.on_premises, route.get("DestinationCidrBlock")
    if premises is None or block is None or route.get("State") == "blackhole":
        return False
    return target_of(route) == premises.gateway_id and within(block, premises.cidrs)


def ways_to_premises(needs: Needs) -> Iterator[str]:
    """Blocks on premises that the access subnets' tables don't lead back to."""
    premises = needs.settings.network.on_premises
    for block in premises.cidrs if premises else ():
        for subnet in needs.vpc.of(Tier.ACCESS):
            table = needs.vpc.route_table(subnet["SubnetId"])
            known = [route["DestinationCidrBlock"] for route in table["Routes"] if _on_premises(needs, route)]
            if premises and not within(block, known):
                yield (
                    f"network.onPremises.cidrs: {block!r} has no route to {premises.gateway_id} in "
                    f"{table['RouteTableId']}, the route table of {subnet['SubnetId']}; have it added there"
                )


def gateways(needs: Needs) -> Iterator[str]:
    """Each table of a tier that uses a gateway endpoint has one, or is to get one."""
    reused = needs.vpc.endpoint(needs.existing.s3_gateway)
    if needs.existing.s3_gateway and not needs.is_of(reused, "s3", "Gateway"):
        wanted = f"is no S3 gateway endpoint of {needs.vpc.id}; correct it"
        yield f"{PLACE}.s3Gateway: {needs.existing.s3_gateway!r} {wanted}"
        return
    for gateway in needs.prefix_lists:
        users = [flow.source for flow in needs.flows if flow.destination == gateway]
        for table in needs.vpc.tables_of(tier for tier in users if isinstance(tier, Tier)):
            if gateway not in needs.made_gateways:
                if reused and table not in reused.get("RouteTableIds", ()):
                    wanted = f"is not in {table}, whose subnets use it; have it associated with that table"
                    yield f"{PLACE}.s3Gateway: {needs.existing.s3_gateway!r} {wanted}"
            elif table not in needs.existing.route_tables:
                yield f"{PLACE}.routeTables: lacks {table}, whose subnets use the {gateway} gateway; add it"
    yield from _tables(needs)


def _tables(needs: Needs) -> Iterator[str]:
    """What is wrong with the tables that are to get a route to a gateway endpoint of the stack's."""
    known, used = {table["RouteTableId"] for table in needs.vpc.route_tables}, set(needs.vpc.tables_of(WORKLOADS))
    for position, table in enumerate(needs.existing.route_tables):
        place = f"{PLACE}.routeTables[{position}]: {table!r}"
        if table not in used:
            where = "is of no subnet of the tiers" if table in known else f"is not in {needs.vpc.id}"
            yield f"{place} {where}; name some of {', '.join(sorted(used))}"
        for gateway in needs.made_gateways:
            instead = f"reuse it by {PLACE}.s3Gateway" if gateway == Gateway.S3 else "have it removed from there"
            for other in needs.others(gateway, "Gateway"):
                if table in other.get("RouteTableIds", ()):
                    yield f"{place} has {other['VpcEndpointId']}, an endpoint of {gateway}, already; {instead}"


def refusals(needs: Needs) -> Iterator[str]:
    """Requests and answers of the stack's flows that the network ACL of either end refuses."""
    for flow in needs.flows:
        ends: tuple[tuple[Peer, Peer, Direction], ...] = (
            (flow.source, flow.destination, "egress"),
            (flow.destination, flow.source, "ingress"),
        )
        for here, there, way in ends:
            for subnet in needs.vpc.of(here) if isinstance(here, Tier) else ():
                for block in needs.blocks(there):
                    yield from _refusals(needs.vpc.acl(subnet["SubnetId"]), subnet["SubnetId"], flow, way, block)


def _refusals(acl: Item, subnet: str, flow: Flow, way: Direction, block: str) -> Iterator[str]:
    back: Direction = "ingress" if way == "egress" else "egress"
    for direction, ports, what in ((way, flow.ports, "requests"), (back, EPHEMERAL_PORTS, "answers")):
        number = refusing_rule(acl["Entries"], direction, block, ports, flow.protocol)
        if number is None:
            continue
        rule = "no rule allows them" if number == LAST else f"rule {number} denies them"
        preposition = "to" if direction == "egress" else "from"
        on = f"{ports[0]}" if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
        yield (
            f"{PLACE}: {acl['NetworkAclId']}, the network ACL of {subnet}, refuses {what} {preposition} {block} on "
            f"{flow.protocol} {on} ({rule}). {flow.purpose}; have them allowed"
        )


def _destination(route: Item) -> str:
    keys = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return next((str(route[key]) for key in keys if route.get(key)), "some block")


def within(block: str, others: Sequence[str]) -> bool:
    """Whether one of some IPv4 blocks holds a block."""
    return any(IPv4Network(block).subnet_of(IPv4Network(other)) for other in others)
