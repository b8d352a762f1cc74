"""Buckets and image repositories: closed to the public, TLS only, versions and images kept as they were written."""

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import PRIVATE_ONLY, cdk_nag, checkov, cis, fsbp, hipaa, nist, pci, security_hub, trivy
from policy.findings import Findings, for_each
from policy.iam_documents import Statement, statements_on
from policy.requirements import is_in, is_true, require, require_attached
from policy.resources import Resource, Stack
from policy.rules import all_of, each_of, resource_rule, stack_rule
from private_inference.graph.types import (
    BUCKET,
    BUCKET_ACL,
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

PUBLIC_ACCESS = [
    fsbp("S3.8", "S3.2", "S3.3"),
    checkov("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
    trivy("AWS-0086", "AWS-0087", "AWS-0091", "AWS-0093"),
    cis("2.1.4"),
    *PRIVATE_ONLY,
]


@stack_rule(
    controls=PUBLIC_ACCESS,
    severity=Severity.CRITICAL,
    fix="declare a BucketPublicAccessBlock for the bucket",
)
def buckets_block_public_access(stack: Stack) -> Findings:
    """Every bucket of the stack has a public access block of its own, whatever the account's setting is."""
    yield from require_attached(stack, BUCKET, BUCKET_PUBLIC_ACCESS_BLOCK, "bucket", "has no BucketPublicAccessBlock")


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
    controls=[fsbp("S3.12"), checkov("CKV2_AWS_65"), nist("AC-6")],
    severity=Severity.MEDIUM,
    fix="declare BucketOwnershipControls for the bucket, with BucketOwnerEnforced",
)
def buckets_own_their_objects(stack: Stack) -> Findings:
    """Every bucket of the stack says who owns its objects: the bucket's owner, so that no writer can give them away."""
    yield from require_attached(stack, BUCKET, BUCKET_OWNERSHIP, "bucket", "has no BucketOwnershipControls")


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


@stack_rule(
    controls=[pci("10.5.3"), security_hub("S3.14"), checkov("CKV_AWS_21")],
    severity=Severity.MEDIUM,
    fix="declare a BucketVersioning with status Enabled",
    level=EnforcementLevel.ADVISORY,
)
def buckets_keep_versions(stack: Stack) -> Findings:
    """Buckets keep the versions of their objects: an overwritten model can be brought back."""
    yield from require_attached(stack, BUCKET, BUCKET_VERSIONING, "bucket", "keeps no versions (BucketVersioning)")
    yield from for_each(
        stack.all(BUCKET_VERSIONING),
        lambda versioning: require(versioning, "versioningConfiguration.status", is_in("Enabled"), "keeps no versions"),
    )


@stack_rule(
    controls=[fsbp("S3.13"), checkov("CKV2_AWS_61")],
    severity=Severity.LOW,
    fix="declare a BucketLifecycleConfiguration",
    level=EnforcementLevel.ADVISORY,
)
def buckets_have_a_lifecycle(stack: Stack) -> Findings:
    """Buckets say when what they hold is removed: data that nobody needs any more can still leak."""
    yield from require_attached(stack, BUCKET, BUCKET_LIFECYCLE, "bucket", "has no BucketLifecycleConfiguration")


@stack_rule(
    controls=[fsbp("S3.9"), checkov("CKV_AWS_18"), hipaa("164.312(b)"), pci("10.1")],
    severity=Severity.LOW,
    fix="declare a BucketLogging, or log the bucket's data events with CloudTrail and record an exception",
    level=EnforcementLevel.ADVISORY,
)
def buckets_log_access(stack: Stack) -> Findings:
    """Buckets log who read what. S3 delivers these logs to buckets that use its own keys only."""
    yield from require_attached(stack, BUCKET, BUCKET_LOGGING, "bucket", "logs no access (BucketLogging)")


@resource_rule(
    types=[ECR_REPOSITORY],
    controls=[fsbp("ECR.2"), checkov("CKV_AWS_51"), trivy("AWS-0031")],
    severity=Severity.HIGH,
    fix="set imageTagMutability to IMMUTABLE",
)
def image_tags_are_immutable(repository: Resource) -> Findings:
    """An image tag means one image for ever: what was reviewed is what runs."""
    yield from require(repository, "imageTagMutability", is_in("IMMUTABLE"), "lets image tags be moved")


@resource_rule(
    types=[ECR_REPOSITORY],
    controls=[fsbp("ECR.1"), checkov("CKV_AWS_163"), trivy("AWS-0030")],
    severity=Severity.MEDIUM,
    fix="set imageScanningConfiguration.scanOnPush to true",
    level=EnforcementLevel.ADVISORY,
)
def images_are_scanned(repository: Resource) -> Findings:
    """Images are scanned when they are pushed, before anybody serves them."""
    yield from require(repository, "imageScanningConfiguration.scanOnPush", is_true, "does not scan images")


@stack_rule(
    controls=[fsbp("ECR.3")],
    severity=Severity.LOW,
    fix="declare a LifecyclePolicy for the repository",
    level=EnforcementLevel.ADVISORY,
)
def repositories_have_a_lifecycle(stack: Stack) -> Findings:
    """Repositories say when images expire: old images keep old vulnerabilities."""
    what = "keeps images for ever (LifecyclePolicy)"
    yield from require_attached(stack, ECR_REPOSITORY, ECR_LIFECYCLE_POLICY, "repository", what)
