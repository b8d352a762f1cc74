"""What a stack may set about who deploys it, and what is refused to all others from above the account."""

from components.settings.fields import PrincipalArn
from components.settings.group import SettingsGroup


class PerimeterSettings(SettingsGroup):
    """What the account can't refuse by itself; `private-inference perimeter` writes the documents that do."""

    deployers: tuple[PrincipalArn, ...] = ()
    """ARNs, or patterns of them, of the roles and users that deploy and operate the stack: nobody else may change it.

    Without any, the documents refuse no changes.
    """
