"""A VPC that has no way to the internet: tiers of isolated subnets, each with its routes and network ACL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import permutations
from types import MappingProxyType

import pulumi
import pulumi_aws as aws

from components import flows
from components.acl_rules import AclQuotaError, NotPublicError, NumberedAclRule, acl_rules
from components.cidr import WORKLOADS, CidrError, SubnetPlan, Tier, plan_subnets
from components.existing_network import ExistingEndpoint, ExistingNetwork, ExistingNetworkArgs
from components.flow_logs import FlowLogArgs, flow_logs
from components.flows import Block, Flow, Gateway, Peer
from components.lookups import RegionFacts
from components.names import name_tag
from components.settings import NetworkSettings, Settings, SettingsError

INTERFACE_DELETION = "60m"
"""Timeout for deleting subnets and groups, which SageMaker's interfaces block for some minutes after their endpoint."""


@dataclass(frozen=True)
class NetworkPlan:
    """The computed layout of the network: no resources yet."""

    subnets: SubnetPlan | None
    """None in a VPC that is there already, and then no rules of ACLs either."""
    allowed: Sequence[Flow]
    """Who talks to whom."""
    resolving: Sequence[Flow]
    """Who asks the inbound endpoint of Route 53 Resolver for names."""
    balanced: Sequence[Flow]
    """Who calls through the load balancer, and what stands behind it."""
    acl_rules: Mapping[Tier, Sequence[NumberedAclRule]]
    """What each tier's network ACL says, derived from all of them."""


def plan_network(settings: Settings, facts: RegionFacts) -> NetworkPlan:
    """The network of these settings in this region.

    Raises SettingsError if an ACL would need more rules than its quota, the deny list names what a flow needs, or new
    zones have no room beside those in use.
    """
    allowed, resolving, balanced = (
        of(settings) for of in (flows.flows, flows.resolver_flows, flows.load_balancer_flows)
    )
    if facts.existing:
        return NetworkPlan(None, allowed, resolving, balanced, {})
    premises, vpc = settings.network.on_premises, settings.network.cidr
    transit = premises is not None and premises.by_transit_gateway
    try:
        subnets = plan_subnets(vpc, facts.zones, facts.subnets_in_use, transit=transit)
    except CidrError as error:
        raise SettingsError(f"network.zones: {error}.") from None
    judged = dict.fromkeys(WORKLOADS, (*allowed, *resolving, *flows.placed(balanced)))
    judged[Tier.TRANSIT] = flows.through_transit(judged[Tier.ACCESS], vpc)
    addresses: dict[Peer, Sequence[str]] = {tier: [block] for tier, block in subnets.blocks.items()}
    addresses |= {gateway: found.cidrs for gateway, found in facts.prefix_lists.items()}
    denied, quota = settings.network.denied_cidrs, settings.network.nacl_rule_quota
    for gateway, found in facts.prefix_lists.items():
        _check_reachable(gateway, found.cidrs, denied)
    try:
        rules = {tier: acl_rules(tier, judged[tier], denied, addresses, quota) for tier in subnets.blocks}
    except AclQuotaError as error:
        raise SettingsError(f"{error}.") from None
    except NotPublicError as error:
        raise SettingsError(
            f"aws:region: a gateway's prefix list in {settings.region} can't be opened in network ACLs: {error}. Look "
            "at the list (`aws ec2 describe-prefix-lists`): AWS's own names public addresses only."
        ) from None
    return NetworkPlan(subnets, allowed, resolving, balanced, rules)


def _check_reachable(gateway: Gateway, needed: Sequence[str], denied: Sequence[str]) -> None:
    for block in denied:
        if cut_off := [cidr for cidr in needed if IPv4Network(cidr).overlaps(IPv4Network(block))]:
            raise SettingsError(
                f"network.deniedCidrs: {block!r} would cut the stack off from {', '.join(cut_off)} of the {gateway} "
                "gateway. Deny blocks that leave them out."
            )


def routed_blocks(allowed: Sequence[Flow], vpc: str) -> list[tuple[Tier, str]]:
    """The tiers and the blocks outside the VPC that flows connect, in whichever direction."""
    pairs = [pair for flow in allowed for pair in permutations((flow.source, flow.destination))]
    outside = [
        (tier, peer.cidr)
        for tier, peer in pairs
        if isinstance(tier, Tier) and isinstance(peer, Block) and flows.is_outside(peer, vpc)
    ]
    return list(dict.fromkeys(outside))


@dataclass(frozen=True, kw_only=True)
class PrivateNetworkArgs:
    """The network, and how its flow logs are kept."""

    settings: NetworkSettings
    plan: NetworkPlan
    flow_logs: FlowLogArgs
    protect: bool
    """Whether Pulumi refuses to delete the VPC."""


