"""What an asynchronous endpoint may have, and what AWS or its metrics would make of the rest."""

from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from components.settings import AsynchronousSettings
from tests.components.test_settings import problems
from tests.support.stacks import endpoint, front_door, minimal, neighbour, settings, variant

SEVERAL = "is how many there are, and an asynchronous endpoint takes one"
NO_EFFECT = "has no effect: an asynchronous endpoint scales by asynchronous.backlogPerInstance"


def asynchronous(archive: Path, **changes: Any) -> dict[str, Any]:
    """A stack with one asynchronous endpoint."""
    return minimal(archive, endpoints=[endpoint(archive, asynchronous={}, **changes)])


def test_one_line_more_makes_an_endpoint_asynchronous(archive: Path) -> None:
    (read,) = settings(asynchronous(archive)).endpoints
    assert read.asynchronous
    assert read.asynchronous.notifications == ("success", "error")
    (real_time,) = settings(minimal(archive)).endpoints
    assert real_time.asynchronous is None


def test_it_may_scale_to_zero_without_a_reason_and_starts_with_one_instance(archive: Path) -> None:
    (read,) = settings(asynchronous(archive, instances={"min": 0})).endpoints
    assert (read.instances.min, read.instances.at_creation) == (0, 1)
    assert "instances.min: 1 is below 2" in "".join(problems(asynchronous(archive, instances={"min": 1})))
    assert "initial: 0 is not allowed" in "".join(problems(asynchronous(archive, instances={"min": 0, "initial": 0})))


def test_a_model_that_may_take_minutes_is_not_slow_after_a_second(archive: Path) -> None:
    def latency(**changes: Any) -> float:
        (read,) = settings(asynchronous(archive, **changes)).endpoints
        return read.production_variants[0].alarms.latency_ms

    assert latency() == 450_000
    assert latency(alarms={"latencyMs": 5000}) == 5000


def test_its_bucket_is_named_for_it(archive: Path) -> None:
    assert settings(asynchronous(archive, name="x" * 27))
    (said,) = problems(asynchronous(archive, name="x" * 28))
    assert "has 28 characters; an asynchronous endpoint, whose bucket is named for it, has 27 at most" in said


def test_several_variants_are_refused(archive: Path) -> None:
    named = [variant(archive, name) for name in ("AllTraffic", "challenger")]
    several = minimal(archive, endpoints=[{"name": "triage", "asynchronous": {}, "variants": named}])
    (said,) = problems(several)
    assert said.startswith(f"private-inference:endpoints[0].variants: 2 {SEVERAL}")
    one = minimal(archive, endpoints=[{"name": "triage", "asynchronous": {}, "variants": named[:1]}])
    assert settings(one).endpoints[0].production_variants


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"scaling": {"invocationsPerInstance": 100}}, "scaling.invocationsPerInstance"),
        ({"scaling": {"concurrentRequestsPerInstance": 4}}, "scaling.concurrentRequestsPerInstance"),
        ({"scaling": {"cpuPercent": 50}}, "scaling.cpuPercent"),
        ({"alarms": {"overheadMs": 10}}, "alarms.overheadMs"),
        ({"alarms": {"silentMinutes": 5}}, "alarms.silentMinutes"),
    ],
)
def test_settings_on_metrics_that_are_not_published_are_refused(
    changes: dict[str, Any], key: str, archive: Path
) -> None:
    (said,) = problems(asynchronous(archive, **changes))
    assert said.startswith(f"private-inference:endpoints[0].{key}: ")
    assert NO_EFFECT in said


def test_its_answers_come_whole(archive: Path) -> None:
    (said,) = problems(asynchronous(archive, streaming=True))
    assert "endpoints[0].streaming: True has no effect" in said


def test_cooldowns_and_other_alarms_stay(archive: Path) -> None:
    assert settings(asynchronous(archive, scaling={"scaleInCooldown": 600}, alarms={"serverErrors": 2}))


def test_the_front_door_waits_for_answers(archive: Path) -> None:
    (said,) = problems(asynchronous(archive) | {"frontDoor": front_door()})
    assert said.startswith("private-inference:endpoints[0].name: 'triage' can't be called through the front door")


@pytest.mark.parametrize(
    ("field", "service", "shape", "member"),
    [
        ("request_ttl_seconds", "sagemaker-runtime", "InvokeEndpointAsyncInput", "RequestTTLSeconds"),
        ("invocation_timeout_seconds", "sagemaker-runtime", "InvokeEndpointAsyncInput", "InvocationTimeoutSeconds"),
        (
            "max_concurrent_invocations_per_instance",
            "sagemaker",
            "AsyncInferenceClientConfig",
            "MaxConcurrentInvocationsPerInstance",
        ),
    ],
)
def test_the_bounds_are_those_of_awss_own_model(field: str, service: str, shape: str, member: str) -> None:
    shapes = Loader().load_service_model(service, "service-2")["shapes"]
    aws = shapes[shapes[shape]["members"][member]["shape"]]
    (bounds,) = (each for each in ours(field) if "minimum" in each)
    assert (bounds["minimum"], bounds["maximum"]) == (aws["min"], aws["max"])


def ours(field: str) -> list[dict[str, Any]]:
    """The JSON schemas of a setting, of which there are several where nothing will do, too."""
    schema = AsynchronousSettings.model_json_schema(by_alias=False)["properties"][field]
    return list(schema.get("anyOf", [schema]))


def test_callers_elsewhere_do_not_get_to_requests_in_s3(archive: Path) -> None:
    both = [endpoint(archive), endpoint(archive, name="later", asynchronous={})]
    (said,) = problems(minimal(archive, endpoints=both, callers=[neighbour()]))
    assert f"callers[0].name: '{neighbour()['name']}' would reach later, whose requests and answers are in S3" in said
    assert settings(minimal(archive, endpoints=both, callers=[neighbour(endpoints=["triage"])]))
