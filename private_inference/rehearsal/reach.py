"""Which VPC endpoints a function or an on-premises client can reach, by what Lambda and EC2 describe of the network.

A way to the internet, through a NAT gateway, is not looked for: from such a VPC, too, only endpoints are reached.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from private_inference.graph.endpoint_services import short_service
from private_inference.reachability.from_ec2.describe import Reads, describe
from private_inference.reachability.from_ec2.load import load
from private_inference.reachability.loading import gateway_in
from private_inference.reachability.model import RESOLVER, GatewayKind, Network
from private_inference.reachability.path import InterfaceSet, OutsideAddresses, PathEnd
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.trace import Verdict, trace_ends
from private_inference.reachability.traffic import addresses, services
from private_inference.rehearsal.transit import gateways_between, named_endpoints

HTTPS = services("tcp", 443, 443).first
DNS = (services("udp", 53, 53).first, services("tcp", 53, 53).first)


def reached_endpoints(client: Callable[[str], Any], function: Mapping[str, Any]) -> dict[str, str] | None:
    """The id of the VPC endpoint by which a function reaches a service, by the service, such as `sagemaker.runtime`.

    `function` is its configuration, as `lambda:GetFunction` tells it; None if it is in no VPC. An endpoint counts if
    connections on port 443 are answered from each of the function's subnets, by each of its interfaces.
    """
    placed = function.get("VpcConfig") or {}
    if not placed.get("SubnetIds"):
        return None
    aws, vpc = _Reads(client), placed["VpcId"]
    described = describe(aws, [vpc])
    finder = PathFinder(load(described))
    callers = _callers(finder, placed)
    reached: dict[str, str] = {}
    for endpoint in described["VpcEndpoints"]:
        if _reaches(finder, callers, _ends(finder, endpoint), HTTPS):
            reached.setdefault(short_service(endpoint["ServiceName"]), str(endpoint["VpcEndpointId"]))
    for endpoint in named_endpoints(aws, vpc, client("ec2").meta.region_name):
        if _reaches_shared(aws, finder, callers, vpc, endpoint):
            reached.setdefault(short_service(endpoint["ServiceName"]), str(endpoint["VpcEndpointId"]))
    return reached


def _reaches_shared(
    aws: Reads, finder: PathFinder, callers: Sequence[InterfaceSet], vpc: str, endpoint: Mapping[str, Any]
) -> bool:
    """Whether callers in a VPC reach an endpoint of another one: out of the one, over a transit gateway, and in."""
    other = endpoint["VpcId"]
    far = PathFinder(load(describe(aws, [other])))
    ends = _interfaces(far, endpoint)
    return any(
        _reaches(finder, callers, _behind(gateway_in(vpc, gateway), ends), HTTPS)
        and _reaches(far, _behind(gateway_in(other, gateway), callers), ends, HTTPS)
        for gateway in gateways_between(aws, vpc, other)
    )


def _behind(gateway: str, interfaces: Sequence[InterfaceSet]) -> list[OutsideAddresses]:
    """How interfaces of another VPC look from this one."""
    return [OutsideAddresses(gateway, each.addresses) for each in interfaces]


def reached_names(
    client: Callable[[str], Any], function: Mapping[str, Any], names: Mapping[str, Sequence[str]]
) -> list[str]:
    """Those names whose interfaces, given by id, all answer a function, as above, on port 443."""
    placed = function["VpcConfig"]
    finder = PathFinder(load(describe(_Reads(client), [placed["VpcId"]])))
    callers = _callers(finder, placed)
    return [name for name, interfaces in names.items() if _reaches(finder, callers, _sets(finder, interfaces), HTTPS)]


def interfaces_reach(
    client: Callable[[str], Any], vpc: str, sources: Sequence[str], ends: Sequence[str], port: int
) -> bool:
    """Whether each of the first interfaces is answered by each of the others, on a port."""
    finder = PathFinder(load(describe(_Reads(client), [vpc])))
    return _reaches(finder, _sets(finder, sources), _sets(finder, ends), services("tcp", port, port).first)


def _callers(finder: PathFinder, placed: Mapping[str, Any]) -> list[InterfaceSet]:
    groups = frozenset(placed["SecurityGroupIds"])
    return [InterfaceSet(key, groups, finder.network.subnets[key].addresses) for key in placed["SubnetIds"]]


def _sets(finder: PathFinder, interfaces: Sequence[str]) -> list[InterfaceSet]:
    return list(finder.interface_sets(finder.network.interfaces[key] for key in interfaces))


def _ends(finder: PathFinder, endpoint: Mapping[str, Any]) -> list[InterfaceSet] | list[OutsideAddresses]:
    """Where connections to an endpoint's service go; nowhere if its name does not lead to the endpoint."""
    if endpoint["State"].lower() != "available":
        return []
    if endpoint["VpcEndpointType"] == "Gateway":
        return [finder.outside(each) for each in _gateways(finder.network, endpoint["VpcEndpointId"])]
    named = endpoint["PrivateDnsEnabled"] and not endpoint.get("DnsOptions", {}).get(
        "PrivateDnsOnlyForInboundResolverEndpoint"
    )
    return _interfaces(finder, endpoint) if named else []


