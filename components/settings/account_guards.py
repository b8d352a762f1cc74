"""What a stack may set about guards of its account as a whole."""

from typing import Literal

from components.settings.fields import KeyArn
from components.settings.group import SettingsGroup


class AccountGuardsSettings(SettingsGroup):
    """Guards of the whole account and Region. By default none is this stack's: a landing zone may own them.

    Exactly one stack of an account and Region should, if no landing zone does: two that differ undo one another. They
    guard more than a stack, so they stay on when it is destroyed, or when one is taken out of its settings.
    """

    vpc_block_public_access: Literal["block-bidirectional", "block-ingress"] | None = None
    """VPC Block Public Access, for all VPCs of the account in the Region: this stack's needs no internet gateway.

    `block-bidirectional` cuts the others off from the internet, too; `block-ingress` leaves them their NAT gateways.
    """
    ebs_default_key_arn: KeyArn | None = None
    """Amazon EBS encrypts by default, with this key of the account's: one that outlives the stack."""
    ebs_snapshot_block_public_access: bool = False
    """No EBS snapshot of the account in the Region is public, those that were shared before included."""
    s3_block_public_access: bool = False
    """No bucket of the account is public, in whatever Region: S3 Block Public Access, in all four ways."""

    @property
    def owned(self) -> bool:
        """Whether the stack owns any."""
        return self != AccountGuardsSettings()
