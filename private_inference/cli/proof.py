"""The reachability proof of a program's run: the network it declares against the paths that its settings require."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pulumi.output import Unknown as UnknownOutput

from private_inference.graph import resources as graph
from private_inference.graph.existing import exists, with_existing
from private_inference.graph.values import Unknown, joined
from private_inference.reachability.from_graph.load import load
from private_inference.reachability.intent import Report, check
from private_inference.reachability.stack_intent import intent_from
from private_inference.runner.resource import Resource, Run

if TYPE_CHECKING:
    from components.settings import Settings
    from private_inference.reachability.model import Network

PREFIX_LIST = "aws:ec2/getPrefixList:getPrefixList"


def network_of(run: Run) -> "Network":
    """The network that a run declared, the same whatever the order in which its resources came."""
    return load([declared(resource) for resource in run.all_resources], _prefix_lists(run))


def prove(settings: "Settings", network: "Network") -> Report:
    """Whether a network has every path that the settings intend, and no other."""
    return check(network, intent_from(settings, network))


def _prefix_lists(run: Run) -> dict[str, Sequence[str]]:
    """The blocks of AWS's prefix lists, which no resource holds, by id and by name."""
    lists: dict[str, Sequence[str]] = {}
    for lookup in run.lookups:
        if lookup.token == PREFIX_LIST:
            blocks = lookup.answer["cidrBlocks"]
            lists |= {lookup.answer["id"]: blocks, lookup.args["name"]: blocks}
    for endpoint in (each for each in with_existing(map(declared, run.all_resources)) if exists(each)):
        if identity := endpoint.get("prefixListId"):
            lists[identity] = endpoint.get("cidrBlocks") or ()
    return lists


def problems(report: Report) -> list[str]:
    """Everything that keeps the report from being a proof."""
    undecided = [
        f"undecided: {graph.type_and_name(each.resource)[1]}: {each.property} {each.reason}"
        for each in report.undecided
    ]
    return [*map(str, report.failures), *report.unmet, *undecided]


def reachability_as_json(report: Report) -> dict[str, Any]:
    """The report for machines."""
    return {"proved": report.proved, "pairs": len(report.cells), "problems": problems(report)}


def declared(resource: Resource) -> graph.Resource:
    """A resource with its outputs where there are any, else with its inputs."""
    identity = {"id": resource.id} if resource.id else {}
    return graph.Resource(
        resource.urn,
        resource.type,
        resource.name,
        with_unknowns({**resource.properties, **resource.outputs, **identity}, resource.urn),
        {key: sorted(urns) for key, urns in resource.property_dependencies.items()},
    )


def with_unknowns(value: Any, urn: str, path: str = "") -> Any:
    """A property of a program that ran in this process, with `Unknown` for the SDK's mark of an unknown value."""
    if isinstance(value, UnknownOutput):
        return Unknown(urn, path)
    if isinstance(value, Mapping):
        return {key: with_unknowns(entry, urn, joined(path, key)) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [with_unknowns(entry, urn, joined(path, position)) for position, entry in enumerate(value)]
    return value
