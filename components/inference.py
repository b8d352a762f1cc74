"""One SageMaker endpoint: permissions, production variants, configuration, endpoint, logs, invoke policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws

from components import capture_policies, exchange_policies, execution_policies, iam
from components.component_arns import component_arns
from components.component_fleet import ComponentFleet, Fleet
from components.container_logs import ENDPOINTS, ContainerLogs
from components.data_capture import DataCapture
from components.deployment import deployment
from components.exchange import Exchange
from components.execution_role import ExecutionRole
from components.fleet_configuration import FleetContent
from components.generation import Content, generation
from components.iam import Account
from components.listings import with_listings
from components.live_endpoints import LiveEndpoint
from components.production_variant import ProductionVariant, ProductionVariantArgs, ServedVariant
from components.safeguards import Safeguards
from components.served_models import Reads
from components.serving_model import ModelPlace
from components.settings import ALL_TRAFFIC, EndpointSettings, VariantSettings
from components.variant_changes import announce


@dataclass(frozen=True, kw_only=True)
class InferenceEndpointArgs:
    """One endpoint, and what it takes from the rest of the stack."""

    settings: EndpointSettings
    account: Account
    iam_path: str
    """IAM path of the invoke policy."""
    execution_role: ExecutionRole
    variants: Sequence[ServedVariant]
    """Its production variants, and its shadow."""
    reads: Reads
    """Artifacts, keys and images that the execution role may read."""
    subnet_ids: Sequence[pulumi.Input[str]]
    """The subnets of the model tier, in `zones`."""
    zones: Sequence[str]
    security_group_id: pulumi.Input[str]
    """The group of the model tier."""
    unscoped_interfaces: bool
    """Whether the execution role's network interfaces are bounded to no subnet and no VPC."""
    artifact_dependencies: Sequence[pulumi.Resource]
    """What the artifact's download needs (routes, firewall rules, the S3 gateway).

    SageMaker downloads it when the endpoint is created, and fails without them.
    """
    runtime_endpoint_id: pulumi.Input[str]
    """The only VPC endpoint that callers may use."""
    vpc_id: pulumi.Input[str]
    """From where callers may put requests into S3, and read answers there."""
    data_key_arn: pulumi.Input[str]
    logs: ContainerLogs
    topic_arn: pulumi.Input[str]
    """The topic that alarms notify."""
    live: LiveEndpoint
    """The endpoint as it is now."""
    safeguards: Safeguards
    """Hooks that keep it serving."""
    exchange: Exchange | None = None
    """Where requests and answers are, if the endpoint is asynchronous."""
    capture: DataCapture | None = None
    """Where captured calls are kept, if they are."""
    captured: iam.Arn | None = None
    """The bucket that they go into, also of what serves until an update ends the capture."""
    fleet: Fleet | None = None
    """What is served in place of variants, if several models share one fleet."""


