"""Handlers for Amazon S3 and Amazon ECR."""

import json
import mimetypes
from pathlib import Path

from components import image_directory
from private_inference.rehearsal.account import Account
from private_inference.rehearsal.assets import content_of
from private_inference.rehearsal.handler import Call, Created, Handler, call, select
from private_inference.rehearsal.inputs import Inputs, RefusedError, UnhandledError
from private_inference.rehearsal.requests import pairs

CHECKSUMS = ("checksumCrc32", "checksumCrc32c", "checksumCrc64nvme", "checksumSha1", "checksumSha256")


def bucket(account: Account, inputs: Inputs) -> Created:
    s3, name = account.client("s3"), inputs["bucket"]
    location = {"CreateBucketConfiguration": {"LocationConstraint": account.region}}
    lock = {"ObjectLockEnabledForBucket": True} if inputs.get("objectLockEnabled") else {}
    s3.create_bucket(Bucket=name, **lock, **({} if account.region == "us-east-1" else location))
    if inputs.tags:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs(inputs.tags)})
    outputs = {
        "arn": f"arn:{account.partition}:s3:::{name}",
        "bucketDomainName": f"{name}.s3.{account.dns_suffix}",
        "bucketRegionalDomainName": f"{name}.s3.{account.region}.{account.dns_suffix}",
        "bucketRegion": account.region,
    }
    return Created(name, outputs, {"forceDestroy": False, "objectLockEnabled": False})


def bucket_object(account: Account, inputs: Inputs) -> Created:
    name, key = inputs["bucket"], inputs["key"]
    source, content = inputs.get("source"), inputs.get("content")
    kind = inputs.get("contentType") or mimetypes.guess_type(key)[0] or "binary/octet-stream"
    body = content_of(source, Path()) if source is not None else str(content or "").encode()
    more = {"bucket": name, "key": key, "body": body, "contentType": kind}
    answer = call(account, "s3", "put_object", inputs, renamed={"kmsKeyId": "SSEKMSKeyId"}, more=more)
    expressions = {
        "versionId": "VersionId || ''",
        "serverSideEncryption": "ServerSideEncryption || ''",
        "kmsKeyId": "SSEKMSKeyId || ''",
        "bucketKeyEnabled": "BucketKeyEnabled || `false`",
        **{name: f"{name[0].upper()}{name[1:]} || ''" for name in CHECKSUMS},
    }
    outputs = select(expressions, answer) | {
        "arn": f"arn:{account.partition}:s3:::{name}/{key}",
        "etag": answer["ETag"].strip('"'),
        "contentType": kind,
    }
    return Created(f"{name}/{key}", outputs, {"storageClass": "STANDARD", "forceDestroy": False})


MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
"""What SageMaker takes: https://github.com/aws/amazon-sagemaker-feedback/issues/180"""


def built_image(account: Account, inputs: Inputs) -> Created:
    """An image that Docker would build and push. Nothing is built: its manifest names what it would be built from.

    https://www.pulumi.com/registry/packages/docker-build/api-docs/image/
    """
    (tag,), (platform,), (export,) = inputs["tags"], inputs["platforms"], inputs["exports"]
    location = Path(inputs["context"]["location"])
    if problem := image_directory.problem_with(location):
        raise RefusedError(f"{location} can't be built: {problem}")
    image = export.get("image") or {}
    if inputs["push"] or not image.get("push") or image.get("ociMediaTypes") is not False:
        raise UnhandledError(
            "it is exported otherwise than as an image with Docker's media types, pushed to a registry"
        )
    repository, _, version = tag.partition("/")[2].partition(":")
    digest = image_directory.digest(location)
    layer = {"digest": f"sha256:{digest}", "size": 1}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer], "annotations": {"platform": platform}}
    pushed = account.client("ecr").put_image(
        repositoryName=repository, imageTag=version, imageManifest=json.dumps(manifest), imageManifestMediaType=MANIFEST
    )
    found = pushed["image"]["imageId"]["imageDigest"]
    outputs = {"digest": found, "ref": f"{tag}@{found}", "contextHash": digest}
    return Created(outputs["digest"], outputs)


def _setting(operation: str, within: str = "", **renamed: str) -> Handler:
    """The handler of a bucket's setting: one call that names the bucket and takes the rest `within` a parameter."""
    create = Call("s3", operation, id="request.Bucket", renamed=renamed, within=within)
    return Handler(create, taggable=False, ignored=("skipDestroy",))


HANDLERS = {
    "aws:s3/bucket:Bucket": Handler(bucket, auto_name="bucket", longest_name=63, ignored=("forceDestroy",)),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _setting(
        "put_bucket_ownership_controls", "ownershipControls", rule="rules"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _setting(
        "put_public_access_block", "publicAccessBlockConfiguration"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _setting(
        "put_bucket_encryption", "serverSideEncryptionConfiguration"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _setting("put_bucket_versioning"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _setting(
        "put_bucket_lifecycle_configuration", "lifecycleConfiguration"
    ),
    "aws:s3/bucketLogging:BucketLogging": _setting("put_bucket_logging", "bucketLoggingStatus.loggingEnabled"),
    "aws:s3/bucketPolicy:BucketPolicy": _setting("put_bucket_policy"),
    "aws:s3/bucketObjectv2:BucketObjectv2": Handler(bucket_object, ignored=("forceDestroy", "sourceHash")),
    "aws:ecr/repository:Repository": Handler(
        Call(
            "ecr",
            "create_repository",
            id="repository.repositoryName",
            outputs={
                "arn": "repository.repositoryArn",
                "registryId": "repository.registryId",
                "repositoryUrl": "repository.repositoryUri",
            },
            renamed={"name": "repositoryName", "encryptionConfigurations": "encryptionConfiguration"},
            defaults={"imageTagMutability": "MUTABLE"},
        ),
        auto_name="name",
        longest_name=256,
        ignored=("forceDelete",),
    ),
    "docker-build:index:Image": Handler(built_image, taggable=False, ignored=("buildOnPreview", "network")),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Handler(
        Call(
            "ecr",
            "put_lifecycle_policy",
            id="repositoryName",
            outputs={"registryId": "registryId"},
            renamed={"repository": "repositoryName", "policy": "lifecyclePolicyText"},
        ),
        taggable=False,
    ),
}
