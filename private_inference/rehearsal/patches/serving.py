"""Amazon SageMaker AI's models, configurations and runtime, Application Auto Scaling."""

import json
from http import HTTPStatus
from typing import Any

from moto.applicationautoscaling import models as applicationautoscaling_models
from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat, cloudwatch_backends
from moto.core.exceptions import JsonRESTError
from moto.iam.models import iam_backends
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpointConfig, SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse
from moto.sagemakerruntime.urls import url_paths

from private_inference.rehearsal import model_server
from private_inference.rehearsal.fleet_needs import artifact_uri
from private_inference.rehearsal.patches import captures, inference_components, model_packages, queue, shadows
from private_inference.rehearsal.patches.endpoints import refuse_taken, request_parameters
from private_inference.rehearsal.patches.fleet_facts import unknown_network
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.patches.security import admits
from private_inference.rehearsal.target_tracking import tracking_alarms

# Amazon SageMaker AI


@patch(SageMakerResponse, "create_model")
def model_refusals(original: Any, response: Any) -> Any:
    """CreateModel refuses a role it can't assume, missing model data, subnets, groups and packages, a taken name.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html; the messages are those that
    users quote in AWS's forums.
    """
    backend, name = response.sagemaker_backend, response._get_param("ModelName")
    refuse_taken(backend._models, backend, "model", name)
    _refuse_role(backend, response._get_param("ExecutionRoleArn"))
    containers = [response._get_param("PrimaryContainer"), *(response._get_param("Containers") or [])]
    for container in filter(None, containers):
        model_packages.refuse(backend, container)
        for loading in model_packages.resolved(backend, container):
            _refuse_model_data(backend, loading)
    network = response._get_param("VpcConfig") or {}
    unknown = unknown_network(backend, network.get("Subnets", []), network.get("SecurityGroupIds", []))
    if unknown:
        raise ValidationError(unknown)
    return original(response)


def _refuse_role(backend: Any, arn: str | None) -> None:
    roles = iam_backends[backend.account_id][backend.partition].roles.values()
    role = next((role for role in roles if role.arn == arn), None)
    if role is None or not admits(role.assume_role_policy_document, "sagemaker.amazonaws.com"):
        raise ValidationError(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )


def _refuse_model_data(backend: Any, container: dict[str, Any]) -> None:
    url = artifact_uri(container)
    if url and not any(model_server.stored_object(backend, each) for each in model_server.stored_below(backend, url)):
        raise ValidationError(f"Could not find model data at {url}.")


@patch(SageMakerModelBackend, "create_model")
def network_isolation(original: Any, backend: Any, **asked: Any) -> Any:
    """DescribeModel answers with the EnableNetworkIsolation that CreateModel was given, and leaves out what it was not.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeModel.html.
    """
    model = original(backend, **asked)
    model.primary_container, model.containers = model.primary_container or None, model.containers or None
    parameters = request_parameters()
    model.enable_network_isolation = bool(parameters.get("EnableNetworkIsolation", False))
    if "InferenceExecutionConfig" in parameters:
        model.inference_execution_config = parameters["InferenceExecutionConfig"]
    return model


@patch(FakeEndpointConfig, "validate_instance_type")
def instance_types(original: Any, configuration: Any, instance_type: str) -> None:
    """CreateEndpointConfig takes the instance types of the current API; moto's list is of 2021."""


@patch(SageMakerModelBackend, "validate_production_variants")
def variants_without_models(original: Any, backend: Any, production_variants: list[dict[str, Any]]) -> None:
    """A variant without a model starts a fleet that inference components share (API_ProductionVariant: ModelName)."""
    original(backend, [variant for variant in production_variants if variant.get("ModelName")])


