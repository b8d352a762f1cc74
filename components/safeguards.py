"""Hooks of the Pulumi engine that keep an endpoint serving: before and after its update, and before deletions.

SageMaker rolls a failed update back to `InService`, the provider reports success, and the engine would then delete what
serves (https://github.com/hashicorp/terraform-provider-aws/issues/48997). An update may also start fewer instances than
serve, and fails where it removes a variant that is registered for scaling, or changes its instance type
(https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.resource_hooks import ErrorHookArgs, ResourceHookArgs

from components import clients
from components.leaving_components import leaving, refusal
from components.live_endpoints import Use, component, describe, uses, vpc_configs
from components.pauses import pauses
from components.scaling_registration import Registration
from components.variant_changes import SHADOW, VariantChanges, Variants

INTERFACES_GONE_WITHIN = 1200
"""Seconds. SageMaker removes its network interfaces after an endpoint, with the execution role's permissions:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html
"""


class NotServedError(Exception):
    """An endpoint does not serve what it was updated to."""


class InUseError(Exception):
    """Something would be deleted that an endpoint, or a role, uses."""


@dataclass(frozen=True)
class _Interfaces:
    """Network interfaces before an endpoint's deletion."""

    filters: list[dict[str, Any]]
    ids: set[str]
    least: int
    """How many of them have to go with the endpoint, at least."""


