"""The model that an inference component is to serve: its name, and how many copies an update starts.

CloudFormation sets the count of copies in every update of a component. So its template may only change with something
else, and has to start what serves then.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.generation import digest_name, served_content
from components.live_endpoints import LiveComponent
from components.serving_model import ServedModel
from components.settings import ComponentSettings, EndpointSettings

LONGEST_NAME = 63 - len("-1234567-1000-1234567")
"""Characters of a model's name, of 63 at most, for its component's beside a digest, copies and a suffix of Pulumi's."""


@dataclass(frozen=True)
class ComponentGeneration:
    """A component as its next update makes it, or as it serves."""

    model: str
    """Name of the model's resource: the component's, a digest of all that is set, and the copies that it starts."""
    copies: int
    """That CloudFormation starts."""


def component_generation(
    name: str,
    endpoint: EndpointSettings,
    settings: ComponentSettings,
    served: ServedModel,
    zones: Sequence[str],
    live: LiveComponent | None,
) -> ComponentGeneration:
    """The component with this content. One that already serves it stays: scaling makes no new one.

    A new one starts what serves now, for an update resets the count to it.
    """
    started = digest_name(name[:LONGEST_NAME], _content(endpoint, settings, served, zones))
    if live and (found := re.fullmatch(rf"{re.escape(started)}-(\d+)-\w+", live.model)):
        copies = int(found[1])
    else:
        copies = max(settings.copies.at_creation, live.copies if live else 0)
    return ComponentGeneration(f"{started}-{copies}", copies)


def _content(
    endpoint: EndpointSettings, settings: ComponentSettings, served: ServedModel, zones: Sequence[str]
) -> Mapping[str, Any]:
    return {
        "served": served_content(served.model, [each.artifact.content for each in served.containers]),
        "isolated": served.model.isolated,
        "needs": [settings.memory_mb, settings.cpus, settings.accelerators],
        "copies": settings.copies.at_creation,
        "hosting": endpoint.hosting.model_dump(mode="json", include={"download_seconds", "startup_seconds"}),
        "update": endpoint.update.model_dump(mode="json"),
        "zones": sorted(zones),
    }
