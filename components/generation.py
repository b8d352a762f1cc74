"""The configuration that an endpoint is to serve: its name, and how many instances it starts.

A configuration never changes: another content is another resource, made before the old one goes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from components.live_endpoints import NOT_SERVING, LiveEndpoint
from components.settings import (
    ALL_TRAFFIC,
    AsynchronousSettings,
    DataCaptureSettings,
    InstanceSettings,
    ModelSettings,
    VariantSettings,
)

LONGEST_ENDPOINT_NAME = 63 - 2 * len("-1234567")
"""Characters that a configuration's name, of 63 at most, has for its endpoint's beside a digest and Pulumi's suffix."""


@dataclass(frozen=True)
class Content:
    """What tells one configuration of an endpoint from another, but for how many instances it starts."""

    endpoint: str
    artifacts: Mapping[str, Sequence[str]]
    """What identifies the content that each of a variant's containers loads, by variant."""
    variants: Sequence[VariantSettings]
    volume_key: bool
    zones: Sequence[str]
    asynchronous: AsynchronousSettings | None = None
    data_capture: DataCaptureSettings | None = None
    shadow: str | None = None
    """Which of the variants is one, if any."""

    def name(self, instances: Mapping[str, int], *, renamed: bool) -> str:
        """The resource's name, which Pulumi makes unique: the endpoint's name and a digest of the content."""
        each = {variant.name: self._variant(variant, instances[variant.name]) for variant in self.variants}
        # An endpoint that names no variants has had this one's content in its configuration's name from the start.
        content: dict[str, Any] = each[ALL_TRAFFIC] if each.keys() == {ALL_TRAFFIC} else {"variants": each}
        content |= {"volumeKey": self.volume_key, "zones": sorted(self.zones)} | ({"renamed": True} if renamed else {})
        if self.data_capture:
            content["dataCapture"] = self.data_capture.model_dump(
                mode="json", exclude={"retention_days", "read_policy"}
            )
        if self.shadow:
            content["shadow"] = self.shadow
        if self.asynchronous:
            include = {"max_concurrent_invocations_per_instance", "notifications"}
            content["asynchronous"] = self.asynchronous.model_dump(mode="json", include=include)
        return digest_name(self.endpoint, content)

    def _variant(self, variant: VariantSettings, instances: int) -> dict[str, Any]:
        model = variant.model
        served = served_content(model, self.artifacts[variant.name])
        return {
            # A model of one container has had this in its configuration's name from the start.
            **(served[0] if not (model.pipeline or model.containers) else {"containers": served}),
            **({} if model.model_caching else {"caching": False}),
            "isolated": variant.model.isolated,
            "instanceType": variant.instance_type,
            "instances": instances,
            "settingsInstances": variant.instances.at_creation,
            **variant.hosting.model_dump(mode="json", exclude_none=True),
        } | ({"weight": variant.weight} if len(self.variants) > 1 else {})


def served_content(model: ModelSettings, artifacts: Sequence[str]) -> list[dict[str, Any]]:
    """What tells a model from another, container by container; `artifacts` identify what each loads.

    A version of a package never changes what it loads and runs.
    """
    if model.model_package:
        chosen = {"specification": model.inference_specification} if model.inference_specification else {}
        return [{"package": model.model_package, **chosen, "environment": model.environment}]
    return [
        {
            "artifact": artifact,
            "image": container.image.identity,
            "environment": container.environment,
            **({"hostname": container.hostname} if container.hostname else {}),
        }
        for container, artifact in zip(model.served, artifacts, strict=True)
    ]


def digest_name(endpoint: str, content: Mapping[str, Any]) -> str:
    """An endpoint's name and a digest of the content."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{endpoint[:LONGEST_ENDPOINT_NAME]}-{digest[:7]}"


class Started(Protocol):
    """A variant that a configuration starts instances of."""

    @property
    def name(self) -> str: ...
    @property
    def instances(self) -> InstanceSettings: ...


class Configured(Protocol):
    """What tells one configuration from another."""

    @property
    def variants(self) -> Sequence[Started]: ...
    def name(self, instances: Mapping[str, int], *, renamed: bool) -> str: ...


@dataclass(frozen=True)
class Generation:
    """A configuration, as the endpoint's next update or the one that it serves."""

    name: str
    """Of its resource."""
    instances: Mapping[str, int]
    """That it starts, by variant."""
    renamed: bool
    """Whether it was made when variants came or went.

    Then SageMaker takes no deployment configuration: old and new variants have to have the same names
    (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html).
    """


def generation(content: Configured, live: LiveEndpoint) -> Generation:
    """The configuration with this content. One that already serves it stays: scaling makes no new one.

    A new one starts what serves now, variant by variant, for an update resets the counts to it.
    """
    serving = {variant.name: live.variants.get(variant.name, NOT_SERVING) for variant in content.variants}
    same_names = serving.keys() == live.variants.keys()
    if same_names:
        initial = {name: variant.initial_instances for name, variant in serving.items()}
        for renamed in (False, True):
            name = content.name(initial, renamed=renamed)
            if live.configuration.startswith(f"{name}-"):
                return Generation(name, initial, renamed)
    renamed = bool(live.variants) and not same_names
    instances = {
        variant.name: max(variant.instances.at_creation, serving[variant.name].instances)
        for variant in content.variants
    }
    return Generation(content.name(instances, renamed=renamed), instances, renamed)
