"""Data at rest: under a customer key of this stack, whose policy lets those use it who must, and nobody else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import cdk_nag, checkov, cis, config, fsbp, hipaa, nist, pci, security_hub, trivy
from policy.findings import Findings, each, for_each
from policy.iam_documents import Statement, readable
from policy.models import variants
from policy.requirements import (
    each_allowing,
    is_customer_key,
    is_not_false,
    is_true,
    require,
    require_attached,
)
from policy.resources import Resource, Stack
from policy.rules import resource_rule, stack_rule, strings
from private_inference.graph.types import (
    BUCKET,
    BUCKET_ENCRYPTION,
    DB_INSTANCE,
    ECR_REPOSITORY,
    KMS_KEY,
    KMS_KEY_POLICY,
    LOG_GROUP,
    SAGEMAKER_ENDPOINT_CONFIGURATION,
    SNS_TOPIC,
    SQS_QUEUE,
)
from private_inference.graph.values import Unknown, known, pick, spread

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
    types=[KMS_KEY, KMS_KEY_POLICY],
    controls=[fsbp("KMS.5"), checkov("CKV_AWS_33", "CKV2_AWS_64"), pci("7.1.2"), nist("AC-6")],
    severity=Severity.CRITICAL,
    fix="write a key policy that names the account, its roles or AWS services, with conditions",
)
def key_policies_name_principals(key: Resource) -> Findings:
    """Keys have a policy, and it names who may use them: everyone who can use the key can read what it encrypts."""
    yield from require(key, "policy", is_true, "has no policy of its own")
    yield from each_allowing(
        key,
        key.get("policy"),
        lambda label, statement: f"lets everyone use the key ({label})" if statement.anyone else None,
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
    if pick(default, "sseAlgorithm") not in ("aws:kms", "aws:kms:dsse"):
        return f"does not encrypt with KMS ({path})"
    return None if is_customer_key(pick(default, "kmsMasterKeyId")) else f"{NO_KEY} ({path})"


@stack_rule(
    controls=[*AT_REST, security_hub("S3.17"), checkov("CKV_AWS_145"), trivy("AWS-0132")],
    severity=Severity.HIGH,
    fix="declare a BucketServerSideEncryptionConfiguration for the bucket, with the stack's data key",
)
def buckets_are_encrypted(stack: Stack) -> Findings:
    """Every bucket says which key encrypts it: without that S3 uses a key that this account does not control."""
    yield from require_attached(
        stack, BUCKET, BUCKET_ENCRYPTION, "bucket", "has no BucketServerSideEncryptionConfiguration"
    )


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
    yield from require(group, "kmsKeyId", is_customer_key, NO_KEY)


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
    if not retention:
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
    yield from require(topic, "kmsMasterKeyId", is_customer_key, NO_KEY)


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
        yield repository.violation(f"{NO_KEY} (encryptionConfigurations)")
    yield from each(repository, configurations, _without_kms)


def _without_kms(path: str, configuration: Mapping[str, Any]) -> str | None:
    by_kms = configuration.get("encryptionType") in ("KMS", "KMS_DSSE")
    return None if by_kms and is_customer_key(configuration.get("kmsKey")) else f"{NO_KEY} ({path})"


@resource_rule(
    types=[SAGEMAKER_ENDPOINT_CONFIGURATION],
    controls=[
        hipaa("164.312(a)(2)(iv)"),
        checkov("CKV_AWS_98"),
        cdk_nag("SageMakerEndpointConfigurationKMSKeyConfigured"),
        config("sagemaker-endpoint-configuration-kms-key-configured"),
        nist("SC-28(1)"),
        pci("3.4", "8.2.1"),
    ],
    severity=Severity.HIGH,
    fix="set kmsKeyArn; for an instance type with local storage that AWS refuses a key for, record an exception",
)
def endpoint_volumes_are_encrypted(configuration: Resource) -> Findings:
    """Endpoint configurations name a customer key for the instances' volumes, which hold the model and its inputs."""
    yield from require(configuration, "kmsKeyArn", is_customer_key, NO_KEY)


@resource_rule(
    types=[SAGEMAKER_ENDPOINT_CONFIGURATION],
    controls=AT_REST,
    severity=Severity.HIGH,
    fix="set the kmsKeyId beside the destination",
)
def inference_data_is_encrypted(configuration: Resource) -> Findings:
    """Captured data, asynchronous answers and core dumps name a customer key: they are the callers' data in S3."""
    places = [
        *configuration.entries("dataCaptureConfig"),
        *configuration.entries("asyncInferenceConfig", "outputConfig"),
    ]
    for variant in variants(configuration):
        places += spread(f"{variant.path}.coreDumpConfig", variant.properties.get("coreDumpConfig"))
    yield from each(configuration, places, _without_key_beside)


