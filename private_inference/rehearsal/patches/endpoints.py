"""Endpoints of Amazon SageMaker AI: created, updated, scaled and deleted with the fleets behind them."""

import json
from functools import partial
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpoint, SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from private_inference.rehearsal.iam_decision import Request, may
from private_inference.rehearsal.patches import captures, fleets, queue
from private_inference.rehearsal.patches.fleet_facts import find_role
from private_inference.rehearsal.patches.fleets import Fleet, NotStartedError
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.patches.shadows import hosted
from private_inference.rehearsal.patches.update_refusals import refuse_deployment, refuse_registered

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def arn_of(backend: Any, resource: str) -> str:
    """The ARN of a resource of SageMaker's."""
    return f"arn:{backend.partition}:sagemaker:{backend.region_name}:{backend.account_id}:{resource}"


def refuse_taken(existing: Any, backend: Any, kind: str, name: str) -> None:
    """Refuse a name that another resource has; `kind` is the type in ARNs."""
    if name in existing:
        named = kind.replace("-config", " configuration")
        raise ValidationError(f'Cannot create already existing {named} "{arn_of(backend, f"{kind}/{name}")}".')


def request_parameters() -> dict[str, Any]:
    """The parameters of the JSON request that is being answered."""
    from flask import request

    parameters: dict[str, Any] = json.loads(request.data or b"{}")
    return parameters


def scalable_target(backend: Any, endpoint_name: str, variant: str) -> Any:
    """The scalable target (moto's) of a variant, or None."""
    scaling = applicationautoscaling_backends[backend.account_id][backend.region_name]
    return scaling.targets.get(DIMENSION, {}).get(f"endpoint/{endpoint_name}/variant/{variant}")


@patch(SageMakerModelBackend, "create_endpoint")
def endpoint_deployment(original: Any, backend: Any, endpoint_name: str, endpoint_config_name: str, tags: Any) -> Any:
    """CreateEndpoint refuses a taken name, and fails where its fleets can't start.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html (status Failed, with a
    FailureReason; also the deployment configuration, shadow variants and weights that are kept).
    """
    refuse_taken(backend.endpoints, backend, "endpoint", endpoint_name)
    made = original(backend, endpoint_name, endpoint_config_name, tags)
    configuration = backend.endpoint_configs[endpoint_config_name]
    made.last_deployment_config = request_parameters().get("DeploymentConfig")
    made.shadow_production_variants = _summaries(made, configuration.shadow_production_variants)
    try:
        made.fleets = {}
        made.fleets = _started(backend, made, configuration, _desired(made))
    except NotStartedError as error:
        made.endpoint_status, made.failure_reason = "Failed", str(error)
    fleets.show(made)
    return made


@patch(SageMakerResponse, "update_endpoint")
def endpoint_update(original: Any, response: Any) -> Any:
    """UpdateEndpoint puts an endpoint on new fleets with another configuration; moto lacks the call.

    If they can't start, the endpoint stays in service on the old ones, with a FailureReason until its next update.
    Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html;
    https://github.com/aws-controllers-k8s/sagemaker-controller/pull/7 and
    https://github.com/hashicorp/terraform-provider-aws/issues/39099 (FailureReason after a rollback),
    https://github.com/hashicorp/terraform-provider-aws/pull/49020 (it may be empty, and the serving configuration has
    to be there for the next update).
    """
    backend, asked = response.sagemaker_backend, request_parameters()
    updated = _in_service(backend, asked["EndpointName"])
    configuration = _configuration(backend, asked["EndpointConfigName"])
    _configuration(backend, updated.endpoint_config_name)
    deployment = (
        updated.last_deployment_config if asked.get("RetainDeploymentConfig") else asked.get("DeploymentConfig")
    )
    registered = partial(scalable_target, backend, updated.endpoint_name)
    refuse_registered(updated, configuration, lambda variant: registered(variant) is not None)
    refuse_deployment(updated, configuration, deployment)
    updated.last_modified_time, updated.failure_reason = utcnow(), None
    summaries = updated._process_production_variants(configuration.production_variants)
    if asked.get("RetainAllVariantProperties"):
        excluded = {item["VariantPropertyType"] for item in asked.get("ExcludeRetainedVariantProperties") or []}
        _retain(hosted(updated), summaries, {"DesiredInstanceCount", "DesiredWeight"} - excluded)
    shadows = _summaries(updated, configuration.shadow_production_variants)
    counts = {item["VariantName"]: item.get("DesiredInstanceCount", 0) for item in [*summaries, *(shadows or [])]}
    try:
        _watch(backend, configuration, deployment or {})
        started = _started(backend, updated, configuration, counts)
    except NotStartedError as error:
        updated.failure_reason = str(error) or None
        return ActionResult({"EndpointArn": updated.arn})
    gone = {item["VariantName"] for item in hosted(updated)} - set(counts)
    _stop(backend, updated, gone)
    updated.fleets = started
    updated.endpoint_config_name = configuration.endpoint_config_name
    updated.production_variants, updated.shadow_production_variants = summaries, shadows
    updated.data_capture_config = configuration.data_capture_config
    updated.last_deployment_config = deployment
    fleets.show(updated)
    queue.work(backend, updated)
    return ActionResult({"EndpointArn": updated.arn})


