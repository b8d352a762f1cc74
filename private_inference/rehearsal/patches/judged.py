"""The actions of workloads that the embedded AWS can judge: by which endpoint services, on which resources.

Each is a pair of moto's name of a service and of its operation, of which every request is about one resource or more.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from private_inference.graph.endpoint_services import RUNTIMES
from private_inference.rehearsal.containers import TARGET_MODEL


@dataclass(frozen=True)
class Judged:
    """An action of IAM's."""

    action: str
    endpoints: tuple[str, ...]
    """The endpoint services that carry it, without what is common to their names."""
    resources: Callable[[Any], list[str]]
    """The resource parts of the ARNs that a request, as moto's response object holds it, is about."""
    context: Callable[[Any], dict[str, str]] = lambda _: {}
    """Condition keys of its own that the request carries, in lower case, and their values."""


def _endpoint(response: Any) -> list[str]:
    """The endpoint, and the inference component that a call names, if it names one."""
    component = response.headers.get("X-Amzn-SageMaker-Inference-Component")
    named = [f"inference-component/{component}"] if component else []
    return [f"endpoint/{unquote(response.path.split('/')[2])}", *named]


def _target(response: Any) -> dict[str, str]:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoint-security.html"""
    target = response.headers.get(TARGET_MODEL)
    return {"sagemaker:targetmodel": target} if target else {}


def _parameters(response: Any) -> list[str]:
    asked = json.loads(response.body)
    return [f"parameter/{name.removeprefix('/')}" for name in asked.get("Names") or [asked["Name"]]]


def _function(response: Any) -> list[str]:
    name = unquote(response.path.split("/functions/")[1].split("/")[0])
    return [name.split(":", 5)[5] if name.startswith("arn:") else f"function:{name}"]


INVOCATIONS = ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream")

JUDGED: Mapping[tuple[str, str], Judged] = {
    # The embedded AWS has one address: which of the two a client means can't be seen.
    **{("sagemaker-runtime", name): Judged(f"sagemaker:{name}", RUNTIMES, _endpoint, _target) for name in INVOCATIONS},
    ("awslambda", "Invoke"): Judged("lambda:InvokeFunction", ("lambda",), _function),
    **{("ssm", name): Judged(f"ssm:{name}", ("ssm",), _parameters) for name in ("GetParameter", "GetParameters")},
}
"""Beside them, s3:GetObject and s3:PutObject are judged, with what the object's bucket and key say."""

SERVICES = frozenset({service for service, _ in JUDGED} | {"s3"})
"""Those with an action that is judged, by moto's names."""
