"""The VPC: no way to the internet, nothing open to more than it must be."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_policy import EnforcementLevel, Severity

from policy.addresses import is_everyone, is_private
from policy.controls import cdk_nag, checkov, cis, fsbp, hipaa, nist, pci, security_hub, trivy
from policy.findings import Findings, Unverified, each, guarded
from policy.firewalls import (
    DEFAULT_NETWORK_ACL,
    DEFAULT_SECURITY_GROUP,
    EGRESS_RULE,
    INGRESS_RULE,
    NETWORK_ACL,
    NETWORK_ACL_RULE,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    AclRule,
    acl_rules,
    group_blocks,
)
from policy.resources import Resource, Stack, pick
from policy.rules import resource_rule, stack_rule
from policy.unknowns import Unknown, UnverifiableError, known

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
ROUTE = "aws:ec2/route:Route"
ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
DEFAULT_ROUTE_TABLE = "aws:ec2/defaultRouteTable:DefaultRouteTable"
ROUTE_TABLE_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
MAIN_ROUTE_TABLE_ASSOCIATION = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"
NETWORK_ACL_ASSOCIATION = "aws:ec2/networkAclAssociation:NetworkAclAssociation"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"

WAYS_OUT = {
    "aws:ec2/internetGateway:InternetGateway": "is an internet gateway",
    "aws:ec2/internetGatewayAttachment:InternetGatewayAttachment": "attaches an internet gateway",
    "aws:ec2/natGateway:NatGateway": "is a NAT gateway",
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": "is an egress-only internet gateway",
    "aws:ec2/carrierGateway:CarrierGateway": "is a carrier gateway",
    "aws:ec2/eip:Eip": "is a public IPv4 address",
    "aws:ec2/eipAssociation:EipAssociation": "gives a public IPv4 address to a network interface",
    "aws:ec2/defaultVpc:DefaultVpc": "adopts the default VPC, which has an internet gateway",
    "aws:ec2/defaultSubnet:DefaultSubnet": "adopts a default subnet, which is public",
    "awsx:ec2:Vpc": "creates an internet gateway, whatever its arguments",
    "awsx:ec2:DefaultVpc": "is the default VPC, which has an internet gateway",
}
GATEWAYS_OUT = {
    "natGatewayId": "a NAT gateway",
    "egressOnlyGatewayId": "an egress-only internet gateway",
    "carrierGatewayId": "a carrier gateway",
    "networkInterfaceId": "a network interface, which may forward to anywhere",
    "instanceId": "an instance, which may forward to anywhere",
}

PRIVATE_BLOCKS = {
    "blocks": {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "description": "Further CIDR blocks that count as private, such as public addresses used on premises only.",
    }
}

INTERNET = [
    nist("AC-4(21)"),
    cdk_nag("VPCNoUnrestrictedRouteToIGW"),
    pci("1.2.1"),
    pci("1.3.6"),
    hipaa("164.312(e)(1)"),
]
BOUNDARY = [pci("1.2.1"), hipaa("164.312(e)(1)")]


@resource_rule(
    types=WAYS_OUT,
    controls=INTERNET,
    severity=Severity.CRITICAL,
    fix="remove it; reach AWS services through VPC endpoints, and other networks through a transit or virtual private "
    "gateway",
)
def no_ways_out(resource: Resource) -> Findings:
    """Nothing leads from the VPC to the internet or back: what isn't there can't be opened by a mistake elsewhere."""
    yield resource.violation(WAYS_OUT[resource.type])


@resource_rule(
    types=[SUBNET],
    controls=[fsbp("EC2.15"), checkov("CKV_AWS_130"), trivy("AWS-0164"), pci("1.3.6"), hipaa("164.312(e)(1)")],
    severity=Severity.HIGH,
    fix="set mapPublicIpOnLaunch and assignIpv6AddressOnCreation to false, or leave them out",
)
def subnets_are_private(subnet: Resource) -> Findings:
    """Subnets give no public address to what is launched in them: an address is half of a way to the internet."""
    for key in ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation"):
        yield from each(
            subnet, subnet.entries(key), lambda path, value: f"gives public addresses ({path})" if value else None
        )


@resource_rule(
    types=[ROUTE, ROUTE_TABLE, DEFAULT_ROUTE_TABLE],
    controls=INTERNET,
    severity=Severity.CRITICAL,
    fix="remove the route, or narrow it to the private network that it is for",
    options=PRIVATE_BLOCKS,
)
def no_routes_out(resource: Resource, *, blocks: Sequence[str]) -> Findings:
    """Routes lead to private networks and gateway endpoints only: a default route is the other half of a way out."""
    routes = [("", resource.properties)] if resource.type == ROUTE else resource.entries("routes")
    yield from each(resource, routes, _leads_out)
    destinations = [
        (f"{path}.{key}".lstrip("."), pick(route, key))
        for path, route in routes
        for key in ("destinationCidrBlock", "destinationIpv6CidrBlock", "cidrBlock", "ipv6CidrBlock")
        if not isinstance(route, Unknown)
    ]
    yield from each(resource, destinations, lambda path, block: _public(path, block, blocks, "routes to"))


def _leads_out(path: str, route: Mapping[str, Any]) -> str | None:
    where = f" ({path})" if path else ""
    for key, what in GATEWAYS_OUT.items():
        target = route.get(key)
        if isinstance(target, Unknown) or target:
            return f"routes to {what}{where}"
    gateway = route.get("gatewayId")
    if not isinstance(gateway, Unknown) and str(gateway or "").startswith("igw-"):
        return f"routes to an internet gateway{where}"
    return None


def _public(path: str, block: Any, also: Sequence[str], verb: str) -> str | None:
    if not block or is_private(block, also):
        return None
    extent = "the whole internet" if is_everyone(block) else "addresses that are not private"
    return f"{verb} {extent} ({path})"


@stack_rule(
    controls=INTERNET,
    severity=Severity.HIGH,
    fix="associate the subnet with a route table of this stack, or adopt the VPC's main one with DefaultRouteTable",
)
def routes_are_this_stacks(stack: Stack) -> Findings:
    """Every subnet follows a route table that this stack declares, so that its routes are the ones that were judged."""
    for subnet in stack.all(SUBNET):
        yield from guarded(_follows_own_routes(stack, subnet))
    for route in stack.all(ROUTE):
        gateway = route.get("gatewayId")
        if isinstance(gateway, Unknown) and not route.sources.get("gatewayId"):
            yield route.unverified("gatewayId")


def _follows_own_routes(stack: Stack, subnet: Resource) -> Findings:
    if not route_table_of(stack, subnet) and subnet.get("vpcId") is not None:
        yield subnet.violation("follows the main route table of its VPC, which this stack does not declare")


def route_table_of(stack: Stack, subnet: Resource) -> Resource | None:
    """The route table in force for a subnet: its own association's, or the VPC's main one; None if not of the stack."""
    for association in stack.referring([ROUTE_TABLE_ASSOCIATION], ["subnetId"], subnet):
        return stack.target(association, "routeTableId", type_=ROUTE_TABLE)
    vpc = stack.target(subnet, "vpcId", type_=VPC)
    if vpc is None:
        return None
    for main in stack.referring([MAIN_ROUTE_TABLE_ASSOCIATION], ["vpcId"], vpc):
        return stack.target(main, "routeTableId", type_=ROUTE_TABLE)
    return next((table for table in stack.all(DEFAULT_ROUTE_TABLE) if _main_of(stack, table, vpc)), None)


def _main_of(stack: Stack, table: Resource, vpc: Resource) -> bool:
    main = table.get("defaultRouteTableId")
    if isinstance(main, Unknown):
        return vpc in stack.targets(table, "defaultRouteTableId", type_=VPC)
    return bool(main == vpc.get("defaultRouteTableId"))


@resource_rule(
    types=[VPC],
    controls=[nist("SC-22")],
    severity=Severity.HIGH,
    fix="set enableDnsSupport and enableDnsHostnames to true",
)
def vpc_resolves_private_names(vpc: Resource) -> Findings:
    """The VPC resolves names, and to private addresses: without both, the endpoints' private DNS names don't work."""
    support, hostnames = vpc.get("enableDnsSupport"), vpc.get("enableDnsHostnames")
    if support is not None and not support:
        yield vpc.violation("does not resolve names (enableDnsSupport)")
    if hostnames is None or not hostnames:
        yield vpc.violation("gives no names to its endpoints (enableDnsHostnames)")


@resource_rule(
    types=[DEFAULT_SECURITY_GROUP],
    controls=[fsbp("EC2.2"), checkov("CKV2_AWS_12"), trivy("AWS-0173"), cis("5.4"), hipaa("164.312(e)(1)")],
    severity=Severity.HIGH,
    fix="leave its ingress and egress empty, and give every workload a group of its own",
)
def default_security_group_is_closed(group: Resource) -> Findings:
    """The VPC's default security group allows nothing: what forgets to name a group gets no access by accident."""
    for direction in ("ingress", "egress"):
        yield from each(group, group.entries(direction), lambda path, _: f"allows traffic ({path})")


