"""Data at rest: under a customer key of this stack, whose policy lets those use it who must, and nobody else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import cdk_nag, checkov, cis, config, fsbp, hipaa, nist, pci, security_hub, trivy
from policy.findings import Findings, each, guarded
from policy.iam_documents import Statement, readable
from policy.models import variants
from policy.resources import Resource, Stack
from policy.rules import resource_rule, stack_rule
from private_inference.graph.types import (
    BUCKET,
    BUCKET_ENCRYPTION,
    ECR_REPOSITORY,
    KMS_KEY,
    KMS_KEY_POLICY,
    LOG_GROUP,
    SAGEMAKER_ENDPOINT_CONFIGURATION,
    SNS_TOPIC,
    SQS_QUEUE,
)
from private_inference.graph.values import Unknown, known, pick, spread

AT_REST = [hipaa("164.312(a)(2)(iv)"), pci("3.4"), pci("8.2.1"), nist("SC-28(1)")]


@resource_rule(
    types=[KMS_KEY],
    controls=[
        cis("3.6"),
        security_hub("KMS.4"),
        checkov("CKV_AWS_7"),
        checkov("CKV_AWS_227"),
        trivy("AWS-0065"),
        nist("SC-12"),
        pci("3.6.4"),
    ],
    severity=Severity.MEDIUM,
    fix="set enableKeyRotation to true, and isEnabled to true or leave it out",
)
def keys_rotate(key: Resource) -> Findings:
    """Customer keys are enabled and get new key material regularly, which bounds what one leaked key opens."""
    enabled, rotated = key.get("isEnabled"), key.get("enableKeyRotation")
    symmetric = key.get("customerMasterKeySpec")
    if enabled is not None and not enabled:
        yield key.violation("is disabled (isEnabled)")
    if symmetric is not None and symmetric != "SYMMETRIC_DEFAULT":
        return  # AWS rotates symmetric keys only
    if rotated is None or not rotated:
        yield key.violation("is not rotated (enableKeyRotation)")


@resource_rule(
    types=[KMS_KEY, KMS_KEY_POLICY],
    controls=[fsbp("KMS.5"), checkov("CKV_AWS_33"), checkov("CKV2_AWS_64"), pci("7.1.2"), nist("AC-6")],
    severity=Severity.CRITICAL,
    fix="write a key policy that names the account, its roles or AWS services, with conditions",
)
def key_policies_name_principals(key: Resource) -> Findings:
    """Keys have a policy, and it names who may use them: everyone who can use the key can read what it encrypts."""
    document = key.get("policy")
    if not isinstance(document, Unknown) and not document:
        yield key.violation("has no policy of its own (policy)")
        return
    labelled = [(statement.label, statement) for statement in readable(document)]
    yield from each(
        key,
        labelled,
        lambda label, statement: (
            f"lets everyone use the key ({label})" if statement.allows and statement.anyone else None
        ),
    )


@resource_rule(
    types=[BUCKET_ENCRYPTION],
    controls=[*AT_REST, security_hub("S3.17"), checkov("CKV_AWS_145"), trivy("AWS-0132")],
    severity=Severity.HIGH,
    fix="set sseAlgorithm to aws:kms and kmsMasterKeyId to the ARN of the stack's data key",
)
def bucket_encryption_uses_customer_key(encryption: Resource) -> Findings:
    """Buckets encrypt with a customer key: S3's own keys decrypt for whoever may read the object."""
    rules = encryption.entries("rules")
    if not rules:
        yield encryption.violation("has no rule (rules)")
    yield from each(encryption, rules, _without_customer_key)


def _without_customer_key(path: str, rule: Mapping[str, Any]) -> str | None:
    default = rule.get("applyServerSideEncryptionByDefault")
    algorithm = pick(default, "sseAlgorithm")
    if default is None or algorithm not in ("aws:kms", "aws:kms:dsse"):
        return f"does not encrypt with KMS ({path})"
    return None if is_customer_key(pick(default, "kmsMasterKeyId")) else f"names no customer key ({path})"


