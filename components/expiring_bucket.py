"""A private, encrypted bucket of one endpoint's, in which nothing stays longer than it has to."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.buckets import BucketSafeguardsArgs, Kept, bucket_safeguards
from components.data_perimeter import Readers, reads
from components.names import stack_path
from components.storage import StorageArgs


@dataclass(frozen=True, kw_only=True)
class ExpiringBucketArgs:
    """One bucket."""

    storage: StorageArgs
    rule: str
    """Name of its lifecycle rule."""
    days: int
    """After which an object is gone."""
    access_log_prefix: str
    """Within the stack's, where there are access logs."""
    readers: Readers | None
    """Who reads, and from where, if the bucket's policy bounds it."""


@dataclass(frozen=True)
class ExpiringBucket:
    """The bucket, and what has to be there before its first object."""

    bucket: aws.s3.Bucket
    safeguards: list[pulumi.Resource]


def expiring_bucket(name: str, parent: pulumi.Resource, args: ExpiringBucketArgs) -> ExpiringBucket:
    """Declare it. It stays in the account on destroy, where artifacts do."""
    storage = args.storage
    bucket = aws.s3.Bucket(
        name,
        force_destroy=not storage.keep,
        opts=pulumi.ResourceOptions(parent=parent, protect=storage.protect, retain_on_delete=storage.keep),
    )

    def child(*depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        # The bucket's safeguards stay as long as the bucket does: deleting them would open it.
        return pulumi.ResourceOptions(parent=parent, depends_on=list(depends_on), retain_on_delete=storage.keep)

    bounded = reads(args.readers, pulumi.Output.concat(bucket.arn, "/*")) if args.readers else []
    safeguards = bucket_safeguards(
        name,
        BucketSafeguardsArgs(
            bucket=bucket,
            key_arn=storage.key_arn,
            bucket_key=True,
            policy=iam.artifact_bucket(bucket.arn, storage.key_arn, *bounded),
            # What expired is gone a day later, not kept as long again as a replaced version.
            kept=Kept(rule=args.rule, days=args.days, noncurrent_days=1),
            access_log_bucket=storage.settings.access_log_bucket,
            access_log_prefix=f"{stack_path().removeprefix('/')}{args.access_log_prefix}/",
        ),
        child,
    )
    return ExpiringBucket(bucket, safeguards)
