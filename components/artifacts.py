"""The bucket of model artifacts. An object is named by its content, so a changed model is a new object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components import iam, model_archive
from components.buckets import BucketSafeguardsArgs, Kept, bucket_safeguards
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
        local = {model.artifact: path for model in args.models if (path := model.local_artifact)}
        self._digests = {artifact: model_archive.digest(path) for artifact, path in local.items()}
        self._uploaded = self._upload_all(self._safeguards())
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

    def _safeguards(self) -> list[pulumi.Resource]:
        objects = pulumi.Output.concat(self.bucket.arn, "/*")
        bounded = reads(self._readers, objects) if self._readers else []
        return bucket_safeguards(
            self._name,
            BucketSafeguardsArgs(
                bucket=self.bucket,
                key_arn=self._args.key_arn,
                bucket_key=True,
                policy=iam.artifact_bucket(self.bucket.arn, self._args.key_arn, *bounded),
                kept=Kept(rule="replaced-versions", noncurrent_days=self._args.settings.noncurrent_days),
                access_log_bucket=self._args.settings.access_log_bucket,
                access_log_prefix=stack_path().removeprefix("/"),
            ),
            self._child,
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
