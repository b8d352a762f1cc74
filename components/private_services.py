"""AWS services with an interface endpoint: what may pass it, and which of them a free gateway also serves."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.flows import Gateway
from components.iam import Account

RUNTIME = "sagemaker.runtime"
"""The service that clients of a model call."""

GATEWAY_INSTEAD = {"s3": Gateway.S3, "dynamodb": Gateway.DYNAMODB}
"""Interface endpoints whose work a gateway endpoint does for free inside the VPC.

https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
"""


def runtime_service(fips: bool) -> str:
    """The endpoint service of the runtime.

    https://docs.aws.amazon.com/sagemaker/latest/dg/interface-vpc-endpoint.html
    """
    return f"{RUNTIME}-fips" if fips else RUNTIME


@dataclass(frozen=True)
class Passage:
    """The actions and resources of this account that an endpoint's policy lets through."""

    actions: Sequence[str]
    resources: Sequence[str]


def passage(service: str, account: Account, stack_path: str) -> Passage:
    """What clients and models need of a service other than S3, and no more. `stack_path` is `/PROJECT/STACK/`."""
    return {
        "sagemaker.api": Passage(
            ("sagemaker:Describe*", "sagemaker:List*"),
            (account.arn("sagemaker", "endpoint/*"), account.arn("sagemaker", "endpoint-config/*")),
        ),
        "logs": Passage(
            ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            (account.arn("logs", "log-group:*"),),
        ),
        "monitoring": Passage(("cloudwatch:PutMetricData",), ("*",)),
        "kms": Passage(("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"), (account.arn("kms", "key/*"),)),
        "sts": Passage(("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:GetCallerIdentity"), ("*",)),
        "ssm": Passage(
            ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"),
            (account.arn("ssm", f"parameter{stack_path}*"),),
        ),
        "ecr.api": Passage(
            (
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetAuthorizationToken",
                "ecr:GetDownloadUrlForLayer",
            ),
            ("*",),
        ),
        "ecr.dkr": Passage(
            ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            (account.arn("ecr", "repository/*"),),
        ),
        "dynamodb": Passage(
            ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"), (account.arn("dynamodb", "table/*"),)
        ),
    }[service]
