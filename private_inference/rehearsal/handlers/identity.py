"""Handlers for AWS IAM and AWS KMS."""

from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Call, Created, Handler, call, select
from private_inference.rehearsal.inputs import Inputs


def role(account: Account, inputs: Inputs) -> Created:
    iam = account.client("iam")
    inline, managed = inputs.get("inlinePolicies", []), inputs.get("managedPolicyArns", [])
    renamed = {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    made = call(account, "iam", "create_role", inputs, renamed=renamed)["Role"]
    for policy in inline:
        iam.put_role_policy(RoleName=made["RoleName"], PolicyName=policy["name"], PolicyDocument=policy["policy"])
    for arn in managed:
        iam.attach_role_policy(RoleName=made["RoleName"], PolicyArn=arn)
    outputs = {"arn": made["Arn"], "uniqueId": made["RoleId"], "createDate": made["CreateDate"].isoformat()}
    defaults = {
        "path": "/",
        "maxSessionDuration": 3600,
        "forceDetachPolicies": False,
        "inlinePolicies": [],
        "managedPolicyArns": [],
    }
    return Created(made["RoleName"], outputs, defaults)


def key(account: Account, inputs: Inputs) -> Created:
    kms = account.client("kms")
    rotated, period = inputs.get("enableKeyRotation", False), inputs.get("rotationPeriodInDays")
    enabled = inputs.get("isEnabled", True)
    renamed = {"customerMasterKeySpec": "KeySpec"}
    made = call(account, "kms", "create_key", inputs, renamed=renamed)["KeyMetadata"]
    if rotated:
        kms.enable_key_rotation(KeyId=made["KeyId"], **({"RotationPeriodInDays": period} if period else {}))
    if not enabled:
        kms.disable_key(KeyId=made["KeyId"])
    policy = inputs.get("policy") or kms.get_key_policy(KeyId=made["KeyId"], PolicyName="default")["Policy"]
    outputs = select({"arn": "Arn", "keyId": "KeyId"}, made) | {"policy": policy}
    return Created(made["KeyId"], outputs, KEY_DEFAULTS)


KEY_DEFAULTS: dict[str, Any] = {
    "description": "",
    "keyUsage": "ENCRYPT_DECRYPT",
    "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
    "multiRegion": False,
    "isEnabled": True,
    "enableKeyRotation": False,
    "rotationPeriodInDays": 365,
    "bypassPolicyLockoutSafetyCheck": False,
}

HANDLERS = {
    "aws:iam/role:Role": Handler(role, auto_name="name", longest_name=64, ignored=("forceDetachPolicies",)),
    "aws:iam/rolePolicy:RolePolicy": Handler(
        Call(
            "iam",
            "put_role_policy",
            id="join(':', [request.RoleName, request.PolicyName])",
            renamed={"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"},
        ),
        auto_name="name",
        taggable=False,
    ),
    "aws:iam/policy:Policy": Handler(
        Call(
            "iam",
            "create_policy",
            id="Policy.Arn",
            outputs={"arn": "Policy.Arn", "policyId": "Policy.PolicyId", "attachmentCount": "Policy.AttachmentCount"},
            renamed={"name": "PolicyName", "policy": "PolicyDocument"},
            defaults={"path": "/"},
        ),
        auto_name="name",
        longest_name=128,
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Handler(
        Call(
            "iam",
            "attach_role_policy",
            id="join('/', [request.RoleName, request.PolicyArn])",
            renamed={"role": "RoleName"},
        ),
        taggable=False,
    ),
    "aws:kms/key:Key": Handler(key, ignored=("deletionWindowInDays",)),
    "aws:kms/alias:Alias": Handler(
        Call(
            "kms",
            "create_alias",
            id="request.AliasName",
            outputs={"targetKeyArn": "read.KeyMetadata.Arn"},
            renamed={"name": "AliasName"},
            arn="{id}",
            read=("describe_key", {"KeyId": "request.TargetKeyId"}),
        ),
        auto_name="name",
        longest_name=256,
        taggable=False,
    ),
}
