"""Model Registry packages of other pipelines in the embedded AWS, under the ARNs that a stack's settings name."""

from typing import Any

from components.model_packages import assumed
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.operations import Operations


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
    if not sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]:
        sagemaker.create_model_package_group(ModelPackageGroupName=group, ModelPackageGroupDescription="Of a pipeline")
    bucket, key = artifact_of(arn)
    encrypting = aws.client("kms").create_key(Description=f"Models of {group}")["KeyMetadata"]["Arn"]
    aws.client("s3").put_object(
        Bucket=bucket, Key=key, Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=encrypting
    )
    containers = [{"Image": each.image.uri, "ModelDataUrl": each.artifact} for each in assumed(arn)]
    made = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": containers,
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        ModelApprovalStatus="Approved",
    )["ModelPackageArn"]
    Operations(aws.endpoint_url).model_package(made, arn)


def _all(sagemaker: Any, group: str) -> list[Any]:
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    return [each for page in pages for each in page["ModelPackageSummaryList"]]
