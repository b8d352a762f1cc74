"""Which actions it takes to make, change, read and delete a resource of a type: grants.json.

By Pulumi token, each grant says on which ARNs (`{name}` and other properties of the resource stand in braces; a name
that the provider makes up begins with the resource's own), under which condition, and which actions. A type without
grants is covered by those of what it is a part of. The tests hold the file against what the AWS provider really calls;
what AWS asks for besides, and no embedded AWS does, is from its documentation: keys are used through services
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/key-management.html).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("grants.json")

Condition = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Grant:
    """Actions on ARNs, under the condition that `when` names in `conditions`."""

    on: Sequence[str]
    when: str
    actions: Sequence[str]


@cache
def grants() -> Mapping[str, Sequence[Grant]]:
    """By Pulumi token."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        token: [Grant(each["on"], each["if"], each["actions"]) for each in entries]
        for token, entries in content.items()
    }


def conditions(region: str, tags: Mapping[str, str], names: Sequence[str] = ()) -> Mapping[str, Condition]:
    """What a grant's `if` means, for the tags that all of a stack's resources have, and its names in DNS.

    Route 53 bounds nothing by tags, and records by their names; ACM proves a name by a record below it
    (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html).

    A default group or ACL has no tags when the stack takes it over: only what carries no tag of a stack can be claimed.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html
    """
    own = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    new = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    nobodys = {f"aws:ResourceTag/{key}": "true" for key in tags}
    services = [f"{service}.{region}.amazonaws.com" for service in ("ecr", "logs", "s3", "sagemaker", "sns")]
    records = [each for name in names for each in (name.lower(), f"_*.{name.lower()}")]
    return {
        "": {},
        "own": {"StringEquals": own},
        "new": {"StringEquals": new},
        "nobody's": {"Null": nobodys},
        "claimed": {"Null": nobodys, "StringEquals": new},
        "through": {"StringEquals": own | {"kms:ViaService": services}},
        "of its name": {"ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": records}},
        "of SageMaker": {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
    }
