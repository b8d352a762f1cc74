"""What EC2 describes is read as it acts: against a moto account, and against answers that moto doesn't give."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from moto import mock_aws

from private_inference.reachability.from_ec2.describe import Descriptions, describe
from private_inference.reachability.from_ec2.load import load
from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
    Cidr,
    GatewayKind,
    GroupRef,
    ModelError,
    Network,
    PrefixListRef,
)
from private_inference.reachability.trace import Verdict, trace
from private_inference.reachability.traffic import services, services_text
from private_inference.rehearsal.patches import PATCHES
from private_inference.verification.checks import AbsentError
from private_inference.verification.reader import Reader

OWNER = "123456789012"
BLOCK = ("vpc_block_public_access", "vpc_block_public_access_mode", "vpc_block_public_access_exclusions")


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for patch in (one for one in PATCHES if one.name in BLOCK):  # which moto lacks
        answer = partial(patch.replacement, None)
        monkeypatch.setattr(patch.owner, patch.attribute, lambda self, answer=answer: answer(self), raising=False)
    with mock_aws():
        yield boto3.client("ec2", region_name="us-east-1")


@pytest.fixture
def account(ec2: Any) -> dict[str, str]:
    """A VPC with a client and an endpoint, S3 by its gateway, a NAT gateway, a peer; and another VPC beside it."""
    ids = {"vpc": ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]}
    ids["other"] = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    for name, block in (("app", "10.0.1.0/24"), ("access", "10.0.2.0/24")):
        made = ec2.create_subnet(VpcId=ids["vpc"], CidrBlock=block, AvailabilityZone="us-east-1a")
        ids[name] = made["Subnet"]["SubnetId"]
        ec2.create_tags(Resources=[ids[name]], Tags=[{"Key": "Name", "Value": name}])
    ids["table"] = ec2.create_route_table(VpcId=ids["vpc"])["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=ids["table"], SubnetId=ids["app"])
    groups(ec2, ids)
    acl(ec2, ids)
    gateways(ec2, ids)
    made = ec2.create_vpc_endpoint(
        VpcId=ids["vpc"], ServiceName="com.amazonaws.us-east-1.sagemaker.runtime", VpcEndpointType="Interface",
        SubnetIds=[ids["access"]], SecurityGroupIds=[ids["server"]],
    )  # fmt: skip
    ids["endpoint"] = made["VpcEndpoint"]["VpcEndpointId"]
    made = ec2.create_network_interface(SubnetId=ids["app"], Groups=[ids["client"]], PrivateIpAddress="10.0.1.10")
    ids["interface"] = made["NetworkInterface"]["NetworkInterfaceId"]
    ec2.create_network_interface(SubnetId=ids["access"], Groups=[ids["server"]], PrivateIpAddress="10.0.2.20")
    return ids


def groups(ec2: Any, ids: dict[str, str]) -> None:
    for name in ("client", "server"):
        made = ec2.create_security_group(VpcId=ids["vpc"], GroupName=name, Description=name)
        ids[name] = made["GroupId"]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    from_client = {**https, "UserIdGroupPairs": [{"GroupId": ids["client"]}]}
    ec2.authorize_security_group_ingress(GroupId=ids["server"], IpPermissions=[from_client])


def acl(ec2: Any, ids: dict[str, str]) -> None:
    """An ACL of the app subnet that lets HTTPS out and answers in."""
    ids["acl"] = ec2.create_network_acl(VpcId=ids["vpc"])["NetworkAcl"]["NetworkAclId"]
    for egress, ports in ((True, {"From": 443, "To": 443}), (False, {"From": 1024, "To": 65535})):
        ec2.create_network_acl_entry(
            NetworkAclId=ids["acl"], RuleNumber=100, Protocol="6", RuleAction="allow", Egress=egress,
            CidrBlock="0.0.0.0/0", PortRange=ports,
        )  # fmt: skip
    in_force = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [ids["app"]]}])
    (association,) = [
        one for found in in_force["NetworkAcls"] for one in found["Associations"] if one["SubnetId"] == ids["app"]
    ]
    ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=ids["acl"])


def gateways(ec2: Any, ids: dict[str, str]) -> None:
    ids["igw"] = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=ids["igw"], VpcId=ids["vpc"])
    main = ec2.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [ids["vpc"]]}, {"Name": "association.main", "Values": ["true"]}]
    )["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=main, DestinationCidrBlock="0.0.0.0/0", GatewayId=ids["igw"])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=ids["access"], AllocationId=address)
    ids["nat"] = made["NatGateway"]["NatGatewayId"]
    ec2.create_route(RouteTableId=ids["table"], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=ids["nat"])
    made = ec2.create_vpc_peering_connection(VpcId=ids["vpc"], PeerVpcId=ids["other"])
    ids["pcx"] = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=ids["pcx"])
    ec2.create_route(RouteTableId=ids["table"], DestinationCidrBlock="10.9.0.0/16", VpcPeeringConnectionId=ids["pcx"])
    made = ec2.create_vpc_endpoint(
        VpcId=ids["vpc"], ServiceName="com.amazonaws.us-east-1.s3", VpcEndpointType="Gateway",
        RouteTableIds=[ids["table"]],
    )  # fmt: skip
    ids["s3"] = made["VpcEndpoint"]["VpcEndpointId"]


@pytest.fixture
def network(ec2: Any, account: dict[str, str]) -> Network:
    return load(describe(Reader(lambda service: ec2), [account["vpc"]]))


def test_only_what_was_asked_for_is_there(network: Network, account: dict[str, str]) -> None:
    assert set(network.vpcs) == {account["vpc"]}
    assert set(network.subnets) == {account["app"], account["access"]}
    assert network.undecided == ()


def test_subnets_have_what_is_in_force_in_them(network: Network, account: dict[str, str]) -> None:
    app, access = network.subnets[account["app"]], network.subnets[account["access"]]
    assert (app.name, app.zone, app.route_table, app.acl) == ("app", "us-east-1a", account["table"], account["acl"])
    assert access.route_table not in (account["table"], "")
    assert access.acl != account["acl"]
    assert [(rule.number, services_text(rule.services)) for rule in network.acls[app.acl].egress] == [(100, "tcp 443")]


def test_gateways_are_of_their_kinds(network: Network, account: dict[str, str]) -> None:
    kinds = {key.partition("@")[0]: gateway.kind for key, gateway in network.gateways.items()}
    assert kinds == {
        account["igw"]: GatewayKind.INTERNET,
        account["nat"]: GatewayKind.NAT,
        account["pcx"]: GatewayKind.PEERING,
        account["s3"]: GatewayKind.ENDPOINT,
    }


def test_an_endpoints_interface_is_known_by_its_service(network: Network, account: dict[str, str]) -> None:
    (endpoint,) = [one for one in network.interfaces.values() if one.service]
    assert (endpoint.service, endpoint.kind) == ("sagemaker.runtime", "interface endpoint")
    assert (endpoint.subnet, endpoint.owner) == (account["access"], account["endpoint"])


def test_the_server_is_reached_by_the_client_as_groups_and_acl_say(network: Network) -> None:
    assert trace(network, "10.0.1.10", "10.0.2.20", 443).verdict == Verdict.REACHES
    for source, destination, port in (("10.0.1.10", "10.0.2.20", 80), ("10.0.2.20", "10.0.1.10", 443)):
        refusal = trace(network, source, destination, port).hops[-1]
        assert not refusal.allowed
        assert refusal.control == "network ACL"


@pytest.mark.parametrize(
    ("destination", "gateway"), [("10.9.0.1", "pcx"), ("203.0.113.9", "nat")], ids=["peer", "internet"]
)
def test_the_client_gets_out_as_its_routes_say(
    network: Network, account: dict[str, str], destination: str, gateway: str
) -> None:
    found = trace(network, account["interface"], destination, 443)
    assert found.verdict == Verdict.REACHES
    assert account[gateway] in next(hop.reason for hop in found.hops if hop.control == "route table")


def test_the_account_blocks_public_access(ec2: Any, account: dict[str, str]) -> None:
    ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-bidirectional")
    blocked = load(describe(Reader(lambda service: ec2), [account["vpc"]]))
    assert trace(blocked, account["interface"], "203.0.113.9", 443).verdict == Verdict.REFUSED
    assert trace(blocked, account["interface"], "10.9.0.1", 443).verdict == Verdict.REACHES
    assert trace(blocked, account["interface"], "s3", 443).verdict == Verdict.REACHES


def test_s3_is_reached_by_its_gateway(network: Network, account: dict[str, str]) -> None:
    assert trace(network, account["interface"], "s3", 443).verdict == Verdict.REACHES


# What moto doesn't say


def answers(**changes: Any) -> Descriptions:
    """The least that EC2 can say of a VPC."""
    least: dict[str, Any] = {
        "Vpcs": [{"VpcId": "vpc", "OwnerId": OWNER, "CidrBlock": "10.0.0.0/16", "EnableDnsSupport": False}],
        "VpcBlockPublicAccessOptions": [
            {"AwsAccountId": OWNER, "State": "default-state", "InternetGatewayBlockMode": "off"}
        ],
        "Subnets": [
            {
                "SubnetId": "subnet",
                "VpcId": "vpc",
                "AvailabilityZone": "zone",
                "CidrBlock": "10.0.1.0/24",
                "Ipv6CidrBlockAssociationSet": [
                    {"Ipv6CidrBlock": "2001:db8::/64", "Ipv6CidrBlockState": {"State": "associated"}}
                ],
            }
        ],
        "RouteTables": [
            {"RouteTableId": "rtb", "VpcId": "vpc", "Associations": [{"Main": True}], "Routes": []},
        ],
        "NetworkAcls": [
            {"NetworkAclId": "acl", "VpcId": "vpc", "Associations": [{"SubnetId": "subnet"}], "Entries": []}
        ],
        "PrefixLists": [
            {"PrefixListId": "pl-s3", "PrefixListName": "com.amazonaws.us-east-1.s3", "Cidrs": ["52.0.0.0/16"]}
        ],
    }
    empty = (
        "SecurityGroups", "NetworkInterfaces", "VpcEndpoints", "InternetGateways", "EgressOnlyInternetGateways",
        "NatGateways", "VpnGateways", "TransitGatewayVpcAttachments", "VpcPeeringConnections",
        "PrefixListEntries", "VpcBlockPublicAccessExclusions",
    )  # fmt: skip
    return {key: [] for key in empty} | least | changes


def routed(*routes: dict[str, Any], **changes: Any) -> Network:
    table = {"RouteTableId": "rtb", "VpcId": "vpc", "Associations": [{"Main": True}], "Routes": list(routes)}
    return load(answers(RouteTables=[table], **changes))


def test_dns_and_ipv6_blocks_are_as_described() -> None:
    network = load(answers())
    assert network.vpcs["vpc"].dns is False
    assert network.subnets["subnet"].cidrs == ("10.0.1.0/24", "2001:db8::/64")


ATTACHED = {"TransitGatewayId": "tgw-1", "VpcId": "vpc", "SubnetIds": ["subnet"], "State": "available"}


@pytest.mark.parametrize(
    ("changes", "route", "kind"),
    [
        (
            {"VpnGateways": [{"VpnGatewayId": "vgw-1", "VpcAttachments": [{"VpcId": "vpc", "State": "attached"}]}]},
            {"GatewayId": "vgw-1", "Origin": "EnableVgwRoutePropagation"},
            GatewayKind.VIRTUAL_PRIVATE,
        ),
        (
            {"TransitGatewayVpcAttachments": [ATTACHED]},
            {"TransitGatewayId": "tgw-1", "Origin": "CreateRoute"},
            GatewayKind.TRANSIT,
        ),
    ],
)
def test_routes_lead_to_attached_gateways(changes: dict[str, Any], route: dict[str, Any], kind: GatewayKind) -> None:
    network = routed({"DestinationCidrBlock": "192.168.0.0/16", "State": "active", **route}, **changes)
    (found,) = network.route_tables["rtb"].routes
    assert found.target
    assert network.gateways[found.target].kind == kind
    assert found.propagated == (route["Origin"] == "EnableVgwRoutePropagation")
    assert network.undecided == ()


def test_what_is_deleted_is_no_gateway_though_ec2_still_describes_it() -> None:
    endpoint = {
        "VpcEndpointId": "vpce", "VpcId": "vpc", "VpcEndpointType": "Gateway", "State": "deleted",
        "ServiceName": "com.amazonaws.us-east-1.s3",
    }  # fmt: skip
    peering = {
        "VpcPeeringConnectionId": "pcx", "Status": {"Code": "deleted"}, "RequesterVpcInfo": {"VpcId": "vpc"},
        "AccepterVpcInfo": {"CidrBlockSet": [{"CidrBlock": "10.9.0.0/16"}]},
    }  # fmt: skip
    network = load(
        answers(
            TransitGatewayVpcAttachments=[ATTACHED | {"State": "deleted", "SubnetIds": ["subnet-gone"]}],
            NatGateways=[{"NatGatewayId": "nat", "VpcId": "vpc", "SubnetId": "subnet-gone", "State": "deleted"}],
            VpnGateways=[{"VpnGatewayId": "vgw", "VpcAttachments": [{"VpcId": "vpc", "State": "detached"}]}],
            VpcEndpoints=[endpoint],
            VpcPeeringConnections=[peering],
        )
    )
    assert not network.gateways


def test_a_vpc_that_does_not_exist_is_told(ec2: Any) -> None:
    with pytest.raises(AbsentError):
        describe(Reader(lambda service: ec2), ["vpc-0123456789abcdef0"])


@pytest.mark.parametrize("missing", ["RouteTables", "NetworkAcls"])
def test_descriptions_that_do_not_fit_together_make_no_network(missing: str) -> None:
    with pytest.raises(ModelError, match="subnet refers to"):
        load(answers(**{missing: []}))


def test_a_blackhole_leads_nowhere() -> None:
    network = routed({"DestinationCidrBlock": "192.168.0.0/16", "State": "blackhole", "NatGatewayId": "nat-gone"})
    assert network.route_tables["rtb"].routes[0].target is None


def test_local_routes_are_understood() -> None:
    assert routed({"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"}).route_tables["rtb"].routes == ()


@pytest.mark.parametrize(
    "route",
    [
        {"NetworkInterfaceId": "eni-1"},
        {"CarrierGatewayId": "cagw-1"},
        {"CoreNetworkArn": "arn:aws:networkmanager::123456789012:core-network/x"},
        {"GatewayId": "vpce-1"},
        {"TransitGatewayId": "tgw-elsewhere"},
    ],
)
def test_what_a_target_does_is_undecided_when_it_is_not_modelled(route: dict[str, Any]) -> None:
    network = routed({"DestinationCidrBlock": "0.0.0.0/0", "State": "active", **route})
    (found,) = network.route_tables["rtb"].routes
    assert found.target
    assert network.gateways[found.target].kind == GatewayKind.OTHER
    assert next(iter(route.values())) in network.undecided[0].reason


def test_a_gateways_own_route_table_is_undecided() -> None:
    table = {
        "RouteTableId": "edge", "VpcId": "vpc", "Associations": [{"GatewayId": "igw-1"}], "Routes": [],
    }  # fmt: skip
    network = load(answers(RouteTables=[*answers()["RouteTables"], table]))
    assert [one.resource for one in network.undecided] == ["edge"]


def group(**permission: Any) -> dict[str, Any]:
    return {
        "GroupId": "sg", "GroupName": "own", "VpcId": "vpc", "IpPermissionsEgress": [],
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **permission}],
    }  # fmt: skip


def test_group_rules_have_peers_of_every_kind() -> None:
    permission = {
        "IpRanges": [{"CidrIp": "10.1.0.0/16"}],
        "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}],
        "PrefixListIds": [{"PrefixListId": "pl-s3"}, {"PrefixListId": "pl-own"}],
        "UserIdGroupPairs": [{"GroupId": "sg"}],
    }
    entries = [{"PrefixListId": "pl-own", "Cidr": block} for block in ("10.2.0.0/16", "10.3.0.0/16")]
    network = load(answers(SecurityGroups=[group(**permission)], PrefixListEntries=entries))
    assert {rule.peer for rule in network.groups["sg"].ingress} == {
        Cidr("10.1.0.0/16"),
        Cidr("2001:db8::/32"),
        PrefixListRef("pl-s3"),
        PrefixListRef("pl-own"),
        GroupRef("sg"),
    }
    assert {rule.services for rule in network.groups["sg"].ingress} == {services("tcp", 443, 443)}
    assert network.prefix_lists["pl-own"] == ("10.2.0.0/16", "10.3.0.0/16")
    assert network.undecided == ()


@pytest.mark.parametrize(
    "permission",
    [{"PrefixListIds": [{"PrefixListId": "pl-hidden"}]}, {"UserIdGroupPairs": [{"GroupId": "sg-elsewhere"}]}],
)
def test_peers_that_ec2_does_not_show_are_undecided(permission: dict[str, Any]) -> None:
    network = load(answers(SecurityGroups=[group(**permission)]))
    assert [one.resource for one in network.undecided] == ["sg"]


def interface(**fields: Any) -> dict[str, Any]:
    return {"NetworkInterfaceId": "eni", "SubnetId": "subnet", "VpcId": "vpc", "Groups": [], **fields}


def test_an_interface_has_its_addresses_and_is_public_by_its_association() -> None:
    found = load(
        answers(
            NetworkInterfaces=[
                interface(
                    PrivateIpAddresses=[
                        {"PrivateIpAddress": "10.0.1.7", "Association": {"PublicIp": "203.0.113.7"}},
                        {"PrivateIpAddress": "10.0.1.8"},
                    ],
                    Ipv6Addresses=[{"Ipv6Address": "2001:db8::7"}],
                )
            ]
        )
    ).interfaces["eni"]
    assert found.addresses == ("10.0.1.7", "10.0.1.8", "2001:db8::7")
    assert found.public


def test_an_interface_without_groups_is_filtered_by_acls_only() -> None:
    network = load(answers(NetworkInterfaces=[interface(InterfaceType="network_load_balancer")]))
    (carried,) = network.interfaces["eni"].groups
    assert {rule.peer for rule in network.groups[carried].ingress} == {Cidr("0.0.0.0/0"), Cidr("::/0")}


@pytest.mark.parametrize("kind", ["nat_gateway", "transit_gateway"])
def test_the_interfaces_of_gateways_are_the_gateways(kind: str) -> None:
    assert not load(answers(NetworkInterfaces=[interface(InterfaceType=kind)])).interfaces


@pytest.mark.parametrize(
    ("fields", "ports"),
    [({"InterfaceType": "lambda"}, ANY_CLIENT_PORTS), ({"Description": "ELB app/front/1"}, ANY_CLIENT_PORTS)],
)
def test_some_clients_use_more_ports_than_linux(fields: dict[str, Any], ports: tuple[int, int]) -> None:
    assert load(answers(NetworkInterfaces=[interface(**fields)])).interfaces["eni"].ephemeral == ports
