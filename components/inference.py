"""One SageMaker endpoint: role, model, configuration, endpoint, logs, scaling, alarms, invoke policy."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.alarms import VariantAlarms, VariantAlarmsArgs
from components.artifacts import Artifact
from components.deployment import deployment
from components.execution_role import ExecutionRole
from components.iam import Account
from components.images import ServingImage
from components.live_endpoints import LiveEndpoint
from components.safeguards import Safeguards
from components.scaling import VariantScaling, VariantScalingArgs
from components.settings import EndpointSettings
from components.variant import VARIANT, VariantArgs

LONGEST_ENDPOINT_NAME = 63 - 2 * len("-1234567")
"""Characters that a configuration's name, of 63 at most, has for its endpoint's beside a digest and Pulumi's suffix."""


@dataclass(frozen=True, kw_only=True)
class InferenceEndpointArgs:
    """One endpoint, and what it takes from the rest of the stack."""

    settings: EndpointSettings
    account: Account
    iam_path: str
    """IAM path of the invoke policy."""
    execution_role: ExecutionRole
    artifact: Artifact
    image: ServingImage
    readable_artifacts: Sequence[iam.Arn]
    """S3 objects, or patterns of them, that the execution role may read: of what serves and of what will serve."""
    artifact_keys: Sequence[iam.Arn]
    """Keys of those that the data key does not encrypt."""
    image_repositories: Sequence[iam.Arn]
    """Repositories that the execution role may pull from: of what serves and of what will serve."""
    vcpus: int
    """Of one instance."""
    gpus: int
    """Of one instance."""
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
    data_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    log_retention_days: int
    topic_arn: pulumi.Input[str]
    """The topic that alarms notify."""
    live: LiveEndpoint
    """The endpoint as it is now."""
    safeguards: Safeguards
    """Hooks that keep it serving."""
    protect: bool
    """Whether Pulumi refuses to delete the log group."""


