"""The proof: which packets the network lets through, for all addresses and ports, compared with its purpose.

Its purpose follows from the resources: nothing passes to or from the internet or a denied block, nothing reaches the
models, and the groups that the endpoints let in do reach them. `private-inference check` proves the settings, too.
"""

from collections.abc import Callable, Iterator, Sequence

from pulumi_policy import Severity

from policy.addresses import PRIVATE, PRIVATE_BLOCKS, is_everyone
from policy.controls import hipaa, nist, pci
from policy.findings import Finding, Findings, Violation
from policy.resources import Stack
from policy.rules import stack_rule
from private_inference.findings import Unverified
from private_inference.graph.resources import type_and_name
from private_inference.graph.routes import routes_of
from private_inference.graph.security_groups import RULE_TYPES, rules_of
from private_inference.graph.types import ROUTE, VPC_ENDPOINT
from private_inference.reachability.from_graph.coverage import DECIDING
from private_inference.reachability.from_graph.load import load
from private_inference.reachability.intent import HTTPS
from private_inference.reachability.intervals import Intervals
from private_inference.reachability.model import ANY_CLIENT_PORTS, GatewayKind, GroupRef, ModelError, Network, Subnet
from private_inference.reachability.path import InterfaceSet, OutsideAddresses, Packets, Path, PathEnd
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.trace import trace_path
from private_inference.reachability.traffic import EVERYWHERE, addresses, services_text

MODEL_INTERFACE = "SageMaker model"
NOWHERE = "192.0.2.0/24"
"""Reserved for documentation (RFC 5737)."""


@stack_rule(
    controls=[nist("SC-7(21)"), nist("AC-4(21)"), pci("1.3.6"), hipaa("164.312(e)(1)")],
    severity=Severity.CRITICAL,
    fix="change what the last hop names; `private-inference paths` draws all paths",
    options=PRIVATE_BLOCKS,
)
def paths_are_as_intended(stack: Stack, *, blocks: Sequence[str]) -> Findings:
    """Proved for all addresses and ports: no packet passes between VPC and internet, and clients reach the models."""
    known_lists = _prefix_lists(stack)
    try:
        proof = _Proof(load(stack, known_lists))
        # What isn't known counts as open above, so that absence is proved, and as elsewhere here, so that presence is.
        closed = _Proof(load(stack, _stand_ins(stack) | known_lists))
    except ModelError:
        yield Violation("", "has a network that contradicts itself, so that nothing can be proved about it")
        return
    yield from proof.outside(EVERYWHERE - addresses(*PRIVATE, *blocks), "the internet")
    yield from proof.outside(proof.denied(), "a block that a network ACL denies")
    yield from proof.models_unreached()
    yield from closed.clients_served()


def _prefix_lists(stack: Stack) -> dict[str, list[str]]:
    """The blocks behind the gateway endpoints' prefix lists, known once the endpoints exist."""
    found = {}
    for endpoint in stack.all(VPC_ENDPOINT):
        identity, blocks = endpoint.get("prefixListId"), endpoint.get("cidrBlocks")
        if isinstance(identity, str) and isinstance(blocks, list) and blocks:
            found[identity] = blocks
    return found


def _stand_ins(stack: Stack) -> dict[str, list[str]]:
    """Every prefix list that resources name, by id and by its service's name, as addresses that nobody has."""
    services = [endpoint.get("serviceName") for endpoint in stack.all(VPC_ENDPOINT)]
    rules = [rule for resource in stack.all(*RULE_TYPES) for rule in rules_of(resource)]
    routes = [route for resource in stack.all(ROUTE) for route in routes_of(resource)]
    listed = [value for rule in rules for _, value in rule.prefix_lists]
    routed = [value for route in routes for _, value in route.given("destinationPrefixListId")]
    return {value: [NOWHERE] for value in (*services, *listed, *routed) if isinstance(value, str) and value}


