"""`verify` looks at the transit gateway's subnets and at the inbound resolver; names resolve for who may ask, only."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from private_inference.cli.premises import called_from_premises
from private_inference.rehearsal.reach import reached_from_premises
from tests.support.recording import stack_config
from tests.support.stacks import minimal
from tests.verification.verified import Deployment, deployed, in_vpc

pytestmark = pytest.mark.xdist_group("verification")

CLIENT, STRANGER = "192.168.0.1", "172.16.0.1"
PREMISES = {"cidrs": ["192.168.0.0/16"], "gatewayId": "tgw-0a1b2c3d4e5f60718", "inboundResolver": True}
QUERIES = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "192.168.0.0/16"}]}


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    values = minimal(built, network={"onPremises": PREMISES})
    with deployed(stack_config(values | {"privateAccess": {"interfaceEndpoints": ["s3"]}})) as deployment:
        yield deployment


def attachment(stack: Deployment) -> tuple[str, list[str]]:
    """Its id, and its subnets."""
    described = stack.ec2.describe_transit_gateway_vpc_attachments(Filters=in_vpc(stack))
    (found,) = described["TransitGatewayVpcAttachments"]
    return found["TransitGatewayAttachmentId"], found["SubnetIds"]


def reached(stack: Deployment, address: str, *, by_name: bool = True) -> set[str]:
    return set(reached_from_premises(stack.client, stack.vpc, address, by_name=by_name))


def test_a_sound_stack_is_as_asked_and_its_names_lead_to_its_endpoints(stack: Deployment) -> None:
    assert stack.failures() == []
    assert reached(stack, CLIENT) == {"sagemaker.runtime", "s3"}
    assert reached(stack, STRANGER) == reached(stack, STRANGER, by_name=False) == set()


def called(stack: Deployment) -> list[tuple[str, str, str]]:
    """What came of the calls from on premises."""
    settings = stack.desired.settings.network.on_premises
    assert settings
    checks = called_from_premises(stack.desired, settings, stack.aws)
    return [(check.verdict.value, check.asked, check.seen) for check in checks]


def test_who_is_on_premises_gets_a_prediction_and_nobody_else_gets_near(stack: Deployment) -> None:
    answered, refused = called(stack)
    assert answered[0] == refused[0] == "ok"
    assert answered[1] == f"triage answers {CLIENT} by the service's name, which the inbound endpoint tells"
    assert answered[2].endswith("the same predictions")
    assert refused[1:] == (f"{STRANGER}, which is in no block of theirs, reaches no endpoint", "none")


def test_without_an_answer_by_udp_no_name_resolves(stack: Deployment) -> None:
    """Endpoints are still reached by their own names."""
    group = stack.group("resolver")
    stack.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[QUERIES])
    try:
        assert reached(stack, CLIENT) == set()
        assert reached(stack, CLIENT, by_name=False) == {"sagemaker.runtime", "s3"}
        assert called(stack)[0][::2] == ("miss", "the runtime endpoint is not reached")
        assert any(each.startswith("Paths: ") for each in stack.failures())
    finally:
        stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[QUERIES])


def test_what_somebody_changed_is_seen(stack: Deployment) -> None:
    _, (subnet, *_) = attachment(stack)
    table, acl = stack.table(subnet)["RouteTableId"], stack.acl(subnet)["NetworkAclId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "192.168.0.0/16"}
    rule = {"NetworkAclId": acl, "Egress": True, "RuleNumber": 9}
    everywhere = {"RuleAction": "allow", "Protocol": "-1", "CidrBlock": "10.0.0.0/16"}
    wide = QUERIES | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    group = stack.group("resolver")
    stack.ec2.create_route(**route, TransitGatewayId=PREMISES["gatewayId"])
    stack.ec2.create_network_acl_entry(**rule, **everywhere)
    stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[wide])
    made = stack.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    try:
        assert set(stack.failures()) >= {
            "On premises: nothing else is in these subnets",
            "On premises: their route table leads nowhere but within the VPC",
            "On premises: their network ACL is their own, no rule but for intended paths",
            "On premises: its group lets in queries from on-premises blocks only",
        }
    finally:
        stack.ec2.delete_network_interface(NetworkInterfaceId=made)
        stack.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[wide])
        stack.ec2.delete_network_acl_entry(**rule)
        stack.ec2.delete_route(**route)


def test_an_attachment_among_the_endpoints_is_seen(stack: Deployment) -> None:
    identity, own = attachment(stack)
    access = stack.endpoint("sagemaker.runtime")["SubnetIds"]
    attached = {"TransitGatewayAttachmentId": identity}
    stack.ec2.modify_transit_gateway_vpc_attachment(**attached, AddSubnetIds=access, RemoveSubnetIds=own)
    try:
        failures = stack.failures()
        assert "On premises: tgw-0a1b2c3d4e5f60718 is attached to a /28 in each zone" in failures
        assert any(each.startswith("Paths: ") for each in failures)
    finally:
        stack.ec2.modify_transit_gateway_vpc_attachment(**attached, AddSubnetIds=own, RemoveSubnetIds=access)


def test_a_resolver_that_is_gone_is_missed(stack: Deployment) -> None:
    client = stack.client("route53resolver")
    (endpoint,) = client.list_resolver_endpoints()["ResolverEndpoints"]
    client.delete_resolver_endpoint(ResolverEndpointId=endpoint["Id"])
    wanted = "private names resolve: an inbound endpoint in the access subnets of two zones or more"
    assert f"On premises: {wanted}" in stack.failures()
