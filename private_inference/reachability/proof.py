"""The reachability proof of a program's run: the network it declares against what its settings are for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from private_inference.graph import resources as graph
from private_inference.reachability.from_graph.load import load
from private_inference.reachability.intent import Report, check
from private_inference.reachability.stack_intent import intent_from
from private_inference.runner.program import Engine, Resource

if TYPE_CHECKING:
    from components.settings import Settings
    from private_inference.reachability.model import Network

PREFIX_LIST = "aws:ec2/getPrefixList:getPrefixList"


class ObservedEngine:
    """An engine that remembers what the program was told of AWS's prefix lists, which no resource holds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.prefix_lists: dict[str, Sequence[str]] = {}

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        return self._engine.create(resource)

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._engine.invoke(token, args)
        if token == PREFIX_LIST:
            self.prefix_lists |= {answer["id"]: answer["cidrBlocks"], args["name"]: answer["cidrBlocks"]}
        return answer


def network_of(resources: Sequence[Resource], prefix_lists: Mapping[str, Sequence[str]]) -> "Network":
    """The network that a run declared, the same whatever the order in which its resources came."""
    return load([_declared(resource) for resource in resources], prefix_lists)


def prove(
    settings: "Settings", resources: Sequence[Resource], prefix_lists: Mapping[str, Sequence[str]]
) -> tuple["Network", Report]:
    """The network, and whether it has every intended path and no other."""
    network = network_of(resources, prefix_lists)
    return network, check(network, intent_from(settings, network))


def problems(report: Report) -> list[str]:
    """Everything that keeps the report from being a proof."""
    undecided = [
        f"undecided: {each.resource.split('::')[-1]}: {each.property} {each.reason}" for each in report.undecided
    ]
    return [*map(str, report.failures), *report.unmet, *undecided]


def reachability_as_json(report: Report) -> dict[str, Any]:
    """The report for machines."""
    return {"proved": report.proved, "pairs": len(report.cells), "problems": problems(report)}


def _declared(resource: Resource) -> graph.Resource:
    """A resource with its outputs where there are any, else with its inputs."""
    identity = {"id": resource.id} if resource.id else {}
    return graph.Resource.recorded(
        resource.urn,
        resource.type,
        resource.name,
        {**resource.properties, **resource.outputs, **identity},
        {key: sorted(urns) for key, urns in resource.property_dependencies.items()},
    )
