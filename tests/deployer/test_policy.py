"""The policies of a deployer: what they say, and that they suffice, by an AWS that enforces them."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import parliament
import pytest

from components.settings import SettingsError
from private_inference.cli.deployer import deployer_policies
from private_inference.deployer.grants import grants
from private_inference.deployer.policy import LONGEST, Document, Place, UncoveredError, policies
from private_inference.graph.cloudformation import STACK
from private_inference.graph.resources import Resource
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine, RehearsalError
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, load_stack, settings_of
from tests.graph.test_cloudformation import aws_schema
from tests.support.deployers import acting_as, deployer
from tests.support.every_stack import of_every_stack
from tests.support.recording import ROOT, stack_config
from tests.support.stacks import DOMAIN, WEB_ACL, endpoint, existing_vpc, fleet, minimal, shipped

HERE = Place("aws", "us-east-1", "123456789012", {"Project": "p", "Stack": "s"})


@pytest.fixture(scope="module")
def config(archive: Path) -> StackConfig:
    return shipped("prod", archive)


@pytest.fixture(scope="module")
def documents(config: StackConfig) -> Sequence[Document]:
    return deployer_policies(config)


def statements(documents: Sequence[Document]) -> list[dict[str, Any]]:
    return [statement for document in documents for statement in document["Statement"]]


def test_each_fits_a_managed_policy(documents: Sequence[Document]) -> None:
    assert max(len(json.dumps(each, separators=(",", ":"))) for each in documents) <= LONGEST


def test_the_number_of_endpoints_changes_no_policy(config: StackConfig, archive: Path) -> None:
    def with_endpoints(count: int) -> StackConfig:
        made = [endpoint(archive, name=f"model-{number}") for number in range(count)]
        return replace(config, values={**config.values, f"{config.project}:endpoints": json.dumps(made)})

    assert deployer_policies(with_endpoints(3)) == deployer_policies(with_endpoints(1))


def test_what_changes_something_is_bound_by_a_name_or_a_condition(documents: Sequence[Document]) -> None:
    for statement in statements(documents):
        if "*" in statement["Resource"] and not statement.get("Condition"):
            reading = ("Describe", "List", "Get")
            subscriptions = {"sns:SetSubscriptionAttributes", "sns:Unsubscribe"}  # which AWS lets nobody bound
            free = [each for each in statement["Action"] if not each.partition(":")[2].startswith(reading)]
            assert set(free) <= subscriptions


def test_a_role_is_passed_to_the_services_that_it_trusts_only(documents: Sequence[Document]) -> None:
    passed = [each for each in statements(documents) if each["Action"] == ["iam:PassRole"]]
    assert {(*each["Resource"], *each["Condition"]["StringEquals"]["iam:PassedToService"]) for each in passed} == {
        ("arn:aws:iam::123456789012:role/private-inference/prod/*", "sagemaker.amazonaws.com"),
        ("arn:aws:iam::123456789012:role/network-flow-logs-*", "vpc-flow-logs.amazonaws.com"),
    }
    assert not any("iam:*" in each["Action"] or "*" in each["Action"] for each in statements(documents))


NEWER = [
    f"elasticloadbalancing:{each}WebACL{of}"
    for each, of in (("Create", "Association"), ("Delete", "Association"), ("GetLoadBalancer", ""))
]
"""Actions that parliament's data doesn't have yet.

