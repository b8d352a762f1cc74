"""How many instances run, by what load, and who is told when it goes faults."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from components.settings import AsynchronousSettings, EndpointSettings
from private_inference.verification.checks import (
    AbsentError,
    Assertion,
    Result,
    equal,
    equal_sets,
    includes,
    joined,
    number,
    result,
    short,
)
from private_inference.verification.controls import AT_REST, AVAILABILITY, LEAST_PRIVILEGE, MONITORING
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item, dimensions
from private_inference.verification.desired import Component, Variant, variants_of
from private_inference.verification.policies import statements

INSTANCE_METRICS = "/aws/sagemaker/Endpoints"
INVOCATION_METRICS = "AWS/SageMaker"
BACKLOG, WITHOUT_CAPACITY = "ApproximateBacklogSizePerInstance", "HasBacklogWithoutCapacity"
OLDEST = "ApproximateAgeOfOldestRequest"
ONE = "ChangeInCapacity 1"
"""What a step does that starts one instance."""
PERIOD = 300
SILENT = "LessThanThreshold"
MEANINGS = {("GreaterThanOrEqualToThreshold", "notBreaching"): "≥", (SILENT, "breaching"): "<"}
"""What alarms compare, and how they treat missing data: none is an alarm, but where calls are expected."""


def stack_assertions(stack: Deployed) -> Iterator[Assertion]:
    """The topic of alarms, and the dashboard."""
    alarms = partial(Assertion, "Alarms", controls=MONITORING)
    emails = stack.desired.settings.operators.emails
    yield alarms("their topic is under the notifications key", lambda: _topic_key(stack), controls=AT_REST)
    yield alarms(
        "this account's alarms and EventBridge alone may publish, by TLS",
        lambda: _topic_policy(stack),
        controls=LEAST_PRIVILEGE,
    )
    if stack.desired.settings.endpoints:
        yield alarms("their topic is told of the endpoints' changes of state", lambda: _state_changes(stack))
    claim = f"subscribed: {', '.join(emails)}" if emails else "nobody is subscribed, as set"
    yield alarms(claim, lambda: _subscribers(stack))
    yield alarms("the stack has a dashboard", lambda: _dashboard(stack))


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """Scaling and alarms of one endpoint; `endpoint` is its settings."""
    for variant in variants_of(endpoint):
        yield from _variant_assertions(stack, variant, endpoint.asynchronous)


def _variant_assertions(stack: Deployed, variant: Variant, queue: AsynchronousSettings | None) -> Iterator[Assertion]:
    expect = partial(Assertion, variant.subject, controls=AVAILABILITY)
    least, most = variant.settings.instances.min, variant.settings.instances.max
    scaling = variant.settings.scaling
    if variant.scaled:
        yield expect(f"scales between {least} and {most} instances", partial(_target, stack, variant))
    if queue:
        claim = f"scales to {number(queue.backlog_per_instance)} requests an instance"
        yield expect(
            f"{claim}, and from none" if least == 0 else claim, partial(_queue_policies, stack, variant, queue)
        )
    elif variant.scaled:
        at_once, busy = scaling.concurrent_requests_per_instance, number(scaling.cpu_percent)
        each = "requests at once an instance" if at_once else "invocations an instance and minute"
        claim = f"scales to {number(at_once or scaling.invocations_per_instance)} {each}, {busy} % CPU"
        yield expect(claim, partial(_policies, stack, variant))
    yield expect(
        "alarms on answers, latencies, hardware and what waits"
        if queue
        else "alarms on answers, latencies, hardware and instances",
        partial(_alarms, stack, variant, queue),
        controls=MONITORING,
    )
    yield expect("one alarm sums up its alarms", partial(_composite, stack, variant), controls=MONITORING)
    yield expect("its alarms tell the topic, both ways", partial(_actions, stack, variant), controls=MONITORING)


# Scaling


def _target(stack: Deployed, variant: Variant) -> Result:
    found = stack.scalable_targets[variant.resource]
    if not found:
        raise AbsentError(f"{variant.resource} is not registered")
    suspended = [name for name, state in found[0].get("SuspendedState", {}).items() if state]
    instances = variant.settings.instances
    bounds = equal(found[0], {"MinCapacity": instances.min, "MaxCapacity": instances.max})
    return result(bounds.seen, [*suspended, *bounds.faults])


def _policies(stack: Deployed, variant: Variant) -> Result:
    scaling = variant.settings.scaling
    cooldowns = f"after {scaling.scale_out_cooldown} s out, {scaling.scale_in_cooldown} s in"
    cpu = scaling.cpu_percent * _vcpus(stack, variant)
    load = number(scaling.concurrent_requests_per_instance or scaling.invocations_per_instance)
    predefined, metric = "SageMakerVariantInvocationsPerInstance", "InvocationsPerInstance Sum"
    if scaling.concurrent_requests_per_instance:
        predefined = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
        metric = "ConcurrentRequestsPerModel Maximum"
    wanted = [
        f"{predefined} {load} {cooldowns}, scale-in disabled",
        f"FILL({INVOCATION_METRICS} {metric}, 0) {load} {cooldowns}",
        f"{INSTANCE_METRICS} CPUUtilization Average {number(cpu)} {cooldowns}",
    ]
    return equal_sets((policy_in_words(item, variant) for item in stack.scaling_policies[variant.resource]), wanted)


def _queue_policies(stack: Deployed, variant: Variant, queue: AsynchronousSettings) -> Result:
    """Of what waits for each instance; and where there may be none, a step that its alarm calls."""
    scaling, found = variant.settings.scaling, stack.scaling_policies[variant.resource]
    cooldowns = f"after {scaling.scale_out_cooldown} s out, {scaling.scale_in_cooldown} s in"
    wanted = [f"{INVOCATION_METRICS} {BACKLOG} Average {number(queue.backlog_per_instance)} {cooldowns}"]
    steps = {each["PolicyARN"]: each for each in found if each["PolicyType"] == "StepScaling"}
    said = [policy_in_words(each, variant, of_endpoint(variant)) for each in found if each["PolicyARN"] not in steps]
    compared = equal_sets([*said, *(map(_steps, steps.values()))], [*wanted, *([ONE] if _from_zero(variant) else [])])
    faults = compared.faults
    for arn in steps:
        calling = [each for each in stack.alarms[variant.endpoint] if arn in each.get("AlarmActions", [])]
        if not any(_sees_backlog(alarm, variant) for alarm in calling):
            faults.append("no alarm on requests without an instance calls its step")
    return result(compared.seen, faults)


def _from_zero(variant: Variant) -> bool:
    return variant.settings.instances.min == 0


def _steps(policy: Item) -> str:
    configuration = policy["StepScalingPolicyConfiguration"]
    more = [step.get("ScalingAdjustment") for step in configuration.get("StepAdjustments", [])]
    return f"{configuration.get('AdjustmentType')} {joined(map(str, more))}"


def _sees_backlog(alarm: Item, variant: Variant) -> bool:
    sign = (alarm.get("ComparisonOperator"), alarm.get("Threshold"))
    watched = (alarm.get("Namespace"), alarm.get("MetricName"), dimensions(alarm))
    on = alarm.get("ActionsEnabled") and sign == ("GreaterThanOrEqualToThreshold", 1)
    return bool(on) and watched == (INVOCATION_METRICS, WITHOUT_CAPACITY, of_endpoint(variant))


def of_endpoint(variant: Variant) -> dict[str, str]:
    """Dimensions of the metrics of a queue, which is the endpoint's."""
    return {"EndpointName": variant.endpoint}


