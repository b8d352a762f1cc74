"""Whether the copies of inference components fit the fleet that they share."""

import math
from dataclasses import dataclass

from components.instance_checks import NEURON
from components.settings import ComponentSettings, EndpointSettings, SettingsError


@dataclass(frozen=True)
class Capacity:
    """What one instance has."""

    vcpus: int
    gpus: int
    memory_mb: int


def check_fleet(position: int, endpoint: EndpointSettings, has: Capacity) -> None:
    """Raises SettingsError where a copy doesn't fit an instance, or all copies don't fit all instances.

    What SageMaker keeps of an instance for itself is not published, so that what just fits here may not there. Neuron
    devices are not among EC2's facts: how many there are is left to SageMaker.
    """
    kind, place = str(endpoint.instance_type), f"endpoints[{position}]"
    neuron = kind.startswith(NEURON)
    for number, component in enumerate(endpoint.components):
        for key, needed, there in _needs(component, has):
            if needed > there and not (key == "accelerators" and neuron):
                raise SettingsError(
                    f"{place}.components[{number}].{key}: {needed:g} is more than an instance of {kind} has "
                    f"({there}). Lower it, or choose a larger type."
                )
    fewest, most = _instances(endpoint, has, neuron=neuron), endpoint.instances.max
    if fewest > most:
        raise SettingsError(
            f"{place}.instances.max: {most} is too few: as many copies as copies.max of all components allows take "
            f"{fewest} instances of {kind} or more. Raise it, or lower copies.max."
        )


def _needs(component: ComponentSettings, has: Capacity) -> list[tuple[str, float, int]]:
    """What one copy takes, and what one instance has, by setting."""
    return [
        ("memoryMb", component.memory_mb, has.memory_mb),
        ("cpus", component.cpus or 0, has.vcpus),
        ("accelerators", component.accelerators or 0, has.gpus),
    ]


def _instances(endpoint: EndpointSettings, has: Capacity, *, neuron: bool) -> int:
    """How many instances all copies take, at the least: each resource by itself."""
    taken: dict[str, float] = {}
    for component in endpoint.components:
        for key, needed, there in _needs(component, has):
            if needed and there and not (key == "accelerators" and neuron):
                taken[key] = taken.get(key, 0) + needed * component.copies.max / there
    return max((math.ceil(share) for share in taken.values()), default=0)
