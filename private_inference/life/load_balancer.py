"""How load balancers, and what stands behind them, are updated in place and deleted."""

from collections.abc import Callable, Mapping
from typing import Any

from private_inference.life.differences import State, Update, differs, retag
from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handlers.load_balancer import (
    BALANCER_ATTRIBUTES,
    ECS,
    ELB,
    GROUP_ATTRIBUTES,
    attributes,
    deployment,
    health_check,
    network,
)
from private_inference.rehearsal.inputs import Inputs
from private_inference.rehearsal.requests import request


def _balanced(change: Callable[[Any, State, Inputs], None]) -> Update:
    """An update of one of Elastic Load Balancing's, whose tags are set apart."""

    def update(account: Account, state: State, inputs: Inputs) -> None:
        client = account.client(ELB)
        change(client, state, inputs)
        retag(state, inputs, {"ResourceArns": [state["arn"]]}, client.add_tags, client.remove_tags)
        inputs.rest()

    return update


def _trust_store(client: Any, state: State, inputs: Inputs) -> None:
    """The provider reads a bundle again where its place, or the version there, is another."""
    names = ("caCertificatesBundleS3Bucket", "caCertificatesBundleS3Key", "caCertificatesBundleS3ObjectVersion")
    if any(differs(state, inputs, name) for name in names):
        given = {name: inputs.get(name) for name in names}
        client.modify_trust_store(TrustStoreArn=state["arn"], **request(client, "modify_trust_store", given))


def _balancer(client: Any, state: State, inputs: Inputs) -> None:
    arn = state["arn"]
    if any(differs(state, inputs, name) for name in BALANCER_ATTRIBUTES):
        client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes(inputs, BALANCER_ATTRIBUTES))
    if differs(state, inputs, "securityGroups"):
        client.set_security_groups(LoadBalancerArn=arn, SecurityGroups=inputs["securityGroups"])


def _target_group(client: Any, state: State, inputs: Inputs) -> None:
    arn = state["arn"]
    if any(differs(state, inputs, name) for name in GROUP_ATTRIBUTES):
        client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes(inputs, GROUP_ATTRIBUTES))
    if differs(state, inputs, "healthCheck"):
        given = health_check(inputs.get("healthCheck") or {})
        client.modify_target_group(TargetGroupArn=arn, **request(client, "modify_target_group", given))


def _listener(client: Any, state: State, inputs: Inputs) -> None:
    names = ("sslPolicy", "mutualAuthentication", "defaultActions")
    if any(differs(state, inputs, name) for name in (*names, "certificateArn")):
        given: dict[str, Any] = {name: inputs.get(name) for name in names if name in inputs}
        if "certificateArn" in inputs:
            given["certificates"] = [{"certificateArn": inputs["certificateArn"]}]
        client.modify_listener(ListenerArn=state["arn"], **request(client, "modify_listener", given))


def _tagged(account: Account, state: State, inputs: Inputs) -> None:
    client = account.client(ECS)

    def form(tags: Mapping[str, str]) -> list[dict[str, str]]:
        return [{"key": key, "value": value} for key, value in tags.items()]

    where = {"resourceArn": state["arn"]}
    retag(state, inputs, where, client.tag_resource, client.untag_resource, form, ("tags", "tagKeys"))
    inputs.rest()


def cluster(account: Account, state: State, inputs: Inputs) -> None:
    if differs(state, inputs, "settings"):
        client, given = account.client(ECS), {"cluster": state["arn"], "settings": inputs.get("settings", [])}
        client.update_cluster(**request(client, "update_cluster", given))
    _tagged(account, state, inputs)


def service(account: Account, state: State, inputs: Inputs) -> None:
    names = (
        "availabilityZoneRebalancing",
        "desiredCount",
        "enableExecuteCommand",
        "healthCheckGracePeriodSeconds",
        "platformVersion",
        "taskDefinition",
    )
    shaped = ("networkConfiguration", "deploymentCircuitBreaker", "deploymentMinimumHealthyPercent")
    if any(differs(state, inputs, name) for name in (*names, *shaped, "deploymentMaximumPercent")):
        given = {name: inputs.get(name) for name in names if name in inputs} | network(inputs)
        given |= {"cluster": state["cluster"], "service": state["name"], "deploymentConfiguration": deployment(inputs)}
        client = account.client(ECS)
        client.update_service(**request(client, "update_service", given))
    _tagged(account, state, inputs)


def service_deleted(account: Account, state: State) -> None:
    """A service has no tasks any more before it goes, as the provider has it."""
    client, place = account.client(ECS), {"cluster": state["cluster"], "service": state["name"]}
    client.update_service(**place, desiredCount=0)
    client.delete_service(**place)


UPDATES: Mapping[str, Update] = {
    "aws:ecs/cluster:Cluster": cluster,
    "aws:ecs/service:Service": service,
    "aws:ecs/taskDefinition:TaskDefinition": _tagged,
    "aws:lb/listener:Listener": _balanced(_listener),
    "aws:lb/loadBalancer:LoadBalancer": _balanced(_balancer),
    "aws:lb/targetGroup:TargetGroup": _balanced(_target_group),
    "aws:lb/trustStore:TrustStore": _balanced(_trust_store),
}
