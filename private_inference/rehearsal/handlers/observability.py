"""Handlers for AWS CloudTrail, Amazon CloudWatch and its Logs, Amazon EventBridge, Amazon SNS and Parameter Store."""

import uuid
from collections.abc import Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Call, Created, Handler, call
from private_inference.rehearsal.inputs import Inputs, RefusedError, UnhandledError
from private_inference.rehearsal.requests import pairs, request

TOPIC_ATTRIBUTES = (
    "displayName",
    "kmsMasterKeyId",
    "policy",
    "deliveryPolicy",
    "signatureVersion",
    "tracingConfig",
)
SUBSCRIPTION_ATTRIBUTES = (
    "filterPolicy",
    "filterPolicyScope",
    "deliveryPolicy",
    "redrivePolicy",
    "subscriptionRoleArn",
)


def log_group(account: Account, inputs: Inputs) -> Created:
    retention = inputs.get("retentionInDays")
    name = call(account, "logs", "create_log_group", inputs, renamed={"name": "logGroupName"})["request"][
        "logGroupName"
    ]
    if retention:
        account.client("logs").put_retention_policy(logGroupName=name, retentionInDays=retention)
    defaults = {
        "retentionInDays": 0,
        "skipDestroy": False,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False,
    }
    return Created(name, {"arn": account.arn("logs", f"log-group:{name}")}, defaults)


TRAIL_PROPERTIES = {
    "s3BucketName": "S3BucketName",
    "s3KeyPrefix": "S3KeyPrefix",
    "snsTopicName": "SnsTopicName",
    "cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn",
    "cloudWatchLogsRoleArn": "CloudWatchLogsRoleArn",
    "kmsKeyId": "KmsKeyId",
    "includeGlobalServiceEvents": "IncludeGlobalServiceEvents",
    "isMultiRegionTrail": "IsMultiRegionTrail",
    "isOrganizationTrail": "IsOrganizationTrail",
    "enableLogFileValidation": "EnableLogFileValidation",
}
"""What CreateTrail and UpdateTrail take, as the provider calls it."""


def trail(account: Account, inputs: Inputs) -> Created:
    """A trail, then whether it logs, and what: calls of their own in AWS's API."""
    cloudtrail = account.client("cloudtrail")
    given = {name: inputs[key] for key, name in TRAIL_PROPERTIES.items() if key in inputs}
    made = cloudtrail.create_trail(Name=inputs["name"], TagsList=pairs(inputs.tags), **given)
    configure_trail(cloudtrail, made["TrailARN"], inputs)
    outputs = {"arn": made["TrailARN"], "homeRegion": account.region, "snsTopicArn": made.get("SnsTopicARN", "")}
    defaults = {
        "enableLogging": True,
        "includeGlobalServiceEvents": True,
        "isMultiRegionTrail": False,
        "isOrganizationTrail": False,
        "enableLogFileValidation": False,
    }
    return Created(made["TrailARN"], outputs, defaults)


def configure_trail(cloudtrail: Any, arn: str, inputs: Inputs) -> None:
    """Whether a trail logs, and what."""
    logs = inputs.get("enableLogging", True)
    (cloudtrail.start_logging if logs else cloudtrail.stop_logging)(Name=arn)
    selectors = {key: inputs[key] for key in ("eventSelectors", "advancedEventSelectors") if key in inputs}
    if "advancedEventSelectors" in selectors:
        selectors["advancedEventSelectors"] = [_selector(each) for each in selectors["advancedEventSelectors"]]
    if selectors:
        cloudtrail.put_event_selectors(**request(cloudtrail, "put_event_selectors", {"trailName": arn, **selectors}))


def _selector(given: Mapping[str, Any]) -> dict[str, Any]:
    """An advanced event selector, whose operators AWS has in the singular."""
    fields = [{key.replace("Withs", "With"): value for key, value in each.items()} for each in given["fieldSelectors"]]
    return {**given, "fieldSelectors": fields}


