"""The inference components that share an endpoint's fleet: what each serves, how many copies run, and their scaling."""

from collections.abc import Iterator
from functools import partial

from components.settings import EndpointSettings
from private_inference.verification import inference
from private_inference.verification.capacity import INVOCATION_METRICS, policy_in_words
from private_inference.verification.checks import (
    AbsentError,
    Assertion,
    Result,
    equal,
    equal_sets,
    number,
    result,
    text,
)
from private_inference.verification.controls import AVAILABILITY, BOUNDARY, INTEGRITY, MONITORING
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item, dimensions
from private_inference.verification.desired import MODEL, Component, components_of
from private_inference.verification.served import component as described

WITHOUT_COPY = "NoCapacityInvocationFailures"


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """The fleet of one endpoint and its components; nothing of others. `endpoint` is its settings."""
    if not endpoint.components:
        return
    expect = partial(Assertion, f"Endpoint {endpoint.name}", controls=BOUNDARY)
    isolated = "without network" if endpoint.isolated else "with the VPC's network, as set"
    yield expect(f"its fleet lies in the model subnets and group, {isolated}", partial(_network, stack, endpoint))
    bounds = endpoint.instances
    yield expect(
        f"SageMaker keeps {bounds.min} to {bounds.max} instances, and gives calls to the least busy",
        partial(_managed, stack, endpoint),
        controls=AVAILABILITY,
    )
    for component in components_of(endpoint):
        yield from _component_assertions(stack, component)


def _component_assertions(stack: Deployed, component: Component) -> Iterator[Assertion]:
    expect, settings = partial(Assertion, component.subject, controls=AVAILABILITY), component.settings
    copies, scaling = settings.copies, settings.scaling
    yield expect(f"in service with {copies.min} to {copies.max} copies", partial(_copies, stack, component))
    served = f"serves {inference.model_in_words(settings.model)}"
    yield expect(served, partial(_model, stack, component), controls=INTEGRITY)
    yield expect(f"each copy has {settings.memory_mb} MB and what else is set", partial(_needs, stack, component))
    load = scaling.concurrent_requests_per_copy or scaling.invocations_per_copy
    yield expect(
        f"scales to {number(load)} a copy" + (", and from none" if copies.min == 0 else ""),
        partial(_scaling, stack, component),
    )
    yield expect("alarms on its answers tell the topic", partial(_alarms, stack, component), controls=MONITORING)


def _network(stack: Deployed, endpoint: EndpointSettings) -> Result:
    configuration = stack.configuration(endpoint.name)
    network = configuration.get("VpcConfig", {})
    subnets = equal_sets(network.get("Subnets", []), (subnet["SubnetId"] for subnet in stack.tiers[MODEL]))
    groups = equal_sets(network.get("SecurityGroupIds", []), [stack.groups[MODEL]])
    isolated = configuration.get("EnableNetworkIsolation", False)
    faults = [*subnets.faults, *groups.faults]
    if isolated != endpoint.isolated:
        faults.append(f"EnableNetworkIsolation {text(isolated)}")
    return result(f"{subnets.seen}, {groups.seen}", faults)


def _managed(stack: Deployed, endpoint: EndpointSettings) -> Result:
    [variant] = stack.configuration(endpoint.name)["ProductionVariants"]
    seen = {**variant.get("ManagedInstanceScaling", {}), **variant.get("RoutingConfig", {})}
    bounds = {"MinInstanceCount": endpoint.instances.min, "MaxInstanceCount": endpoint.instances.max}
    return equal(seen, {"Status": "ENABLED", **bounds, "RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"})


def _copies(stack: Deployed, component: Component) -> Result:
    found = described(stack.aws, component.name)
    status, copies = found.get("InferenceComponentStatus"), component.settings.copies
    running = found.get("RuntimeConfig", {}).get("CurrentCopyCount", 0)
    faults = [] if status == "InService" else [f"{status} {found.get('FailureReason', '')}".strip()]
    if not copies.min <= running <= copies.max:
        faults.append(f"{running} copies run")
    promised = stack.desired.contract.endpoints[component.endpoint].components or {}
    if promised.get(component.settings.name) != component.name:
        faults.append("the contract does not name it")
    return result(f"{status}, {running} copies", faults)


