"""AWS Lambda."""

import base64
from typing import Any

from flask import request
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.ec2.models import ec2_backends

from private_inference.rehearsal.patches.fleet_facts import unknown_network
from private_inference.rehearsal.patches.own_account import own_address
from private_inference.rehearsal.patches.patch import patch


@patch(LambdaBackend, "create_function")
def function_network(original: Any, backend: Any, spec: dict[str, Any]) -> Any:
    """CreateFunction refuses unknown subnets and groups, and keeps where the function logs (API_CreateFunction)."""
    network = spec.get("VpcConfig") or {}
    unknown = unknown_network(backend, network.get("SubnetIds", []), network.get("SecurityGroupIds", []))
    if unknown:
        raise InvalidParameterValueException(unknown)
    made = original(backend, spec)
    made.logging_config = spec.get("LoggingConfig")
    return made


@patch(LambdaFunction, "get_configuration")
def function_configuration(original: Any, function: Any, *given: Any, **asked: Any) -> Any:
    """A function's configuration names the VPC of its subnets and where it logs (API_FunctionConfiguration)."""
    configuration = original(function, *given, **asked)
    network = configuration.get("VpcConfig") or {}
    if network.get("SubnetIds"):
        ec2 = ec2_backends[function.account_id][function.region]
        network["VpcId"] = ec2.get_subnet(network["SubnetIds"][0]).vpc_id
    log_group = f"/aws/lambda/{function.function_name}"
    chosen = getattr(function, "logging_config", None) or {}
    return configuration | {"LoggingConfig": {"LogFormat": "Text", "LogGroup": log_group} | chosen}


@patch(LambdaFunction, "invoke")
def function_run(original: Any, function: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
    """Invoke runs the function's code with its role's credentials (API_Invoke); moto would need Docker for it.

    Other requests are served meanwhile: the function's own are among them.
    """
    from private_inference.rehearsal import functions  # the reachability engine, which nothing else here needs

    configuration, event = function.get_configuration(), body.encode() if isinstance(body, str) else body
    url = own_address()
    with request.environ["rehearsal.aside"]():
        outcome = functions.invoke(url, configuration, function.code_bytes, event)
    if outcome.failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    response_headers["x-amz-log-result"] = base64.b64encode(outcome.log.encode()[-4096:]).decode()
    return outcome.payload