def _in_service(backend: Any, name: str) -> Any:
    """The endpoint of a name, if it can be changed."""
    endpoint = backend.endpoints.get(name)
    arn = arn_of(backend, f"endpoint/{name}")
    if endpoint is None:
        raise ValidationError(f'Could not find endpoint "{arn}".')
    if endpoint.endpoint_status == "Failed":
        raise ValidationError(f'Cannot update endpoint "{arn}": it has failed, and can only be deleted.')
    if endpoint.endpoint_status != "InService":
        raise ValidationError(f'Cannot update in-progress endpoint "{arn}".')
    return endpoint


def _configuration(backend: Any, name: str) -> Any:
    configuration = backend.endpoint_configs.get(name)
    if configuration is None:
        arn = arn_of(backend, f"endpoint-config/{name}")
        raise ValidationError(f'Could not find endpoint configuration "{arn}".')
    return configuration


def _retain(before: list[dict[str, Any]], after: list[dict[str, Any]], properties: set[str]) -> None:
    """Give variants the live counts and weights that their namesakes have."""
    live = {summary["VariantName"]: summary for summary in before}
    for summary in after:
        kept = live.get(summary["VariantName"], {})
        for name in properties & set(kept) & set(summary):
            summary[name] = summary[name.replace("Desired", "Current")] = kept[name]


def _summaries(endpoint: Any, variants: Any) -> list[dict[str, Any]] | None:
    summaries: list[dict[str, Any]] | None = endpoint._process_production_variants(variants) if variants else None
    return summaries


def _desired(endpoint: Any) -> dict[str, int]:
    return {item["VariantName"]: item.get("DesiredInstanceCount", 0) for item in hosted(endpoint)}


def _started(backend: Any, endpoint: Any, configuration: Any, counts: dict[str, int]) -> dict[str, Fleet]:
    """The new fleets. Raises NotStartedError, also if somebody asked for a failure (patches.operations)."""
    failures = backend.__dict__.setdefault("next_failures", {})
    if endpoint.endpoint_name in failures:
        variant = configuration.production_variants[0]["VariantName"]
        raise NotStartedError(failures.pop(endpoint.endpoint_name).replace("{variant}", variant))
    return fleets.new_fleets(backend, endpoint.endpoint_name, configuration.endpoint_config_name, counts)


def _watch(backend: Any, configuration: Any, deployment: dict[str, Any]) -> None:
    """Raises NotStartedError if an auto-rollback alarm is on, or the execution role may not look at it.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html; what AWS says then
    is not published.
    """
    known = cloudwatch_backends[backend.account_id][backend.region_name].alarms
    models = [backend._models.get(variant.get("ModelName")) for variant in configuration.production_variants]
    roles = [find_role(backend, model.execution_role_arn) for model in models if model]
    for name in [alarm["AlarmName"] for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])]:
        if name not in known:
            raise NotStartedError(f"The auto-rollback alarm {name} does not exist.")
        request = Request("cloudwatch:DescribeAlarms", known[name].alarm_arn)
        for role in roles:
            if role and not may(role, request):
                raise NotStartedError(f"The role '{role.arn}' is not authorized to perform {request.action} on {name}.")
        if known[name].state_value == "ALARM":
            raise NotStartedError(f"The auto-rollback alarm {name} is in the state ALARM.")


def _stop(backend: Any, endpoint: Any, gone: set[str]) -> None:
    """Take the endpoint's fleets away, and the scalable targets of variants that are gone."""
    for fleet in endpoint.fleets.values():
        fleets.shrink(fleet, len(fleet.instances))
    scaling = applicationautoscaling_backends[backend.account_id][backend.region_name]
    for variant in gone:
        target = scalable_target(backend, endpoint.endpoint_name, variant)
        if target:
            scaling.deregister_scalable_target("sagemaker", target.resource_id, DIMENSION)


