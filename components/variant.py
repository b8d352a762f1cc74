"""A production variant of an endpoint, and the metrics that SageMaker publishes of it.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from dataclasses import dataclass

from components.settings import VariantSettings, label

INVOCATION_METRICS = "AWS/SageMaker"
"""Namespace of the metrics on invocations."""

INSTANCE_METRICS = "/aws/sagemaker/Endpoints"
"""Namespace of the metrics on instances."""


PERIOD_SECONDS = 300
"""Over which alarms and graphs look."""


@dataclass(frozen=True, kw_only=True)
class VariantArgs:
    """A variant that is scaled and watched."""

    endpoint: str
    """Name of its endpoint."""
    settings: VariantSettings
    vcpus: int
    """Of one instance."""
    gpus: int
    """Of one instance."""

    @property
    def label(self) -> str:
        """What its resources are named for."""
        return label(self.endpoint, self.settings.name)

    @property
    def dimensions(self) -> dict[str, str]:
        """Those of the variant's metrics: plain names, so that alarms can exist before the endpoint does."""
        return {"EndpointName": self.endpoint, "VariantName": self.settings.name}

    def cpu_utilization(self, percent_of_instance: float) -> float:
        """The value of CPUUtilization, which adds up the vCPUs: 0 to 100 times their number."""
        return percent_of_instance * self.vcpus
