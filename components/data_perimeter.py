"""Who may read a stack's artifacts from where, as statements that a bucket's, a key's and an RCP's documents share.

SageMaker fetches the artifact of a model with a VpcConfig through the VPC
(https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html), so its role needs no exception but that AWS's services
may read on its behalf (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.iam import Account, Arn, Statement, deny
from components.key_policies import data_services


@dataclass(frozen=True, kw_only=True)
class Readers:
    """Who reads, and from which VPC."""

    vpc: pulumi.Input[str]
    """Its id. The gateway endpoint in it may be replaced, and what serves goes on reading."""
    roles: str
    """A pattern for the ARNs of the execution roles."""
    deployers: Sequence[str]
    """ARNs, or patterns of them, of those who upload artifacts and compare them: from anywhere."""


def reads(readers: Readers, objects: Arn) -> list[Statement]:
    """Nobody reads `objects` but through the VPC, a role also by AWS's services, and the deployers from anywhere."""
    elsewhere = {"StringNotEquals": {"aws:SourceVpc": readers.vpc}}
    roles = {"ArnLike": {"aws:PrincipalArn": readers.roles}, "BoolIfExists": {"aws:ViaAWSService": "false"}}
    others = {
        "ArnNotLike": {"aws:PrincipalArn": [readers.roles, *readers.deployers]},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
    return [
        _refused("RolesReadThroughVpc", "s3:GetObject*", objects, elsewhere | roles),
        _refused("OthersReadThroughVpc", "s3:GetObject*", objects, elsewhere | others),
    ]


def decryption(account: Account, key: Arn = "*") -> Statement:
    """Nobody of the account decrypts with the data key by himself, whatever grants there are.

    SageMaker and ECR use grants that they were given, as principals that are not the account's.
    """
    by_himself = {
        "StringEquals": {"aws:PrincipalAccount": account.id},
        "StringNotEquals": {"kms:ViaService": data_services(account)},
    }
    return _refused("DecryptThroughServices", "kms:Decrypt", key, by_himself)


def _refused(sid: str, action: str, resource: Arn, condition: Mapping[str, Any]) -> Statement:
    return deny(sid, [action], [resource], condition) | {"Principal": "*"}
