"""What a stack promises to those who call its models: typed, exported, and kept in SSM parameters.

Adding a field is compatible. Renaming or removing one needs a new CONTRACT_VERSION.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components.camel_case import CamelCaseModel
from components.cidr import Tier
from components.data_capture import DataCapture
from components.inbound_resolver import InboundResolver
from components.inference import InferenceEndpoint
from components.keys import EncryptionKeys
from components.load_balancer import LoadBalancer
from components.monitoring import Monitoring
from components.network import Network
from components.private_access import PrivateAccess
from components.private_api import PrivateApi
from components.private_name import PrivateName
from components.security_groups import SecurityGroups

CONTRACT_VERSION = "1"


class RuntimeEndpoint(CamelCaseModel):
    """The interface endpoint that clients call models through."""

    id: str
    """Id of the VPC endpoint."""
    dns_name: str
    """Its own DNS name, for clients without private DNS."""
    url: str
    """What SDKs call by default; private DNS resolves it to the interface endpoint."""


class CapturedCalls(CamelCaseModel):
    """What is kept of an endpoint's calls, for whoever looks for drift."""

    location: str
    """S3 URI, below which there are lines of JSON in `ENDPOINT/VARIANT/yyyy/mm/dd/hh/….jsonl`."""
    read_policy_arn: str
    """The IAM policy to attach to a role that reads them, from the VPC."""


class EndpointContract(CamelCaseModel):
    """One SageMaker endpoint."""

    name: str
    """EndpointName of InvokeEndpoint."""
    arn: str
    """ARN of the endpoint."""
    variants: tuple[str, ...]
    """Names of its production variants."""
    invoke_policy_arn: str
    """The IAM policy to attach to a caller's role."""
    mode: Literal["real-time", "asynchronous"]
    """How it is called."""
    async_locations: Mapping[str, str] | None = None
    """S3 URIs of an asynchronous endpoint: `inputs` to put requests into, `outputs` and `failures` to find answers in.

    Real-time endpoints have none (Pulumi leaves a null out of the outputs).
    """
    async_parameters: Mapping[str, float] | None = None
    """What callers pass to InvokeEndpointAsync, by its names: whole numbers. Left out for real-time endpoints."""
    async_topic_arns: Mapping[str, str] | None = None
    """Topics that are told of outcomes, by outcome (`success`, `error`); left out for real-time endpoints."""
    streaming: bool = False
    """Whether InvokeEndpointWithResponseStream is allowed, too; left out where it isn't."""
    openai_url: str | None = None
    """Base URL of the OpenAI-compatible path, for clients that take one; left out where it isn't allowed.

    Callers make their bearer tokens themselves, of their own credentials; none is kept anywhere.
    """
    target_models: tuple[str, ...] = ()
    """What a call has to name one of (TargetModel), and may; left out where there is one model."""
    target_containers: tuple[str, ...] = ()
    """What a call has to name one of (TargetContainerHostname); left out where the container is no choice.

    The invoke policy is of the endpoint: IAM's service authorization reference has no condition key for containers.
    """
    components: Mapping[str, str] | None = None
    """InferenceComponentName of each model on the endpoint's fleet, by its name in the settings: each call names one.

    Left out where the endpoint has none.
    """
    front_door_policy_arn: str | None = None
    """The IAM policy to attach to a role that calls through the front door; left out where there is none."""
    captured: CapturedCalls | None = None
    """What is kept of its calls; left out where nobody is to read it."""


class FrontDoor(CamelCaseModel):
    """A private HTTPS name in front of the models: POST to `/endpoints/NAME/invocations`, signed for `execute-api`."""

    url: str
    """Such as https://models.example.internal."""
    api_id: str
    """Id of the REST API behind it."""
    vpc_endpoint_id: str
    """Id of the interface endpoint that calls come through."""
    authorization_header: str | None = None
    """The header that says who calls, in place of a signature; left out where calls are signed."""


class Balanced(CamelCaseModel):
    """A private HTTPS name in front of the models, for clients that show a certificate and sign nothing.

    They POST to `/endpoints/NAME/invocations`, or `/endpoints/NAME/invocations-response-stream` where it streams.
    """

    url: str
    """Such as https://models.example.internal."""
    arn: str
    """ARN of the load balancer behind it."""


class OnPremises(CamelCaseModel):
    """What on-premises clients need besides."""

    resolver_addresses: tuple[str, ...]
    """Addresses of the inbound endpoint of Route 53 Resolver, one in each zone: on-premises DNS servers forward the
    VPC's private names to them."""


class KeyArns(CamelCaseModel):
    """The stack's KMS keys, by purpose."""

    data: str
    logs: str
    notifications: str


class Contract(CamelCaseModel):
    """Everything an application team needs to call a model. The JSON has these names in camelCase."""

    contract_version: Literal["1"]
    """Changes when a field is renamed or removed."""
    region: str
    vpc_id: str
    app_subnet_ids: tuple[str, ...]
    """Subnets for callers, one in each zone."""
    client_security_group_id: str
    """The group that may reach the runtime endpoint."""
    runtime_endpoint: RuntimeEndpoint
    endpoints: Mapping[str, EndpointContract]
    """By the endpoint's name."""
    key_arns: KeyArns
    dashboard_url: str
    front_door: FrontDoor | None = None
    """For clients that can't call SageMaker Runtime itself; left out where there is none."""
    load_balancer: Balanced | None = None
    """For clients that can't sign for AWS; left out where there is none."""
    on_premises: OnPremises | None = None
    """For clients outside AWS; left out where private names don't resolve there."""


