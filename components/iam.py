"""IAM policy documents as pure functions. ARNs may be Pulumi inputs; `json_document` makes the string.

Each function is one document, named for what it allows. Where AWS lets a resource be named, it is named; the few `*`
are of actions that take no resource (https://docs.aws.amazon.com/service-authorization/latest/reference/).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

Arn = pulumi.Input[str]
Statement = dict[str, Any]
Document = dict[str, Any]

INVOKE, INVOKE_STREAM = "sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"
ALL_INVOKE_ACTIONS = (INVOKE, INVOKE_STREAM, "sagemaker:InvokeEndpointAsync")
PULL_IMAGE = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
WRITE_LOGS = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")


@dataclass(frozen=True)
class Account:
    """An account in a region: what ARNs begin with."""

    partition: str
    """Such as `aws` or `aws-us-gov`."""
    region: str
    id: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"

    @property
    def root(self) -> str:
        """The account itself as a principal: what its IAM policies allow."""
        return f"arn:{self.partition}:iam::{self.id}:root"

    def endpoints(self, names: Sequence[str]) -> list[str]:
        """The ARNs of SageMaker endpoints, in both spellings: SageMaker writes some in lower case.

        A pattern or a Deny that misses its resource finds or refuses nothing.
        """
        written = dict.fromkeys(spelled for name in names for spelled in (name, name.lower()))
        return [self.arn("sagemaker", f"endpoint/{name}") for name in written]

    def roles(self, iam_path: str) -> str:
        """A pattern for the ARNs of all roles with an IAM path."""
        return f"arn:{self.partition}:iam::{self.id}:role{iam_path}*"


def json_document(document: Document) -> pulumi.Output[str]:
    """The document as JSON, once its ARNs are known."""
    return pulumi.Output.json_dumps(document)


def document(*statements: Statement) -> Document:
    """A policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    sid: str, actions: Sequence[str], resources: pulumi.Input[Sequence[Arn]], condition: Mapping[str, Any] | None = None
) -> Statement:
    """A statement that allows `actions` on `resources`."""
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources}
    return statement | ({"Condition": dict(condition)} if condition else {})


def deny(sid: str, actions: Sequence[str], resources: Sequence[Arn], condition: Mapping[str, Any]) -> Statement:
    """A statement that denies `actions` on `resources`."""
    return allow(sid, actions, resources, condition) | {"Effect": "Deny"}


def each_once(arns: Sequence[Arn]) -> pulumi.Output[list[str]]:
    """The ARNs in their order, each once: what serves is often what will serve."""
    return pulumi.Output.all(*arns).apply(lambda known: list(dict.fromkeys(known)))


def trust(account: Account, service: str) -> Document:
    """Lets an AWS service take a role, for this account only (confused deputy).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    return document(
        {
            "Sid": "ServiceOfThisAccount",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": service},
            "Condition": {"StringEquals": {"aws:SourceAccount": account.id}},
        }
    )


# Keys. A key policy's resource is the key itself.


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


def on_key(
    sid: str, principal: Mapping[str, str], actions: Sequence[str], condition: Mapping[str, Any] | None
) -> Statement:
    """A statement of a key's policy."""
    return allow(sid, actions, ["*"], condition) | {"Principal": dict(principal)}


# Roles, and policies of callers.


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What one endpoint's execution role may touch: the resources of what serves and of what will serve.

    SageMaker needs them as long as the endpoint uses them: it replaces instances and adds new ones with this role.
    https://docs.aws.amazon.com/sagemaker/latest/dg/best-practice-endpoint-security.html
    """

    artifacts: Sequence[Arn]
    """S3 objects, or patterns of them."""
    artifact_keys: Sequence[Arn]
    """Keys of artifacts that the data key does not encrypt."""
    image_repositories: Sequence[Arn]
    log_group: Arn
    rollback_alarms: Sequence[Arn]
    """Alarms that roll an update back: SageMaker looks at them with this role."""
    data_key: Arn
    subnets: Sequence[Arn]
    security_groups: Sequence[Arn]
    unscoped_interfaces: bool
    """Whether network interfaces may be made in AWS's published form, on every resource."""