https://docs.aws.amazon.com/waf/latest/developerguide/security_iam_service-with-iam.html (Actions that require
additional permissions settings)
"""


def test_aws_knows_each_action_and_the_resources_that_it_is_granted_on() -> None:
    """By AWS's service authorization reference, as parliament has it."""
    place = {"partition": "aws", "region": "us-east-1", "account": "123456789012", "path": "/", "name": "n"}
    place["webAclArn"] = WEB_ACL
    for token, given in grants().items():
        for grant in given:
            on = [_filled(each, place) for each in grant.on]
            document = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": list(grant.actions), "Resource": on}],
            }
            found = parliament.analyze_policy_string(json.dumps(document)).findings
            wrong = [each for each in found if each.issue in ("UNKNOWN_ACTION", "UNKNOWN_PREFIX", "INVALID_ARN")]
            assert [each for each in wrong if each.detail.removeprefix("Unknown action ") not in NEWER] == [], token


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("AWS::SageMaker::EndpointConfig", "aws:sagemaker/endpointConfiguration:EndpointConfiguration"),
        ("AWS::SageMaker::InferenceComponent", "aws:sagemaker/inferenceComponent:InferenceComponent"),
    ],
)
def test_what_cloudformation_makes_takes_what_awss_own_schemas_say(kind: str, token: str) -> None:
    """Listing them is for whoever browses: no stack asks for it. Roles and keys have grants of their own."""
    handlers = {name: each["permissions"] for name, each in aws_schema(kind)["handlers"].items() if name != "list"}
    asked = {each for actions in handlers.values() for each in actions if each.startswith("sagemaker:")}
    assert asked <= {action for grant in grants()[token] for action in grant.actions}


def test_what_a_template_holds_that_is_not_read_is_told() -> None:
    template = json.dumps({"Resources": {"Job": {"Type": "AWS::Nowhere::Thing"}}})
    stack = Resource("urn:pulumi:s::p::aws:cloudformation/stack:Stack::s", STACK, "s", {"templateBody": template}, {})
    with pytest.raises(UncoveredError, match="Job is of type AWS::Nowhere::Thing"):
        policies([stack], [], HERE)


def _filled(form: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "n"), form)


def test_a_type_without_grants_is_told() -> None:
    other = Resource("urn:pulumi:s::p::aws:rds/instance:Instance::db", "aws:rds/instance:Instance", "db", {}, {})
    with pytest.raises(UncoveredError, match="aws:rds/instance:Instance"):
        policies([other], [], HERE)


def test_with_them_the_stack_can_be_created(archive: Path) -> None:
    config = shipped("dev", archive)
    with prepared_aws(settings_of(config)) as aws, acting_as(aws, deployer(aws, deployer_policies(config))):
        run_program(config, MotoEngine(aws))
        with pytest.raises(aws.client("iam").exceptions.ClientError, match="AccessDenied"):
            aws.client("iam").delete_role(RoleName="deployer")


@of_every_stack
def test_scans_are_read_by_whoever_lets_them_hold_a_deployment(archive: Path) -> None:
    config = load_stack(ROOT, "examples/stacks/image-build/Pulumi.image-build.yaml")
    model = {"artifact": str(archive), "image": {"build": str(ROOT / "examples" / "serving")}}
    served = json.dumps([endpoint(archive, model=model)])
    config = replace(config, values={**config.values, f"{config.project}:endpoints": served})
    found = deployer_policies(config)
    assert {"inspector2:ListCoverage", "inspector2:ListFindings"} < {
        action for each in statements(found) for action in each["Action"]
    }
    less = json.loads(json.dumps(found).replace('"ecr:DescribeImageScanFindings", ', ""))
    with prepared_aws(settings_of(config)) as aws, acting_as(aws, deployer(aws, found)):
        run_program(config, MotoEngine(aws))
    with (
        prepared_aws(settings_of(config)) as aws,
        acting_as(aws, deployer(aws, less)),
        pytest.raises(SettingsError, match=r"(?s)told \(AccessDenied.* Let whoever deploys call"),
    ):
        run_program(config, MotoEngine(aws))


def test_in_an_existing_vpc_they_reach_what_the_settings_name_of_it(archive: Path) -> None:
    config = stack_config(minimal(archive, network=existing_vpc(flowLogs=True), account=HERE.account))
    found = deployer_policies(config)
    (there,) = [
        each for each in statements(found) if "ec2:CreateSecurityGroup" in each["Action"] and not each.get("Condition")
    ]
    network = existing_vpc()["existing"]
    named = [network["vpcId"], *network["subnets"]["access"], *network["routeTables"]]
    assert sorted(each.rpartition("/")[2] for each in there["Resource"]) == sorted(named)
    with prepared_aws(settings_of(config)) as aws, acting_as(aws, deployer(aws, found)):
        run_program(config, MotoEngine(aws))


