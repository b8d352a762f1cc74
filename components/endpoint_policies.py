"""The policies of VPC endpoints: what may pass an endpoint, whatever the caller's own policies allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.iam import (
    INVOKE_ANY_WAY,
    PULL_IMAGE,
    WRITE_LOGS,
    Account,
    Arn,
    Document,
    Statement,
    allow,
    document,
)


def invocations(account: Account, endpoints: Sequence[str]) -> Document:
    """Only calls of this account's principals to this stack's endpoints."""
    arns = [account.arn("sagemaker", f"endpoint/{name}") for name in endpoints]
    if not arns:
        return _nothing()
    return document(_statement("InvokeThisStack", INVOKE_ANY_WAY, arns, _own_principals(account)))


def artifact_reads(account: Account, objects: Sequence[Arn], roles: str, *, image_layers: bool) -> Document:
    """Only reads of this stack's artifacts, by this stack's roles (a pattern of role ARNs).

    With `image_layers`, also the bucket that ECR serves layers from to whoever pulls through the VPC:
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
    """
    condition = {"StringEquals": {"aws:PrincipalAccount": account.id}, "ArnLike": {"aws:PrincipalArn": roles}}
    reads = [_statement("ReadArtifacts", ["s3:GetObject"], objects, condition)] if objects else []
    if image_layers:
        layers = f"arn:{account.partition}:s3:::prod-{account.region}-starport-layer-bucket/*"
        reads.append(_statement("ReadImageLayers", ["s3:GetObject"], [layers], {}))
    return document(*reads) if reads else _nothing()


@dataclass(frozen=True)
class EndpointPermission:
    """What an endpoint policy allows."""

    actions: Sequence[str]
    resources: Sequence[str] = ("*",)
    """ARNs, or any resource for actions that take none."""


def endpoint_policy(account: Account, permissions: Sequence[EndpointPermission]) -> Document:
    """Only these actions, by this account's principals."""
    return document(
        *(
            _statement(f"Passage{number}", permission.actions, permission.resources, _own_principals(account))
            for number, permission in enumerate(permissions, 1)
        )
    )


def _own_principals(account: Account) -> dict[str, Any]:
    # A principal of "arn:…:root" would mean the root user alone in a gateway endpoint's policy, so the account is a
    # condition: https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
    return {"StringEquals": {"aws:PrincipalAccount": account.id}}


def _statement(sid: str, actions: Sequence[str], resources: Sequence[Arn], condition: Mapping[str, Any]) -> Statement:
    return allow(sid, actions, resources, condition) | {"Principal": {"AWS": "*"}}


def _nothing() -> Document:
    return document({"Sid": "NothingYet", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})


def endpoint_permissions(service: str, account: Account, parameter_prefix: str) -> Sequence[EndpointPermission]:
    """What clients and models need of a service other than S3, and no more.

    `parameter_prefix` bounds the SSM parameters that can be read.
    """
    repositories = (account.arn("ecr", "repository/*"),)
    return {
        "sagemaker.api": (
            EndpointPermission(("sagemaker:DescribeEndpoint",), (account.arn("sagemaker", "endpoint/*"),)),
            EndpointPermission(("sagemaker:DescribeEndpointConfig",), (account.arn("sagemaker", "endpoint-config/*"),)),
            EndpointPermission(("sagemaker:ListEndpointConfigs", "sagemaker:ListEndpoints")),
        ),
        "logs": (
            EndpointPermission(
                WRITE_LOGS,
                (account.arn("logs", "log-group:*"),),
            ),
        ),
        "monitoring": (EndpointPermission(("cloudwatch:PutMetricData",)),),
        "kms": (
            EndpointPermission(
                ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"), (account.arn("kms", "key/*"),)
            ),
        ),
        "sts": (
            EndpointPermission(("sts:AssumeRole",), (account.roles("/"),)),
            EndpointPermission(("sts:GetCallerIdentity",)),
        ),
        "ssm": (
            EndpointPermission(
                ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"),
                (account.arn("ssm", f"parameter{parameter_prefix}*"),),
            ),
        ),
        "ecr.api": (EndpointPermission(PULL_IMAGE, repositories), EndpointPermission(("ecr:GetAuthorizationToken",))),
        "ecr.dkr": (EndpointPermission(PULL_IMAGE, repositories),),
        "dynamodb": (
            EndpointPermission(
                ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"), (account.arn("dynamodb", "table/*"),)
            ),
        ),
    }[service]
