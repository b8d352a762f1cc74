"""The forwarder behind the load balancer: containers on Fargate that sign calls for SageMaker."""

from __future__ import annotations  # aws.lb and aws.ecs are loaded by those stacks alone that use them

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws

from components import forwarder_policies as policies
from components import iam
from components.caller_table import caller_table
from components.ecr import EcrImage
from components.flows import FORWARDER_PORTS
from components.iam import Account
from components.names import name_tag, stack_name
from components.settings.load_balancer import LoadBalancerSettings

CPU, MEMORY_MB = 512, 1024
"""Half a virtual CPU: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html"""
PORT, _ = FORWARDER_PORTS
STARTS_WITHIN = 60
"""Seconds in which a task's health is not judged yet."""


@dataclass(frozen=True, kw_only=True)
class ForwarderArgs:
    """What is called, from where, and where calls come from."""

    settings: LoadBalancerSettings
    account: Account
    iam_path: str
    endpoints: Mapping[str, pulumi.Resource]
    """The SageMaker endpoints by name."""
    streaming: Sequence[str]
    """Names of those that stream."""
    vpc_id: pulumi.Input[str]
    runtime_endpoint_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    target_group: aws.lb.TargetGroup
    listener: pulumi.Resource
    """ECS takes a target group that a balancer uses, and no other."""
    reached: Sequence[pulumi.Resource]
    """What has to be there before a task can load its image."""
    count_callers: bool
    """Whether CloudWatch counts, by the log, how often each client calls."""
    logs_key_arn: pulumi.Input[str]
    log_retention_days: int
    protect: bool
    """Whether Pulumi refuses to delete the log group."""


class Forwarder(pulumi.ComponentResource):
    """A service of equal tasks, of which enough stay during an update; one that doesn't come up is rolled back."""

    service: aws.ecs.Service

    def __init__(self, name: str, args: ForwarderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:access:Forwarder", name, None, opts)
        self._name = name
        self._args = args
        self._child = partial(pulumi.ResourceOptions, parent=self, protect=False)
        self.log_group = aws.cloudwatch.LogGroup(
            name,
            kms_key_id=args.logs_key_arn,
            retention_in_days=args.log_retention_days,
            opts=self._child(protect=args.protect),
        )
        if args.count_callers:
            caller_table(self.log_group.name, self._child())
        self.cluster = aws.ecs.Cluster(
            name,
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value="enabled")],
            tags=name_tag(name),
            opts=self._child(),
        )
        self.service = self._service(self._task())
        self.register_outputs({"clusterArn": self.cluster.arn})

    def _role(self, name: str, description: str, document: iam.Document) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        role = aws.iam.Role(
            name,
            path=self._args.iam_path,
            description=description,
            assume_role_policy=iam.json_document(iam.trust(self._args.account, policies.SERVICE)),
            opts=self._child(),
        )
        policy = aws.iam.RolePolicy(name, role=role.id, policy=iam.json_document(document), opts=self._child())
        return role, policy

    def _task(self) -> aws.ecs.TaskDefinition:
        args = self._args
        image = EcrImage.parse(args.settings.forwarder)
        repository = Account(args.account.partition, image.region, image.account).arn(
            "ecr", f"repository/{image.repository}"
        )
        calls = policies.calls_of_models(args.account, list(args.endpoints), args.streaming, args.runtime_endpoint_id)
        role, calling = self._role(self._name, "Calls the models for the load balancer's clients", calls)
        start, starting = self._role(
            f"{self._name}-start",
            "Loads the forwarder's image and writes its log",
            policies.start(repository, self.log_group.arn, args.vpc_id),
        )
        return aws.ecs.TaskDefinition(
            self._name,
            family=stack_name(self._name),
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(CPU),
            memory=str(MEMORY_MB),
            task_role_arn=role.arn,
            execution_role_arn=start.arn,
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                operating_system_family="LINUX", cpu_architecture="X86_64"
            ),
            container_definitions=pulumi.Output.json_dumps([self._container()]),
            tags=name_tag(self._name),
            opts=self._child(depends_on=[calling, starting]),
        )

    def _container(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html"""
        args = self._args
        environment = {
            "AWS_REGION": args.account.region,
            "ENDPOINTS": ",".join(args.endpoints),
            "TIMEOUT_SECONDS": str(args.settings.timeout_seconds),
        }
        return {
            "name": self._name,
            "image": args.settings.forwarder,
            "essential": True,
            "portMappings": [{"containerPort": PORT, "protocol": "tcp"}],
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
            "privileged": False,
            "readonlyRootFilesystem": True,
            "linuxParameters": {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True},
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self.log_group.name,
                    "awslogs-region": args.account.region,
                    "awslogs-stream-prefix": self._name,
                },
            },
        }

    def _service(self, task: aws.ecs.TaskDefinition) -> aws.ecs.Service:
        args = self._args
        return aws.ecs.Service(
            self._name,
            cluster=self.cluster.arn,
            task_definition=task.arn,
            desired_count=args.settings.tasks,
            launch_type="FARGATE",
            platform_version="LATEST",
            availability_zone_rebalancing="ENABLED",
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            health_check_grace_period_seconds=STARTS_WITHIN,
            enable_execute_command=False,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.subnet_ids, security_groups=[args.security_group_id], assign_public_ip=False
            ),
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=args.target_group.arn, container_name=self._name, container_port=PORT
                )
            ],
            propagate_tags="SERVICE",
            wait_for_steady_state=True,
            tags=name_tag(self._name),
            opts=self._child(depends_on=[args.listener, *args.reached, *args.endpoints.values()]),
        )