@stack_rule(
    controls=[fsbp("EC2.2"), checkov("CKV2_AWS_12"), trivy("AWS-0173"), cis("5.4"), hipaa("164.312(e)(1)")],
    severity=Severity.HIGH,
    fix="declare a DefaultSecurityGroup for the VPC, without rules",
)
def default_security_group_is_adopted(stack: Stack) -> Findings:
    """The default security group of every VPC is declared, because AWS fills it with rules that allow everything."""
    for vpc in stack.all(VPC):
        yield from guarded(
            _missing(stack, vpc, DEFAULT_SECURITY_GROUP, "leaves its default security group as AWS made it")
        )


def _missing(stack: Stack, vpc: Resource, type_: str, what: str) -> Findings:
    if not stack.referring([type_], ["vpcId"], vpc):
        yield vpc.violation(what)


@stack_rule(
    controls=[
        fsbp("EC2.6"),
        checkov("CKV2_AWS_11"),
        trivy("AWS-0178"),
        cis("3.7"),
        hipaa("164.312(b)"),
    ],
    severity=Severity.MEDIUM,
    fix="declare a FlowLog for the VPC with trafficType ALL",
)
def vpc_has_flow_logs(stack: Stack) -> Findings:
    """Every VPC logs its traffic, accepted and rejected: without it nobody can show afterwards what did not happen."""
    for vpc in stack.all(VPC):
        yield from guarded(_missing(stack, vpc, FLOW_LOG, "has no flow log"))
    for log in stack.all(FLOW_LOG):
        yield from each(log, [("trafficType", log.get("trafficType"))], _not_all_traffic)


