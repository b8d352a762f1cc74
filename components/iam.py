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
BEARER = "sagemaker:CallWithBearerToken"
"""Has a request that carries a bearer token taken at all. It takes no resource; what the request does is allowed apart.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html
"""
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


def on_key(
    sid: str, principal: Mapping[str, str], actions: Sequence[str], condition: Mapping[str, Any] | None
) -> Statement:
    """A statement of a key's policy, whose resource is the key itself."""
    return allow(sid, actions, ["*"], condition) | {"Principal": dict(principal)}


def invoke(
    endpoint: Arn,
    runtime_endpoint_id: pulumi.Input[str],
    *,
    streaming: bool,
    openai: bool = False,
    target_models: Sequence[str] = (),
    components: Sequence[Arn] = (),
) -> Document:
    """Calls to one endpoint, through this VPC's runtime endpoint only; of these models, if calls have to name one.

    A call that names an inference component is about the component, too. With `openai` it may carry a bearer token.
    """
    condition = {"StringEquals": {"aws:SourceVpce": runtime_endpoint_id} | targeting(target_models)}
    actions = [INVOKE, INVOKE_STREAM] if streaming else [INVOKE]
    statements = [allow("InvokeThroughVpc", actions, [endpoint, *components], condition)]
    if openai:
        through = {"StringEquals": {"aws:SourceVpce": runtime_endpoint_id}}
        statements.append(allow("BearerTokensThroughVpc", [BEARER], ["*"], through))
    return document(*statements)


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
