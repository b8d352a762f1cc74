"""How an endpoint's update moves traffic to new instances."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.settings.fields import Reason
from components.settings.group import SettingsGroup
from components.settings.problems import Problem
from components.settings.variants import VariantSettings

LEAST_PERCENT = {"linear": 10, "rolling": 5}
"""Of the instances in one step, by strategy; the most is 50 for each.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RollingUpdatePolicy.html
"""


class UpdateSettings(SettingsGroup):
    """How an update moves traffic to new instances, and what rolls it back.

    The numbers are AWS's: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html and
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html
    """

    strategy: Literal["all-at-once", "canary", "linear", "rolling"] = "all-at-once"
    """Blue/green over a whole second fleet (all at once, after a canary, or in equal steps), or rolling by batches."""
    step_percent: Annotated[int, Field(ge=1, le=50)] | None = None
    """Size of the canary, of a linear step (10 or more) or of a batch (5 or more), in percent of the instances."""
    step_instances: Annotated[int, Field(ge=1, le=500)] | None = None
    """The same as a number of instances, in place of `stepPercent`."""
    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 600
    """After each step, how long alarms are watched before the next one: two periods of the alarms, unless given."""
    termination_wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Blue/green: how long the old instances are kept after the last step."""
    maximum_seconds: Annotated[int, Field(ge=600, le=28800)] | None = None
    """When the update is given up and rolled back; AWS's own limit unless given."""
    rollback_off_because: Reason | None = None
    """Why no alarm rolls an update back, such as one that mends errors which already raise it."""

    @property
    def blue_green(self) -> bool:
        """Whether a whole second fleet is started."""
        return self.strategy != "rolling"

    def waits(self, instances: int) -> int:
        """Seconds that an update of so many instances waits in all."""
        steps = {"all-at-once": 1, "canary": 2}.get(self.strategy)
        if steps is None:
            share = self.step_percent or 100 * (self.step_instances or instances) / instances
            steps = math.ceil(100 / share)
        return steps * self.wait_seconds + self.termination_wait_seconds

    def _contradictions(self) -> Iterator[Problem]:
        given = [key for key in ("step_percent", "step_instances") if getattr(self, key) is not None]
        if self.strategy == "all-at-once" and given:
            yield Problem(
                "strategy", self.strategy, "has no steps; remove stepPercent and stepInstances, or choose one"
            )
        elif self.strategy != "all-at-once" and len(given) != 1:
            yield Problem("strategy", self.strategy, "needs exactly one of stepPercent and stepInstances")
        least = LEAST_PERCENT.get(self.strategy, 1)
        if self.step_percent is not None and self.step_percent < least:
            message = f"is below {least}, the least that AWS takes for {self.strategy}; raise it"
            yield Problem("stepPercent", self.step_percent, message)
        if self.termination_wait_seconds and not self.blue_green:
            message = "is for blue/green; remove it, rolling ends a batch of old instances with each step"
            yield Problem("terminationWaitSeconds", self.termination_wait_seconds, message)

    def contradicted_by(self, variant: VariantSettings) -> Iterator[Problem]:
        """What can't be had for a variant of the endpoint; keys are relative to the endpoint."""
        least, most = variant.instances.min, variant.instances.max
        if self.step_instances is not None:
            fewest = math.ceil(LEAST_PERCENT.get(self.strategy, 0) * most / 100)
            if not fewest <= self.step_instances <= least / 2:
                message = (
                    f"must be from {max(fewest, 1)} to {least // 2}: at most half of instances.min ({least}), and "
                    f"{LEAST_PERCENT.get(self.strategy, 0)} % of instances.max ({most}) or more; use stepPercent"
                )
                yield Problem("update.stepInstances", self.step_instances, message)
        waits = self.waits(most)
        if self.maximum_seconds is not None and self.maximum_seconds <= waits:
            message = f"is no longer than the waits of an update of {most} instances ({waits} s); raise it"
            yield Problem("update.maximumSeconds", self.maximum_seconds, message)
        if self.strategy != "all-at-once" and variant.instance_type.startswith("ml.inf1."):
            # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
            message = f"is not to be had on {variant.instance_type}, which AWS updates all at once; remove it"
            yield Problem("update.strategy", self.strategy, message)