class InferenceEndpoint(pulumi.ComponentResource):
    """A model behind a real-time endpoint whose instances live in the model subnets."""

    endpoint: aws.sagemaker.Endpoint
    invoke_policy: aws.iam.Policy

    def __init__(self, name: str, args: InferenceEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:InferenceEndpoint", name, None, opts)
        self._name = name
        self._args = args
        self._announce()
        log_group = self._log_group()
        variant = VariantArgs(settings=args.settings, vcpus=args.vcpus, gpus=args.gpus)
        alarms = VariantAlarms(name, VariantAlarmsArgs(variant=variant, topic_arn=args.topic_arn), self._child())
        permissions = self._permissions(log_group, alarms)
        configuration = self._configuration(self._model(permissions))
        self.endpoint = aws.sagemaker.Endpoint(
            name,
            name=args.settings.name,
            endpoint_config_name=configuration.name,
            deployment_config=deployment(args.settings.update, [alarm.name for alarm in alarms.rollback]),
            opts=pulumi.ResourceOptions.merge(
                self._child(
                    depends_on=[permissions, log_group, *args.artifact_dependencies], hooks=args.safeguards.endpoint
                ),
                _replaced_if_failed(args.live),
            ),
        )
        scaling = VariantScaling(
            name, VariantScalingArgs(variant=variant, endpoint_name=self.endpoint.name), self._child()
        )
        self.invoke_policy = aws.iam.Policy(
            name,
            path=args.iam_path,
            description=f"Calls {args.settings.name} through the VPC's runtime endpoint",
            policy=iam.json_document(iam.invoke(self.endpoint.arn, args.runtime_endpoint_id)),
            # Deleted before these: as long as somebody holds the policy, the endpoint stays as it is.
            opts=self._child(depends_on=[scaling, alarms], hooks=args.safeguards.invoke_policy),
        )
        self.register_outputs({"endpointArn": self.endpoint.arn, "invokePolicyArn": self.invoke_policy.arn})

    def _announce(self) -> None:
        """Say in a preview what the hooks will do. The variant is always registered for scaling."""
        before, after = self._args.live.instance_type, self._args.settings.instance_type
        if pulumi.runtime.is_dry_run() and before not in ("", after):
            pulumi.log.info(
                f"{self._args.settings.name} is taken off scaling while its instance type changes from {before} to "
                f"{after}, and put back.",
                self,
            )

    def _child(
        self,
        *,
        protect: bool = False,
        depends_on: Sequence[pulumi.Resource] = (),
        hooks: pulumi.ResourceHookBinding | None = None,
    ) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, protect=protect, depends_on=list(depends_on), hooks=hooks)

    def _log_group(self) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            self._name,
            name=f"/aws/sagemaker/Endpoints/{self._args.settings.name}",
            kms_key_id=self._args.logs_key_arn,
            retention_in_days=self._args.log_retention_days,
            opts=self._child(protect=self._args.protect),
        )

    def _permissions(self, log_group: aws.cloudwatch.LogGroup, alarms: VariantAlarms) -> pulumi.Resource:
        """What the execution role may: it must be attached before a model is created with the role."""
        args = self._args
        serving = iam.Serving(
            artifacts=args.readable_artifacts,
            artifact_keys=args.artifact_keys,
            image_repositories=args.image_repositories,
            log_group=log_group.arn,
            rollback_alarms=[] if args.settings.update.rollback_off_because else [each.arn for each in alarms.rollback],
            data_key=args.data_key_arn,
            subnets=self._ec2_arns("subnet", [*args.subnet_ids, *args.live.subnets]),
            security_groups=self._ec2_arns("security-group", [args.security_group_id, *args.live.security_groups]),
            unscoped_interfaces=args.unscoped_interfaces,
        )
        document = iam.execution_role(args.account, serving)
        role = args.execution_role.role
        return aws.iam.RolePolicy(self._name, role=role.id, policy=iam.json_document(document), opts=self._child())

    def _ec2_arns(self, kind: str, ids: Sequence[pulumi.Input[str]]) -> list[pulumi.Output[str]]:
        return [pulumi.Output.concat(self._args.account.arn("ec2", f"{kind}/"), each) for each in ids]

    def _model(self, permissions: pulumi.Resource) -> aws.sagemaker.Model:
        # IAM is eventually consistent: the model waits for the permissions, not only for the role.
        return aws.sagemaker.Model(
            self._name,
            execution_role_arn=self._args.execution_role.role.arn,
            enable_network_isolation=self._args.settings.model.isolated,
            primary_container=aws.sagemaker.ModelPrimaryContainerArgs(
                image=self._args.image.uri,
                model_data_url=self._args.artifact.uri,
                environment=self._args.settings.model.environment or None,
            ),
            vpc_config=aws.sagemaker.ModelVpcConfigArgs(
                subnets=self._args.subnet_ids, security_group_ids=[self._args.security_group_id]
            ),
            opts=pulumi.ResourceOptions.merge(
                self._child(
                    depends_on=[permissions, self._args.execution_role.interfaces], hooks=self._args.safeguards.model
                ),
                # SageMaker can't change a model, and the provider would change its state alone.
                pulumi.ResourceOptions(replace_on_changes=["vpcConfig"]),
            ),
        )

    def _configuration(self, model: aws.sagemaker.Model) -> aws.sagemaker.EndpointConfiguration:
        """A configuration never changes: another content is another resource, made before the old one goes."""
        settings = self._args.settings
        instances = self._instances()
        return aws.sagemaker.EndpointConfiguration(
            self._generation(instances),
            kms_key_arn=None if settings.volume_key_off_because else self._args.data_key_arn,
            production_variants=[
                aws.sagemaker.EndpointConfigurationProductionVariantArgs(
                    variant_name=VARIANT,
                    model_name=model.name,
                    instance_type=settings.instance_type,
                    initial_instance_count=instances,
                )
            ],
            opts=self._child(hooks=self._args.safeguards.configuration),
        )

    def _instances(self) -> int:
        """Instances of the configuration: an update starts what serves now, for it resets the count to this.

        A configuration that already has the content of the settings keeps its count: scaling makes no new one.
        """
        least, live = self._args.settings.instances.at_creation, self._args.live
        if live.configuration.startswith(f"{self._generation(live.initial_instances)}-"):
            return live.initial_instances
        return max(least, live.instances)

    def _generation(self, instances: int) -> str:
        """The resource's name, which Pulumi makes unique: the endpoint's name and a digest of the content."""
        settings = self._args.settings
        content = {
            "artifact": self._args.artifact.content,
            "image": settings.model.image.model_dump(mode="json"),
            "environment": settings.model.environment,
            "isolated": settings.model.isolated,
            "instanceType": settings.instance_type,
            "instances": instances,
            "settingsInstances": settings.instances.at_creation,
            "volumeKey": settings.volume_key_off_because is None,
            "zones": sorted(self._args.zones),
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return f"{self._name[:LONGEST_ENDPOINT_NAME]}-{digest[:7]}"


def _replaced_if_failed(live: LiveEndpoint) -> pulumi.ResourceOptions:
    """An endpoint whose creation failed can only be deleted. One whose update failed serves, and has to stay.

    https://www.pulumi.com/docs/iac/concepts/options/replaceonchanges/ (#initerror)
    """
    if not live.failed:
        return pulumi.ResourceOptions()
    return pulumi.ResourceOptions(replace_on_changes=["#initerror"], delete_before_replace=True)