def _model(stack: Deployed, component: Component) -> Result:
    name = described(stack.aws, component.name)["Specification"].get("ModelName", "")
    model = stack.aws.get("sagemaker", "describe_model", ModelName=name)
    return inference.model_as_set(stack, component.settings.model, model)


def _needs(stack: Deployed, component: Component) -> Result:
    settings = component.settings
    wanted = {
        "MinMemoryRequiredInMb": settings.memory_mb,
        "NumberOfCpuCoresRequired": settings.cpus,
        "NumberOfAcceleratorDevicesRequired": settings.accelerators,
    }
    found = described(stack.aws, component.name)["Specification"].get("ComputeResourceRequirements", {})
    return equal(found, wanted)


def _scaling(stack: Deployed, component: Component) -> Result:
    """Its bounds and policies; where there may be no copy, a step that its alarm calls."""
    targets, settings = stack.scalable_targets[component.resource], component.settings
    if not targets:
        raise AbsentError(f"{component.resource} is not registered")
    scaling, copies = settings.scaling, settings.copies
    bounds = equal(targets[0], {"MinCapacity": copies.min, "MaxCapacity": copies.max})
    cooldowns = f"after {scaling.scale_out_cooldown} s out, {scaling.scale_in_cooldown} s in"
    load = number(scaling.concurrent_requests_per_copy or scaling.invocations_per_copy)
    predefined, metric = "SageMakerInferenceComponentInvocationsPerCopy", "InvocationsPerCopy Sum"
    if scaling.concurrent_requests_per_copy:
        predefined = "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
        metric = "ConcurrentRequestsPerCopy Maximum"
    wanted = [
        f"{predefined} {load} {cooldowns}, scale-in disabled",
        f"FILL({INVOCATION_METRICS} {metric}, 0) {load} {cooldowns}",
    ]
    found = stack.scaling_policies[component.resource]
    steps = [each for each in found if each["PolicyType"] == "StepScaling"]
    said = [policy_in_words(each, component) for each in found if each not in steps]
    compared = equal_sets(said, wanted)
    faults = [*bounds.faults, *compared.faults]
    if copies.min == 0 and not any(_starts(stack, component, step) for step in steps):
        faults.append("no alarm on calls without a copy starts one")
    return result(f"{bounds.seen}, {compared.seen}", faults)


def _starts(stack: Deployed, component: Component, step: Item) -> bool:
    return any(
        alarm.get("MetricName") == WITHOUT_COPY
        and alarm.get("Threshold") == 1
        and alarm.get("ComparisonOperator") == "GreaterThanOrEqualToThreshold"
        and alarm.get("ActionsEnabled")
        and step["PolicyARN"] in alarm.get("AlarmActions", [])
        for alarm in _of(stack, component)
    )


def _of(stack: Deployed, component: Component) -> list[Item]:
    """Alarms on a component's metrics, which name no endpoint."""
    return [alarm for alarm in stack.alarms[""] if dimensions(alarm) == component.dimensions]


def _alarms(stack: Deployed, component: Component) -> Result:
    limits = component.settings.alarms
    own = [alarm for alarm in _of(stack, component) if alarm.get("MetricName") != WITHOUT_COPY]
    compared = equal_sets(
        (f"{alarm.get('MetricName')} ≥ {number(alarm.get('Threshold', 0))}" for alarm in own),
        [
            f"Invocation5XXErrors ≥ {limits.server_errors}",
            f"Invocation4XXErrors ≥ {number(limits.client_error_percent / 100)}",
            f"ModelLatency ≥ {number(limits.latency_ms * 1000)}",  # in microseconds
        ],
    )
    silent = [
        alarm["AlarmName"]
        for alarm in own
        if not alarm.get("ActionsEnabled") or stack.topic not in alarm.get("AlarmActions", [])
    ]
    return result(compared.seen, [*compared.faults, *(f"{name} tells nobody" for name in silent)])
