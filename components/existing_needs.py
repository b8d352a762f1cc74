"""What a stack needs of a VPC that is there already, beside the VPC's facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from components.endpoint_services import FRONT_DOOR, RUNTIME, runtime_service
from components.existing_vpc import ExistingVpc, Item
from components.flows import Block, Flow, Gateway, Peer, flows, load_balancer_flows, placed, resolver_flows, tier_of
from components.settings import ExistingVpcSettings, Settings

PLACE = "network.existing"
"""Where its settings are."""


@dataclass(frozen=True)
class Needs:
    """A stack's settings and the VPC that they name."""

    settings: Settings
    existing: ExistingVpcSettings
    vpc: ExistingVpc
    prefix_lists: Mapping[Gateway, Sequence[str]]
    """The blocks of each gateway that the stack uses."""
    runtime_zones: Sequence[str]
    """Where the runtime endpoint is offered."""

    @cached_property
    def flows(self) -> Sequence[Flow]:
        """Who talks to whom."""
        balanced = placed(load_balancer_flows(self.settings))
        return (*flows(self.settings), *resolver_flows(self.settings), *balanced)

    @property
    def made_gateways(self) -> list[Gateway]:
        """Those whose endpoint is the stack's."""
        return [each for each in self.prefix_lists if each != Gateway.S3 or not self.existing.s3_gateway]

    @property
    def made_interfaces(self) -> list[str]:
        """Services that the stack makes an interface endpoint for."""
        front_door = [FRONT_DOOR] if self.settings.private_api else []
        wanted = (RUNTIME, *self.settings.private_access.interface_endpoints, *front_door)
        return [each for each in wanted if each not in self.existing.interface_endpoints]

    def blocks(self, peer: Peer) -> Sequence[str]:
        """The blocks of a tier's subnets, of a gateway's service, or the block itself."""
        if isinstance(peer, Block):
            return [peer.cidr]
        return (
            self.prefix_lists[peer]
            if isinstance(peer, Gateway)
            else [s["CidrBlock"] for s in self.vpc.of(tier_of(peer))]
        )

    def service(self, name: str) -> str:
        """The endpoint service that a service is reached through."""
        return runtime_service(self.settings.private_access.fips) if name == RUNTIME else name

    def is_of(self, endpoint: Item | None, service: str, kind: str) -> bool:
        """Whether an endpoint is there, of a service, and a `Gateway` or an `Interface`."""
        name = f"com.amazonaws.{self.settings.region}.{service}"
        return endpoint is not None and (endpoint["ServiceName"], endpoint["VpcEndpointType"]) == (name, kind)

    def others(self, service: str, kind: str) -> list[Item]:
        """The VPC's endpoints of a service that are not this stack's."""
        found = [each for each in self.vpc.endpoints if self.is_of(each, service, kind)]
        return [each for each in found if each["VpcEndpointId"] not in self.vpc.own]
