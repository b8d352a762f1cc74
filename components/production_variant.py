"""What one variant of an endpoint has, a shadow too: its model, the alarms on it, and its scaling."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alarms import VariantAlarms, VariantAlarmsArgs
from components.backlog_scaling import BacklogScaling, BacklogScalingArgs
from components.model_containers import ServedContainer
from components.scaling import VariantScaling, VariantScalingArgs
from components.serving_model import ModelPlace, ServedModel, serving_model
from components.settings import AsynchronousSettings
from components.variant import VariantArgs


@dataclass(frozen=True, kw_only=True)
class ServedVariant:
    """A variant, and what it serves."""

    variant: VariantArgs
    containers: Sequence[ServedContainer]

    @property
    def name(self) -> str:
        """Of the variant."""
        return self.variant.settings.name


@dataclass(frozen=True, kw_only=True)
class ProductionVariantArgs:
    """A variant, and what it takes from its endpoint."""

    served: ServedVariant
    place: ModelPlace
    topic_arn: pulumi.Input[str]
    """The topic that alarms notify."""
    asynchronous: AsynchronousSettings | None
    """Of the endpoint."""
    parent: pulumi.Resource
    """The endpoint's component."""


class ProductionVariant:
    """The resources of one variant, in the order in which they can be made: alarms, the model, scaling."""

    def __init__(self, args: ProductionVariantArgs) -> None:
        self._args = args
        self._label = args.served.variant.label
        self.name = args.served.name
        alarms = VariantAlarmsArgs(
            variant=args.served.variant, topic_arn=args.topic_arn, asynchronous=args.asynchronous
        )
        self.alarms = VariantAlarms(self._label, alarms, pulumi.ResourceOptions(parent=args.parent))

    def model(self, depends_on: Sequence[pulumi.Resource]) -> aws.sagemaker.Model:
        """The model, once the execution role has what `depends_on` gives it.

        IAM is eventually consistent: the model waits for the permissions, not only for the role.
        """
        served = ServedModel(self._args.served.variant.settings.model, self._args.served.containers)
        return serving_model(self._label, served, self._args.place, depends_on)

    def scaling(self, endpoint_name: pulumi.Input[str]) -> VariantScaling | BacklogScaling:
        """The scaling of the variant, by calls or by what waits, once its endpoint exists."""
        args, variant = self._args, self._args.served.variant
        options = pulumi.ResourceOptions(parent=args.parent)
        if args.asynchronous:
            backlog = BacklogScalingArgs(variant=variant, settings=args.asynchronous, endpoint_name=endpoint_name)
            return BacklogScaling(self._label, backlog, options)
        return VariantScaling(self._label, VariantScalingArgs(variant=variant, endpoint_name=endpoint_name), options)
