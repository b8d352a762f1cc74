"""Endpoints of AWS services inside the VPC: gateways first, interfaces for what has no gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import capture_policies, exchange_policies, iam
from components.cidr import Tier
from components.endpoint_policies import artifact_reads, invocations, service_policy
from components.endpoint_services import GATEWAY_ALTERNATIVES, RUNTIME, WITHOUT_PRIVATE_DNS, runtime_service
from components.existing_network import S3_GATEWAY, ExistingEndpoint
from components.flows import Flow, Gateway
from components.iam import Account, Document
from components.names import name_tag
from components.network import Network
from components.settings import PrivateAccessSettings


@dataclass(frozen=True, kw_only=True)
class PrivateAccessArgs:
    """Which endpoints there are, and what their policies allow."""

    settings: PrivateAccessSettings
    account: Account
    network: Network
    allowed: Sequence[Flow]
    """The flows that say which tiers use a gateway."""
    service_zones: Mapping[str, Sequence[str]]
    """In which of the stack's zones a service is offered."""
    endpoint_names: Sequence[str]
    """SageMaker endpoints that may be invoked."""
    bearer_tokens: bool
    """Whether calls may carry one."""
    artifacts: Sequence[iam.Arn]
    """S3 objects that may be read, or patterns of them: of what serves and of what will serve."""
    listed_artifacts: Sequence[iam.Arn] = ()
    """Those of them whose objects are loaded one by one."""
    iam_path: str
    """IAM path of the roles that may read them."""
    parameter_prefix: str
    """Prefix of the SSM parameters that may be read."""
    security_group_id: pulumi.Input[str]
    """The group of the interface endpoints."""
    component_names: Sequence[str] = ()
    """Inference components that may be invoked."""
    runtime_hooks: pulumi.ResourceHookBinding | None = None
    """Of the runtime endpoint."""
    exchanges: Sequence[iam.Arn] = ()
    """Buckets of asynchronous endpoints' requests and answers."""
    captures: Sequence[iam.Arn] = ()
    """Buckets of captured calls."""
    readable_captures: Sequence[iam.Arn] = ()
    """Those of them that somebody has a policy to read."""


class PrivateAccess(pulumi.ComponentResource):
    """The S3 gateway and the SageMaker runtime endpoint, and what the settings add. Each has a policy of its own."""

    runtime: aws.ec2.VpcEndpoint | ExistingEndpoint
    runtime_url: str
    """What SDKs call by default."""

    def __init__(self, name: str, args: PrivateAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:access:PrivateAccess", name, None, opts)
        self._args = args
        existing = args.network.endpoints
        self._gateways = {gateway: self._gateway(gateway) for gateway in Gateway if self._tables(gateway)}
        self.runtime = existing.get(RUNTIME) or self._interface(
            RUNTIME, runtime_service(args.settings.fips), self._runtime_policy(), args.runtime_hooks
        )
        for service in args.settings.interface_endpoints:
            self._recommend_gateway(service)
            if service not in existing:
                self._interface(service, service, self._service_policy(service))
        host = "runtime-fips" if args.settings.fips else "runtime"
        self.runtime_url = f"https://{host}.sagemaker.{args.account.region}.amazonaws.com"
        self.register_outputs({"runtimeEndpointId": self.runtime.id})

    def _tables(self, gateway: Gateway) -> list[pulumi.Output[str]]:
        """Route tables of the tiers that open connections to the gateway."""
        tiers = [flow.source for flow in self._args.allowed if flow.destination == gateway]
        if gateway == Gateway.S3 and S3_GATEWAY in self._args.network.endpoints:
            return []
        tables = [table for tier in tiers if isinstance(tier, Tier) for table in self._args.network.route_tables[tier]]
        return [table.id for table in dict.fromkeys(tables)]

    def _gateway(self, gateway: Gateway) -> aws.ec2.VpcEndpoint:
        return aws.ec2.VpcEndpoint(
            gateway,
            vpc_id=self._args.network.vpc.id,
            service_name=f"com.amazonaws.{self._args.account.region}.{gateway}",
            vpc_endpoint_type="Gateway",
            route_table_ids=self._tables(gateway),
            policy=iam.json_document(self._service_policy(gateway)),
            tags=name_tag(gateway),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _interface(
        self, name: str, service: str, policy: Document | None, hooks: pulumi.ResourceHookBinding | None = None
    ) -> aws.ec2.VpcEndpoint:
        subnets = self._args.network.subnets[Tier.ACCESS]
        # AWS takes `private_dns_only_for_inbound_resolver_endpoint` only in a VPC that has the S3 gateway already.
        gateway = self._gateways.get(GATEWAY_ALTERNATIVES[name]) if name == Gateway.S3 else None
        inbound_only = aws.ec2.VpcEndpointDnsOptionsArgs(
            dns_record_ip_type="ipv4", private_dns_only_for_inbound_resolver_endpoint=True
        )
        return aws.ec2.VpcEndpoint(
            f"{name}-interface" if name in GATEWAY_ALTERNATIVES else name,
            vpc_id=self._args.network.vpc.id,
            service_name=f"com.amazonaws.{self._args.account.region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=name not in WITHOUT_PRIVATE_DNS,
            subnet_ids=[subnets[zone].id for zone in self._args.service_zones[name]],
            security_group_ids=[self._args.security_group_id],
            dns_options=inbound_only if name == Gateway.S3 else None,
            policy=iam.json_document(policy) if policy else None,
            tags=name_tag(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway] if gateway else None, hooks=hooks),
        )

    def _runtime_policy(self) -> Document | None:
        if self._args.settings.fips:
            pulumi.warn(
                "privateAccess.fips: AWS supports no endpoint policy on the FIPS runtime endpoint. What may be invoked "
                "is bounded by the callers' own invoke policies only."
            )
            return None
        args = self._args
        return invocations(args.account, args.endpoint_names, args.component_names, bearer_tokens=args.bearer_tokens)

    def _service_policy(self, service: str) -> Document:
        account = self._args.account
        if service == Gateway.S3:
            layers = "ecr.dkr" in self._args.settings.interface_endpoints
            roles = account.roles(self._args.iam_path)
            further = [
                *exchange_policies.gateway_statements(account, self._args.exchanges, roles),
                *capture_policies.gateway_statements(
                    account, self._args.captures, roles, readable=self._args.readable_captures
                ),
            ]
            listed = self._args.listed_artifacts
            return artifact_reads(account, self._args.artifacts, roles, *further, listed=listed, image_layers=layers)
        return service_policy(service, account, self._args.parameter_prefix)

    def _recommend_gateway(self, service: str) -> None:
        tiers_alone = all(isinstance(f.source, Tier) for f in self._args.allowed if f.destination == Tier.ACCESS)
        if service in GATEWAY_ALTERNATIVES and tiers_alone:
            gateway = GATEWAY_ALTERNATIVES[service]
            pulumi.warn(
                f"privateAccess.interfaceEndpoints: inside the VPC the {gateway} gateway endpoint does what the "
                f"interface endpoint {service!r} does, for free. Keep the interface for on-premises clients only."
            )