def _vcpus(stack: Deployed, variant: Variant) -> int:
    kind = variant.settings.instance_type
    if kind not in stack.vcpus:
        raise AbsentError(f"EC2 does not describe {kind}")
    return stack.vcpus[kind]


def policy_in_words(policy: Item, variant: Variant | Component, of: Mapping[str, str] | None = None) -> str:
    """A target-tracking policy in words; `of` are its metric's dimensions, where they are not the variant's."""
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
    if tracking is None:
        return f"{policy['PolicyName']} of type {policy['PolicyType']}"
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if custom := tracking.get("CustomizedMetricSpecification"):
        metric = _expression(custom["Metrics"], variant) if "Metrics" in custom else _metric(custom, variant, of)
    out, back = tracking.get("ScaleOutCooldown"), tracking.get("ScaleInCooldown")
    disabled = ", scale-in disabled" if tracking.get("DisableScaleIn") else ""
    return f"{metric} {number(tracking['TargetValue'])} after {out} s out, {back} s in{disabled}"


def _metric(metric: Item, variant: Variant | Component, of: Mapping[str, str] | None = None) -> str:
    said = " ".join(str(metric.get(key)) for key in ("Namespace", "MetricName", "Statistic"))
    return said if dimensions(metric) == (of or variant.dimensions) else f"{said} of something else"


