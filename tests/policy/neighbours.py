"""What application teams may put beside the models, as the rules ask for it: compliant, and mutated by the tests."""

import json
from typing import Any

from tests.policy.graph import ELSEWHERE, Graph, Ref

APP_SUBNETS = [Ref("Subnet", "app-us-east-1a"), Ref("Subnet", "app-us-east-1b")]
CLIENT_GROUP = Ref("SecurityGroup", "client")
DATA_KEY = Ref("Key", "data", "arn")
ARN = "arn:aws:{}:us-east-1:123456789012:{}"

VPC_CONFIG = {"subnetIds": APP_SUBNETS, "securityGroupIds": [CLIENT_GROUP]}
JOB_VPC = {"subnets": APP_SUBNETS, "securityGroupIds": [CLIENT_GROUP]}


def allow(action: Any, resource: Any, **more: Any) -> str:
    """A policy document of one statement."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        },
    }
)
INVOKE = allow(
    "sagemaker:InvokeEndpoint",
    ARN.format("sagemaker", "endpoint/triage"),
    Condition={"StringEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}},
)
PASS_ROLE = allow(
    "iam:PassRole",
    "arn:aws:iam::123456789012:role/private-inference/serving",
    Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
)
QUEUE_POLICY = allow(
    "sqs:SendMessage",
    ARN.format("sqs", "answers"),
    Principal={"AWS": "*"},
    Condition={"ArnLike": {"aws:SourceArn": ARN.format("sns", "answers")}},
)
API_POLICY = allow(
    "execute-api:Invoke",
    "execute-api:/*",
    Principal="*",
    Condition={"StringEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}},
)


def join(graph: Graph) -> None:
    """Add every neighbour to a stack."""
    graph.add("pulumi:pulumi:StackReference", "elsewhere", {})
    assert any(each.urn == ELSEWHERE for each in graph)
    for type_, name, properties in NEIGHBOURS:
        graph.add(type_, name, properties)


NEIGHBOURS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "aws:lambda/function:Function",
        "scorer",
        {"role": ARN.format("iam", "role/scorer"), "vpcConfig": VPC_CONFIG},
    ),
    (
        "aws:lambda/permission:Permission",
        "scorer",
        {
            "action": "lambda:InvokeFunction",
            "function": "scorer",
            "principal": "events.amazonaws.com",
            "sourceArn": ARN.format("events", "rule/nightly"),
        },
    ),
    ("aws:iam/role:Role", "team", {"assumeRolePolicy": TRUST}),
    ("aws:iam/rolePolicy:RolePolicy", "team", {"role": Ref("Role", "team"), "policy": INVOKE}),
    ("aws:iam/policy:Policy", "deployer", {"policy": PASS_ROLE}),
    (
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "team",
        {
            "role": Ref("Role", "team"),
            "policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
        },
    ),
    ("aws:sqs/queue:Queue", "answers", {"kmsMasterKeyId": DATA_KEY}),
    (
        "aws:sqs/queuePolicy:QueuePolicy",
        "answers",
        {"queueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/answers", "policy": QUEUE_POLICY},
    ),
    (
        "aws:sagemaker/notebookInstance:NotebookInstance",
        "explore",
        {
            "instanceType": "ml.t3.medium",
            "roleArn": ARN.format("iam", "role/explore"),
            "directInternetAccess": "Disabled",
            "rootAccess": "Disabled",
            "subnetId": Ref("Subnet", "app-us-east-1a"),
            "securityGroups": [CLIENT_GROUP],
            "kmsKeyId": DATA_KEY,
        },
    ),
    (
        "aws:sagemaker/domain:Domain",
        "studio",
        {
            "domainName": "studio",
            "authMode": "IAM",
            "vpcId": Ref("Vpc", "network"),
            "subnetIds": APP_SUBNETS,
            "appNetworkAccessType": "VpcOnly",
            "kmsKeyId": DATA_KEY,
            "defaultUserSettings": {"executionRole": ARN.format("iam", "role/studio")},
        },
    ),
    (
        "aws:sagemaker/trainingJob:TrainingJob",
        "nightly",
        {
            "trainingJobName": "nightly",
            "roleArn": ARN.format("iam", "role/nightly"),
            "enableNetworkIsolation": True,
            "vpcConfig": JOB_VPC,
            "outputDataConfig": {"s3OutputPath": Ref("aws:s3/bucket:Bucket", "artifacts"), "kmsKeyId": DATA_KEY},
            "resourceConfig": {"instanceType": "ml.m5.large", "volumeKmsKeyId": DATA_KEY},
        },
    ),
    (
        "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition",
        "drift",
        {
            "roleArn": ARN.format("iam", "role/drift"),
            "networkConfig": {"enableNetworkIsolation": True, "vpcConfig": JOB_VPC},
            "jobResources": {"clusterConfig": {"instanceType": "ml.m5.large", "volumeKmsKeyId": DATA_KEY}},
        },
    ),
    (
        "aws:rds/instance:Instance",
        "features",
        {
            "instanceClass": "db.t4g.medium",
            "publiclyAccessible": False,
            "storageEncrypted": True,
            "kmsKeyId": DATA_KEY,
        },
    ),
    (
        "aws:ec2/instance:Instance",
        "batch",
        {
            "instanceType": "m5.large",
            "associatePublicIpAddress": False,
            "subnetId": Ref("Subnet", "app-us-east-1a"),
            "vpcSecurityGroupIds": [CLIENT_GROUP],
        },
    ),
    (
        "aws:ec2/launchTemplate:LaunchTemplate",
        "batch",
        {"networkInterfaces": [{"associatePublicIpAddress": "false", "securityGroups": [CLIENT_GROUP]}]},
    ),
    ("aws:ebs/volume:Volume", "batch", {"availabilityZone": "us-east-1a", "encrypted": True, "kmsKeyId": DATA_KEY}),
    (
        "aws:eks/cluster:Cluster",
        "apps",
        {
            "roleArn": ARN.format("iam", "role/apps"),
            "vpcConfig": {"subnetIds": APP_SUBNETS, "endpointPublicAccess": False, "endpointPrivateAccess": True},
        },
    ),
    (
        "aws:lb/loadBalancer:LoadBalancer",
        "front",
        {
            "internal": True,
            "loadBalancerType": "application",
            "subnets": APP_SUBNETS,
            "securityGroups": [CLIENT_GROUP],
            "dropInvalidHeaderFields": True,
            "enableDeletionProtection": True,
            "accessLogs": {"bucket": "load-balancer-logs", "enabled": True},
        },
    ),
    (
        "aws:lb/trustStore:TrustStore",
        "front",
        {"caCertificatesBundleS3Bucket": "authorities", "caCertificatesBundleS3Key": "clients.pem"},
    ),
    (
        "aws:lb/listener:Listener",
        "front",
        {
            "mutualAuthentication": {"mode": "verify", "trustStoreArn": Ref("TrustStore", "front", "arn")},
            "loadBalancerArn": Ref("LoadBalancer", "front", "arn"),
            "port": 443,
            "protocol": "HTTPS",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "defaultActions": [
                {"type": "forward", "targetGroupArn": ARN.format("elasticloadbalancing", "targetgroup/t")}
            ],
        },
    ),
    (
        "aws:apigateway/restApi:RestApi",
        "scoring",
        {"endpointConfiguration": {"types": "PRIVATE"}, "policy": API_POLICY},
    ),
    (
        "aws:apigateway/method:Method",
        "scoring",
        {"restApi": Ref("RestApi", "scoring"), "httpMethod": "POST", "authorization": "AWS_IAM"},
    ),
    (
        "aws:apigateway/stage:Stage",
        "scoring",
        {
            "restApi": Ref("RestApi", "scoring"),
            "stageName": "v1",
            "accessLogSettings": {
                "destinationArn": ARN.format("logs", "log-group:api"),
                "format": "$context.requestId",
            },
        },
    ),
    (
        "aws:apigateway/domainName:DomainName",
        "scoring",
        {
            "domainName": "scoring.example.internal",
            "endpointConfiguration": {"types": "PRIVATE"},
            "securityPolicy": "TLS_1_2",
        },
    ),
]
