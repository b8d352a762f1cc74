"""The queue of an asynchronous endpoint: requests wait for an instance, and their answers are put into S3.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html and, under
https://docs.aws.amazon.com/sagemaker/latest/dg/, async-inference.html (what is asynchronous takes no other calls),
async-inference-autoscale.html (what waits without an instance, and the policy that starts one),
async-inference-check-predictions.html (notifications) and async-inference-monitor.html (metrics). Which way requests
and answers take is not published: here it is the way of the model's artifact, from the instance through its VPC.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse
from moto.sns.models import sns_backends

from private_inference.rehearsal import model_server
from private_inference.rehearsal.iam_decision import Role
from private_inference.rehearsal.model_server import InvokeError
from private_inference.rehearsal.object_writes import read_refusal, role_tells, write_refusal
from private_inference.rehearsal.patches.fleet_facts import artifact_at, destination_at, find_role, way_to_s3
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.patches.services import topic_of

METRICS = "AWS/SageMaker"
HEADERS = "X-Amzn-SageMaker-"


@dataclass(frozen=True)
class Waiting:
    """A request in the queue."""

    id: str
    input: str
    """S3 URI."""
    content_type: str
    accept: str
    output: str
    """S3 URI of its answer."""
    failure: str
    """S3 URI of what is told where there is no answer."""
    received: datetime = field(default_factory=lambda: datetime.now(UTC))


class FailedError(Exception):
    """A request that has no answer; the message says why, in AWS's words where they are known."""


def asynchronous(backend: Any, endpoint: Any) -> dict[str, Any] | None:
    """The AsyncInferenceConfig of the configuration that an endpoint (moto's) is on."""
    configuration = backend.endpoint_configs.get(getattr(endpoint, "endpoint_config_name", None))
    return getattr(configuration, "async_inference_config", None) or None


@patch(SageMakerRuntimeResponse, "invoke_endpoint_async")
def queued_request(original: Any, response: Any) -> Any:
    """InvokeEndpointAsync queues a request, which an instance answers from and into S3, and tells where.

    What AWS says to requests that can't be asynchronous is not published.
    """
    backend = sagemaker_backends[response.current_account][response.region]
    name, headers = response.path.split("/")[2], response.headers
    endpoint = backend.endpoints.get(name)
    if endpoint is None or endpoint.endpoint_status == "Failed":
        raise _invalid(f"Endpoint {name} of account {backend.account_id} not found.")
    configured = asynchronous(backend, endpoint)
    if configured is None:
        raise _invalid(f"Endpoint {name} is not asynchronous.")
    location = headers.get(f"{HEADERS}InputLocation", "")
    if not location.startswith("s3://"):
        raise _invalid("InputLocation must be an S3 URI.")
    outputs, identity = configured["OutputConfig"], headers.get(f"{HEADERS}Inference-Id") or str(mock_random.uuid4())
    file, failures = str(mock_random.uuid4()), outputs.get("S3FailurePath") or outputs["S3OutputPath"]
    waiting = Waiting(
        identity,
        location,
        headers.get(f"{HEADERS}Content-Type", ""),
        headers.get(f"{HEADERS}Accept", ""),
        f"{outputs['S3OutputPath'].rstrip('/')}/{file}.out",
        f"{failures.rstrip('/')}/{file}-error.out",
    )
    endpoint.__dict__.setdefault("queue", []).append(waiting)
    work(backend, endpoint)
    _start_from_zero(backend, endpoint)
    where = {f"{HEADERS}OutputLocation": waiting.output, f"{HEADERS}FailureLocation": waiting.failure}
    # moto takes the status from the headers, which it has filled in already.
    where["status"] = str(int(HTTPStatus.ACCEPTED))
    return int(HTTPStatus.ACCEPTED), where, json.dumps({"InferenceId": identity})


def _invalid(message: str) -> Exception:
    return InvokeError(HTTPStatus.BAD_REQUEST, "ValidationError", message)


def work(backend: Any, endpoint: Any) -> None:
    """Answer what waits, as far as there are instances."""
    queue: list[Waiting] = endpoint.__dict__.setdefault("queue", [])
    configured = asynchronous(backend, endpoint)
    while queue and configured and (fleet := next((f for f in endpoint.fleets.values() if f.instances), None)):
        request, role = queue.pop(0), find_role(backend, fleet.role_arn)
        _count(backend, endpoint, fleet, "InvocationsProcessed")
        told: dict[str, Any]
        try:
            if role is None:
                raise FailedError(f"Could not assume role {fleet.role_arn}.")
            kind = _answer(backend, fleet, role, request, configured)
            told, topic = (
                {"responseParameters": {"contentType": kind, "outputLocation": request.output}},
                "SuccessTopic",
            )
        except FailedError as error:
            _count(backend, endpoint, fleet, "InvocationFailures")
            if role is not None and not _refused(backend, fleet, role, request.failure, configured):
                _put(backend, request.failure, str(error).encode(), configured)
            told, topic = {"failureReason": str(error)}, "ErrorTopic"
        arn = configured["OutputConfig"].get("NotificationConfig", {}).get(topic)
        if arn and not (role and _tell(backend, role, arn, _notification(backend, endpoint, request, told))):
            _count(backend, endpoint, fleet, "NotificationFailures")