def is_customer_key(key: Any) -> bool:
    """Whether a key is named, and not one of AWS's own by its alias. An unknown is a reference to a resource."""
    if isinstance(key, Unknown):
        return True
    return bool(key) and "alias/aws/" not in str(key)


@stack_rule(
    controls=[*AT_REST, security_hub("S3.17"), checkov("CKV_AWS_145"), trivy("AWS-0132")],
    severity=Severity.HIGH,
    fix="declare a BucketServerSideEncryptionConfiguration for the bucket, with the stack's data key",
)
def buckets_are_encrypted(stack: Stack) -> Findings:
    """Every bucket says which key encrypts it: without that S3 uses a key that this account does not control."""
    for bucket in stack.all(BUCKET):
        yield from guarded(_encrypted(stack, bucket))


def _encrypted(stack: Stack, bucket: Resource) -> Findings:
    if not stack.referring([BUCKET_ENCRYPTION], ["bucket"], bucket):
        yield bucket.violation("has no BucketServerSideEncryptionConfiguration")


@resource_rule(
    types=[LOG_GROUP],
    controls=[
        hipaa("164.312(a)(2)(iv)"),
        checkov("CKV_AWS_158"),
        trivy("AWS-0017"),
        cdk_nag("CloudWatchLogGroupEncrypted"),
        nist("SC-28(1)"),
        pci("3.4"),
    ],
    severity=Severity.HIGH,
    fix="set kmsKeyId to the ARN of the stack's logs key",
)
def log_groups_are_encrypted(group: Resource) -> Findings:
    """Log groups encrypt with a customer key: logs repeat what passes through the system."""
    if not is_customer_key(group.get("kmsKeyId")):
        yield group.violation("names no customer key (kmsKeyId)")


@resource_rule(
    types=[LOG_GROUP],
    controls=[hipaa("164.312(b)"), checkov("CKV_AWS_338"), nist("AU-11"), pci("10.7")],
    severity=Severity.MEDIUM,
    fix="set retentionInDays to at least a year",
    level=EnforcementLevel.ADVISORY,
    options={
        "days": {"type": "number", "minimum": 1, "default": 365, "description": "Days that logs are kept, at least."}
    },
)
def log_groups_are_kept(group: Resource, *, days: float) -> Findings:
    """Log groups keep their events for a year or more, as auditors ask, and not for ever, as AWS's default does."""
    retention = group.get("retentionInDays")
    if retention is None or not retention:
        yield group.violation("keeps its events without end (retentionInDays)")
    elif retention < days:
        yield group.violation("keeps its events for less than the days asked for (retentionInDays)")


@resource_rule(
    types=[SNS_TOPIC],
    controls=[nist("SC-28(1)"), checkov("CKV_AWS_26"), trivy("AWS-0136"), hipaa("164.312(a)(2)(iv)")],
    severity=Severity.HIGH,
    fix="set kmsMasterKeyId to the stack's notifications key",
)
def topics_are_encrypted(topic: Resource) -> Findings:
    """Topics encrypt with a customer key: the AWS-managed one also silently loses what CloudWatch alarms publish."""
    if not is_customer_key(topic.get("kmsMasterKeyId")):
        yield topic.violation("names no customer key (kmsMasterKeyId)")


@resource_rule(
    types=[ECR_REPOSITORY],
    controls=[hipaa("164.312(a)(2)(iv)"), checkov("CKV_AWS_136"), trivy("AWS-0033"), nist("SC-28(1)")],
    severity=Severity.HIGH,
    fix="set encryptionConfigurations to one of type KMS with the ARN of the stack's data key",
)
def repositories_are_encrypted(repository: Resource) -> Findings:
    """Image repositories encrypt with a customer key: a serving image holds the code that sees the data."""
    configurations = repository.entries("encryptionConfigurations")
    if not configurations:
        yield repository.violation("names no customer key (encryptionConfigurations)")
    yield from each(repository, configurations, _without_kms)


