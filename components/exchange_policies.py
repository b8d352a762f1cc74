"""Who may do what with the requests and answers of an asynchronous endpoint, as documents and statements.

SageMaker reads inputs, writes answers and publishes with the endpoint's execution role:
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint-prerequisites.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.iam import Account, Arn, Document, Statement, allow, deny_everyone, document, on_key

INPUTS, OUTPUTS, FAILURES = "inputs/", "outputs/", "failures/"
"""Prefixes of keys in the bucket of an endpoint."""

USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """What callers and SageMaker exchange by."""

    bucket: Arn
    topics: Sequence[Arn]
    """Those that SageMaker tells of outcomes."""
    data_key: Arn
    notifications_key: Arn

    def objects(self, *prefixes: str) -> list[Arn]:
        """Patterns for the objects with these prefixes."""
        return [pulumi.Output.concat(self.bucket, f"/{prefix}*") for prefix in prefixes]


def role_statements(account: Account, exchanged: Exchanged) -> list[Statement]:
    """What an execution role needs beside what it needs to run a model."""
    told = (
        allow("Notify", ["sns:Publish"], list(exchanged.topics)),
        allow("NotificationsKey", USE_KEY, [exchanged.notifications_key], _through(account, "sns")),
    )
    return [
        allow("Inputs", ["s3:GetObject"], exchanged.objects(INPUTS)),
        allow("Answers", ["s3:AbortMultipartUpload", "s3:PutObject"], exchanged.objects(OUTPUTS, FAILURES)),
        allow("AnswersKey", ["kms:GenerateDataKey"], [exchanged.data_key], _through(account, "s3")),
        *(told if exchanged.topics else ()),
    ]


def invoke(
    account: Account, endpoint: Arn, runtime: pulumi.Input[str], vpc: pulumi.Input[str], by: Exchanged
) -> Document:
    """What a caller needs: to put an input, to have it answered, and to read the answer or why there is none.

    Without the right to list, S3 answers a request for what is not there yet as one that is refused
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
    """
    from_vpc = {"StringEquals": {"aws:SourceVpc": vpc}}
    context = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": [by.bucket, *by.objects("")]}}
    through_endpoint = {"StringEquals": {"aws:SourceVpce": runtime}}
    return document(
        allow("InvokeThroughVpc", ["sagemaker:InvokeEndpointAsync"], [endpoint], through_endpoint),
        allow("PutInputs", ["s3:PutObject"], by.objects(INPUTS), from_vpc),
        allow("ReadAnswers", ["s3:GetObject"], by.objects(OUTPUTS, FAILURES), from_vpc),
        allow("ListAnswers", ["s3:ListBucket"], [by.bucket], from_vpc),
        allow("RequestsKey", USE_KEY, [by.data_key], _through(account, "s3") | context),
    )


def gateway_statements(account: Account, buckets: Sequence[Arn], roles: str) -> list[Statement]:
    """What passes the S3 endpoint: this account's callers, and roles whose ARNs match `roles`."""
    if not buckets:
        return []
    own = {"StringEquals": {"aws:PrincipalAccount": account.id}}
    serving = own | {"ArnLike": {"aws:PrincipalArn": roles}}
    inputs, outputs, failures = (
        [pulumi.Output.concat(bucket, f"/{prefix}*") for bucket in buckets] for prefix in (INPUTS, OUTPUTS, FAILURES)
    )
    passing = [
        allow("PutInputs", ["s3:PutObject"], inputs, own),
        allow("ReadAnswers", ["s3:GetObject"], [*outputs, *failures], own),
        allow("ListAnswers", ["s3:ListBucket"], list(buckets), own),
        allow("ReadInputs", ["s3:GetObject"], inputs, serving),
        allow("WriteAnswers", ["s3:AbortMultipartUpload", "s3:PutObject"], [*outputs, *failures], serving),
    ]
    return [statement | {"Principal": {"AWS": "*"}} for statement in passing]


def topic(topic_arn: Arn, role: Arn) -> Document:
    """Nobody but the endpoint's role publishes, whoever else is allowed, and nobody without TLS.

    What the role may, its own policy says.
    """
    others = {"ArnNotEquals": {"aws:PrincipalArn": role}}
    return document(
        deny_everyone("SageMakerAlone", "sns:Publish", [topic_arn], others),
        deny_everyone("TlsOnly", "sns:Publish", [topic_arn], {"Bool": {"aws:SecureTransport": "false"}}),
    )


def notifications_key_use(account: Account) -> Statement:
    """Lets principals that IAM allows use the notifications key, through SNS, for topics of this account.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    topics = {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": account.arn("sns", "*")}}
    return on_key("RolesPublish", {"AWS": account.root}, USE_KEY, _through(account, "sns") | topics)


def _through(account: Account, service: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"kms:ViaService": f"{service}.{account.region}.amazonaws.com"}}
