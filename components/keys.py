"""Customer-managed KMS keys, one for each purpose."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam, key_policies
from components.iam import Account, Document, Statement
from components.names import stack_name
from components.settings import SecuritySettings


@dataclass(frozen=True, kw_only=True)
class EncryptionKeysArgs:
    """Keys for one stack."""

    account: Account
    settings: SecuritySettings
    protect: bool
    """Whether Pulumi refuses to delete the keys."""
    data_refusals: Sequence[Statement] = ()
    """What the data key's policy refuses, whoever is allowed."""
    logs_use: Sequence[Statement] = ()
    """What the logs key's policy allows beside log groups."""
    notifications_use: Sequence[Statement] = ()
    """What the notifications key's policy allows beside alarms and events."""
    retain_data_key: bool
    """Whether the data key stays in the account on destroy: without it, retained artifacts are lost."""


class EncryptionKeys(pulumi.ComponentResource):
    """Keys for data (artifacts, images, volumes), logs and notifications, rotated, with least-privilege policies."""

    data: aws.kms.Key
    logs: aws.kms.Key
    notifications: aws.kms.Key

    def __init__(self, name: str, args: EncryptionKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:security:EncryptionKeys", name, None, opts)
        self._args = args
        self.data = self._key(
            "data",
            "Artifacts, images and volumes",
            key_policies.data_key(args.account, *args.data_refusals),
            args.retain_data_key,
        )
        self.logs = self._key("logs", "Log groups", key_policies.logs_key(args.account, *args.logs_use))
        notifications = key_policies.notifications_key(args.account, *args.notifications_use)
        self.notifications = self._key("notifications", "Alarm topic", notifications)
        self.register_outputs({"dataKeyArn": self.data.arn, "logsKeyArn": self.logs.arn})

    def _key(self, purpose: str, description: str, policy: Document, retain: bool = False) -> aws.kms.Key:
        key = aws.kms.Key(
            purpose,
            description=f"{description} of {pulumi.get_project()}/{pulumi.get_stack()}",
            enable_key_rotation=True,
            rotation_period_in_days=self._args.settings.key_rotation_days,
            deletion_window_in_days=self._args.settings.key_deletion_days,
            policy=iam.json_document(policy),
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protect, retain_on_delete=retain),
        )
        aws.kms.Alias(
            purpose,
            name=f"alias/{stack_name(purpose)}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key