@patch(SageMakerModelBackend, "create_endpoint_config")
def endpoint_config(original: Any, backend: Any, **asked: Any) -> Any:
    """CreateEndpointConfig keeps shadows, role and network, and refuses a taken name, or many shadows.

    Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpointConfig.html,
    https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests-exclusions.html; AWS's words are not known.
    """
    refuse_taken(backend.endpoint_configs, backend, "endpoint-config", asked["endpoint_config_name"])
    parameters = request_parameters()
    shadowing = parameters.get("ShadowProductionVariants", [])
    backend.validate_production_variants(shadowing)
    if shadowing and (len(shadowing) > 1 or len(parameters["ProductionVariants"]) > 1):
        raise ValidationError("Shadow variants take one production variant and one shadow variant.")
    if shadowing and parameters.get("AsyncInferenceConfig"):
        raise ValidationError("Shadow variants are not supported for asynchronous inference.")
    made = original(backend, **asked)
    made.shadow_production_variants = parameters.get("ShadowProductionVariants")
    made.execution_role_arn = parameters.get("ExecutionRoleArn")
    made.vpc_config = parameters.get("VpcConfig")
    made.enable_network_isolation = parameters.get("EnableNetworkIsolation")
    return made


# Amazon SageMaker Runtime


@patch(SageMakerRuntimeResponse, "setup_class")
def any_body(original: Any, response: Any, request: Any, *given: Any, **asked: Any) -> None:
    """InvokeEndpoint's body is any bytes; moto reads it as text (API_runtime_InvokeEndpoint)."""
    original(response, request, *given, **asked | {"use_raw_body": True})


@patch(SageMakerRuntimeResponse, "invoke_endpoint")
def predictions(original: Any, response: Any) -> Any:
    """InvokeEndpoint answers with the model's predictions, and refuses an endpoint that isn't there or is asynchronous.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html. The model runs in
    this process, and so does a shadow's (patches.shadows); calls are captured (patches.captures).
    """
    backend = sagemaker_backends[response.current_account][response.region]
    name = response.path.split("/")[2]
    if queue.asynchronous(backend, backend.endpoints.get(name)):
        message = f"Endpoint {name} takes asynchronous requests only."
        raise model_server.InvokeError(HTTPStatus.BAD_REQUEST, "ValidationError", message)
    request = response.normalized_request
    if component := inference_components.called(backend, name, request):
        return model_server.invoke(backend, request, component)
    status, headers, body = model_server.invoke(backend, request)
    endpoint: Any = backend.endpoints[name]
    kept = captures.is_kept(backend, endpoint)
    if kept:
        answered = endpoint.fleets[headers[model_server.INVOKED]]
        captures.keep(backend, endpoint, answered, request, (headers["Content-Type"], body))
    shadows.copy(backend, endpoint, request, kept=kept)
    return status, headers, body


url_paths["{0}/endpoints/(?P<name>[^/]+)/invocations-response-stream$"] = SageMakerRuntimeResponse.dispatch


@patch(DomainDispatcherApplication, "infer_service_region_host")
def streams_are_the_runtimes(original: Any, dispatcher: Any, environ: dict[str, Any], path: str) -> Any:
    """Calls that are signed for SageMaker are its runtime's by their path; moto knows one that ends in invocations.

    Source:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html.
    """
    asked = environ.get("PATH_INFO", "").replace("/invocations-response-stream", "/invocations")
    return original(dispatcher, environ | {"PATH_INFO": asked}, path)


@patch(SageMakerRuntimeResponse, "invoke_endpoint_with_response_stream")
def streamed_predictions(original: Any, response: Any) -> Any:
    """InvokeEndpointWithResponseStream answers part by part, as they come from the model; moto lacks the call.

    Source:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html.
    """
    backend, request = sagemaker_backends[response.current_account][response.region], response.normalized_request
    name = response.path.split("/")[2]
    return model_server.stream(backend, request, inference_components.called(backend, name, request))


# Application Auto Scaling