def _without_key_beside(path: str, place: Mapping[str, Any]) -> str | None:
    return None if is_customer_key(place.get("kmsKeyId")) else f"{NO_KEY} ({path}.kmsKeyId)"


KEY_PROPERTIES: Mapping[str, Sequence[str]] = {
    "aws:sagemaker/notebookInstance:NotebookInstance": ["kmsKeyId"],
    "aws:sagemaker/domain:Domain": ["kmsKeyId"],
    "aws:sagemaker/trainingJob:TrainingJob": ["outputDataConfig.kmsKeyId", "resourceConfig.volumeKmsKeyId"],
    "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition": ["jobResources.clusterConfig.volumeKmsKeyId"],
    "aws:ebs/volume:Volume": ["kmsKeyId"],
    DB_INSTANCE: ["kmsKeyId"],
    "aws:rds/cluster:Cluster": ["kmsKeyId"],
    "aws:redshift/cluster:Cluster": ["kmsKeyId"],
    SQS_QUEUE: ["kmsMasterKeyId"],
}
"""Where neighbouring resources that hold data name their key."""

FLAGS = {
    "aws:ebs/volume:Volume": "encrypted",
    DB_INSTANCE: "storageEncrypted",
    "aws:rds/cluster:Cluster": "storageEncrypted",
    "aws:redshift/cluster:Cluster": "encrypted",
}
"""Where a key alone is not enough."""


@resource_rule(
    types=KEY_PROPERTIES,
    controls=[*AT_REST, checkov("CKV_AWS_187", "CKV_AWS_22", "CKV_AWS_16", "CKV_AWS_3")],
    severity=Severity.HIGH,
    fix="name a customer key there, and turn encryption on where it is a switch of its own",
)
def stores_are_encrypted(store: Resource) -> Findings:
    """Notebooks, jobs, volumes, databases and queues that hold data encrypt it with a customer key."""
    for path in KEY_PROPERTIES[store.type]:
        yield from require(store, path, is_customer_key, NO_KEY)
    if store.type in FLAGS:
        yield from require(store, FLAGS[store.type], is_true, "is not encrypted")


LINEAGE: Mapping[str, Sequence[tuple[str, str]]] = {
    LOG_GROUP: [("kmsKeyId", "logs")],
    SNS_TOPIC: [("kmsMasterKeyId", "cloudwatch")],
    ECR_REPOSITORY: [("encryptionConfigurations", "ecr")],
    BUCKET_ENCRYPTION: [("rules", "s3")],
    SAGEMAKER_ENDPOINT_CONFIGURATION: [
        ("kmsKeyArn", "sagemaker"),
        ("dataCaptureConfig", "sagemaker"),
        ("asyncInferenceConfig", "sagemaker"),
    ],
}
"""Which property names the key, and which AWS service has to be able to use it."""

NEEDED = "kms:GenerateDataKey"
KEY_NAMES = ("kmsKeyId", "kmsKeyArn", "kmsMasterKeyId", "kmsKey")


@stack_rule(
    controls=[nist("SC-12"), hipaa("164.312(a)(2)(iv)"), pci("3.6.4")],
    severity=Severity.HIGH,
    fix="name a key of this stack whose policy admits the service (or the account, by kms:ViaService)",
    options={"keys": strings("ARNs of keys outside the stack that its data may be encrypted with.")},
)
def keys_are_this_stacks(stack: Stack, *, keys: Sequence[str]) -> Findings:
    """Whatever names a key names one of this stack's, and its policy lets the service use it: else data is lost."""
    named = [(resource, *place) for type_ in LINEAGE for resource in stack.all(type_) for place in LINEAGE[type_]]
    yield from for_each(named, lambda place: _lineage(stack, *place, keys))


def _lineage(stack: Stack, resource: Resource, property_: str, service: str, keys: Sequence[str]) -> Findings:
    named = [key for key in _key_values(resource.get(property_)) if isinstance(key, Unknown) or key not in keys]
    for value in named:
        found = stack.resolve(resource, property_, [value], KMS_KEY)
        if not found:
            yield resource.violation(f"names a key that is not this stack's ({property_})")
        yield from for_each(found, lambda key: _admits(resource, key, service))


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
    via = _via_services(statement)
    return on_behalf and (not via or any(each.startswith(f"{service}.") for each in via))


def _via_services(statement: Statement) -> list[str]:
    return [
        str(known(value))
        for operator, key, values in statement.tests
        if operator.startswith("string") and key == "kms:viaservice"
        for _, value in spread("", values)
    ]
