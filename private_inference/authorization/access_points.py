"""Access points of S3: what requests through them carry, and which ones lead to a bucket.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html. An access point is of one account,
which may be another than the bucket's; its owner then says in its policy who comes through it, and the bucket's policy
says whose access points it takes requests from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from private_inference.authorization.conditions import arn_pattern
from private_inference.authorization.domains import Bound
from private_inference.authorization.formula import Value
from private_inference.authorization.model import AccessPoint, Resource
from private_inference.authorization.patterns import glob
from private_inference.graph.iam_documents import as_list

OBJECT = "/object/"
"""What stands between the ARN of an access point and the key of an object."""
ARN, OWNER, ORIGIN = "s3:dataaccesspointarn", "s3:dataaccesspointaccount", "s3:accesspointnetworkorigin"
ANOTHER_ACCOUNT = "999999999999"
_ACCOUNT = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")


def keys_of(resource: Resource) -> tuple[dict[str, Value], dict[str, Bound]]:
    """The keys that say how a request comes to a bucket, and patterns for others: none of them without a way."""
    point = resource.through
    if point is None:
        return (dict.fromkeys((ARN, OWNER, ORIGIN)) if resource.kind in ("objects", "bucket") else {}), {}
    arn = glob(point.arn)
    fixed: dict[str, Value] = {OWNER: (point.account,)}
    if arn.constant:
        return fixed | {ARN: (point.arn,), ORIGIN: ("VPC" if point.vpc else "Internet",)}, {}
    return fixed, {ARN: arn_pattern(arn)}


def ways_to(objects: Resource, points: Iterable[AccessPoint], partition: str) -> Iterator[Resource]:
    """A bucket's objects themselves, and through each of some access points.

    Through those of other accounts, too, where the bucket's policy looks at access points: else the bucket takes
    nothing through them that it doesn't take directly.
    """
    yield objects
    yield from (replace(objects, through=each) for each in points)
    tests = [test for each in (objects.policy.statements if objects.policy else ()) for test in each.tests]
    if any(key.lower() in (ARN, OWNER, ORIGIN) for _, key, _ in tests):
        texts = [text for _, _, values in tests for text in as_list(values) if isinstance(text, str)]
        mentioned = {number for text in texts for number in _ACCOUNT.findall(text)} - {objects.account}
        for number in [*sorted(mentioned), ANOTHER_ACCOUNT]:
            name = f"access points of account {number}" if number in mentioned else "access points of any other account"
            theirs = AccessPoint(name, f"arn:{partition}:s3:*:{number}:accesspoint/*", number)
            yield replace(objects, through=theirs)
