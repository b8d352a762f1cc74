"""What containers print, and the alarm on it: logs of endpoints, and of inference components, which have their own."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.kv_cache import KvCacheAlarm, KvCacheAlarmArgs

ENDPOINTS = "/aws/sagemaker/Endpoints/"
"""https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html"""
COMPONENTS = "/aws/sagemaker/InferenceComponents/"
"""As SageMaker names them; its documentation lists none of components."""


@dataclass(frozen=True, kw_only=True)
class ContainerLogs:
    """How log groups are kept, and who is told of what is in them."""

    key_arn: pulumi.Input[str]
    days: int
    topic_arn: pulumi.Input[str]
    protect: bool
    """Whether Pulumi refuses to delete them."""

    def group(
        self, place: str, name: str, kv_cache_percent: int | None, parent: pulumi.Resource
    ) -> aws.cloudwatch.LogGroup:
        """The log group of what is called `name`, made before SageMaker would: under the key, and kept for `days`."""
        made = aws.cloudwatch.LogGroup(
            name,
            name=f"{place}{name}",
            kms_key_id=self.key_arn,
            retention_in_days=self.days,
            opts=pulumi.ResourceOptions(parent=parent, protect=self.protect),
        )
        if kv_cache_percent:
            args = KvCacheAlarmArgs(name=name, log_group=made.name, percent=kv_cache_percent, topic_arn=self.topic_arn)
            KvCacheAlarm(name, args, pulumi.ResourceOptions(parent=parent))
        return made
