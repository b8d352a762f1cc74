"""A stack in a VPC that was there already: it works, leaves the VPC as it was, and `verify` sees what breaks it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from private_inference.cli.proof import network_of, prove
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.verification import verify
from private_inference.verification.deployed_contract import desired_of
from tests.support.looking_up import LookingUp
from tests.support.recording import ROOT
from tests.verification.verified import Deployment, in_vpc

pytestmark = pytest.mark.xdist_group("verification")

TABLE, LOGS = "rtb-0a1b2c3d4e5f60718", "vpce-0a1b2c3d4e5f60718"
MODEL = "subnet-0a1b2c3d4e5f60c01"
EVERYWHERE = "0.0.0.0/0"
LEFT_ALONE = {
    "describe_subnets": "Subnets",
    "describe_network_acls": "NetworkAcls",
    "describe_internet_gateways": "InternetGateways",
    "describe_flow_logs": "FlowLogs",
}


@pytest.fixture(scope="module")
def stack() -> Iterator[tuple[Deployment, Mapping[str, Any]]]:
    """The example, deployed; and what its VPC was like before."""
    config = load_stack(ROOT, "examples/stacks/existing-vpc/Pulumi.existing-vpc.yaml")
    settings = settings_of(config)
    with prepared_aws(settings) as aws:
        before = {operation: _listed(aws.client("ec2"), operation) for operation in LEFT_ALONE}
        run = run_program(config, MotoEngine(aws))
        assert prove(settings, network_of(run)).proved
        run_program(config, LookingUp(aws))  # the next `up` does not stumble over what the first one has made
        yield Deployment(aws, desired_of(config, settings, run.outputs)), before


def _listed(ec2: Any, operation: str) -> Any:
    return getattr(ec2, operation)()[LEFT_ALONE[operation]]


def test_it_answers_from_inside_and_leaves_the_vpc_as_it_was(stack: tuple[Deployment, Mapping[str, Any]]) -> None:
    deployment, before = stack
    checks = verify(deployment.desired, deployment.client, from_inside=True)
    assert [check for check in checks if check.verdict != "ok"] == []
    assert [check.seen for check in checks if "called from the app subnets" in check.asked] == [
        "406 bytes, the same predictions"
    ]
    changing = ("AvailableIpAddressCount",)  # the stack's interfaces take some
    for operation, found in before.items():
        now = _listed(deployment.ec2, operation)
        for each in (*now, *found):
            for key in changing:
                each.pop(key, None)
        assert now == found, operation


def _with_way_out(ec2: Any) -> Callable[[], Any]:
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    ec2.create_route(RouteTableId=TABLE, DestinationCidrBlock=EVERYWHERE, GatewayId=gateway["InternetGatewayId"])
    return lambda: ec2.delete_route(RouteTableId=TABLE, DestinationCidrBlock=EVERYWHERE)


def _without_s3(ec2: Any) -> Callable[[], Any]:
    entry = {"RuleNumber": 50, "Egress": True, "CidrBlock": "52.0.0.0/8", "Protocol": "-1", "RuleAction": "deny"}
    filters = [{"Name": "association.subnet-id", "Values": [MODEL]}]
    (acl,) = ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
    ec2.create_network_acl_entry(NetworkAclId=acl["NetworkAclId"], **entry)
    return lambda: ec2.delete_network_acl_entry(NetworkAclId=acl["NetworkAclId"], RuleNumber=50, Egress=True)


def _public(ec2: Any) -> Callable[[], Any]:
    ec2.modify_subnet_attribute(SubnetId=MODEL, MapPublicIpOnLaunch={"Value": True})
    return lambda: ec2.modify_subnet_attribute(SubnetId=MODEL, MapPublicIpOnLaunch={"Value": False})


def _without_flow_log(ec2: Any) -> Callable[[], Any]:
    (log,) = ec2.describe_flow_logs()["FlowLogs"]
    ec2.delete_flow_logs(FlowLogIds=[log["FlowLogId"]])
    return lambda: None


@pytest.mark.parametrize(
    ("broken", "missed"),
    [
        (
            _with_way_out,
            {
                "Routes: app: within the VPC, to its gateway endpoints alone",
                "Routes: model: within the VPC, to its gateway endpoints alone",
                "Paths: no other path exists, for any address, protocol and port",
            },
        ),
        (
            _without_s3,
            {
                "Paths: every intended path exists",
                "Endpoint triage: what serves can be started again",
            },
        ),
        (_public, {"Subnets: no public addresses in them, nor at launch"}),
        (_without_flow_log, {"Logs: the VPC's owner has flow logs of all its traffic"}),
    ],
)
def test_what_its_owner_breaks_is_seen(
    broken: Callable[[Any], Callable[[], Any]], missed: set[str], stack: tuple[Deployment, Mapping[str, Any]]
) -> None:
    deployment, _ = stack
    mend = broken(deployment.ec2)
    found = set(deployment.failures())
    mend()
    assert found == missed


def test_a_reused_endpoint_is_its_owners(stack: tuple[Deployment, Mapping[str, Any]]) -> None:
    deployment, _ = stack
    found = deployment.ec2.describe_vpc_endpoints(Filters=in_vpc(deployment))["VpcEndpoints"]
    (logs,) = [each for each in found if each["ServiceName"].endswith(".logs")]
    assert logs["VpcEndpointId"] == LOGS
    assert not logs.get("Tags")
