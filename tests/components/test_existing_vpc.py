"""A VPC that can't serve a stack is refused before anything is made: by the resource's id, what is wrong, and the fix.

The VPC is a real one of the embedded AWS, and broken as somebody with a console could.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from components.settings import SettingsError
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from tests.support.looking_up import LookingUp
from tests.support.recording import stack_config
from tests.support.stacks import existing_vpc, minimal, settings

VPC, TABLE = "vpc-0a1b2c3d4e5f60718", "rtb-0a1b2c3d4e5f60718"
APP, ACCESS, MODEL = (f"subnet-0a1b2c3d4e5f60{letter}01" for letter in "abc")
EVERYWHERE = "0.0.0.0/0"


@pytest.fixture(scope="module")
def aws(archive: Path) -> Iterator[EmbeddedAws]:
    with prepared_aws(settings(minimal(archive, network=existing_vpc()))) as embedded:
        yield embedded


@pytest.fixture(scope="module")
def ec2(aws: EmbeddedAws) -> Any:
    return aws.client("ec2")


def faults(aws: EmbeddedAws, archive: Path, *, changes: Any = None, **existing: Any) -> list[str]:
    """The lines of the error that the program ends in; nothing may have been created by then."""
    engine = LookingUp(aws)
    values = minimal(archive, network=existing_vpc(**existing)) | (changes or {})
    with pytest.raises(SettingsError) as caught:
        run_program(stack_config(values), engine)
    assert engine.created == []
    heading, *lines = str(caught.value).splitlines()
    assert heading == f"{VPC} can't serve this stack as it is:"
    return [line.strip() for line in lines]


def test_a_sound_one_is_taken_and_nothing_in_it_is_declared(aws: EmbeddedAws, archive: Path) -> None:
    engine = LookingUp(aws)
    run_program(stack_config(minimal(archive, network=existing_vpc())), engine)
    made = {each.type for each in engine.created}
    assert "aws:sagemaker/model:Model" in made
    theirs = ("vpc:Vpc", "subnet:", "route:", "routeTable", "networkAcl", "defaultSecurityGroup", "flowLog", "Gateway")
    assert not [kind for kind in made if kind.startswith("aws:ec2/") and any(each in kind for each in theirs)]
    (gateway,) = [each for each in engine.created if each.properties.get("vpcEndpointType") == "Gateway"]
    assert gateway.properties["routeTableIds"] == [TABLE]


@contextmanager
def route(ec2: Any, table: str, **target: str) -> Iterator[None]:
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=EVERYWHERE, **target)
    yield
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock=EVERYWHERE)


def test_a_route_to_an_internet_gateway(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    (gateway,) = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [VPC]}])[
        "InternetGateways"
    ]
    with route(ec2, TABLE, GatewayId=gateway["InternetGatewayId"]):
        said = faults(aws, archive)
    assert said[0] == (
        f"network.existing.subnets.app: {TABLE}, the route table of {APP}, leads {EVERYWHERE} to "
        f"{gateway['InternetGatewayId']}: a way out of the VPC, such as to the internet; remove the route, or name "
        "subnets with another table."
    )
    assert len(said) == 4  # for each subnet that follows the table


def test_a_route_to_a_nat_gateway(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=APP, AllocationId=address)["NatGateway"]["NatGatewayId"]
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [ACCESS]}])["RouteTables"]
    with route(ec2, table["RouteTableId"], NatGatewayId=made):
        said = faults(aws, archive)
    ec2.delete_nat_gateway(NatGatewayId=made)
    ec2.release_address(AllocationId=address)
    assert said[0].startswith(
        f"network.existing.subnets.access: {table['RouteTableId']}, the route table of {ACCESS}, leads {EVERYWHERE} to "
        f"{made}: a way out of the VPC"
    )


@pytest.mark.parametrize(
    ("attribute", "option"),
    [("EnableDnsHostnames", "enable-dns-hostnames"), ("EnableDnsSupport", "enable-dns-support")],
)
def test_names_that_do_not_resolve(attribute: str, option: str, aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    ec2.modify_vpc_attribute(VpcId=VPC, **{attribute: {"Value": False}})
    (said,) = faults(aws, archive)
    ec2.modify_vpc_attribute(VpcId=VPC, **{attribute: {"Value": True}})
    assert said.startswith(f"network.existing.vpcId: '{VPC}' has e{attribute[1:]} off")
    assert said.endswith(f"(`aws ec2 modify-vpc-attribute --vpc-id {VPC} --{option}`).")


def test_a_vpc_and_subnets_that_do_not_exist_or_are_elsewhere(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    other = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    foreign = ec2.create_subnet(VpcId=other, CidrBlock="10.30.0.0/24")["Subnet"]["SubnetId"]
    subnets = existing_vpc()["existing"]["subnets"]
    subnets["model"][0], subnets["app"][1] = foreign, "subnet-0123456789abcdef0"
    assert faults(aws, archive, subnets=subnets) == [
        "network.existing.subnets.app[1]: 'subnet-0123456789abcdef0' doesn't exist, or isn't this account's to see; "
        f"name a subnet of {VPC}.",
        f"network.existing.subnets.model[0]: '{foreign}' is in {other}; name a subnet of {VPC}.",
    ]
    values = minimal(archive, network=existing_vpc(vpcId="vpc-0123456789abcdef0"))
    with pytest.raises(SettingsError, match="'vpc-0123456789abcdef0' doesn't exist in us-east-1; name one that does"):
        run_program(stack_config(values), LookingUp(aws))


def test_tiers_in_other_zones_than_the_access_subnets(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    zones = {each["AvailabilityZone"] for each in ec2.describe_subnets(SubnetIds=[ACCESS])["Subnets"]}
    made = ec2.create_subnet(VpcId=VPC, CidrBlock="10.20.240.0/24", AvailabilityZone="us-east-1f")["Subnet"]["SubnetId"]
    ec2.associate_route_table(SubnetId=made, RouteTableId=TABLE)
    subnets = existing_vpc()["existing"]["subnets"]
    subnets["model"][0] = made
    said = faults(aws, archive, subnets=subnets)
    ec2.delete_subnet(SubnetId=made)
    assert said == [
        f"network.existing.subnets.model: '{made}' is in us-east-1f, where the access tier has no subnet (us-east-1a, "
        "us-east-1b); name subnets in the same zones in each tier.",
        f"network.existing.subnets.model: has no subnet in {zones.pop()}; name one there, as in the access tier.",
    ]


def test_too_few_free_addresses(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    small = ec2.create_subnet(VpcId=VPC, CidrBlock="10.20.241.0/28", AvailabilityZone="us-east-1a")["Subnet"][
        "SubnetId"
    ]
    ec2.associate_route_table(SubnetId=small, RouteTableId=TABLE)
    subnets = existing_vpc()["existing"]["subnets"]
    subnets["model"][0] = small
    (said,) = faults(aws, archive, subnets=subnets)
    ec2.delete_subnet(SubnetId=small)
    assert said.startswith(f"network.existing.subnets.model: '{small}' (10.20.241.0/28) has 11 free addresses, and the")
    assert "need 20 there" in said  # two for each of ten instances, old and new ones, in two zones
    assert said.endswith("name a larger subnet, have addresses freed, or lower instances.max.")


@contextmanager
def acl_entry(ec2: Any, subnet: str, **entry: Any) -> Iterator[str]:
    """A rule before all others of a subnet's network ACL."""
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    (acl,) = ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
    identity = acl["NetworkAclId"]
    ec2.create_network_acl_entry(NetworkAclId=identity, RuleNumber=50, RuleAction="deny", **entry)
    yield identity
    ec2.delete_network_acl_entry(NetworkAclId=identity, RuleNumber=50, Egress=entry["Egress"])


