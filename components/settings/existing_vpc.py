"""What a stack may set about a VPC that is there already, and what else can't be set with it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field
from pydantic.alias_generators import to_camel

from components.settings.fields import RouteTableIds, SubnetIds, VpcEndpointId, VpcId
from components.settings.group import SettingsGroup
from components.settings.problems import Problem

RUNTIME = "sagemaker.runtime"

NOT_OURS = {
    "cidr": "is the VPC's own, which is read from AWS; remove it",
    "zones": "are those of the VPC's subnets, which are read from AWS; remove it",
    "denied_cidrs": "would be rules of the network ACLs, which are their owner's; have them denied there, and remove "
    "it",
    "nacl_rule_quota": "is about network ACLs of the stack's own, and it makes none in an existing VPC; remove it",
    "flows": "are rules of network ACLs and of subnets that the stack makes; in an existing VPC give workloads a "
    "further security group of yours for what they reach besides, and remove it",
}
"""Settings of the network that make no sense with a VPC of somebody else's: fields, and why."""

Subnets = Annotated[SubnetIds, Field(min_length=2, max_length=6)]


class ExistingSubnets(SettingsGroup):
    """Subnets by tier, one in each zone, the same zones in each tier. A subnet is of one tier."""

    app: Subnets
    """For the workloads that call the models."""
    access: Subnets
    """For the interface endpoints of AWS services."""
    model: Subnets
    """For the network interfaces that SageMaker makes for the models."""

    @property
    def by_tier(self) -> Mapping[str, Sequence[str]]:
        """The subnets by the tier's name."""
        return {"app": self.app, "access": self.access, "model": self.model}

    def _contradictions(self) -> Iterator[Problem]:
        tier_of: dict[str, str] = {}
        for tier, subnets in self.by_tier.items():
            for position, subnet in enumerate(subnets):
                if (other := tier_of.setdefault(subnet, tier)) != tier:
                    message = f"is of the {other} tier already, and no network ACL is between what shares a subnet"
                    yield Problem(f"{tier}[{position}]", subnet, f"{message}; name another one")


class ExistingVpcSettings(SettingsGroup):
    """A VPC that is there already. Nothing in it is changed but what `routeTables` and `flowLogs` ask for.

    The stack adds security groups and VPC endpoints of its own. Before that, the VPC's facts are read, and what would
    open a way to the internet, or keep the models from working, is refused by the resource's id.
    """

    vpc_id: VpcId
    """The VPC's id."""
    subnets: ExistingSubnets
    """The subnets to use."""
    route_tables: RouteTableIds = ()
    """Route tables that the stack's S3 gateway endpoint (and DynamoDB's, if set) adds a route to: the model subnets'.

    And the app subnets', where clients use the gateway. Each table that is named gets the route.
    """
    s3_gateway: VpcEndpointId | None = None
    """Id of the VPC's own S3 gateway endpoint, to be used instead: it has to be in the model subnets' route tables."""
    interface_endpoints: Annotated[dict[str, VpcEndpointId], Field(default_factory=dict)]
    """Interface endpoints of the VPC to reuse, by service: `sagemaker.runtime`, or any that privateAccess names.

    Their policies and security groups stay as they are, and have to let the stack's clients in.
    """
    flow_logs: bool = False
    """Whether the stack makes a flow log of the whole VPC, as in one of its own. Else the VPC has to have one."""


def contradictions(existing: ExistingVpcSettings, given: Mapping[str, Any]) -> Iterator[Problem]:
    """What can't be set beside an existing VPC. `given` has the network's settings that are given, by their fields."""
    for field, message in NOT_OURS.items():
        if field in given:
            yield Problem(to_camel(field), given[field], message)
    if not existing.flow_logs and "rejection_alarm_off_because" not in given:
        message = (
            "is needed without flow logs of the stack's own, which the alarm on rejected flows reads; add it, or set "
        )
        yield Problem("rejectionAlarmOffBecause", "nothing", f"{message}existing.flowLogs to true")


def access_contradictions(existing: ExistingVpcSettings, services: Sequence[str], dynamodb: bool) -> Iterator[Problem]:
    """What the VPC can't have of private access: `services` have an interface endpoint beside the runtime."""
    place = "network.existing"
    if existing.s3_gateway and existing.route_tables and not dynamodb:
        message = "get no route when the VPC's own S3 gateway endpoint is used; remove one of routeTables and s3Gateway"
        yield Problem(f"{place}.routeTables", list(existing.route_tables), message)
    if not existing.route_tables and (dynamodb or not existing.s3_gateway):
        gateway = "DynamoDB" if existing.s3_gateway else "S3"
        instead = "" if existing.s3_gateway else ", or the VPC's own S3 gateway endpoint in s3Gateway"
        message = f"is needed: the {gateway} gateway endpoint adds a route to them; name those of the tiers that use it"
        yield Problem(f"{place}.routeTables", "nothing", f"{message}{instead}")
    for service, endpoint in existing.interface_endpoints.items():
        if service not in (RUNTIME, *services):
            known = ", ".join((RUNTIME, *services))
            message = f"is for a service that the stack doesn't use; choose from {known}, or add {service} to "
            yield Problem(
                f"{place}.interfaceEndpoints.{service}", endpoint, f"{message}privateAccess.interfaceEndpoints"
            )
