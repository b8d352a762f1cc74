"""What an endpoint with the OpenAI-compatible path can't have beside it.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.settings.problems import Problem

if TYPE_CHECKING:
    from components.settings.endpoints import EndpointSettings


def contradictions(endpoint: EndpointSettings) -> Iterator[Problem]:
    """With keys relative to the endpoint.

    The path names an endpoint and nothing within it that calls choose from. AWS does not say whether calls on it are
    captured, or copied to a shadow, so neither is promised.
    """
    if endpoint.asynchronous:
        message = "has no effect: an asynchronous endpoint's answers come whole, in S3. Remove it"
        yield Problem("openai", True, message)
    if endpoint.components or endpoint.target_models or endpoint.target_containers:
        message = "can't be had where calls choose a model: serve one model behind an endpoint of its own, or remove it"
        yield Problem("openai", True, message)
    for key, given in (("dataCapture", endpoint.data_capture), ("shadow", endpoint.shadow)):
        if given:
            message = f"can't be had with {key}: AWS doesn't say that it reaches calls on this path. Remove one of them"
            yield Problem("openai", True, message)