class Safeguards:
    """The hooks of one program. Each is registered once, under a name that the engine keeps in its state."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._registrations: dict[str, Registration] = {}
        self._interfaces: dict[str, _Interfaces] = {}
        self.endpoint = pulumi.ResourceHookBinding(
            before_update=[pulumi.ResourceHook("endpoint-keeps-its-instances", self._before_update)],
            after_update=[pulumi.ResourceHook("endpoint-serves-what-it-should", self._after_update)],
            before_delete=[pulumi.ResourceHook("interfaces-are-counted", self._before_delete)],
            after_delete=[pulumi.ResourceHook("interfaces-go-before-the-role", self._after_delete)],
            on_error=[pulumi.ErrorHook("scaling-comes-back", self._on_error)],
        )
        self.component = pulumi.ResourceHookBinding(
            before_update=[pulumi.ResourceHook("component-keeps-its-copies", self._copies_kept)]
        )
        self.configuration = self._kept_in_use(
            "configuration", lambda args, use: use.configuration == _configuration(args)
        )
        self.model = self._kept_in_use("model", lambda args, use: args.id in use.models)
        self.artifact = self._kept_in_use("artifact", lambda args, use: use.loads(_uri(args.old_outputs or {})))
        components_stay = pulumi.ResourceHook("components-stay-while-they-serve", self._components_stay)
        self.runtime_endpoint = pulumi.ResourceHookBinding(before_update=[components_stay])
        self.invoke_policy = pulumi.ResourceHookBinding(
            before_update=[components_stay],
            before_delete=[pulumi.ResourceHook("invoke-policy-not-attached", self._policy_detached)],
        )
        self.contract = _before_delete("contract-without-holders", self._contract_unheld)
        self.caller_contract = _before_delete("caller-contract-without-holders", self._caller_unheld)

    def _client(self, service: str) -> Any:
        return clients.client(service, self._region)

    # Updates of an endpoint

    def _before_update(self, args: ResourceHookArgs) -> None:
        """Refuse fewer instances than serve, and to undo weights; take variants off scaling that have to be."""
        new = (args.new_inputs or {})["endpointConfigName"]
        name = (args.new_inputs or {})["name"]
        sagemaker = self._client("sagemaker")
        endpoint = describe(sagemaker, name)
        if endpoint is None or endpoint["EndpointConfigName"] == new:
            return
        changes = VariantChanges(
            name,
            live=_variants(endpoint),
            serving=self._configured(endpoint["EndpointConfigName"]),
            planned=self._configured(new),
        )
        if refusal := changes.refusal():
            raise NotServedError(refusal)
        if off := changes.off_scaling():
            registration = Registration.read(self._client("application-autoscaling"), name, off)
            if registration.targets:
                pulumi.log.info(f"{name} is taken off scaling while it is updated: {', '.join(sorted(off))}", None)
                self._registrations[name] = registration
                registration.remove()

    def _copies_kept(self, args: ResourceHookArgs) -> None:
        """Refuse to start fewer copies of an inference component than serve: CloudFormation sets their count."""
        resources = json.loads((args.new_inputs or {})["templateBody"])["Resources"]
        for properties in (each["Properties"] for each in resources.values()):
            name, starts = properties["InferenceComponentName"], properties["RuntimeConfig"]["CopyCount"]
            live = component(self._client("sagemaker"), name) or {}
            copies = live.get("RuntimeConfig", {}).get("DesiredCopyCount", 0)
            if starts < copies:
                raise NotServedError(
                    f"{name} serves with {copies} copies, and it would start {starts}. Nothing was changed. Run "
                    "`pulumi up` again, which plans with the copies that serve then, or set the component's "
                    f"copies.initial to {copies}."
                )

    def _components_stay(self, args: ResourceHookArgs) -> None:
        """Refuse to end calls of an inference component that has copies, by the policy of what they come through.

        The VPC endpoint's policy changes first; of one that isn't the stack's, or has none, the invoke policy's does.
        """
        before, after = ((each or {}).get("policy") for each in (args.old_inputs, args.new_inputs))
        for name in leaving(before, after):
            live = component(self._client("sagemaker"), name)
            if live and (why := refusal(live, after)):
                raise NotServedError(why)

    def _after_update(self, args: ResourceHookArgs) -> None:
        """Scaling comes back, and the endpoint serves the configuration that it was updated to."""
        name = (args.new_inputs or {})["name"]
        self._register_again(name)
        wanted = (args.new_inputs or {})["endpointConfigName"]
        endpoint = describe(self._client("sagemaker"), name) or {}
        serves, reason = endpoint.get("EndpointConfigName", "nothing"), endpoint.get("FailureReason")
        if serves != wanted:
            raise NotServedError(
                f"SageMaker did not take the update of {name}: it serves {serves}, not {wanted}. "
                f"Its reason: {reason or 'it gives none'}. What serves was kept. Mend the cause, then run "
                f"`pulumi up --refresh`. {advice(reason or '')}"
            )

    def _on_error(self, args: ErrorHookArgs) -> bool:
        """Scaling comes back after a failed update, too. The operation is not tried again."""
        self._register_again((args.new_inputs or args.old_inputs or {}).get("name", ""))
        if hint := advice(" ".join(args.errors)):
            pulumi.log.error(hint)
        return False

    def _register_again(self, name: str) -> None:
        registration = self._registrations.pop(name, None)
        if registration:
            endpoint = describe(self._client("sagemaker"), name) or {}
            registration.restore(_variants(endpoint))

    def _configured(self, configuration: str) -> Variants:
        return _variants(self._client("sagemaker").describe_endpoint_config(EndpointConfigName=configuration))

    # Deletions

    def _before_delete(self, args: ResourceHookArgs) -> None:
        """Remember the network interfaces where the endpoint's are.

        AWS doesn't say whose an interface is. Where no other endpoint has any all have to go; else at least as many as
        the endpoint has instances, each of which has one or more.
        """
        sagemaker, name = self._client("sagemaker"), (args.old_outputs or {}).get("name", "")
        endpoint = describe(sagemaker, name) or {}
        networks = vpc_configs(sagemaker, endpoint.get("EndpointConfigName", ""))
        groups = {group for network in networks for group in network.get("SecurityGroupIds", [])}
        if not groups:
            return
        subnets = {subnet for network in networks for subnet in network.get("Subnets", [])}
        filters = [{"Name": "group-id", "Values": sorted(groups)}, {"Name": "subnet-id", "Values": sorted(subnets)}]
        ids = self._interface_ids(filters)
        others = [vpc_configs(sagemaker, use.configuration) for use in uses(sagemaker) if use.endpoint != name]
        instances = sum(each.get("CurrentInstanceCount", 0) for each in _variants(endpoint).values())
        shared = any(network in networks for other in others for network in other)
        self._interfaces[name] = _Interfaces(filters, ids, instances if shared else len(ids))

    def _after_delete(self, args: ResourceHookArgs) -> None:
        """Wait for the network interfaces of a deleted endpoint: they go with the role's permissions, which go next."""
        before = self._interfaces.pop((args.old_outputs or {}).get("name", ""), None)
        if before is None:
            return
        for waited in pauses(INTERFACES_GONE_WITHIN):
            left = before.ids & self._interface_ids(before.filters)
            if len(left) <= len(before.ids) - before.least:
                return
            listed = ", ".join(sorted(left))
            pulumi.log.info(f"Waiting for SageMaker to remove its network interfaces, of {listed} ({waited:.0f} s)")
        raise InUseError(
            f"SageMaker still has network interfaces after {INTERFACES_GONE_WITHIN} s: {listed}. They block groups and "
            "subnets, and go with the execution role's permissions: wait, then run the command again."
        )

    def _interface_ids(self, filters: list[dict[str, Any]]) -> set[str]:
        pages = self._client("ec2").get_paginator("describe_network_interfaces").paginate(Filters=filters)
        return {interface["NetworkInterfaceId"] for page in pages for interface in page["NetworkInterfaces"]}

    def _kept_in_use(self, what: str, serves: Callable[[ResourceHookArgs, Use], bool]) -> pulumi.ResourceHookBinding:
        """Refuse to delete what an endpoint serves with, whoever owns the endpoint."""

        def check(args: ResourceHookArgs) -> None:
            for use in uses(self._client("sagemaker")):
                if serves(args, use):
                    raise InUseError(
                        f"The {what} {args.name} was not deleted: {use.endpoint} serves with it, and could not heal or "
                        "scale without it. If an update was rolled back, mend its cause and run `pulumi up --refresh`."
                    )

        return _before_delete(f"{what}-not-in-use", check)

    def _contract_unheld(self, args: ResourceHookArgs) -> None:
        """The contract goes first of all, so nothing is deleted while somebody holds a policy that it names."""
        for endpoint in json.loads((args.old_outputs or {})["insecureValue"])["endpoints"].values():
            captured = endpoint.get("captured", {}).get("readPolicyArn")
            for policy in filter(None, (endpoint["invokePolicyArn"], endpoint.get("frontDoorPolicyArn"), captured)):
                self._refuse_if_attached(policy)

    def _caller_unheld(self, args: ResourceHookArgs) -> None:
        """A caller's contract goes before its policy. Of another account nobody can hold that, but take its role."""
        if policy := json.loads((args.old_outputs or {})["insecureValue"]).get("invokePolicyArn"):
            self._refuse_if_attached(policy)

    def _policy_detached(self, args: ResourceHookArgs) -> None:
        self._refuse_if_attached(args.id)

    def _refuse_if_attached(self, policy_arn: str) -> None:
        """IAM deletes no attached policy.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
        """
        iam = self._client("iam")
        try:
            holders = iam.list_entities_for_policy(PolicyArn=policy_arn)
        except iam.exceptions.NoSuchEntityException:
            return
        names = [
            *(f"role {each['RoleName']}" for each in holders["PolicyRoles"]),
            *(f"user {each['UserName']}" for each in holders["PolicyUsers"]),
            *(f"group {each['GroupName']}" for each in holders["PolicyGroups"]),
        ]
        if names:
            raise InUseError(
                f"The policy {policy_arn.rpartition('/')[2]} is attached to {', '.join(names)}, and IAM deletes "
                "no attached policy. Have their owners detach it, then run the command again."
            )


