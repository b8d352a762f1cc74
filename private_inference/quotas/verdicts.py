"""Whether what a stack needs fits what an account is allowed."""

from dataclasses import dataclass
from enum import StrEnum

from private_inference.quotas.needs import Need


class Verdict(StrEnum):
    """`UNCHECKED`: what is allowed, or what is in use already, is not known."""

    FITS = "fits"
    EXCEEDS = "exceeds"
    UNCHECKED = "unchecked"


@dataclass(frozen=True)
class Allowance:
    """What an account is allowed, and what is in use of it; None for what isn't known.

    code: the quota's, where it was found by its name.
    reason: why something isn't known.
    """

    allowed: float | None
    used: float | None = None
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Line:
    """One quota: what the stack needs of it, what is allowed, and whether that will do."""

    need: Need
    allowance: Allowance
    verdict: Verdict
    total: float
    """What has to be allowed: the need, and what is in use besides."""

    @property
    def code(self) -> str:
        return self.allowance.code or (self.need.quota.code if self.need.quota.listed else "")

    def remedy(self, region: str) -> str:
        """The command that asks AWS for more, or why none can; empty for what fits.

        https://docs.aws.amazon.com/servicequotas/latest/userguide/request-quota-increase.html
        """
        if self.verdict is Verdict.FITS:
            return ""
        if self.verdict is Verdict.UNCHECKED:
            return self.allowance.reason
        if not self.need.quota.adjustable:
            return "AWS does not raise it"
        quota = self.need.quota
        return (
            f"aws service-quotas request-service-quota-increase --region {quota.asked_in(region)} "
            f"--service-code {quota.service} --quota-code {self.code} --desired-value {self.total:.0f}"
        )


def judge(need: Need, allowance: Allowance, *, deployed: bool, live: bool) -> Line:
    """The line of a quota.

    deployed: the stack's own resources are among what is in use.
    live: the allowance is the account's. Else it is a default, and what is in use can't be told; it counts as nothing.
    """
    whole = need.quota.whole_account
    used = allowance.used or 0
    total = (max(used, need.amount) if deployed else used + need.amount) if whole else need.amount
    if allowance.allowed is None:
        verdict = Verdict.UNCHECKED
    elif total > allowance.allowed:
        verdict = Verdict.EXCEEDS
    else:
        unseen = live and whole and allowance.used is None
        verdict = Verdict.UNCHECKED if unseen else Verdict.FITS
    return Line(need, allowance, verdict, total)