def parameter_name(project: str, stack: str, endpoint: str) -> str:
    """Name of the SSM parameter with the contract of one endpoint."""
    return f"/{project}/{stack}/contract/{endpoint}"


@dataclass(frozen=True, kw_only=True)
class PublishedContractArgs:
    """The components that the contract describes."""

    region: str
    network: Network
    groups: SecurityGroups
    access: PrivateAccess
    keys: EncryptionKeys
    monitoring: Monitoring
    endpoints: Mapping[str, InferenceEndpoint]
    """By the endpoint's name."""
    front_door: tuple[PrivateApi, PrivateName] | None
    balancer: LoadBalancer | None
    """In its place."""
    resolver: InboundResolver | None
    hooks: pulumi.ResourceHookBinding
    """Of the parameters."""


class PublishedContract(pulumi.ComponentResource):
    """The contract: outputs for the stack to export, and one SSM parameter per endpoint for those without Pulumi.

    Each parameter holds the same JSON with that endpoint alone in `endpoints`, because a standard parameter is 4 KB
    at most (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html).
    """

    outputs: Mapping[str, Any]
    """What the stack exports: a `Contract` as JSON."""

    def __init__(self, name: str, args: PublishedContractArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:contract:PublishedContract", name, None, opts)
        api = args.front_door[0] if args.front_door else None
        endpoints = {
            key: _endpoint(endpoint, args.access.runtime_url, api.invoke_policies.get(key) if api else None)
            for key, endpoint in args.endpoints.items()
        }
        self.outputs = _contract(args, endpoints)
        for key, endpoint in endpoints.items():
            aws.ssm.Parameter(
                key,
                name=parameter_name(pulumi.get_project(), pulumi.get_stack(), key),
                type=aws.ssm.ParameterType.STRING,
                description=f"How to call {key}",
                # `value` would count as a secret. A contract is to be read, in plans too.
                insecure_value=pulumi.Output.json_dumps(_contract(args, {key: endpoint})),
                opts=pulumi.ResourceOptions(parent=self, hooks=args.hooks),
            )
        self.register_outputs({})


def _contract(args: PublishedContractArgs, endpoints: Mapping[str, Any]) -> dict[str, Any]:
    runtime = args.access.runtime
    return as_json(
        Contract,
        contract_version=CONTRACT_VERSION,
        region=args.region,
        vpc_id=args.network.vpc.id,
        app_subnet_ids=args.network.subnet_ids(Tier.APP),
        client_security_group_id=args.groups.client.id,
        runtime_endpoint=as_json(
            RuntimeEndpoint, id=runtime.id, dns_name=runtime.dns_entries[0]["dns_name"], url=args.access.runtime_url
        ),
        key_arns=as_json(
            KeyArns, data=args.keys.data.arn, logs=args.keys.logs.arn, notifications=args.keys.notifications.arn
        ),
        dashboard_url=args.monitoring.dashboard_url,
        endpoints=endpoints,
        front_door=_front_door(*args.front_door) if args.front_door else LEFT_OUT,
        load_balancer=as_json(Balanced, url=args.balancer.url, arn=args.balancer.balancer.arn)
        if args.balancer
        else LEFT_OUT,
        on_premises=as_json(OnPremises, resolver_addresses=args.resolver.addresses) if args.resolver else LEFT_OUT,
    )


def _front_door(api: PrivateApi, name: PrivateName) -> dict[str, Any]:
    return as_json(
        FrontDoor,
        url=name.url,
        api_id=api.api.id,
        vpc_endpoint_id=api.vpc_endpoint.id,
        authorization_header=api.authorization_header or LEFT_OUT,
    )


def _endpoint(
    endpoint: InferenceEndpoint, runtime_url: pulumi.Input[str], front_door: aws.iam.Policy | None
) -> dict[str, Any]:
    exchange = endpoint.exchange
    return as_json(
        EndpointContract,
        name=endpoint.endpoint.name,
        arn=endpoint.endpoint.arn,
        variants=list(endpoint.variants),
        invoke_policy_arn=endpoint.invoke_policy.arn,
        mode="asynchronous" if exchange else "real-time",
        async_locations=exchange.locations if exchange else None,
        async_parameters=exchange.parameters if exchange else LEFT_OUT,
        async_topic_arns={outcome: topic.arn for outcome, topic in exchange.topics.items()} if exchange else LEFT_OUT,
        streaming=True if endpoint.streaming else LEFT_OUT,
        openai_url=pulumi.Output.concat(runtime_url, "/endpoints/", endpoint.endpoint.name, "/openai/v1")
        if endpoint.openai
        else LEFT_OUT,
        target_models=list(endpoint.target_models) or LEFT_OUT,
        target_containers=list(endpoint.target_containers) or LEFT_OUT,
        components=endpoint.components or LEFT_OUT,
        front_door_policy_arn=front_door.arn if front_door else LEFT_OUT,
        captured=_captured(endpoint.capture),
    )


def _captured(capture: DataCapture | None) -> Any:
    if capture is None or capture.read_policy is None:
        return LEFT_OUT
    return as_json(CapturedCalls, location=capture.location, read_policy_arn=capture.read_policy.arn)


LEFT_OUT = object()
"""Stands for a field that a stack doesn't have, and that its contract doesn't mention."""


def as_json(model: type[CamelCaseModel], **values: Any) -> dict[str, Any]:
    """The JSON of a `model` whose values may not be known yet, which pydantic can't hold. Takes exactly its fields."""
    fields = model.model_fields
    if values.keys() != fields.keys():
        raise TypeError(f"{model.__name__} has the fields {', '.join(fields)}, not {', '.join(values)}")
    return {str(fields[name].alias): value for name, value in values.items() if value is not LEFT_OUT}
