"""Accounts as IAM describes them, in the form that the loader reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from private_inference.authorization.from_account.described import Described, Guarded
from tests.authorization.declared import ACCOUNT, text


def trust(principal: Any) -> str:
    return text({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})


def described(
    users: Sequence[Any] = (),
    groups: Sequence[Any] = (),
    roles: Sequence[Any] = (),
    policies: Sequence[Any] = (),
    **more: Any,
) -> Described:
    resources = more.pop("resources", [Guarded("bucket models", "bucket", "arn:aws:s3:::models")])
    return Described(ACCOUNT, "aws", users, groups, roles, policies, resources, (), {}, **more)


def user(name: str, *inline: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    policies = [{"PolicyName": "own", "PolicyDocument": text(*inline)}] if inline else []
    identity = {"UserName": name, "UserId": f"AIDA{name}", "Arn": f"arn:aws:iam::{ACCOUNT}:user/{name}"}
    return {**identity, "UserPolicyList": policies, **more}


def role(name: str, *inline: Mapping[str, Any], trusted: Any = None, **more: Any) -> dict[str, Any]:
    policies = [{"PolicyName": "own", "PolicyDocument": text(*inline)}] if inline else []
    trusting = trusted or trust({"Service": "ec2.amazonaws.com"})
    identity = {"RoleName": name, "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "AssumeRolePolicyDocument": trusting}
    return {**identity, "RolePolicyList": policies, **more}


def managed(name: str, *versions: Any, default: str = "v1") -> dict[str, Any]:
    listed = [{"VersionId": f"v{n}", "Document": each} for n, each in enumerate(versions, 1)]
    arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    return {"Arn": arn, "DefaultVersionId": default, "PolicyVersionList": listed}