def _not_all_traffic(path: str, value: Any) -> str | None:
    return None if value == "ALL" else f"logs only a part of the traffic ({path})"


SECURITY_GROUPS = (SECURITY_GROUP, SECURITY_GROUP_RULE, INGRESS_RULE, EGRESS_RULE)


@resource_rule(
    types=[SECURITY_GROUP, SECURITY_GROUP_RULE, INGRESS_RULE],
    controls=[
        fsbp("EC2.18"),
        security_hub("EC2.13"),
        security_hub("EC2.14"),
        fsbp("EC2.19"),
        checkov("CKV_AWS_24"),
        checkov("CKV_AWS_25"),
        checkov("CKV_AWS_260"),
        checkov("CKV_AWS_277"),
        trivy("AWS-0107"),
        cis("5.2"),
        cis("5.3"),
        *BOUNDARY,
    ],
    severity=Severity.CRITICAL,
    fix="name a security group as the source, or the private block that the clients call from",
    options=PRIVATE_BLOCKS,
)
def no_public_ingress(resource: Resource, *, blocks: Sequence[str]) -> Findings:
    """Security groups let in private addresses only: a public source is a way in as soon as anything routes it."""
    yield from each(
        resource,
        group_blocks(resource, "ingress"),
        lambda path, block: _public(path, block, blocks, "lets in"),
    )


