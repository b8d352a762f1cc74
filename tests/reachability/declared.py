"""Pulumi programs for tests, as a rehearsal (ids known) and a preview (ids unknown) would show them to the loader."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from private_inference.graph.resources import Resource
from private_inference.graph.values import Unknown
from private_inference.reachability.from_graph.load import load
from private_inference.reachability.model import Network

APP, ACCESS, MODEL = ("app", "10.20.0.0/18"), ("access", "10.20.64.0/18"), ("model", "10.20.128.0/18")
SUBNETS = {
    "app": ("10.20.0.0/21", "10.20.8.0/21"),
    "access": ("10.20.64.0/21", "10.20.72.0/21"),
    "model": ("10.20.128.0/21", "10.20.136.0/21"),
}
ZONES = ("us-east-1a", "us-east-1b")
S3, S3_NAME, S3_BLOCKS = "pl-63a5400a", "com.amazonaws.us-east-1.s3", ("52.216.0.0/15", "54.231.0.0/16")
UNKNOWN = Unknown("urn:pulumi:test::private-inference::any:Type::any", "any")
PREFIX_LISTS = {S3: S3_BLOCKS, S3_NAME: S3_BLOCKS}


@dataclass(eq=False)
class Declared:
    """A resource of a program. As a value among another's properties, it stands for its id."""

    type: str
    name: str
    properties: dict[str, Any]

    @property
    def urn(self) -> str:
        return f"urn:pulumi:test::private-inference::{self.type}::{self.name}"

    @property
    def id(self) -> str:
        return f"{self.type.rpartition(':')[2].lower()}-{self.name}"


@dataclass(frozen=True)
class Of:
    """A property of another resource that AWS decides, such as the route table that a VPC comes with."""

    resource: Declared
    key: str

    @property
    def id(self) -> str:
        return f"{self.key}-of-{self.resource.name}"


@dataclass
class Program:
    """Resources that refer to one another."""

    resources: list[Declared] = field(default_factory=list)

    def add(self, token: str, name: str, /, **properties: Any) -> Declared:
        """Declare a resource; the token is `ec2:Subnet` for `aws:ec2/subnet:Subnet`."""
        package, _, kind = token.partition(":")
        made = Declared(f"aws:{package}/{kind[0].lower()}{kind[1:]}:{kind}", name, properties)
        self.resources.append(made)
        return made

    def get(self, kind: str, name: str) -> Declared:
        (found,) = [one for one in self.resources if one.type.endswith(f":{kind}") and one.name == name]
        return found

    def remove(self, kind: str, name: str) -> None:
        self.resources.remove(self.get(kind, name))

    def shown(self, known: bool) -> list[Resource]:
        """The resources, with ids or as a preview knows them."""
        return [
            Resource(
                one.urn,
                one.type,
                one.name,
                {**{key: _value(value, known) for key, value in one.properties.items()}, **_outputs(one, known)},
                {key: list(_sources(value)) for key, value in one.properties.items()},
            )
            for one in self.resources
        ]

    def network(self, known: bool = True) -> Network:
        return load(self.shown(known), PREFIX_LISTS)


def _outputs(resource: Declared, known: bool) -> dict[str, Any]:
    outputs = {"id": resource.id if known else UNKNOWN}
    if resource.type.endswith(":Vpc"):
        for key in ("defaultRouteTableId", "mainRouteTableId", "defaultNetworkAclId", "defaultSecurityGroupId"):
            outputs[key] = Of(resource, key).id if known else UNKNOWN
    if resource.type.endswith(":VpcEndpoint"):
        outputs["prefixListId"] = S3 if known and resource.name == "s3" else UNKNOWN
    return outputs


def _value(value: Any, known: bool) -> Any:
    if isinstance(value, Declared | Of):
        return value.id if known else UNKNOWN
    if isinstance(value, dict):
        return {key: _value(entry, known) for key, entry in value.items()}
    if isinstance(value, list):
        return [_value(entry, known) for entry in value]
    return value


def _sources(value: Any) -> Iterator[str]:
    if isinstance(value, Declared):
        yield value.urn
    elif isinstance(value, Of):
        yield value.resource.urn
    elif isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _sources(entry)


