"""Runs rules in this process, on what the SDK would hand them: proxies that raise where a value is unknown."""

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_policy import (
    Policy,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import PolicyCustomTimeouts
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from policy import pack
from policy.rules import NotVerifiedError
from private_inference.runner.resource import Resource
from private_inference.runner.sdk import wire

RULES: Mapping[str, Policy] = {rule.name: rule for rule in pack.RULES}

OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


class Judgement:
    """What a rule said: violations and unverified properties, each by the URN of the resource."""

    def __init__(self) -> None:
        self.violations: list[tuple[str, str]] = []
        self.unverified: list[tuple[str, str]] = []

    def report(self, message: str, urn: str | None = None) -> None:
        self.violations.append((urn or "", message))

    @property
    def named(self) -> set[str]:
        """The URNs of everything that was said."""
        return {urn for urn, _ in [*self.violations, *self.unverified]}

    @property
    def silent(self) -> bool:
        return not (self.violations or self.unverified)


def judge(rule: str, resources: Iterable[Resource], config: Mapping[str, Any] | None = None) -> Judgement:
    """What one rule says of a stack."""
    policy, judgement = RULES[rule], Judgement()
    try:
        if isinstance(policy, ResourceValidationPolicy):
            for resource in resources:
                _judge_resource(policy, resource, config, judgement)
        else:
            assert isinstance(policy, StackValidationPolicy)
            policy.validate(StackValidationArgs(policy_resources(resources), config), judgement.report)
    except NotVerifiedError as error:
        _keep(error, judgement)
    return judgement


def _judge_resource(
    policy: ResourceValidationPolicy, resource: Resource, config: Mapping[str, Any] | None, judgement: Judgement
) -> None:
    options = PolicyResourceOptions(False, list(resource.ignore_changes), None, [], PolicyCustomTimeouts(0, 0, 0), [])
    args = ResourceValidationArgs(
        resource.type, proxied(resource.properties), resource.urn, resource.name, options, None, config
    )
    try:
        policy.validate(args, lambda message, _: judgement.report(message, resource.urn))
    except NotVerifiedError as error:
        _keep(error, judgement)
    except UnknownValueError as error:
        raise AssertionError(f"{policy.name} let the SDK drop it at .{'.'.join(error.props)}") from error


def _keep(error: NotVerifiedError, judgement: Judgement) -> None:
    judgement.unverified += [(each.urn, each.property) for each in error.unverified]


def policy_resources(resources: Iterable[Resource]) -> list[PolicyResource]:
    """The resources as the SDK hands them to a stack rule, linked."""
    every = list(resources)
    made = {
        each.urn: PolicyResource(
            each.type,
            proxied({**each.outputs, **({"id": each.id} if each.id else {})}),
            each.urn,
            each.name,
            OPTIONS,
            None,
            None,
            [],
            {},
        )
        for each in every
    }
    for each in every:
        made[each.urn].property_dependencies = {
            key: [made[urn] for urn in urns if urn in made] for key, urns in each.property_dependencies.items()
        }
    return list(made.values())


def proxied(properties: Mapping[str, Any]) -> Any:
    return unknown_checking_proxy(wire(properties))
