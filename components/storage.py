"""What the artifact bucket and the image registry have in common."""

from dataclasses import dataclass

import pulumi

from components.iam import Account
from components.settings import ArtifactSettings


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """Storage that outlives the endpoints it serves."""

    settings: ArtifactSettings
    account: Account
    key_arn: pulumi.Input[str]
    """The KMS key that encrypts what is stored."""
    protect: bool
    """Whether Pulumi refuses to delete it."""
    keep: bool
    """Whether it stays in the account on destroy."""