class InferenceEndpoint(pulumi.ComponentResource):
    """Models behind an endpoint whose instances live in the model subnets."""

    endpoint: aws.sagemaker.Endpoint
    invoke_policy: aws.iam.Policy
    variants: Sequence[str]
    """Names of its production variants."""
    components: Mapping[str, str]
    """Names of its inference components by their names in the settings, if several models share its fleet."""
    streaming: bool
    openai: bool
    """Whether the invoke policy allows answers part by part."""
    target_models: Sequence[str]
    """What callers choose from, if they have to name a model."""
    target_containers: Sequence[str]
    """What callers choose from, if they have to name a container."""
    exchange: Exchange | None
    capture: DataCapture | None

    def __init__(self, name: str, args: InferenceEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:InferenceEndpoint", name, None, opts)
        self._name = name
        self._args = args
        self._child = partial(pulumi.ResourceOptions, parent=self, protect=False)
        self._shadow = args.settings.shadow.name if args.settings.shadow else None
        self.variants = [served.name for served in args.variants if served.name != self._shadow]
        self._generation = generation(self._content(), args.live)
        if args.fleet:
            self.variants = [ALL_TRAFFIC]
        self.streaming, self.openai = args.settings.streaming, args.settings.openai
        self.target_models = args.settings.target_models
        self.target_containers = args.settings.target_containers
        self.exchange, self.capture = args.exchange, args.capture
        scaled = [served.name for served in args.variants if self._scales(served.name)]
        settings = [served.variant.settings for served in args.variants]
        announce(args.settings.name, settings, args.live, self, scaled=scaled)
        log_group = args.logs.group(ENDPOINTS, args.settings.name, args.settings.kv_cache_percent, self)
        place = self._place()
        variants = [ProductionVariant(self._variant_args(served, place)) for served in args.variants]
        fleet = ComponentFleet(args.settings, args.fleet, place, args.logs) if args.fleet else None
        rollback = [each for variant in variants if variant.name != self._shadow for each in variant.alarms.rollback]
        log_groups = [log_group, *(fleet.log_groups if fleet else ())]
        permissions = self._permissions(log_groups, fleet.rollback if fleet else rollback)
        ready = [permissions, args.execution_role.interfaces]
        configuration = (
            self._fleet_configuration(fleet, ready)
            if fleet
            else self._configuration({variant.name: variant.model(ready).name for variant in variants}).name
        )
        self.endpoint = aws.sagemaker.Endpoint(
            name,
            name=args.settings.name,
            endpoint_config_name=configuration,
            deployment_config=None if fleet or self._generation.renamed else self._deployment(rollback),
            opts=pulumi.ResourceOptions.merge(
                self._child(
                    depends_on=[
                        permissions,
                        log_group,
                        *args.artifact_dependencies,
                        *(args.exchange.safeguards if args.exchange else ()),
                        *(args.capture.safeguards if args.capture else ()),
                    ],
                    hooks=args.safeguards.endpoint,
                ),
                _replaced_if_failed(args.live),
            ),
        )
        components = (
            fleet.components(self.endpoint.name, ready, args.zones, args.live, args.safeguards.component)
            if fleet
            else []
        )
        self.components = (
            {each.settings.name: each.component_name for each in args.fleet.components} if args.fleet else {}
        )
        scaling = [variant.scaling(self.endpoint.name) for variant in variants if variant.name in scaled]
        self.invoke_policy = aws.iam.Policy(
            name,
            path=args.iam_path,
            description=f"Calls {args.settings.name} through the VPC's runtime endpoint",
            policy=iam.json_document(self._callers()),
            # Deleted before these: as long as somebody holds the policy, the endpoint stays as it is.
            opts=self._child(
                depends_on=[*scaling, *components, *(variant.alarms for variant in variants)],
                hooks=args.safeguards.invoke_policy,
            ),
        )
        self.register_outputs({"endpointArn": self.endpoint.arn, "invokePolicyArn": self.invoke_policy.arn})

    def _content(self) -> Content | FleetContent:
        if self._args.fleet:
            return FleetContent(self._args.settings, self._args.zones)
        return Content(
            endpoint=self._name,
            artifacts={
                served.name: [each.artifact.content for each in served.containers] for served in self._args.variants
            },
            variants=[served.variant.settings for served in self._args.variants],
            volume_key=self._args.settings.volume_key_off_because is None,
            asynchronous=self._args.settings.asynchronous,
            data_capture=self._args.settings.data_capture,
            shadow=self._shadow,
            zones=self._args.zones,
        )

    def _scales(self, variant: str) -> bool:
        shadow = self._args.settings.shadow
        return shadow is None or variant != shadow.name or shadow.scaled

    def _place(self) -> ModelPlace:
        return ModelPlace(
            execution_role_arn=self._args.execution_role.role.arn,
            subnet_ids=self._args.subnet_ids,
            security_group_id=self._args.security_group_id,
            parent=self,
            hooks=self._args.safeguards.model,
        )

    def _variant_args(self, served: ServedVariant, place: ModelPlace) -> ProductionVariantArgs:
        return ProductionVariantArgs(
            served=served,
            place=place,
            topic_arn=self._args.topic_arn,
            asynchronous=self._args.settings.asynchronous,
            parent=self,
        )

    def _deployment(self, alarms: Sequence[aws.cloudwatch.MetricAlarm]) -> aws.sagemaker.EndpointDeploymentConfigArgs:
        return deployment(self._args.settings.update, [alarm.name for alarm in alarms])

    def _permissions(
        self, log_groups: Sequence[aws.cloudwatch.LogGroup], rollback: Sequence[aws.cloudwatch.MetricAlarm]
    ) -> pulumi.Resource:
        """What the execution role may: it must be attached before a model is created with the role."""
        args = self._args
        serving = execution_policies.Serving(
            artifacts=args.reads.artifacts,
            artifact_keys=args.reads.keys,
            image_repositories=args.reads.repositories,
            log_groups=[each.arn for each in log_groups],
            rollback_alarms=[] if args.settings.update.rollback_off_because else [each.arn for each in rollback],
            data_key=args.data_key_arn,
            subnets=self._ec2_arns("subnet", [*args.subnet_ids, *args.live.subnets]),
            security_groups=self._ec2_arns("security-group", [args.security_group_id, *args.live.security_groups]),
            unscoped_interfaces=args.unscoped_interfaces,
        )
        further = exchange_policies.role_statements(args.account, args.exchange.exchanged) if args.exchange else []
        if args.captured:
            further += capture_policies.role_statements(args.account, args.captured, args.data_key_arn)
        document = with_listings(execution_policies.execution_role(args.account, serving, *further), args.reads.listed)
        role = args.execution_role.role
        return aws.iam.RolePolicy(self._name, role=role.id, policy=iam.json_document(document), opts=self._child())

    def _callers(self) -> iam.Document:
        args = self._args
        if args.exchange is None:
            return iam.invoke(
                self.endpoint.arn,
                args.runtime_endpoint_id,
                streaming=self.streaming,
                openai=self.openai,
                target_models=self.target_models,
                components=component_arns(args.account, self.components.values()),
            )
        by = args.exchange.exchanged
        return exchange_policies.invoke(args.account, self.endpoint.arn, args.runtime_endpoint_id, args.vpc_id, by)

    def _ec2_arns(self, kind: str, ids: Sequence[pulumi.Input[str]]) -> list[pulumi.Output[str]]:
        return [pulumi.Output.concat(self._args.account.arn("ec2", f"{kind}/"), each) for each in ids]

    def _fleet_configuration(self, fleet: ComponentFleet, ready: Sequence[pulumi.Resource]) -> pulumi.Output[str]:
        key = None if self._args.settings.volume_key_off_because else self._args.data_key_arn
        instances = self._generation.instances[ALL_TRAFFIC]
        options = self._child(depends_on=list(ready), hooks=self._args.safeguards.configuration)
        return fleet.configuration(self._generation.name, instances, key, options)

    def _configuration(self, models: Mapping[str, pulumi.Input[str]]) -> aws.sagemaker.EndpointConfiguration:
        """The configuration with these names of models, by variant."""
        variants = sorted((served.variant.settings for served in self._args.variants), key=lambda each: each.name)
        entries = {variant.name: self._entry(variant, models[variant.name]) for variant in variants}
        shadow = entries.pop(self._shadow) if self._shadow else None
        return aws.sagemaker.EndpointConfiguration(
            self._generation.name,
            kms_key_arn=None if self._args.settings.volume_key_off_because else self._args.data_key_arn,
            production_variants=[
                aws.sagemaker.EndpointConfigurationProductionVariantArgs(**entry) for entry in entries.values()
            ],
            shadow_production_variants=[aws.sagemaker.EndpointConfigurationShadowProductionVariantArgs(**shadow)]
            if shadow
            else None,
            async_inference_config=self.exchange.configuration() if self.exchange else None,
            data_capture_config=self._args.capture.configuration() if self._args.capture else None,
            opts=self._child(hooks=self._args.safeguards.configuration),
        )

    def _entry(self, variant: VariantSettings, model: pulumi.Input[str]) -> dict[str, Any]:
        """A variant in the configuration. One alone takes all traffic, without a weight."""
        return {
            "variant_name": variant.name,
            "model_name": model,
            "instance_type": variant.instance_type,
            "initial_instance_count": self._generation.instances[variant.name],
            "initial_variant_weight": variant.weight if len(self._args.variants) > 1 else None,
            "container_startup_health_check_timeout_in_seconds": variant.hosting.startup_seconds,
            "model_data_download_timeout_in_seconds": variant.hosting.download_seconds,
            "volume_size_in_gb": variant.hosting.volume_gb,
            "inference_ami_version": variant.hosting.ami_version,
        }


def _replaced_if_failed(live: LiveEndpoint) -> pulumi.ResourceOptions:
    """An endpoint whose creation failed can only be deleted. One whose update failed serves, and has to stay.

    https://www.pulumi.com/docs/iac/concepts/options/replaceonchanges/ (#initerror)
    """
    if not live.failed:
        return pulumi.ResourceOptions()
    return pulumi.ResourceOptions(replace_on_changes=["#initerror"], delete_before_replace=True)
