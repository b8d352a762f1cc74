"""What others do in the account of a life: teams with their roles, clients, and other stacks; and what stays of it."""

import json

from private_inference.rehearsal.embedded_aws import EmbeddedAws

ROW = ",".join(["0"] * 30).encode()
"""What the example model takes: thirty numbers."""


def attach_invoke_policies(aws: EmbeddedAws, role: str) -> None:
    """A new role of an application team gets the invoke policies."""
    aws.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"}))
    for policy in _policies(aws):
        aws.client("iam").attach_role_policy(RoleName=role, PolicyArn=policy)


def detach_invoke_policies(aws: EmbeddedAws, role: str) -> None:
    """A role loses them again."""
    for policy in _policies(aws):
        aws.client("iam").detach_role_policy(RoleName=role, PolicyArn=policy)


def _policies(aws: EmbeddedAws) -> list[str]:
    """The account's own managed policies: the stack has no others than the invoke policies."""
    return [policy["Arn"] for policy in aws.client("iam").list_policies(Scope="Local")["Policies"]]


def call(aws: EmbeddedAws, endpoint: str, times: int) -> None:
    """A client calls an endpoint that serves the example model."""
    runtime = aws.client("sagemaker-runtime")
    for _ in range(times):
        runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=ROW)


def captured(aws: EmbeddedAws, endpoint: str) -> int:
    """How many captured calls of an endpoint there are, in whatever buckets that were made for them."""
    s3 = aws.client("s3")
    named = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    kept = [name for name in named if name.startswith(f"{endpoint}-captured-")]
    return sum(s3.list_objects_v2(Bucket=name, Prefix=f"{endpoint}/")["KeyCount"] for name in kept)


def deploy_endpoint(aws: EmbeddedAws, name: str) -> None:
    """Somebody else's endpoint with one instance: it has scaling, and no tags that tell whose it is."""
    sagemaker = aws.client("sagemaker")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    pull = {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}
    role = aws.client("iam").create_role(
        RoleName=f"{name}-of-others",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    aws.client("iam").put_role_policy(
        RoleName=f"{name}-of-others",
        PolicyName="pull",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [pull]}),
    )
    image = f"763104351884.dkr.ecr.{aws.region}.amazonaws.com/model:1"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image})
    variant = {"VariantName": "main", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    aws.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{name}/variant/main",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=1,
        MaxCapacity=2,
    )
