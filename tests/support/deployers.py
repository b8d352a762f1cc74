"""Somebody with given policies, in an embedded AWS that enforces them."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from private_inference.rehearsal.embedded_aws import EmbeddedAws

Credentials = Mapping[str, str]


def deployer(aws: EmbeddedAws, documents: Sequence[Mapping[str, Any]]) -> Credentials:
    """Credentials of a role `deployer` that has these policies, as environment variables."""
    iam, sts = aws.client("iam"), aws.client("sts")
    account = sts.get_caller_identity()["Account"]
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName="deployer", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]
    for number, document in enumerate(documents):
        text = json.dumps(document, separators=(",", ":"))
        policy = iam.create_policy(PolicyName=f"deployer-{number}", PolicyDocument=text)["Policy"]
        iam.attach_role_policy(RoleName="deployer", PolicyArn=policy["Arn"])
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="deployer")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


@contextlib.contextmanager
def acting_as(aws: EmbeddedAws, credentials: Credentials) -> Iterator[None]:
    """All clients of the embedded AWS that are made within have these credentials."""
    aws.signs_with(credentials)
    try:
        yield
    finally:
        aws.signs_with(None)
