"""Model Registry packages of other pipelines in the embedded AWS, under the ARNs that a stack's settings name."""

import io
import tarfile
from pathlib import Path
from typing import Any

from components.model_packages import assumed
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.operations import Operations

SMALL_MODEL = Path(__file__).with_name("small_model.json")
"""What each package holds here: an XGBoost model of one split. What it really holds is in the real account only."""
SAMPLE = b"0.5\n"
"""A request that it answers."""


def artifact_of(arn: str) -> tuple[str, str]:
    """Bucket and key of a package's archive in a rehearsal."""
    bucket, _, key = assumed(arn)[0].artifact.removeprefix("s3://").partition("/")
    return bucket, key


def model_package(aws: EmbeddedAws, arn: str) -> None:
    """An approved version of a group, unless it is there, with an archive under a key of its own.

    Its bucket has to be there, and its image.
    """
    sagemaker, group = aws.client("sagemaker"), arn.split("/")[1]
    if arn in {each["ModelPackageArn"] for each in _all(sagemaker, group)}:
        return
    groups = sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    if group not in {each["ModelPackageGroupName"] for each in groups}:
        sagemaker.create_model_package_group(ModelPackageGroupName=group, ModelPackageGroupDescription="Of a pipeline")
    encrypting = aws.client("kms").create_key(Description=f"Models of {group}")["KeyMetadata"]["Arn"]
    hold(aws, arn, packed("xgboost-model", SMALL_MODEL.read_bytes()), SAMPLE, encrypting)
    containers = [{"Image": each.image.uri, "ModelDataUrl": each.artifact} for each in assumed(arn)]
    made = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": containers,
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        ModelApprovalStatus="Approved",
        SamplePayloadUrl="s3://{}/{}".format(*_payload_of(arn)),
    )["ModelPackageArn"]
    Operations(aws.endpoint_url).model_package(made, arn)


def hold(aws: EmbeddedAws, arn: str, archive: bytes, sample: bytes, key: str) -> None:
    """A package's archive, and the sample payload that it was registered with, are these, under a key."""
    for (bucket, path), body in ((artifact_of(arn), archive), (_payload_of(arn), packed("sample.csv", sample))):
        aws.client("s3").put_object(Bucket=bucket, Key=path, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)


def _payload_of(arn: str) -> tuple[str, str]:
    bucket, key = artifact_of(arn)
    return bucket, key.replace("model.tar.gz", "payload.tar.gz")


def packed(name: str, content: bytes) -> bytes:
    """An archive of one file."""
    archive, member = io.BytesIO(), tarfile.TarInfo(name)
    member.size = len(content)
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        packed.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def _all(sagemaker: Any, group: str) -> list[Any]:
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    return [each for page in pages for each in page["ModelPackageSummaryList"]]