@patch(ApplicationAutoScalingResponse, "_validate_params")
def scalable_dimensions(original: Any, response: Any) -> None:
    """Copies of inference components scale, too (API_ScalableTarget: ScalableDimension); moto doesn't know them."""
    if response._get_param("ScalableDimension") != inference_components.DIMENSION:
        original(response)


@patch(applicationautoscaling_models, "_target_params_are_valid")
def scalable_copies(original: Any, namespace: str, resource: str, dimension: str) -> bool:
    """As above, with resource ids that begin with inference-component/ (API_RegisterScalableTarget: ResourceId)."""
    if dimension == inference_components.DIMENSION and resource.startswith("inference-component/"):
        return True
    valid: bool = original(namespace, resource, dimension)
    return valid


@patch(ApplicationAutoScalingResponse, "register_scalable_target")
def scalable_target_refusals(original: Any, response: Any) -> Any:
    """RegisterScalableTarget refuses an endpoint variant that does not exist, and a maximum below the minimum.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html.
    """
    namespace, resource = response._get_param("ServiceNamespace"), response._get_param("ResourceId")
    least, most = response._get_int_param("MinCapacity"), response._get_int_param("MaxCapacity")
    if least is not None and most is not None and most < least:
        raise AWSValidationException("Maximum capacity cannot be less than minimum capacity")
    backend = response.applicationautoscaling_backend
    if namespace == "sagemaker" and not _variant_exists(backend, resource):
        raise AWSValidationException(f"SageMaker variant or inference component doesn't exist: {resource}")
    answer = original(response)
    target = json.loads(answer)["ScalableTargetARN"]
    backend.__dict__.setdefault("tags_by_arn", {}).setdefault(target, {}).update(response._get_param("Tags") or {})
    return answer


def _variant_exists(backend: Any, resource: str) -> bool:
    kind, endpoint_name, _, variant = (*resource.split("/"), "", "", "")[:4]
    sagemaker = sagemaker_backends[backend.account_id][backend.region_name]
    if kind == "inference-component":
        return endpoint_name in inference_components.components(sagemaker)
    found: Any = sagemaker.endpoints.get(endpoint_name)
    # Not by its fleets: one that failed at its creation has none, and its variants all the same.
    return found is not None and variant in {each["VariantName"] for each in shadows.hosted(found)}


@patch(ApplicationAutoScalingResponse, "list_tags_for_resource")
def scalable_target_tags(original: Any, response: Any) -> str:
    """ListTagsForResource answers with the tags of a scalable target (API_ListTagsForResource); moto lacks the call."""
    return json.dumps({"Tags": _tags_of_target(response)})


@patch(ApplicationAutoScalingResponse, "tag_resource")
def scalable_target_tagged(original: Any, response: Any) -> str:
    """TagResource sets tags of a scalable target (API_TagResource); moto lacks the call."""
    _tags_of_target(response).update(response._get_param("Tags"))
    return "{}"


@patch(ApplicationAutoScalingResponse, "untag_resource")
def scalable_target_untagged(original: Any, response: Any) -> str:
    """UntagResource removes tags of a scalable target (API_UntagResource); moto lacks the call."""
    tags = _tags_of_target(response)
    for key in response._get_param("TagKeys"):
        tags.pop(key, None)
    return "{}"


def _tags_of_target(response: Any) -> dict[str, str]:
    arn, backend = response._get_param("ResourceARN"), response.applicationautoscaling_backend
    if arn not in backend.__dict__.get("tags_by_arn", {}):
        raise JsonRESTError("ResourceNotFoundException", f"The resource {arn} does not exist")
    tags: dict[str, str] = backend.tags_by_arn[arn]
    return tags


