"""What the handlers of EC2's network share."""

import zlib
from collections.abc import Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Created, call
from private_inference.rehearsal.inputs import Inputs
from private_inference.rehearsal.requests import pairs


def create(
    account: Account,
    inputs: Inputs,
    operation: str,
    tagged: str,
    *,
    renamed: Mapping[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One EC2 call with all properties not read so far and the tags; see `handler.call`."""
    return call(account, "ec2", operation, inputs, renamed=renamed, tagged=tagged, more=more)


def created(
    account: Account,
    kind: str,
    identity: str,
    outputs: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Created:
    """A resource with its ARN and owner; `kind` is EC2's name for its type, in ARNs and tag specifications."""
    common = {"arn": account.arn("ec2", f"{kind}/{identity}"), "ownerId": account.id}
    return Created(identity, {**common, **(outputs or {})}, defaults or {})


def tag(account: Account, inputs: Inputs, identity: str) -> None:
    """Tag a resource that exists already."""
    if inputs.tags:
        account.client("ec2").create_tags(Resources=[identity], Tags=pairs(inputs.tags))


def modify(account: Account, operation: str, attributes: Mapping[str, bool], **identity: str) -> None:
    """Set attributes of a VPC or subnet, which EC2 takes one a call."""
    for name, value in attributes.items():
        attribute = {name[0].upper() + name[1:]: {"Value": value}}
        getattr(account.client("ec2"), operation)(**identity, **attribute)


def filters(**values: str) -> list[dict[str, Any]]:
    """EC2's filters; an underscore in a name stands for a hyphen, two for a dot."""
    return [{"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]} for name, value in values.items()]


def hashed(text: str) -> int:
    """The hash that the AWS provider builds ids from."""
    return zlib.crc32(text.encode())
