"""The reachability proof of a program's run: the network it declares against what its settings are for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi.output import Unknown

from private_inference.reachability.from_graph.load import UNKNOWN, load
from private_inference.reachability.intent import Report, check
from private_inference.reachability.stack_intent import intent_from
from private_inference.runner.resource import Resource, Run

if TYPE_CHECKING:
    from components.settings import Settings
    from private_inference.reachability.model import Network

PREFIX_LIST = "aws:ec2/getPrefixList:getPrefixList"


@dataclass(frozen=True)
class _Declared:
    """A resource as the reachability loader reads it: outputs where there are any, and its own mark for unknowns."""

    urn: str
    type: str
    name: str
    properties: Mapping[str, Any]
    property_dependencies: Mapping[str, Sequence[str]]


def network_of(run: Run) -> "Network":
    """The network that a run declared, the same whatever the order in which its resources came."""
    in_order = sorted(run.all_resources, key=lambda resource: resource.urn)
    return load([_declared(resource) for resource in in_order], _prefix_lists(run))


def prove(settings: "Settings", run: Run) -> Report:
    """Whether the network has every path that the settings intend, and no other."""
    network = network_of(run)
    return check(network, intent_from(settings, network))


def _prefix_lists(run: Run) -> dict[str, Sequence[str]]:
    """The blocks of AWS's prefix lists, which no resource holds, by id and by name."""
    lists: dict[str, Sequence[str]] = {}
    for lookup in run.lookups:
        if lookup.token == PREFIX_LIST:
            blocks = lookup.answer["cidrBlocks"]
            lists |= {lookup.answer["id"]: blocks, lookup.args["name"]: blocks}
    return lists


def problems(report: Report) -> list[str]:
    """Everything that keeps the report from being a proof."""
    undecided = [
        f"undecided: {each.resource.split('::')[-1]}: {each.property} {each.reason}" for each in report.undecided
    ]
    return [*map(str, report.failures), *report.unmet, *undecided]


def reachability_as_json(report: Report) -> dict[str, Any]:
    """The report for machines."""
    return {"proved": report.proved, "pairs": len(report.cells), "problems": problems(report)}


def _declared(resource: Resource) -> _Declared:
    identity = {"id": resource.id} if resource.id else {}
    properties = {**resource.properties, **resource.outputs, **identity}
    return _Declared(
        resource.urn,
        resource.type,
        resource.name,
        {key: _known(value) for key, value in properties.items()},
        {key: sorted(urns) for key, urns in resource.property_dependencies.items()},
    )


def _known(value: Any) -> Any:
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: _known(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_known(entry) for entry in value]
    return value
