"""The call that the contract promises: a real one, by SageMaker Runtime."""

import base64
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from components.settings import Container, EndpointSettings
from private_inference.verification import inside_function
from private_inference.verification.checks import AbsentError, Assertion, Result, SkippedError
from private_inference.verification.controls import AVAILABILITY, LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import Component, Variant, components_of, variants_of
from private_inference.verification.inside import InsideCaller, RefusedError
from private_inference.verification.packages import in_words, payload
from private_inference.verification.reader import explain
from private_inference.verification.served import component as described

SAMPLES = {"sample.csv": "text/csv", "sample.json": "application/json"}
"""Requests by their files' names, the first of which that lies beside a local artifact is sent, with their types."""
EXPECTED = "expected.json"
"""Beside a local artifact: the answer to its sample."""
ACCEPTED = "application/json"
CHUNK = 1 << 20
TOLERANCE = 1e-5
"""Relative difference of two predictions that are the same: models compute in single precision."""


Served = Variant | Component
"""What answers calls."""


@dataclass(frozen=True)
class Sample:
    """What a variant is called with."""

    body: bytes
    content_type: str


@dataclass(frozen=True)
class Called:
    """One way to call a variant: of its models, where calls have to choose."""

    variant: Served
    named: Mapping[str, str]
    """What the call names, by the runtime's parameters."""
    asked: str
    """The local artifact beside which its sample lies; empty where none is."""
    answered: str
    """The local artifact beside which the answer lies."""

    @property
    def label(self) -> str:
        """What it chose, in words: nothing where there is no choice."""
        return self.named.get("TargetModel") or self.named.get("TargetContainerHostname", "")


def calls_of(variant: Served, *, named: bool) -> list[Called]:
    """All ways to call a variant; `named` is whether they name the variant, too."""
    target, model = {"TargetVariant": variant.name} if named else {}, variant.settings.model
    if isinstance(variant, Component):
        target = {"InferenceComponentName": variant.name}
    if model.containers:
        choices = [(target | {"TargetContainerHostname": each.hostname}, _local(each)) for each in model.served]
        return [Called(variant, chosen, path, path) for chosen, path in choices]
    if not model.models:
        local = [_local(each) for each in model.served] or [""]
        return [Called(variant, target, local[0], local[-1])]
    archives = ((f"{name}.tar.gz", path) for name, path in sorted(model.models.items()))
    return [Called(variant, target | {"TargetModel": name}, path, path) for name, path in archives]


def _local(container: Container) -> str:
    return container.artifact if container.local_artifact else ""


def assertions(stack: Deployed, endpoint: EndpointSettings, inside: InsideCaller | None) -> Iterator[Assertion]:
    """One call of each variant, and of each of its models; `endpoint` is the settings of what is called.

    `inside` calls from the app subnets. Without it the calls are made from where this runs, which shows nothing of the
    way that callers have.
    """
    place = "from the app subnets" if inside else "from where this runs, not from the app subnets"
    for variant in components_of(endpoint) or variants_of(endpoint):
        if isinstance(variant, Variant) and variant.shadow:
            continue  # nobody gets its answers
        for called in calls_of(variant, named=bool(endpoint.variants)):
            yield from _call_assertions(stack, endpoint, called, inside, place)
    if inside:
        locations = stack.desired.contract.endpoints[endpoint.name].async_locations or {}
        named = calls_of((components_of(endpoint) or variants_of(endpoint))[0], named=False)[0].named
        refused = partial(inside.refused_outside, endpoint.name, named, inputs=locations.get("inputs"))
        claim = "refuses a caller's role outside of the VPC"
        yield Assertion(f"Endpoint {endpoint.name}", claim, refused, LEAST_PRIVILEGE)


def _call_assertions(
    stack: Deployed, endpoint: EndpointSettings, called: Called, inside: InsideCaller | None, place: str
) -> Iterator[Assertion]:
    name, _ = _sample_file(stack, called)
    answers = f"answers {name}" if called.asked else "answers a call"
    if called.variant.settings.model.package:
        answers = "answers the sample payload of its package"
    answers += f" by {called.label}" if called.label else ""
    expected = called.answered and _beside(stack, called.answered, EXPECTED).exists()
    claim, subject = f"{answers} with the predictions of {EXPECTED}" if expected else answers, called.variant.subject
    call = partial(_call_later if endpoint.asynchronous else _call, stack, called, inside)
    yield Assertion(subject, f"{claim}, called {place}", call, AVAILABILITY)
    if endpoint.streaming:
        streamed = partial(_streamed, stack, called, inside)
        yield Assertion(subject, f"{answers} part by part, called {place}", streamed, AVAILABILITY)


def _beside(stack: Deployed, artifact: str, name: str) -> Path:
    return stack.desired.directory / Path(artifact).with_name(name)


def _sample_file(stack: Deployed, called: Called) -> tuple[str, str]:
    """Name and type of the sample that lies beside a local artifact, or would."""
    there = (
        (name, kind) for name, kind in SAMPLES.items() if called.asked and _beside(stack, called.asked, name).exists()
    )
    return next(there, next(iter(SAMPLES.items())))


