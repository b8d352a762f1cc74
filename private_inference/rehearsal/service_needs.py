"""Whether an AWS service may do its own work for a stack: deliver flow logs and trails, tell a topic.

Only facts come in, as for fleets (`fleet_needs`). Sources stand with each function.
"""

from dataclasses import dataclass

from private_inference.rehearsal.fleet_needs import Key
from private_inference.rehearsal.iam_decision import Document, Request, Role, may, service_may, trusts

WRITE_LOGS = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
USE_LOGS_KEY = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
USE_TRAIL_KEY = ("kms:DescribeKey", "kms:GenerateDataKey")
USE_TOPIC_KEY = ("kms:Decrypt", "kms:GenerateDataKey")


@dataclass(frozen=True)
class LogGroup:
    """A log group. `key` is None where it has no key of a customer's."""

    arn: str
    key: Key | None


@dataclass(frozen=True)
class Topic:
    """A topic and its key, if it has one."""

    arn: str
    policy: Document
    key: Key | None


def delivers(role: Role | None, group: LogGroup | None) -> bool:
    """Whether VPC Flow Logs gets at a log group with the delivery role, and CloudWatch Logs at the group's key.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html and
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    if role is None or group is None or not trusts(role, "vpc-flow-logs.amazonaws.com"):
        return False
    every = group.arn.rpartition(":")[0]
    wanted = [Request(action, f"{group.arn}:log-stream:flows") for action in WRITE_LOGS]
    wanted.append(Request("logs:DescribeLogGroups", f"{every}::log-stream:"))
    region = group.arn.split(":")[3]
    context = {"kms:encryptioncontext:aws:logs:arn": group.arn}
    return all(may(role, request) for request in wanted) and _usable(
        group.key, f"logs.{region}.amazonaws.com", USE_LOGS_KEY, context
    )


def trail_refusal(trail_arn: str, bucket: str, policy: Document, key: Key | None) -> str:
    """Which policy keeps CloudTrail from delivering a trail into a bucket, by the error's code; empty if none does.

    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html, and for the policies the pages
    create-s3-bucket-policy-for-cloudtrail and create-kms-key-policy-for-cloudtrail of its user guide.
    """
    account, service = trail_arn.split(":")[4], "cloudtrail.amazonaws.com"
    context = {"aws:sourcearn": trail_arn, "aws:sourceaccount": account, "aws:securetransport": "true"}
    file = Request(
        "s3:PutObject", f"{bucket}/AWSLogs/{account}/f", context | {"s3:x-amz-acl": "bucket-owner-full-control"}
    )
    if not all(service_may(policy, service, each) for each in (Request("s3:GetBucketAcl", bucket, context), file)):
        return "InsufficientS3BucketPolicyException"
    if not _usable(key, service, USE_TRAIL_KEY, context | {"kms:encryptioncontext:aws:cloudtrail:arn": trail_arn}):
        return "InsufficientEncryptionPolicyException"
    return ""


def rule_tells(topic: Topic | None) -> bool:
    """Whether EventBridge can publish to a topic. Of what it does it for it tells nothing; SNS names the topic to KMS.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions and
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    """
    service, context = "events.amazonaws.com", {"aws:securetransport": "true"}
    if topic is None or not service_may(topic.policy, service, Request("sns:Publish", topic.arn, context)):
        return False
    return _usable(topic.key, service, USE_TOPIC_KEY, context | {"kms:encryptioncontext:aws:sns:topicarn": topic.arn})


def publication_error(alarm_arn: str, topic: Topic | None, topic_arn: str) -> str:
    """Why CloudWatch can't tell a topic of an alarm, in its history's words as users quote them; empty if it can.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html and
    https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
    """
    account, service = alarm_arn.split(":")[4], "cloudwatch.amazonaws.com"
    context = {
        "aws:sourceaccount": account,
        "aws:sourceowner": account,
        "aws:sourcearn": alarm_arn,
        "aws:securetransport": "true",
    }
    if topic is None or not service_may(topic.policy, service, Request("sns:Publish", topic.arn, context)):
        return f"Resource: {alarm_arn} is not authorized to perform: SNS:Publish on resource: {topic_arn}"
    if not _usable(topic.key, service, USE_TOPIC_KEY, context | {"kms:encryptioncontext:aws:sns:topicarn": topic.arn}):
        return "null (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException)"
    return ""


def _usable(key: Key | None, service: str, actions: tuple[str, ...], context: dict[str, str]) -> bool:
    if key is None:
        return True
    return key.enabled and all(service_may(key.policy, service, Request(each, key.arn, context)) for each in actions)
