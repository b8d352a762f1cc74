"""What a stack may set about who deploys it, and what is refused to all others from above the account."""

from collections.abc import Iterator
from typing import Literal

from components.settings.fields import AdministratorArn, PrincipalArn, Reason
from components.settings.group import SettingsGroup
from components.settings.problems import Problem

POLICY_TYPES = {"scp": "SERVICE_CONTROL_POLICY", "rcp": "RESOURCE_CONTROL_POLICY"}
"""What AWS Organizations calls the types: https://docs.aws.amazon.com/organizations/latest/APIReference/API_Policy.html"""


class AdministratorSettings(SettingsGroup):
    """Somebody of the account who is known to have more than the stack intends."""

    principal: AdministratorArn
    """ARN, or a pattern of it, of roles or users; the root of another account for whoever is in it."""
    because: Reason
    """Why they may, for the reviewer: at least ten characters."""


class PerimeterSettings(SettingsGroup):
    """What the account can't refuse by itself; `private-inference perimeter` writes the documents that do."""

    deployers: tuple[PrincipalArn, ...] = ()
    """ARNs, or patterns of them, of the roles and users that deploy and operate the stack: nobody else may change it.

    Without any, the documents refuse no changes.
    """
    data_through_vpc: bool = False
    """Artifacts are read through this VPC, and by deployers: the policies of bucket and data key refuse all else."""
    attach: tuple[Literal["scp", "rcp"], ...] = ()
    """Policies that the program attaches to the stack's account: its credentials must be a delegated administrator's.

    Elsewhere the documents of `private-inference perimeter` are attached by whoever administers the organization.
    """

    administrators: tuple[AdministratorSettings, ...] = ()
    """Those whom `private-inference who --live` calls declared rather than surplus, for all that they may.

    Whoever may become one of them and is none is surplus still.
    """

    def _contradictions(self) -> Iterator[Problem]:
        if self.data_through_vpc and not self.deployers:
            message = "would keep whoever deploys from the artifacts; name them in perimeter.deployers"
            yield Problem("dataThroughVpc", True, message)
        if self.attach and not self.deployers:
            yield Problem("attach", list(self.attach), "would refuse no changes; name perimeter.deployers")
        if len(set(self.attach)) < len(self.attach):
            yield Problem("attach", list(self.attach), "names a policy twice; name it once")
        named = [each.principal for each in self.administrators]
        for position, each in enumerate(named):
            if each in named[:position]:
                yield Problem(f"administrators[{position}].principal", each, "is declared twice; declare it once")
