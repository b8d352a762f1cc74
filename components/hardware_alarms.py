"""Alarms on the hardware of a variant's instances.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoints
"""

from collections.abc import Mapping

import pulumi_aws as aws

from components.settings import AlarmSettings
from components.variant import INSTANCE_METRICS, PERIOD_SECONDS
from components.watch import Watch


def hardware_alarms(
    watch: Watch, limits: AlarmSettings, dimensions: Mapping[str, str], *, vcpus: int, gpus: int
) -> list[aws.cloudwatch.MetricAlarm]:
    """CPUUtilization and the GPUs' metrics add up the units: 0 to 100 times their number."""
    watched = [
        ("cpu", "busy", "CPUUtilization", limits.cpu_percent, vcpus),
        ("memory", "full of the containers' memory", "MemoryUtilization", limits.memory_percent, 1),
        ("disk", "full on their disks", "DiskUtilization", limits.disk_percent, 1),
    ]
    if gpus:
        watched += [
            ("gpu", "busy on their GPUs", "GPUUtilization", limits.gpu_percent, gpus),
            ("gpu-memory", "full in GPU memory", "GPUMemoryUtilization", limits.gpu_memory_percent, gpus),
        ]
    return [
        watch.alarm(
            subject,
            f"The instances are {percent:g} % {state} or more",
            percent * units,
            namespace=INSTANCE_METRICS,
            metric_name=metric,
            statistic="Average",
            period=PERIOD_SECONDS,
            dimensions=dimensions,
        )
        for subject, state, metric, percent, units in watched
    ]
