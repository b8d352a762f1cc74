"""The policies of the stack's keys, as pure functions: what each key is for, and who administers it.

A key policy's resource is the key itself.
"""

from components.iam import Account, Document, Statement, document, on_key


def data_services(account: Account) -> list[str]:
    """The services through which the data key is used."""
    return [f"{service}.{account.region}.amazonaws.com" for service in ("s3", "ecr", "sagemaker")]


def data_key(account: Account, *further: Statement) -> Document:
    """Artifacts, images and volumes: usable by principals that IAM allows, only through S3, ECR and SageMaker."""
    through_services = {"StringEquals": {"kms:CallerAccount": account.id, "kms:ViaService": data_services(account)}}
    return document(
        _key_administration(account),
        on_key("UseThroughServices", {"AWS": account.root}, _KEY_USE, through_services),
        on_key(
            "GrantToServices",
            {"AWS": account.root},
            ["kms:CreateGrant"],
            through_services | {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
        *further,
    )


def logs_key(account: Account, *further: Statement) -> Document:
    """Log groups of this account.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    groups = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": account.arn("logs", "log-group:*")}}
    return document(
        _key_administration(account),
        on_key("LogGroups", {"Service": f"logs.{account.region}.amazonaws.com"}, _KEY_USE, groups),
        *further,
    )


def notifications_key(account: Account, *further: Statement) -> Document:
    """The alarm topic. With the AWS-managed SNS key, alarms would be lost silently.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    return document(
        _key_administration(account),
        on_key(
            "AlarmsPublish",
            {"Service": "cloudwatch.amazonaws.com"},
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            {"StringEquals": {"aws:SourceAccount": account.id}},
        ),
        # For EventBridge SNS supports no aws:Source… key here, but SNS itself names the topic to KMS:
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
        on_key(
            "EventsPublish",
            {"Service": "events.amazonaws.com"},
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": account.arn("sns", "*")}},
        ),
        *further,
    )


_KEY_USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
_KEY_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:Describe*",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:Get*",
    "kms:List*",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)


def _key_administration(account: Account) -> Statement:
    """Lets principals that IAM allows administer the key, not use it."""
    return on_key("Administration", {"AWS": account.root}, _KEY_ADMINISTRATION, None)
