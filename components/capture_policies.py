"""Who may do what with captured calls: SageMaker writes them with the endpoint's execution role, and reads none.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture.html (s3:PutObject)
"""

from collections.abc import Sequence

import pulumi

from components.iam import Account, Arn, Statement, allow

WRITE = ("s3:AbortMultipartUpload", "s3:PutObject")


def role_statements(account: Account, bucket: Arn, data_key: Arn) -> list[Statement]:
    """What an execution role needs beside what it needs to run a model."""
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{account.region}.amazonaws.com"}}
    return [
        allow("Capture", WRITE, [pulumi.Output.concat(bucket, "/*")]),
        allow("CaptureKey", ["kms:GenerateDataKey"], [data_key], through_s3),
    ]


def gateway_statements(account: Account, buckets: Sequence[Arn], roles: str) -> list[Statement]:
    """What passes the S3 endpoint: roles whose ARNs match `roles` write."""
    if not buckets:
        return []
    by = {"StringEquals": {"aws:PrincipalAccount": account.id}, "ArnLike": {"aws:PrincipalArn": roles}}
    objects = [pulumi.Output.concat(bucket, "/*") for bucket in buckets]
    return [allow("Capture", WRITE, objects, by) | {"Principal": {"AWS": "*"}}]
