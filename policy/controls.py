"""Published controls that rules answer to. Every id is one that its publisher uses; none is ours."""

from dataclasses import dataclass

from pulumi_policy import PolicyComplianceFramework


@dataclass(frozen=True)
class Control:
    """A control by its publisher's id. `compliance` says whether it belongs to a compliance framework or to a tool."""

    publisher: str
    version: str | None
    id: str
    reference: str
    compliance: bool = True

    @property
    def label(self) -> str:
        return f"{self.publisher} {self.id}"

    @property
    def framework(self) -> PolicyComplianceFramework:
        return PolicyComplianceFramework(
            name=self.publisher, version=self.version, reference=self.id, specification=self.reference
        )


def fsbp(control: str) -> Control:
    """AWS Foundational Security Best Practices, by the control's id in Security Hub."""
    url = "https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html"
    return Control("AWS Foundational Security Best Practices", "1.0.0", control, url)


def security_hub(control: str) -> Control:
    """A Security Hub control; it may belong to several standards."""
    url = "https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-controls-reference.html"
    return Control("AWS Security Hub", None, control, url)


def nist(control: str) -> Control:
    return Control("NIST SP 800-53", "Rev. 5", control, "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final")


def hipaa(section: str) -> Control:
    url = "https://www.ecfr.gov/current/title-45/section-164.312"
    return Control("HIPAA Security Rule", "45 CFR 164", section, url)


def pci(requirement: str) -> Control:
    return Control("PCI DSS", "3.2.1", requirement, "https://www.pcisecuritystandards.org/document_library/")


def cis(recommendation: str) -> Control:
    url = "https://www.cisecurity.org/benchmark/amazon_web_services"
    return Control("CIS AWS Foundations Benchmark", "3.0.0", recommendation, url)


def checkov(check: str) -> Control:
    return Control("Checkov", None, check, "https://www.checkov.io/5.Policy%20Index/terraform.html", False)


def trivy(check: str) -> Control:
    return Control("Trivy", None, check, "https://avd.aquasec.com/misconfig/aws/", False)


def prowler(check: str) -> Control:
    return Control("Prowler", None, check, "https://hub.prowler.com/", False)


def cdk_nag(rule: str) -> Control:
    return Control("cdk-nag", None, rule, "https://github.com/cdklabs/cdk-nag/blob/main/RULES.md", False)


def config(rule: str) -> Control:
    url = f"https://docs.aws.amazon.com/config/latest/developerguide/{rule}.html"
    return Control("AWS Config", None, rule, url, False)


INTERNET = [
    nist("AC-4(21)"),
    cdk_nag("VPCNoUnrestrictedRouteToIGW"),
    pci("1.2.1"),
    pci("1.3.6"),
    hipaa("164.312(e)(1)"),
]
"""Published controls of rules that keep the internet out."""
BOUNDARY = [pci("1.2.1"), hipaa("164.312(e)(1)")]
"""Published controls of rules that keep a network's boundary narrow."""