def stack(on_premises: str = "", denied: Sequence[str] = (), attached_to: str = "") -> Program:
    """The stack of the product, as small as it gets: two zones, one isolated model, one endpoint.

    With clients on premises, a virtual private gateway leads to them, or else a transit gateway that is attached to the
    access tier or to subnets of its own.
    """
    program = Program()
    vpc = program.add("ec2:Vpc", "network", cidrBlock="10.20.0.0/16", enableDnsSupport=True)
    program.add("ec2:DefaultSecurityGroup", "locked", vpcId=vpc, ingress=[], egress=[])
    program.add("ec2:DefaultRouteTable", "locked", defaultRouteTableId=Of(vpc, "defaultRouteTableId"), routes=[])
    subnets, tables = {}, {}
    for tier, blocks in SUBNETS.items():
        tables[tier] = program.add("ec2:RouteTable", tier, vpcId=vpc)
        subnets[tier] = [
            program.add("ec2:Subnet", f"{tier}-{zone}", vpcId=vpc, cidrBlock=block, availabilityZone=zone)
            for zone, block in zip(ZONES, blocks, strict=True)
        ]
        for subnet in subnets[tier]:
            program.add("ec2:RouteTableAssociation", subnet.name, routeTableId=tables[tier], subnetId=subnet)
        acl = program.add("ec2:NetworkAcl", tier, vpcId=vpc, subnetIds=subnets[tier])
        for position, block in enumerate(denied):
            for egress in (True, False):
                rule(program, acl, egress, 100 + position, block, allow=False)
    acl_rules(program, on_premises)
    groups(program, vpc, on_premises)
    program.add(
        "ec2:VpcEndpoint", "s3", vpcId=vpc, serviceName=S3_NAME, vpcEndpointType="Gateway",
        routeTableIds=[tables["model"]],
    )  # fmt: skip
    program.add(
        "ec2:VpcEndpoint", "runtime", vpcId=vpc, serviceName="com.amazonaws.us-east-1.sagemaker.runtime",
        vpcEndpointType="Interface", subnetIds=subnets["access"],
        securityGroupIds=[program.get("SecurityGroup", "access")],
    )  # fmt: skip
    program.add(
        "sagemaker:Model", "triage",
        vpcConfig={"subnets": subnets["model"], "securityGroupIds": [program.get("SecurityGroup", "model")]},
    )  # fmt: skip
    if on_premises:
        attach(program, on_premises, attached_to)
    return program


def attach(program: Program, block: str, attached_to: str) -> None:
    vpc, table = program.get("Vpc", "network"), program.get("RouteTable", "access")
    if not attached_to:
        program.add("ec2:VpnGatewayAttachment", "network", vpcId=vpc, vpnGatewayId="vgw-0a1b2c3d")
        program.add("ec2:Route", "premises", routeTableId=table, destinationCidrBlock=block, gatewayId="vgw-0a1b2c3d")
        return
    if attached_to == "access":
        subnets = [program.get("Subnet", f"access-{zone}") for zone in ZONES]
    else:
        subnets = [
            program.add("ec2:Subnet", f"transit-{zone}", vpcId=vpc, cidrBlock=own, availabilityZone=zone)
            for zone, own in zip(ZONES, ("10.20.192.0/28", "10.20.192.16/28"), strict=True)
        ]
    transit = "tgw-0a1b2c3d"
    program.add("ec2transitgateway:VpcAttachment", "network", transitGatewayId=transit, vpcId=vpc, subnetIds=subnets)
    program.add("ec2:Route", "premises", routeTableId=table, destinationCidrBlock=block, transitGatewayId=transit)


def rule(
    program: Program,
    acl: Declared,
    egress: bool,
    number: int,
    block: str,
    ports: tuple[int, int] | None = None,
    allow: bool = True,
) -> Declared:
    """Declare an ACL rule: of TCP ports, or of all traffic."""
    first, last = ports or (0, 0)
    return program.add(
        "ec2:NetworkAclRule",
        f"{acl.name}-{'egress' if egress else 'ingress'}-{number}",
        networkAclId=acl, egress=egress, ruleNumber=float(number), ruleAction="allow" if allow else "deny",
        protocol="tcp" if ports else "-1", cidrBlock=block, fromPort=float(first), toPort=float(last),
    )  # fmt: skip


HTTPS, RETURNS = (443, 443), (1024, 65535)


def acl_rules(program: Program, on_premises: str) -> None:
    """Client calls endpoint, model fetches from S3, and the answers."""
    app, access, model = (program.get("NetworkAcl", tier) for tier in SUBNETS)
    for acl, block in ((app, ACCESS[1]), *((model, block) for block in S3_BLOCKS)):
        number = 1000 + sum(one.type.endswith(":NetworkAclRule") for one in program.resources)
        rule(program, acl, True, number, block, HTTPS)
        rule(program, acl, False, number, block, RETURNS)
    for number, block in enumerate(filter(None, (APP[1], on_premises)), start=2000):
        rule(program, access, False, number, block, HTTPS)
        rule(program, access, True, number, block, RETURNS)


def groups(program: Program, vpc: Declared, on_premises: str) -> None:
    client, access, model = (
        program.add("ec2:SecurityGroup", name, vpcId=vpc) for name in ("client", "access", "model")
    )
    port = {"ipProtocol": "tcp", "fromPort": 443.0, "toPort": 443.0}
    program.add(
        "vpc:SecurityGroupEgressRule",
        "client-to-access",
        securityGroupId=client,
        referencedSecurityGroupId=access,
        **port,
    )
    program.add(
        "vpc:SecurityGroupIngressRule", "access-from-client", securityGroupId=access, referencedSecurityGroupId=client,
        **port,
    )  # fmt: skip
    program.add("vpc:SecurityGroupEgressRule", "model-to-s3", securityGroupId=model, prefixListId=S3, **port)
    if on_premises:
        program.add(
            "vpc:SecurityGroupIngressRule", "access-from-premises", securityGroupId=access, cidrIpv4=on_premises, **port
        )
