"""What a stack expects to find in its account is there, and the stack can be put beside it."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.settings import Settings, parse
from private_inference.rehearsal.operations import Operations
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import load_stack
from tests.rehearsal.conftest import Rehearse

ROOT = Path(__file__).parents[2]
S3_MODEL = "s3://training-output/churn/model.tar.gz"
IMAGE = {"framework": "xgboost", "version": "3.0-5"}


def settings(**more: Any) -> Settings:
    values = load_stack(ROOT, "dev").values
    serving = {"name": "churn", "model": {"artifact": S3_MODEL, "image": IMAGE}, "instanceType": "ml.m5.large"}
    own = {"endpoints": [serving], **more}
    changed = {f"private-inference:{key}": json.dumps(value) for key, value in own.items()}
    return parse("private-inference", dict(values) | {"aws:region": "eu-west-1"} | changed)


ATTACH = {
    "vgw-0a1b2c3d4e5f60718": """
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
attached = aws.ec2.VpnGatewayAttachment("a", vpc_id=vpc.id, vpn_gateway_id="vgw-0a1b2c3d4e5f60718")
table = aws.ec2.RouteTable("t", vpc_id=vpc.id, opts=pulumi.ResourceOptions(depends_on=[attached]))
route = aws.ec2.Route(
    "r", route_table_id=table.id, destination_cidr_block="192.168.0.0/16", gateway_id="vgw-0a1b2c3d4e5f60718"
)
pulumi.export("table", table.id)
""",
    "tgw-0a1b2c3d4e5f60718": """
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
subnet = aws.ec2.Subnet("s", vpc_id=vpc.id, cidr_block="10.0.0.0/24")
attached = aws.ec2transitgateway.VpcAttachment(
    "a", vpc_id=vpc.id, transit_gateway_id="tgw-0a1b2c3d4e5f60718", subnet_ids=[subnet.id]
)
table = aws.ec2.RouteTable("t", vpc_id=vpc.id, opts=pulumi.ResourceOptions(depends_on=[attached]))
route = aws.ec2.Route(
    "r", route_table_id=table.id, destination_cidr_block="192.168.0.0/16", transit_gateway_id="tgw-0a1b2c3d4e5f60718"
)
pulumi.export("table", table.id)
""",
}


@pytest.mark.parametrize("gateway", ATTACH)
def test_a_route_leads_to_the_gateway_that_the_account_has(rehearse: Rehearse, gateway: str) -> None:
    network = {"onPremises": {"cidrs": ["192.168.0.0/16"], "gatewayId": gateway}}
    with prepared_aws(settings(network=network)) as aws:
        table = rehearse(ATTACH[gateway], aws).outputs["table"]
        (found,) = aws.client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"]
        (route,) = [item for item in found["Routes"] if item.get("DestinationCidrBlock") == "192.168.0.0/16"]
        assert gateway in (route.get("GatewayId"), route.get("TransitGatewayId"))


def test_archives_and_the_log_bucket_are_there() -> None:
    with prepared_aws(settings(artifacts={"accessLogBucket": "central-access-logs"})) as aws:
        s3 = aws.client("s3")
        assert s3.head_object(Bucket="training-output", Key="churn/model.tar.gz")["ContentLength"] == 0
        assert "logging.s3.amazonaws.com" in s3.get_bucket_policy(Bucket="central-access-logs")["Policy"]


def test_an_account_that_needs_nothing_has_nothing() -> None:
    with prepared_aws(settings().model_copy(update={"endpoints": ()})) as aws:
        assert aws.client("s3").list_buckets()["Buckets"] == []
        assert aws.client("ec2").describe_vpn_gateways()["VpnGateways"] == []


def test_a_model_is_made_of_an_approved_package_that_is_there() -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/7"
    chosen = {"modelPackage": arn, "inferenceSpecification": "gpu"}
    serving = {"name": "churn", "model": chosen, "instanceType": "ml.m5.large"}
    with prepared_aws(settings(endpoints=[serving])) as aws:
        sagemaker, iam = aws.client("sagemaker"), aws.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName="churn", AssumeRolePolicyDocument=document)["Role"]["Arn"]

        def model(name: str, package: str, **chosen: str) -> None:
            container = {"ModelPackageName": package, **chosen}
            sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)

        model("approved", arn)
        model("chosen", arn, InferenceSpecificationName="gpu")
        with pytest.raises(ClientError, match="has no inference specification tpu"):
            model("else", arn, InferenceSpecificationName="tpu")
        with pytest.raises(ClientError, match="Could not find model package"):
            model("unknown", arn.replace("/7", "/8"))
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="PendingManualApproval")
        with pytest.raises(ClientError, match="is not approved"):
            model("pending", arn)


ORGANIZED = """
content = json.dumps({"Version": "2012-10-17", "Statement": []})
policy = aws.organizations.Policy("scp", content=content)
aws.organizations.PolicyAttachment("scp", policy_id=policy.id, target_id=aws.get_caller_identity().account_id)
pulumi.export("policy", policy.id)
pulumi.export("arn", policy.arn)
"""


def test_a_policy_is_attached_to_the_account_in_its_organization(rehearse: Rehearse) -> None:
    perimeter = {"deployers": ["arn:aws:iam::*:role/deployer"], "attach": ["scp"]}
    with prepared_aws(settings(perimeter=perimeter)) as aws:
        found = rehearse(f"import json\n{ORGANIZED}", aws).outputs
        account = aws.client("sts").get_caller_identity()["Account"]
        attached = aws.client("organizations").list_policies_for_target(
            TargetId=account, Filter="SERVICE_CONTROL_POLICY"
        )
    assert (found["policy"], found["arn"]) in {(each["Id"], each["Arn"]) for each in attached["Policies"]}


def test_the_account_is_the_one_that_the_settings_name() -> None:
    with prepared_aws(settings(account=210987654321)) as aws:
        assert aws.client("sts").get_caller_identity()["Account"] == "210987654321"
        key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
        assert key.split(":")[4] == "210987654321"
        Operations(aws.endpoint_url).zone_lost("eu-west-1a")
        zones = aws.client("ec2").describe_availability_zones()["AvailabilityZones"]
    assert "eu-west-1a" not in [zone["ZoneName"] for zone in zones if zone["State"] == "available"]
