"""Rows for what identities and keys are made of: AWS IAM and AWS KMS."""

from typing import Any

from private_inference.rehearsal.inputs import Inputs, request, tag_parameters
from private_inference.rehearsal.rows import Account, Call, Made, Row


def role(account: Account, inputs: Inputs) -> Made:
    iam = account.client("iam")
    inputs.ignore("forceDetachPolicies", "it matters only when the role is deleted")
    inline, managed = inputs.get("inlinePolicies", []), inputs.get("managedPolicyArns", [])
    renamed = {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    parameters = request(iam, "create_role", inputs.rest(), renamed)
    made = iam.create_role(**parameters, **tag_parameters(iam, "create_role", inputs.tags, ""))["Role"]
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
    return Made(made["RoleName"], outputs, defaults)


def role_policy(account: Account, inputs: Inputs) -> Made:
    name, role_name = inputs["name"], inputs["role"]
    account.client("iam").put_role_policy(RoleName=role_name, PolicyName=name, PolicyDocument=inputs["policy"])
    return Made(f"{role_name}:{name}")


def role_policy_attachment(account: Account, inputs: Inputs) -> Made:
    role_name, arn = inputs["role"], inputs["policyArn"]
    account.client("iam").attach_role_policy(RoleName=role_name, PolicyArn=arn)
    return Made(f"{role_name}/{arn}")


def key(account: Account, inputs: Inputs) -> Made:
    kms = account.client("kms")
    inputs.ignore("deletionWindowInDays", "it matters only when the key is deleted")
    rotated, period = inputs.get("enableKeyRotation", False), inputs.get("rotationPeriodInDays")
    enabled = inputs.get("isEnabled", True)
    renamed = {"customerMasterKeySpec": "KeySpec"}
    parameters = request(kms, "create_key", inputs.rest(), renamed)
    made = kms.create_key(**parameters, **tag_parameters(kms, "create_key", inputs.tags, ""))["KeyMetadata"]
    if rotated:
        kms.enable_key_rotation(KeyId=made["KeyId"], **({"RotationPeriodInDays": period} if period else {}))
    if not enabled:
        kms.disable_key(KeyId=made["KeyId"])
    policy = inputs.get("policy") or kms.get_key_policy(KeyId=made["KeyId"], PolicyName="default")["Policy"]
    outputs = {"arn": made["Arn"], "keyId": made["KeyId"], "policy": policy}
    return Made(made["KeyId"], outputs, KEY_DEFAULTS)


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


def alias(account: Account, inputs: Inputs) -> Made:
    kms, name, target = account.client("kms"), inputs["name"], inputs["targetKeyId"]
    kms.create_alias(AliasName=name, TargetKeyId=target)
    key_arn = kms.describe_key(KeyId=target)["KeyMetadata"]["Arn"]
    return Made(name, {"arn": account.arn("kms", name), "targetKeyArn": key_arn})


ROWS = {
    "aws:iam/role:Role": Row(role, auto_name="name", most=64),
    "aws:iam/rolePolicy:RolePolicy": Row(role_policy, auto_name="name", taggable=False),
    "aws:iam/policy:Policy": Row(
        Call(
            "iam",
            "create_policy",
            id="Policy.Arn",
            outputs={"arn": "Policy.Arn", "policyId": "Policy.PolicyId", "attachmentCount": "Policy.AttachmentCount"},
            renamed={"name": "PolicyName", "policy": "PolicyDocument"},
            defaults={"path": "/"},
        ),
        auto_name="name",
        most=128,
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Row(role_policy_attachment, taggable=False),
    "aws:kms/key:Key": Row(key),
    "aws:kms/alias:Alias": Row(alias, auto_name="name", most=256, taggable=False),
}