@resource_rule(
    types=[SECURITY_GROUP, SECURITY_GROUP_RULE, EGRESS_RULE],
    controls=[nist("AC-4(21)"), checkov("CKV_AWS_382"), trivy("AWS-0104"), pci("1.2.1")],
    severity=Severity.CRITICAL,
    fix="name a security group, a prefix list or a private block as the destination",
    options=PRIVATE_BLOCKS,
)
def no_public_egress(resource: Resource, *, blocks: Sequence[str]) -> Findings:
    """Security groups let traffic out to private addresses and prefix lists only: data leaves by what is open."""
    yield from each(
        resource,
        group_blocks(resource, "egress"),
        lambda path, block: _public(path, block, blocks, "lets traffic out to"),
    )


@resource_rule(
    types=SECURITY_GROUPS,
    controls=[checkov("CKV_AWS_23"), trivy("AWS-0099"), trivy("AWS-0124")],
    severity=Severity.LOW,
    fix="say in a description who needs the access, and for what",
    level=EnforcementLevel.ADVISORY,
)
def firewall_rules_are_described(resource: Resource) -> Findings:
    """Security groups and their rules say what they are for, so that a reviewer can tell which one is too many."""
    described = [("description", resource.get("description"))]
    if resource.type == SECURITY_GROUP:
        described += [
            (f"{path}.description", pick(rule, "description"))
            for direction in ("ingress", "egress")
            for path, rule in resource.entries(direction)
        ]
    for path, text in described:
        if text is None or (
            not isinstance(text, Unknown) and text in ("", "Managed by Pulumi", "Managed by Terraform")
        ):
            yield resource.violation(f"is not described ({path})")


@resource_rule(
    types=[NETWORK_ACL, DEFAULT_NETWORK_ACL, NETWORK_ACL_RULE],
    controls=[
        fsbp("EC2.21"),
        checkov("CKV_AWS_229"),
        checkov("CKV_AWS_230"),
        checkov("CKV_AWS_231"),
        checkov("CKV_AWS_232"),
        checkov("CKV_AWS_352"),
        trivy("AWS-0105"),
        cis("5.1"),
        *BOUNDARY,
    ],
    severity=Severity.HIGH,
    fix="allow the blocks of the networks and services that take part, and no others",
)
def network_acls_are_narrow(resource: Resource) -> Findings:
    """Network ACLs allow the blocks of known networks only, so that a mistaken security group meets a closed door."""
    if resource.type == NETWORK_ACL_RULE:
        rules = [("", resource.properties)]
    else:
        rules = resource.entries("ingress") + resource.entries("egress")
    yield from each(resource, rules, _allows_everyone)


def _allows_everyone(path: str, rule: Mapping[str, Any]) -> str | None:
    allows = str(known(rule.get("ruleAction", rule.get("action")))).lower() == "allow"
    for key in ("cidrBlock", "ipv6CidrBlock"):
        block = rule.get(key)
        if allows and (isinstance(block, Unknown) or block) and is_everyone(block):
            return f"allows everyone ({f'{path}.{key}'.lstrip('.')})"
    return None


@stack_rule(
    controls=[fsbp("EC2.16"), checkov("CKV2_AWS_1"), *BOUNDARY],
    severity=Severity.MEDIUM,
    fix="name every subnet in the subnetIds of one NetworkAcl, and remove ACLs that no subnet uses",
)
def network_acls_cover_subnets(stack: Stack) -> Findings:
    """Every subnet has a network ACL of this stack: the default one allows everything. And no ACL guards nothing."""
    yield from guarded(_cover_subnets(stack))


def _cover_subnets(stack: Stack) -> Findings:
    guarded_by = {acl.urn: subnets_of(stack, acl) for acl in stack.all(NETWORK_ACL)}
    covered = {subnet.urn for subnets in guarded_by.values() for subnet in subnets}
    for subnet in stack.all(SUBNET):
        if subnet.urn not in covered:
            yield subnet.violation("has the VPC's default network ACL, which allows everything")
    for acl in stack.all(NETWORK_ACL):
        if not guarded_by[acl.urn] and not acl.get("subnetIds"):
            yield acl.violation("guards no subnet")


