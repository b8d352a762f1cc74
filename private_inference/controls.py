"""Published controls that rules and checks answer to. Every id is one that its publisher uses; none is ours."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Publisher:
    """Who publishes controls. Call it with their ids. `url` is where they are described.

    `framework`: whether they are a compliance framework's, not a tool's; `version`: which one of it.
    """

    name: str
    url: str
    version: str | None = None
    framework: bool = False

    def __call__(self, *ids: str) -> "Controls":
        return Controls(self, ids)


@dataclass(frozen=True)
class Controls:
    """Controls of one publisher, by its ids."""

    publisher: Publisher
    ids: Sequence[str]

    @property
    def labels(self) -> list[str]:
        return [f"{self.publisher.name} {id_}" for id_ in self.ids]


fsbp = Publisher(
    "AWS Foundational Security Best Practices",
    "https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html",
    "1.0.0",
    framework=True,
)
"""By the control's id in Security Hub."""

security_hub = Publisher(
    "AWS Security Hub",
    "https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-controls-reference.html",
    framework=True,
)
"""A control may belong to several standards."""

nist = Publisher("NIST SP 800-53", "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final", "Rev. 5", framework=True)
hipaa = Publisher(
    "HIPAA Security Rule", "https://www.ecfr.gov/current/title-45/section-164.312", "45 CFR 164", framework=True
)
pci = Publisher("PCI DSS", "https://www.pcisecuritystandards.org/document_library/", "3.2.1", framework=True)
cis = Publisher(
    "CIS AWS Foundations Benchmark",
    "https://www.cisecurity.org/benchmark/amazon_web_services",
    "3.0.0",
    framework=True,
)

checkov = Publisher("Checkov", "https://www.checkov.io/5.Policy%20Index/terraform.html")
trivy = Publisher("Trivy", "https://avd.aquasec.com/misconfig/aws/")
prowler = Publisher("Prowler", "https://hub.prowler.com/")
cdk_nag = Publisher("cdk-nag", "https://github.com/cdklabs/cdk-nag/blob/main/RULES.md")
config = Publisher(
    "AWS Config", "https://docs.aws.amazon.com/config/latest/developerguide/managed-rules-by-aws-config.html"
)
