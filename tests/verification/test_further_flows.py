"""`verify` asks for the flows that settings declare, and takes a team's own subnets for what they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from private_inference.verification import Verdict
from tests.support.recording import stack_config
from tests.support.stacks import minimal
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("verification")

DATABASE = "10.0.192.0/24"
REQUIRED = f"clients → unlisted in {DATABASE}"


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    lookups = {"from": "clients", "to": DATABASE, "ports": [5432], "because": "Feature lookups in the database"}
    with deployed(stack_config(minimal(built, endpoints=[], network={"flows": [lookups]}))) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def further(stack: Deployment) -> dict[str, Any]:
    """What a team brings: a subnet with a table, an ACL and a group, all with the stack's tags."""
    ec2, tags = stack.ec2, [{"Key": "Project", "Value": "private-inference"}, {"Key": "Stack", "Value": "test"}]
    subnet = ec2.create_subnet(VpcId=stack.vpc, CidrBlock=DATABASE)["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=stack.vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    acl = ec2.create_network_acl(VpcId=stack.vpc)["NetworkAcl"]["NetworkAclId"]
    for egress, ports in ((False, (5432, 5432)), (True, (1024, 65535))):
        ec2.create_network_acl_entry(
            NetworkAclId=acl, Egress=egress, RuleNumber=100, RuleAction="allow", Protocol="6",
            CidrBlock="10.0.0.0/18", PortRange={"From": ports[0], "To": ports[1]},
        )  # fmt: skip
    (own,) = [each for each in stack.acl(subnet)["Associations"] if each["SubnetId"] == subnet]
    ec2.replace_network_acl_association(AssociationId=own["NetworkAclAssociationId"], NetworkAclId=acl)
    group = ec2.create_security_group(GroupName="database", Description="database", VpcId=stack.vpc)["GroupId"]
    ec2.create_tags(Resources=[group], Tags=tags)
    return {"subnet": subnet, "acl": acl}


def test_before_the_team_comes_the_stacks_own_side_is_proved(stack: Deployment) -> None:
    checks = stack.verify()
    assert {check.verdict for check in checks} == {Verdict.OK}
    assert any(REQUIRED in check.seen for check in checks if check.subject == "Paths")


def test_a_teams_subnets_are_no_models(stack: Deployment, further: dict[str, Any]) -> None:
    assert further
    assert stack.failures() == []


def test_a_rule_of_a_flow_that_somebody_removed_is_missed(stack: Deployment, further: dict[str, Any]) -> None:
    acl = stack.acl(stack.app_subnets[0])
    (entry,) = [each for each in acl["Entries"] if each["Egress"] and each.get("PortRange", {}).get("From") == 5432]
    numbered = {"NetworkAclId": acl["NetworkAclId"], "Egress": True, "RuleNumber": entry["RuleNumber"]}
    stack.ec2.delete_network_acl_entry(**numbered)
    try:
        assert any(f"missing: {REQUIRED}" in check.seen for check in stack.verify() if check.failed)
    finally:
        rule = {key: entry[key] for key in ("RuleAction", "Protocol", "CidrBlock", "PortRange")}
        stack.ec2.create_network_acl_entry(**numbered, **rule)


def test_a_wider_rule_than_the_flow_is_beyond_it(stack: Deployment, further: dict[str, Any]) -> None:
    wide = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "10.0.192.0/20"}]}
    stack.ec2.authorize_security_group_egress(GroupId=stack.group("client"), IpPermissions=[wide])
    try:
        assert "Security groups: client: no rule but for intended paths" in stack.failures()
    finally:
        stack.ec2.revoke_security_group_egress(GroupId=stack.group("client"), IpPermissions=[wide])
