"""The actions that open a resource, by what it is: to use it, to read it, or to give it to others.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Mapping, Sequence

CALLS = (
    "sagemaker:InvokeEndpoint",
    "sagemaker:InvokeEndpointWithResponseStream",
    "sagemaker:InvokeEndpointAsync",
)
BEARER = "sagemaker:CallWithBearerToken"

ACTIONS: Mapping[str, Sequence[str]] = {
    "endpoint": (*CALLS, BEARER, "sagemaker:UpdateEndpoint", "sagemaker:DeleteEndpoint"),
    "component": (*CALLS[:2], "sagemaker:UpdateInferenceComponent", "sagemaker:DeleteInferenceComponent"),
    "objects": ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
    "bucket": ("s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
    "key": ("kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant", "kms:PutKeyPolicy"),
    "trust": ("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"),
    "role": ("iam:PassRole", "iam:UpdateAssumeRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePolicy"),
    "topic": ("sns:Publish", "sns:Subscribe"),
    "queue": ("sqs:SendMessage", "sqs:ReceiveMessage"),
    "secret": ("secretsmanager:GetSecretValue",),
    "repository": ("ecr:BatchGetImage", "ecr:PutImage"),
    "function": ("lambda:InvokeFunction",),
    "route": ("execute-api:Invoke",),
    "log group": ("logs:FilterLogEvents", "logs:PutSubscriptionFilter"),
    "VPC endpoint": ("ec2:ModifyVpcEndpoint", "ec2:DeleteVpcEndpoints"),
}

_RUNTIME = frozenset(action.lower() for action in (*CALLS, BEARER))
_PREFIXES = {"monitoring": "cloudwatch", "events": "events"}


def serves(service: str, action: str) -> bool:
    """Whether requests for an action can come through an endpoint of a service, such as `sagemaker.runtime`.

    https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
    """
    if service in ("sagemaker.runtime", "sagemaker.runtime-fips", "sagemaker.api"):
        return action.startswith("sagemaker:") and (action.lower() in _RUNTIME) != (service == "sagemaker.api")
    first = service.split(".")[0].removesuffix("-fips")
    return action.startswith(f"{_PREFIXES.get(first, first)}:")
