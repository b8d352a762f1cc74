"""Rows for what serves models and scales them: Amazon SageMaker AI, Application Auto Scaling, AWS Lambda."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pulumi

from private_inference.rehearsal.inputs import Inputs, UnhandledError, request, tag_parameters
from private_inference.rehearsal.rows import Account, Call, Made, Row
from private_inference.rehearsal.services.storage import asset_bytes

LINKED_ROLE = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com"


def scaling_target(account: Account, inputs: Inputs) -> Made:
    service = account.client("application-autoscaling")
    inputs.ignore("roleArn", "AWS documents that it is ignored for services with a service-linked role")
    parameters = request(service, "register_scalable_target", inputs.rest(), {})
    tags = tag_parameters(service, "register_scalable_target", inputs.tags, "")
    answer = service.register_scalable_target(**parameters, **tags)
    role = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    outputs = {
        "arn": answer["ScalableTargetARN"],
        "roleArn": f"arn:{account.partition}:iam::{account.id}:role/{LINKED_ROLE}/{role}",
    }
    return Made(parameters["ResourceId"], outputs)


def function(account: Account, inputs: Inputs) -> Made:
    service = account.client("lambda")
    inputs.ignore("skipDestroy", "it matters only when the function is deleted")
    inputs.ignore("sourceCodeHash", "it only tells the provider when to upload again")
    archive = inputs.get("code")
    image, s3 = inputs.get("imageUri"), (inputs.get("s3Bucket"), inputs.get("s3Key"))
    code = {"imageUri": image} if image else {"s3Bucket": s3[0], "s3Key": s3[1]}
    if archive is not None:
        code = {"zipFile": zipped(archive)}
    parameters = request(service, "create_function", inputs.rest() | {"code": code}, {"name": "FunctionName"})
    made = service.create_function(**parameters, **tag_parameters(service, "create_function", inputs.tags, ""))
    arn = made["FunctionArn"]
    gateway = f"arn:{account.partition}:apigateway:{account.region}:lambda:path/2015-03-31/functions/{arn}/invocations"
    outputs = {
        "arn": arn,
        "qualifiedArn": f"{arn}:{made['Version']}",
        "invokeArn": gateway,
        "version": made["Version"],
        "lastModified": made["LastModified"],
        "codeSha256": made["CodeSha256"],
        "sourceCodeSize": made["CodeSize"],
    }
    return Made(made["FunctionName"], outputs, {"memorySize": 128, "timeout": 3, "packageType": "Zip"})


def zipped(archive: Any) -> bytes:
    """A Pulumi archive as a ZIP file."""
    if isinstance(archive, pulumi.FileArchive) and Path(str(archive.path)).is_file():
        return Path(str(archive.path)).read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name, content in _entries(archive).items():
            target.writestr(name, content)
    return packed.getvalue()


def _entries(archive: Any) -> dict[str, bytes]:
    if isinstance(archive, pulumi.FileArchive):
        root = Path(str(archive.path))
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    if isinstance(archive, pulumi.AssetArchive):
        return {name: asset_bytes(asset) for name, asset in archive.assets.items()}
    raise UnhandledError(f"a function's code can be a FileArchive or an AssetArchive, not a {type(archive).__name__}")


ROWS = {
    "aws:sagemaker/model:Model": Row(
        Call(
            "sagemaker",
            "create_model",
            id="request.ModelName",
            outputs={"arn": "ModelArn"},
            renamed={"name": "ModelName"},
            defaults={"enableNetworkIsolation": False},
        ),
        auto_name="name",
        most=63,
    ),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": Row(
        Call(
            "sagemaker",
            "create_endpoint_config",
            id="request.EndpointConfigName",
            outputs={"arn": "EndpointConfigArn"},
            renamed={"name": "EndpointConfigName", "kmsKeyArn": "KmsKeyId"},
        ),
        auto_name="name",
        most=63,
    ),
    "aws:sagemaker/endpoint:Endpoint": Row(
        Call(
            "sagemaker",
            "create_endpoint",
            id="request.EndpointName",
            outputs={"arn": "EndpointArn"},
            renamed={"name": "EndpointName"},
        ),
        auto_name="name",
        most=63,
    ),
    "aws:appautoscaling/target:Target": Row(scaling_target),
    "aws:appautoscaling/policy:Policy": Row(
        Call(
            "application-autoscaling",
            "put_scaling_policy",
            id="request.PolicyName",
            outputs={"arn": "PolicyARN", "alarmArns": "Alarms[].AlarmARN"},
            renamed={"name": "PolicyName"},
        ),
        auto_name="name",
        taggable=False,
    ),
    "aws:lambda/function:Function": Row(function, auto_name="name", most=64),
}
