"""Rows for what is watched and told: Amazon CloudWatch, CloudWatch Logs, Amazon SNS, Parameter Store."""

from collections.abc import Mapping
from typing import Any

from private_inference.rehearsal.inputs import Inputs, RefusedError, UnhandledError, pairs, request, tag_parameters
from private_inference.rehearsal.rows import Account, Made, Row


def log_group(account: Account, inputs: Inputs) -> Made:
    logs, name = account.client("logs"), inputs["name"]
    inputs.ignore("skipDestroy", "it matters only when the log group is deleted")
    retention = inputs.get("retentionInDays")
    parameters = request(logs, "create_log_group", inputs.rest(), {}) | {"logGroupName": name}
    logs.create_log_group(**parameters, **tag_parameters(logs, "create_log_group", inputs.tags, ""))
    if retention:
        logs.put_retention_policy(logGroupName=name, retentionInDays=retention)
    defaults = {
        "retentionInDays": 0,
        "skipDestroy": False,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False,
    }
    return Made(name, {"arn": account.arn("logs", f"log-group:{name}")}, defaults)


def metric_alarm(account: Account, inputs: Inputs) -> Made:
    cloudwatch, name = account.client("cloudwatch"), inputs["name"]
    dimensions = inputs.get("dimensions")
    queries = [_query(query) for query in inputs.get("metricQueries", [])]
    parameters = request(
        cloudwatch, "put_metric_alarm", inputs.rest(), {"evaluateLowSampleCountPercentiles": LOW_SAMPLE}
    )
    if dimensions:
        parameters["Dimensions"] = pairs(dimensions, "Name")
    if queries:
        parameters |= request(cloudwatch, "put_metric_alarm", {"metrics": queries}, {})
    tags = tag_parameters(cloudwatch, "put_metric_alarm", inputs.tags, "")
    cloudwatch.put_metric_alarm(AlarmName=name, **parameters, **tags)
    defaults = {"actionsEnabled": True, "treatMissingData": "missing"}
    return Made(name, {"arn": account.arn("cloudwatch", f"alarm:{name}")}, defaults)


LOW_SAMPLE = "EvaluateLowSampleCountPercentile"


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    """A metric query in AWS's form: the metric and its statistic are two levels there and one in the provider."""
    given = dict(query)
    metric = given.pop("metric", None)
    if metric is None:
        return given
    statistic = {key: metric[key] for key in ("period", "stat", "unit") if metric.get(key) is not None}
    identity = {key: metric[key] for key in ("metricName", "namespace") if metric.get(key) is not None}
    dimensions = [{"name": name, "value": value} for name, value in (metric.get("dimensions") or {}).items()]
    return given | {"metricStat": statistic | {"metric": identity | {"dimensions": dimensions}}}


def dashboard(account: Account, inputs: Inputs) -> Made:
    name = inputs["dashboardName"]
    answer = account.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=inputs["dashboardBody"])
    if answer.get("DashboardValidationMessages"):
        raise RefusedError(answer["DashboardValidationMessages"][0]["Message"])
    return Made(name, {"dashboardArn": f"arn:{account.partition}:cloudwatch::{account.id}:dashboard/{name}"})


TOPIC_ATTRIBUTES = {
    "displayName": "DisplayName",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "deliveryPolicy": "DeliveryPolicy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
}


def topic(account: Account, inputs: Inputs) -> Made:
    sns = account.client("sns")
    attributes = {aws: str(inputs[name]) for name, aws in TOPIC_ATTRIBUTES.items() if name in inputs}
    tags = tag_parameters(sns, "create_topic", inputs.tags, "")
    arn = sns.create_topic(Name=inputs["name"], Attributes=attributes, **tags)["TopicArn"]
    stored = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    defaults = {"policy": stored["Policy"], "signatureVersion": 1, "tracingConfig": "PassThrough", "displayName": ""}
    return Made(arn, {"arn": arn, "owner": account.id, "beginningArchiveTime": ""}, defaults)


def topic_policy(account: Account, inputs: Inputs) -> Made:
    account.client("sns").set_topic_attributes(
        TopicArn=inputs["arn"], AttributeName="Policy", AttributeValue=inputs["policy"]
    )
    return Made(inputs["arn"], {"owner": account.id})


SUBSCRIPTION_ATTRIBUTES = {
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "deliveryPolicy": "DeliveryPolicy",
    "redrivePolicy": "RedrivePolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}


def topic_subscription(account: Account, inputs: Inputs) -> Made:
    sns = account.client("sns")
    for name in ("endpointAutoConfirms", "confirmationTimeoutInMinutes"):
        inputs.ignore(name, "it only tells the provider how long to wait for a confirmation")
    attributes = {aws: inputs[name] for name, aws in SUBSCRIPTION_ATTRIBUTES.items() if name in inputs}
    if inputs.get("rawMessageDelivery"):
        attributes["RawMessageDelivery"] = "true"
    arn = sns.subscribe(
        TopicArn=inputs["topic"],
        Protocol=inputs["protocol"],
        Endpoint=inputs["endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    stored = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    outputs = {
        "arn": arn,
        "ownerId": account.id,
        "pendingConfirmation": stored.get("PendingConfirmation") == "true",
        "confirmationWasAuthenticated": stored.get("ConfirmationWasAuthenticated") == "true",
    }
    defaults = {"rawMessageDelivery": False, "endpointAutoConfirms": False, "filterPolicyScope": ""}
    return Made(arn, outputs, defaults)


def parameter(account: Account, inputs: Inputs) -> Made:
    ssm, name = account.client("ssm"), inputs["name"]
    if "valueWo" in inputs:
        raise UnhandledError("valueWo is not supported; give value")
    value = inputs.get("value", inputs.get("insecureValue"))
    renamed = {"name": "Name"}
    parameters = request(ssm, "put_parameter", inputs.rest() | {"value": value}, renamed) | {"Name": name}
    answer = ssm.put_parameter(**parameters, **tag_parameters(ssm, "put_parameter", inputs.tags, ""))
    arn = account.arn("ssm", f"parameter/{name.lstrip('/')}")
    outputs = {"arn": arn, "version": answer["Version"], "tier": answer.get("Tier", "Standard"), "value": value}
    secure = inputs["type"] == "SecureString"
    defaults = {
        "dataType": "text",
        "hasValueWo": False,
        "insecureValue": None if secure else value,
        "keyId": "alias/aws/ssm" if secure else "",
    }
    return Made(name, outputs, defaults)


ROWS = {
    "aws:cloudwatch/logGroup:LogGroup": Row(log_group, auto_name="name", most=512),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Row(metric_alarm, auto_name="name"),
    "aws:cloudwatch/dashboard:Dashboard": Row(dashboard, taggable=False),
    "aws:sns/topic:Topic": Row(topic, auto_name="name", most=256),
    "aws:sns/topicPolicy:TopicPolicy": Row(topic_policy, taggable=False),
    "aws:sns/topicSubscription:TopicSubscription": Row(topic_subscription, taggable=False),
    "aws:ssm/parameter:Parameter": Row(parameter, auto_name="name"),
}
