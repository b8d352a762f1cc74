"""The call that the contract promises: a real one, by SageMaker Runtime."""

import base64
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from components.settings import EndpointSettings
from private_inference.verification import inside_function
from private_inference.verification.checks import AbsentError, Assertion, Result, SkippedError
from private_inference.verification.controls import AVAILABILITY, LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import Variant, variants_of
from private_inference.verification.inside import InsideCaller, RefusedError
from private_inference.verification.reader import explain

SAMPLES = {"sample.csv": "text/csv", "sample.json": "application/json"}
"""Requests by their files' names, the first of which that lies beside a local artifact is sent, with their types."""
EXPECTED = "expected.json"
"""Beside a local artifact: the answer to its sample."""
ACCEPTED = "application/json"
CHUNK = 1 << 20
TOLERANCE = 1e-5
"""Relative difference of two predictions that are the same: models compute in single precision."""


@dataclass(frozen=True)
class Sample:
    """What a variant is called with."""

    body: bytes
    content_type: str


def assertions(stack: Deployed, endpoint: EndpointSettings, inside: InsideCaller | None) -> Iterator[Assertion]:
    """One call of each variant; `endpoint` is the settings of what is called, `inside` calls from the app subnets.

    Without it the calls are made from where this runs, which shows nothing of the way that callers have.
    """
    place = "from the app subnets" if inside else "from where this runs, not from the app subnets"
    for variant in variants_of(endpoint):
        if variant.shadow:
            continue  # nobody gets its answers
        name, _ = _sample_file(stack, variant)
        answers = f"answers {name}" if variant.settings.model.local_artifact else "answers a call"
        expected = variant.settings.model.local_artifact and _beside(stack, variant, EXPECTED).exists()
        claim = f"{answers} with the predictions of {EXPECTED}" if expected else answers
        target = variant.name if endpoint.variants else None
        call = (
            partial(_call_later, stack, variant, inside)
            if endpoint.asynchronous
            else partial(_call, stack, variant, target, inside)
        )
        yield Assertion(variant.subject, f"{claim}, called {place}", call, AVAILABILITY)
        if endpoint.streaming:
            streamed = partial(_streamed, stack, variant, target, inside)
            yield Assertion(variant.subject, f"{answers} part by part, called {place}", streamed, AVAILABILITY)
    if inside:
        locations = stack.desired.contract.endpoints[endpoint.name].async_locations or {}
        refused = partial(inside.refused_outside, endpoint.name, inputs=locations.get("inputs"))
        claim = "refuses a caller's role outside of the VPC"
        yield Assertion(f"Endpoint {endpoint.name}", claim, refused, LEAST_PRIVILEGE)


def _beside(stack: Deployed, variant: Variant, name: str) -> Path:
    return stack.desired.directory / Path(variant.settings.model.artifact).with_name(name)


def _sample_file(stack: Deployed, variant: Variant) -> tuple[str, str]:
    """Name and type of the sample that lies beside a local artifact, or would."""
    there = ((name, kind) for name, kind in SAMPLES.items() if _beside(stack, variant, name).exists())
    return next(there, next(iter(SAMPLES.items())))


def sample(stack: Deployed, variant: Variant) -> Sample:
    """What a variant is called with. Raises SkippedError where there is nothing."""
    artifact, (name, kind) = variant.settings.model.artifact, _sample_file(stack, variant)
    if not variant.settings.model.local_artifact:
        raise SkippedError(f"not called: an artifact in S3 has no {name}")
    found = _beside(stack, variant, name)
    if not found.exists():
        raise SkippedError(f"not called: there is no {' or '.join(SAMPLES)} beside {artifact}")
    return Sample(found.read_bytes(), kind)


def _asked(variant: Variant, sent: Sample, target: str | None) -> dict[str, Any]:
    """The parameters of a call; `target` is the variant that it names, if it names one."""
    named = {"TargetVariant": target} if target else {}
    body = {"ContentType": sent.content_type, "Accept": ACCEPTED, "Body": sent.body}
    return {"EndpointName": variant.endpoint, **body, **named}


def _call(stack: Deployed, variant: Variant, target: str | None, inside: InsideCaller | None) -> Result:
    sent = sample(stack, variant)
    if inside:
        try:
            answer = inside.call(variant.endpoint, sent.body, sent.content_type, ACCEPTED, target=target)
        except RefusedError as refused:
            return Result(str(refused), False)
        return judge(stack, variant, answer)
    asked = _asked(variant, sent, target)
    return judge(
        stack, variant, b"".join(stack.aws.stream("sagemaker-runtime", "invoke_endpoint", "Body", CHUNK, **asked))
    )


def _streamed(stack: Deployed, variant: Variant, target: str | None, inside: InsideCaller | None) -> Result:
    """A call whose answer comes in parts: something comes, and comes to its end."""
    sent = sample(stack, variant)
    if inside:
        try:
            answer = inside.call(
                variant.endpoint, sent.body, sent.content_type, ACCEPTED, target=target, streaming=True
            )
        except RefusedError as refused:
            return Result(str(refused), False)
        return Result(f"{len(answer)} bytes", bool(answer))
    events = stack.aws.events(
        "sagemaker-runtime", "invoke_endpoint_with_response_stream", "Body", **_asked(variant, sent, target)
    )
    sizes = [len(event["PayloadPart"]["Bytes"]) for event in events]
    return Result(f"{sum(sizes)} bytes in {len(sizes)} parts", bool(sizes))


def _call_later(stack: Deployed, variant: Variant, inside: InsideCaller | None) -> Result:
    """A request by S3, where an instance runs: one that waits would have one started."""
    sent, locations = sample(stack, variant), stack.desired.contract.endpoints[variant.endpoint].async_locations
    if not locations:
        raise AbsentError("the contract names no place for requests")
    running = {each["VariantName"]: each for each in stack.endpoint(variant.endpoint)["ProductionVariants"]}
    if not running[variant.name].get("CurrentInstanceCount"):
        raise SkippedError("not called: no instance runs, and the request would have one started")
    event = {"endpoint": variant.endpoint, "inputs": locations["inputs"], "accept": ACCEPTED}
    event |= {"body": base64.b64encode(sent.body).decode(), "contentType": sent.content_type}
    if inside:
        try:
            return judge(stack, variant, inside.call_later(event))
        except RefusedError as refused:
            return Result(str(refused), False)
    try:
        told = inside_function.later(stack.aws.client("sagemaker-runtime"), stack.aws.client("s3"), event)
    except (ClientError, BotoCoreError) as error:
        raise explain(error) from None
    if "error" in told:
        return Result(f"{told['error']}: {told['message']}", False)
    return judge(stack, variant, base64.b64decode(told["body"]))


def judge(stack: Deployed, variant: Variant, answer: bytes) -> Result:
    """Whether an answer is the one that is expected of a variant."""
    expected = _beside(stack, variant, EXPECTED)
    said = f"{len(answer)} bytes"
    try:
        found = _read(answer)
    except ValueError:
        return Result(f"{said}, not JSON", False)
    if not expected.exists():
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
