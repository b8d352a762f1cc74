"""The stack's availability zones: those of its subnets stay, and only missing ones are chosen.

AWS says which zones are available today; a zone's outage must not become a plan to replace subnets.
"""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.cidr import Tier
from components.names import stack_name
from components.settings import Settings, SettingsError


def subnets_in_use() -> dict[str, str]:
    """The block of the app tier's subnet in each zone that the stack has subnets in; none before it is deployed."""
    own = {"Project": pulumi.get_project(), "Stack": pulumi.get_stack()}
    found = aws.ec2.get_subnets(tags={**own, "Name": stack_name(Tier.APP, "*")})
    subnets = [aws.ec2.get_subnet(id=subnet, tags=own) for subnet in found.ids]
    return {subnet.availability_zone: subnet.cidr_block for subnet in subnets}


def zones_offering(instance_type: str) -> list[str]:
    """Zones where an instance type is offered.

    SageMaker's types are EC2's with a prefix: https://docs.aws.amazon.com/sagemaker/latest/dg/instance-types-az.html
    """
    kind = aws.ec2.GetInstanceTypeOfferingsFilterArgs(name="instance-type", values=[instance_type.removeprefix("ml.")])
    return sorted(aws.ec2.get_instance_type_offerings(location_type="availability-zone", filters=[kind]).locations)


def choose_zones(
    settings: Settings, in_use: Sequence[str], runtime: Sequence[str], types: Mapping[str, Sequence[str]]
) -> list[str]:
    """The zones that the settings name, or those in use and then the first ones that offer what the stack needs.

    `in_use` has the zones of the stack's subnets, `runtime` those that offer the runtime endpoint, `types` those that
    offer an instance type, by type. Warns of zones in use that are not available, and of those that lack a type.
    Raises SettingsError where the settings ask for zones that can't be had.
    """
    regional = aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])
    available = sorted(aws.get_availability_zones(state="available", filters=[regional]).names)
    usable = [zone for zone in available if zone in runtime]
    wanted = settings.network.zones
    if isinstance(wanted, int):
        zones = _counted(wanted, settings.region, in_use, usable, types)
    else:
        zones = _named(wanted, settings.region, in_use, available, usable)
    for zone in zones:
        if zone not in available:
            pulumi.warn(
                f"The zone {zone} is not available now. The stack's subnets there stay as they are; AWS may refuse to "
                "make or move anything in it."
            )
    check_types(zones, types)
    return zones


def _counted(
    wanted: int, region: str, in_use: Sequence[str], usable: Sequence[str], types: Mapping[str, Sequence[str]]
) -> list[str]:
    if wanted < len(in_use):
        raise SettingsError(
            f"network.zones: {wanted} is less than the {len(in_use)} zones in which the stack has subnets "
            f"({', '.join(in_use)}), and a number doesn't say which to give up. Name the zones that stay."
        )
    further = [zone for zone in usable if zone not in in_use]
    further.sort(key=lambda zone: sum(zone not in offered for offered in types.values()))
    if len(in_use) + len(further) < wanted:
        most = len(in_use) + len(further)
        raise SettingsError(
            f"network.zones: {wanted} is more than the {most} zones of {region} that offer the "
            f"SageMaker runtime endpoint. Use {most} at most."
        )
    return [*in_use, *further[: wanted - len(in_use)]]


def _named(
    wanted: Sequence[str], region: str, in_use: Sequence[str], available: Sequence[str], usable: Sequence[str]
) -> list[str]:
    problems = [
        f"  network.zones: {zone!r} is not a zone of {region}; choose from {', '.join(available)}."
        for zone in wanted
        if zone not in (*available, *in_use)
    ]
    problems += [
        f"  network.zones: {zone!r} does not offer the SageMaker runtime endpoint; choose from {', '.join(usable)}."
        for zone in wanted
        if zone in available and zone not in (*usable, *in_use)
    ]
    if problems:
        raise SettingsError("\n".join(["The network can't be laid over these zones:", *problems]))
    return list(wanted)


def check_types(zones: Sequence[str], types: Mapping[str, Sequence[str]]) -> None:
    """Warns of zones that lack a type. Raises SettingsError for a type that all of them lack."""
    for kind, offered in types.items():
        lacking = [zone for zone in zones if zone not in offered]
        if lacking and len(lacking) == len(zones):
            raise SettingsError(
                f"endpoints[].instanceType: {kind!r} is offered in none of the stack's zones ({', '.join(zones)}), "
                f"only in {', '.join(offered) or 'no zone of the region'}. Choose another type, or name other "
                "network.zones."
            )
        if lacking:
            pulumi.warn(f"{kind} is not offered in {', '.join(lacking)}: no instance of it will run there.")
