"""Buckets and image repositories: closed to the public, TLS only, versions and images kept as they were written."""

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import PRIVATE_ONLY, cdk_nag, checkov, cis, fsbp, hipaa, pci, security_hub, trivy
from policy.encryption import AT_REST
from policy.findings import Findings
from policy.iam_documents import Statement, statements_on
from policy.requirements import require_attached
from policy.resources import Resource, Stack
from policy.rules import all_of, each_of, stack_rule
from private_inference.graph.types import (
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_LOGGING,
    BUCKET_POLICY,
    BUCKET_PUBLIC_ACCESS_BLOCK,
    BUCKET_VERSIONING,
    DEFAULT_SECURITY_GROUP,
    ECR_LIFECYCLE_POLICY,
    ECR_REPOSITORY,
    VPC,
)
from private_inference.graph.values import known

CLOSING = {
    (BUCKET, BUCKET_PUBLIC_ACCESS_BLOCK, "bucket"): "has no BucketPublicAccessBlock",
    (BUCKET, BUCKET_ENCRYPTION, "bucket"): "has no BucketServerSideEncryptionConfiguration",
    (VPC, DEFAULT_SECURITY_GROUP, "vpcId"): "leaves its default security group as AWS made it",
}
"""What closes what AWS leaves open: the resource, what has to be attached to it, and by which property."""


@stack_rule(
    controls=[
        fsbp("S3.2", "S3.3", "S3.8", "EC2.2"),
        checkov("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV_AWS_145", "CKV2_AWS_12"),
        trivy("AWS-0086", "AWS-0087", "AWS-0091", "AWS-0093", "AWS-0132", "AWS-0173"),
        cis("2.1.4", "5.4"),
        security_hub("S3.17"),
        *AT_REST,
        *PRIVATE_ONLY,
    ],
    severity=Severity.CRITICAL,
    fix="declare it: for a bucket with all four blocks and the stack's data key, for a VPC without rules",
)
def defaults_are_closed(stack: Stack) -> Findings:
    """Every bucket blocks public access and names its key; no VPC keeps AWS's default group."""
    for (resource, attached, key), what in CLOSING.items():
        yield from require_attached(stack, resource, attached, key, what)


KEEPING = {
    (BUCKET, BUCKET_VERSIONING, "bucket"): "keeps no versions (BucketVersioning)",
    (BUCKET, BUCKET_LIFECYCLE, "bucket"): "has no BucketLifecycleConfiguration",
    (BUCKET, BUCKET_LOGGING, "bucket"): "logs no access (BucketLogging)",
    (ECR_REPOSITORY, ECR_LIFECYCLE_POLICY, "repository"): "keeps images for ever (LifecyclePolicy)",
}
"""What stores should have beside them, as above."""


@stack_rule(
    controls=[
        fsbp("S3.9", "S3.13", "ECR.3"),
        checkov("CKV_AWS_18", "CKV_AWS_21", "CKV2_AWS_61"),
        security_hub("S3.14"),
        hipaa("164.312(b)"),
        pci("10.1", "10.5.3"),
    ],
    severity=Severity.MEDIUM,
    fix="declare it for the store; for logs, CloudTrail's data events of the bucket do, with an exception",
    level=EnforcementLevel.ADVISORY,
)
def stores_are_kept(stack: Stack) -> Findings:
    """Stores bring back what was overwritten, log who read what, and say when what they hold is removed.

    S3 delivers these logs to buckets that use its own keys only.
    """
    for (store, attached, key), what in KEEPING.items():
        yield from require_attached(stack, store, attached, key, what)


@stack_rule(
    controls=[fsbp("S3.5"), cdk_nag("S3BucketSSLRequestsOnly"), cis("2.1.1"), pci("4.1"), hipaa("164.312(e)(2)(i)")],
    severity=Severity.HIGH,
    fix="deny s3:* to everyone where aws:SecureTransport is false, for the bucket and its objects",
)
@each_of(all_of(BUCKET))
def buckets_require_tls(stack: Stack, bucket: Resource) -> Findings:
    """Every bucket refuses requests without TLS, also from those who may read it."""
    if not any(_refuses_plaintext(statement) for statement in statements_on(stack, bucket, BUCKET_POLICY, "bucket")):
        yield bucket.violation("does not refuse requests without TLS")


def _refuses_plaintext(statement: Statement) -> bool:
    tests = {key: str(known(value)).lower() for operator, key, value in statement.tests if operator == "bool"}
    everyone = any(known(principal) == "*" for principal in statement.principals)
    everything = any(known(action) in ("*", "s3:*") for action in statement.actions)
    return not statement.allows and everyone and everything and tests.get("aws:securetransport") == "false"