def test_an_acl_that_refuses_what_the_stack_needs(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    ports = {"PortRange": {"From": 40000, "To": 40000}, "Protocol": "6"}
    with acl_entry(ec2, MODEL, Egress=False, CidrBlock="52.216.0.0/16", **ports) as acl:
        said = faults(aws, archive)
    assert said[0] == (
        f"network.existing: {acl}, the network ACL of {MODEL}, refuses answers from 52.216.0.0/15 on tcp 1024-65535 "
        "(rule 50 denies them). SageMaker fetches model artifacts through the S3 gateway; have them allowed."
    )
    assert len(said) == 2  # of both model subnets
    with acl_entry(ec2, APP, Egress=False, CidrBlock="10.20.0.0/18", Protocol="6", PortRange={"From": 443, "To": 443}):
        said = faults(aws, archive)
    requests = [line for line in said if "refuses requests from 10.20.0.0/21 on tcp 443" in line]
    assert requests
    assert f"the network ACL of {ACCESS}" in requests[0]


def test_tables_that_lack_or_have_the_s3_gateway(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    other = ec2.create_route_table(VpcId=VPC)["RouteTable"]["RouteTableId"]
    lacking, unused = faults(aws, archive, routeTables=[other])
    assert lacking == f"network.existing.routeTables: lacks {TABLE}, whose subnets use the s3 gateway; add it."
    assert unused.startswith(f"network.existing.routeTables[0]: '{other}' is of no subnet of the tiers; name some of")
    name = "com.amazonaws.us-east-1.s3"
    made = ec2.create_vpc_endpoint(VpcId=VPC, ServiceName=name, RouteTableIds=[TABLE])["VpcEndpoint"]["VpcEndpointId"]
    (said,) = faults(aws, archive)
    assert said == (
        f"network.existing.routeTables[0]: '{TABLE}' has {made}, an endpoint of s3, already; reuse it by "
        "network.existing.s3Gateway."
    )
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
    ec2.delete_route_table(RouteTableId=other)
    (said,) = faults(aws, archive, routeTables=[], s3Gateway="vpce-0123456789abcdef0")
    assert said.startswith("network.existing.s3Gateway: 'vpce-0123456789abcdef0' is no S3 gateway endpoint of")


def test_an_endpoint_that_has_the_name_already_or_lets_nobody_in(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    group = ec2.create_security_group(GroupName="closed", Description="of others", VpcId=VPC)["GroupId"]
    made = ec2.create_vpc_endpoint(
        VpcId=VPC,
        ServiceName="com.amazonaws.us-east-1.sagemaker.runtime",
        VpcEndpointType="Interface",
        SubnetIds=[ACCESS],
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    (taken,) = faults(aws, archive)
    closed = faults(aws, archive, interfaceEndpoints={"sagemaker.runtime": made})
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
    with suppress(ec2.exceptions.ClientError):
        ec2.delete_security_group(GroupId=group)
    assert taken.startswith(
        f"network.existing.interfaceEndpoints: {made} has the private DNS name of sagemaker.runtime"
    )
    assert closed == [
        f"network.existing.interfaceEndpoints.sagemaker.runtime: '{made}': no group of it ({group}) lets {block} in on "
        "tcp 443; have a rule added."
        for block in ("10.20.0.0/21", "10.20.8.0/21")
    ]


def test_a_vpc_without_flow_logs(aws: EmbeddedAws, ec2: Any, archive: Path) -> None:
    (log,) = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [VPC]}])["FlowLogs"]
    ec2.delete_flow_logs(FlowLogIds=[log["FlowLogId"]])
    (said,) = faults(aws, archive)
    assert said == (
        f"network.existing.flowLogs: {VPC} has no active flow log of all traffic; set it to true, or make one."
    )
