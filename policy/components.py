"""Inference components: models that share an endpoint's fleet, as CloudFormation makes them."""

from pulumi_policy import Severity

from policy.controls import fsbp, nist
from policy.findings import Findings
from policy.resources import Resource, Stack
from policy.rules import all_of, each_of, stack_rule
from private_inference.graph.types import INFERENCE_COMPONENT, SAGEMAKER_MODEL, SCALING_TARGET
from private_inference.graph.values import known

DIMENSION = "sagemaker:inference-component:DesiredCopyCount"


@stack_rule(
    controls=[fsbp("SageMaker.5"), nist("AC-4(21)")],
    severity=Severity.HIGH,
    fix="declare the model in this stack, with vpcConfig and enableNetworkIsolation, and name it in Specification",
)
@each_of(all_of(INFERENCE_COMPONENT))
def component_models_are_this_stacks(stack: Stack, component: Resource) -> Findings:
    """Every inference component serves a model of this stack, which the other rules have judged."""
    named = component.get("specification", "modelName")
    if named is None or not stack.resolve(component, "specification", [named], SAGEMAKER_MODEL):
        yield component.violation("serves a model that this stack does not declare (Specification.ModelName)")


@stack_rule(
    controls=[fsbp("SageMaker.4"), nist("SC-5")],
    severity=Severity.MEDIUM,
    fix="declare a scaling Target whose resourceId is inference-component/NAME",
)
def components_are_scaled(stack: Stack) -> Findings:
    """Every inference component has a scaling target, and no target names what does not exist."""
    expected = {f"inference-component/{known(each.get('name'))}": each for each in stack.all(INFERENCE_COMPONENT)}
    targets = [each for each in stack.all(SCALING_TARGET) if known(each.get("scalableDimension")) == DIMENSION]
    for target in targets:
        if known(target.get("resourceId")) not in expected:
            yield target.violation("names an inference component that this stack does not declare (resourceId)")
    scaled = {known(target.get("resourceId")) for target in targets}
    for identity, component in expected.items():
        if identity not in scaled:
            yield component.violation("has no scaling target for its copies")
