"""A SageMaker model: what is served, in the model subnets, by the endpoint's execution role."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.model_containers import ServedContainer, arguments
from components.settings import ModelSettings


@dataclass(frozen=True)
class ServedModel:
    """A model of the settings, and its containers."""

    model: ModelSettings
    containers: Sequence[ServedContainer]


@dataclass(frozen=True, kw_only=True)
class ModelPlace:
    """Where an endpoint's models run, and as whom."""

    execution_role_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """The subnets of the model tier."""
    security_group_id: pulumi.Input[str]
    """The group of the model tier."""
    parent: pulumi.Resource
    """The endpoint's component: with a component of its own in between, models would have other URNs."""
    hooks: pulumi.ResourceHookBinding
    """Of the models."""


def serving_model(
    name: str, served: ServedModel, place: ModelPlace, depends_on: Sequence[pulumi.Resource]
) -> aws.sagemaker.Model:
    """The model, once the execution role has what `depends_on` gives it.

    IAM is eventually consistent: the model waits for the permissions, not only for the role.
    """
    return aws.sagemaker.Model(
        name,
        execution_role_arn=place.execution_role_arn,
        enable_network_isolation=served.model.isolated,
        **arguments(served.model, served.containers),
        vpc_config=aws.sagemaker.ModelVpcConfigArgs(
            subnets=place.subnet_ids, security_group_ids=[place.security_group_id]
        ),
        # SageMaker can't change a model, and the provider would change its state alone.
        opts=pulumi.ResourceOptions(
            parent=place.parent,
            depends_on=[*depends_on, *(one for each in served.containers for one in each.artifact.uploaded)],
            hooks=place.hooks,
            replace_on_changes=["vpcConfig"],
        ),
    )
