"""An endpoint's fleet, and the inference components that share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.container_logs import COMPONENTS, ContainerLogs
from components.fleet_configuration import fleet_configuration
from components.hardware_alarms import hardware_alarms
from components.inference_component import (
    ComponentAlarms,
    InferenceComponent,
    InferenceComponentArgs,
    ServedComponent,
)
from components.live_endpoints import LiveEndpoint
from components.lookups import InstanceFacts
from components.serving_model import ModelPlace, ServedModel
from components.settings import ALL_TRAFFIC, EndpointSettings, Settings
from components.watch import Watch


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What is served on a fleet, and what its instances are."""

    components: Sequence[ServedComponent]
    vcpus: int
    """Of one instance."""
    gpus: int
    """Of one instance."""


def fleets_of(
    settings: Settings, models: Mapping[str, Sequence[ServedModel]], instances: Mapping[str, InstanceFacts]
) -> dict[str, Fleet]:
    """The fleet of each endpoint that has components, by its name.

    `models` has what each endpoint serves, in the order of its settings, and `instances` facts by instance type.
    """
    return {
        endpoint.name: Fleet(
            components=[
                ServedComponent(endpoint=endpoint.name, settings=component, model=model)
                for component, model in zip(endpoint.components, models[endpoint.name], strict=True)
            ],
            vcpus=instances[endpoint.instance_type].vcpus,
            gpus=instances[endpoint.instance_type].gpus,
        )
        for endpoint in settings.endpoints
        if endpoint.components and endpoint.instance_type
    }


class FleetAlarms(pulumi.ComponentResource):
    """Alarms on the hardware of the fleet, and one that sums them up."""

    def __init__(
        self,
        settings: EndpointSettings,
        fleet: Fleet,
        topic_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("private-inference:inference:FleetAlarms", settings.name, None, opts)
        watch = Watch(settings.name, topic_arn, self)
        named = {"EndpointName": settings.name, "VariantName": ALL_TRAFFIC}
        watch.sum_up(settings.name, hardware_alarms(watch, settings.alarms, named, vcpus=fleet.vcpus, gpus=fleet.gpus))
        self.register_outputs({})


class ComponentFleet:
    """The resources of a fleet, in the order in which they can be made: alarms, logs, configuration, components."""

    def __init__(self, settings: EndpointSettings, fleet: Fleet, place: ModelPlace, logs: ContainerLogs) -> None:
        self._settings, self._fleet, self._place = settings, fleet, place
        child = pulumi.ResourceOptions(parent=place.parent)
        FleetAlarms(settings, fleet, logs.topic_arn, child)
        self._alarms = {
            each.component_name: ComponentAlarms(each.component_name, each.settings, logs.topic_arn, child)
            for each in fleet.components
        }
        self.log_groups = [
            logs.group(COMPONENTS, each.component_name, each.settings.kv_cache_percent, place.parent)
            for each in fleet.components
        ]
        self.rollback = [alarm for alarms in self._alarms.values() for alarm in alarms.rollback]

    def configuration(
        self, name: str, instances: int, volume_key: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        """Name of the endpoint's configuration, as a resource of this `name`."""
        return fleet_configuration(name, self._settings, self._place, instances, volume_key, opts)

    def components(
        self,
        endpoint_name: pulumi.Input[str],
        permissions: Sequence[pulumi.Resource],
        zones: Sequence[str],
        live: LiveEndpoint,
        hooks: pulumi.ResourceHookBinding,
    ) -> list[InferenceComponent]:
        """Its components, once the endpoint exists; `live` is what it serves now."""
        if pulumi.runtime.is_dry_run():
            for gone in sorted(live.components.keys() - self._alarms.keys()):
                copies = live.components[gone].copies
                serving = f" The update is refused while its {copies} copies serve." if copies else ""
                pulumi.log.info(f"{gone} is removed: calls that name it will fail.{serving}", self._place.parent)
        return [
            InferenceComponent(
                each.component_name,
                InferenceComponentArgs(
                    endpoint=self._settings,
                    served=each,
                    place=self._place,
                    endpoint_name=endpoint_name,
                    alarms=self._alarms[each.component_name],
                    permissions=permissions,
                    zones=zones,
                    live=live.components.get(each.component_name),
                    hooks=hooks,
                ),
                pulumi.ResourceOptions(parent=self._place.parent),
            )
            for each in self._fleet.components
        ]
