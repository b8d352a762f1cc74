"""Buckets and image repositories: closed to the public, TLS only, versions and images kept as they were written."""

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import PRIVATE_ONLY, cdk_nag, checkov, cis, fsbp, hipaa, nist, pci, security_hub, trivy
from policy.encryption import AT_REST
from policy.findings import Findings
from policy.iam_documents import Statement, statements_on
from policy.requirements import require_attached
from policy.resources import Resource, Stack
from policy.rules import all_of, each_of, resource_rule, stack_rule
from private_inference.graph.types import (
    BUCKET,
    BUCKET_ACL,
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_LOGGING,
    BUCKET_OWNERSHIP,
    BUCKET_POLICY,
    BUCKET_PUBLIC_ACCESS_BLOCK,
    BUCKET_VERSIONING,
    BUCKET_WEBSITE,
    ECR_LIFECYCLE_POLICY,
    ECR_REPOSITORY,
)
from private_inference.graph.values import known

GUARDING = {
    BUCKET_PUBLIC_ACCESS_BLOCK: "has no BucketPublicAccessBlock",
    BUCKET_ENCRYPTION: "has no BucketServerSideEncryptionConfiguration",
    BUCKET_OWNERSHIP: "has no BucketOwnershipControls",
}
"""What every bucket needs beside it, whatever the account's settings and S3's defaults are."""


@stack_rule(
    controls=[
        fsbp("S3.2", "S3.3", "S3.8", "S3.12"),
        checkov("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV_AWS_145", "CKV2_AWS_65"),
        trivy("AWS-0086", "AWS-0087", "AWS-0091", "AWS-0093", "AWS-0132"),
        cis("2.1.4"),
        security_hub("S3.17"),
        *AT_REST,
        *PRIVATE_ONLY,
    ],
    severity=Severity.CRITICAL,
    fix="declare it for the bucket: with all four blocks, with the stack's data key, with BucketOwnerEnforced",
)
def buckets_are_guarded(stack: Stack) -> Findings:
    """Every bucket of the stack blocks public access, names its key, and owns what others write into it."""
    for attached, what in GUARDING.items():
        yield from require_attached(stack, BUCKET, attached, "bucket", what)


KEEPING = {
    (BUCKET, BUCKET_VERSIONING, "bucket"): "keeps no versions (BucketVersioning)",
    (BUCKET, BUCKET_LIFECYCLE, "bucket"): "has no BucketLifecycleConfiguration",
    (BUCKET, BUCKET_LOGGING, "bucket"): "logs no access (BucketLogging)",
    (ECR_REPOSITORY, ECR_LIFECYCLE_POLICY, "repository"): "keeps images for ever (LifecyclePolicy)",
}
"""What stores should have beside them: the store, what is attached to it, and by which property."""


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


@resource_rule(
    types=[BUCKET, BUCKET_ACL, BUCKET_OWNERSHIP, BUCKET_WEBSITE],
    controls=[fsbp("S3.12"), checkov("CKV2_AWS_65", "CKV_AWS_20", "CKV_AWS_57"), nist("AC-6")],
    severity=Severity.HIGH,
    fix="set objectOwnership to BucketOwnerEnforced, and remove ACLs, grants and websites",
)
def buckets_use_no_acls(resource: Resource) -> Findings:
    """Access lists are off and nothing is a website: access to a bucket is what its policy and IAM say, and no more."""
    if resource.type == BUCKET_WEBSITE or resource.get("website") is not None:
        yield resource.violation("serves a bucket as a public website")
    if resource.type == BUCKET_OWNERSHIP and resource.get("rule", "objectOwnership") != "BucketOwnerEnforced":
        yield resource.violation("leaves access lists on (rule.objectOwnership)")
    if resource.type == BUCKET_ACL or resource.get("grants"):
        yield resource.violation("grants access by an access list")


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