def subnets_of(stack: Stack, acl: Resource) -> list[Resource]:
    """The subnets of this stack that a network ACL guards."""
    own = [] if acl.get("subnetIds") is None else stack.targets(acl, "subnetIds", type_=SUBNET)
    associations = stack.referring([NETWORK_ACL_ASSOCIATION], ["networkAclId"], acl)
    return own + [subnet for each in associations for subnet in stack.targets(each, "subnetId", type_=SUBNET)]


@stack_rule(
    controls=[nist("AC-4(21)"), *BOUNDARY],
    severity=Severity.HIGH,
    fix="give each allowed request its answer (TCP 32768-65535 in the other direction), on the ACLs of both sides, and "
    "number the denies below every allow",
)
def network_acls_are_symmetric(stack: Stack) -> Findings:
    """Network ACLs are stateless: a request without its answer is an outage, an answer without a request a hole."""
    sides = []
    for acl in stack.all(NETWORK_ACL):
        try:
            side = AclSide(acl, acl_rules(stack, acl), [known(s.get("cidrBlock")) for s in subnets_of(stack, acl)])
        except UnverifiableError as unknown:
            yield Unverified(unknown.urn, unknown.property)
            continue
        sides.append(side)
        yield from side.late_denies()
        yield from side.one_way_rules()
    for here, there in itertools.permutations(sides, 2):
        yield from here.unmatched_by(there)


@dataclass(frozen=True)
class AclSide:
    """A network ACL with its rules and the blocks of the subnets that it guards."""

    acl: Resource
    rules: Sequence[AclRule]
    blocks: Sequence[str]

    def late_denies(self) -> Findings:
        for rule in self.rules:
            overruled = [
                other
                for other in self.rules
                if other.allow and other.egress == rule.egress and other.number < rule.number
            ]
            if not rule.allow and overruled and not is_everyone(rule.block):
                yield rule.declared_by.violation(f"denies after rule {overruled[0].number} has allowed{_at(rule)}")

    def one_way_rules(self) -> Findings:
        for rule in self.rules:
            if rule.allow and not self._has_counterpart(rule):
                missing = "answer" if rule.asks else "request"
                yield rule.declared_by.violation(f"allows what has no {missing} in the other direction{_at(rule)}")

    def _has_counterpart(self, rule: AclRule) -> bool:
        back = [other for other in self.rules if other.allow and other.egress != rule.egress]
        return any(other.covers(rule.block) and (other.answers if rule.asks else other.asks) for other in back)

    def unmatched_by(self, there: "AclSide") -> Findings:
        """Requests that this side lets out to the other's subnets, and that the other doesn't let in."""
        for rule in self.rules:
            reached = [block for block in there.blocks if rule.covers(block)]
            if rule.allow and rule.egress and rule.asks and reached and not there._lets_in(self.blocks, rule.ports):
                yield rule.declared_by.violation(
                    f"lets requests out that the network ACL {there.acl.name} does not let in{_at(rule)}"
                )

    def _lets_in(self, blocks: Sequence[str], ports: tuple[int, int]) -> bool:
        opened = [
            rule
            for rule in self.rules
            if rule.allow and not rule.egress and rule.ports[0] <= ports[0] and ports[1] <= rule.ports[1]
        ]
        return all(any(rule.covers(block) for rule in opened) for block in blocks)


def _at(rule: AclRule) -> str:
    return f" ({rule.path})" if rule.path else ""


RULES = (
    no_ways_out,
    subnets_are_private,
    no_routes_out,
    routes_are_this_stacks,
    vpc_resolves_private_names,
    default_security_group_is_closed,
    default_security_group_is_adopted,
    vpc_has_flow_logs,
    no_public_ingress,
    no_public_egress,
    firewall_rules_are_described,
    network_acls_are_narrow,
    network_acls_cover_subnets,
    network_acls_are_symmetric,
)
