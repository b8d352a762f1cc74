"""What a stack promises to a caller that lives elsewhere: all that it needs, and nothing of what others have."""

from collections.abc import Mapping
from typing import Any, Literal

from components.camel_case import CamelCaseModel


class CalledEndpoint(CamelCaseModel):
    """A SageMaker endpoint that the caller may call."""

    name: str
    """EndpointName of InvokeEndpoint."""
    arn: str
    """ARN of the endpoint."""
    variants: tuple[str, ...]
    """Names of its production variants."""
    mode: Literal["real-time"]
    """How it is called."""
    streaming: bool = False
    """Whether InvokeEndpointWithResponseStream is allowed, too; left out where it isn't."""
    target_models: tuple[str, ...] = ()
    """What a call has to name one of (TargetModel); left out where there is one model."""
    target_containers: tuple[str, ...] = ()
    """What a call has to name one of (TargetContainerHostname); left out where the container is no choice."""
    components: Mapping[str, str] | None = None
    """InferenceComponentName of each model that it may call on the endpoint's fleet, by its name in the settings: each
    call names one; left out where there is no such fleet."""


class CallerRole(CamelCaseModel):
    """The role in the stack's account that a caller of another account takes, and what it attaches to do so."""

    arn: str
    """ARN of the role."""
    external_id: str
    """To send along. It is no secret."""
    session_seconds: int
    """How long a session lasts at most."""
    sts_vpc_endpoint_ids: tuple[str, ...]
    """The STS endpoints that it is taken through."""
    identity_policy: Mapping[str, Any]
    """For the principals that the settings name: lets them take the role."""
    sts_endpoint_policy: Mapping[str, Any]
    """For those STS endpoints, if they are for nothing else: lets this role be taken."""


class CallerContract(CamelCaseModel):
    """Everything that one caller needs. The JSON has these names in camelCase."""

    contract_version: Literal["1"]
    """That of the contract."""
    region: str
    endpoints: Mapping[str, CalledEndpoint]
    """By the endpoint's name."""
    vpc_endpoint_ids: tuple[str, ...]
    """The SageMaker runtime endpoints that calls are let through from."""
    runtime_endpoint_policy: Mapping[str, Any]
    """For those endpoints, if they are for nothing else: lets these calls pass."""
    invoke_policy_arn: str | None = None
    """The IAM policy to attach to the caller's role; left out for a caller of another account."""
    role: CallerRole | None = None
    """For a caller of another account; left out for one of the stack's own."""


def parameter_name(project: str, stack: str, caller: str) -> str:
    """Name of the SSM parameter with the contract of one caller."""
    return f"/{project}/{stack}/callers/{caller}"
