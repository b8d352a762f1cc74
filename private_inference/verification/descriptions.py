"""What AWS's descriptions of resources say, whichever form they take."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from private_inference.verification.checks import AbsentError

Item = Mapping[str, Any]
T = TypeVar("T")


def only(what: str, found: Sequence[T]) -> T:
    """The one that there has to be. Raises AbsentError."""
    if len(found) != 1:
        raise AbsentError(f"{'no' if not found else len(found)} {what}, where one was asked for")
    return found[0]


def hosted(described: Item) -> list[Item]:
    """The variants of an endpoint or of a configuration, shadows last."""
    return [*described.get("ProductionVariants", []), *described.get("ShadowProductionVariants", [])]


def given_containers(model: Item) -> list[Item]:
    """The containers of a model as it was given them, which may be by a package's name."""
    return [model["PrimaryContainer"]] if "PrimaryContainer" in model else list(model.get("Containers", []))


def dimensions(metric: Item) -> dict[str, str]:
    """Those of a metric, or of the first metric in the expression that an alarm follows."""
    named = [query["MetricStat"]["Metric"] for query in metric.get("Metrics", []) if "MetricStat" in query]
    given = named[0] if named else metric
    return {item["Name"]: item["Value"] for item in given.get("Dimensions", [])}


def grouped(items: Iterable[Item], key: Callable[[Item], str]) -> Mapping[str, list[Item]]:
    """The items by key; an unknown key has none."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found
