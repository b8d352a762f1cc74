"""One SageMaker endpoint: role, model, configuration, endpoint, logs, scaling, alarms, invoke policy."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.alarms import VariantAlarms, VariantAlarmsArgs
from components.artifacts import Artifact
from components.deployment import deployment
from components.iam import Account
from components.images import ServingImage
from components.scaling import VariantScaling, VariantScalingArgs
from components.settings import EndpointSettings
from components.variant import VARIANT, VariantArgs


@dataclass(frozen=True, kw_only=True)
class InferenceEndpointArgs:
    """One endpoint, and what it takes from the rest of the stack."""

    settings: EndpointSettings
    account: Account
    iam_path: str
    """IAM path of the execution role and the invoke policy."""
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
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """The subnets of the model tier."""
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
        log_group = self._log_group()
        variant = VariantArgs(settings=args.settings, vcpus=args.vcpus, gpus=args.gpus)
        alarms = VariantAlarms(name, VariantAlarmsArgs(variant=variant, topic_arn=args.topic_arn), self._child())
        role, permissions = self._execution_role(log_group, alarms)
        configuration = self._configuration(self._model(role, permissions))
        self.endpoint = aws.sagemaker.Endpoint(
            name,
            name=args.settings.name,
            endpoint_config_name=configuration.name,
            deployment_config=deployment(args.settings.update, [alarm.name for alarm in alarms.rollback]),
            opts=self._child(depends_on=[permissions, log_group, *args.artifact_dependencies]),
        )
        scaling = VariantScalingArgs(variant=variant, endpoint_name=self.endpoint.name)
        VariantScaling(name, scaling, self._child())
        self.invoke_policy = aws.iam.Policy(
            name,
            path=args.iam_path,
            description=f"Calls {args.settings.name} through the VPC's runtime endpoint",
            policy=iam.json_document(iam.invoke(self.endpoint.arn, args.runtime_endpoint_id)),
            opts=self._child(),
        )
        self.register_outputs({"endpointArn": self.endpoint.arn, "invokePolicyArn": self.invoke_policy.arn})

    def _child(self, *, protect: bool = False, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, protect=protect, depends_on=list(depends_on))

    def _log_group(self) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            self._name,
            name=f"/aws/sagemaker/Endpoints/{self._args.settings.name}",
            kms_key_id=self._args.logs_key_arn,
            retention_in_days=self._args.log_retention_days,
            opts=self._child(protect=self._args.protect),
        )

    def _execution_role(
        self, log_group: aws.cloudwatch.LogGroup, alarms: VariantAlarms
    ) -> tuple[aws.iam.Role, pulumi.Resource]:
        """The role, and its policy, which must be attached before a model is created with the role."""
        args = self._args
        role = aws.iam.Role(
            self._name,
            path=args.iam_path,
            description=f"Runs the model of {args.settings.name}",
            assume_role_policy=iam.json_document(iam.trust(args.account, "sagemaker.amazonaws.com")),
            opts=self._child(),
        )
        serving = iam.Serving(
            artifacts=args.readable_artifacts,
            artifact_keys=args.artifact_keys,
            image_repositories=args.image_repositories,
            log_group=log_group.arn,
            rollback_alarms=[] if args.settings.update.rollback_off_because else [each.arn for each in alarms.rollback],
            data_key=args.data_key_arn,
            vpc=pulumi.Output.concat(args.account.arn("ec2", "vpc/"), args.vpc_id),
            subnets=[pulumi.Output.concat(args.account.arn("ec2", "subnet/"), subnet) for subnet in args.subnet_ids],
            security_group=pulumi.Output.concat(args.account.arn("ec2", "security-group/"), args.security_group_id),
            unscoped_interfaces=args.unscoped_interfaces,
        )
        document = iam.execution_role(args.account, serving)
        return role, aws.iam.RolePolicy(
            self._name, role=role.id, policy=iam.json_document(document), opts=self._child()
        )

    def _model(self, role: aws.iam.Role, permissions: pulumi.Resource) -> aws.sagemaker.Model:
        # IAM is eventually consistent: the model waits for the permissions, not only for the role.
        return aws.sagemaker.Model(
            self._name,
            execution_role_arn=role.arn,
            enable_network_isolation=self._args.settings.model.isolated,
            primary_container=aws.sagemaker.ModelPrimaryContainerArgs(
                image=self._args.image.uri,
                model_data_url=self._args.artifact.uri,
                environment=self._args.settings.model.environment or None,
            ),
            vpc_config=aws.sagemaker.ModelVpcConfigArgs(
                subnets=self._args.subnet_ids, security_group_ids=[self._args.security_group_id]
            ),
            opts=self._child(depends_on=[permissions]),
        )

    def _configuration(self, model: aws.sagemaker.Model) -> aws.sagemaker.EndpointConfiguration:
        """Auto-named: an endpoint notices a new configuration by its name only, and needs the old one until then."""
        settings = self._args.settings
        return aws.sagemaker.EndpointConfiguration(
            self._name,
            kms_key_arn=None if settings.volume_key_off_because else self._args.data_key_arn,
            production_variants=[
                aws.sagemaker.EndpointConfigurationProductionVariantArgs(
                    variant_name=VARIANT,
                    model_name=model.name,
                    instance_type=settings.instance_type,
                    initial_instance_count=settings.instances.at_creation,
                )
            ],
            opts=self._child(),
        )
