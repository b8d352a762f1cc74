"""What the containers of an endpoint print, and the alarm on it."""

import pulumi
import pulumi_aws as aws

from components.kv_cache import KvCacheAlarm, KvCacheAlarmArgs
from components.settings import EndpointSettings


def endpoint_log(
    settings: EndpointSettings,
    key_arn: pulumi.Input[str],
    days: int,
    topic_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.LogGroup:
    """The log group that SageMaker writes into, made before it would, so that it is under the key and kept for `days`.

    https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html
    """
    group = aws.cloudwatch.LogGroup(
        settings.name,
        name=f"/aws/sagemaker/Endpoints/{settings.name}",
        kms_key_id=key_arn,
        retention_in_days=days,
        opts=opts,
    )
    if settings.kv_cache_percent:
        args = KvCacheAlarmArgs(
            endpoint=settings.name, log_group=group.name, percent=settings.kv_cache_percent, topic_arn=topic_arn
        )
        KvCacheAlarm(settings.name, args, pulumi.ResourceOptions(parent=opts.parent))
    return group
