"""Inference components of Amazon SageMaker AI: models that share an endpoint's fleet. moto has none.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html and its kin,
https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html (calls fail while there is no
copy, and what starts one) and, for the words of refused calls, what AWS's users quote. Everything happens within a
call: nothing is in progress afterwards. Copies take memory, CPUs and accelerators; which instance SageMaker would take
for one is not published.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from private_inference.rehearsal import fleet_needs
from private_inference.rehearsal.containers import Containers
from private_inference.rehearsal.model_server import InvokeError
from private_inference.rehearsal.patches import fleets
from private_inference.rehearsal.patches.endpoints import arn_of, fill, refuse_taken, request_parameters
from private_inference.rehearsal.patches.fleet_facts import fleet_facts
from private_inference.rehearsal.patches.fleets import NotStartedError
from private_inference.rehearsal.patches.patch import patch
from private_inference.runner.aws_facts import instance_types

DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
METRICS = "AWS/SageMaker"
NOT_NAMED = (
    "Inference Component Name header is required for endpoints to which you plan to deploy inference components. "
    "Please include Inference Component Name header or consider using SageMaker models."
)
NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if "
    "configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)


@dataclass
class Component:
    """An inference component."""

    name: str
    arn: str
    endpoint: str
    variant: str
    specification: dict[str, Any]
    desired: int
    copies: list[Containers] = field(default_factory=list)
    """What each copy loaded when it started."""
    status: str = "InService"
    failure: str | None = None
    deployment: dict[str, Any] | None = None
    created: datetime = field(default_factory=utcnow)
    modified: datetime = field(default_factory=utcnow)

    @property
    def containers(self) -> Containers:
        """What the oldest copy answers with."""
        return self.copies[0]


def components(backend: Any) -> dict[str, Component]:
    """Those of an account and region, by name."""
    found: dict[str, Component] = backend.__dict__.setdefault("inference_components", {})
    return found


def component(backend: Any, name: str) -> Component:
    """The one of a name. Raises ValidationError."""
    found = components(backend).get(name)
    if found is None:
        raise ValidationError(f'Could not find inference component "{arn_of(backend, f"inference-component/{name}")}".')
    return found


def create(backend: Any, asked: dict[str, Any]) -> Component:
    """Make a component; one whose copies can't start is there, and failed."""
    name = asked["InferenceComponentName"]
    refuse_taken(components(backend), backend, "inference-component", name)
    endpoint = _endpoint(backend, asked["EndpointName"])
    made = Component(
        name=name,
        arn=arn_of(backend, f"inference-component/{name}"),
        endpoint=endpoint.endpoint_name,
        variant=asked.get("VariantName") or endpoint.production_variants[0]["VariantName"],
        specification=asked["Specification"],
        desired=asked.get("RuntimeConfig", {}).get("CopyCount", 1),
    )
    _refuse_unknown_model(backend, made.specification)
    components(backend)[name] = made
    try:
        _start(backend, made, made.desired)
    except NotStartedError as error:
        made.status, made.failure = "Failed", str(error)
    return made


def update(backend: Any, asked: dict[str, Any]) -> Component:
    """Give a component another specification, in new copies; if they can't start, the old ones stay in service."""
    found = component(backend, asked["InferenceComponentName"])
    before = (found.specification, found.desired, found.copies)
    found.specification = asked.get("Specification") or found.specification
    found.deployment = asked.get("DeploymentConfig") or found.deployment
    _refuse_unknown_model(backend, found.specification)
    found.modified, found.failure, found.copies = utcnow(), None, []
    try:
        _start(backend, found, asked.get("RuntimeConfig", {}).get("CopyCount", found.desired))
    except NotStartedError as error:
        found.specification, found.desired, found.copies = before
        found.failure = str(error)
    return found


def scale(backend: Any, found: Component, copies: int) -> None:
    """Bring a component to a number of copies. Raises NotStartedError; then it has those that it had."""
    before = found.desired
    try:
        _start(backend, found, copies)
    except NotStartedError:
        found.desired = before
        raise


def delete(backend: Any, name: str) -> None:
    """Take a component away, with its scalable target; the fleet shrinks to what the others need."""
    found = component(backend, name)
    scaling = applicationautoscaling_backends[backend.account_id][backend.region_name]
    if target := scaling.targets.get(DIMENSION, {}).get(f"inference-component/{name}"):
        scaling.deregister_scalable_target("sagemaker", target.resource_id, DIMENSION)
    del components(backend)[name]
    _fit_fleet(backend, found)


