"""What every bucket of a stack has: no public access, no access lists, encryption, a policy, versions that expire."""

from collections.abc import Callable
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import Document, json_document

UNFINISHED_DAYS = 7
"""Days after which the parts of an upload that was never finished are removed."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How long a bucket keeps what."""

    rule: str
    """Name of its lifecycle rule."""
    noncurrent_days: int
    """Days that a replaced or deleted version is kept."""
    days: int | None = None
    """Days after which objects are deleted, if ever."""


@dataclass(frozen=True, kw_only=True)
class BucketSafeguardsArgs:
    """What one bucket has."""

    bucket: aws.s3.Bucket
    key_arn: pulumi.Input[str]
    """The KMS key of objects that are put without one."""
    bucket_key: bool
    """Whether S3 asks KMS once for many objects; whoever writes must be allowed to decrypt then."""
    policy: Document
    kept: Kept
    access_log_bucket: str | None
    """An existing bucket for S3 access logs."""
    access_log_prefix: str


def bucket_safeguards(
    name: str, args: BucketSafeguardsArgs, options: Callable[..., pulumi.ResourceOptions]
) -> list[pulumi.Resource]:
    """Declare the safeguards; returns those that have to be there before the first object.

    `options` takes resources to depend on.
    """
    bucket = args.bucket.bucket
    owner = aws.s3.BucketOwnershipControls(
        name,
        bucket=bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=options(),
    )
    closed = aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=options(),
    )
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms", kms_master_key_id=args.key_arn
    )
    encryption = aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=default, bucket_key_enabled=args.bucket_key
            )
        ],
        opts=options(),
    )
    policy = aws.s3.BucketPolicy(name, bucket=bucket, policy=json_document(args.policy), opts=options())
    versioning = aws.s3.BucketVersioning(
        name,
        bucket=bucket,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=options(),
    )
    lifecycle = aws.s3.BucketLifecycleConfiguration(
        name, bucket=bucket, rules=[_lifecycle(args.kept)], opts=options(versioning)
    )
    if args.access_log_bucket:
        aws.s3.BucketLogging(
            name,
            bucket=bucket,
            target_bucket=args.access_log_bucket,
            target_prefix=args.access_log_prefix,
            opts=options(),
        )
    return [owner, closed, encryption, policy, versioning, lifecycle]


def _lifecycle(kept: Kept) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    expiration = aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=kept.days) if kept.days else None
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id=kept.rule,
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=expiration,
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=kept.noncurrent_days
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=UNFINISHED_DAYS
        ),
    )
