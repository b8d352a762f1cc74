"""The VPC that a stack makes or is given, its subnets, and the clients outside AWS that reach it."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field

from components import cidr
from components.settings.existing_vpc import ExistingVpcSettings
from components.settings.existing_vpc import contradictions as existing_contradictions
from components.settings.fields import Cidrs, GatewayId, Reason, SiteCidrs, VpcCidr
from components.settings.flows import FlowSettings, contradictions
from components.settings.group import SettingsGroup
from components.settings.problems import Problem

_NACL_RULES_AT_MOST = 40
"""https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html (network ACLs: 20, on request 40)"""


class OnPremisesSettings(SettingsGroup):
    """Clients outside AWS that reach the runtime endpoint by VPN or Direct Connect."""

    cidrs: SiteCidrs
    """Blocks the clients call from; they may not overlap the VPC."""
    gateway_id: GatewayId
    """The virtual private (vgw-…) or transit gateway (tgw-…) that leads to them.

    A transit gateway is attached to subnets of its own, a /28 for each zone at the end of the VPC's block.
    """
    inbound_resolver: bool = False
    """An inbound endpoint of Route 53 Resolver in the access subnets, so that the VPC's private names resolve there.

    On-premises DNS servers forward these names to its addresses. It costs by the hour, zone and query.
    """

    @property
    def by_transit_gateway(self) -> bool:
        """Whether a transit gateway leads to them."""
        return self.gateway_id.startswith("tgw-")


class NetworkSettings(SettingsGroup):
    """The VPC and its subnets."""

    cidr: VpcCidr = "10.0.0.0/16"
    """The VPC's IPv4 block, a /16 to a /28."""
    zones: Annotated[int, Field(ge=2, le=6)] | Annotated[tuple[str, ...], Field(min_length=2, max_length=6)] = 2
    """Availability zones: how many, or their names.

    Of a number, those in which the stack has subnets stay, and missing ones are the first that offer the runtime
    endpoint and the instance types.
    """
    existing: ExistingVpcSettings | None = None
    """A VPC that is there already, in place of one of the stack's own."""
    on_premises: OnPremisesSettings | None = None
    """Clients outside AWS, if any."""
    denied_cidrs: Cidrs = ()
    """Blocks that may reach nothing: denied before every allow, in every tier and both directions."""
    flows: tuple[FlowSettings, ...] = ()
    """Connections beside the stack's own, such as clients' to a database in further subnets.

    Each has to work: `check` and `verify` fail where one doesn't, and where anything else passes.
    """
    nacl_rule_quota: Annotated[int, Field(ge=20, le=_NACL_RULES_AT_MOST)] = 20
    """Rules that the account allows a network ACL in one direction, the default deny included."""
    rejected_flows: Annotated[int, Field(ge=1)] = 1
    """Rejected connections, and packets of other protocols than TCP, in five minutes that notify the operators.

    No flow of a sound stack is rejected. Raise it where others look around in the network, such as a scanner.
    """
    rejection_alarm_off_because: Reason | None = None
    """Why nobody is told of what the network rejects."""

    @property
    def zone_count(self) -> int:
        """How many availability zones."""
        if self.existing:
            return len(self.existing.subnets.access)
        return self.zones if isinstance(self.zones, int) else len(self.zones)

    def _contradictions(self) -> Iterator[Problem]:
        if self.existing:
            given = {field: getattr(self, field) for field in self.model_fields_set}
            yield from existing_contradictions(self.existing, given)
            return
        if not isinstance(self.zones, int) and len(set(self.zones)) < len(self.zones):
            yield Problem("zones", list(self.zones), "names a zone twice; name each zone once")
        try:
            cidr.check_room(self.cidr, self.zone_count)
        except cidr.CidrError as error:
            yield Problem("cidr", self.cidr, f"is too small: {error}")
        clients = self.on_premises.cidrs if self.on_premises else ()
        outside = [("deniedCidrs", block) for block in self.denied_cidrs]
        outside += [("onPremises.cidrs", block) for block in clients]
        for key, block in outside:
            if IPv4Network(block).overlaps(IPv4Network(self.cidr)):
                yield Problem(key, block, f"overlaps the VPC ({self.cidr}); use blocks outside it")
        for client in clients:
            if any(IPv4Network(client).overlaps(IPv4Network(block)) for block in self.denied_cidrs):
                yield Problem("onPremises.cidrs", client, "is denied by deniedCidrs; remove it from one of them")
        yield from contradictions(self.flows, self.cidr, clients, self.denied_cidrs, self._transit)

    @property
    def _transit(self) -> str | None:
        """The block of the transit gateway's subnets, if there is one."""
        transit = self.on_premises and self.on_premises.by_transit_gateway
        return cidr.transit_block(self.cidr) if transit else None
