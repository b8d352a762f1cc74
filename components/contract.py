"""What a stack promises to those who call its models: typed, exported, and kept in SSM parameters.

Adding a field is compatible. Renaming or removing one needs a new CONTRACT_VERSION.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from components.inference import VARIANT, InferenceEndpoint
from components.keys import EncryptionKeys
from components.monitoring import Monitoring
from components.network import PrivateNetwork
from components.private_access import PrivateAccess
from components.security_groups import SecurityGroups

CONTRACT_VERSION = "1"


class _Contract(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


class RuntimeEndpoint(_Contract):
    """The interface endpoint that clients call models through."""

    id: str
    """Id of the VPC endpoint."""
    dns_name: str
    """Its own DNS name, for clients without private DNS."""
    url: str
    """What SDKs call by default; private DNS resolves it to the interface endpoint."""


class EndpointContract(_Contract):
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
    """S3 locations of asynchronous answers; real-time endpoints have none (Pulumi leaves a null out of the outputs)."""


class KeyArns(_Contract):
    """The stack's KMS keys, by purpose."""

    data: str
    logs: str
    notifications: str


class Contract(_Contract):
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


def parameter_name(project: str, stack: str, endpoint: str) -> str:
    """Name of the SSM parameter with the contract of one endpoint."""
    return f"/{project}/{stack}/contract/{endpoint}"


@dataclass(frozen=True, kw_only=True)
class PublishedContractArgs:
    """The layers that the contract speaks of; `endpoints` by name."""

    region: str
    network: PrivateNetwork
    app_subnet_ids: Sequence[pulumi.Input[str]]
    groups: SecurityGroups
    access: PrivateAccess
    keys: EncryptionKeys
    monitoring: Monitoring
    endpoints: Mapping[str, InferenceEndpoint]


class PublishedContract(pulumi.ComponentResource):
    """The contract: `outputs` for the stack to export, and one SSM parameter an endpoint for those without Pulumi.

    Each parameter holds the same JSON with that endpoint alone in `endpoints`, because a standard parameter is 4 KB
    at most (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html).
    """

    outputs: Mapping[str, Any]

    def __init__(self, name: str, args: PublishedContractArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:contract:PublishedContract", name, None, opts)
        endpoints = {key: _endpoint(key, endpoint) for key, endpoint in args.endpoints.items()}
        shared = _shared(args)
        self.outputs = shared | {"endpoints": endpoints}
        for key, endpoint in endpoints.items():
            aws.ssm.Parameter(
                key,
                name=parameter_name(pulumi.get_project(), pulumi.get_stack(), key),
                type=aws.ssm.ParameterType.STRING,
                description=f"How to call {key}",
                # `value` would count as a secret. A contract is to be read, in plans too.
                insecure_value=pulumi.Output.json_dumps(shared | {"endpoints": {key: endpoint}}),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def _shared(args: PublishedContractArgs) -> dict[str, Any]:
    runtime = args.access.runtime
    return {
        "contractVersion": CONTRACT_VERSION,
        "region": args.region,
        "vpcId": args.network.vpc.id,
        "appSubnetIds": list(args.app_subnet_ids),
        "clientSecurityGroupId": args.groups.client.id,
        "runtimeEndpoint": {
            "id": runtime.id,
            "dnsName": runtime.dns_entries[0]["dns_name"],
            "url": args.access.runtime_url,
        },
        "keyArns": {
            "data": args.keys.data.arn,
            "logs": args.keys.logs.arn,
            "notifications": args.keys.notifications.arn,
        },
        "dashboardUrl": args.monitoring.dashboard_url,
    }


def _endpoint(name: str, endpoint: InferenceEndpoint) -> dict[str, Any]:
    return {
        "name": endpoint.endpoint.name,
        "arn": endpoint.endpoint.arn,
        "variants": [VARIANT],
        "invokePolicyArn": endpoint.invoke_policy.arn,
        "mode": "real-time",
        "asyncLocations": None,
    }