def _without_kms(path: str, configuration: Mapping[str, Any]) -> str | None:
    by_kms = configuration.get("encryptionType") in ("KMS", "KMS_DSSE")
    return None if by_kms and is_customer_key(configuration.get("kmsKey")) else f"names no customer key ({path})"


@resource_rule(
    types=[SAGEMAKER_ENDPOINT_CONFIGURATION],
    controls=[
        hipaa("164.312(a)(2)(iv)"),
        checkov("CKV_AWS_98"),
        cdk_nag("SageMakerEndpointConfigurationKMSKeyConfigured"),
        config("sagemaker-endpoint-configuration-kms-key-configured"),
        nist("SC-28(1)"),
        pci("3.4"),
        pci("8.2.1"),
    ],
    severity=Severity.HIGH,
    fix="set kmsKeyArn; for an instance type with local storage that AWS refuses a key for, record an exception",
)
def endpoint_volumes_are_encrypted(configuration: Resource) -> Findings:
    """Endpoint configurations name a customer key for the instances' volumes, which hold the model and its inputs."""
    if not is_customer_key(configuration.get("kmsKeyArn")):
        yield configuration.violation("names no customer key (kmsKeyArn)")


@resource_rule(
    types=[SAGEMAKER_ENDPOINT_CONFIGURATION],
    controls=AT_REST,
    severity=Severity.HIGH,
    fix="set the kmsKeyId beside the destination",
)
def inference_data_is_encrypted(configuration: Resource) -> Findings:
    """Captured data, asynchronous answers and core dumps name a customer key: they are the callers' data in S3."""
    places = {
        "dataCaptureConfig": configuration.get("dataCaptureConfig"),
        "asyncInferenceConfig.outputConfig": configuration.get("asyncInferenceConfig", "outputConfig"),
    }
    for variant in variants(configuration):
        places[f"{variant.path}.coreDumpConfig"] = variant.properties.get("coreDumpConfig")
    written = [(path, place) for path, place in places.items() if place is not None]
    yield from each(configuration, written, _without_key_beside)


def _without_key_beside(path: str, place: Mapping[str, Any]) -> str | None:
    return None if is_customer_key(place.get("kmsKeyId")) else f"names no customer key ({path}.kmsKeyId)"


KEY_PROPERTIES: Mapping[str, Sequence[Sequence[str]]] = {
    "aws:sagemaker/notebookInstance:NotebookInstance": [["kmsKeyId"]],
    "aws:sagemaker/domain:Domain": [["kmsKeyId"]],
    "aws:sagemaker/trainingJob:TrainingJob": [["outputDataConfig", "kmsKeyId"], ["resourceConfig", "volumeKmsKeyId"]],
    "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition": [
        ["jobResources", "clusterConfig", "volumeKmsKeyId"]
    ],
    "aws:ebs/volume:Volume": [["kmsKeyId"]],
    "aws:rds/instance:Instance": [["kmsKeyId"]],
    "aws:rds/cluster:Cluster": [["kmsKeyId"]],
    "aws:redshift/cluster:Cluster": [["kmsKeyId"]],
    SQS_QUEUE: [["kmsMasterKeyId"]],
}
"""Where neighbouring resources that hold data name their key."""

FLAGS = {
    "aws:ebs/volume:Volume": "encrypted",
    "aws:rds/instance:Instance": "storageEncrypted",
    "aws:rds/cluster:Cluster": "storageEncrypted",
    "aws:redshift/cluster:Cluster": "encrypted",
}
"""Where a key alone is not enough."""


