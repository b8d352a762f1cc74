"""Guards that AWS has a switch for: what names tell, whatever the type, and a table of what they don't tell."""

import re

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import checkov, fsbp, hipaa, nist, pci, trivy
from policy.findings import Findings
from policy.given import Given, each_value
from policy.requirements import require_values
from policy.resources import Resource
from policy.rules import resource_rule


@resource_rule(
    types=None,
    controls=[
        nist("CM-6", "SI-4"),
        fsbp("EC2.7", "EC2.8", "EC2.182", "CloudTrail.4", "GuardDuty.1", "ECS.4", "CodeBuild.5", "ECR.2", "S3.12"),
        nist("SC-22"),
        checkov("CKV_AWS_51", "CKV2_AWS_65"),
        trivy("AWS-0031"),
        pci("10.5"),
    ],
    severity=Severity.HIGH,
    fix="give the property the value that guards, or leave it out where that is AWS's default",
)
def guards_stay_on(resource: Resource) -> Findings:
    """No guard of AWS's is off: blocks of public access, trails, alarms, metadata tokens, privileges, image tags."""
    yield from require_values(resource, "guards", "switches a guard off")


@resource_rule(
    types=None,
    controls=[
        nist("CM-6", "AU-6(1)"),
        fsbp("APIGateway.1", "ECR.1", "SageMaker.3"),
        checkov("CKV_AWS_76", "CKV_AWS_163", "CKV_AWS_307", "CKV_AWS_319"),
        trivy("AWS-0001", "AWS-0030"),
        hipaa("164.312(b)"),
    ],
    severity=Severity.MEDIUM,
    fix="give the property that value",
    level=EnforcementLevel.ADVISORY,
)
def defaults_are_hardened(resource: Resource) -> Findings:
    """Alarms tell somebody, images are scanned, API calls are logged, versions kept, notebook users no root."""
    yield from require_values(resource, "hardening", "is as AWS leaves it")


OLD_TLS = re.compile(
    r"(?i)(TLS[-_.]?(v)?1[-_.][01](?!\d)|TLSv1(_2016)?$|SSLv?3|TransferSecurityPolicy-(FIPS-)?20(18|20))"
)
"""Protocol versions and policies of before TLS 1.2, or with ciphers that AWS has replaced.

https://docs.aws.amazon.com/transfer/latest/userguide/security-policies.html
"""
VERSIONED = re.compile(r"(?i)(?!sslpolicy$)\w*(policy|policyname|protocol|protocols|protocolversion|version|tls)$")
"""Names of properties that name a version. Listeners have a rule of their own."""


@resource_rule(
    types=None,
    controls=[nist("SC-8(1)", "SC-13"), pci("4.1"), hipaa("164.312(e)(2)(ii)"), fsbp("Opensearch.8", "Redshift.2")],
    severity=Severity.HIGH,
    fix="have connections take TLS 1.2 or later, and nothing else",
)
def connections_use_tls(resource: Resource) -> Findings:
    """Databases, caches, brokers, mounts and servers take TLS only: within a VPC, too, traffic can be read."""
    yield from require_values(resource, "connections", "lets data pass without TLS of 1.2 or later")
    yield from each_value(resource, _is_old)


def _is_old(given: Given) -> str | None:
    return "takes TLS before 1.2" if VERSIONED.fullmatch(given.name) and OLD_TLS.search(given.text) else None
