"""A Lambda in a VPC of its own, in the platform's account or another, that calls the platform's model.

Its first `up` makes the role, which the platform's `callers` names; the second, with the contract, what calls.
"""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws
from caller_contract import Contract, ContractError

VPC_ACCESS = "service-role/AWSLambdaVPCAccessExecutionRole"

config = pulumi.Config()
account = aws.get_caller_identity().account_id
partition = aws.get_partition().partition

role = aws.iam.Role(
    "scoring",
    name=config.get("roleName") or "scoring",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            },
        }
    ),
)
network = aws.iam.RolePolicyAttachment(
    "network", role=role.name, policy_arn=f"arn:{partition}:iam::aws:policy/{VPC_ACCESS}"
)


def calls(contract: Contract) -> aws.lambda_.Function:
    """What the contract says to attach, and the function."""
    try:
        endpoint = contract.endpoint(config.require("endpoint"))
    except ContractError as error:
        raise pulumi.RunError(str(error)) from None
    environment = {"ENDPOINT_NAME": endpoint.name}
    permission: pulumi.Resource
    if contract.role:
        policy = json.dumps(contract.role.identity_policy)
        permission = aws.iam.RolePolicy("caller", role=role.id, policy=policy)
        environment |= {"ROLE_ARN": contract.role.arn, "EXTERNAL_ID": contract.role.external_id}
    else:
        permission = aws.iam.RolePolicyAttachment("caller", role=role.name, policy_arn=contract.invoke_policy_arn)
    own = {} if config.get_bool("sharedEndpoints") else contract.endpoint_policies
    for identity, document in own.items():
        aws.ec2.VpcEndpointPolicy(identity, vpc_endpoint_id=identity, policy=json.dumps(document))
    return aws.lambda_.Function(
        "scoring",
        name=f"{pulumi.get_project()}-{pulumi.get_stack()}",
        description="Asks the private triage model for scores",
        runtime=aws.lambda_.Runtime.PYTHON3D13,
        architectures=["arm64"],
        handler="handler.handler",
        code=pulumi.AssetArchive({"handler.py": pulumi.FileAsset("handler.py")}),
        role=role.arn,
        timeout=60,
        memory_size=256,
        environment={"variables": environment},
        vpc_config={
            "subnet_ids": config.require_object("subnetIds"),
            "security_group_ids": config.require_object("securityGroupIds"),
        },
        # Lambda makes the network interfaces with the role's permissions: these must be attached by then.
        opts=pulumi.ResourceOptions(depends_on=[network, permission]),
    )


pulumi.export("roleArn", role.arn)
if given := config.get("contract"):
    try:
        found = Contract.read(json.loads(given))
    except (ValueError, ContractError) as error:
        raise pulumi.RunError(f"contract: {error}") from None
    pulumi.export("functionName", calls(found).name)
