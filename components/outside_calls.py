"""Calls that don't come through the stack's runtime endpoint: SageMaker lets them in, so somebody has to be told.

A trail logs the calls of the stack's endpoints, which are data events
(https://docs.aws.amazon.com/sagemaker/latest/dg/logging-using-cloudtrail.html). What a trail logs CloudTrail hands to
EventBridge, too, and a rule there tells the topic of alarms
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html). A metric filter on the
trail's delivery to CloudWatch Logs would need a role, whose trust AWS publishes without a condition that bounds it to
this trail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.buckets import BucketSafeguardsArgs, Kept, bucket_safeguards
from components.caller_policies import role_arns, ways, ways_of_roles
from components.iam import Account
from components.names import stack_name, stack_path
from components.settings import CallerSettings
from components.trail_policies import trail_bucket

ENDPOINT = "AWS::SageMaker::Endpoint"
"""What CloudTrail calls the type of resource that is called."""
BY_OTHERS = "-by-others"
"""Ends the name of the second rule, where callers of other accounts have VPC endpoints of their own."""


def watch_name() -> str:
    """Name of the trail, and of the rule: chosen here, so that policies can name both before they exist."""
    return stack_name("calls")


def trail_arn(account: Account) -> str:
    """ARN of the stack's trail."""
    return account.arn("cloudtrail", f"trail/{watch_name()}")


def from_outside(
    endpoints: Sequence[str], runtime_endpoint: str, front_door: str | None = None, elsewhere: Sequence[str] = ()
) -> Mapping[str, Any]:
    """The event pattern of calls that come through another VPC endpoint than the stack's, or through none.

    `endpoints` are ARNs, `elsewhere` the VPC endpoints of callers that live elsewhere. The record of a call has its VPC
    endpoint, if any, in `vpcEndpointId`, and what is called in `resources` alone, for SageMaker logs no parameters of
    InvokeEndpoint. Only AWS's services send events from a source that begins with `aws.`. What API Gateway calls with
    the front door's role, whose ARN is `front_door`, is left out: the API's own log says for whom.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """
    through = [{"exists": False}, {"anything-but": [runtime_endpoint, *elsewhere]}]
    return _pattern(endpoints, _by_others_than([front_door]) if front_door else {}, through)


def by_others(endpoints: Sequence[str], through: Sequence[str], roles: Sequence[str]) -> Mapping[str, Any]:
    """The event pattern of calls through VPC endpoints of callers' accounts that are made by others than their roles.

    `endpoints` and `roles` are ARNs.
    """
    return _pattern(endpoints, _by_others_than(roles), through)


def _by_others_than(roles: Sequence[str]) -> Mapping[str, Any]:
    others = [{"exists": False}, {"anything-but": list(roles)}]
    return {"userIdentity": {"sessionContext": {"sessionIssuer": {"arn": others}}}}


def _pattern(endpoints: Sequence[str], who: Mapping[str, Any], through: Sequence[Any]) -> Mapping[str, Any]:
    return {
        "source": [{"prefix": "aws."}],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            **who,
            "eventName": [{"prefix": "InvokeEndpoint"}],
            "resources": {"ARN": list(endpoints)},
            "vpcEndpointId": list(through),
        },
    }


@dataclass(frozen=True, kw_only=True)
class OutsideCallsArgs:
    """Whose calls are logged, which of them are told of, and to whom."""

    account: Account
    endpoint_names: Sequence[str]
    """SageMaker endpoints whose calls are logged."""
    runtime_endpoint_id: pulumi.Input[str]
    """The VPC endpoint that calls should come through."""
    front_door: str | None
    """ARN of the role that API Gateway calls with, which comes through no VPC endpoint."""
    callers: Sequence[CallerSettings]
    """Those that live elsewhere: what they call through their own VPC endpoints is meant, too."""
    topic_arn: pulumi.Input[str]
    """The topic that is told of others."""
    key_arn: pulumi.Input[str]
    """The KMS key that encrypts the log; its policy lets the trail use it."""
    retention_days: int
    """Days that the log is kept."""
    access_log_bucket: str | None
    """An existing bucket for S3 access logs of the log's bucket."""
    protect: bool
    """Whether Pulumi refuses to delete the log."""


class OutsideCalls(pulumi.ComponentResource):
    """A trail of all calls with its bucket, and a rule that tells of those from outside.

    The rule's target is all that notifies: EventBridge tries again for a day, whereas its metrics, which an alarm would
    be on, are published as well as may be (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html).
    """

    bucket: aws.s3.Bucket

    def __init__(self, name: str, args: OutsideCallsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:security:OutsideCalls", name, None, opts)
        self._name = name
        self._args = args
        self.bucket = aws.s3.Bucket(
            name, force_destroy=True, opts=pulumi.ResourceOptions(parent=self, protect=args.protect)
        )
        arns = args.account.endpoints(args.endpoint_names)
        self._trail(arns, self._safeguards())
        self._tell(arns)
        self.register_outputs({})

    def _child(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on))

    def _safeguards(self) -> list[pulumi.Resource]:
        args, days = self._args, self._args.retention_days
        return bucket_safeguards(
            self._name,
            BucketSafeguardsArgs(
                bucket=self.bucket,
                key_arn=args.key_arn,
                bucket_key=False,
                policy=trail_bucket(args.account, self.bucket.arn, trail_arn(args.account)),
                # What is deleted before its time stays for as long again.
                kept=Kept(rule="old-files", days=days, noncurrent_days=days),
                access_log_bucket=args.access_log_bucket,
                access_log_prefix=f"{stack_path().removeprefix('/')}{self._name}/",
            ),
            self._child,
        )

    def _trail(self, arns: Sequence[str], safeguards: Sequence[pulumi.Resource]) -> None:
        selectors = {"eventCategory": ["Data"], "resources.type": [ENDPOINT], "resources.ARN": arns}
        aws.cloudtrail.Trail(
            self._name,
            name=watch_name(),
            s3_bucket_name=self.bucket.bucket,
            kms_key_id=self._args.key_arn,
            enable_log_file_validation=True,
            include_global_service_events=False,
            advanced_event_selectors=[
                aws.cloudtrail.TrailAdvancedEventSelectorArgs(
                    name="Calls of the stack's endpoints",
                    field_selectors=[
                        aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs(field=field, equals=values)
                        for field, values in selectors.items()
                    ],
                )
            ],
            opts=self._child(*safeguards),
        )

    def _tell(self, arns: Sequence[str]) -> None:
        args, runtime = self._args, pulumi.Output.from_input(self._args.runtime_endpoint_id)
        pattern = runtime.apply(lambda known: from_outside(arns, known, args.front_door, ways(args.callers)))
        self._rule("", f"Endpoints of {stack_name()} are called around their runtime endpoint", pattern)
        if theirs := ways_of_roles(args.callers):
            roles = role_arns(args.account, stack_path(), stack_name(), args.callers)
            told = f"Endpoints of {stack_name()} are called as a caller of another account, and not by its role"
            self._rule(BY_OTHERS, told, by_others(arns, theirs, roles))

    def _rule(self, suffix: str, description: str, pattern: pulumi.Input[Mapping[str, Any]]) -> None:
        rule = aws.cloudwatch.EventRule(
            f"{self._name}{suffix}",
            name=f"{watch_name()}{suffix}",
            description=description,
            event_pattern=pulumi.Output.json_dumps(pattern),
            opts=self._child(),
        )
        aws.cloudwatch.EventTarget(
            f"{self._name}{suffix}", rule=rule.name, arn=self._args.topic_arn, opts=self._child()
        )
