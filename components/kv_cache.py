"""The alarm on a language model's KV cache, which the container's log tells of and no metric of SageMaker's.

vLLM's server logs "GPU KV cache usage: 93.1%" every ten seconds while it has requests
(https://github.com/vllm-project/vllm/blob/main/vllm/v1/metrics/loggers.py, LoggingStatLogger). Requests wait once it is
full, or are preempted and computed again.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import stack_name
from components.variant import PERIOD_SECONDS
from components.watch import Watch

LINES = 15
"""How many lines say so before operators are told: what one instance writes in half of the alarm's period."""


def pattern(percent: int) -> str:
    """The filter pattern for lines with at least so much in use, of 10 to 99 percent.

    CloudWatch's regular expressions have neither groups nor a percent sign, and `\\s` for a space:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/regex-expressions.html
    """
    tens, ones = divmod(percent, 10)
    numbers = [rf"{tens}[{ones}-9]\.", *([rf"[{tens + 1}-9][0-9]\."] if tens < 9 else []), r"100\."]
    return "%" + "|".join(rf"KV\scache\susage:\s{number}" for number in numbers) + "%"


@dataclass(frozen=True, kw_only=True)
class KvCacheAlarmArgs:
    """Whose log, and whom to tell."""

    name: str
    """Of the endpoint, or of the inference component."""
    log_group: pulumi.Input[str]
    """Name of its log group."""
    percent: int
    topic_arn: pulumi.Input[str]


class KvCacheAlarm(pulumi.ComponentResource):
    """Counts the log's lines of a cache that is nearly full, and tells the topic, both ways."""

    def __init__(self, name: str, args: KvCacheAlarmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:KvCacheAlarm", name, None, opts)
        namespace, metric = stack_name(), f"KvCache-{args.name}"
        aws.cloudwatch.LogMetricFilter(
            f"{name}-kv-cache",
            log_group_name=args.log_group,
            pattern=pattern(args.percent),
            metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                namespace=namespace, name=metric, value="1"
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        Watch(name, args.topic_arn, self).alarm(
            "kv-cache",
            f"The log says {LINES} times in five minutes that {args.percent} % or more of a GPU's KV cache are in use",
            LINES,
            namespace=namespace,
            metric_name=metric,
            statistic="Sum",
            period=PERIOD_SECONDS,
        )
        self.register_outputs({})
