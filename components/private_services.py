"""AWS services with an interface endpoint: what may pass it, and which of them a free gateway also serves."""

from collections.abc import Sequence

from components.flows import Gateway
from components.iam import Account, Passage

RUNTIME = "sagemaker.runtime"
"""The service that clients of a model call."""

GATEWAY_INSTEAD = {"s3": Gateway.S3, "dynamodb": Gateway.DYNAMODB}
"""Interface endpoints whose work a gateway endpoint does for free inside the VPC.

https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
"""

WITHOUT_PRIVATE_DNS = frozenset({"dynamodb"})
"""Services whose interface endpoint takes no private DNS: clients call them by the endpoint's own DNS names.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-interface-endpoints.html (considerations)
"""


def runtime_service(fips: bool) -> str:
    """The endpoint service of the runtime.

    https://docs.aws.amazon.com/sagemaker/latest/dg/interface-vpc-endpoint.html
    """
    return f"{RUNTIME}-fips" if fips else RUNTIME


def passages(service: str, account: Account, stack_path: str) -> Sequence[Passage]:
    """What clients and models need of a service other than S3, and no more. `stack_path` is `/PROJECT/STACK/`."""
    images = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    repositories = (account.arn("ecr", "repository/*"),)
    return {
        "sagemaker.api": (
            Passage(("sagemaker:DescribeEndpoint",), (account.arn("sagemaker", "endpoint/*"),)),
            Passage(("sagemaker:DescribeEndpointConfig",), (account.arn("sagemaker", "endpoint-config/*"),)),
            Passage(("sagemaker:ListEndpointConfigs", "sagemaker:ListEndpoints")),
        ),
        "logs": (
            Passage(
                ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
                (account.arn("logs", "log-group:*"),),
            ),
        ),
        "monitoring": (Passage(("cloudwatch:PutMetricData",)),),
        "kms": (Passage(("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"), (account.arn("kms", "key/*"),)),),
        "sts": (Passage(("sts:AssumeRole",), (account.roles("/"),)), Passage(("sts:GetCallerIdentity",))),
        "ssm": (
            Passage(
                ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"),
                (account.arn("ssm", f"parameter{stack_path}*"),),
            ),
        ),
        "ecr.api": (Passage(images, repositories), Passage(("ecr:GetAuthorizationToken",))),
        "ecr.dkr": (Passage(images, repositories),),
        "dynamodb": (
            Passage(
                ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"), (account.arn("dynamodb", "table/*"),)
            ),
        ),
    }[service]
