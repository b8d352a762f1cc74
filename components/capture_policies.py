"""Who may do what with captured calls: SageMaker writes them with the endpoint's execution role, and reads none.

Who looks for drift reads them, where a policy for that is asked for.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture.html (s3:PutObject)
"""

from collections.abc import Sequence

import pulumi

from components.iam import Account, Arn, Document, Statement, allow, document

WRITE = ("s3:AbortMultipartUpload", "s3:PutObject")


def role_statements(account: Account, bucket: Arn, data_key: Arn) -> list[Statement]:
    """What an execution role needs beside what it needs to run a model."""
    return [
        allow("Capture", WRITE, _objects([bucket])),
        allow("CaptureKey", ["kms:GenerateDataKey"], [data_key], _through_s3(account)),
    ]


def read(account: Account, bucket: Arn, data_key: Arn, vpc: pulumi.Input[str]) -> Document:
    """What whoever reads captured calls needs: to find them by listing, and to read them, from this VPC."""
    from_vpc = {"StringEquals": {"aws:SourceVpc": vpc}}
    context = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, *_objects([bucket])]}}
    return document(
        allow("ReadCaptured", ["s3:GetObject"], _objects([bucket]), from_vpc),
        allow("ListCaptured", ["s3:ListBucket"], [bucket], from_vpc),
        allow("CapturedKey", ["kms:Decrypt"], [data_key], _through_s3(account) | context),
    )


def gateway_statements(
    account: Account, buckets: Sequence[Arn], roles: str, *, readable: Sequence[Arn]
) -> list[Statement]:
    """What passes the S3 endpoint: roles whose ARNs match `roles` write, and this account's principals read.

    `readable` are the buckets that somebody has a policy to read.
    """
    own = {"StringEquals": {"aws:PrincipalAccount": account.id}}
    writing = [allow("Capture", WRITE, _objects(buckets), own | {"ArnLike": {"aws:PrincipalArn": roles}})]
    reading = [
        allow("ReadCaptured", ["s3:GetObject"], _objects(readable), own),
        allow("ListCaptured", ["s3:ListBucket"], list(readable), own),
    ]
    passing = [*(writing if buckets else ()), *(reading if readable else ())]
    return [statement | {"Principal": {"AWS": "*"}} for statement in passing]


def _objects(buckets: Sequence[Arn]) -> list[Arn]:
    return [pulumi.Output.concat(bucket, "/*") for bucket in buckets]


def _through_s3(account: Account) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"kms:ViaService": f"s3.{account.region}.amazonaws.com"}}