def execution_role(account: Account, serving: Serving, *further: Statement) -> Document:
    """What SageMaker needs to start and run one model.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
    """
    return document(
        allow("Artifact", ["s3:GetObject"], each_once(serving.artifacts)),
        allow("Keys", ["kms:Decrypt", "kms:DescribeKey"], each_once([serving.data_key, *serving.artifact_keys])),
        allow(
            "VolumeGrant",
            ["kms:CreateGrant"],
            [serving.data_key],
            {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
        allow("Image", PULL_IMAGE, each_once(serving.image_repositories)),
        allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Logs", WRITE_LOGS, [pulumi.Output.concat(serving.log_group, ":*")]),
        allow(
            "Metrics",
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        ),
        *_rollback(serving),
        allow(
            "CreateInterfaces",
            ["ec2:CreateNetworkInterface"],
            # An interface that is being created has no subnet yet that a condition could test. AWS evaluates every
            # resource involved, so the subnets and the groups bound where it can be.
            ["*"]
            if serving.unscoped_interfaces
            else each_once([*serving.subnets, *serving.security_groups, account.arn("ec2", "network-interface/*")]),
        ),
        *further,
    )


def network_interfaces(account: Account, vpc: Arn, *, unscoped: bool) -> Document:
    """What SageMaker needs to manage the network interfaces that it made, and to remove them.

    It removes them after the endpoint is deleted, and from subnets that the model has left: the VPC is the bound. The
    condition key takes an ARN: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html.
    With `unscoped`, the form that AWS publishes: https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html.
    """
    actions = (
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
    )
    interfaces = account.arn("ec2", "network-interface/*")
    return document(
        allow("ManageInterfaces", actions, ["*"])
        if unscoped
        else allow("ManageInterfaces", actions, [interfaces], {"ArnEquals": {"ec2:Vpc": vpc}}),
        allow(
            "DescribeNetwork",
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcEndpoints",
                "ec2:DescribeVpcs",
            ],
            ["*"],
        ),
    )


def _rollback(serving: Serving) -> list[Statement]:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html"""
    alarms = serving.rollback_alarms
    return [allow("RollbackAlarms", ["cloudwatch:DescribeAlarms"], alarms)] if alarms else []


def invoke(
    endpoint: Arn, runtime_endpoint_id: pulumi.Input[str], *, streaming: bool, target_models: Sequence[str] = ()
) -> Document:
    """Calls to one endpoint, through this VPC's runtime endpoint only; of these models, if calls have to name one."""
    condition = {"StringEquals": {"aws:SourceVpce": runtime_endpoint_id} | targeting(target_models)}
    actions = [INVOKE, INVOKE_STREAM] if streaming else [INVOKE]
    return document(allow("InvokeThroughVpc", actions, [endpoint], condition))


def targeting(models: Sequence[str]) -> dict[str, list[str]]:
    """The condition key that bounds calls to some models of a container.

    https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoint-security.html
    """
    return {"sagemaker:TargetModel": list(models)} if models else {}


def write_flow_logs(log_group: Arn) -> Document:
    """Delivers flow logs to one log group. The service finds it by listing all.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    return document(
        allow("DeliverFlowLogs", WRITE_LOGS, [pulumi.Output.concat(log_group, ":*")]),
        allow("FindLogGroup", ["logs:DescribeLogGroups"], ["*"]),
    )


# Resource policies.


def artifact_bucket(bucket: Arn, key: Arn, *further: Statement) -> Document:
    """Refuses requests below TLS 1.2, and writes under another key than `key`, customer-provided keys included."""
    objects = pulumi.Output.concat(bucket, "/*")
    return document(
        deny_everyone("TlsOnly", "s3:*", [bucket, objects], {"Bool": {"aws:SecureTransport": "false"}}),
        deny_everyone("Tls12", "s3:*", [bucket, objects], {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
        deny_everyone(
            "KmsOnly",
            "s3:PutObject",
            [objects],
            {
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
                "Null": {"s3:x-amz-server-side-encryption": "false"},
            },
        ),
        deny_everyone(
            "RightKeyOnly",
            "s3:PutObject",
            [objects],
            {
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key},
                "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"},
            },
        ),
        deny_everyone(
            "NoKeyOfTheCaller",
            "s3:PutObject",
            [objects],
            {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        ),
        *further,
    )


def alarm_topic(account: Account, topic: Arn) -> Document:
    """This account's alarms and EventBridge may publish; nobody may without TLS.

    AWS lets no condition be set for EventBridge, whose rules reach topics of other accounts by a role of theirs only:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
    """
    publish = allow(
        "AlarmsPublish",
        ["sns:Publish"],
        [topic],
        {
            "StringEquals": {"aws:SourceAccount": account.id},
            "ArnLike": {"aws:SourceArn": account.arn("cloudwatch", "alarm:*")},
        },
    )
    return document(
        publish | {"Principal": {"Service": "cloudwatch.amazonaws.com"}},
        allow("EventsPublish", ["sns:Publish"], [topic]) | {"Principal": {"Service": "events.amazonaws.com"}},
        deny_everyone("TlsOnly", "sns:Publish", [topic], {"Bool": {"aws:SecureTransport": "false"}}),
    )


def deny_everyone(sid: str, action: str, resources: Sequence[Arn], condition: Mapping[str, Any]) -> Statement:
    """A statement of a resource's policy that refuses whoever asks."""
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": dict(condition),
    }