@pytest.mark.parametrize(
    "name",
    [
        "front-door",
        pytest.param("authorizer", marks=of_every_stack),
        "on-premises",
        pytest.param("load-balancer", marks=of_every_stack),
        pytest.param("inference-components", marks=of_every_stack),
    ],
)
def test_what_leads_to_the_models_takes_what_is_granted(name: str, archive: Path) -> None:
    config = load_stack(ROOT, f"examples/stacks/{name}/Pulumi.{name}.yaml")
    served = fleet(archive) if name == "inference-components" else endpoint(archive)
    config = replace(config, values={**config.values, f"{config.project}:endpoints": json.dumps([served])})
    documents = deployer_policies(config)
    assert max(len(json.dumps(each, separators=(",", ":"))) for each in documents) <= LONGEST
    with prepared_aws(settings_of(config)) as aws, acting_as(aws, deployer(aws, documents)):
        run_program(config, MotoEngine(aws))


@pytest.mark.parametrize(
    ("name", "refused"),
    [("models.example.internal", False), ("_a1.models.example.internal", False), ("other.example", True)],
)
def test_records_are_bound_by_their_names(name: str, refused: bool) -> None:
    resource = Resource(
        "urn", "aws:apigateway/domainName:DomainName", "n", {"domainName": "models.example.internal"}, {}
    )
    record = Resource("urn", "aws:route53/record:Record", "r", {"name": DOMAIN}, {})
    documents = policies([resource, record], [], HERE)
    with EmbeddedAws(HERE.region) as aws:
        zone = aws.client("route53").create_hosted_zone(Name=name, CallerReference="1")["HostedZone"]["Id"]
        values = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}
        change = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": values}]}
        with acting_as(aws, deployer(aws, documents)):
            limited = aws.client("route53")
            if not refused:
                limited.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)
                return
            with pytest.raises(limited.exceptions.ClientError, match="ChangeResourceRecordSets"):
                limited.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)


def test_without_a_statement_it_is_refused(config: StackConfig, documents: Sequence[Document]) -> None:
    fewer = [
        {**each, "Statement": [one for one in each["Statement"] if "kms:CreateKey" not in one["Action"]]}
        for each in documents
    ]
    with (
        prepared_aws(settings_of(config)) as aws,
        acting_as(aws, deployer(aws, fewer)),
        pytest.raises(RehearsalError, match="not authorized to perform: kms:CreateKey on resource"),
    ):
        run_program(config, MotoEngine(aws))


def test_an_association_is_judged_by_what_it_associates() -> None:
    """Requests name it by an id of its own, and no policy can."""
    with EmbeddedAws(HERE.region) as aws:
        ec2 = aws.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
        place = f"arn:aws:ec2:{HERE.region}:{HERE.account}"
        statement = {
            "Effect": "Allow",
            "Action": ["ec2:AssociateRouteTable", "ec2:DisassociateRouteTable"],
            "Resource": [f"{place}:subnet/{subnet}", f"{place}:route-table/{tables[0]}"],
        }
        other = ec2.associate_route_table(RouteTableId=tables[1], SubnetId=subnet)["AssociationId"]
        credentials = deployer(aws, [{"Version": "2012-10-17", "Statement": [statement]}])
        with acting_as(aws, credentials):
            limited = aws.client("ec2")
            with pytest.raises(limited.exceptions.ClientError, match=f"route-table/{tables[1]}"):
                limited.disassociate_route_table(AssociationId=other)
        ec2.disassociate_route_table(AssociationId=other)
        with acting_as(aws, credentials):
            limited = aws.client("ec2")
            own = limited.associate_route_table(RouteTableId=tables[0], SubnetId=subnet)["AssociationId"]
            limited.disassociate_route_table(AssociationId=own)