@resource_rule(
    types=KEY_PROPERTIES,
    controls=[*AT_REST, checkov("CKV_AWS_187"), checkov("CKV_AWS_22"), checkov("CKV_AWS_16"), checkov("CKV_AWS_3")],
    severity=Severity.HIGH,
    fix="name a customer key there, and turn encryption on where it is a switch of its own",
)
def stores_are_encrypted(store: Resource) -> Findings:
    """Notebooks, jobs, volumes, databases and queues that hold data encrypt it with a customer key."""
    for path in KEY_PROPERTIES[store.type]:
        if not is_customer_key(store.get(*path)):
            yield store.violation(f"names no customer key ({'.'.join(path)})")
    switch = FLAGS.get(store.type)
    value = store.get(switch) if switch else True
    if value is None or not value:
        yield store.violation(f"is not encrypted ({switch})")


LINEAGE: Mapping[str, Sequence[tuple[Sequence[str], str]]] = {
    LOG_GROUP: [(["kmsKeyId"], "logs")],
    SNS_TOPIC: [(["kmsMasterKeyId"], "cloudwatch")],
    ECR_REPOSITORY: [(["encryptionConfigurations"], "ecr")],
    BUCKET_ENCRYPTION: [(["rules"], "s3")],
    SAGEMAKER_ENDPOINT_CONFIGURATION: [
        (["kmsKeyArn"], "sagemaker"),
        (["dataCaptureConfig"], "sagemaker"),
        (["asyncInferenceConfig"], "sagemaker"),
    ],
}
"""Which property names the key, and which AWS service has to be able to use it."""

NEEDED = "kms:GenerateDataKey"
KEY_NAMES = ("kmsKeyId", "kmsKeyArn", "kmsMasterKeyId", "kmsKey")


@stack_rule(
    controls=[nist("SC-12"), hipaa("164.312(a)(2)(iv)"), pci("3.6.4")],
    severity=Severity.HIGH,
    fix="name a key of this stack whose policy admits the service (or the account, by kms:ViaService)",
    options={
        "keys": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "ARNs of keys outside the stack that its data may be encrypted with.",
        }
    },
)
def keys_are_this_stacks(stack: Stack, *, keys: Sequence[str]) -> Findings:
    """Whatever names a key names one of this stack's, and its policy lets the service use it: else data is lost."""
    for type_, places in LINEAGE.items():
        for resource in stack.all(type_):
            for path, service in places:
                yield from guarded(_lineage(stack, resource, path, service, keys))


def _lineage(stack: Stack, resource: Resource, path: Sequence[str], service: str, keys: Sequence[str]) -> Findings:
    named = [key for key in _key_values(resource.get(*path)) if isinstance(key, Unknown) or key not in keys]
    for value in named:
        found = stack.resolve(resource, path[0], [value], KMS_KEY)
        if not found:
            yield resource.violation(f"names a key that is not this stack's ({'.'.join(path)})")
        for key in found:
            yield from guarded(_admits(resource, key, service))


def _key_values(value: Any) -> Iterator[Any]:
    """The keys inside a property: itself, or what is called a key in the structure that it is."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in KEY_NAMES or isinstance(inner, Mapping):
                yield from _key_values(inner)
    elif isinstance(value, list):
        for element in value:
            yield from _key_values(element)
    elif value is not None:
        yield value


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
    via = _via_services(statement.condition)
    return on_behalf and (not via or any(each.startswith(f"{service}.") for each in via))


def _via_services(condition: Mapping[str, Any]) -> list[str]:
    return [
        str(known(value))
        for operator, tests in condition.items()
        if operator.lower().startswith("string")
        for key, values in tests.items()
        if key.lower() == "kms:viaservice"
        for _, value in spread("", values)
    ]


RULES = (
    keys_rotate,
    key_policies_name_principals,
    bucket_encryption_uses_customer_key,
    buckets_are_encrypted,
    log_groups_are_encrypted,
    log_groups_are_kept,
    topics_are_encrypted,
    repositories_are_encrypted,
    endpoint_volumes_are_encrypted,
    inference_data_is_encrypted,
    stores_are_encrypted,
    keys_are_this_stacks,
)
