"""Who may list what of the models' buckets: where a model's files are loaded one by one, those below its prefix."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from components.settings import Container
from private_inference.verification.checks import joined
from private_inference.verification.deployed import Deployed
from private_inference.verification.policies import Statement

LIST = "s3:ListBucket"


def listed(stack: Deployed, containers: Iterable[Container]) -> Mapping[str, set[str]]:
    """Prefixes that have to be listed for these containers, by bucket, as patterns of keys."""
    found: dict[str, set[str]] = {}
    for container in containers:
        if container.listed:
            bucket, _, keys = stack.readable(container).partition("/")
            found.setdefault(bucket, set()).add(keys)
    return found


def faults(stack: Deployed, containers: Sequence[Container], allowing: Iterable[Statement]) -> Iterator[str]:
    """What the statements of a policy let be listed beyond that."""
    wanted = listed(stack, containers)
    for statement in allowing:
        if LIST in statement.actions:
            for arn in statement.resources:
                bucket = arn.rpartition(":")[2]
                if not statement.requires("StringLike", "s3:prefix", *wanted.get(bucket, ())):
                    yield f"{bucket} may be listed beyond {joined(wanted.get(bucket, ())) or 'nothing'}"
