"""Endpoints of AWS services inside the VPC: gateways first, interfaces for what has no gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.cidr import Tier
from components.flows import Flow, Gateway
from components.iam import Account, Document
from components.network import PrivateNetwork
from components.private_services import GATEWAY_INSTEAD, RUNTIME, WITHOUT_PRIVATE_DNS, passages, runtime_service
from components.settings import PrivateAccess as PrivateAccessSettings


@dataclass(frozen=True, kw_only=True)
class PrivateAccessArgs:
    """`service_zones` says in which of the stack's zones a service is offered; `artifacts` are ARNs of S3 objects."""

    settings: PrivateAccessSettings
    account: Account
    network: PrivateNetwork
    allowed: Sequence[Flow]
    service_zones: Mapping[str, Sequence[str]]
    endpoint_names: Sequence[str]
    artifacts: Sequence[iam.Arn]
    roles: str
    parameters: str
    security_group_id: pulumi.Input[str]


class PrivateAccess(pulumi.ComponentResource):
    """The S3 gateway and the SageMaker runtime endpoint, and what the settings add. Each has a policy of its own."""

    runtime: aws.ec2.VpcEndpoint
    runtime_url: str

    def __init__(self, name: str, args: PrivateAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:access:PrivateAccess", name, None, opts)
        self._args = args
        self._gateways = {gateway: self._gateway(gateway) for gateway in Gateway if self._tables(gateway)}
        self.runtime = self._interface(RUNTIME, runtime_service(args.settings.fips), self._runtime_policy())
        for service in args.settings.interface_endpoints:
            self._point_to_gateway(service)
            self._interface(service, service, self._service_policy(service))
        host = "runtime-fips" if args.settings.fips else "runtime"
        self.runtime_url = f"https://{host}.sagemaker.{args.account.region}.amazonaws.com"
        self.register_outputs({"runtimeEndpointId": self.runtime.id})

    def _tables(self, gateway: Gateway) -> list[pulumi.Output[str]]:
        """Route tables of the tiers that open connections to the gateway."""
        tiers = [flow.source for flow in self._args.allowed if flow.destination == gateway]
        return [self._args.network.route_tables[tier].id for tier in tiers if isinstance(tier, Tier)]

    def _gateway(self, gateway: Gateway) -> aws.ec2.VpcEndpoint:
        return aws.ec2.VpcEndpoint(
            gateway,
            vpc_id=self._args.network.vpc.id,
            service_name=f"com.amazonaws.{self._args.account.region}.{gateway}",
            vpc_endpoint_type="Gateway",
            route_table_ids=self._tables(gateway),
            policy=iam.json_document(self._service_policy(gateway)),
            tags=self._tags(gateway),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _interface(self, name: str, service: str, policy: Document | None) -> aws.ec2.VpcEndpoint:
        subnets = self._args.network.subnets[Tier.ACCESS]
        # The gateway must be there before an S3 interface endpoint can keep private DNS to resolvers outside the VPC.
        gateway = self._gateways.get(GATEWAY_INSTEAD[name]) if name == Gateway.S3 else None
        inbound_only = aws.ec2.VpcEndpointDnsOptionsArgs(
            dns_record_ip_type="ipv4", private_dns_only_for_inbound_resolver_endpoint=True
        )
        return aws.ec2.VpcEndpoint(
            f"{name}-interface" if name in GATEWAY_INSTEAD else name,
            vpc_id=self._args.network.vpc.id,
            service_name=f"com.amazonaws.{self._args.account.region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=name not in WITHOUT_PRIVATE_DNS,
            subnet_ids=[subnets[zone].id for zone in self._args.service_zones[name]],
            security_group_ids=[self._args.security_group_id],
            dns_options=inbound_only if gateway else None,
            policy=iam.json_document(policy) if policy else None,
            tags=self._tags(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway] if gateway else None),
        )

    def _runtime_policy(self) -> Document | None:
        if self._args.settings.fips:
            pulumi.warn(
                "privateAccess.fips: AWS supports no endpoint policy on the FIPS runtime endpoint. What may be invoked "
                "is bounded by the callers' own invoke policies only."
            )
            return None
        return iam.runtime_endpoint(self._args.account, self._args.endpoint_names)

    def _service_policy(self, service: str) -> Document:
        account = self._args.account
        if service == Gateway.S3:
            layers = "ecr.dkr" in self._args.settings.interface_endpoints
            return iam.artifact_reads(account, self._args.artifacts, self._args.roles, image_layers=layers)
        return iam.own_resources(account, passages(service, account, self._args.parameters))

    def _point_to_gateway(self, service: str) -> None:
        if service in GATEWAY_INSTEAD:
            gateway = GATEWAY_INSTEAD[service]
            pulumi.warn(
                f"privateAccess.interfaceEndpoints: inside the VPC the {gateway} gateway endpoint does what the "
                f"interface endpoint {service!r} does, for free. Keep the interface for on-premises clients only."
            )

    def _tags(self, name: str) -> dict[str, str]:
        return {"Name": f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}"}