def metric_filter(account: Account, inputs: Inputs) -> Created:
    """AWS has `metric` before the names of a metric's properties, but for those that are not part of every metric."""
    renamed = {key: f"metric{key.capitalize()}" for key in ("name", "namespace", "value")}
    given = {"unit": "None", **inputs["metricTransformation"]}  # a default of the provider's
    metric = {renamed.get(key, key): value for key, value in given.items()}
    more = {"metricTransformations": [metric]}
    renamed = {"name": "filterName", "pattern": "filterPattern"}
    answer = call(account, "logs", "put_metric_filter", inputs, renamed=renamed, more=more)
    return Created(answer["request"]["filterName"], {}, {"applyOnTransformedLogs": False})


def metric_alarm(account: Account, inputs: Inputs) -> Created:
    dimensions = pairs(inputs.get("dimensions", {}), "name", "value")
    queries = [_query(query) for query in inputs.get("metricQueries", [])]
    more = ({"dimensions": dimensions} if dimensions else {}) | ({"metrics": queries} if queries else {})
    renamed = {"name": "AlarmName", "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile"}
    name = call(account, "cloudwatch", "put_metric_alarm", inputs, renamed=renamed, more=more)["request"]["AlarmName"]
    defaults = {"actionsEnabled": True, "treatMissingData": "missing"}
    return Created(name, {"arn": account.arn("cloudwatch", f"alarm:{name}")}, defaults)


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    """A metric query in AWS's form: the metric and its statistic are two levels there and one in the provider."""
    given = dict(query)
    metric = given.pop("metric", None)
    if metric is None:
        return given
    statistic = {key: metric[key] for key in ("period", "stat", "unit") if metric.get(key) is not None}
    identity = {key: metric[key] for key in ("metricName", "namespace") if metric.get(key) is not None}
    dimensions = pairs(metric.get("dimensions") or {}, "name", "value")
    return given | {"metricStat": statistic | {"metric": identity | {"dimensions": dimensions}}}


def dashboard(account: Account, inputs: Inputs) -> Created:
    answer = call(account, "cloudwatch", "put_dashboard", inputs)
    if answer.get("DashboardValidationMessages"):
        raise RefusedError(answer["DashboardValidationMessages"][0]["Message"])
    name = answer["request"]["DashboardName"]
    return Created(name, {"dashboardArn": f"arn:{account.partition}:cloudwatch::{account.id}:dashboard/{name}"})


def insight_rule(account: Account, inputs: Inputs) -> Created:
    name = call(account, "cloudwatch", "put_insight_rule", inputs)["request"]["RuleName"]
    return Created(name, {"resourceArn": account.arn("cloudwatch", f"insight-rule/{name}")}, {"ruleState": "ENABLED"})


def event_target(account: Account, inputs: Inputs) -> Created:
    """One target of a rule: the provider takes as one resource each what AWS takes as a list."""
    rule, bus = inputs["rule"], inputs.get("eventBusName", "default")
    target = {"Arn": inputs["arn"], "Id": inputs.get("targetId") or f"terraform-{uuid.uuid4().hex}"}
    if "input" in inputs:
        target["Input"] = inputs["input"]
    answer = account.client("events").put_targets(Rule=rule, EventBusName=bus, Targets=[target])
    if answer["FailedEntryCount"]:
        raise RefusedError(answer["FailedEntries"][0]["ErrorMessage"])
    identity = f"{rule}-{target['Id']}" if bus == "default" else f"{bus}-{rule}-{target['Id']}"
    return Created(identity, {}, {"targetId": target["Id"], "eventBusName": bus, "forceDestroy": False})


def _attributes(inputs: Inputs, names: tuple[str, ...]) -> dict[str, str]:
    """Properties as SNS's attributes, which all are text."""
    return {name[0].upper() + name[1:]: str(inputs[name]) for name in names if name in inputs}