class PrivateNetwork(pulumi.ComponentResource):
    """VPC, subnets by tier and zone, route tables without a default route, network ACLs, flow logs."""

    vpc: aws.ec2.Vpc
    subnets: Mapping[Tier, Mapping[str, aws.ec2.Subnet]]
    """By tier and zone."""
    route_tables: Mapping[Tier, Sequence[aws.ec2.RouteTable]]
    """The one table of each tier."""
    endpoints: Mapping[str, ExistingEndpoint] = MappingProxyType({})
    """None: nothing is there already."""
    flow_log_group: aws.cloudwatch.LogGroup
    """Where the VPC's flow logs are."""

    def __init__(self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:network:PrivateNetwork", name, None, opts)
        if args.plan.subnets is None:
            raise ValueError("the plan is of a VPC that is there already")
        self._name = name
        self._args = args
        self._planned = args.plan.subnets
        self.vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.settings.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=name_tag("vpc"),
            opts=self._child(protect=args.protect),
        )
        self._lock_defaults()
        tiers = self._planned.blocks
        self.subnets = {tier: self._subnets_of(tier) for tier in tiers}
        self.route_tables = {tier: [self._route_table(tier)] for tier in tiers}
        for tier in tiers:
            self._acl(tier)
        self._on_premises_routes()
        self.flow_log_group = flow_logs(name, self.vpc.id, args.flow_logs, self._child)
        self.register_outputs({"vpcId": self.vpc.id})

    def subnet_ids(self, tier: Tier) -> list[pulumi.Output[str]]:
        """Ids of a tier's subnets, in the order of the zones."""
        return [subnet.id for subnet in self.subnets[tier].values()]

    def _child(self, *, protect: bool = False, **options: object) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, protect=protect, **options)  # type: ignore[arg-type]

    def _lock_defaults(self) -> None:
        """Empties the security group, the route table and the network ACL that every VPC comes with."""
        aws.ec2.DefaultSecurityGroup(
            f"{self._name}-locked",
            vpc_id=self.vpc.id,
            ingress=[],
            egress=[],
            tags=name_tag("locked"),
            opts=self._child(),
        )
        aws.ec2.DefaultRouteTable(
            f"{self._name}-locked",
            default_route_table_id=self.vpc.default_route_table_id,
            routes=[],
            tags=name_tag("locked"),
            opts=self._child(),
        )
        aws.ec2.DefaultNetworkAcl(
            f"{self._name}-locked",
            default_network_acl_id=self.vpc.default_network_acl_id,
            ingress=[],
            egress=[],
            tags=name_tag("locked"),
            opts=self._child(),
        )

    def _subnets_of(self, tier: Tier) -> dict[str, aws.ec2.Subnet]:
        timeouts = pulumi.CustomTimeouts(delete=INTERFACE_DELETION)
        return {
            zone: aws.ec2.Subnet(
                f"{tier}-{zone}",
                vpc_id=self.vpc.id,
                availability_zone=zone,
                cidr_block=block,
                map_public_ip_on_launch=False,
                tags=name_tag(tier, zone),
                opts=self._child(custom_timeouts=timeouts),
            )
            for zone, block in self._planned.subnets[tier].items()
        }

    def _route_table(self, tier: Tier) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(tier, vpc_id=self.vpc.id, tags=name_tag(tier), opts=self._child())
        for zone, subnet in self.subnets[tier].items():
            aws.ec2.RouteTableAssociation(
                f"{tier}-{zone}", route_table_id=table.id, subnet_id=subnet.id, opts=self._child()
            )
        return table

    def _acl(self, tier: Tier) -> None:
        acl = aws.ec2.NetworkAcl(
            tier, vpc_id=self.vpc.id, subnet_ids=self.subnet_ids(tier), tags=name_tag(tier), opts=self._child()
        )
        for rule in self._args.plan.acl_rules[tier]:
            all_traffic = rule.ports is None
            from_port, to_port = rule.ports or (0, 0)
            aws.ec2.NetworkAclRule(
                f"{tier}-{rule.direction}-{rule.number}",
                network_acl_id=acl.id,
                egress=rule.direction == "egress",
                rule_number=rule.number,
                rule_action=rule.action,
                protocol="-1" if all_traffic else rule.protocol,
                cidr_block=rule.cidr,
                from_port=from_port,
                to_port=to_port,
                # A number's content changes only where two rules want one number: then the old one must go first.
                opts=self._child(delete_before_replace=True),
            )

    def _on_premises_routes(self) -> None:
        """Routes to what flows name on premises, and the attachment of the gateway that leads there."""
        premises = self._args.settings.on_premises
        if premises is None:
            return
        transit = premises.by_transit_gateway
        attachment: pulumi.Resource
        if transit:
            attachment = aws.ec2transitgateway.VpcAttachment(
                self._name,
                transit_gateway_id=premises.gateway_id,
                vpc_id=self.vpc.id,
                subnet_ids=self.subnet_ids(Tier.TRANSIT),
                tags=name_tag("premises"),
                opts=self._child(),
            )
        else:
            attachment = aws.ec2.VpnGatewayAttachment(
                self._name, vpc_id=self.vpc.id, vpn_gateway_id=premises.gateway_id, opts=self._child()
            )
        for tier, block in routed_blocks(self._args.plan.allowed, self._args.settings.cidr):
            aws.ec2.Route(
                f"{tier}-to-{block.replace('/', '-')}",
                route_table_id=self.route_tables[tier][0].id,
                destination_cidr_block=block,
                transit_gateway_id=premises.gateway_id if transit else None,
                gateway_id=None if transit else premises.gateway_id,
                opts=self._child(depends_on=[attachment]),
            )


Network = PrivateNetwork | ExistingNetwork
"""Where a stack is: both tell the rest of it the same."""


def network_of(
    name: str,
    settings: Settings,
    facts: RegionFacts,
    plan: NetworkPlan,
    logs: FlowLogArgs,
    opts: pulumi.ResourceOptions,
) -> Network:
    """The stack's network: one of its own, or the VPC that its settings name."""
    if facts.existing:
        args = ExistingNetworkArgs(settings=settings, facts=facts.existing, flow_logs=logs)
        return ExistingNetwork(name, args, opts)
    own = PrivateNetworkArgs(settings=settings.network, plan=plan, flow_logs=logs, protect=settings.protect_data)
    return PrivateNetwork(name, own, opts)
