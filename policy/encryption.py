"""Data at rest: under a customer key of this stack, whose policy lets those use it who must, and nobody else."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import cdk_nag, checkov, cis, config, hipaa, nist, pci, security_hub, trivy
from policy.findings import Findings, for_each
from policy.iam_documents import Statement, readable
from policy.keys import Place, places
from policy.requirements import (
    is_customer_key,
    is_not_false,
    is_on,
    is_true,
    require,
)
from policy.resources import Resource, Stack
from policy.rules import names, resource_rule, stack_rule
from private_inference.graph.types import (
    BUCKET,
    BUCKET_ENCRYPTION,
    COMPOSITE_ALARM,
    ECR_REPOSITORY,
    KMS_ALIAS,
    KMS_KEY,
    LOG_GROUP,
    METRIC_ALARM,
    SAGEMAKER_ENDPOINT_CONFIGURATION,
    SNS_TOPIC,
    TRAIL,
)
from private_inference.graph.values import Unknown, joined, known, pick, spread

NO_KEY = "names no customer key"

AT_REST = [hipaa("164.312(a)(2)(iv)"), pci("3.4", "8.2.1"), nist("SC-28(1)")]


@resource_rule(
    types=[KMS_KEY],
    controls=[
        cis("3.6"),
        security_hub("KMS.4"),
        checkov("CKV_AWS_7", "CKV_AWS_227"),
        trivy("AWS-0065"),
        nist("SC-12"),
        pci("3.6.4"),
    ],
    severity=Severity.MEDIUM,
    fix="set enableKeyRotation to true, and isEnabled to true or leave it out",
)
def keys_rotate(key: Resource) -> Findings:
    """Customer keys are enabled and get new key material regularly, which bounds what one leaked key opens."""
    yield from require(key, "isEnabled", is_not_false, "is disabled")
    if key.get("customerMasterKeySpec") in (None, "SYMMETRIC_DEFAULT"):  # AWS rotates symmetric keys only
        yield from require(key, "enableKeyRotation", is_true, "is not rotated")


@resource_rule(
    types=[LOG_GROUP],
    controls=[hipaa("164.312(b)"), checkov("CKV_AWS_338"), nist("AU-11"), pci("10.7")],
    severity=Severity.MEDIUM,
    fix="set retentionInDays to at least a year",
    level=EnforcementLevel.ADVISORY,
    options={
        "days": {"type": "number", "minimum": 365, "default": 365, "description": "Days that logs are kept, at least."}
    },
)
def log_groups_are_kept(group: Resource, *, days: float) -> Findings:
    """Log groups keep their events for a year or more, as auditors ask, and not for ever, as AWS's default does."""
    retention = group.get("retentionInDays")
    if not retention:
        yield group.violation("keeps its events without end (retentionInDays)")
    elif retention < days:
        yield group.violation("keeps its events for less than the days asked for (retentionInDays)")


@resource_rule(
    types=None,
    controls=[
        *AT_REST,
        checkov("CKV_AWS_98", "CKV_AWS_136", "CKV_AWS_145", "CKV_AWS_158", "CKV_AWS_26", "CKV_AWS_187", "CKV_AWS_22"),
        checkov("CKV_AWS_16", "CKV_AWS_3"),
        trivy("AWS-0017", "AWS-0033", "AWS-0132", "AWS-0136"),
        security_hub("S3.17"),
        cdk_nag("SageMakerEndpointConfigurationKMSKeyConfigured", "CloudWatchLogGroupEncrypted"),
        config("sagemaker-endpoint-configuration-kms-key-configured"),
    ],
    severity=Severity.HIGH,
    fix="name a customer key there, and turn encryption by KMS on where it is a switch of its own; for an instance "
    "type with local storage that AWS refuses a key for, record an exception",
)
def stores_are_encrypted(store: Resource) -> Findings:
    """Whatever has a place for a customer key names one, at any depth: AWS's own keys decrypt for whoever may read."""
    yield from for_each(places(store), lambda place: _without_key(store, place))


def _without_key(store: Resource, place: Place) -> Findings:
    known(place.block)
    switched_off = [switch for switch in place.switches if not is_on(pick(place.block, switch))]
    otherwise = [kind for kind in place.kinds if not _by_kms(known(pick(place.block, kind)))]
    if not is_customer_key(pick(place.block, place.key)):
        yield store.violation(f"{NO_KEY} ({joined(place.path, place.key)})")
    elif switched_off:
        yield store.violation(f"is not encrypted ({joined(place.path, switched_off[0])})")
    elif otherwise:
        yield store.violation(f"does not encrypt with KMS ({joined(place.path, otherwise[0])})")


