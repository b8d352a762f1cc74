"""What an asynchronous endpoint's role and callers have to be allowed, beside what every endpoint's are."""

from collections.abc import Iterator

from components.settings import EndpointSettings
from private_inference.verification.checks import AbsentError, equal_sets, joined, short
from private_inference.verification.deployed import Deployed
from private_inference.verification.policies import Statement

INPUTS, OUTPUTS, FAILURES = "inputs", "outputs", "failures"
USE_KEY = frozenset({"kms:Decrypt", "kms:GenerateDataKey"})


def bucket_of(stack: Deployed, endpoint: str) -> str:
    """The bucket of an endpoint: the contract names it, and it has the stack's tags."""
    promised = stack.exchanges.get(endpoint)
    if promised is None:
        raise AbsentError("the contract names no bucket of it")
    if promised not in (arn.rpartition(":")[2] for arn in stack.tagged("s3")):
        raise AbsentError(f"{promised} does not have the stack's tags")
    return promised


def topic_of(stack: Deployed, endpoint: str, outcome: str) -> str:
    arns = stack.desired.contract.endpoints[endpoint].async_topic_arns or {}
    if outcome not in arns:
        raise AbsentError(f"the contract names no {outcome} topic of it")
    return arns[outcome]


def role_reach(stack: Deployed, endpoint: EndpointSettings) -> Iterator[str]:
    """What an execution role has to name for requests and answers."""
    if endpoint.asynchronous is None:
        return
    bucket = bucket_of(stack, endpoint.name)
    yield from (f"{bucket}/{prefix}/*" for prefix in (INPUTS, OUTPUTS, FAILURES))
    if endpoint.asynchronous.notifications:
        yield short(stack.desired.contract.key_arns.notifications)
    yield from (short(topic_of(stack, endpoint.name, each)) for each in endpoint.asynchronous.notifications)


def caller_faults(stack: Deployed, endpoint: str, allowing: list[Statement]) -> Iterator[str]:
    """What a caller's statements about requests and answers have too much, or lack."""
    desired, bucket = stack.desired, bucket_of(stack, endpoint)
    arn, key = f"arn:{desired.partition}:s3:::{bucket}", desired.contract.key_arns.data
    wanted = {
        ("s3:PutObject", f"{arn}/{INPUTS}/*"),
        *(("s3:GetObject", f"{arn}/{prefix}/*") for prefix in (OUTPUTS, FAILURES)),
        ("s3:ListBucket", arn),
        *((action, key) for action in USE_KEY),
    }
    found = {(action, resource) for s in allowing for action in s.actions for resource in s.resources}
    yield from equal_sets((_said(*pair) for pair in found), (_said(*pair) for pair in wanted)).faults
    for statement in allowing:
        if statement.actions & USE_KEY:
            bounded = statement.requires("StringLike", "kms:EncryptionContext:aws:s3:arn", arn, f"{arn}/*")
            through = statement.requires(
                "StringEquals", "kms:ViaService", f"s3.{desired.contract.region}.amazonaws.com"
            )
            if not (bounded and through):
                yield "the key is not bounded to objects of its bucket, through S3"
        elif not statement.requires("StringEquals", "aws:SourceVpc", desired.contract.vpc_id):
            yield f"{joined(statement.actions)} is not bounded to the VPC"


def _said(action: str, resource: str) -> str:
    return f"{action} on {short(resource)}"