@patch(FakeEndpoint, "_process_production_variants")
def variant_weights(original: Any, endpoint: Any, production_variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """DescribeEndpoint tells the weight of each variant: 1.0 if it was given none, also 0 (API_ProductionVariant)."""
    summaries: list[dict[str, Any]] = original(endpoint, production_variants)
    for summary, variant in zip(summaries, production_variants, strict=True):
        summary["CurrentWeight"] = summary["DesiredWeight"] = variant.get("InitialVariantWeight", 1.0)
    return summaries


@patch(SageMakerModelBackend, "update_endpoint_weights_and_capacities")
def weights_and_capacities(
    original: Any, backend: Any, endpoint_name: str, desired_weights_and_capacities: list[dict[str, Any]]
) -> Any:
    """UpdateEndpointWeightsAndCapacities starts instances, and returns to what was if they can't start.

    What is not asked for stays. Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/
    API_UpdateEndpointWeightsAndCapacities.html, and RollingBack in API_DescribeEndpoint.
    """
    endpoint = _in_service(backend, endpoint_name)
    summaries, answering = hosted(endpoint), endpoint.production_variants
    live = {item["VariantName"]: item for item in summaries}
    asked = [
        {
            "VariantName": item.get("VariantName"),
            "DesiredWeight": item.get("DesiredWeight", live.get(item.get("VariantName"), {}).get("DesiredWeight")),
            "DesiredInstanceCount": item.get(
                "DesiredInstanceCount", live.get(item.get("VariantName"), {}).get("DesiredInstanceCount")
            ),
        }
        for item in desired_weights_and_capacities
    ]
    before = [dict(item) for item in summaries]
    endpoint.production_variants = summaries  # moto changes those in place that it finds here
    try:
        arn = original(backend, endpoint_name, asked)
    finally:
        endpoint.production_variants = answering
    endpoint.failure_reason, endpoint.last_modified_time = None, utcnow()
    for summary in summaries:
        for name in [name for name, value in summary.items() if value is None]:
            del summary[name]
    try:
        for summary in summaries:
            fill(backend, endpoint, endpoint.fleets[summary["VariantName"]], summary.get("DesiredInstanceCount", 0))
    except NotStartedError as error:
        endpoint.failure_reason = str(error)
        for summary, was in zip(summaries, before, strict=True):
            summary.clear()
            summary.update(was)
            fleet = endpoint.fleets[summary["VariantName"]]
            fleets.shrink(fleet, max(0, len(fleet.instances) - summary.get("CurrentInstanceCount", 0)))
    fleets.show(endpoint)
    queue.work(backend, endpoint)
    return arn


def fill(backend: Any, endpoint: Any, fleet: Fleet, count: int) -> None:
    """Bring a fleet to a number of instances. Raises NotStartedError if it would need more and can't start one."""
    more = count - len(fleet.instances)
    lacking = fleets.needs(backend, endpoint.endpoint_config_name, fleet.variant) if more > 0 else []
    if lacking:
        raise NotStartedError(lacking[0].reason)
    fleets.grow(backend, endpoint.endpoint_name, fleet, max(0, more))
    fleets.shrink(fleet, max(0, -more))


@patch(SageMakerModelBackend, "delete_endpoint")
def endpoint_deletion(original: Any, backend: Any, endpoint_name: str) -> None:
    """DeleteEndpoint deregisters its variants as scalable targets, and leaves network interfaces behind.

    Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete-with-scaling.html and API_DeleteEndpoint.
    """
    endpoint = backend.endpoints.get(endpoint_name)
    original(backend, endpoint_name)
    _stop(backend, endpoint, {item["VariantName"] for item in hosted(endpoint)})


@patch(SageMakerResponse, "describe_endpoint_config")
def no_empty_capture(original: Any, response: Any) -> Any:
    """DescribeEndpointConfig says nothing of data capture where none was configured (API_DescribeEndpointConfig)."""
    return _described(original(response))


@patch(SageMakerResponse, "describe_endpoint")
def current_capture(original: Any, response: Any) -> Any:
    """DescribeEndpoint tells what is captured now (API_DataCaptureConfigSummary), and nothing where nothing is."""
    described = _described(original(response))
    if configured := described.result.get("DataCaptureConfig"):
        described.result["DataCaptureConfig"] = captures.summary(configured)
    return described


def _described(answer: Any) -> Any:
    left_out = {"Fleets"} | ({"DataCaptureConfig"} if not answer.result.get("DataCaptureConfig") else set())
    return ActionResult({key: value for key, value in answer.result.items() if key not in left_out})
