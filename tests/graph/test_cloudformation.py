"""What stacks and Cloud Control hold is read as the provider's resources, and whatever isn't read is told by name."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from private_inference.graph.cloudformation import CLOUD_CONTROL, ELSEWHERE, STACK, is_held, unpack
from private_inference.graph.cloudformation_names import corrections, property_name, provider_type
from private_inference.graph.resources import Resource
from private_inference.graph.schema import load
from private_inference.graph.values import Unknown

AWS = Path(cfnlint.__file__).parent / "data" / "schemas"
"""AWS's own schemas of CloudFormation's types, as cfn-lint carries them."""
URN = f"urn:pulumi:test::private-inference::{STACK}::app"


def stack(template: str, parameters: Mapping[str, Any] | None = None) -> Resource:
    return Resource(
        URN, STACK, "app", {"templateBody": template, "parameters": parameters}, {"parameters": ["urn:vpc"]}
    )


def held(template: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Resource]:
    """By logical ID. All of the template must be read."""
    holder = stack(template, parameters)
    found = {each.name.removeprefix("app."): each for each in unpack(holder)}
    assert holder.unread == ()
    return found


def one(properties: str, kind: str = "EC2::Subnet", **parameters: Any) -> Resource:
    listed = "".join(f"  {name}: {{Type: String}}\n" for name in parameters)
    declared = f"Parameters:\n{listed}" if listed else ""
    [*_, found] = held(
        f"{declared}Resources:\n  It: {{Type: AWS::{kind}, Properties: {properties}}}\n", parameters
    ).values()
    return found


@cache
def aws_schema(type_name: str) -> Mapping[str, Any]:
    hashes = json.loads((AWS / "providers" / "us-east-1.json").read_text())
    found: Mapping[str, Any] = json.loads((AWS / "resources" / f"{hashes[type_name]}.json").read_text())
    return found


def names_in(type_name: str, path: str) -> Mapping[str, Any]:
    """The properties of a block of a type, by AWS's schema."""
    schema = aws_schema(type_name)
    block: Mapping[str, Any] = schema
    for step in filter(None, path.split(".")):
        block = _resolved(schema, block["properties"][step])
    found: Mapping[str, Any] = block["properties"]
    return found


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node or "items" in node:
        node = schema["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node["items"]
    return node


def corrected() -> Iterator[tuple[str, str]]:
    yield from ((type_name, path) for type_name, paths in corrections()["names"].items() for path in paths)


@pytest.mark.parametrize(("type_name", "path"), list(corrected()))
def test_corrected_names_exist_at_both_ends(type_name: str, path: str) -> None:
    whole, _, _ = type_name.partition(".")
    block, _, name = path.rpartition(".")
    assert name in names_in(whole, block)
    node: Any = load()[provider_type(type_name) or ""]
    for step in filter(None, block.split(".")):
        at = path[: path.index(step) + len(step)]
        node = node[key] if (key := property_name(node, type_name, at)) else node
    assert property_name(node, type_name, path) in {*node, ""}


def test_corrected_types_exist_at_both_ends() -> None:
    for type_name, token in corrections()["types"].items():
        assert token in load() or type_name in corrections()["beyond"]
        whole, _, part = type_name.partition(".")
        assert not part or part in names_in(whole, "")
        assert aws_schema(whole)
    for type_name, parts in corrections()["parts"].items():
        assert set(parts) <= set(names_in(type_name, ""))
    for type_name, paths in corrections()["no matter"].items():
        for block, _, name in (path.rpartition(".") for path in paths):
            assert name in names_in(type_name, block)


def beyond() -> Iterator[tuple[str, str, str]]:
    """Type, block and name in CloudFormation's spelling of each property that the provider is said to lack."""

    def spelled(type_name: str, node: Mapping[str, Any], block: str) -> Iterator[tuple[str, str, str]]:
        known = {name.lower(): name for name in names_in(type_name, block)}
        for key, inner in node.items():
            name = known.get(key.lower()) or known[f"{type_name.rpartition('::')[2]}{key}".lower()]
            yield type_name, block, name
            if isinstance(inner, Mapping):
                yield from spelled(type_name, inner, f"{block}.{name}".lstrip("."))

    for type_name, node in corrections()["beyond"].items():
        yield from spelled(type_name, node, "")


def test_what_the_provider_lacks_is_awss_and_is_not_the_providers() -> None:
    found = list(beyond())
    assert ("AWS::SageMaker::EndpointConfig", "VpcConfig", "Subnets") in found
    for type_name, node in corrections()["beyond"].items():
        assert not set(node) & set(load().get(provider_type(type_name) or "", {})), "the provider has it now"


def test_a_stack_calls_what_it_holds_by_its_own_name() -> None:
    holder = Resource(URN, STACK, "app", {"name": "app-1", "templateBody": FLEET}, {})
    [found] = unpack(holder)
    assert (found.get("name"), holder.unread) == ("app-1", ())
    assert found.get("vpcConfig", "subnets") == ["subnet-1"]
    assert found.get("enableNetworkIsolation") is True


FLEET = """
Resources:
  It:
    Type: AWS::SageMaker::EndpointConfig
    Properties:
      EndpointConfigName: !Ref AWS::StackName
      EnableNetworkIsolation: true
      VpcConfig: {Subnets: [subnet-1], SecurityGroupIds: [sg-1]}
      ProductionVariants: [{VariantName: AllTraffic, InstanceType: ml.m5.large}]
"""

AS_AWS_SAYS = {
    "b": ("boolean",),
    "n": ("integer", "number", "string"),
    "s": ("string", "integer", "number", "boolean", "object"),  # a document may be written as an object
    "m": ("object",),
}


def test_namesakes_are_of_one_kind() -> None:
    """What the rule takes for the same, of more than 800 types, is of the kind that AWS's own schema says."""
    hashes = json.loads((AWS / "providers" / "us-east-1.json").read_text())
    same, other = 0, []
    for name in hashes:
        token = provider_type(name) if name.startswith("AWS::") else None
        schema = aws_schema(name) if token else {}
        for each, node in schema.get("properties", {}).items():
            key = property_name(load().get(token or "", {}), name, each)
            kinds = _resolved(schema, node).get("type", "object")
            said = AS_AWS_SAYS[kind] if key and isinstance(kind := load()[token or ""][key], str) else ("object",)
            if key and set(kinds if isinstance(kinds, list) else [kinds]) & {*said}:
                same += 1
            elif key:
                other.append(f"{name} {each}")
    assert same > 4000
    assert len(other) < same / 500, other


def test_names_and_values_are_the_providers() -> None:
    properties = '{VpcId: vpc-1, CidrBlock: 10.0.1.0/24, MapPublicIpOnLaunch: "true"}'
    subnet = one(properties)
    assert subnet.urn == f"urn:pulumi:test::private-inference::{STACK}$aws:ec2/subnet:Subnet::app.It"
    assert is_held(subnet.urn)
    assert not is_held(URN)
    assert subnet.properties == {"vpcId": "vpc-1", "cidrBlock": "10.0.1.0/24", "mapPublicIpOnLaunch": True}
    as_json = json.dumps({"Resources": {"It": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": "vpc-1"}}}})
    assert held(as_json)["It"].properties == {"vpcId": "vpc-1"}


def test_what_awss_api_adds_is_there() -> None:
    group = one("{GroupDescription: x, VpcId: vpc-1}", "EC2::SecurityGroup")
    assert group.properties["egress"] == [{"protocol": "-1", "cidrBlocks": "0.0.0.0/0"}]
    silent = one("{GroupDescription: x, SecurityGroupEgress: []}", "EC2::SecurityGroup")
    assert silent.properties["egress"] == []


def test_parts_are_resources_of_their_own() -> None:
    found = held(
        "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n"
        "      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}\n"
        "      VersioningConfiguration: {Status: Enabled}\n"
        "      PublicAccessBlockConfiguration: {BlockPublicAcls: true}\n"
    )
    assert {each.type.rpartition(":")[2] for each in found.values()} == {
        "Bucket",
        "BucketOwnershipControls",
        "BucketVersioning",
        "BucketPublicAccessBlock",
    }
    assert found["B.OwnershipControls"].get("rule", "objectOwnership") == "BucketOwnerEnforced"
    assert found["B.VersioningConfiguration"].get("versioningConfiguration", "status") == "Enabled"
    assert found["B.PublicAccessBlockConfiguration"].properties["blockPublicAcls"] is True
    assert all(each.sources["bucket"] == [found["B"].urn] for name, each in found.items() if name != "B")


def test_each_of_a_list_of_parts_is_one() -> None:
    found = held(
        "Resources:\n  R:\n    Type: AWS::Events::Rule\n    Properties:\n      ScheduleExpression: rate(1 day)\n"
        "      Targets: [{Id: a, Arn: arn:a}, {Id: b, Arn: arn:b}]\n"
    )
    targets = {each.get("targetId"): each.get("arn") for each in found.values() if each.type.endswith("EventTarget")}
    assert targets == {"a": "arn:a", "b": "arn:b"}


def test_what_holds_no_data_may_stay_unread() -> None:
    table = one(
        "{KeySchema: [{AttributeName: id, KeyType: HASH}], SSESpecification: {SSEEnabled: true, KMSMasterKeyId: k}}",
        "DynamoDB::Table",
    )
    assert table.properties == {"serverSideEncryption": {"enabled": True, "kmsKeyArn": "k"}}


def test_what_the_provider_takes_as_text_may_be_an_object() -> None:
    queue = one("{RedrivePolicy: {maxReceiveCount: 3, deadLetterTargetArn: arn:dead}}", "SQS::Queue")
    assert queue.get("redrivePolicy", "deadLetterTargetArn") == "arn:dead"


def test_references_are_unknown_and_come_from_what_they_name() -> None:
    found = held(
        "Resources:\n  Net: {Type: AWS::EC2::Subnet, Properties: {VpcId: vpc-1}}\n"
        "  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: vpc-1}}\n"
        "  Both:\n    Type: AWS::EC2::SubnetRouteTableAssociation\n"
        "    Properties: {SubnetId: !Ref Net, RouteTableId: !GetAtt Table.RouteTableId}\n"
    )
    both = found["Both"]
    assert isinstance(both.properties["subnetId"], Unknown)
    assert both.sources == {"subnetId": [found["Net"].urn], "routeTableId": [found["Table"].urn]}


def test_parameters_are_what_the_stack_gives() -> None:
    assert one("{CidrBlock: !Ref Block}", Block="10.0.1.0/24").properties["cidrBlock"] == "10.0.1.0/24"
    assert one("{CidrBlock: !Sub '${Start}.1.0/24'}", Start="10.0").properties["cidrBlock"] == "10.0.1.0/24"
    assert one("{CidrBlock: !Join ['.', ['10', !Ref Rest]]}", Rest="0.1.0/24").properties["cidrBlock"] == "10.0.1.0/24"
    later = one("{VpcId: !Ref Vpc}", Vpc=Unknown(URN, "parameters.Vpc"))
    assert later.properties["vpcId"].urn == URN
    assert later.sources["vpcId"] == ["urn:vpc"]


def test_documents_are_whole_and_name_what_is_in_the_template() -> None:
    found = held(
        "Resources:\n  B: {Type: AWS::S3::Bucket}\n  P:\n    Type: AWS::S3::BucketPolicy\n    Properties:\n"
        "      Bucket: !Ref B\n      PolicyDocument: {Version: 2012-10-17, Statement: "
        "{Effect: Deny, Principal: '*', Action: 's3:*', Resource: !Sub '${B.Arn}/*'}}\n"
    )
    document = found["P"].properties["policy"]
    assert document["Version"] == "2012-10-17"
    assert document["Statement"]["Resource"] == "arn:aws:cloudformation:::app.B.Arn/*"


@pytest.mark.parametrize("value", ["!Ref AWS::AccountId", "'{{resolve:ssm:/net/block}}'", "!Sub '${AWS::Region}a'"])
def test_what_is_decided_elsewhere_is_unknown(value: str) -> None:
    subnet = one(f"{{CidrBlock: {value}}}")
    assert isinstance(subnet.properties["cidrBlock"], Unknown)
    assert subnet.sources["cidrBlock"] == [ELSEWHERE]


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ("{Type: AWS::Odd::Thing}", "It is of type AWS::Odd::Thing"),
        ("{Type: Acme::Data::Sync}", "It is of type Acme::Data::Sync"),
        ("{Type: AWS::EC2::Subnet, Condition: Big}", "It has a Condition"),
        ("{Type: AWS::EC2::Subnet, Properties: {Odd: 1}}", "It has Odd,"),
        ("{Type: AWS::EC2::Subnet, Properties: {CidrBlock: !Select [0, [a]]}}", "It has CidrBlock by Fn::Select"),
        ("{Type: AWS::EC2::Subnet, Properties: {MapPublicIpOnLaunch: perhaps}}", "It has MapPublicIpOnLaunch"),
        ("{Type: AWS::EC2::SecurityGroup, Properties: {SecurityGroupIngress: [{Odd: 1}]}}", "SecurityGroupIngress.Odd"),
        ("{Type: AWS::EC2::Subnet, Properties: {CidrBlock: {a: b}}}", "It has CidrBlock"),
        ("[]", "It is no resource"),
    ],
)
def test_what_is_not_read_is_told_by_name(resource: str, said: str) -> None:
    holder = stack(f"Resources:\n  It: {resource}\n")
    unpack(holder)
    assert said in " ".join(holder.unread or ())


@pytest.mark.parametrize("text", ["", "{}", "a: [", "{", "- a", "Transform: AWS::Serverless-2016-10-31\nResources: {}"])
def test_what_is_no_template_is_told(text: str) -> None:
    holder = stack(text)
    assert unpack(holder) == []
    assert holder.unread


def test_a_template_that_is_not_known_is_told() -> None:
    holder = Resource(URN, STACK, "app", {"templateBody": Unknown(URN, "templateBody")}, {})
    assert unpack(holder) == []
    assert "isn't known before deployment" in str(holder.unread)


def test_cloud_control_is_one_resource() -> None:
    state = json.dumps({"CidrBlock": "10.0.1.0/24"})
    holder = Resource(URN, CLOUD_CONTROL, "app", {"typeName": "AWS::EC2::Subnet", "desiredState": state}, {})
    [subnet] = unpack(holder)
    assert (subnet.name, subnet.type, subnet.properties) == (
        "app",
        "aws:ec2/subnet:Subnet",
        {"cidrBlock": "10.0.1.0/24"},
    )
    assert holder.unread == ()
