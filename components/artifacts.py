"""The bucket of model artifacts. An object is named by its content, so a changed model is a new object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components import iam, model_archive
from components.data_perimeter import Readers, reads
from components.names import stack_path
from components.settings import ModelSettings
from components.storage import StorageArgs


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """The bucket, and what to put into it."""

    storage: StorageArgs
    models: Sequence[ModelSettings]
    """The stack's models; the local archives of these are uploaded."""
    hooks: pulumi.ResourceHookBinding
    """Of the uploaded archives."""
    readers: Readers | None = None
    """Who reads artifacts, and from where, if the bucket's policy bounds it."""


PREFIX = "models/"
"""Of the keys of artifacts in the stack's bucket."""


@dataclass(frozen=True)
class Artifact:
    """A model archive in S3."""

    uri: pulumi.Output[str]
    content: str
    """What identifies its content: the digest of an uploaded archive, or the URI of one that others keep in S3."""
    readable: pulumi.Output[str]
    """ARN of what a role must be allowed to read to load it: all artifacts of the stack, or the object elsewhere.

    A permission for the stack's one newest artifact would take the serving one from the fleet that still loads it.
    """


class ArtifactStore(pulumi.ComponentResource):
    """A private, versioned bucket encrypted with the stack's key, and in it the local archives of its models."""

    bucket: aws.s3.Bucket

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:ArtifactStore", name, None, opts)
        self._name = name
        self._args = args.storage
        self._hooks = args.hooks
        self._readers = args.readers
        self.bucket = aws.s3.Bucket(
            name,
            force_destroy=not args.storage.keep,
            opts=pulumi.ResourceOptions(parent=self, protect=args.storage.protect, retain_on_delete=args.storage.keep),
        )
        safeguards = [self._block_public_access(), self._encrypt(), self._policy(), *self._keep_versions()]
        self._log_access()
        local = {model.artifact: path for model in args.models if (path := model.local_artifact)}
        self._digests = {artifact: model_archive.digest(path) for artifact, path in local.items()}
        self._uploaded = self._upload_all(safeguards)
        self.register_outputs({"bucketName": self.bucket.bucket})

    def artifact_of(self, model: ModelSettings) -> Artifact:
        """A model's archive: in this bucket, or at the S3 URI in its settings."""
        if model.local_artifact:
            return self._uploaded[self._digests[model.artifact]]
        path = model.artifact.removeprefix("s3://")
        arn = f"arn:{self._args.account.partition}:s3:::{path}"
        uri = pulumi.Output.from_input(model.artifact)
        return Artifact(uri=uri, content=model.artifact, readable=pulumi.Output.from_input(arn))

    def readable(self, uri: str) -> pulumi.Output[str]:
        """As `Artifact.readable`, of an archive that serves now: one of this stack's, or one elsewhere."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        arn = f"arn:{self._args.account.partition}:s3:::"
        return self.bucket.bucket.apply(
            lambda own: (
                f"{arn}{bucket}/{PREFIX}*" if bucket == own and key.startswith(PREFIX) else f"{arn}{bucket}/{key}"
            )
        )

    def _child(
        self, *depends_on: pulumi.Resource, hooks: pulumi.ResourceHookBinding | None = None
    ) -> pulumi.ResourceOptions:
        # The bucket's safeguards stay as long as the bucket does: deleting them would open it.
        return pulumi.ResourceOptions(
            parent=self, depends_on=list(depends_on), retain_on_delete=self._args.keep, hooks=hooks
        )

    def _block_public_access(self) -> pulumi.Resource:
        aws.s3.BucketOwnershipControls(
            self._name,
            bucket=self.bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self._child(),
        )
        return aws.s3.BucketPublicAccessBlock(
            self._name,
            bucket=self.bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child(),
        )

    def _encrypt(self) -> pulumi.Resource:
        default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms", kms_master_key_id=self._args.key_arn
        )
        return aws.s3.BucketServerSideEncryptionConfiguration(
            self._name,
            bucket=self.bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=default, bucket_key_enabled=True
                )
            ],
            opts=self._child(),
        )

    def _policy(self) -> pulumi.Resource:
        objects = pulumi.Output.concat(self.bucket.arn, "/*")
        bounded = reads(self._readers, objects) if self._readers else []
        document = iam.artifact_bucket(self.bucket.arn, self._args.key_arn, *bounded)
        return aws.s3.BucketPolicy(
            self._name, bucket=self.bucket.bucket, policy=iam.json_document(document), opts=self._child()
        )

    def _keep_versions(self) -> list[pulumi.Resource]:
        versioning = aws.s3.BucketVersioning(
            self._name,
            bucket=self.bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self._child(),
        )
        days = self._args.settings.noncurrent_days
        lifecycle = aws.s3.BucketLifecycleConfiguration(
            self._name,
            bucket=self.bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="replaced-versions",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=(
                        aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(noncurrent_days=days)
                    ),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=7
                        )
                    ),
                )
            ],
            opts=self._child(versioning),
        )
        return [versioning, lifecycle]

    def _log_access(self) -> None:
        target = self._args.settings.access_log_bucket
        if target:
            aws.s3.BucketLogging(
                self._name,
                bucket=self.bucket.bucket,
                target_bucket=target,
                target_prefix=stack_path().removeprefix("/"),
                opts=pulumi.ResourceOptions(parent=self),
            )

    def _upload_all(self, safeguards: Sequence[pulumi.Resource]) -> Mapping[str, Artifact]:
        """One object for each content, by its digest, however many models share it."""
        by_content = {digest: path for path, digest in self._digests.items()}
        return {digest: self._upload(Path(path), digest, safeguards) for digest, path in by_content.items()}

    def _upload(self, archive: Path, digest: str, safeguards: Sequence[pulumi.Resource]) -> Artifact:
        # An object stays when the program no longer names it: a rollback finds the model that it rolls back to.
        uploaded = aws.s3.BucketObjectv2(
            f"model-{digest[:12]}",
            bucket=self.bucket.bucket,
            key=f"{PREFIX}{digest}/model.tar.gz",
            source=pulumi.FileAsset(str(archive)),
            content_type="application/gzip",
            server_side_encryption="aws:kms",
            kms_key_id=self._args.key_arn,
            opts=self._child(*safeguards, hooks=self._hooks),
        )
        return Artifact(
            uri=pulumi.Output.concat("s3://", uploaded.bucket, "/", uploaded.key),
            content=digest,
            readable=pulumi.Output.concat(self.bucket.arn, f"/{PREFIX}*"),
        )
