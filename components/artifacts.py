"""The bucket of model artifacts. An object is named by its content, so a changed model is a new object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components import iam, model_archive, model_directory
from components.buckets import BucketSafeguardsArgs, Kept, bucket_safeguards
from components.data_perimeter import Readers, reads
from components.names import stack_path
from components.settings import Container
from components.settings.served_model import ARCHIVE
from components.storage import StorageArgs


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """The bucket, and what to put into it."""

    storage: StorageArgs
    containers: Sequence[Container]
    """Those of the stack's models; the local archives and directories of these are uploaded."""
    hooks: pulumi.ResourceHookBinding
    """Of the uploaded objects."""
    readers: Readers | None = None
    """Who reads artifacts, and from where, if the bucket's policy bounds it."""


PREFIX = "models/"
"""Of the keys of artifacts in the stack's bucket."""
AUTHORITIES = "authorities/"
"""Of the keys of the CAs' certificates that clients of the load balancer have theirs of."""


@dataclass(frozen=True)
class Artifact:
    """A model archive in S3, or a prefix of a model's files or of several archives, which ends in `/`."""

    uri: pulumi.Output[str]
    content: str
    """What identifies its content: the digest of what was uploaded, or the URI of what others keep in S3."""
    readable: pulumi.Output[str]
    """ARN of what a role must be allowed to read to load it: all artifacts of the stack, or the object elsewhere.

    A permission for the stack's one newest artifact would take the serving one from the fleet that still loads it.
    """
    uploaded: Sequence[pulumi.Resource] = ()
    """The objects that have to be there before a model is made."""


class ArtifactStore(pulumi.ComponentResource):
    """A private, versioned bucket encrypted with the stack's key, and in it the local artifacts of its models."""

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
        local = {container.source: container for container in args.containers if container.local}
        self._digests = {source: _digest(container) for source, container in local.items()}
        self._protected = self._safeguards()
        self._uploaded = self._upload_all(local)
        self.register_outputs({"bucketName": self.bucket.bucket})

    def artifact_of(self, container: Container) -> Artifact:
        """What a container loads from: in this bucket, or at the S3 URI in its settings."""
        if container.local:
            return self._uploaded[self._digests[container.source]]
        path = container.artifact.removeprefix("s3://")
        arn = f"arn:{self._args.account.partition}:s3:::{objects(path)}"
        uri = pulumi.Output.from_input(container.artifact)
        return Artifact(uri=uri, content=container.artifact, readable=pulumi.Output.from_input(arn))

    def readable(self, uri: str) -> pulumi.Output[str]:
        """As `Artifact.readable`, of an artifact that serves now: one of this stack's, or one elsewhere."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        arn = f"arn:{self._args.account.partition}:s3:::"
        return self.bucket.bucket.apply(
            lambda own: (
                f"{arn}{bucket}/{PREFIX}*"
                if bucket == own and key.startswith(PREFIX)
                else f"{arn}{bucket}/{objects(key)}"
            )
        )

    def authorities(self, bundle: Path) -> aws.s3.BucketObjectv2:
        """The uploaded certificates of CAs, named by their content: others are another object."""
        digest = sha256(bundle.read_bytes()).hexdigest()
        key = f"{AUTHORITIES}{digest}.pem"
        return self._upload(f"authorities-{digest[:12]}", key, bundle, "application/x-pem-file", hooks=None)

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

    def _upload_all(self, local: Mapping[str, Container]) -> Mapping[str, Artifact]:
        """The objects of each content, by its digest, however many models share it."""
        by_content = {digest: local[source] for source, digest in self._digests.items()}
        return {
            digest: self._files(_files(container), digest)
            if container.listed
            else self._archive(Path(container.artifact), digest)
            for digest, container in by_content.items()
        }

    def _archive(self, archive: Path, digest: str) -> Artifact:
        name, key = f"model-{digest[:12]}", f"{PREFIX}{digest}/model.tar.gz"
        uploaded = self._upload(name, key, archive, "application/gzip", self._hooks)
        uri = pulumi.Output.concat("s3://", uploaded.bucket, "/", uploaded.key)
        return Artifact(uri=uri, content=digest, readable=self._own, uploaded=[uploaded])

    def _files(self, files: Mapping[str, Path], digest: str) -> Artifact:
        prefix = f"{PREFIX}{digest}/"
        uploaded = [
            self._upload(
                f"model-{digest[:12]}/{name}", f"{prefix}{name}", path, "application/octet-stream", self._hooks
            )
            for name, path in files.items()
        ]
        uri = pulumi.Output.concat("s3://", self.bucket.bucket, "/", prefix)
        return Artifact(uri=uri, content=digest, readable=self._own, uploaded=uploaded)

    @property
    def _own(self) -> pulumi.Output[str]:
        return pulumi.Output.concat(self.bucket.arn, f"/{PREFIX}*")

    def _upload(
        self, name: str, key: str, path: Path, content_type: str, hooks: pulumi.ResourceHookBinding | None
    ) -> aws.s3.BucketObjectv2:
        # An object stays when the program no longer names it: a rollback finds the model that it rolls back to.
        return aws.s3.BucketObjectv2(
            name,
            bucket=self.bucket.bucket,
            key=key,
            source=pulumi.FileAsset(str(path)),
            content_type=content_type,
            server_side_encryption="aws:kms",
            kms_key_id=self._args.key_arn,
            opts=self._child(*self._protected, hooks=hooks),
        )


def _files(container: Container) -> Mapping[str, Path]:
    """What lies below the prefix of a container, by its path from there: a directory's files, or archives by name."""
    if container.local_artifact:
        return model_directory.files(container.local_artifact)
    return {f"{name}{ARCHIVE}": Path(path) for name, path in container.models.items()}


def _digest(container: Container) -> str:
    """Of its one archive, or of the list of its files."""
    return (
        model_directory.digest(_files(container))
        if container.listed
        else model_archive.digest(Path(container.artifact))
    )


def objects(place: str) -> str:
    """A pattern of the objects at a place in S3: itself, or all below a prefix, which ends in `/`."""
    return f"{place}*" if place.endswith("/") else place
