"""A Lambda in the platform's private network that calls the platform's model."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
from access import Access
from contract import Contract, ContractError

config = pulumi.Config()
platform_stack = config.require("platformStack")


def read_contract(outputs: dict[str, Any]) -> Access:
    try:
        contract = Contract.read(outputs)
        endpoint = contract.endpoint(config.require("endpoint"))
    except ContractError as error:
        raise pulumi.RunError(f"{platform_stack}: {error}") from None
    return Access(contract=contract, endpoint=endpoint, name=f"{pulumi.get_project()}-{pulumi.get_stack()}")


access = pulumi.StackReference(platform_stack).outputs.apply(read_contract)
region = access.apply(lambda a: a.contract.region)

role = aws.iam.Role("function", assume_role_policy=access.apply(lambda a: json.dumps(a.trust())))

key = aws.kms.Key(
    "data",
    description="The triage app's log and environment",
    enable_key_rotation=True,
    policy=access.apply(lambda a: json.dumps(a.key_policy())),
    region=region,
)

log_group = aws.cloudwatch.LogGroup(
    "function",
    name=access.apply(lambda a: a.log_group),
    kms_key_id=key.arn,
    retention_in_days=config.require_int("logRetentionDays"),
    region=region,
)

invoke = aws.iam.RolePolicyAttachment(
    "invoke", role=role.name, policy_arn=access.apply(lambda a: a.endpoint.invoke_policy_arn)
)
execution = aws.iam.RolePolicy(
    "execution",
    role=role.id,
    policy=pulumi.Output.all(access=access, key_arn=key.arn).apply(
        lambda values: json.dumps(values["access"].execution(values["key_arn"]))
    ),
)

function = aws.lambda_.Function(
    "function",
    name=access.apply(lambda a: a.name),
    description="Asks the private triage model for scores",
    runtime=aws.lambda_.Runtime.PYTHON3D13,
    architectures=["arm64"],
    handler="handler.handler",
    code=pulumi.AssetArchive({"handler.py": pulumi.FileAsset("handler.py")}),
    role=role.arn,
    # Longer than the handler's own attempts take together.
    timeout=60,
    memory_size=256,
    environment={"variables": {"ENDPOINT_NAME": access.apply(lambda a: a.endpoint.name)}},
    kms_key_arn=key.arn,
    logging_config={"log_format": "JSON", "log_group": log_group.name},
    vpc_config={
        "subnet_ids": access.apply(lambda a: a.contract.app_subnet_ids),
        "security_group_ids": [access.apply(lambda a: a.contract.client_security_group_id)],
    },
    region=region,
    # Lambda makes the network interfaces with the role's permissions: these must be attached by then.
    opts=pulumi.ResourceOptions(depends_on=[execution, invoke]),
)

pulumi.export("functionName", function.name)
pulumi.export("functionArn", function.arn)
