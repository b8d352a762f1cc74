"""Over which paths the workloads of a program can call at all: permissions joined with the network.

A role that only services take, and whose workloads are all in the program, is where those are: what the network keeps
from them is a barrier of the role's. A role that people, other accounts or further services may take is anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from private_inference.authorization.model import OTHER_ENDPOINT, PUBLIC, Barrier, Kind, Principal
from private_inference.authorization.patterns import glob
from private_inference.cli.holders import Holders
from private_inference.graph import types
from private_inference.graph.resources import Graph, Resource
from private_inference.reachability.from_graph.interfaces import interfaces_of
from private_inference.reachability.model import GatewayKind, Interface, Network
from private_inference.reachability.path import InterfaceSet, PathEnd
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.trace import Trace, Verdict, trace_ends
from private_inference.reachability.traffic import services

if TYPE_CHECKING:
    from private_inference.authorization.model import Account

HTTPS = services("tcp", 443, 443).first
ELSEWHERE = (PUBLIC.name, OTHER_ENDPOINT.name)


@dataclass(frozen=True)
class Running:
    """A service that runs workloads with roles.

    own: prefixes of the actions that the workloads alone call with it; None for all. Other calls the service makes
    itself, from AWS's network. outside_vpc: whether a workload of its own may be in no VPC.
    """

    service: str
    own: tuple[str, ...] | None = None
    outside_vpc: bool = False


RUNNING: Mapping[str, Running] = {
    # It writes logs, makes interfaces, polls queues and sends results:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    types.FUNCTION: Running("lambda.amazonaws.com", own=("sagemaker",), outside_vpc=True),
    # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
    types.SAGEMAKER_MODEL: Running("sagemaker.amazonaws.com", own=(), outside_vpc=True),
    types.INSTANCE: Running("ec2.amazonaws.com"),
    types.CONTAINER_SERVICE: Running("ecs-tasks.amazonaws.com"),
}


@dataclass(frozen=True)
class _Workload:
    """A workload with its interfaces; none where it is in no VPC."""

    name: str
    running: Running
    interfaces: tuple[Interface, ...]


def joined(account: Account, resources: Iterable[Resource], network: Network) -> Account:
    """The account, where roles have the barriers of their workloads.

    resources: with symbols for what AWS chooses, or deployed; the network is of the same resources by URN.
    """
    graph = Graph(resources)
    holders, reach = Holders(graph), _Reach(graph, network)
    roles = {each.get("arn"): each for each in graph.all(types.IAM_ROLE) if isinstance(each.get("arn"), str)}
    return replace(
        account,
        principals=tuple(
            _placed(each, holders.of(roles[each.arn]), reach) if each.arn in roles else each
            for each in account.principals
        ),
    )


def _placed(role: Principal, holders: Sequence[Resource] | None, reach: _Reach) -> Principal:
    workloads = [reach.workload(each) for each in holders or ()]
    known = [each for each in workloads if each is not None]
    # Somebody runs each of the services that may take it, and we know all of those.
    if not known or len(known) < len(workloads) or {each.running.service for each in known} != _takers(role):
        return role
    return replace(role, barriers=dict(reach.barriers(known)), blocks=dict(reach.blocks(known)))


def _takers(role: Principal) -> set[str] | None:
    """The services that may take a role; None if anybody else may, or that can't be read."""
    if role.kind is not Kind.ROLE or not glob(role.arn).constant or role.trust is None or role.trust.gap:
        return None
    allowing = [each for each in role.trust.statements if each.allows]
    if any(each.not_principals or {*each.kinds} != {"Service"} for each in allowing):
        return None
    named = [name for each in allowing for name in each.principals]
    return set(named) if all(isinstance(name, str) for name in named) else None