def advice(failure: str) -> str:
    """What to do where SageMaker refuses the execution role's permissions for network interfaces; else nothing.

    It names the actions that it misses: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
    """
    if "NetworkInterface" not in failure and "network interface" not in failure:
        return ""
    return (
        "If SageMaker refuses the execution role's permissions for network interfaces, give "
        "security.networkInterfacesUnscopedBecause a reason: they then have the form that AWS publishes."
    )


def _variants(described: Mapping[str, Any]) -> Variants:
    """Those of an endpoint or of a configuration, by name; its shadow is marked as one."""
    shadows = ({**each, SHADOW: True} for each in described.get("ShadowProductionVariants", ()))
    return {variant["VariantName"]: variant for variant in (*described.get("ProductionVariants", ()), *shadows)}


def _before_delete(name: str, check: Callable[[ResourceHookArgs], None]) -> pulumi.ResourceHookBinding:
    return pulumi.ResourceHookBinding(before_delete=[pulumi.ResourceHook(name, check)])


def _configuration(args: ResourceHookArgs) -> str:
    """Name of a configuration: its id, or its CloudFormation stack's name."""
    name: str = (args.old_outputs or {}).get("name") or args.id
    return name


def _uri(artifact: Mapping[str, Any]) -> str:
    return f"s3://{artifact.get('bucket')}/{artifact.get('key')}"
