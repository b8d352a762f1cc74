"""Handlers for Amazon SageMaker AI, Application Auto Scaling and AWS Lambda."""

from dataclasses import replace

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.assets import zipped
from private_inference.rehearsal.handler import Call, Create, Created, Handler, call, select
from private_inference.rehearsal.inputs import Inputs

SCALING_ROLE = (
    "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


def scaling_target(account: Account, inputs: Inputs) -> Created:
    answer = call(account, "application-autoscaling", "register_scalable_target", inputs)
    outputs = {
        "arn": answer["ScalableTargetARN"],
        "roleArn": f"arn:{account.partition}:iam::{account.id}:role/{SCALING_ROLE}",
    }
    return Created(answer["request"]["ResourceId"], outputs)


def endpoint(account: Account, inputs: Inputs) -> Created:
    """An endpoint, in service or failed: the provider waits for either."""
    created = _named("Endpoint", "create_endpoint")(account, inputs)
    described = account.client("sagemaker").describe_endpoint(EndpointName=created.id)
    if described["EndpointStatus"] == "Failed":
        return replace(created, failure=f"the endpoint failed: {described['FailureReason']}")
    return created


def function(account: Account, inputs: Inputs) -> Created:
    archive = inputs.get("code")
    sources = {name: inputs.get(name) for name in ("imageUri", "s3Bucket", "s3Key")}
    code = {"zipFile": zipped(archive)} if archive is not None else sources
    renamed = {"name": "FunctionName"}
    made = call(account, "lambda", "create_function", inputs, renamed=renamed, more={"code": code})
    arn = made["FunctionArn"]
    gateway = f"arn:{account.partition}:apigateway:{account.region}:lambda:path/2015-03-31/functions/{arn}/invocations"
    outputs = select(
        {
            "arn": "FunctionArn",
            "version": "Version",
            "lastModified": "LastModified",
            "codeSha256": "CodeSha256",
            "sourceCodeSize": "CodeSize",
        },
        made,
    )
    outputs |= {"qualifiedArn": f"{arn}:{made['Version']}", "invokeArn": gateway}
    return Created(made["FunctionName"], outputs, {"memorySize": 128, "timeout": 3, "packageType": "Zip"})


def _named(kind: str, operation: str, **defaults: bool) -> Call:
    """The creation of a type whose AWS name (`Endpoint`) starts its name parameter and its ARN's."""
    return Call(
        "sagemaker",
        operation,
        id=f"request.{kind}Name",
        outputs={"arn": f"{kind}Arn"},
        renamed={"name": f"{kind}Name", "kmsKeyArn": "KmsKeyId"},
        defaults=defaults,
    )


def _sagemaker(create: Create) -> Handler:
    return Handler(create, auto_name="name", longest_name=63)


HANDLERS = {
    "aws:sagemaker/model:Model": _sagemaker(_named("Model", "create_model", enableNetworkIsolation=False)),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": _sagemaker(
        _named("EndpointConfig", "create_endpoint_config")
    ),
    "aws:sagemaker/endpoint:Endpoint": _sagemaker(endpoint),
    # AWS ignores a target's role for services that have a service-linked one.
    "aws:appautoscaling/target:Target": Handler(scaling_target, ignored=("roleArn",)),
    "aws:appautoscaling/policy:Policy": Handler(
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
    "aws:lambda/function:Function": Handler(
        function, auto_name="name", longest_name=64, ignored=("skipDestroy", "sourceCodeHash")
    ),
}