class _Reach:
    """Which VPC endpoints interfaces reach, and whether anything else beyond their VPC."""

    def __init__(self, graph: Graph[Resource], network: Network) -> None:
        self._network = network
        self._finder = PathFinder(network)
        self._endpoints: dict[str, list[PathEnd]] = {}
        for each in graph.all(types.VPC_ENDPOINT):
            self._endpoints.setdefault(f"endpoint {each.name}", []).extend(self._ends(each))
        self._further_interfaces = graph.all(types.NETWORK_INTERFACE, types.NETWORK_INTERFACE_ATTACHMENT)
        """Which may be an instance's."""

    def _ends(self, endpoint: Resource) -> Sequence[PathEnd]:
        if endpoint.urn in self._network.gateways:
            return [self._finder.outside(self._network.gateways[endpoint.urn])]
        return self._finder.interface_sets(interfaces_of(self._network, endpoint) or ())

    def workload(self, resource: Resource) -> _Workload | None:
        """A workload as far as it is known; else None."""
        running = RUNNING[resource.type]
        interfaces = interfaces_of(self._network, resource)
        if resource.type == types.INSTANCE and self._further_interfaces:
            return None
        if interfaces is None or not (interfaces or running.outside_vpc):
            return None
        return _Workload(resource.name, running, tuple(interfaces))

    def barriers(self, workloads: Sequence[_Workload]) -> Iterator[tuple[str, Barrier]]:
        """What the network keeps from all of some workloads, or from some of them, by path."""
        for path, ends in self._endpoints.items():
            # What no interface is known of may be reached.
            failing = [why for each in workloads if ends and (why := self._fails(each, ends))]
            if failing:
                everywhere = len(failing) == len(workloads) and not any(self._arrives(each, ends) for each in workloads)
                yield path, Barrier(failing[0], everywhere)
        own = {each.running.own for each in workloads if each.running.own is not None}
        about = next(iter(own), ())
        if len(own) < 2 and () not in own and not any(map(self._leaves, workloads)):
            names = " and ".join(dict.fromkeys(each.name for each in workloads))
            why = f"nothing leads packets of {names} out of the VPC but its endpoints"
            yield from ((path, Barrier(why, services=about)) for path in ELSEWHERE)

    def blocks(self, workloads: Sequence[_Workload]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The blocks of the subnets of some workloads, for each endpoint of the VPC."""
        subnets = {one.subnet for each in workloads for one in each.interfaces}
        blocks = sorted({block for key in subnets for block in self._network.subnets[key].cidrs})
        return ((path, tuple(blocks)) for path in self._endpoints if blocks)

    def _fails(self, workload: _Workload, ends: Sequence[PathEnd]) -> str:
        """Why calls of a workload fail, from some of its interfaces at least."""
        if not workload.interfaces:
            return f"{workload.name} is in no VPC"
        found = trace_ends(self._finder, self._sources(workload), ends, HTTPS)
        return "" if found.verdict is Verdict.REACHES else _told(found)

    def _arrives(self, workload: _Workload, ends: Sequence[PathEnd]) -> bool:
        """Whether a packet of a workload gets to one of some ends."""
        return any(
            HTTPS in packets.services
            for source in self._sources(workload)
            for end in ends
            for packets in self._finder.path(source, end).delivered
        )

    def _leaves(self, workload: _Workload) -> bool:
        """Whether a packet of a workload gets out of its VPC, but for gateway endpoints."""
        gateways = [each for each in self._network.gateways.values() if each.kind is not GatewayKind.ENDPOINT]
        return not workload.interfaces or self._arrives(workload, [self._finder.outside(each) for each in gateways])

    def _sources(self, workload: _Workload) -> Sequence[InterfaceSet]:
        return self._finder.interface_sets(workload.interfaces)


def _told(trace: Trace) -> str:
    """Where packets end."""
    refusal = trace.refusal
    where = f"{refusal.place} {refusal.reason}" if refusal else "some of its packets are refused"
    return f"packets of {trace.source} don't get to {trace.destination}: {where}"
