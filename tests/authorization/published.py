"""Examples of AWS's documentation, re-stated: documents, requests, and what AWS says of them.

Each has its page below https://docs.aws.amazon.com/IAM/latest/UserGuide/ (or its own). Names are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.authorization.concrete import Case

ACCOUNT, OTHER = "123456789012", "210987654321"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/serving"
BOB = f"arn:aws:iam::{OTHER}:user/bob"
OBJECT = "arn:aws:s3:::logs/day"


@dataclass(frozen=True)
class Example:
    """A case, and whether AWS allows it."""

    page: str
    case: Case
    allowed: bool


def statement(effect: str, action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def by(who: str, action: str, context: dict[str, Any] | None = None, resource: str = OBJECT, **more: Any) -> Case:
    kind = "user" if ":user/" in who else "role" if ":role/" in who else "service" if who else "anonymous"
    account = who.split(":")[4] if who.startswith("arn:") else ""
    return Case(kind, who, account, action, resource, context or {}, **more)


READ = document(statement("Allow", "s3:GetObject"))
ALL = document(statement("Allow", "*"))
FOR_ANN = document(statement("Allow", "s3:GetObject", Principal={"AWS": ANN}))
FOR_ROLE = document(statement("Allow", "s3:GetObject", Principal={"AWS": ROLE}))
FOR_BOB = document(statement("Allow", "s3:GetObject", Principal={"AWS": BOB}))
FOR_ACCOUNT = document(statement("Allow", "s3:GetObject", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
NO_READ = document(statement("Deny", "s3:GetObject", Principal="*"))
THREE_SERVICES = document(statement("Allow", ["s3:*", "cloudwatch:*", "ec2:*"]))
NOT_FROM_OUTSIDE = document(
    statement("Allow", "*"),
    statement(
        "Deny",
        "*",
        Condition={
            "NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]},
            "Bool": {"aws:ViaAWSService": "false"},
        },
    ),
)
WITHOUT_MFA = document(
    statement("Allow", "*"),
    statement("Deny", "*", Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}),
)
MFA_IF_SAID = document(
    statement("Allow", "*"), statement("Deny", "*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}})
)
HOME = document(statement("Allow", "s3:GetObject", "arn:aws:s3:::home/${aws:username}/*"))
TAGS = {"aws:TagKeys": ["environment", "cost-center"]}
ONLY_TAGS = document(statement("Allow", "ec2:CreateTags", Condition={"ForAllValues:StringEquals": TAGS}))
ONLY_TAGS_AND_SOME = document(
    statement(
        "Allow", "ec2:CreateTags", Condition={"ForAllValues:StringEquals": TAGS, "Null": {"aws:TagKeys": "false"}}
    )
)
NO_TAG = document(
    statement("Allow", "ec2:CreateTags"),
    statement("Deny", "ec2:CreateTags", Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": ["owner"]}}),
)
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
KEY_FOR_ACCOUNT = document(statement("Allow", "kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
KEY_FOR_ROLE = document(statement("Allow", "kms:*", Principal={"AWS": ROLE}))
DECRYPT = document(statement("Allow", "kms:Decrypt"))
VPCE_ONLY = document(
    statement("Allow", "s3:GetObject", Principal="*"),
    statement("Deny", "s3:*", Principal="*", Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
)
LEVELS = "reference_policies_evaluation-logic_policy-eval-denyallow.html"
BASICS = "reference_policies_evaluation-logic_policy-eval-basics.html"
CROSS = "reference_policies_evaluation-logic-cross-account.html"
BOUNDARY = "access_policies_boundaries.html"
OPERATORS = "reference_policies_elements_condition_operators.html"
SETS = "reference_policies_condition-single-vs-multi-valued-context-keys.html"
ENDPOINTS = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html"
KMS = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"

EXAMPLES = [
    Example(LEVELS, by(ANN, "s3:GetObject"), False),
    Example(LEVELS, by(ANN, "s3:GetObject", identity=[READ]), True),
    Example(LEVELS, by(ANN, "s3:GetObject", identity=[READ], policy=NO_READ), False),
    Example(LEVELS, by(ANN, "s3:GetObject", identity=[ALL], scps=[[READ]]), True),
    Example(LEVELS, by(ANN, "s3:PutObject", identity=[ALL], scps=[[ALL], [READ]]), False),
    Example(LEVELS, by(ANN, "s3:GetObject", identity=[ALL], rcps=[[NO_READ]]), False),
    Example(LEVELS, by(BOB, "s3:GetObject", identity=[ALL], policy=FOR_BOB, scps=[[DECRYPT]]), True),
    Example(BASICS, by(ANN, "s3:GetObject", policy=FOR_ANN), True),
    Example(BASICS, by(ANN, "s3:GetObject", policy=FOR_ACCOUNT), False),
    Example(BASICS, by(ANN, "s3:GetObject", policy=FOR_ACCOUNT, identity=[READ]), True),
    Example(BASICS, by(ANN, "s3:GetObject", policy=FOR_ANN, boundary=DECRYPT), True),
    Example(BASICS, by(ROLE, "s3:GetObject", policy=FOR_ROLE, boundary=DECRYPT), False),
    Example(BASICS, by(ROLE, "s3:GetObject", policy=FOR_ROLE, boundary=READ), True),
    Example(CROSS, by(BOB, "s3:GetObject", identity=[READ]), False),
    Example(CROSS, by(BOB, "s3:GetObject", policy=FOR_BOB), False),
    Example(CROSS, by(BOB, "s3:GetObject", identity=[READ], policy=FOR_BOB), True),
    Example(CROSS, by(BOB, "s3:GetObject", identity=[READ], policy=FOR_BOB, boundary=DECRYPT), False),
    Example(BOUNDARY, by(ANN, "iam:CreateUser", identity=[ALL], boundary=THREE_SERVICES), False),
    Example(BOUNDARY, by(ANN, "ec2:RunInstances", identity=[ALL], boundary=THREE_SERVICES), True),
    Example(
        BOUNDARY,
        by(
            ROLE,
            "s3:GetObject",
            identity=[READ],
            boundary=ALL,
            policy=document({**NO_READ["Statement"][0], "NotPrincipal": {"AWS": [ROLE, ACCOUNT]}}),
        ),
        False,
    ),
    Example(OPERATORS, by(ANN, "s3:GetObject", {"aws:sourceip": "192.0.2.9"}, identity=[NOT_FROM_OUTSIDE]), True),
    Example(
        OPERATORS,
        by(
            ANN,
            "s3:GetObject",
            {"aws:sourceip": "198.51.100.1", "aws:viaawsservice": "false"},
            identity=[NOT_FROM_OUTSIDE],
        ),
        False,
    ),
    Example(
        OPERATORS,
        by(
            ANN,
            "s3:GetObject",
            {"aws:sourceip": "198.51.100.1", "aws:viaawsservice": "true"},
            identity=[NOT_FROM_OUTSIDE],
        ),
        True,
    ),
    Example(OPERATORS, by(ANN, "s3:GetObject", identity=[WITHOUT_MFA]), False),
    Example(OPERATORS, by(ANN, "s3:GetObject", identity=[MFA_IF_SAID]), True),
    Example(OPERATORS, by(ANN, "s3:GetObject", {"aws:sourcevpce": "vpce-1"}, policy=VPCE_ONLY), True),
    Example(OPERATORS, by(ANN, "s3:GetObject", policy=VPCE_ONLY), False),
    Example(OPERATORS, by("", "s3:GetObject", {"aws:sourcevpce": "vpce-1"}, policy=VPCE_ONLY), True),
    Example(SETS, by(ANN, "ec2:CreateTags", {"aws:tagkeys": ["environment"]}, identity=[ONLY_TAGS]), True),
    Example(SETS, by(ANN, "ec2:CreateTags", {"aws:tagkeys": ["environment", "owner"]}, identity=[ONLY_TAGS]), False),
    Example(SETS, by(ANN, "ec2:CreateTags", identity=[ONLY_TAGS]), True),
    Example(SETS, by(ANN, "ec2:CreateTags", identity=[ONLY_TAGS_AND_SOME]), False),
    Example(SETS, by(ANN, "ec2:CreateTags", {"aws:tagkeys": ["environment", "owner"]}, identity=[NO_TAG]), False),
    Example(SETS, by(ANN, "ec2:CreateTags", identity=[NO_TAG]), True),
    Example(
        "reference_policies_variables.html",
        by(ANN, "s3:GetObject", {"aws:username": "ann"}, "arn:aws:s3:::home/ann/x", identity=[HOME]),
        True,
    ),
    Example(
        "reference_policies_variables.html",
        by(ANN, "s3:GetObject", {"aws:username": "ann"}, "arn:aws:s3:::home/bob/x", identity=[HOME]),
        False,
    ),
    Example(
        "reference_policies_elements_version.html",
        by(
            ANN,
            "s3:GetObject",
            {"aws:username": "ann"},
            "arn:aws:s3:::home/ann/x",
            identity=[{**HOME, "Version": "2008-10-17"}],
        ),
        False,
    ),
    Example(
        "reference_policies_variables.html",
        by(ANN, "s3:GetObject", resource="arn:aws:s3:::home//x", identity=[HOME]),
        False,
    ),
    Example(ENDPOINTS, by(ANN, "s3:GetObject", identity=[READ], endpoint=FOR_ACCOUNT, gateway=True), False),
    Example(ENDPOINTS, by(ANN, "s3:GetObject", identity=[READ], endpoint=FOR_ACCOUNT), True),
    Example(ENDPOINTS, by(ANN, "s3:GetObject", identity=[READ], endpoint=FOR_BOB), False),
    Example(KMS, by(ROLE, "kms:Decrypt", resource=KEY, identity=[DECRYPT], policy=NO_READ, needed=True), False),
    Example(KMS, by(ROLE, "kms:Decrypt", resource=KEY, identity=[DECRYPT], policy=KEY_FOR_ACCOUNT, needed=True), True),
    Example(KMS, by(ROLE, "kms:Decrypt", resource=KEY, policy=KEY_FOR_ACCOUNT, needed=True), False),
    Example(KMS, by(ROLE, "kms:Decrypt", resource=KEY, policy=KEY_FOR_ROLE, needed=True), True),
]
