"""The configuration of an endpoint whose fleet is shared by inference components.

The network and its isolation are the configuration's then, for the fleet starts without a model. The AWS provider's
type has no argument for them, so CloudFormation makes it:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpointconfig.html.
What other resources make known is a parameter: the template's text is whole in a preview, and rules can judge it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.generation import digest_name
from components.serving_model import ModelPlace
from components.settings import ALL_TRAFFIC, EndpointSettings, InstanceSettings


@dataclass(frozen=True)
class FleetVariant:
    """The one variant of a fleet."""

    name: str
    instances: InstanceSettings


@dataclass(frozen=True)
class FleetContent:
    """What tells one configuration of a fleet from another, but for how many instances it starts."""

    settings: EndpointSettings
    zones: Sequence[str]

    @property
    def variants(self) -> Sequence[FleetVariant]:
        return [FleetVariant(ALL_TRAFFIC, self.settings.instances)]

    def name(self, instances: Mapping[str, int], *, renamed: bool) -> str:
        """The resource's name: the endpoint's name and a digest of the content."""
        settings = self.settings
        content = {
            "fleet": settings.instance_type,
            "instances": instances[ALL_TRAFFIC],
            "settingsInstances": settings.instances.model_dump(mode="json", include={"min", "max"}),
            "hosting": settings.hosting.model_dump(mode="json", include={"volume_gb", "ami_version"}),
            "isolated": settings.isolated,
            "volumeKey": settings.volume_key_off_because is None,
            "zones": sorted(self.zones),
            "renamed": renamed,
        }
        return digest_name(settings.name, content)


def fleet_configuration(
    name: str,
    settings: EndpointSettings,
    place: ModelPlace,
    instances: int,
    volume_key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Name of the configuration, which is its CloudFormation stack's, too. It starts so many `instances`.

    Every change replaces both: a configuration in use has to stay until its successor serves.
    """
    parameters: dict[str, pulumi.Input[str]] = {"Role": place.execution_role_arn, "Group": place.security_group_id}
    parameters |= {f"Subnet{number}": subnet for number, subnet in enumerate(place.subnet_ids)}
    if volume_key is not None:
        parameters["Key"] = volume_key
    stack = aws.cloudformation.Stack(
        name,
        template_body=json.dumps(_template(settings, instances, list(parameters))),
        parameters=parameters,
        on_failure="DELETE",
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(replace_on_changes=["parameters", "templateBody", "tags", "tagsAll"])
        ),
    )
    return stack.name


def _template(settings: EndpointSettings, instances: int, parameters: Sequence[str]) -> dict[str, Any]:
    bounds, hosting = settings.instances, settings.hosting
    variant: dict[str, Any] = {
        "VariantName": ALL_TRAFFIC,
        "InstanceType": settings.instance_type,
        "InitialInstanceCount": instances,
        "ManagedInstanceScaling": {
            "Status": "ENABLED",
            "MinInstanceCount": bounds.min,
            "MaxInstanceCount": bounds.max,
        },
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    if hosting.volume_gb is not None:
        variant["VolumeSizeInGB"] = hosting.volume_gb
    if hosting.ami_version is not None:
        variant["InferenceAmiVersion"] = hosting.ami_version
    configuration: dict[str, Any] = {
        "EndpointConfigName": {"Ref": "AWS::StackName"},
        "ExecutionRoleArn": {"Ref": "Role"},
        "EnableNetworkIsolation": settings.isolated,
        "VpcConfig": {
            "SecurityGroupIds": [{"Ref": "Group"}],
            "Subnets": [{"Ref": name} for name in parameters if name.startswith("Subnet")],
        },
        "ProductionVariants": [variant],
    }
    if "Key" in parameters:
        configuration["KmsKeyId"] = {"Ref": "Key"}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"What the endpoint {settings.name} serves its components with",
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": {"Configuration": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": configuration}},
    }