def sample(stack: Deployed, called: Called) -> Sample:
    """What a variant is called with. Raises SkippedError where there is nothing."""
    name, kind = _sample_file(stack, called)
    if package := called.variant.settings.model.package:
        if registered := payload(stack.aws, package):
            return Sample(*registered)
        raise SkippedError(f"not called: {in_words(package)} was registered without a sample payload")
    if not called.asked:
        raise SkippedError(f"not called: an artifact in S3 has no {name}")
    found = _beside(stack, called.asked, name)
    if not found.exists():
        raise SkippedError(f"not called: there is no {' or '.join(SAMPLES)} beside {called.asked}")
    return Sample(found.read_bytes(), kind)


def _parameters(called: Called, sent: Sample) -> dict[str, Any]:
    """The parameters of a call."""
    body = {"ContentType": sent.content_type, "Accept": ACCEPTED, "Body": sent.body}
    return {"EndpointName": called.variant.endpoint, **body, **called.named}


def _without_copy(stack: Deployed, called: Called) -> bool:
    """Whether no copy of a component runs: a call would fail, and have one started."""
    if not isinstance(called.variant, Component):
        return False
    return not described(stack.aws, called.variant.name).get("RuntimeConfig", {}).get("CurrentCopyCount")


def _call(stack: Deployed, called: Called, inside: InsideCaller | None) -> Result:
    sent = sample(stack, called)
    if _without_copy(stack, called):
        raise SkippedError("not called: no copy runs, and the call would fail and have one started")
    if inside:
        try:
            answer = inside.call(called.variant.endpoint, sent.body, sent.content_type, ACCEPTED, named=called.named)
        except RefusedError as refused:
            return Result(str(refused), False)
        return judge(stack, called, answer)
    asked = _parameters(called, sent)
    return judge(
        stack, called, b"".join(stack.aws.stream("sagemaker-runtime", "invoke_endpoint", "Body", CHUNK, **asked))
    )


def _streamed(stack: Deployed, called: Called, inside: InsideCaller | None) -> Result:
    """A call whose answer comes in parts: something comes, and comes to its end."""
    sent = sample(stack, called)
    if inside:
        try:
            answer = inside.call(
                called.variant.endpoint, sent.body, sent.content_type, ACCEPTED, named=called.named, streaming=True
            )
        except RefusedError as refused:
            return Result(str(refused), False)
        return Result(f"{len(answer)} bytes", bool(answer))
    events = stack.aws.events(
        "sagemaker-runtime", "invoke_endpoint_with_response_stream", "Body", **_parameters(called, sent)
    )
    sizes = [len(event["PayloadPart"]["Bytes"]) for event in events]
    return Result(f"{sum(sizes)} bytes in {len(sizes)} parts", bool(sizes))


def _call_later(stack: Deployed, called: Called, inside: InsideCaller | None) -> Result:
    """A request by S3, where an instance runs: one that waits would have one started."""
    variant = called.variant
    sent, locations = sample(stack, called), stack.desired.contract.endpoints[variant.endpoint].async_locations
    if not locations:
        raise AbsentError("the contract names no place for requests")
    running = {each["VariantName"]: each for each in stack.endpoint(variant.endpoint)["ProductionVariants"]}
    if not running[variant.name].get("CurrentInstanceCount"):
        raise SkippedError("not called: no instance runs, and the request would have one started")
    event = {"endpoint": variant.endpoint, "inputs": locations["inputs"], "accept": ACCEPTED}
    event |= {"body": base64.b64encode(sent.body).decode(), "contentType": sent.content_type}
    if inside:
        try:
            return judge(stack, called, inside.call_later(event))
        except RefusedError as refused:
            return Result(str(refused), False)
    try:
        told = inside_function.later(stack.aws.client("sagemaker-runtime"), stack.aws.client("s3"), event)
    except (ClientError, BotoCoreError) as error:
        raise explain(error) from None
    if "error" in told:
        return Result(f"{told['error']}: {told['message']}", False)
    return judge(stack, called, base64.b64decode(told["body"]))


def judge(stack: Deployed, called: Called, answer: bytes) -> Result:
    """Whether an answer is the one that is expected of what was called."""
    expected = _beside(stack, called.answered, EXPECTED) if called.answered else None
    said = f"{len(answer)} bytes"
    try:
        found = _read(answer)
    except ValueError:
        return Result(f"{said}, not JSON", False)
    if expected is None or not expected.exists():
        return Result(said, bool(found))
    good = _same(found, json.loads(expected.read_text(encoding="utf-8")))
    return Result(f"{said}, {'the same predictions' if good else 'other predictions'}", good)


def _read(answer: bytes) -> Any:
    """JSON, or lines of it, as language models answer. Raises ValueError."""
    try:
        return json.loads(answer)
    except ValueError:
        return [json.loads(line) for line in answer.splitlines()]


def _same(found: Any, expected: Any) -> bool:
    """Equal, but for the rounding of numbers."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return found.keys() == expected.keys() and all(_same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(found == expected)
