"""The role that SageMaker takes to run an endpoint's model, and its permission to remove its network interfaces."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import execution_policies, iam
from components.iam import Account


@dataclass(frozen=True, kw_only=True)
class ExecutionRoleArgs:
    """Whose role it is, and where its network interfaces are."""

    endpoint_name: str
    account: Account
    iam_path: str
    vpc_id: pulumi.Input[str]
    unscoped_interfaces: bool
    """Whether its network interfaces are bounded to no VPC."""


class ExecutionRole(pulumi.ComponentResource):
    """A role that outlives the security group of the models.

    SageMaker removes its network interfaces some minutes after an endpoint, with this role, and until then they block
    group and subnets (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html). So the group
    depends on the role, and is deleted before it. What the role may besides comes with the endpoint.
    """

    role: aws.iam.Role
    interfaces: aws.iam.RolePolicy
    """Its permission to remove network interfaces."""

    def __init__(self, name: str, args: ExecutionRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:ExecutionRole", name, None, opts)
        former = pulumi.create_urn(name, "private-inference:inference:InferenceEndpoint")
        self.role = aws.iam.Role(
            name,
            path=args.iam_path,
            description=f"Runs the model of {args.endpoint_name}",
            assume_role_policy=iam.json_document(iam.trust(args.account, "sagemaker.amazonaws.com")),
            opts=pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(parent=former)]),
        )
        vpc = pulumi.Output.concat(args.account.arn("ec2", "vpc/"), args.vpc_id)
        document = execution_policies.network_interfaces(args.account, vpc, unscoped=args.unscoped_interfaces)
        self.interfaces = aws.iam.RolePolicy(
            f"{name}-interfaces",
            role=self.role.id,
            policy=iam.json_document(document),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
