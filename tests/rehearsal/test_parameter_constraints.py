"""What AWS's service models say of lengths, patterns and enumerations is refused before it is sent."""

from typing import Any

import botocore.session
import pytest

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.parameter_constraints import ConstraintError, _compiled

MODEL: dict[str, Any] = {"ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution"}
TARGET: dict[str, Any] = {
    "ServiceNamespace": "sagemaker",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "told"),
    [
        ("sagemaker", "create_model", MODEL | {"ModelName": "a" * 64}, "ModelName has 64 characters; at most 63"),
        (
            "sagemaker",
            "create_model",
            MODEL | {"ModelName": "under_score"},
            "ModelName is 'under_score'; it must match",
        ),
        (
            "sagemaker",
            "create_model",
            MODEL | {"ModelName": "m", "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"] * 6}},
            "VpcConfig.SecurityGroupIds has 6 entries; at most 5",
        ),
        (
            "sagemaker",
            "create_endpoint_config",
            {
                "EndpointConfigName": "c",
                "ProductionVariants": [{"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.larger"}],
            },
            "ProductionVariants[0].InstanceType is 'ml.m5.larger'; AWS knows",
        ),
        ("application-autoscaling", "register_scalable_target", TARGET | {"ResourceId": ""}, "ResourceId has 0"),
        ("iam", "create_role", {"RoleName": "r", "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 60}, "3600"),
        ("logs", "create_log_group", {"logGroupName": "spaces are not"}, "logGroupName is 'spaces are not'"),
    ],
)
def test_a_violation_is_told_by_its_path(
    aws: EmbeddedAws, service: str, operation: str, parameters: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConstraintError) as raised:
        getattr(aws.client(service), operation)(**parameters)
    assert told in str(raised.value)


def test_all_violations_are_told_at_once(aws: EmbeddedAws) -> None:
    with pytest.raises(ConstraintError) as raised:
        aws.client("sagemaker").create_model(ModelName="a" * 64, ExecutionRoleArn="short")
    assert "ModelName" in str(raised.value)
    assert "ExecutionRoleArn" in str(raised.value)


def test_letters_of_any_script_pass_where_aws_allows_them(aws: EmbeddedAws) -> None:
    aws.client("logs").create_log_group(logGroupName="letters", tags={"Eigentümer": "Zürich 1 + 2"})


def patterns(shape: Any, seen: set[str]) -> set[str]:
    """The patterns of a shape and of what it holds."""
    if shape.name in seen:
        return set()
    seen = seen | {shape.name}
    inner: list[Any] = []
    if shape.type_name == "structure":
        inner = list(shape.members.values())
    if shape.type_name == "list":
        inner = [shape.member]
    if shape.type_name == "map":
        inner = [shape.key, shape.value]
    own = {shape.metadata["pattern"]} if "pattern" in shape.metadata else set()
    return own.union(*(patterns(member, seen) for member in inner))


@pytest.mark.parametrize(
    "service",
    [
        "application-autoscaling",
        "cloudwatch",
        "ec2",
        "ecr",
        "iam",
        "kms",
        "lambda",
        "logs",
        "s3",
        "sagemaker",
        "sns",
        "ssm",
    ],
)
def test_every_pattern_of_the_services_can_be_read(service: str) -> None:
    model = botocore.session.Session().get_service_model(service)
    shapes = [shape for name in model.operation_names if (shape := model.operation_model(name).input_shape)]
    for pattern in set().union(*(patterns(shape, set()) for shape in shapes)):
        _compiled(pattern)
