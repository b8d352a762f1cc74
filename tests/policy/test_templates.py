"""What CloudFormation stacks and Cloud Control hold is judged by the rules, and proved, as the program's own."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from private_inference.graph.cloudformation import CLOUD_CONTROL, STACK
from tests.policy.graph import Graph, Ref
from tests.policy.judge import judge
from tests.policy.neighbours import CLIENT_GROUP, DATA_KEY
from tests.policy.test_world import mandatory_violations

pytestmark = pytest.mark.xdist_group("policy")

PARAMETERS: Mapping[str, Any] = {
    "Vpc": Ref("Vpc", "network"),
    "Table": Ref("RouteTable", "app"),
    "Subnet": Ref("Subnet", "app-us-east-1a"),
    "Clients": CLIENT_GROUP,
    "Key": DATA_KEY,
    "LogKey": Ref("Key", "logs", "arn"),
    "Account": "123456789012",
}
STRANGER = "arn:aws:iam::444455556666:root"


def stack(resources: str) -> tuple[str, Mapping[str, Any]]:
    parameters = "".join(f"  {name}: {{Type: String}}\n" for name in PARAMETERS)
    return STACK, {"templateBody": f"Parameters:\n{parameters}Resources:\n  {resources}\n", "parameters": PARAMETERS}


def control(type_name: str, **state: Any) -> tuple[str, Mapping[str, Any]]:
    return CLOUD_CONTROL, {"typeName": type_name, "desiredState": json.dumps(state)}


BROKEN = [
    ("no-ways-out", stack("Way: {Type: AWS::EC2::InternetGateway}")),
    ("no-ways-out", control("AWS::EC2::NatGateway", SubnetId="subnet-0a1b2c3d")),
    (
        "no-routes-out",
        stack(
            "R: {Type: AWS::EC2::Route, Properties: "
            "{RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, GatewayId: igw-0a1b2c3d}}"
        ),
    ),
    ("nothing-switched-public", control("AWS::EC2::Subnet", MapPublicIpOnLaunch=True, CidrBlock="10.0.240.0/24")),
    (
        "nothing-switched-public",
        stack('N: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, MapPublicIpOnLaunch: "true"}}'),
    ),
    (
        "no-public-ingress",
        stack(
            "G: {Type: AWS::EC2::SecurityGroupIngress, Properties: "
            "{GroupId: !Ref Clients, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}}"
        ),
    ),
    (
        "no-public-egress",
        stack("G: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: x, VpcId: !Ref Vpc}}"),
    ),
    ("stores-are-encrypted", control("AWS::Logs::LogGroup", RetentionInDays=365)),
    ("stores-are-encrypted", stack("Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}")),
    ("defaults-are-closed", stack("B: {Type: AWS::S3::Bucket}")),
    ("defaults-are-closed", control("AWS::S3::Bucket", BucketName="b")),
    (
        "nothing-switched-public",
        control("AWS::S3::Bucket", PublicAccessBlockConfiguration={"BlockPublicAcls": False}),
    ),
    (
        "destinations-are-inside",
        stack(
            "P: {Type: AWS::SQS::QueuePolicy, Properties: {Queues: [q], PolicyDocument: {Statement: "
            f"{{Effect: Allow, Principal: {{AWS: '{STRANGER}'}}, Action: sqs:SendMessage, Resource: '*'}}}}}}}}"
        ),
    ),
    (
        "resource-policies-name-principals",
        stack(
            "P: {Type: AWS::SNS::TopicPolicy, Properties: {Topics: [t], PolicyDocument: {Statement: "
            "{Effect: Allow, Principal: '*', Action: sns:Publish, Resource: !Sub 'arn:aws:sns:::${Account}'}}}}"
        ),
    ),
    (
        "no-administrators",
        stack(
            "P: {Type: AWS::IAM::ManagedPolicy, Properties: {PolicyDocument: "
            "{Version: 2012-10-17, Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}}}"
        ),
    ),
    (
        "models-are-isolated",
        control("AWS::SageMaker::Model", EnableNetworkIsolation="false", VpcConfig={"Subnets": ["a", "b"]}),
    ),
    ("no-ways-out", control("AWS::Lambda::Url", AuthType="NONE")),
    ("resources-are-judged", stack("S: {Type: AWS::EC2::Subnet, Properties: {Odd: 1}}")),
    ("resources-are-judged", stack("S: {Type: AWS::SageMaker::Cluster}")),
    ("resources-are-judged", stack("L: {Type: AWS::Location::Map}")),
    ("resources-are-judged", stack("L: {Type: AWS::SQS::Queue, Condition: Sometimes}")),
    ("resources-are-judged", control("AWS::SQS::Queue", Odd=1)),
]
"""The rule that has to report it, and what holds it."""


@pytest.mark.parametrize(("rule", "case"), BROKEN, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(BROKEN)])
def test_is_reported_by_the_rule_for_it(rule: str, case: tuple[str, Mapping[str, Any]], previewed: Graph) -> None:
    graph = previewed.copy()
    graph.add(case[0], "added", case[1])
    said = [message for _, message in judge(rule, graph).violations]
    assert any("::added" in message for message in said), said


ORDINARY = [
    stack("Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q, KmsMasterKeyId: !Ref Key}}"),
    stack("L: {Type: AWS::Logs::LogGroup, Properties: {KmsKeyId: !Ref LogKey, RetentionInDays: 400}}"),
    stack(
        "In: {Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !Ref Clients, IpProtocol: tcp, "
        "FromPort: 5432, ToPort: 5432, SourceSecurityGroupId: !Ref Clients, Description: Database}}"
    ),
    stack(
        "Net: {Type: AWS::EC2::Subnet, Properties: "
        "{VpcId: !Ref Vpc, CidrBlock: 10.0.240.0/24, AvailabilityZone: us-east-1a}}\n"
        "  Follows: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: "
        "{SubnetId: !Ref Net, RouteTableId: !Ref Table}}\n"
        "  Acl: {Type: AWS::EC2::NetworkAcl, Properties: {VpcId: !Ref Vpc}}\n"
        "  Guarded: {Type: AWS::EC2::SubnetNetworkAclAssociation, Properties: "
        "{SubnetId: !Ref Net, NetworkAclId: !Ref Acl}}"
    ),
    control("AWS::EC2::PlacementGroup", Strategy="spread"),
]


@pytest.mark.parametrize("case", ORDINARY)
def test_what_is_as_the_rules_ask_passes(case: tuple[str, Mapping[str, Any]], previewed: Graph) -> None:
    assert list(mandatory_violations(previewed.copy(), ("", [case]), proof=True)) == []


def test_what_stays_unknown_is_refused(previewed: Graph) -> None:
    graph = previewed.copy()
    block = "{GroupId: !Ref Clients, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: !Sub '${AWS::Region}'}"
    kind, properties = stack(f"G: {{Type: AWS::EC2::SecurityGroupIngress, Properties: {block}}}")
    graph.add(kind, "added", properties)
    said = judge("no-public-ingress", graph)
    assert said.unverified == []
    [(_, message)] = said.violations
    assert "::added.G isn't known to this rule even then (CidrIp)" in message


def test_a_template_is_proved_with_the_network(previewed: Graph) -> None:
    graph = previewed.copy()
    way = (
        "Way: {Type: AWS::EC2::InternetGateway}\n"
        "  Tied: {Type: AWS::EC2::VPCGatewayAttachment, Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Way}}\n"
        "  Out: {Type: AWS::EC2::Route, Properties: "
        "{RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Way}}\n"
        "  Open: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: x, VpcId: !Ref Vpc}}\n"
        "  Acl: {Type: AWS::EC2::NetworkAcl, Properties: {VpcId: !Ref Vpc}}\n"
        "  Everything: {Type: AWS::EC2::NetworkAclEntry, Properties: {NetworkAclId: !Ref Acl, RuleNumber: 1, "
        "Protocol: -1, RuleAction: allow, CidrBlock: 0.0.0.0/0, Egress: true}}\n"
        "  Net: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.240.0/24, "
        "MapPublicIpOnLaunch: true}}\n"
        "  Guarded: {Type: AWS::EC2::SubnetNetworkAclAssociation, Properties: "
        "{SubnetId: !Ref Net, NetworkAclId: !Ref Acl}}\n"
        "  Follows: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: "
        "{SubnetId: !Ref Net, RouteTableId: !Ref Table}}\n"
        "  Box: {Type: AWS::EC2::Instance, Properties: "
        "{ImageId: ami-1, SubnetId: !Ref Net, SecurityGroupIds: [!Ref Open]}}"
    )
    kind, properties = stack(way)
    graph.add(kind, "added", properties)
    said = judge("paths-are-as-intended", graph).violations
    assert any("the internet" in message and "added.Net" in message for _, message in said), said
