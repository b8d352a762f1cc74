"""The containers of one instance: which of their models answer a request, and in which order.

The words of refusals are those that users of AWS quote, such as https://github.com/aws/amazon-sagemaker-examples/issues/1026.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
TARGET_CONTAINER = "X-Amzn-SageMaker-Target-Container-Hostname"

Loaded = bytes | tuple[tuple[str, bytes], ...]
"""What a container loaded of a model: its archive, or its files by their paths."""


class RefusedCallError(Exception):
    """What SageMaker answers to a request that no container gets."""


@dataclass(frozen=True)
class Containers:
    """What an instance's containers loaded."""

    endpoint: str
    definitions: Sequence[Mapping[str, Any]]
    """As CreateModel was given them."""
    direct: bool
    """Whether a call gets to one of several containers, not through all."""
    loaded: Sequence[Loaded]
    """When the instance started, in their order; nothing for a container that loads models when they are called."""
    fetch: Callable[[str], Loaded | None]
    """Loads what is at an S3 URI now, for the execution role; None if it isn't there, or the role can't have it."""
    memory: dict[str, Loaded] = field(default_factory=dict)
    """Models that were called, by URI, where they are kept."""

    def called(self, headers: Mapping[str, str]) -> list[Loaded]:
        """What answers a request, by its headers: each what the one before answered. Raises RefusedCallError."""
        return [self._chosen(headers)] if self.direct else self._all(headers)

    def _chosen(self, headers: Mapping[str, str]) -> Loaded:
        """Of several containers; the words are this program's.

        https://docs.aws.amazon.com/sagemaker/latest/dg/multi-container-direct.html
        """
        names = [each["ContainerHostname"] for each in self.definitions]
        wanted = headers.get(TARGET_CONTAINER)
        if wanted not in names:
            why = f"Container {wanted} does not exist in" if wanted else "A target container hostname is required for"
            raise RefusedCallError(f"{why} endpoint {self.endpoint}, which has {', '.join(names)}.")
        return self.loaded[names.index(wanted)]

    def _all(self, headers: Mapping[str, str]) -> list[Loaded]:
        target = headers.get(TARGET_MODEL)
        if headers.get(TARGET_CONTAINER):
            raise RefusedCallError(f"Endpoint {self.endpoint} is not configured for direct invocation.")
        many = next((each for each in self.definitions if each.get("Mode") == "MultiModel"), None)
        if many is None:
            if target:
                raise RefusedCallError(
                    f"Endpoint {self.endpoint} is not a multi-model endpoint and does not support target model header."
                )
            return [*self.loaded] or [b""]
        if not target:
            raise RefusedCallError(
                f"The request is missing a target model header, and {self.endpoint} is a multi-model endpoint."
            )
        return [self._target(many, target)]

    def _target(self, container: Mapping[str, Any], target: str) -> Loaded:
        """A model below the container's prefix, loaded now unless an earlier call left it in memory.

        https://docs.aws.amazon.com/sagemaker/latest/dg/invoke-multi-model-endpoint.html
        """
        uri = f"{container['ModelDataUrl']}{target.removeprefix('/')}"
        model = self.memory.get(uri) or self.fetch(uri)
        if model is None:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            raise RefusedCallError(
                f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object "
                "located at the URL and that the role passed to CreateModel has permissions to download the model."
            )
        if (container.get("MultiModelConfig") or {}).get("ModelCacheSetting") != "Disabled":
            self.memory[uri] = model
        return model