def _expression(queries: Sequence[Item], variant: Variant | Component) -> str:
    """The expression that is tracked, with each metric in the place of its id."""
    (returned,) = [query for query in queries if query.get("ReturnData", True)] or [{}]
    said = str(returned.get("Expression"))
    for query in queries:
        if stat := query.get("MetricStat"):
            metric = _metric({**stat["Metric"], "Statistic": stat["Stat"]}, variant)
            said = re.sub(rf"\b{query['Id']}\b", metric, said)
    return said


# Alarms


def _alarms(stack: Deployed, variant: Variant, queue: AsynchronousSettings | None) -> Result:
    requests = _of_queue(queue) if queue else _of_calls(variant)
    found = (_alarm(alarm, variant) for alarm in _own_alarms(stack, variant))
    return includes(found, [*_wanted(stack, variant), *requests])


def _of_queue(queue: AsynchronousSettings) -> Iterator[str]:
    yield f"{INVOCATION_METRICS} InvocationFailures Sum ≥ {queue.alarms.failures}"
    yield f"{INVOCATION_METRICS} ExpiredRequests Sum ≥ {queue.alarms.expired}"
    yield f"{INVOCATION_METRICS} {OLDEST} Maximum ≥ {queue.alarms.oldest_seconds}"


def _of_calls(variant: Variant) -> Iterator[str]:
    limits, most = variant.settings.alarms, variant.settings.instances.max
    yield f"{INVOCATION_METRICS} OverheadLatency p95 ≥ {number(limits.overhead_ms * 1000)}"  # in microseconds
    if most > variant.settings.instances.min:
        count = f"{INVOCATION_METRICS} Invocations Sum / {INVOCATION_METRICS} InvocationsPerInstance Sum"
        yield f"{count} ≥ {number(most - 0.5)} three times"
    if limits.silent_minutes:
        yield f"{INVOCATION_METRICS} Invocations Sum < 1 for {limits.silent_minutes} minutes"


def _wanted(stack: Deployed, variant: Variant) -> Iterator[str]:
    limits = variant.settings.alarms
    vcpus, gpus = _vcpus(stack, variant), stack.gpus[variant.settings.instance_type]
    yield f"{INVOCATION_METRICS} Invocation5XXErrors Sum ≥ {limits.server_errors}"
    yield f"{INVOCATION_METRICS} Invocation4XXErrors Average ≥ {number(limits.client_error_percent / 100)}"
    yield f"{INVOCATION_METRICS} ModelLatency p95 ≥ {number(limits.latency_ms * 1000)}"  # in microseconds
    if variant.settings.model.models:
        yield f"{INVOCATION_METRICS} ModelLoadingWaitTime Maximum ≥ {number(limits.model_loading_ms * 1000)}"
    yield f"{INSTANCE_METRICS} CPUUtilization Average ≥ {number(limits.cpu_percent * vcpus)}"
    yield f"{INSTANCE_METRICS} MemoryUtilization Average ≥ {number(limits.memory_percent)}"
    yield f"{INSTANCE_METRICS} DiskUtilization Average ≥ {number(limits.disk_percent)}"
    if gpus:
        yield f"{INSTANCE_METRICS} GPUUtilization Average ≥ {number(limits.gpu_percent * gpus)}"
        yield f"{INSTANCE_METRICS} GPUMemoryUtilization Average ≥ {number(limits.gpu_memory_percent * gpus)}"


def _own_alarms(stack: Deployed, variant: Variant) -> list[Item]:
    """The queue is the endpoint's; the alarm that scales from none tells nobody, and is not one of them."""
    found = ((alarm, dimensions(alarm)) for alarm in stack.alarms[variant.endpoint])
    queue = (OLDEST, of_endpoint(variant))
    return [alarm for alarm, about in found if about == variant.dimensions or (alarm.get("MetricName"), about) == queue]