def topic(account: Account, inputs: Inputs) -> Created:
    more = {"attributes": _attributes(inputs, TOPIC_ATTRIBUTES)}
    arn = call(account, "sns", "create_topic", inputs, more=more)["TopicArn"]
    policy = account.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    defaults = {"policy": policy, "signatureVersion": 1, "tracingConfig": "PassThrough", "displayName": ""}
    return Created(arn, {"arn": arn, "owner": account.id, "beginningArchiveTime": ""}, defaults)


def topic_subscription(account: Account, inputs: Inputs) -> Created:
    attributes = _attributes(inputs, SUBSCRIPTION_ATTRIBUTES)
    if inputs.get("rawMessageDelivery"):
        attributes["RawMessageDelivery"] = "true"
    more = {"attributes": attributes, "returnSubscriptionArn": True}
    arn = call(account, "sns", "subscribe", inputs, renamed={"topic": "TopicArn"}, more=more)["SubscriptionArn"]
    stored = account.client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    outputs = {
        "arn": arn,
        "ownerId": account.id,
        "pendingConfirmation": stored.get("PendingConfirmation") == "true",
        "confirmationWasAuthenticated": stored.get("ConfirmationWasAuthenticated") == "true",
    }
    defaults = {"rawMessageDelivery": False, "endpointAutoConfirms": False, "filterPolicyScope": ""}
    return Created(arn, outputs, defaults)


def parameter(account: Account, inputs: Inputs) -> Created:
    if "valueWo" in inputs:
        raise UnhandledError("valueWo is not supported; give value")
    value = inputs.get("value", inputs.get("insecureValue"))
    answer = call(account, "ssm", "put_parameter", inputs, more={"value": value})
    name, secure = inputs["name"], inputs["type"] == "SecureString"
    outputs = {
        "arn": account.arn("ssm", f"parameter/{name.lstrip('/')}"),
        "version": answer["Version"],
        "tier": answer.get("Tier", "Standard"),
        "value": value,
    }
    defaults = {
        "dataType": "text",
        "hasValueWo": False,
        "insecureValue": None if secure else value,
        "keyId": "alias/aws/ssm" if secure else "",
    }
    return Created(name, outputs, defaults)


HANDLERS = {
    "aws:cloudtrail/trail:Trail": Handler(trail, auto_name="name", longest_name=128),
    "aws:cloudwatch/logGroup:LogGroup": Handler(
        log_group, auto_name="name", longest_name=512, ignored=("skipDestroy",)
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Handler(
        metric_filter, auto_name="name", longest_name=512, taggable=False
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Handler(metric_alarm, auto_name="name"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Handler(
        Call(
            "cloudwatch",
            "put_composite_alarm",
            id="request.AlarmName",
            arn="alarm:{id}",
            defaults={"actionsEnabled": True},
        )
    ),
    "aws:cloudwatch/contributorInsightRule:ContributorInsightRule": Handler(insight_rule),
    "aws:cloudwatch/eventRule:EventRule": Handler(
        Call(
            "events",
            "put_rule",
            id="request.Name",
            outputs={"arn": "RuleArn"},
            defaults={"eventBusName": "default", "state": "ENABLED", "forceDestroy": False},
        ),
        auto_name="name",
        longest_name=64,
        ignored=("forceDestroy",),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Handler(event_target, taggable=False, ignored=("forceDestroy",)),
    "aws:cloudwatch/dashboard:Dashboard": Handler(dashboard, taggable=False),
    "aws:sns/topic:Topic": Handler(topic, auto_name="name", longest_name=256),
    "aws:sns/topicPolicy:TopicPolicy": Handler(
        Call(
            "sns",
            "set_topic_attributes",
            id="request.TopicArn",
            outputs={"owner": "account.id"},
            renamed={"arn": "TopicArn", "policy": "AttributeValue"},
            more={"attributeName": "Policy"},
        ),
        taggable=False,
    ),
    "aws:sns/topicSubscription:TopicSubscription": Handler(
        topic_subscription, taggable=False, ignored=("endpointAutoConfirms", "confirmationTimeoutInMinutes")
    ),
    "aws:ssm/parameter:Parameter": Handler(parameter, auto_name="name"),
}
