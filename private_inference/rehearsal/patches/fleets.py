"""Serving fleets: the instances behind an endpoint's variants, as moto has none.

A fleet starts and grows only if it has what it needs at that moment (`fleet_needs`); an instance keeps what it loads.
Everything happens within a call: nothing is in progress afterwards.
"""

from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models import ec2_backends

from private_inference.rehearsal import fleet_needs
from private_inference.rehearsal.containers import Containers, Loaded
from private_inference.rehearsal.fleet_needs import Missing, artifact_uri
from private_inference.rehearsal.model_server import loaded
from private_inference.rehearsal.object_writes import read_refusal
from private_inference.rehearsal.patches.fleet_facts import artifact_at, find_role, fleet_facts, way_to_s3
from private_inference.rehearsal.patches.model_interfaces import attach, release
from private_inference.rehearsal.patches.model_packages import containers_of
from private_inference.rehearsal.patches.shadows import hosted

ADDRESSES_AN_INSTANCE = 2
"""https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html."""


@dataclass(frozen=True)
class Instance:
    """One instance of a fleet."""

    zone: str
    interface: Any
    """Its network interface (moto's), if the model has a VpcConfig."""
    containers: Containers
    """What its containers loaded."""


@dataclass
class Fleet:
    """What serves one variant."""

    variant: dict[str, Any]
    """As the configuration has it, which may be gone by now."""
    role_arn: str
    containers: list[dict[str, Any]]
    """As CreateModel was given them, or the registry has them, in their order."""
    direct: bool
    """Whether a call gets to one of them."""
    subnets: list[str]
    groups: list[str]
    instances: list[Instance] = field(default_factory=list)


class NotStartedError(Exception):
    """A fleet has not got the instances it should have; the message is a FailureReason."""


def new_fleets(backend: Any, endpoint_name: str, configuration_name: str, counts: dict[str, int]) -> dict[str, Fleet]:
    """A fleet for each variant of a configuration, by variant, with as many instances as `counts` says.

    Raises NotStartedError. Nothing of the fleets is left then, except for interfaces that linger.
    """
    configuration = backend.endpoint_configs[configuration_name]
    started: dict[str, Fleet] = {}
    try:
        for variant in hosted(configuration):
            lacking = needs(backend, configuration_name, variant)
            if lacking:
                raise NotStartedError(lacking[0].reason)
            fleet = started[variant["VariantName"]] = _empty(backend, configuration, variant)
            grow(backend, endpoint_name, fleet, counts.get(variant["VariantName"], 0))
    except NotStartedError:
        for fleet in started.values():
            shrink(fleet, len(fleet.instances))
        raise
    return started


def needs(backend: Any, configuration_name: str, variant: dict[str, Any]) -> list[Missing]:
    """What keeps an instance of this variant from starting now."""
    return fleet_needs.missing(fleet_facts(backend, configuration_name, variant))


def grow(backend: Any, endpoint_name: str, fleet: Fleet, count: int) -> None:
    """Add instances, spread over the zones. Raises NotStartedError if there is no place for all of them.

    Its words for too few instances are those that AWS's users quote; for addresses they are this program's.
    """
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    models = [_loaded_at_start(backend, each) for each in fleet.containers] if count else []
    available = {zone.name for zone in ec2.describe_availability_zones() if zone.state == "available"}
    for _ in range(count):
        if not fleet.subnets:
            zone = _least_used(fleet, sorted(available))
            fleet.instances.append(Instance(zone, None, _containers(backend, endpoint_name, fleet, models)))
            continue
        subnets = {subnet.availability_zone: subnet for subnet in map(ec2.get_subnet, reversed(fleet.subnets))}
        places = {zone: subnet for zone, subnet in subnets.items() if zone in available}
        free = {zone: it for zone, it in places.items() if it.available_ip_address_count >= ADDRESSES_AN_INSTANCE}
        if places and not free:
            raise NotStartedError("The subnets of the model have too few free IP addresses.")
        zone = _least_used(fleet, sorted(free))
        interface = attach(ec2, free[zone], fleet.groups, endpoint_name, fleet.role_arn)
        fleet.instances.append(Instance(zone, interface, _containers(backend, endpoint_name, fleet, models)))


def _loaded_at_start(backend: Any, container: dict[str, Any]) -> Loaded:
    uri = artifact_uri(container)
    return loaded(backend, uri) if uri and container.get("Mode") != "MultiModel" else b""


def _containers(backend: Any, endpoint_name: str, fleet: Fleet, models: list[Loaded]) -> Containers:
    def fetch(uri: str) -> Loaded | None:
        """Now, as the role may: what an instance loads after its start, it needs then."""
        role, artifact = find_role(backend, fleet.role_arn), artifact_at(backend, uri)
        way = way_to_s3(backend, fleet.subnets)
        if role is None or read_refusal(backend.region_name, role, artifact, way):
            return None
        return loaded(backend, uri)

    return Containers(endpoint_name, fleet.containers, fleet.direct, models, fetch)


def copy_of(backend: Any, endpoint_name: str, variant: dict[str, Any]) -> Containers:
    """The containers of a model, as one more of it starts."""
    fleet = _empty(backend, None, variant)
    return _containers(backend, endpoint_name, fleet, [_loaded_at_start(backend, each) for each in fleet.containers])


def shrink(fleet: Fleet, count: int) -> None:
    """Take instances away, the newest first; their interfaces linger."""
    for _ in range(count):
        lose(fleet, fleet.instances[-1])


def lose(fleet: Fleet, instance: Instance) -> None:
    """Take one instance away; its interface lingers."""
    fleet.instances.remove(instance)
    if instance.interface is not None:
        release(instance.interface)


def show(endpoint: Any) -> None:
    """Let DescribeEndpoint tell how many instances there are.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantSummary.html.
    """
    for summary in hosted(endpoint):
        if "DesiredInstanceCount" in summary:
            fleet = endpoint.fleets.get(summary["VariantName"])
            summary["CurrentInstanceCount"] = len(fleet.instances) if fleet else 0


def _least_used(fleet: Fleet, zones: list[str]) -> str:
    used = [instance.zone for instance in fleet.instances]
    if not zones:
        raise NotStartedError(
            "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."
        )
    return min(zones, key=lambda zone: (used.count(zone), zone))


def _empty(backend: Any, configuration: Any, variant: dict[str, Any]) -> Fleet:
    if not variant.get("ModelName"):
        network = getattr(configuration, "vpc_config", None) or {}
        subnets, groups = network.get("Subnets", []), network.get("SecurityGroupIds", [])
        return Fleet(variant, configuration.execution_role_arn, [], False, subnets, groups)
    model = backend._models[variant["ModelName"]]
    network = model.vpc_config or {}
    return Fleet(
        variant=variant,
        role_arn=model.execution_role_arn,
        containers=containers_of(backend, model),
        direct=getattr(model, "inference_execution_config", {}).get("Mode") == "Direct",
        subnets=network.get("Subnets", []),
        groups=network.get("SecurityGroupIds", []),
    )
