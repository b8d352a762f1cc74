"""Shadow variants: where calls of an endpoint are copied to, and what SageMaker tells of them.

Sources, under https://docs.aws.amazon.com/sagemaker/latest/: dg/model-shadow-deployment.html (its example copies all
calls, with equal weights; a smaller weight is taken for a share of them), dg/shadow-tests.html (only the production
variant's answers are returned) and dg/monitoring-cloudwatch.html (metrics by variant). Whether streamed calls are
copied is not published: here they are not.
"""

from typing import Any
from weakref import WeakKeyDictionary

from moto.cloudwatch.models import cloudwatch_backends

from private_inference.rehearsal import model_server
from private_inference.rehearsal.model_server import InvokeError
from private_inference.rehearsal.patches import captures
from private_inference.rehearsal.routing import next_in_turn

METRICS = "AWS/SageMaker"
COPIED, ANSWERED_ALONE = "copied", "answered alone"

_credits: WeakKeyDictionary[Any, dict[str, float]] = WeakKeyDictionary()
"""What the shadow of each endpoint (moto's) has coming to it."""


def hosted(described: Any) -> list[dict[str, Any]]:
    """The variants of an endpoint or of a configuration (moto's), its shadow included."""
    return [*described.production_variants, *(described.shadow_production_variants or [])]


def copy(backend: Any, endpoint: Any, request: Any, *, kept: bool) -> None:
    """Have the shadow of an endpoint (moto's) answer a request, too, if it is its turn. No caller gets the answer.

    Where the call is captured (`kept`), the shadow's is too.
    """
    (serving, *_), shadows = endpoint.production_variants, endpoint.shadow_production_variants or []
    for shadow in shadows:
        fleet, share = endpoint.fleets[shadow["VariantName"]], _share(shadow, serving)
        turn = next_in_turn({COPIED: share, ANSWERED_ALONE: 1 - share}, _credits.setdefault(endpoint, {}))
        if turn == COPIED and fleet.instances:
            answer = _answered(backend, endpoint, fleet, request)
            if answer and kept:
                captures.keep(backend, endpoint, fleet, request, answer)


def _share(shadow: dict[str, Any], serving: dict[str, Any]) -> float:
    """Of the calls, by the weights that both have now."""
    weight = serving["CurrentWeight"]
    return min(1.0, shadow["CurrentWeight"] / weight) if weight else 0.0


def _answered(backend: Any, endpoint: Any, fleet: Any, request: Any) -> tuple[str, bytes] | None:
    """Type and body of the answer, if there is one. It is counted either way."""
    answer, failed = None, 0
    try:
        answer = model_server.predict_on(fleet.instances[0], request)
    except InvokeError as error:
        failed = int("server error" in error.description)
    named = (("EndpointName", endpoint.endpoint_name), ("VariantName", fleet.variant["VariantName"]))
    dimensions = [{"Name": name, "Value": value} for name, value in named]
    values = {"Invocations": 1, "Invocation5XXErrors": failed}
    points = [{"MetricName": name, "Value": value, "Dimensions": dimensions} for name, value in values.items()]
    cloudwatch_backends[backend.account_id][backend.region_name].put_metric_data(METRICS, points)
    return answer
