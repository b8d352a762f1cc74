"""What `verify` and the program make of a scan is the same, though neither knows how the other reads it."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber

from components.image_scans import problem_with
from components.scans import read_scan
from components.settings import ImageScanSettings
from components.settings.image_scan import UnreadRepository
from private_inference.verification import Verdict, image_scans
from private_inference.verification.checks import evaluate
from private_inference.verification.reader import Reader
from tests.support.scans import ASKED, OPERATION, URI, answer, ecr, inspected

HIGH = ImageScanSettings(hold="HIGH")
ANSWERS: dict[str, tuple[list[dict[str, Any]], Verdict]] = {
    "no finding": ([answer("COMPLETE")], Verdict.OK),
    "a lesser one": ([answer("COMPLETE", ("CVE-2024-1", "LOW"))], Verdict.OK),
    "one that holds": ([answer("COMPLETE", ("CVE-2024-1", "HIGH"))], Verdict.MISS),
    "one on the second page": (
        [answer("COMPLETE", ("CVE-2024-1", "LOW"), nextToken="more"), answer("COMPLETE", ("CVE-2024-2", "HIGH"))],
        Verdict.MISS,
    ),
    "Inspector's": ([inspected(("CVE-2024-1", "HIGH", "ACTIVE"))], Verdict.MISS),
    "Inspector's, which is mended": ([inspected(("CVE-2024-1", "HIGH", "CLOSED"))], Verdict.OK),
    "one of no severity yet": ([inspected(("CVE-2024-1", "UNTRIAGED", "ACTIVE"))], Verdict.MISS),
    "findings that are not there yet": ([answer("ACTIVE", over=False)], Verdict.UNCHECKED),
    "under way": ([answer("IN_PROGRESS", over=False)], Verdict.UNCHECKED),
    "failed": ([answer("FAILED")], Verdict.UNCHECKED),
}


def answering(answers: Sequence[dict[str, Any]]) -> Any:
    client = ecr()
    stub, token = Stubber(client), dict[str, str]()
    for each in answers:
        stub.add_response(OPERATION, each, {**ASKED, **token})
        token = {"nextToken": each.get("nextToken", "")}
    stub.activate()
    return client


def verdict(client: Any, settings: ImageScanSettings = HIGH) -> Verdict:
    """Of an endpoint that serves the image."""
    stack: Any = SimpleNamespace(
        aws=Reader(lambda _: client),
        desired=SimpleNamespace(settings=SimpleNamespace(artifacts=SimpleNamespace(image_scan=settings))),
        models=lambda _: [{"PrimaryContainer": {"Image": URI}}],
    )
    endpoint: Any = SimpleNamespace(name="triage")
    (check,) = [evaluate(each) for each in image_scans.assertions(stack, endpoint)]
    return check.verdict


@pytest.mark.parametrize("named", ANSWERS)
def test_what_holds_a_deployment_is_what_is_told_of_what_serves(named: str) -> None:
    answers, expected = ANSWERS[named]
    assert verdict(answering(answers)) is expected
    held = problem_with(URI, read_scan(answering(answers), URI), HIGH)
    assert bool(held) == (expected is not Verdict.OK)


def test_what_may_stay_unread_is_skipped_unless_it_can_be_read() -> None:
    unread = UnreadRepository(repository="scoring", because="it is scanned elsewhere")
    settings = ImageScanSettings(hold="HIGH", unread=(unread,))
    assert verdict(answering([answer("UNSUPPORTED_IMAGE")]), settings) is Verdict.SKIPPED
    assert verdict(answering([answer("COMPLETE", ("CVE-2024-1", "HIGH"))]), settings) is Verdict.MISS