class _Proof:
    """The packets that a network lets through."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._finder = PathFinder(network)
        self._interfaces = self._finder.interface_sets()
        self._outside = [g for g in network.gateways.values() if g.kind is not GatewayKind.ENDPOINT]

    def outside(self, wanted: Intervals, place: str) -> Iterator[Finding]:
        """Paths between any workload, with any group of the stack, and some addresses beyond gateways."""
        for gateway in self._outside:
            beyond = OutsideAddresses(gateway.id, self._finder.outside(gateway).addresses & wanted)
            for placement in self._workloads():
                ways = (self._finder.path(placement, beyond), self._finder.path(beyond, placement))
                for way, preposition in zip(ways, ("to", "from"), strict=True):
                    if way.delivered:
                        yield self._surplus(placement.subnet, f"lets packets pass {preposition} {place}", way)

    def denied(self) -> Intervals:
        """The blocks that any network ACL denies by a rule of its own."""
        rules = [rule for acl in self._network.acls.values() for rule in (*acl.ingress, *acl.egress)]
        blocks = [rule.block for rule in rules if not rule.allow and not is_everyone(rule.block)]
        return addresses(*blocks) if blocks else Intervals(())

    def models_unreached(self) -> Iterator[Finding]:
        """Paths to the models' interfaces: there are none."""
        for model in self._of_kind(lambda kind, _: kind == MODEL_INTERFACE):
            if not self._lets_anything_in(model):
                continue
            sources: list[PathEnd] = [*self._workloads(), *map(self._finder.outside, self._outside)]
            for source in sources:
                way = self._finder.path(source, model)
                if way.delivered and source != model:
                    yield self._surplus(model.subnet, "lets packets reach the models", way)

    def _lets_anything_in(self, placement: InterfaceSet) -> bool:
        named = self._finder.group_references(placement.groups, "ingress")
        return bool(named) or bool(self._finder.group_region(placement.groups, "ingress"))

    def clients_served(self) -> Iterator[Finding]:
        """The paths from the groups that the runtime endpoint lets in: each is answered, from every client subnet."""
        undecided = [each for each in self._network.undecided if type_and_name(each.resource)[0] in DECIDING]
        yield from (Unverified(each.resource, each.property) for each in undecided)
        if undecided:
            return
        for endpoint in self._of_kind(lambda _, service: service.startswith("sagemaker.runtime")):
            for client in self._clients_of(endpoint):
                way = self._finder.path(client, endpoint)
                requests = Packets(client.addresses, endpoint.addresses, HTTPS)
                if not any(requests & box == requests for box in way.answered):
                    where = self._network.name(endpoint.subnet)
                    what = f"does not let clients reach the runtime endpoint in {where} ({self._hops(way, HTTPS)})"
                    yield Violation(client.subnet, what)

    def _workloads(self) -> Iterator[InterfaceSet]:
        """Every interface there is, and every group of the stack in every subnet, where one may yet be."""
        yield from self._interfaces
        for subnet in self._network.subnets.values():
            for group in self._network.groups.values():
                if group.vpc == subnet.vpc:
                    yield InterfaceSet(subnet.id, frozenset({group.id}), subnet.addresses, ephemeral=ANY_CLIENT_PORTS)

    def _of_kind(self, wanted: Callable[[str, str], bool]) -> list[InterfaceSet]:
        interfaces = [i for i in self._network.interfaces.values() if wanted(i.kind, i.service)]
        return list(self._finder.interface_sets(interfaces))

    def _clients_of(self, endpoint: InterfaceSet) -> Iterator[InterfaceSet]:
        """The groups that the endpoint's groups let in, in every subnet that they may be in.

        That is one which holds neither endpoints nor models nor a transit gateway's attachment, and whose traffic
        either ACL allows.
        """
        peers = {
            rule.peer.group
            for group in endpoint.groups
            for rule in self._network.groups[group].ingress
            if isinstance(rule.peer, GroupRef)
        }
        models = self._of_kind(lambda kind, _: kind == MODEL_INTERFACE)
        others = {group for model in models for group in model.groups}
        taken = {each.subnet for each in [*models, *self._of_kind(lambda _, service: bool(service))]}
        transit = [each for each in self._outside if each.kind is GatewayKind.TRANSIT]
        taken |= {subnet for each in transit for subnet in each.subnets}
        vpc = self._network.subnets[endpoint.subnet].vpc
        for subnet in self._network.subnets.values():
            for group in peers - others:
                if subnet.id not in taken and subnet.vpc == vpc and self._allowed_by_either_acl(subnet, endpoint):
                    yield InterfaceSet(subnet.id, frozenset({group}), subnet.addresses, ephemeral=ANY_CLIENT_PORTS)

    def _allowed_by_either_acl(self, subnet: Subnet, endpoint: InterfaceSet) -> bool:
        """Whether the endpoint's ACL lets in some address of the subnet, or the subnet's lets out to the endpoint."""
        there = self._network.acls[self._network.subnets[endpoint.subnet].acl].ingress
        here = self._network.acls[subnet.acl].egress
        lets_in = any(rule.allow and addresses(rule.block) & subnet.addresses for rule in there)
        return lets_in or any(
            rule.allow and addresses(rule.block) & endpoint.addresses and not addresses(rule.block) & subnet.addresses
            for rule in here
        )

    def _surplus(self, urn: str, what: str, way: Path) -> Violation:
        services = Intervals.union(box.services for box in way.delivered)
        return Violation(urn, f"{what}: {services_text(services)} ({self._hops(way, services)})")

    def _hops(self, way: Path, services: Intervals) -> str:
        return "; ".join(hop.reason for hop in trace_path(self._finder, way, services.first).hops)