@patch(ApplicationAutoscalingBackend, "put_scaling_policy")
def scaling_policy(original: Any, backend: Any, **asked: Any) -> Any:
    """PutScalingPolicy needs a registered target; target tracking makes two alarms (API_PutScalingPolicy)."""
    resource, dimension = asked["resource_id"], asked["scalable_dimension"]
    if not backend._scalable_target_exists(resource, dimension):
        raise JsonRESTError(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: {asked['service_namespace']}, "
            f"resource ID: {resource}, scalable dimension: {dimension}",
        )
    policy = original(backend, **asked)
    if asked["policy_type"] == "TargetTrackingScaling" and asked["service_namespace"] == "sagemaker":
        policy.alarms = _tracking_alarms(backend, policy)
    return policy


def _tracking_alarms(backend: Any, policy: Any) -> list[Any]:
    asked = tracking_alarms(policy.target_tracking_scaling_policy_configuration, policy.resource_id)
    cloudwatch: Any = cloudwatch_backends[backend.account_id][backend.region_name]
    return [
        cloudwatch.put_metric_alarm(
            name=f"TargetTracking-{policy.resource_id}-Alarm{side}-{mock_random.uuid4()}",
            namespace=alarm.get("Namespace"),
            metric_name=alarm.get("MetricName"),
            dimensions=alarm.get("Dimensions", []),
            statistic=alarm.get("Statistic"),
            metric_data_queries=[_metric_query(query) for query in alarm.get("Metrics", [])],
            comparison_operator=alarm["ComparisonOperator"],
            evaluation_periods=alarm["EvaluationPeriods"],
            period=alarm.get("Period"),
            threshold=alarm["Threshold"],
            description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.policy_arn}.",
            alarm_actions=[policy.policy_arn],
        )
        for side, alarm in zip(("High", "Low"), asked, strict=True)
    ]


@patch(ApplicationAutoscalingBackend, "deregister_scalable_target")
def deregistration(original: Any, backend: Any, namespace: str, r_id: str, dimension: str) -> None:
    """DeregisterScalableTarget deletes the target's policies too, and their alarms (API_DeregisterScalableTarget).

    Without such a target it answers ObjectNotFoundException.
    """
    if not backend._scalable_target_exists(r_id, dimension):
        raise _no_object(f"No scalable target found for {namespace}, {r_id}, {dimension}")
    original(backend, namespace, r_id, dimension)
    for key, policy in [*backend.policies.items()]:
        if (policy.resource_id, policy.scalable_dimension) == (r_id, dimension):
            policy.delete_alarms(backend.account_id, backend.region_name)
            del backend.policies[key]


@patch(ApplicationAutoscalingBackend, "delete_scaling_policy")
def policy_deletion(original: Any, backend: Any, **asked: str) -> None:
    """DeleteScalingPolicy answers ObjectNotFoundException where there is none (API_DeleteScalingPolicy)."""
    try:
        original(backend, **asked)
    except AWSValidationException as error:
        raise _no_object(str(error.message)) from None


def _no_object(message: str) -> Exception:
    return JsonRESTError("ObjectNotFoundException", message)


def _metric_query(query: dict[str, Any]) -> Any:
    """A query of a scaling policy as its alarm has it: the period is a minute."""
    made: Any = MetricDataQuery
    stat: Any = MetricStat
    asked = query.get("MetricStat")
    if asked is not None:
        named = [Dimension(each["Name"], each["Value"]) for each in asked["Metric"].get("Dimensions", [])]
        metric = Metric(asked["Metric"]["MetricName"], asked["Metric"]["Namespace"], named)
        asked = stat(metric, 60, asked["Stat"], asked.get("Unit"))
    return made(query["Id"], query.get("Label"), None, query.get("ReturnData", True), query.get("Expression"), asked)


@patch(SageMakerModelBackend, "add_tags")
def overwritten_tags(original: Any, backend: Any, arn: str, tags: list[dict[str, str]]) -> Any:
    """AddTags gives a tag of the same key the new value (API_AddTags)."""
    backend.delete_tags(arn, [tag["Key"] for tag in tags])
    return original(backend, arn, tags)
