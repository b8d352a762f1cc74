"""A VPC that is there already, in place of one of the stack's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.cidr import Tier
from components.existing_facts import facts
from components.existing_vpc import ExistingVpc
from components.flow_logs import FlowLogArgs, flow_logs
from components.settings import Settings

S3_GATEWAY = "s3 gateway"
"""Beside the services, whose interface endpoint of S3 is called `s3`."""


@dataclass(frozen=True)
class Existing:
    """What somebody else made, by its id."""

    id: pulumi.Output[str]


@dataclass(frozen=True)
class ExistingEndpoint(Existing):
    """A VPC endpoint that somebody else made."""

    dns_entries: pulumi.Output[Sequence[Mapping[str, str]]]
    """Its DNS names, each under `dns_name`."""
    security_group_ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ExistingNetworkArgs:
    """The VPC's facts, and how the flow log is kept if the stack makes one."""

    settings: Settings
    facts: ExistingVpc
    flow_logs: FlowLogArgs


class ExistingNetwork(pulumi.ComponentResource):
    """What a `PrivateNetwork` is to the rest of a stack. It makes nothing but the flow log, if that is asked for.

    It tells the facts that were read, in `existing`, so that policies and proofs judge them as what a program declares.
    """

    vpc: Existing
    subnets: Mapping[Tier, Mapping[str, Existing]]
    """By tier and zone."""
    route_tables: Mapping[Tier, Sequence[Existing]]
    """The tables in force in each tier, as far as gateway endpoints of the stack's may add routes to them."""
    endpoints: Mapping[str, ExistingEndpoint]
    """What the stack uses and does not make, by service; the S3 gateway endpoint under `S3_GATEWAY`."""
    flow_log_group: aws.cloudwatch.LogGroup | None = None

    def __init__(self, name: str, args: ExistingNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        told = {"vpcId": args.facts.id, "existing": facts(args.settings, args.facts)}
        super().__init__("private-inference:network:ExistingNetwork", name, told, opts)
        vpc, settings = args.facts, args.settings.network.existing
        assert settings is not None  # noqa: S101 - for the type checker: there are facts
        self.vpc = _existing(vpc.id)
        self.subnets = {tier: {zone: _existing(vpc.by_zone(tier)[zone]) for zone in vpc.zones} for tier in vpc.tiers}
        tables = {each: _existing(each) for each in settings.route_tables}
        self.route_tables = {
            tier: [tables[each] for each in vpc.tables_of([tier]) if each in tables] for tier in vpc.tiers
        }
        reused = dict(settings.interface_endpoints)
        if settings.s3_gateway:
            reused[S3_GATEWAY] = settings.s3_gateway
        self.endpoints = {service: _endpoint(vpc, identity) for service, identity in reused.items()}
        if settings.flow_logs:
            self.flow_log_group = flow_logs(name, vpc.id, args.flow_logs, self._child)
        self.register_outputs(told)

    def subnet_ids(self, tier: Tier) -> list[pulumi.Output[str]]:
        """Ids of a tier's subnets, in the order of the zones."""
        return [subnet.id for subnet in self.subnets[tier].values()]

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)


def existing_groups(endpoints: Mapping[str, ExistingEndpoint]) -> list[str]:
    """Ids of the security groups of interface endpoints that are there already, each once."""
    return list(dict.fromkeys(group for each in endpoints.values() for group in each.security_group_ids))


def _existing(identity: str) -> Existing:
    return Existing(pulumi.Output.from_input(identity))


def _endpoint(vpc: ExistingVpc, identity: str) -> ExistingEndpoint:
    found = vpc.endpoint(identity) or {}
    names = [{"dns_name": entry["DnsName"]} for entry in found.get("DnsEntries", ())]
    groups = [group["GroupId"] for group in found.get("Groups", ())]
    return ExistingEndpoint(pulumi.Output.from_input(identity), pulumi.Output.from_input(names), groups)