def _start(backend: Any, found: Component, copies: int) -> None:
    """Let so many copies run, on a fleet with room for them. Raises NotStartedError."""
    more = copies - len(found.copies)
    found.desired = copies
    endpoint = _endpoint(backend, found.endpoint)
    variant = {"VariantName": found.variant, "ModelName": found.specification["ModelName"]}
    lacking = fleet_needs.missing(fleet_facts(backend, endpoint.endpoint_config_name, variant)) if more > 0 else []
    if lacking:
        raise NotStartedError(lacking[0].reason)
    _fit_fleet(backend, found)
    started = [fleets.copy_of(backend, found.endpoint, variant) for _ in range(more)]
    found.copies = [*found.copies, *started][:copies]


def _fit_fleet(backend: Any, found: Component) -> None:
    """Managed instance scaling: as many instances as the copies need, within its bounds. Raises NotStartedError."""
    endpoint = _endpoint(backend, found.endpoint)
    fleet = endpoint.fleets[found.variant]
    managed = fleet.variant.get("ManagedInstanceScaling") or {}
    least, most = managed.get("MinInstanceCount", 1), managed.get("MaxInstanceCount", len(fleet.instances))
    sharing = [each for each in components(backend).values() if each.endpoint == found.endpoint]
    needed = instances_for(fleet.variant["InstanceType"], sharing)
    if needed > most:
        raise NotStartedError(f"The copies need {needed} instances, and MaxInstanceCount is {most}.")
    count = max(needed, least)
    fill(backend, endpoint, fleet, count)
    summary = next(each for each in endpoint.production_variants if each["VariantName"] == found.variant)
    summary["DesiredInstanceCount"] = count
    fleets.show(endpoint)


def instances_for(kind: str, sharing: list[Component]) -> int:
    """How many instances of a type the desired copies of components take, each resource by itself."""
    facts = instance_types()[kind.removeprefix("ml.")]
    has = {
        "MinMemoryRequiredInMb": facts["MemoryInfo"]["SizeInMiB"],
        "NumberOfCpuCoresRequired": facts["VCpuInfo"]["DefaultVCpus"],
        "NumberOfAcceleratorDevicesRequired": sum(gpu["Count"] for gpu in facts.get("GpuInfo", {}).get("Gpus", [])),
    }
    taken: list[int] = [
        math.ceil(
            sum(
                float(each.specification["ComputeResourceRequirements"].get(resource, 0)) * each.desired
                for each in sharing
            )
            / there
        )
        for resource, there in has.items()
        if there
    ]
    return max(taken)


def _endpoint(backend: Any, name: str) -> Any:
    if name not in backend.endpoints:
        raise ValidationError(f'Could not find endpoint "{arn_of(backend, f"endpoint/{name}")}".')
    return backend.endpoints[name]


def _refuse_unknown_model(backend: Any, specification: dict[str, Any]) -> None:
    name = specification.get("ModelName", "")
    if name not in backend._models:
        raise ValidationError(f'Could not find model "{arn_of(backend, f"model/{name}")}".')


def called(backend: Any, endpoint_name: str, request: Any) -> Component | None:
    """The component that a call names, if it has a copy; None where the endpoint hosts none.

    One without a copy is started by its alarm, for the next call. Raises InvokeError.
    """
    endpoint = backend.endpoints.get(endpoint_name)
    if endpoint is None or all(fleet.variant.get("ModelName") for fleet in endpoint.fleets.values()):
        return None
    name = request.headers.get("X-Amzn-SageMaker-Inference-Component")
    if not name:
        raise _refused(NOT_NAMED)
    found = components(backend).get(name)
    if found is None or found.endpoint != endpoint.endpoint_name:
        raise _refused(f"Inference Component {name} of endpoint {endpoint.endpoint_name} not found.")
    if not found.copies:
        _count_failure(backend, found)
        _start_from_zero(backend, found)
        raise _refused(NO_CAPACITY)
    return found


def _refused(message: str) -> Exception:
    return InvokeError(HTTPStatus.BAD_REQUEST, "ValidationError", message)


def _count_failure(backend: Any, found: Component) -> None:
    dimensions = [{"Name": "InferenceComponentName", "Value": found.name}]
    point = {"MetricName": "NoCapacityInvocationFailures", "Value": 1, "Dimensions": dimensions}
    cloudwatch_backends[backend.account_id][backend.region_name].put_metric_data(METRICS, [point])


