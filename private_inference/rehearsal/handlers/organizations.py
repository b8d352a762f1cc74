"""Handlers for AWS Organizations."""

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Call, Created, Handler, call
from private_inference.rehearsal.inputs import Inputs


def policy(account: Account, inputs: Inputs) -> Created:
    """AWS wants type and description, which the provider fills."""
    filled = {"Type": inputs.get("type", "SERVICE_CONTROL_POLICY"), "Description": inputs.get("description", "")}
    made = call(account, "organizations", "create_policy", inputs, more=filled)["Policy"]["PolicySummary"]
    defaults = {"type": filled["Type"], "description": filled["Description"]}
    return Created(made["Id"], {"arn": made["Arn"]}, defaults)


HANDLERS = {
    "aws:organizations/policy:Policy": Handler(policy, auto_name="name", longest_name=128, ignored=("skipDestroy",)),
    "aws:organizations/policyAttachment:PolicyAttachment": Handler(
        Call("organizations", "attach_policy", id="join(':', [request.TargetId, request.PolicyId])"),
        taggable=False,
        ignored=("skipDestroy",),
    ),
}