def _answer(backend: Any, fleet: Any, role: Role, request: Waiting, configured: dict[str, Any]) -> str:
    """Have a request answered into S3; the answer's content type. Raises FailedError."""
    way = way_to_s3(backend, fleet.subnets)
    if why := read_refusal(backend.region_name, role, artifact_at(backend, request.input), way):
        raise FailedError(f"Failed to download the request from {request.input}: {why}.")
    content = model_server.stored_object(backend, request.input).value
    asked = {"Content-Type": request.content_type, "Accept": request.accept}
    try:
        kind, answer = model_server.predict_on(fleet.instances[0], SimpleNamespace(headers=asked, data=content))
    except InvokeError as error:
        raise FailedError(json.loads(error.description)["Message"]) from None
    if why := _refused(backend, fleet, role, request.output, configured):
        raise FailedError(f"Failed to upload the response to {request.output}: {why}.")
    _put(backend, request.output, answer, configured)
    return kind


def _refused(backend: Any, fleet: Any, role: Role, uri: str, configured: dict[str, Any]) -> str:
    key, way = configured["OutputConfig"].get("KmsKeyId"), way_to_s3(backend, fleet.subnets)
    return write_refusal(backend.region_name, role, destination_at(backend, uri, "aws:kms" if key else None, key), way)


def _put(backend: Any, uri: str, content: bytes, configured: dict[str, Any]) -> None:
    place, key = urlparse(uri), configured["OutputConfig"].get("KmsKeyId")
    s3_backends[backend.account_id][backend.partition].put_object(
        place.netloc, place.path.lstrip("/"), content, encryption="aws:kms" if key else None, kms_key_id=key
    )


def _notification(backend: Any, endpoint: Any, request: Waiting, told: dict[str, Any]) -> dict[str, Any]:
    asked = {
        "contentType": request.content_type,
        "endpointName": endpoint.endpoint_name,
        "inputLocation": request.input,
    }
    return {
        "awsRegion": backend.region_name,
        "eventTime": datetime.now(UTC).isoformat(),
        "receivedTime": request.received.isoformat(),
        "invocationStatus": "Failed" if "failureReason" in told else "Completed",
        "requestParameters": asked,
        **told,
        "inferenceId": request.id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _tell(backend: Any, role: Role, arn: str, message: dict[str, Any]) -> bool:
    """Whether a topic could be told."""
    if not role_tells(backend.region_name, role, topic_of(backend, arn)):
        return False
    sns_backends[backend.account_id][backend.region_name].topics[arn].publish(json.dumps(message))
    return True


def _count(backend: Any, endpoint: Any, fleet: Any, metric: str) -> None:
    named = (("EndpointName", endpoint.endpoint_name), ("VariantName", fleet.variant["VariantName"]))
    dimensions = [{"Name": name, "Value": value} for name, value in named]
    point = {"MetricName": metric, "Value": 1, "Dimensions": dimensions}
    cloudwatch_backends[backend.account_id][backend.region_name].put_metric_data(METRICS, [point])


def _start_from_zero(backend: Any, endpoint: Any) -> None:
    """Requests that wait without an instance raise HasBacklogWithoutCapacity; its alarm's policy starts instances.

    The minutes that pass until then pass at once. Without such an alarm, requests wait for whoever starts one.
    """
    if not endpoint.queue:
        return
    scaling = applicationautoscaling_backends[backend.account_id][backend.region_name]
    policies = {policy.policy_arn: policy for policy in scaling.policies.values()}
    for alarm in cloudwatch_backends[backend.account_id][backend.region_name].alarms.values():
        dimensions = {each.name: each.value for each in alarm.dimensions or []}
        watches = alarm.metric_name == "HasBacklogWithoutCapacity" and alarm.threshold <= 1
        if not (watches and dimensions == {"EndpointName": endpoint.endpoint_name}):
            continue
        for policy in (policies[arn] for arn in alarm.alarm_actions if arn in policies):
            _step(backend, endpoint, scaling, policy)


def _step(backend: Any, endpoint: Any, scaling: Any, policy: Any) -> None:
    """Carry out a step policy, within the bounds of its target."""
    _, name, _, variant = policy.resource_id.split("/")
    target = scaling.targets.get(policy.scalable_dimension, {}).get(policy.resource_id)
    if name != endpoint.endpoint_name or policy.policy_type != "StepScaling" or target is None:
        return
    steps = policy.step_scaling_policy_configuration["StepAdjustments"]
    more = sum(step["ScalingAdjustment"] for step in steps if step.get("MetricIntervalLowerBound", 0) <= 0)
    running = {each["VariantName"]: each.get("DesiredInstanceCount", 0) for each in endpoint.production_variants}
    wanted = min(max(running[variant] + more, target.min_capacity), target.max_capacity)
    backend.update_endpoint_weights_and_capacities(
        endpoint.endpoint_name, [{"VariantName": variant, "DesiredInstanceCount": wanted}]
    )
