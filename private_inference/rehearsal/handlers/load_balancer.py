"""Handlers for Elastic Load Balancing and Amazon ECS."""

import json
from collections.abc import Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Call, Created, Handler, call
from private_inference.rehearsal.inputs import Inputs

ELB, ECS = "elbv2", "ecs"
BALANCER_ATTRIBUTES = {
    "clientKeepAlive": "client_keep_alive.seconds",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableHttp2": "routing.http2.enabled",
    "enableXffClientPort": "routing.http.xff_client_port.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
}
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html"""
GROUP_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "slowStart": "slow_start.duration_seconds",
}
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html"""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def attributes(inputs: Inputs, names: Mapping[str, str]) -> list[dict[str, str]]:
    """Those of these properties that are given, as attributes."""
    given = {names[key]: inputs.get(key) for key in names if key in inputs}
    return [{"Key": key, "Value": _text(value)} for key, value in given.items()]


def suffix(arn: str) -> str:
    """What metrics call it: `app/NAME/ID` of a balancer, `targetgroup/NAME/ID` of a target group."""
    return arn.rpartition(":")[2].removeprefix("loadbalancer/")


def trust_store(account: Account, inputs: Inputs) -> Created:
    (made,) = call(account, ELB, "create_trust_store", inputs)["TrustStores"]
    arn = made["TrustStoreArn"]
    return Created(arn, {"arn": arn, "arnSuffix": suffix(arn)})


def balancer(account: Account, inputs: Inputs) -> Created:
    chosen = attributes(inputs, BALANCER_ATTRIBUTES)
    scheme = "internal" if inputs.get("internal") else "internet-facing"
    renamed = {"loadBalancerType": "type"}
    (made,) = call(account, ELB, "create_load_balancer", inputs, renamed=renamed, more={"scheme": scheme})[
        "LoadBalancers"
    ]
    arn = made["LoadBalancerArn"]
    if chosen:
        account.client(ELB).modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=chosen)
    outputs = {
        "arn": arn,
        "arnSuffix": suffix(arn),
        "dnsName": made["DNSName"],
        "zoneId": made["CanonicalHostedZoneId"],
        "vpcId": made["VpcId"],
    }
    return Created(arn, outputs, {"ipAddressType": "ipv4", "loadBalancerType": "application"})


HEALTH_CHECK = {
    "enabled": "HealthCheckEnabled",
    "healthyThreshold": "HealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "timeout": "HealthCheckTimeoutSeconds",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}
"""The provider's names for CreateTargetGroup's parameters, and ModifyTargetGroup's."""


def health_check(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a target group's health check."""
    asked = {HEALTH_CHECK[key]: value for key, value in given.items() if value is not None and key != "matcher"}
    matcher = {"Matcher": {"HttpCode": given["matcher"]}} if given.get("matcher") else {}
    return asked | matcher


def target_group(account: Account, inputs: Inputs) -> Created:
    chosen = attributes(inputs, GROUP_ATTRIBUTES)
    more = health_check(inputs.get("healthCheck") or {})
    (made,) = call(account, ELB, "create_target_group", inputs, more=more)["TargetGroups"]
    arn = made["TargetGroupArn"]
    if chosen:
        account.client(ELB).modify_target_group_attributes(TargetGroupArn=arn, Attributes=chosen)
    return Created(arn, {"arn": arn, "arnSuffix": suffix(arn), "loadBalancerArns": []})


def listener(account: Account, inputs: Inputs) -> Created:
    more = {"certificates": [{"certificateArn": inputs["certificateArn"]}]} if "certificateArn" in inputs else {}
    (made,) = call(account, ELB, "create_listener", inputs, more=more)["Listeners"]
    return Created(made["ListenerArn"], {"arn": made["ListenerArn"]})


def task_definition(account: Account, inputs: Inputs) -> Created:
    containers = {"containerDefinitions": json.loads(inputs["containerDefinitions"])}
    made = call(account, ECS, "register_task_definition", inputs, more=containers)["taskDefinition"]
    arn = made["taskDefinitionArn"]
    outputs = {"arn": arn, "arnWithoutRevision": arn.rpartition(":")[0], "revision": made["revision"]}
    return Created(made["family"], outputs)


DEPLOYMENT = {
    "deploymentCircuitBreaker": "deploymentCircuitBreaker",
    "deploymentMaximumPercent": "maximumPercent",
    "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
}


def deployment(inputs: Inputs) -> dict[str, Any]:
    """A service's deployment configuration, as CreateService and UpdateService take it."""
    return {DEPLOYMENT[key]: inputs.get(key) for key in DEPLOYMENT if key in inputs}


def network(inputs: Inputs) -> dict[str, Any]:
    """A service's network configuration, likewise."""
    given = dict(inputs.get("networkConfiguration") or {})
    public = "ENABLED" if given.pop("assignPublicIp", False) else "DISABLED"
    return {"networkConfiguration": {"awsvpcConfiguration": {**given, "assignPublicIp": public}}} if given else {}


def service(account: Account, inputs: Inputs) -> Created:
    """The provider waits until the tasks run, if it is asked to."""
    more = network(inputs) | {"deploymentConfiguration": deployment(inputs)}
    waits = inputs.get("waitForSteadyState", False)
    renamed = {"name": "serviceName", "enableEcsManagedTags": "enableECSManagedTags"}
    made = call(account, ECS, "create_service", inputs, renamed=renamed, more=more)["service"]
    arn, missing = made["serviceArn"], made["desiredCount"] - made["runningCount"]
    said = "; ".join(each["message"] for each in made.get("events", []))
    failure = f"{missing} of {made['desiredCount']} tasks do not start: {said}" if waits and missing else ""
    return Created(arn, {"arn": arn}, {"schedulingStrategy": "REPLICA"}, failure)


HANDLERS = {
    "aws:lb/trustStore:TrustStore": Handler(trust_store, auto_name="name", longest_name=32),
    "aws:lb/loadBalancer:LoadBalancer": Handler(balancer, auto_name="name", longest_name=32),
    "aws:lb/targetGroup:TargetGroup": Handler(target_group, auto_name="name", longest_name=32),
    "aws:lb/listener:Listener": Handler(listener),
    "aws:ecs/cluster:Cluster": Handler(
        Call(
            ECS,
            "create_cluster",
            id="cluster.clusterArn",
            outputs={"arn": "cluster.clusterArn"},
            renamed={"name": "clusterName"},
        ),
        auto_name="name",
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Handler(task_definition, ignored=("skipDestroy", "trackLatest")),
    "aws:ecs/service:Service": Handler(
        service, auto_name="name", ignored=("forceDelete", "forceNewDeployment", "waitForSteadyState")
    ),
}
