"""The policies of VPC endpoints: what may pass an endpoint, whatever the caller's own policies allow."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.component_arns import component_arns
from components.iam import (
    ALL_INVOKE_ACTIONS,
    BEARER,
    PULL_IMAGE,
    WRITE_LOGS,
    Account,
    Arn,
    Document,
    Statement,
    allow,
    document,
    each_once,
)
from components.listings import with_listings

EndpointPermission = tuple[Sequence[str], str]
"""Actions that may pass, and the ARN that they may touch: `*` for actions that take no resource."""


def invocations(
    account: Account, endpoints: Sequence[str], components: Sequence[str] = (), *, bearer_tokens: bool = False
) -> Document:
    """Only calls by this account's principals to the SageMaker endpoints and inference components of these names.

    With `bearer_tokens` they may carry one.
    """
    arns = [*(account.arn("sagemaker", f"endpoint/{name}") for name in endpoints), *component_arns(account, components)]
    if not arns:
        return _nothing()
    calls = [_statement("InvokeThisStack", ALL_INVOKE_ACTIONS, arns, _own_principals(account))]
    if bearer_tokens:
        calls.append(_statement("BearerTokens", [BEARER], ["*"], _own_principals(account)))
    return document(*calls)


def artifact_reads(
    account: Account,
    objects: Sequence[Arn],
    roles: str,
    *further: Statement,
    listed: Sequence[Arn],
    image_layers: bool,
) -> Document:
    """Only reads of these objects (or patterns of them), by roles whose ARNs match `roles`; `listed` may be listed.

    What is given `further` passes, too.

    With `image_layers`, also the bucket that ECR serves layers from to whoever pulls through the VPC:
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
    """
    condition = {"StringEquals": {"aws:PrincipalAccount": account.id}, "ArnLike": {"aws:PrincipalArn": roles}}
    reads = [_statement("ReadArtifacts", ["s3:GetObject"], each_once(objects), condition)] if objects else []
    if image_layers:
        layers = f"arn:{account.partition}:s3:::prod-{account.region}-starport-layer-bucket/*"
        reads.append(_statement("ReadImageLayers", ["s3:GetObject"], [layers], {}))
    common = {"Principal": {"AWS": "*"}, "Condition": condition}
    passing = [*reads, *further]
    return with_listings(document(*passing), listed, common) if passing else _nothing()


def service_policy(service: str, account: Account, parameter_prefix: str) -> Document:
    """Only what clients and models need of a service other than S3, and only by this account's principals.

    `parameter_prefix` bounds the SSM parameters that can be read.
    """
    permissions = _permissions(account, parameter_prefix)[service]
    return document(
        *(
            _statement(f"Passage{number}", actions, [resource], _own_principals(account))
            for number, (actions, resource) in enumerate(permissions, 1)
        )
    )


def _own_principals(account: Account) -> dict[str, Any]:
    # A principal of "arn:…:root" would mean the root user alone in a gateway endpoint's policy, so the account is a
    # condition: https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
    return {"StringEquals": {"aws:PrincipalAccount": account.id}}


def _statement(
    sid: str, actions: Sequence[str], resources: pulumi.Input[Sequence[Arn]], condition: Mapping[str, Any]
) -> Statement:
    return allow(sid, actions, resources, condition) | {"Principal": {"AWS": "*"}}


def _nothing() -> Document:
    return document({"Sid": "NothingYet", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})


def _permissions(account: Account, parameter_prefix: str) -> Mapping[str, Sequence[EndpointPermission]]:
    """By service."""
    repositories = account.arn("ecr", "repository/*")
    parameters = account.arn("ssm", f"parameter{parameter_prefix}*")
    return {
        "sagemaker.api": [
            (["sagemaker:DescribeEndpoint"], account.arn("sagemaker", "endpoint/*")),
            (["sagemaker:DescribeEndpointConfig"], account.arn("sagemaker", "endpoint-config/*")),
            (["sagemaker:ListEndpointConfigs", "sagemaker:ListEndpoints"], "*"),
        ],
        "logs": [(WRITE_LOGS, account.arn("logs", "log-group:*"))],
        "monitoring": [(["cloudwatch:PutMetricData"], "*")],
        "kms": [(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"], account.arn("kms", "key/*"))],
        "sts": [(["sts:AssumeRole"], account.roles("/")), (["sts:GetCallerIdentity"], "*")],
        "ssm": [(["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"], parameters)],
        "ecr.api": [(PULL_IMAGE, repositories), (["ecr:GetAuthorizationToken"], "*")],
        "ecr.dkr": [(PULL_IMAGE, repositories)],
        "dynamodb": [
            (["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"], account.arn("dynamodb", "table/*"))
        ],
    }
