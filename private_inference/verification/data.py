"""What holds data: the bucket of artifacts, what lies in it, and the registry of images."""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from components.settings import Container
from private_inference.verification import packages
from private_inference.verification.checks import AbsentError, Assertion, Result, equal, equal_sets, result, text
from private_inference.verification.controls import AT_REST, AUDIT, BOUNDARY, INTEGRITY, LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import Artifact, listed
from private_inference.verification.policies import statements

CHUNK = 1 << 20
BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Bucket, artifacts, registry."""
    settings = stack.desired.settings.artifacts
    bucket = partial(Assertion, "Artifacts", controls=AT_REST)
    yield from bucket_assertions(stack, bucket, lambda: stack.bucket)
    yield bucket(
        f"replaced versions go after {settings.noncurrent_days} days", lambda: _lifecycle(stack), controls=INTEGRITY
    )
    target = settings.access_log_bucket
    yield bucket(
        f"access logs go to {target}" if target else "no access logs were asked for",
        lambda: _logging(stack),
        controls=AUDIT,
    )
    # Models may share an artifact: each one is fetched once.
    for container in {each.source: each for each in stack.desired.settings.containers}.values():
        claim = "there, the same to the last bit, and under the data key" if container.local else "there"
        yield bucket(
            f"{container.source}: {claim}", partial(_artifact, stack, container), controls=(*AT_REST, *INTEGRITY)
        )
    yield from packages.assertions(stack.aws, stack.desired.settings.endpoints)
    registry = partial(Assertion, "Registry", controls=(*AT_REST, *INTEGRITY))
    yield registry("immutable tags, scan on push, the data key", lambda: _repository(stack))
    yield registry(f"untagged images go after {settings.untagged_image_days} days", lambda: _image_lifecycle(stack))


def bucket_assertions(
    stack: Deployed, bucket: Callable[..., Assertion], name: Callable[[], str]
) -> Iterator[Assertion]:
    """What each bucket of data has; `bucket` makes an assertion about it, `name` reads what it is called."""
    found = _Bucket(stack, name)
    yield bucket("public access is blocked, in all four ways", found.public_access, controls=BOUNDARY)
    yield bucket("encrypted with the data key, through a bucket key", found.encryption)
    yield bucket("versioned", lambda: equal(found.read("versioning"), {"Status": "Enabled"}), controls=INTEGRITY)
    yield bucket("no access lists: objects are the owner's", found.ownership, controls=LEAST_PRIVILEGE)
    yield bucket("refuses what is not TLS, and other keys", found.policy)
    if stack.desired.settings.perimeter.data_through_vpc:
        yield bucket("read through this VPC only, but by deployers", found.reads, controls=BOUNDARY)


def expiry(stack: Deployed, bucket: str, after: int) -> Result:
    """Whether all that a bucket holds goes after so many days, and no version stays longer than a day more."""
    read = stack.aws.get("s3", "get_bucket_lifecycle_configuration", Bucket=bucket)
    rules = [rule for rule in read["Rules"] if rule["Status"] == "Enabled"]
    days = [f"{rule['Expiration'].get('Days')} days" for rule in rules if "Expiration" in rule]
    kept = [rule["NoncurrentVersionExpiration"].get("NoncurrentDays") for rule in rules]
    faults = [f"what expired stays for {each} days more" for each in kept if each != 1]
    whole = [rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "")) for rule in rules]
    faults += [f"it is about {prefix} alone" for prefix in whole if prefix]
    compared = equal_sets(days, [f"{after} days"])
    return result(compared.seen, [*compared.faults, *faults])


class _Bucket:
    """A bucket of data, by what S3 says of it."""

    def __init__(self, stack: Deployed, name: Callable[[], str]) -> None:
        self._stack = stack
        self._name = name

    @property
    def _arn(self) -> str:
        return f"arn:{self._stack.desired.partition}:s3:::{self._name()}"

    def read(self, what: str) -> Any:
        return self._stack.aws.get("s3", f"get_bucket_{what}", Bucket=self._name())

    def public_access(self) -> Result:
        found = self._stack.aws.get("s3", "get_public_access_block", Bucket=self._name())
        return equal(found["PublicAccessBlockConfiguration"], dict.fromkeys(BLOCKED, True))

    def encryption(self) -> Result:
        rules = self.read("encryption")["ServerSideEncryptionConfiguration"]["Rules"]
        found = {**rules[0].get("ApplyServerSideEncryptionByDefault", {}), **rules[0]} if rules else {}
        key = self._stack.desired.contract.key_arns.data
        return equal(found, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key, "BucketKeyEnabled": True})

    def ownership(self) -> Result:
        rules = self.read("ownership_controls")["OwnershipControls"]["Rules"]
        return equal(rules[0] if rules else {}, {"ObjectOwnership": "BucketOwnerEnforced"})

    def policy(self) -> Result:
        bucket = self._arn
        found = statements(self.read("policy")["Policy"])
        whole = [s for s in found if not s.allows and "*" in s.principals and {bucket, f"{bucket}/*"} <= s.resources]
        refused = [s for s in whole if "s3:*" in s.actions]
        faults = ["it allows something" for s in found if s.allows]
        if not any(s.requires("Bool", "aws:SecureTransport", "false") for s in refused):
            faults.append("nothing refuses what is not TLS")
        key = "s3:x-amz-server-side-encryption-aws-kms-key-id"
        writes = [s for s in found if not s.allows and "s3:PutObject" in s.actions and f"{bucket}/*" in s.resources]
        if not any(s.requires("StringNotEquals", key, self._stack.desired.contract.key_arns.data) for s in writes):
            faults.append("nothing refuses another key")
        return result(f"{len(found)} statements, all of which refuse", faults)

    def reads(self) -> Result:
        """By roles of the stack and by all others: one statement may be about both."""
        desired = self._stack.desired
        refused = [
            s
            for s in statements(self.read("policy")["Policy"])
            if not s.allows
            and "*" in s.principals
            and s.actions & {"s3:GetObject", "s3:GetObject*", "s3:*"}
            and f"{self._arn}/*" in s.resources
            and s.requires("StringNotEquals", "aws:SourceVpc", desired.contract.vpc_id)
        ]
        roles = f"arn:{desired.partition}:iam::{desired.account}:role{desired.iam_path}*"
        others = ("ArnNotLike", "aws:PrincipalArn", roles, *desired.settings.perimeter.deployers)
        faults = []
        if not any(s.requires("ArnLike", "aws:PrincipalArn", roles) for s in refused):
            faults.append("nothing refuses reads by roles of the stack from elsewhere")
        if not any(s.requires(*others) for s in refused):
            faults.append("nothing refuses reads by others from elsewhere")
        return result(f"{len(refused)} statements refuse reads from elsewhere", faults)


def _read(stack: Deployed, what: str) -> Any:
    return stack.aws.get("s3", f"get_bucket_{what}", Bucket=stack.bucket)


def _lifecycle(stack: Deployed) -> Result:
    rules = [rule for rule in _read(stack, "lifecycle_configuration")["Rules"] if rule["Status"] == "Enabled"]
    expirations = [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule]
    days = [f"{item.get('NoncurrentDays')} days" for item in expirations]
    faults = ["current versions expire too" for rule in rules if "Expiration" in rule and "Days" in rule["Expiration"]]
    found = equal_sets(days, [f"{stack.desired.settings.artifacts.noncurrent_days} days"])
    return result(found.seen, [*faults, *found.faults])


def _logging(stack: Deployed) -> Result:
    target = _read(stack, "logging").get("LoggingEnabled", {}).get("TargetBucket")
    return Result(text(target), target == stack.desired.settings.artifacts.access_log_bucket)


def _artifact(stack: Deployed, container: Container) -> Result:
    wanted = stack.artifact(container)
    if container.listed:
        return _files(stack, wanted)
    found = stack.aws.get("s3", "head_object", Bucket=wanted.bucket, Key=wanted.key)
    if wanted.digest is None:
        return result(f"{found['ContentLength']} bytes", [])
    faults = []
    if found.get("SSEKMSKeyId") != stack.desired.contract.key_arns.data:
        faults.append(f"its key is {text(found.get('SSEKMSKeyId'))}")
    if (digest := _digest(stack, wanted)) != wanted.digest:
        faults.append(f"its SHA-256 is {digest}")
    return result(f"{wanted.key}, {found['ContentLength']} bytes, SHA-256 as its key says", faults)


def _files(stack: Deployed, wanted: Artifact) -> Result:
    """What lies below a prefix: each file, under the data key, and no other, where the settings name local ones."""
    found = [uri.removeprefix(f"s3://{wanted.bucket}/") for uri in stack.objects_of(wanted.uri)]
    if not found:
        raise AbsentError(f"nothing lies at {wanted.uri}")
    if wanted.digest is None:
        return result(f"{len(found)} files", [])
    keys = {stack.aws.get("s3", "head_object", Bucket=wanted.bucket, Key=key).get("SSEKMSKeyId") for key in found}
    faults = [f"a key is {text(key)}" for key in keys if key != stack.desired.contract.key_arns.data]
    digests = {
        key.removeprefix(wanted.key): _digest(stack, Artifact(wanted.bucket, key, wanted.digest)) for key in found
    }
    if (digest := listed(digests)) != wanted.digest:
        faults.append(f"the SHA-256 of their list is {digest}")
    return result(f"{len(found)} files, whose list has the SHA-256 that their prefix says", faults)


def _digest(stack: Deployed, artifact: Artifact) -> str:
    digest = hashlib.sha256()
    for chunk in stack.aws.stream("s3", "get_object", "Body", CHUNK, Bucket=artifact.bucket, Key=artifact.key):
        digest.update(chunk)
    return digest.hexdigest()


def _repository(stack: Deployed) -> Result:
    name = stack.desired.name
    found = stack.aws.all("ecr", "describe_repositories", "repositories", repositoryNames=[name])
    repository = found[0] if found else {}
    merged = (
        repository | repository.get("imageScanningConfiguration", {}) | repository.get("encryptionConfiguration", {})
    )
    key = stack.desired.contract.key_arns.data
    return equal(
        merged, {"imageTagMutability": "IMMUTABLE", "scanOnPush": True, "encryptionType": "KMS", "kmsKey": key}
    )


def _image_lifecycle(stack: Deployed) -> Result:
    found = stack.aws.get("ecr", "get_lifecycle_policy", repositoryName=stack.desired.name)
    rules = [rule["selection"] for rule in json.loads(found["lifecyclePolicyText"])["rules"]]
    days = stack.desired.settings.artifacts.untagged_image_days
    said = [f"{rule['tagStatus']} {rule['countType']} {rule['countNumber']}" for rule in rules]
    return equal_sets(said, [f"untagged sinceImagePushed {days}"])
