"""Model Registry packages of other pipelines in the embedded AWS, under the ARNs that a stack's settings name."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components.model_packages import assumed
from components.settings.model_package import Package
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.operations import Operations

SMALL_MODEL = Path(__file__).with_name("small_model.json")
"""What each package holds here: an XGBoost model of one split. What it really holds is in the real account only."""
SAMPLE = b"0.5\n"
"""A request that it answers."""


def registered(named: Iterable[Package | None]) -> list[Package]:
    """Those that settings name, and before them the versions alone, whose specification each has."""
    given = [package for package in named if package]
    return list(dict.fromkeys([*(Package(each.arn) for each in given), *given]))


def artifact_of(package: Package) -> tuple[str, str]:
    """Bucket and key of a package's archive in a rehearsal."""
    bucket, _, key = assumed(package)[0].artifact.removeprefix("s3://").partition("/")
    return bucket, key


def model_package(aws: EmbeddedAws, package: Package) -> None:
    """An approved version of a group with an inference specification, as far as they aren't there.

    Its archive is under a key of its own. Its bucket has to be there, and its image.
    """
    sagemaker, group = aws.client("sagemaker"), package.arn.split("/")[1]
    there = package.arn in {each["ModelPackageArn"] for each in _all(sagemaker, group)}
    if there and (package.specification is None or package.specification in _additional(sagemaker, package.arn)):
        return
    encrypting = aws.client("kms").create_key(Description=f"Models of {group}")["KeyMetadata"]["Arn"]
    hold(aws, package, packed("xgboost-model", SMALL_MODEL.read_bytes()), SAMPLE, encrypting)
    if there:
        sagemaker.update_model_package(
            ModelPackageArn=package.arn,
            ModelApprovalStatus="Approved",
            AdditionalInferenceSpecificationsToAdd=[_specification(package)],
        )
        return
    groups = sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    if group not in {each["ModelPackageGroupName"] for each in groups}:
        sagemaker.create_model_package_group(ModelPackageGroupName=group, ModelPackageGroupDescription="Of a pipeline")
    made = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification=_specification(package),
        ModelApprovalStatus="Approved",
        SamplePayloadUrl="s3://{}/{}".format(*_payload_of(package)),
    )["ModelPackageArn"]
    Operations(aws.endpoint_url).model_package(made, package.arn)


def _additional(sagemaker: Any, arn: str) -> set[str]:
    found = sagemaker.describe_model_package(ModelPackageName=arn).get("AdditionalInferenceSpecifications", [])
    return {each["Name"] for each in found}


def _specification(package: Package) -> dict[str, Any]:
    containers = [{"Image": each.image.uri, "ModelDataUrl": each.artifact} for each in assumed(package)]
    types = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["application/json"]}
    return {"Containers": containers, **types, **({"Name": package.specification} if package.specification else {})}


def hold(aws: EmbeddedAws, package: Package, archive: bytes, sample: bytes, key: str) -> None:
    """A package's archive, and the sample payload that it was registered with, are these, under a key."""
    for (bucket, path), body in ((artifact_of(package), archive), (_payload_of(package), packed("sample.csv", sample))):
        aws.client("s3").put_object(Bucket=bucket, Key=path, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)


def _payload_of(package: Package) -> tuple[str, str]:
    """A version has one, whichever of its specifications is served."""
    bucket, key = artifact_of(Package(package.arn))
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
