"""Rows for what holds data and images: Amazon S3 and Amazon ECR."""

import mimetypes
from typing import Any
from urllib.parse import urlencode

import pulumi

from private_inference.rehearsal.inputs import Inputs, UnhandledError, pairs, request
from private_inference.rehearsal.rows import Account, Call, Create, Made, Row


def bucket(account: Account, inputs: Inputs) -> Made:
    s3, name = account.client("s3"), inputs["bucket"]
    inputs.ignore("forceDestroy", "it matters only when the bucket is deleted")
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
    return Made(name, outputs, {"forceDestroy": False, "objectLockEnabled": False})


def setting(operation: str, parameter: str, renamed: dict[str, str]) -> Create:
    """The create function of a bucket's setting: one call whose `parameter` takes what the resource holds.

    `renamed` maps properties to names inside that parameter; the call's own parameters keep theirs.
    """

    def create(account: Account, inputs: Inputs) -> Made:
        s3, name = account.client("s3"), inputs["bucket"]
        inputs.ignore("skipDestroy", "it matters only when the setting is deleted")
        top = {"bucket": name} | {key: inputs[key] for key in CALL_PARAMETERS if key in inputs}
        arguments = top | {parameter: {renamed.get(key, key): value for key, value in inputs.rest().items()}}
        getattr(s3, operation)(**request(s3, operation, arguments, {}))
        return Made(name)

    return create


CALL_PARAMETERS = ("expectedBucketOwner", "mfa", "transitionDefaultMinimumObjectSize")


def versioning(account: Account, inputs: Inputs) -> Made:
    s3, name = account.client("s3"), inputs["bucket"]
    s3.put_bucket_versioning(**request(s3, "put_bucket_versioning", {"bucket": name, **inputs.rest()}, {}))
    return Made(name)


def logging(account: Account, inputs: Inputs) -> Made:
    s3, name = account.client("s3"), inputs["bucket"]
    s3.put_bucket_logging(
        **request(
            s3, "put_bucket_logging", {"bucket": name, "bucketLoggingStatus": {"loggingEnabled": inputs.rest()}}, {}
        )
    )
    return Made(name)


def policy(account: Account, inputs: Inputs) -> Made:
    account.client("s3").put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])
    return Made(inputs["bucket"])


def bucket_object(account: Account, inputs: Inputs) -> Made:
    s3, name, key = account.client("s3"), inputs["bucket"], inputs["key"]
    inputs.ignore("forceDestroy", "it matters only when the object is deleted")
    inputs.ignore("sourceHash", "it only tells the provider when to upload again")
    source, content = inputs.get("source"), inputs.get("content")
    kind = inputs.get("contentType") or mimetypes.guess_type(key)[0] or "binary/octet-stream"
    body = asset_bytes(source) if source is not None else str(content or "").encode()
    renamed = {"kmsKeyId": "SSEKMSKeyId"}
    parameters = request(s3, "put_object", inputs.rest() | {"contentType": kind}, renamed)
    tagging = {"Tagging": urlencode(inputs.tags)} if inputs.tags else {}
    answer = s3.put_object(Bucket=name, Key=key, Body=body, **tagging, **parameters)
    outputs = {
        "arn": f"arn:{account.partition}:s3:::{name}/{key}",
        "etag": answer["ETag"].strip('"'),
        "versionId": answer.get("VersionId", ""),
        "contentType": kind,
        "serverSideEncryption": answer.get("ServerSideEncryption", ""),
        "kmsKeyId": answer.get("SSEKMSKeyId", ""),
        "bucketKeyEnabled": answer.get("BucketKeyEnabled", False),
        **{name: answer.get(name[0].upper() + name[1:], "") for name in CHECKSUMS},
    }
    return Made(f"{name}/{key}", outputs, {"storageClass": "STANDARD", "forceDestroy": False})


CHECKSUMS = ("checksumCrc32", "checksumCrc32c", "checksumCrc64nvme", "checksumSha1", "checksumSha256")


def asset_bytes(asset: Any) -> bytes:
    """What a Pulumi asset holds. Paths are relative to the program's folder, where the rehearsal runs it."""
    if isinstance(asset, pulumi.FileAsset):
        from pathlib import Path

        return Path(str(asset.path)).read_bytes()
    if isinstance(asset, pulumi.StringAsset):
        return str(asset.text).encode()
    raise UnhandledError(f"an object's source can be a FileAsset or a StringAsset, not a {type(asset).__name__}")


ECR = {"name": "repositoryName", "encryptionConfigurations": "encryptionConfiguration"}


def repository(account: Account, inputs: Inputs) -> Made:
    inputs.ignore("forceDelete", "it matters only when the repository is deleted")
    create = Call(
        "ecr",
        "create_repository",
        id="repository.repositoryName",
        outputs={
            "arn": "repository.repositoryArn",
            "registryId": "repository.registryId",
            "repositoryUrl": "repository.repositoryUri",
        },
        renamed=ECR,
        defaults={"imageTagMutability": "MUTABLE"},
    )
    return create(account, inputs)


ROWS = {
    "aws:s3/bucket:Bucket": Row(bucket, auto_name="bucket", most=63),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Row(
        setting("put_bucket_ownership_controls", "ownershipControls", {"rule": "rules"}), taggable=False
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Row(
        setting("put_public_access_block", "publicAccessBlockConfiguration", {}), taggable=False
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Row(
        setting("put_bucket_encryption", "serverSideEncryptionConfiguration", {}), taggable=False
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Row(versioning, taggable=False),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Row(
        setting("put_bucket_lifecycle_configuration", "lifecycleConfiguration", {}), taggable=False
    ),
    "aws:s3/bucketLogging:BucketLogging": Row(logging, taggable=False),
    "aws:s3/bucketPolicy:BucketPolicy": Row(policy, taggable=False),
    "aws:s3/bucketObjectv2:BucketObjectv2": Row(bucket_object),
    "aws:ecr/repository:Repository": Row(repository, auto_name="name", most=256),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Row(
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
