"""Every way in which the compliant stack is broken, one thing at a time, and the rule that must say so."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from private_inference.graph.types import INFERENCE_COMPONENT
from private_inference.runner.resource import Resource
from tests.policy.graph import Graph, Ref
from tests.policy.neighbours import ARN, CLIENT_GROUP, allow

Change = Callable[[Graph], Resource]
Place = tuple[str, str]
"""Type (its last part, or the whole token) and name of a resource."""


@dataclass(frozen=True)
class Mutant:
    """A change to the stack. `change` makes it and returns the resource that the report must name.

    `hidden` is the property that the change sets, where it sets one: behind an unknown, the rule must not be silent
    about it either (unless `present` is all that the rule asks). `later` marks what a preview can't decide.
    """

    rule: str
    title: str
    change: Change
    hidden: tuple[str, str, str] | None = None
    later: bool = False


def sets(
    rule: str,
    place: Place,
    path: str,
    value: Any,
    *,
    present: bool = False,
    later: bool = False,
    blame: Place | None = None,
) -> Mutant:
    """Gives a property another value."""

    def change(graph: Graph) -> Resource:
        changed = graph.set(*place, path, value)
        return graph.one(*blame) if blame else changed

    return Mutant(
        rule, f"{_place(place)}: `{path}` is {_shown(value)}", change, None if present else (*place, path), later
    )


def drops(rule: str, place: Place, path: str, *, blame: Place | None = None) -> Mutant:
    """Leaves a property out."""

    def change(graph: Graph) -> Resource:
        changed = graph.drop(*place, path)
        return graph.one(*blame) if blame else changed

    return Mutant(rule, f"{_place(place)}: `{path}` is left out", change)


def removes(rule: str, place: Place, *, blame: Place) -> Mutant:
    """Takes a resource out."""

    def change(graph: Graph) -> Resource:
        graph.remove(*place)
        return graph.one(*blame)

    return Mutant(rule, f"{_place(place)} is removed", change)


def adds(rule: str, type_: str, properties: Mapping[str, Any] | None = None, *, blame: Place | None = None) -> Mutant:
    """Puts a further resource in."""

    def change(graph: Graph) -> Resource:
        added = graph.add(type_, "added", properties or {})
        return graph.one(*blame) if blame else added

    given = ", ".join(f"`{key}` {_shown(value)}" for key, value in (properties or {}).items())
    return Mutant(rule, f"`{type_.rpartition(':')[2]}` is added{': ' if given else ''}{given}", change)


def deny(action: Any, resource: Any, **more: Any) -> str:
    return allow(action, resource, **more).replace('"Allow"', '"Deny"')


def all_but(**statement: Any) -> str:
    """A policy document of one statement that says what is not meant."""
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **statement}})


def _place(place: Place) -> str:
    return f"`{place[0].rpartition(':')[2]}` {place[1]}"


def _shown(value: Any) -> str:
    if isinstance(value, Ref):
        return f"`{value.type}` {value.name}"
    if isinstance(value, str) and value.startswith("{"):
        statement = json.loads(value).get("Statement")
        one = statement[0] if isinstance(statement, list) else statement or {}
        return "; ".join(f"{key} {_shown(inner)}" for key, inner in one.items() if key != "Effect") or "`{}`"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(inner)}" for key, inner in value.items()) or "`{}`"
    if isinstance(value, list):
        return ", ".join(_shown(inner) for inner in value) or "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


VPC, SUBNET, MODEL_SUBNET = ("Vpc", "network"), ("Subnet", "app-us-east-1a"), ("Subnet", "model-us-east-1a")
ACCESS_GROUP, MODEL_GROUP = ("SecurityGroup", "access"), ("SecurityGroup", "model")
RUNTIME, S3 = ("VpcEndpoint", "sagemaker.runtime"), ("VpcEndpoint", "s3")
MODEL, CONFIGURATION, ENDPOINT = ("Model", "triage"), ("EndpointConfiguration", "triage-*"), ("Endpoint", "triage")
BUCKET = ("aws:s3/bucket:Bucket", "artifacts")
REPOSITORY = ("aws:ecr/repository:Repository", "images")
EVERYONE = "0.0.0.0/0"
INTERNET_GATEWAY = "igw-0123456789abcdef0"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EXCLUSION = "aws:ec2/vpcBlockPublicAccessExclusion:VpcBlockPublicAccessExclusion"
TWO_WAY = "aws:ec2/securityGroupRule:SecurityGroupRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
HTTPS = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "description": "Added"}
ROUTE = {"routeTableId": Ref("RouteTable", "model")}
ACL_RULE = {
    "networkAclId": Ref("NetworkAcl", "model"),
    "ruleNumber": 32000,
    "egress": False,
    "ruleAction": "allow",
    "protocol": "tcp",
    "fromPort": 443,
    "toPort": 443,
}
NOT_MINE = {"Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}}}
FOREIGN_KEY = "arn:aws:kms:us-east-1:123456789012:key/0f7a3c1e-1111-2222-3333-444455556666"
OBJECTS = "arn:aws:s3:::models/*"
ROOT = "arn:aws:iam::123456789012:root"
STRANGER = "arn:aws:iam::444455556666:root"
BAD_JSON = "not a policy"


def _network() -> Iterator[Mutant]:
    rule = "no-ways-out"
    yield adds(rule, "aws:ec2/internetGateway:InternetGateway", {"vpcId": Ref(*VPC)})
    yield adds(rule, "aws:ec2/internetGatewayAttachment:InternetGatewayAttachment", {"vpcId": Ref(*VPC)})
    yield adds(rule, "aws:ec2/natGateway:NatGateway", {"subnetId": Ref(*SUBNET)})
    yield adds(rule, "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway", {"vpcId": Ref(*VPC)})
    yield adds(rule, "aws:ec2/eip:Eip", {"domain": "vpc"})
    yield adds(rule, "aws:ec2/defaultVpc:DefaultVpc")
    for excluded in ({"vpcId": Ref(*VPC)}, {"subnetId": Ref(*SUBNET)}):
        yield adds(rule, EXCLUSION, {"internetGatewayExclusionMode": "allow-egress", **excluded})
    yield adds(rule, "awsx:ec2:Vpc")

    rule = "nothing-switched-public"
    yield sets(rule, SUBNET, "mapPublicIpOnLaunch", True)
    yield sets(rule, MODEL_SUBNET, "assignIpv6AddressOnCreation", True)
    for way in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
        yield sets(rule, ("AccountPublicAccessBlock", "account"), way, False)

    rule = "no-routes-out"
    yield adds(rule, "aws:ec2/route:Route", {**ROUTE, "destinationCidrBlock": EVERYONE, "gatewayId": INTERNET_GATEWAY})
    yield adds(
        rule, "aws:ec2/route:Route", {**ROUTE, "destinationIpv6CidrBlock": "::/0", "egressOnlyGatewayId": "eigw-1"}
    )
    yield adds(rule, "aws:ec2/route:Route", {**ROUTE, "destinationCidrBlock": "10.9.0.0/16", "natGatewayId": "nat-1"})
    yield adds(
        rule, "aws:ec2/route:Route", {**ROUTE, "destinationCidrBlock": "128.0.0.0/1", "transitGatewayId": "tgw-1"}
    )
    yield sets(rule, ("Route", "access-to-192.168.0.0-16"), "destinationCidrBlock", EVERYONE)
    yield sets(rule, ("RouteTable", "app"), "routes", [{"cidrBlock": EVERYONE, "gatewayId": INTERNET_GATEWAY}])
    yield sets(
        rule, ("DefaultRouteTable", "network-locked"), "routes", [{"cidrBlock": EVERYONE, "natGatewayId": "nat-1"}]
    )

    rule = "routes-are-this-stacks"
    yield adds(
        rule,
        "aws:ec2/subnet:Subnet",
        {"vpcId": "vpc-0123456789abcdef0", "cidrBlock": "10.0.200.0/24", "availabilityZone": "us-east-1a"},
    )

    rule = "guards-stay-on"
    yield sets(rule, VPC, "enableDnsSupport", False)
    yield sets(rule, VPC, "enableDnsHostnames", False)
    yield drops(rule, VPC, "enableDnsHostnames")

    rule = "guards-stay-on"
    locked = ("DefaultSecurityGroup", "network-locked")
    yield sets(rule, locked, "ingress", [{"protocol": "-1", "self": True, "fromPort": 0, "toPort": 0}])
    yield sets(rule, locked, "egress", [{"protocol": "-1", "cidrBlocks": [EVERYONE], "fromPort": 0, "toPort": 0}])
    yield removes("defaults-are-closed", locked, blame=VPC)

    rule = "vpc-has-flow-logs"
    yield removes(rule, ("FlowLog", "network"), blame=VPC)
    yield sets(rule, ("FlowLog", "network"), "trafficType", "REJECT")
    yield sets(rule, ("FlowLog", "network"), "vpcId", "vpc-0123456789abcdef0", blame=VPC)


def _firewalls() -> Iterator[Mutant]:
    rule = "no-public-ingress"
    yield adds(rule, INGRESS, {**HTTPS, "securityGroupId": Ref(*ACCESS_GROUP), "cidrIpv4": EVERYONE})
    yield adds(rule, INGRESS, {**HTTPS, "securityGroupId": Ref(*ACCESS_GROUP), "cidrIpv6": "::/0"})
    yield sets(rule, ("SecurityGroupIngressRule", "access-from-192.168.0.0-16"), "cidrIpv4", "198.51.100.0/24")
    yield sets(
        rule,
        ("SecurityGroup", "client"),
        "ingress",
        [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": [EVERYONE]}],
    )
    yield adds(
        rule,
        TWO_WAY,
        {
            "type": "ingress",
            "securityGroupId": CLIENT_GROUP,
            "protocol": "tcp",
            "fromPort": 0,
            "toPort": 65535,
            "cidrBlocks": ["0.0.0.0/1"],
        },
    )

    rule = "no-public-egress"
    yield adds(rule, EGRESS, {**HTTPS, "securityGroupId": Ref(*MODEL_GROUP), "cidrIpv4": EVERYONE})
    yield sets(
        rule,
        ("SecurityGroup", "client"),
        "egress",
        [{"protocol": "-1", "fromPort": 0, "toPort": 0, "ipv6CidrBlocks": ["::/0"]}],
    )
    yield adds(
        rule,
        TWO_WAY,
        {
            "type": "egress",
            "securityGroupId": CLIENT_GROUP,
            "protocol": "-1",
            "fromPort": 0,
            "toPort": 0,
            "cidrBlocks": [EVERYONE],
        },
    )

    rule = "firewall-rules-are-described"
    yield drops(rule, ("SecurityGroupIngressRule", "access-from-client"), "description")
    yield sets(rule, ACCESS_GROUP, "description", "Managed by Pulumi", present=True)

    rule = "network-acls-are-narrow"
    yield sets(rule, ("NetworkAclRule", "access-ingress-10000"), "cidrBlock", EVERYONE)
    yield sets(rule, ("NetworkAclRule", "model-egress-11006"), "cidrBlock", "0.0.0.0/1")
    yield adds(rule, "aws:ec2/networkAclRule:NetworkAclRule", {**ACL_RULE, "ipv6CidrBlock": "::/0"})
    yield sets(
        rule,
        ("NetworkAcl", "app"),
        "ingress",
        [{"ruleNo": 5, "action": "allow", "protocol": "-1", "cidrBlock": EVERYONE, "fromPort": 0, "toPort": 0}],
    )
    yield adds(
        rule,
        "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
        {
            "defaultNetworkAclId": "acl-1",
            "egress": [
                {"ruleNo": 1, "action": "allow", "protocol": "-1", "cidrBlock": EVERYONE, "fromPort": 0, "toPort": 0}
            ],
        },
    )

    rule = "network-acls-cover-subnets"
    yield sets(rule, ("NetworkAcl", "model"), "subnetIds", [Ref("Subnet", "model-us-east-1b")], blame=MODEL_SUBNET)
    yield adds(rule, "aws:ec2/networkAcl:NetworkAcl", {"vpcId": Ref(*VPC), "subnetIds": []})

    rule = "network-acls-are-symmetric"
    yield removes(rule, ("NetworkAclRule", "access-egress-10001"), blame=("NetworkAclRule", "access-ingress-10000"))
    yield removes(rule, ("NetworkAclRule", "app-ingress-10011"), blame=("NetworkAclRule", "app-egress-10010"))
    yield removes(rule, ("NetworkAclRule", "access-ingress-10000"), blame=("NetworkAclRule", "app-egress-10010"))
    yield sets(rule, ("NetworkAclRule", "app-ingress-4741"), "ruleNumber", 20000)
    yield sets(
        rule, ("NetworkAclRule", "model-ingress-11007"), "toPort", 2000, blame=("NetworkAclRule", "model-egress-11006")
    )
    yield sets(
        rule,
        ("NetworkAclRule", "model-ingress-11007"),
        "ruleAction",
        "deny",
        blame=("NetworkAclRule", "model-egress-11006"),
    )
    yield adds(rule, "aws:ec2/networkAclRule:NetworkAclRule", {**ACL_RULE, "cidrBlock": "10.0.0.0/18"})


def _paths() -> Iterator[Mutant]:
    rule = "paths-are-as-intended"

    def opened(graph: Graph) -> Resource:
        graph.add("aws:ec2/internetGateway:InternetGateway", "added", {"vpcId": Ref(*VPC)})
        graph.set(*SUBNET, "mapPublicIpOnLaunch", True)
        gateway = Ref("InternetGateway", "added")
        route = {"routeTableId": Ref("RouteTable", "app"), "destinationCidrBlock": EVERYONE, "gatewayId": gateway}
        graph.add("aws:ec2/route:Route", "added", route)
        everything = {**ACL_RULE, "networkAclId": Ref("NetworkAcl", "app"), "protocol": "-1", "cidrBlock": EVERYONE}
        for outward in (True, False):
            rule = {**everything, "egress": outward}
            graph.add("aws:ec2/networkAclRule:NetworkAclRule", f"added-{outward}", rule)
        graph.add(EGRESS, "added", {"securityGroupId": CLIENT_GROUP, "ipProtocol": "-1", "cidrIpv4": EVERYONE})
        instance = {"subnetId": Ref(*SUBNET), "associatePublicIpAddress": True, "vpcSecurityGroupIds": [CLIENT_GROUP]}
        graph.add("aws:ec2/instance:Instance", "added", instance)
        return graph.one(*SUBNET)

    yield Mutant(
        rule,
        "an internet gateway, a default route, open firewalls and an instance with a public address are added",
        opened,
    )

    def denied(graph: Graph) -> Resource:
        graph.set("Route", "access-to-192.168.0.0-16", "destinationCidrBlock", "203.0.113.0/24")
        graph.set("SecurityGroupIngressRule", "access-from-192.168.0.0-16", "cidrIpv4", "203.0.113.0/24")
        graph.set("NetworkAclRule", "access-ingress-16014", "cidrBlock", "203.0.113.0/24")
        graph.remove("NetworkAclRule", "access-ingress-4741")
        return graph.one("Subnet", "access-us-east-1a")

    yield Mutant(rule, "a block that the other ACLs deny is let in to the endpoints", denied)
    yield removes(rule, ("NetworkAclRule", "app-ingress-10011"), blame=SUBNET)
    yield removes(rule, ("SecurityGroupEgressRule", "client-to-access"), blame=SUBNET)

    def reached(graph: Graph) -> Resource:
        graph.add(
            INGRESS,
            "added",
            {**HTTPS, "securityGroupId": Ref(*MODEL_GROUP), "referencedSecurityGroupId": Ref(*MODEL_GROUP)},
        )
        graph.add(
            EGRESS,
            "added",
            {**HTTPS, "securityGroupId": Ref(*MODEL_GROUP), "referencedSecurityGroupId": Ref(*MODEL_GROUP)},
        )
        return graph.one(*MODEL_SUBNET)

    yield Mutant(rule, "models may call each other", reached)


def _access() -> Iterator[Mutant]:
    yield sets("interface-endpoints-are-whole", RUNTIME, "privateDnsEnabled", False)
    yield drops("interface-endpoints-are-whole", ("VpcEndpoint", "logs"), "privateDnsEnabled")
    yield sets("interface-endpoints-are-whole", RUNTIME, "subnetIds", [Ref("Subnet", "access-us-east-1a")])
    yield sets("interface-endpoints-are-whole", RUNTIME, "securityGroupIds", [])
    yield drops("interface-endpoints-are-whole", RUNTIME, "securityGroupIds")

    rule = "endpoint-policies-are-bounded"
    endpoint_arn = ARN.format("sagemaker", "endpoint/triage")
    own = {"Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}}
    yield drops(rule, RUNTIME, "policy")
    yield sets(rule, RUNTIME, "policy", allow("*", "*", Principal="*"))
    yield sets(rule, RUNTIME, "policy", allow("sagemaker:InvokeEndpoint", endpoint_arn, Principal={"AWS": "*"}))
    yield sets(rule, RUNTIME, "policy", allow("sagemaker:InvokeEndpoint", "*", Principal="*", **own))
    yield sets(
        rule,
        S3,
        "policy",
        json.dumps(
            {
                "Statement": {
                    "Effect": "Allow",
                    "NotAction": "s3:PutObject",
                    "Resource": OBJECTS,
                    "Principal": "*",
                    **own,
                }
            }
        ),
    )
    yield sets(
        rule,
        RUNTIME,
        "policy",
        allow(
            "sagemaker:InvokeEndpoint",
            endpoint_arn,
            Principal="*",
            Condition={"StringEqualsIfExists": {"aws:PrincipalAccount": "123456789012"}},
        ),
    )
    yield adds(
        rule,
        "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy",
        {"vpcEndpointId": Ref(*RUNTIME), "policy": allow("*", "*", Principal="*")},
    )

    rule = "required-endpoints-exist"
    yield removes(rule, RUNTIME, blame=VPC)
    yield sets(rule, RUNTIME, "subnetIds", [Ref("Subnet", "access-us-east-1a"), Ref("Subnet", "app-us-east-1a")])
    yield sets(rule, RUNTIME, "serviceName", "com.amazonaws.us-east-1.sagemaker.api", blame=VPC)

    rule = "endpoint-groups-admit-https"
    yield sets(rule, ("SecurityGroupIngressRule", "access-from-client"), "toPort", 8443)
    yield sets(rule, ("SecurityGroupIngressRule", "access-from-client"), "ipProtocol", "-1")
    yield adds(rule, INGRESS, {**HTTPS, "securityGroupId": Ref(*ACCESS_GROUP), "cidrIpv4": "10.0.0.0/16"})
    yield adds(
        rule,
        INGRESS,
        {**HTTPS, "securityGroupId": Ref(*ACCESS_GROUP), "referencedSecurityGroupId": "sg-0123456789abcdef0"},
    )
    yield sets(
        rule,
        ACCESS_GROUP,
        "ingress",
        [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["10.1.0.0/16"]}],
        present=True,
    )
    yield adds(
        rule,
        EGRESS,
        {**HTTPS, "securityGroupId": Ref(*ACCESS_GROUP), "referencedSecurityGroupId": CLIENT_GROUP},
    )

    both_ways = {"securityGroupId": Ref(*ACCESS_GROUP), "protocol": "tcp", "fromPort": 0, "toPort": 65535}
    yield adds(rule, TWO_WAY, {**both_ways, "type": "ingress", "sourceSecurityGroupId": CLIENT_GROUP})
    yield adds(rule, TWO_WAY, {**both_ways, "type": "egress", "cidrBlocks": ["10.0.0.0/18"]})

    rule = "s3-gateway-covers-model-subnets"
    yield sets(rule, S3, "routeTableIds", [Ref("RouteTable", "app")], blame=MODEL_SUBNET)
    yield removes(rule, S3, blame=MODEL_SUBNET)
    yield removes(rule, ("RouteTableAssociation", "model-us-east-1a"), blame=MODEL_SUBNET)
    yield sets(
        rule,
        ("RouteTableAssociation", "model-us-east-1a"),
        "routeTableId",
        Ref("RouteTable", "access"),
        blame=MODEL_SUBNET,
    )
    yield sets(rule, S3, "serviceName", "com.amazonaws.us-east-1.dynamodb", blame=MODEL_SUBNET)

    rule = "s3-gateway-reaches-own-buckets"
    yield sets(
        rule, S3, "policy", allow("s3:GetObject", "arn:aws:s3:::somebody-elses/*", Principal="*", **own), later=True
    )
    yield sets(rule, S3, "policy", allow("s3:*", "arn:aws:s3:::*", Principal="*", **own), later=True)


def _encryption() -> Iterator[Mutant]:
    key = ("Key", "data")
    yield sets("keys-rotate", key, "enableKeyRotation", False)
    yield drops("keys-rotate", ("Key", "logs"), "enableKeyRotation")
    yield sets("keys-rotate", key, "isEnabled", False)

    rule = "resource-policies-name-principals"
    yield drops("guards-stay-on", key, "policy")
    yield sets(rule, key, "policy", allow("kms:*", "*", Principal="*"))
    yield sets(rule, key, "policy", allow("kms:Decrypt", "*", Principal={"AWS": ["*"]}))
    yield sets(
        rule,
        key,
        "policy",
        json.dumps(
            {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "kms:*",
                        "Resource": "*",
                        "NotPrincipal": {"AWS": ROOT},
                    }
                ]
            }
        ),
    )

    rule = "stores-are-encrypted"
    encryption = ("BucketServerSideEncryptionConfiguration", "artifacts")
    default = "rules.0.applyServerSideEncryptionByDefault"
    yield sets(rule, encryption, f"{default}.sseAlgorithm", "AES256")
    yield drops(rule, encryption, f"{default}.kmsMasterKeyId")
    yield sets(rule, encryption, f"{default}.kmsMasterKeyId", "alias/aws/s3", present=True)
    yield removes("defaults-are-closed", encryption, blame=BUCKET)
    yield sets("defaults-are-closed", encryption, "bucket", "another-bucket", blame=BUCKET)

    group = ("LogGroup", "triage")
    yield drops("stores-are-encrypted", group, "kmsKeyId")
    yield drops("stores-are-encrypted", ("LogGroup", "network-flow-logs"), "kmsKeyId")
    yield sets("log-groups-are-kept", group, "retentionInDays", 30)
    yield drops("log-groups-are-kept", group, "retentionInDays")
    yield drops("stores-are-encrypted", ("Topic", "alarms"), "kmsMasterKeyId")
    yield sets("stores-are-encrypted", ("Topic", "alarms"), "kmsMasterKeyId", "alias/aws/sns", present=True)
    yield drops("stores-are-encrypted", REPOSITORY, "encryptionConfigurations")
    yield sets("stores-are-encrypted", REPOSITORY, "encryptionConfigurations.0.encryptionType", "AES256")
    yield drops("stores-are-encrypted", CONFIGURATION, "kmsKeyArn")

    rule = "stores-are-encrypted"
    capture = {"enableCapture": True, "initialSamplingPercentage": 10, "destinationS3Uri": "s3://captured"}
    yield sets(rule, CONFIGURATION, "dataCaptureConfig", capture)
    yield sets(rule, CONFIGURATION, "asyncInferenceConfig", {"outputConfig": {"s3OutputPath": "s3://answers"}})
    yield sets(rule, CONFIGURATION, "productionVariants.0.coreDumpConfig", {"destinationS3Uri": "s3://dumps"})

    rule = "stores-are-encrypted"
    yield drops(rule, ("NotebookInstance", "explore"), "kmsKeyId")
    yield drops(rule, ("aws:sagemaker/domain:Domain", "studio"), "kmsKeyId")
    yield drops(rule, ("TrainingJob", "nightly"), "outputDataConfig.kmsKeyId")
    yield drops(rule, ("TrainingJob", "nightly"), "resourceConfig.volumeKmsKeyId")
    yield sets(rule, ("aws:rds/instance:Instance", "features"), "storageEncrypted", False)
    yield sets(rule, ("aws:ebs/volume:Volume", "batch"), "encrypted", False)
    yield sets(rule, ("Queue", "answers"), "kmsMasterKeyId", "alias/aws/sqs", present=True)

    rule = "keys-are-this-stacks"
    yield sets(rule, group, "kmsKeyId", FOREIGN_KEY)
    yield sets(rule, group, "kmsKeyId", Ref("Key", "notifications", "arn"))
    yield sets(rule, ("Topic", "alarms"), "kmsMasterKeyId", Ref("Key", "logs", "arn"))
    yield sets(rule, CONFIGURATION, "kmsKeyArn", FOREIGN_KEY)
    yield sets(rule, encryption, f"{default}.kmsMasterKeyId", FOREIGN_KEY)
    yield sets(rule, encryption, f"{default}.kmsMasterKeyId", Ref("Key", "logs", "arn"), later=True)
    delivered = ("BucketServerSideEncryptionConfiguration", "calls")
    yield sets(rule, delivered, f"{default}.kmsMasterKeyId", Ref("Key", "data", "arn"), later=True)
    yield sets(rule, ("Trail", "calls"), "kmsKeyId", Ref("Key", "data", "arn"))
    yield sets(rule, CONFIGURATION, "dataCaptureConfig", {**capture, "kmsKeyId": FOREIGN_KEY}, present=True)
    yield sets(
        rule,
        ("Key", "logs"),
        "policy",
        allow("kms:Decrypt", "*", Principal={"Service": "logs.us-east-1.amazonaws.com"}),
        blame=group,
    )


def _storage() -> Iterator[Mutant]:
    block = ("BucketPublicAccessBlock", "artifacts")
    for flag in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
        yield sets("nothing-switched-public", block, flag, False)
    yield drops("nothing-switched-public", block, "restrictPublicBuckets")
    yield removes("defaults-are-closed", block, blame=BUCKET)

    yield sets("nothing-switched-public", BUCKET, "acl", "public-read", present=True)
    rule = "guards-stay-on"
    yield sets(rule, BUCKET, "website", {"indexDocument": "index.html"})
    yield sets(rule, ("BucketOwnershipControls", "artifacts"), "rule.objectOwnership", "ObjectWriter")
    rule = "no-ways-out"
    yield adds(rule, "aws:s3/bucketAcl:BucketAcl", {"bucket": Ref(*BUCKET), "acl": "public-read"})
    yield adds(rule, "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration", {"bucket": Ref(*BUCKET)})

    rule = "buckets-require-tls"
    policy = ("BucketPolicy", "artifacts")
    yield removes(rule, policy, blame=BUCKET)
    yield sets(
        rule,
        policy,
        "policy",
        allow("s3:GetObject", OBJECTS, Principal={"AWS": "arn:aws:iam::123456789012:role/reader"}),
        blame=BUCKET,
    )
    yield sets(
        rule,
        policy,
        "policy",
        json.dumps(
            {
                "Statement": [
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:PutObject",
                        "Resource": "*",
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ]
            }
        ),
        blame=BUCKET,
    )

    yield removes("stores-are-kept", ("BucketVersioning", "artifacts"), blame=BUCKET)
    yield sets("guards-stay-on", ("BucketVersioning", "artifacts"), "versioningConfiguration.status", "Suspended")
    yield removes("stores-are-kept", ("BucketLifecycleConfiguration", "artifacts"), blame=BUCKET)
    yield removes("stores-are-kept", ("BucketLogging", "artifacts"), blame=BUCKET)
    yield sets("guards-stay-on", REPOSITORY, "imageTagMutability", "MUTABLE")
    yield drops("guards-stay-on", REPOSITORY, "imageTagMutability")
    yield sets("defaults-are-hardened", REPOSITORY, "imageScanningConfiguration.scanOnPush", False)
    yield removes("stores-are-kept", ("LifecyclePolicy", "images"), blame=REPOSITORY)


def _identity() -> Iterator[Mutant]:
    policy, role = ("aws:iam/policy:Policy", "deployer"), ("aws:iam/role:Role", "team")
    inline = ("RolePolicy", "team")
    endpoint_arn = ARN.format("sagemaker", "endpoint/triage")

    rule = "policies-are-documents"
    for place, key in (
        (inline, "policy"),
        (role, "assumeRolePolicy"),
        (("QueuePolicy", "answers"), "policy"),
        (("Key", "data"), "policy"),
    ):
        yield sets(rule, place, key, BAD_JSON)
    yield sets(rule, policy, "policy", json.dumps([]))
    yield sets(rule, policy, "policy", json.dumps({"Version": "2012-10-17"}))

    rule = "no-administrators"
    yield sets(rule, inline, "policy", allow("*", "*"))
    yield sets(rule, inline, "policy", allow(["sagemaker:InvokeEndpoint", "s3:*"], endpoint_arn))
    yield sets(rule, policy, "policy", all_but(NotAction=["iam:*"], Resource="*"))
    yield sets(rule, role, "inlinePolicies", [{"name": "all", "policy": allow("*:*", "*")}])

    rule = "no-wildcard-resources"
    yield sets(rule, inline, "policy", allow("sagemaker:InvokeEndpoint", "*"))
    yield sets(rule, inline, "policy", allow("s3:GetObject", ["arn:aws:s3:::models/x", "arn:aws:s3:::*"]))
    yield sets(
        rule,
        policy,
        "policy",
        json.dumps(
            {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::secret/*"}}
        ),
    )

    passed = {"Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}}
    yield sets(rule, policy, "policy", allow("iam:PassRole", "*", **passed))
    yield sets(rule, policy, "policy", allow("iam:PassRole", "arn:aws:iam::123456789012:role/*", **passed))
    yield sets(rule, inline, "policy", allow("kms:Decrypt", "*"))
    yield sets(rule, inline, "policy", allow(["kms:De*"], ARN.format("kms", "key/*")))

    rule = "pass-role-is-bounded"
    yield sets(rule, policy, "policy", allow("iam:Pass*", "arn:aws:iam::123456789012:role/serving"))

    rule = "no-broad-managed-policies"
    managed = "arn:aws:iam::aws:policy/{}".format
    yield sets(rule, ("RolePolicyAttachment", "team"), "policyArn", managed("AmazonSageMakerFullAccess"))
    yield sets(rule, role, "managedPolicyArns", [managed("AdministratorAccess")])

    yield adds(
        rule,
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"},
    )

    rule = "nobody-raises-permissions"
    policies = ARN.replace("us-east-1", "").format("iam", "policy/*")
    yield sets(rule, ("RolePolicy", "team"), "policy", allow(["iam:CreatePolicyVersion"], policies))
    yield sets(rule, ("RolePolicy", "team"), "policy", allow("iam:Put*Policy", policies))
    yield adds(
        rule,
        "aws:scheduler/schedule:Schedule",
        {"target": {"arn": "arn:aws:scheduler:::aws-sdk:iam:createAccessKey"}},
    )

    rule = "models-are-called-from-inside"
    endpoint, from_here = ARN.format("sagemaker", "endpoint/triage"), {"aws:SourceVpce": "vpce-0123456789abcdef0"}
    yield sets(rule, ("RolePolicy", "team"), "policy", allow("sagemaker:InvokeEndpoint", endpoint))
    for operator in ("StringEqualsIfExists", "ForAllValues:StringEquals", "StringNotEquals"):
        document = allow("sagemaker:InvokeEndpoint*", endpoint, Condition={operator: from_here})
        yield sets(rule, ("RolePolicy", "team"), "policy", document)

    rule = "roles-trust-who-they-must"
    assume = {"Action": "sts:AssumeRole", "Effect": "Allow"}
    for principal in ({"AWS": "*"}, "*", {"Service": "sagemaker.amazonaws.com"}, {"AWS": "arn:aws:iam::*:root"}):
        yield sets(rule, role, "assumeRolePolicy", json.dumps({"Statement": [{**assume, "Principal": principal}]}))

    rule = "resource-policies-name-principals"
    queue = ARN.format("sqs", "answers")
    yield sets(rule, ("QueuePolicy", "answers"), "policy", allow("sqs:SendMessage", queue, Principal="*"))
    yield sets(
        rule,
        ("BucketPolicy", "artifacts"),
        "policy",
        allow("s3:GetObject", OBJECTS, Principal={"AWS": "*"}),
    )
    yield sets(
        rule,
        ("TopicPolicy", "alarms"),
        "policy",
        allow("sns:Publish", "*", Principal="*", Condition={"StringLike": {"aws:SourceArn": "*"}}),
    )
    yield adds(
        rule,
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        {"repository": "images", "policy": allow("ecr:BatchGetImage", "*", Principal="*")},
    )
    yield adds(
        rule,
        "aws:lambda/permission:Permission",
        {"action": "lambda:InvokeFunction", "function": "scorer", "principal": "*"},
    )


def _inference() -> Iterator[Mutant]:
    yield sets("models-are-isolated", MODEL, "enableNetworkIsolation", False)
    yield drops("models-are-isolated", MODEL, "enableNetworkIsolation")

    rule = "nothing-switched-public"
    yield drops(rule, MODEL, "vpcConfig")
    yield sets(rule, MODEL, "vpcConfig.subnets", [])
    yield sets(rule, MODEL, "vpcConfig.securityGroupIds", [])

    rule = "models-span-zones"
    yield sets(rule, MODEL, "vpcConfig.subnets", [Ref(*MODEL_SUBNET)])
    groups = [Ref(*MODEL_GROUP)]
    yield sets(rule, MODEL, "vpcConfig", {"subnets": [Ref(*MODEL_SUBNET), Ref(*SUBNET)], "securityGroupIds": groups})
    yield sets(
        rule,
        MODEL,
        "vpcConfig",
        {"subnets": [Ref(*MODEL_SUBNET), "subnet-0123456789abcdef0"], "securityGroupIds": groups},
    )
    yield sets(rule, ("Subnet", "model-us-east-1b"), "availabilityZone", "us-east-1a", blame=MODEL)

    rule = "model-groups-reach-services"
    yield adds(
        rule, INGRESS, {**HTTPS, "securityGroupId": Ref(*MODEL_GROUP), "referencedSecurityGroupId": CLIENT_GROUP}
    )
    yield adds(rule, EGRESS, {**HTTPS, "securityGroupId": Ref(*MODEL_GROUP), "cidrIpv4": "10.0.0.0/16"})
    yield adds(rule, EGRESS, {**HTTPS, "securityGroupId": Ref(*MODEL_GROUP), "referencedSecurityGroupId": CLIENT_GROUP})
    two_way = {
        "type": "egress",
        "securityGroupId": Ref(*MODEL_GROUP),
        "protocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
    }
    yield adds(rule, TWO_WAY, {**two_way, "cidrBlocks": ["10.0.0.0/18"]})
    yield adds(rule, TWO_WAY, {**two_way, "type": "ingress", "sourceSecurityGroupId": CLIENT_GROUP})
    yield sets(rule, ("SecurityGroupEgressRule", "model-to-s3"), "fromPort", 80)
    yield sets(rule, ("SecurityGroupEgressRule", "model-to-s3"), "prefixListId", "pl-0123456789abcdef0", later=True)
    yield sets(
        rule,
        MODEL_GROUP,
        "egress",
        [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["10.0.0.0/8"]}],
        present=True,
    )

    variant = "productionVariants.0"
    yield sets("two-instances-serve", CONFIGURATION, f"{variant}.initialInstanceCount", 1)
    yield drops("two-instances-serve", CONFIGURATION, f"{variant}.initialInstanceCount")
    yield sets("variants-can-scale", CONFIGURATION, f"{variant}.instanceType", "ml.t2.medium")
    yield sets("guards-stay-on", CONFIGURATION, f"{variant}.enableSsmAccess", True)
    shadow = {
        "variantName": "Shadow",
        "modelName": Ref(*MODEL, "name"),
        "instanceType": "ml.m5.large",
        "enableSsmAccess": True,
    }
    yield sets("guards-stay-on", CONFIGURATION, "shadowProductionVariants", [shadow])

    rule = "served-models-are-this-stacks"
    yield sets(rule, CONFIGURATION, f"{variant}.modelName", "somebody-elses-model")
    yield sets(
        rule,
        CONFIGURATION,
        "shadowProductionVariants",
        [{"variantName": "Shadow", "modelName": "somebody-elses-model"}],
    )

    rule = "artifacts-come-through-the-gateway"
    yield sets(rule, MODEL, "primaryContainer.modelDataUrl", "s3://open-weights/model.tar.gz", later=True)

    rule = "pipelines-run-in-the-network"
    pipeline = "aws:sagemaker/pipeline:Pipeline"
    fit = {"Name": "Fit", "Type": "Training", "Arguments": {}}
    branch = {"Name": "Branch", "Type": "Condition", "Arguments": {"IfSteps": [fit]}}
    yield adds(rule, pipeline, {"pipelineName": "fit", "pipelineDefinition": json.dumps({"Steps": [branch]})})
    yield adds(rule, pipeline, {"pipelineName": "fit", "pipelineDefinition": "Steps"})

    rule = "variants-are-scaled"
    target = ("aws:appautoscaling/target:Target", "triage")
    yield removes(rule, target, blame=ENDPOINT)
    yield sets(rule, target, "resourceId", "endpoint/triage/variant/Main")
    yield sets(rule, target, "resourceId", "endpoint/another/variant/AllTraffic", blame=ENDPOINT)
    yield sets(rule, CONFIGURATION, f"{variant}.variantName", "Main", blame=ENDPOINT)
    yield sets("two-instances-serve", target, "minCapacity", 1)
    yield drops("two-instances-serve", target, "minCapacity")

    alarm = ("MetricAlarm", "triage-cpu")
    yield sets("defaults-are-hardened", alarm, "alarmActions", [])
    yield drops("defaults-are-hardened", alarm, "alarmActions")
    yield sets("guards-stay-on", alarm, "actionsEnabled", False)
    yield sets("defaults-are-hardened", ("CompositeAlarm", "triage"), "alarmActions", [])

    def metric_alarms(graph: Graph) -> list[Resource]:
        return [resource for resource in graph if resource.type.endswith(":MetricAlarm")]

    def unwatched(graph: Graph) -> Resource:
        for alarm in metric_alarms(graph):
            if "dimensions" in alarm.properties:
                graph.set("MetricAlarm", alarm.name, "dimensions.VariantName", "Main")
        return graph.one(*ENDPOINT)

    yield Mutant("variants-are-watched", "every `MetricAlarm` is about another variant", unwatched)

    def unalarmed(graph: Graph) -> Resource:
        for alarm in metric_alarms(graph):
            graph.remove("MetricAlarm", alarm.name)
        return graph.one(*ENDPOINT)

    yield Mutant("variants-are-watched", "every `MetricAlarm` is removed", unalarmed)


def _components() -> Iterator[Mutant]:
    unknown = {"name": "second", "specification": {"modelName": "a-model-of-somebody-else"}}
    yield adds("component-models-are-this-stacks", INFERENCE_COMPONENT, unknown)
    yield adds("components-are-scaled", INFERENCE_COMPONENT, unknown)


def _exposure() -> Iterator[Mutant]:
    rule = "no-ways-out"
    yield adds(rule, "aws:lambda/functionUrl:FunctionUrl", {"functionName": "scorer", "authorizationType": "AWS_IAM"})
    yield adds(rule, "aws:apigatewayv2/api:Api", {"protocolType": "HTTP"})
    yield adds(rule, "aws:ecrpublic/repository:Repository", {"repositoryName": "serving"})
    yield adds(rule, "aws:cloudfront/distribution:Distribution", {"enabled": True})

    rule = "nothing-switched-public"
    yield sets(rule, ("aws:rds/instance:Instance", "features"), "publiclyAccessible", True)
    yield sets(rule, ("aws:ec2/instance:Instance", "batch"), "associatePublicIpAddress", True)
    yield sets(rule, ("LaunchTemplate", "batch"), "networkInterfaces.0.associatePublicIpAddress", "true")
    yield sets(rule, ("aws:eks/cluster:Cluster", "apps"), "vpcConfig.endpointPublicAccess", True)
    yield drops(rule, ("aws:eks/cluster:Cluster", "apps"), "vpcConfig.endpointPublicAccess")
    yield adds(rule, "aws:transfer/server:Server", {"endpointType": "PUBLIC"})

    rule = "guards-stay-on"
    yield adds(rule, "aws:guardduty/detector:Detector", {"enable": False})
    options = "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions"
    yield adds(rule, options, {"internetGatewayBlockMode": "off"})
    yield sets(rule, ("EncryptionByDefault", "account"), "enabled", False)
    yield sets(rule, ("SnapshotBlockPublicAccess", "account"), "state", "unblocked")
    yield sets(rule, ("SnapshotBlockPublicAccess", "account"), "state", "block-new-sharing")
    yield sets(rule, ("LaunchTemplate", "batch"), "metadataOptions.httpTokens", "optional")

    rule = "connections-use-tls"
    yield adds(rule, "aws:memorydb/cluster:Cluster", {"tlsEnabled": False})
    yield adds(rule, "aws:rds/parameterGroup:ParameterGroup", {"parameters": [{"name": "rds.force_ssl", "value": "0"}]})
    yield adds(rule, "aws:rds/proxy:Proxy", {"name": "pool"})
    yield adds(rule, "aws:transfer/server:Server", {"securityPolicyName": "TransferSecurityPolicy-2018-11"})

    balancer, listener = ("LoadBalancer", "front"), ("Listener", "front")
    yield sets("nothing-switched-public", balancer, "internal", False)
    yield drops("nothing-switched-public", balancer, "internal")
    yield drops("load-balancers-are-hardened", balancer, "accessLogs")
    yield sets("load-balancers-are-hardened", balancer, "enableDeletionProtection", False)
    yield sets("load-balancers-are-hardened", balancer, "dropInvalidHeaderFields", False)
    yield sets("listeners-use-tls", listener, "protocol", "HTTP")
    yield sets("listeners-use-tls", listener, "sslPolicy", "ELBSecurityPolicy-2016-08")
    yield sets("listeners-use-tls", listener, "sslPolicy", "ELBSecurityPolicy-TLS13-1-0-2021-06")
    yield adds(
        "listeners-use-tls",
        "aws:elb/loadBalancer:LoadBalancer",
        {
            "internal": True,
            "listeners": [{"lbPort": 80, "lbProtocol": "http", "instancePort": 80, "instanceProtocol": "http"}],
        },
    )

    rule = "client-certificates-are-verified"
    yield sets(rule, listener, "mutualAuthentication.mode", "passthrough")
    yield sets(rule, listener, "mutualAuthentication.mode", "off", blame=("TrustStore", "front"))
    yield sets(rule, listener, "mutualAuthentication.ignoreClientCertificateExpiry", True)
    yield drops(rule, listener, "mutualAuthentication", blame=("TrustStore", "front"))

    api, method, domain = ("RestApi", "scoring"), ("Method", "scoring"), ("DomainName", "scoring")
    yield sets("nothing-switched-public", api, "endpointConfiguration.types", "REGIONAL")
    yield drops("nothing-switched-public", api, "endpointConfiguration")
    yield sets("nothing-switched-public", domain, "endpointConfiguration.types", "EDGE")
    yield drops("private-apis-name-endpoints", api, "policy")
    yield sets(
        "private-apis-name-endpoints", api, "policy", allow("execute-api:Invoke", "execute-api:/*", Principal="*")
    )
    other = {"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}
    yield sets(
        "private-apis-name-endpoints",
        api,
        "policy",
        allow("execute-api:Invoke", "execute-api:/*", Principal="*", **other),
    )
    yield sets(
        "private-apis-name-endpoints", api, "policy", allow("execute-api:Invoke", "*", Principal="*", **NOT_MINE)
    )
    yield sets("api-methods-authorize", method, "authorization", "NONE")
    yield drops("defaults-are-hardened", ("Stage", "scoring"), "accessLogSettings")
    yield sets("connections-use-tls", domain, "securityPolicy", "TLS_1_0")

    notebook = ("NotebookInstance", "explore")
    yield sets("nothing-switched-public", notebook, "directInternetAccess", "Enabled")
    yield drops("nothing-switched-public", notebook, "directInternetAccess")
    yield drops("subnets-are-chosen", notebook, "subnetId")
    yield sets("defaults-are-hardened", notebook, "rootAccess", "Enabled")
    yield sets(
        "nothing-switched-public",
        ("aws:sagemaker/domain:Domain", "studio"),
        "appNetworkAccessType",
        "PublicInternetOnly",
    )
    yield drops("nothing-switched-public", ("aws:sagemaker/domain:Domain", "studio"), "appNetworkAccessType")
    yield sets("nothing-switched-public", ("TrainingJob", "nightly"), "enableNetworkIsolation", False)
    yield drops("subnets-are-chosen", ("TrainingJob", "nightly"), "vpcConfig")
    yield sets(
        "nothing-switched-public", ("DataQualityJobDefinition", "drift"), "networkConfig.enableNetworkIsolation", False
    )
    yield drops("subnets-are-chosen", ("DataQualityJobDefinition", "drift"), "networkConfig.vpcConfig")
    yield drops("subnets-are-chosen", ("aws:lambda/function:Function", "scorer"), "vpcConfig")
    yield sets("subnets-are-chosen", ("aws:lambda/function:Function", "scorer"), "vpcConfig.subnetIds", [])


def _closed_world() -> Iterator[Mutant]:
    """More of each, by class, in world.py."""
    yield adds("resources-are-judged", "aws:ram/resourceShare:ResourceShare", {"name": "x"})
    yield adds("resources-are-judged", "aws:cloudformation/stack:Stack", {"templateBody": "{}"})
    yield adds("resources-are-judged", "command:local:Command", {"create": "true"})
    yield adds("resources-are-judged", "github:index/repository:Repository")

    rule = "destinations-are-inside"
    capture = "dataCaptureConfig.destinationS3Uri"
    yield sets(rule, CONFIGURATION, capture, "s3://somebody-elses/x")
    yield sets(
        rule, ("BucketPolicy", "artifacts"), "policy", allow("s3:*", "*", Principal={"AWS": STRANGER}), present=True
    )
    yield adds(rule, "aws:sns/topicSubscription:TopicSubscription", {"endpoint": "https://hooks.example.com/x"})
    yield adds(rule, "aws:oam/link:Link", {"sinkIdentifier": "arn:aws:oam:us-east-1:444455556666:sink/s"})
    yield adds(rule, "aws:sqs/queue:Queue", {"region": "eu-west-1"})

    rule = "names-of-aws-are-its-own"
    yield adds(rule, "aws:route53/zone:Zone", {"name": "us-east-1.amazonaws.com"})
    yield adds(rule, "aws:ec2/vpcDhcpOptions:VpcDhcpOptions", {"domainNameServers": ["10.0.0.9"]})
    yield adds(rule, "aws:route53/resolverRule:ResolverRule", {"domainName": "."})
    yield adds(rule, "aws:route53/resolverEndpoint:ResolverEndpoint", {"direction": "OUTBOUND"})

    yield adds("no-loose-providers", "pulumi:providers:aws", {"insecure": "true"})
    yield adds("no-loose-providers", "pulumi:providers:aws", {"endpoints": '[{"s3": "https://example.com"}]'})
    yield adds("no-loose-providers", "pulumi:providers:kubernetes")

    def ignoring(graph: Graph) -> Resource:
        graph.replace(replace(graph.one(*ACCESS_GROUP), ignore_changes=["ingress"]))
        return graph.one(*ACCESS_GROUP)

    yield Mutant(
        "judged-properties-are-not-ignored", "`SecurityGroup` access: changes of `ingress` are ignored", ignoring
    )

    rule = "no-plain-secrets"
    yield sets(rule, ("aws:lambda/function:Function", "scorer"), "environment.variables.DB_PASSWORD", "hunter2")
    yield sets(rule, ("aws:rds/instance:Instance", "features"), "password", "hunter2", present=True)
    yield sets(rule, ("aws:ec2/instance:Instance", "batch"), "userData", "x=AKIAIOSFODNN7EXAMPLE", present=True)


MUTANTS = [
    *_network(),
    *_firewalls(),
    *_paths(),
    *_access(),
    *_encryption(),
    *_storage(),
    *_identity(),
    *_inference(),
    *_components(),
    *_exposure(),
    *_closed_world(),
]
