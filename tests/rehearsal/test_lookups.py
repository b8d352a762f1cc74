"""The program's lookups, answered from the embedded AWS."""

import ipaddress
from typing import Any

import pytest

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine, RehearsalError
from tests.rehearsal.conftest import REGION


def ask(aws: EmbeddedAws, token: str, **args: Any) -> Any:
    module, name = token.split("/")
    return MotoEngine(aws).invoke(f"aws:{module}/{name}:{name}", args)


def test_the_account_is_that_of_the_clients(aws: EmbeddedAws) -> None:
    answer = ask(aws, "index/getCallerIdentity")
    assert answer["accountId"] == aws.client("sts").get_caller_identity()["Account"]


def test_region_and_partition(aws: EmbeddedAws) -> None:
    region = ask(aws, "index/getRegion")
    assert (region["region"], region["endpoint"]) == (REGION, "ec2.eu-west-1.amazonaws.com")
    assert region["description"] == "Europe (Ireland)"
    assert ask(aws, "index/getPartition")["dnsSuffix"] == "amazonaws.com"


def test_china_is_a_partition_of_its_own() -> None:
    with EmbeddedAws("cn-north-1") as aws:
        answer = ask(aws, "index/getPartition")
        assert (answer["partition"], answer["dnsSuffix"]) == ("aws-cn", "amazonaws.com.cn")


def test_zones_can_be_excluded(aws: EmbeddedAws) -> None:
    every = ask(aws, "index/getAvailabilityZones", state="available")
    fewer = ask(aws, "index/getAvailabilityZones", excludeNames=[every["names"][0]])
    assert len(every["names"]) == len(set(every["zoneIds"])) >= 3
    assert fewer["names"] == every["names"][1:]
    assert all(name.startswith(REGION) for name in every["names"])


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_a_prefix_list_has_addresses(aws: EmbeddedAws, service: str) -> None:
    name = f"com.amazonaws.{REGION}.{service}"
    plain, managed = ask(aws, "ec2/getPrefixList", name=name), ask(aws, "ec2/getManagedPrefixList", name=name)
    assert plain["id"] == managed["id"]
    assert plain["cidrBlocks"] == sorted(entry["cidr"] for entry in managed["entries"])
    assert all(ipaddress.ip_network(block) for block in plain["cidrBlocks"])


def test_an_endpoint_service_says_where_it_is_offered(aws: EmbeddedAws) -> None:
    answer = ask(aws, "ec2/getVpcEndpointService", service="sagemaker.runtime", serviceType="Interface")
    assert answer["serviceName"] == f"com.amazonaws.{REGION}.sagemaker.runtime"
    assert set(answer["availabilityZones"]) <= set(ask(aws, "index/getAvailabilityZones")["names"])
    assert answer["availabilityZones"]


@pytest.mark.parametrize(
    ("name", "vcpus", "burstable", "disks"),
    [("m5.large", 2, False, False), ("t2.medium", 2, True, False), ("m5d.xlarge", 4, False, True)],
)
def test_what_an_instance_type_has(aws: EmbeddedAws, name: str, vcpus: int, burstable: bool, disks: bool) -> None:
    """https://docs.aws.amazon.com/ec2/latest/instancetypes/gp.html"""
    answer = ask(aws, "ec2/getInstanceType", instanceType=name)
    assert answer["defaultVcpus"] == vcpus
    assert answer["burstablePerformanceSupported"] is burstable
    assert answer["instanceStorageSupported"] is disks


def test_where_an_instance_type_is_offered(aws: EmbeddedAws) -> None:
    kind = [{"name": "instance-type", "values": ["m5.large"]}]
    answer = ask(aws, "ec2/getInstanceTypeOfferings", locationType="availability-zone", filters=kind)
    assert set(answer["locations"]) <= set(ask(aws, "index/getAvailabilityZones")["names"])
    assert answer["locations"]


def test_subnets_are_found_by_their_tags(aws: EmbeddedAws) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.0.0/21", AvailabilityZone=f"{REGION}b")["Subnet"]["SubnetId"]
    tags = {"Project": "p", "Stack": "s", "Name": "p-s-app-b"}
    ec2.create_tags(Resources=[made], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    assert ask(aws, "ec2/getSubnets", tags={**tags, "Name": "p-s-app-*"})["ids"] == [made]
    assert ask(aws, "ec2/getSubnets", tags={**tags, "Name": "p-s-model-*"})["ids"] == []
    found = ask(aws, "ec2/getSubnet", id=made, tags={"Project": "p", "Stack": "s"})
    assert (found["availabilityZone"], found["cidrBlock"]) == (f"{REGION}b", "10.77.0.0/21")
    with pytest.raises(RehearsalError, match="no subnet found"):
        ask(aws, "ec2/getSubnet", id=made, tags={"Project": "another"})


@pytest.mark.parametrize(
    ("token", "identity"),
    [
        ("ec2/getVpnGateway", "vgw-0a1b2c3d4e5f60718"),
        ("ec2transitgateway/getTransitGateway", "tgw-0a1b2c3d4e5f60718"),
    ],
)
def test_a_gateway_is_there_or_refused(token: str, identity: str) -> None:
    with EmbeddedAws(REGION, gateways=[identity]) as aws:
        assert ask(aws, token, id=identity)["id"] == identity
        with pytest.raises(RehearsalError, match=r"no .* gateway found"):
            ask(aws, token, id=identity[:-1])


@pytest.mark.parametrize(
    ("region", "path"),
    [
        # https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/ecr-eu-west-1.html
        ("eu-west-1", "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.0-5"),
        # https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/ecr-cn-north-1.html
        ("cn-north-1", "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:3.0-5"),
    ],
)
def test_where_aws_keeps_its_images(region: str, path: str) -> None:
    with EmbeddedAws(region) as aws:
        answer = ask(
            aws, "sagemaker/getPrebuiltEcrImage", repositoryName="sagemaker-xgboost", imageTag="3.0-5", region=region
        )
        assert answer["registryPath"] == path


@pytest.mark.parametrize(
    ("token", "args", "told"),
    [
        ("ec2/getAmi", {}, "The lookup getAmi can't be rehearsed: it is not one of aws:ec2/getInstanceType"),
        ("index/getRegion", {"region": "us-east-1"}, "it asks about us-east-1, and the rehearsal knows eu-west-1 only"),
        ("index/getPartition", {"imaginary": 1}, "it does not read imaginary"),
        ("ec2/getInstanceType", {"instanceType": "m5.larger"}, "m5.larger"),
        ("ec2/getInstanceType", {}, "was refused: instanceType is required"),
        ("ec2/getPrefixList", {}, r"was refused: \d+ prefix list found where exactly one is needed"),
        ("ec2/getVpcEndpointService", {"serviceName": "com.amazonaws.eu-west-1.none"}, "InvalidServiceName"),
    ],
)
def test_what_is_not_known_is_refused_by_name(aws: EmbeddedAws, token: str, args: dict[str, Any], told: str) -> None:
    with pytest.raises(RehearsalError, match=told):
        ask(aws, token, **args)
