"""The handler for AWS CloudFormation's stacks, whose resources moto makes of their templates."""

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Created, Handler
from private_inference.rehearsal.inputs import Inputs
from private_inference.rehearsal.requests import pairs


def stack(account: Account, inputs: Inputs) -> Created:
    client, name = account.client("cloudformation"), inputs["name"]
    parameters = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in (inputs.get("parameters") or {}).items()
    ]
    made = client.create_stack(
        StackName=name,
        TemplateBody=inputs["templateBody"],
        Parameters=parameters,
        OnFailure=inputs.get("onFailure") or "ROLLBACK",
        Tags=pairs(inputs.tags),
    )
    described = client.describe_stacks(StackName=name)["Stacks"][0]
    failed = "" if described["StackStatus"] == "CREATE_COMPLETE" else described.get("StackStatusReason", "it failed")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
    return Created(made["StackId"], {"outputs": outputs}, failure=failed)


HANDLERS = {
    "aws:cloudformation/stack:Stack": Handler(stack, auto_name="name", longest_name=128),
}