def _by_kms(kind: Any) -> bool:
    return kind is not None and any(word in str(kind).upper() for word in ("KMS", "CUSTOMER"))


USERS = {
    LOG_GROUP: "logs",
    TRAIL: "cloudtrail",
    SNS_TOPIC: "cloudwatch",
    ECR_REPOSITORY: "ecr",
    BUCKET_ENCRYPTION: "s3",
    SAGEMAKER_ENDPOINT_CONFIGURATION: "sagemaker",
}
"""The AWS service that has to be able to use the key of a type: of topics, if alarms publish there."""

ALARMS = (METRIC_ALARM, COMPOSITE_ALARM)
NEEDED = "kms:GenerateDataKey"


EBS_DEFAULT_KEY = "aws:ebs/defaultKmsKey:DefaultKmsKey"


@stack_rule(
    controls=[nist("SC-12"), hipaa("164.312(a)(2)(iv)"), pci("3.6.4")],
    severity=Severity.HIGH,
    fix="name a key of this stack whose policy admits the service (or the account, by kms:ViaService)",
    options={"keys": names("ARNs of keys outside the stack that its data may be encrypted with.")},
)
def keys_are_this_stacks(stack: Stack, *, keys: Sequence[str]) -> Findings:
    """Whatever names a key names one of this stack's, and its policy lets the service use it: else data is lost."""
    # The account's default key for volumes outlives the stack; stores-are-encrypted asks that it is a customer's.
    for resource in (each for each in stack if each.type != EBS_DEFAULT_KEY):
        yield from for_each(places(resource), partial(_is_this_stacks, stack, resource, keys))


def _is_this_stacks(stack: Stack, resource: Resource, keys: Sequence[str], place: Place) -> Findings:
    value, path = pick(place.block, place.key), joined(place.path, place.key).rstrip(".")
    service, outer = USERS.get(resource.type), path.split(".")[0]
    if resource.type == BUCKET_ENCRYPTION and _delivered_into(stack, resource):
        service = "cloudtrail"
    if not is_customer_key(value) or (isinstance(value, str) and value in keys):
        return  # stores-are-encrypted tells of none
    if isinstance(value, Unknown) and resource.comes_from_elsewhere(path):
        yield resource.unverified(path)
    elif isinstance(value, str) and not _is_here(stack, resource, outer, value):
        yield resource.violation(f"names a key that is not this stack's ({path})")
    elif service and (service != "cloudwatch" or stack.referring(ALARMS, ["alarmActions"], resource)):
        for key in stack.resolve(resource, outer, [value], KMS_KEY):
            yield from _admits(resource, key, service)


def _delivered_into(stack: Stack, encryption: Resource) -> bool:
    """Whether a trail delivers into the bucket that is encrypted: CloudTrail uses the key itself, S3 doesn't."""
    buckets = stack.resolve(encryption, "bucket", [encryption.get("bucket")], BUCKET)
    return any(stack.referring([TRAIL], ["s3BucketName"], bucket) for bucket in buckets)


def _is_here(stack: Stack, resource: Resource, key: str, value: str) -> bool:
    [named] = stack.reference(resource, key, [value], KMS_KEY, KMS_ALIAS).named or [""]
    return isinstance(named, Resource)


def _admits(resource: Resource, key: Resource, service: str) -> Findings:
    if not any(_serves(statement, service) for statement in readable(key.get("policy"))):
        yield resource.violation(f"names the key {key.name}, whose policy does not let {service} use it")


def _serves(statement: Statement, service: str) -> bool:
    """Whether a statement lets a service use the key: by name, or on behalf of principals who call through it."""
    if not statement.allows or not statement.grants(NEEDED):
        return False
    if any(str(known(principal)).split(".")[0] == service for principal in statement.services):
        return True
    on_behalf = len(statement.principals) > len(statement.services)
    via = _via_services(statement)
    return on_behalf and (not via or any(each.startswith(f"{service}.") for each in via))


def _via_services(statement: Statement) -> list[str]:
    return [
        str(known(value))
        for operator, key, values in statement.tests
        if operator.startswith("string") and key == "kms:viaservice"
        for _, value in spread("", values)
    ]
