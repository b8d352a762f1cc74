"""What AWS CloudFormation makes of templates' resources that moto knows in part, or not at all."""

from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.sagemaker.models import FakeEndpointConfig, sagemaker_backends

from private_inference.rehearsal.patches import inference_components
from private_inference.rehearsal.patches.patch import patch


@patch(FakeEndpointConfig, "create_from_cloudformation_json")
def endpoint_config_of_a_template(
    original: Any, name: str, template: Any, account: str, region: str, **more: Any
) -> Any:
    """AWS::SageMaker::EndpointConfig has the name, the role, the network and its isolation that its template says.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpointconfig.html
    """
    properties = template["Properties"]
    made = original(properties.get("EndpointConfigName", name), template, account, region, **more)
    made.execution_role_arn = properties.get("ExecutionRoleArn")
    made.vpc_config = properties.get("VpcConfig")
    made.enable_network_isolation = properties.get("EnableNetworkIsolation", False)
    return made


class TemplateComponent(CloudFormationModel):
    """AWS::SageMaker::InferenceComponent, which moto doesn't know.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-inferencecomponent.html
    """

    def __init__(self, arn: str) -> None:
        self.arn = arn

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SageMaker::InferenceComponent"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "InferenceComponentArn"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.arn

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[override]
        cls, name: str, template: Any, account: str, region: str, **more: Any
    ) -> "TemplateComponent":
        made = inference_components.create(sagemaker_backends[account][region], _asked(template))
        if made.failure:
            raise ValueError(made.failure)
        return cls(made.arn)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> "TemplateComponent":
        inference_components.update(sagemaker_backends[account_id][region_name], _asked(cloudformation_json))
        return cls(original_resource.arn)

    @classmethod
    def delete_from_cloudformation_json(cls, name: str, template: Any, account: str, region: str) -> None:
        inference_components.delete(sagemaker_backends[account][region], name.rpartition("/")[2])


def _asked(template: Any) -> dict[str, Any]:
    """A request's parameters."""
    return {key: value for key, value in template["Properties"].items() if value is not None}