def _start_from_zero(backend: Any, found: Component) -> None:
    """The alarm on failed calls has its policy start copies. The minutes until then pass at once."""
    scaling = applicationautoscaling_backends[backend.account_id][backend.region_name]
    policies = {policy.policy_arn: policy for policy in scaling.policies.values()}
    target = scaling.targets.get(DIMENSION, {}).get(f"inference-component/{found.name}")
    for alarm in cloudwatch_backends[backend.account_id][backend.region_name].alarms.values():
        named = {each.name: each.value for each in alarm.dimensions or []}
        watches = alarm.metric_name == "NoCapacityInvocationFailures" and alarm.threshold <= 1
        if not (target and watches and named == {"InferenceComponentName": found.name}):
            continue
        for policy in (policies[arn] for arn in alarm.alarm_actions if arn in policies):
            if policy.policy_type == "StepScaling" and policy.resource_id == target.resource_id:
                steps = (policy.step_scaling_policy_configuration or {})["StepAdjustments"]
                more = sum(step["ScalingAdjustment"] for step in steps if step.get("MetricIntervalLowerBound", 0) <= 0)
                scale(backend, found, min(max(found.desired + more, target.min_capacity), target.max_capacity))


# The API


@patch(SageMakerResponse, "create_inference_component")
def component_creation(original: Any, response: Any) -> Any:
    """CreateInferenceComponent starts copies of a model on an endpoint's fleet; moto lacks the call."""
    return ActionResult({"InferenceComponentArn": create(response.sagemaker_backend, request_parameters()).arn})


@patch(SageMakerResponse, "update_inference_component")
def component_update(original: Any, response: Any) -> Any:
    """UpdateInferenceComponent replaces the copies; moto lacks the call."""
    return ActionResult({"InferenceComponentArn": update(response.sagemaker_backend, request_parameters()).arn})


@patch(SageMakerResponse, "update_inference_component_runtime_config")
def component_scaling(original: Any, response: Any) -> Any:
    """UpdateInferenceComponentRuntimeConfig changes the number of copies; moto lacks the call."""
    backend, asked = response.sagemaker_backend, request_parameters()
    found = component(backend, asked["InferenceComponentName"])
    try:
        scale(backend, found, asked["DesiredRuntimeConfig"]["CopyCount"])
    except NotStartedError as error:
        found.failure = str(error)
    return ActionResult({"InferenceComponentArn": found.arn})


@patch(SageMakerResponse, "delete_inference_component")
def component_deletion(original: Any, response: Any) -> Any:
    """DeleteInferenceComponent takes its copies away; moto lacks the call."""
    delete(response.sagemaker_backend, request_parameters()["InferenceComponentName"])
    return ActionResult({})


@patch(SageMakerResponse, "describe_inference_component")
def component_description(original: Any, response: Any) -> Any:
    """DescribeInferenceComponent tells what runs; moto lacks the call."""
    found = component(response.sagemaker_backend, request_parameters()["InferenceComponentName"])
    answer = _summary(response.sagemaker_backend, found) | {
        "Specification": found.specification,
        "RuntimeConfig": {"DesiredCopyCount": found.desired, "CurrentCopyCount": len(found.copies)},
        "LastDeploymentConfig": found.deployment,
        "FailureReason": found.failure,
    }
    return ActionResult({key: value for key, value in answer.items() if value is not None})


@patch(SageMakerResponse, "list_inference_components")
def component_list(original: Any, response: Any) -> Any:
    """ListInferenceComponents tells those of an endpoint; moto lacks the call."""
    backend, endpoint = response.sagemaker_backend, request_parameters().get("EndpointNameEquals")
    listed = [each for each in components(backend).values() if endpoint in (None, each.endpoint)]
    return ActionResult({"InferenceComponents": [_summary(backend, each) for each in listed]})


def _summary(backend: Any, found: Component) -> dict[str, Any]:
    return {
        "InferenceComponentName": found.name,
        "InferenceComponentArn": found.arn,
        "InferenceComponentStatus": found.status,
        "EndpointName": found.endpoint,
        "EndpointArn": arn_of(backend, f"endpoint/{found.endpoint}"),
        "VariantName": found.variant,
        "CreationTime": found.created,
        "LastModifiedTime": found.modified,
    }


@patch(SageMakerModelBackend, "delete_endpoint")
def endpoint_with_components(original: Any, backend: Any, endpoint_name: str) -> None:
    """DeleteEndpoint refuses an endpoint that hosts inference components: they go first. AWS's words are not known.

    https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-delete-resources.html
    """
    hosted = sorted(each.name for each in components(backend).values() if each.endpoint == endpoint_name)
    if hosted:
        raise ValidationError(f"Endpoint {endpoint_name} hosts inference components: {', '.join(hosted)}.")
    original(backend, endpoint_name)