def _alarm(alarm: Item, variant: Variant) -> str:
    """An alarm in the words of `_wanted`; what differs from them in other ways is told as it is."""
    if queries := alarm.get("Metrics"):
        metric = _expression(queries, variant)
        period = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    else:
        statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
        metric, period = f"{alarm.get('Namespace')} {alarm.get('MetricName')} {statistic}", {alarm.get("Period")}
    times, missing = alarm.get("EvaluationPeriods", 0), alarm.get("TreatMissingData")
    comparison, threshold = alarm.get("ComparisonOperator"), number(alarm.get("Threshold", 0))
    sign = MEANINGS.get((str(comparison), str(missing)))
    if period != {PERIOD} or sign is None:
        return f"{metric} {comparison} {threshold}, {times} x {joined(map(str, period))} s, missing data {missing}"
    said = f"{metric} {sign} {threshold}"
    if comparison == SILENT:
        return f"{said} for {times * PERIOD // 60} minutes"
    return said + {1: "", 3: " three times"}.get(times, f" {times} times")


def _composite(stack: Deployed, variant: Variant) -> Result:
    names = {alarm["AlarmName"] for alarm in _own_alarms(stack, variant)}
    about = {
        alarm["AlarmName"]: set(re.findall(r'ALARM\("([^"]+)"\)', alarm["AlarmRule"]))
        for alarm in stack.composite_alarms
    }
    sums = [name for name, named in about.items() if names and named == names]
    return result(joined(sums), [] if sums else ["no alarm sums them up"])


def _actions(stack: Deployed, variant: Variant) -> Result:
    own = _own_alarms(stack, variant)
    names = {alarm["AlarmName"] for alarm in own}
    alarms = [
        *own,
        *(each for each in stack.composite_alarms if any(f'"{name}"' in each["AlarmRule"] for name in names)),
    ]
    faults = [f"{alarm['AlarmName']}: actions are off" for alarm in alarms if not alarm.get("ActionsEnabled")]
    for alarm in alarms:
        for kind in ("AlarmActions", "OKActions"):
            if stack.topic not in alarm.get(kind, []):
                faults.append(f"{alarm['AlarmName']}: {kind} {joined(map(short, alarm.get(kind, [])))}")
    if not alarms:
        faults.append("it has no alarm")
    return result(f"{len(alarms)} alarms tell {short(stack.topic)}", faults)


# Topic and dashboard


def _topic_attributes(stack: Deployed) -> Item:
    found: Item = stack.aws.get("sns", "get_topic_attributes", TopicArn=stack.topic)["Attributes"]
    return found


def _topic_key(stack: Deployed) -> Result:
    return equal(_topic_attributes(stack), {"KmsMasterKeyId": stack.desired.contract.key_arns.notifications})


def _topic_policy(stack: Deployed) -> Result:
    """AWS lets no condition be set for EventBridge (components/iam.py says where)."""
    found = statements(_topic_attributes(stack)["Policy"])
    allowing = [s for s in found if s.allows]
    services = [f"Service:{service}.amazonaws.com" for service in ("cloudwatch", "events")]
    principals = equal_sets((p for s in allowing for p in s.principals), services)
    faults = principals.faults
    for statement in allowing:
        bounded = statement.requires("StringEquals", "aws:SourceAccount", stack.desired.account)
        if not bounded and statement.principals != {"Service:events.amazonaws.com"}:
            faults.append("it is not bounded to this account")
        if statement.actions != {"sns:Publish"}:
            faults.append(f"it allows {joined(statement.actions)}")
    if not any(s.requires("Bool", "aws:SecureTransport", "false") for s in found if not s.allows):
        faults.append("nothing refuses what is not TLS")
    return result(f"{principals.seen}, aws:SourceAccount", faults)


def _state_changes(stack: Deployed) -> Result:
    told = {
        name
        for pattern in stack.event_patterns()
        if pattern.get("source") == ["aws.sagemaker"] and "SageMaker Endpoint State Change" in pattern["detail-type"]
        for name in pattern.get("detail", {}).get("EndpointName", [])
    }
    return equal_sets(told, (endpoint.name for endpoint in stack.desired.settings.endpoints))


def _subscribers(stack: Deployed) -> Result:
    """A subscription that its owner has not confirmed yet is one, and is shown as such."""
    found = stack.aws.all("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=stack.topic)
    compared = equal_sets((item["Endpoint"] for item in found), stack.desired.settings.operators.emails)
    pending = [item["Endpoint"] for item in found if item["SubscriptionArn"] == "PendingConfirmation"]
    return Result(compared.seen + (f"; not confirmed yet: {joined(pending)}" if pending else ""), compared.ok)


def _dashboard(stack: Deployed) -> Result:
    name = stack.desired.contract.dashboard_url.rpartition("/")[2]
    found = stack.aws.get("cloudwatch", "get_dashboard", DashboardName=name)
    return result(f"{name}, {len(found['DashboardBody'])} characters", [])