def reached_from_premises(client: Callable[[str], Any], vpc: str, address: str, *, by_name: bool) -> dict[str, str]:
    """The id of the interface endpoint by which an on-premises client reaches a service, by the service.

    `by_name`: by the service's own name, which an inbound endpoint of Route 53 Resolver has to tell it, by UDP and TCP;
    else by the VPC endpoint's name, which resolves everywhere
    (https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html). The client is behind
    every virtual private and transit gateway of the VPC, and comes by any that lets it through.
    """
    described = describe(_Reads(client), [vpc])
    finder = PathFinder(load(described))
    behind = (GatewayKind.VIRTUAL_PRIVATE, GatewayKind.TRANSIT)
    gateways = [each for each in finder.network.gateways.values() if each.kind in behind]
    callers = [OutsideAddresses(each.id, addresses(address)) for each in gateways]
    resolvers = finder.interface_sets(each for each in finder.network.interfaces.values() if each.kind == RESOLVER)
    if by_name and not all(_reaches(finder, callers, resolvers, query) for query in DNS):
        return {}
    return {
        short_service(endpoint["ServiceName"]): str(endpoint["VpcEndpointId"])
        for endpoint in described["VpcEndpoints"]
        if endpoint["VpcEndpointType"] == "Interface" and endpoint["State"].lower() == "available"
        if endpoint["PrivateDnsEnabled"] or not by_name
        if _reaches(finder, callers, _interfaces(finder, endpoint), HTTPS)
    }


def _reaches(finder: PathFinder, sources: Sequence[PathEnd], ends: Sequence[PathEnd], service: int) -> bool:
    return bool(sources and ends) and trace_ends(finder, sources, ends, service).verdict is Verdict.REACHES


def _interfaces(finder: PathFinder, endpoint: Mapping[str, Any]) -> list[InterfaceSet]:
    return _sets(finder, endpoint["NetworkInterfaceIds"])


def _gateways(network: Network, endpoint: str) -> Iterable[Any]:
    return (each for each in network.gateways.values() if each.kind is GatewayKind.ENDPOINT and each.id == endpoint)


class _Reads:
    """Reads AWS by boto3 clients, without a word about what can't be read: the embedded AWS tells it all."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client

    def get(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = getattr(self._client(service), operation)(**parameters)
        return answer

    def all(self, service: str, operation: str, member: str, **parameters: Any) -> list[Any]:
        client = self._client(service)
        if not client.can_paginate(operation):
            return list(self.get(service, operation, **parameters).get(member, []))
        pages = client.get_paginator(operation).paginate(**parameters)
        return [item for page in pages for item in page.get(member, [])]
