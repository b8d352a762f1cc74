"""The published controls that rules answer to, alone and in groups."""

from pulumi_policy import PolicyComplianceFramework

from private_inference.controls import (
    Controls,
    cdk_nag,
    checkov,
    cis,
    config,
    fsbp,
    hipaa,
    nist,
    pci,
    prowler,
    security_hub,
    trivy,
)

__all__ = [
    "Controls",
    "cdk_nag",
    "checkov",
    "cis",
    "config",
    "fsbp",
    "hipaa",
    "nist",
    "pci",
    "prowler",
    "security_hub",
    "trivy",
]


def framework(controls: Controls) -> PolicyComplianceFramework | None:
    """The first of the controls as Pulumi shows a policy's framework; None if they are a tool's."""
    publisher = controls.publisher
    if not publisher.framework:
        return None
    return PolicyComplianceFramework(
        name=publisher.name, version=publisher.version, reference=controls.ids[0], specification=publisher.url
    )


PRIVATE_ONLY = (pci("1.3.6"), hipaa("164.312(e)(1)"))
"""No public access to what holds data, and no data on public networks."""

INTERNET = (
    nist("AC-4(21)"),
    cdk_nag("VPCNoUnrestrictedRouteToIGW"),
    pci("1.2.1"),
    pci("1.3.6"),
    hipaa("164.312(e)(1)"),
)
"""Rules that keep the internet out."""
BOUNDARY = (pci("1.2.1"), hipaa("164.312(e)(1)"))
"""Rules that keep a network's boundary narrow."""
