"""What SageMaker describes of models: their containers, and what each of them loads.

A model of a Model Registry's package is described by the package's name alone
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html, ModelPackageName): what its
containers are is the registry's to say.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Item = Mapping[str, Any]
"""What AWS describes, in its own words."""

GONE = re.compile(r"Could not find|does not exist|not found")
"""SageMaker has no error of its own for what isn't there: ValidationException, Could not find endpoint "..."."""


def ask(sagemaker: Any, operation: str, **parameters: str) -> Item | None:
    """What SageMaker answers; None if there is no such thing."""
    try:
        answer: Item = getattr(sagemaker, operation)(**parameters)
    except sagemaker.exceptions.ClientError as error:
        if GONE.search(error.response["Error"]["Message"]):
            return None
        raise
    return answer


def containers_of(sagemaker: Any, model: Item) -> Iterator[Item]:
    """The containers of a model, whichever way it was given them. Those of a package that is gone are left out."""
    for each in [model["PrimaryContainer"]] if model.get("PrimaryContainer") else model.get("Containers", []):
        if "ModelPackageName" not in each:
            yield each
            continue
        package = ask(sagemaker, "describe_model_package", ModelPackageName=each["ModelPackageName"])
        yield from specification(package, each.get("InferenceSpecificationName")).get("Containers", [])


def specification(package: Item | None, name: str | None) -> Item:
    """What a package, as DescribeModelPackage has it, says of how it is served: the additional one of a name, if given.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceSpecification.html,
    API_AdditionalInferenceSpecificationDefinition.html there. Empty if it says nothing.
    """
    said = package or {}
    if name is None:
        first: Item = said.get("InferenceSpecification", {})
        return first
    return next((each for each in said.get("AdditionalInferenceSpecifications", []) if each["Name"] == name), {})


def artifact_of(container: Item) -> str | None:
    """S3 URI of what a container loads.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html (ModelDataUrl,
    ModelDataSource)
    """
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri: str | None = container.get("ModelDataUrl") or source.get("S3Uri")
    return uri


def key_of(s3: Any, uri: str) -> str | None:
    """The key of an object, or of the first below a prefix; None for one that has none or can't be seen."""
    try:
        return read_key(s3, uri)
    except s3.exceptions.ClientError:
        return None


def read_key(s3: Any, uri: str) -> str | None:
    """As `key_of`; raises botocore's ClientError for what can't be seen."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if key.endswith("/"):
        key = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [{"Key": key}])[0]["Key"]
    found: str | None = s3.head_object(Bucket=bucket, Key=key).get("SSEKMSKeyId")
    return found
