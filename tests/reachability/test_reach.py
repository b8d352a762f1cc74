"""Reachable sets prove what they say: from nowhere else, on no port, whatever the address."""

from dataclasses import replace

import pytest

from benchmarks.reachability import network as vpc_of_size
from private_inference.reachability.intervals import EMPTY, NONE, Region
from private_inference.reachability.model import GatewayKind, Network
from private_inference.reachability.paths import Beyond, Placement
from private_inference.reachability.reach import Reach
from private_inference.reachability.traffic import ALL_TRAFFIC, EVERYWHERE, addresses, services
from tests.reachability.declared import APP, stack

HTTPS = services("tcp", 443, 443)
PREMISES = "192.168.0.0/16"


def with_client(network: Network, addresses: tuple[str, ...] = ()) -> Network:
    """The network with one client, as an app team would put it there."""
    model = next(one for one in network.interfaces.values() if one.kind == "SageMaker model")
    app = next(key for key, one in network.subnets.items() if one.name.startswith("app"))
    client = next(key for key, one in network.groups.items() if one.name == "client")
    made = replace(
        model, id="client", subnet=app, groups=frozenset({client}), kind="Lambda function", addresses=addresses
    )
    return replace(network, interfaces={**network.interfaces, "client": made})


def runtime(reach: Reach) -> list[Placement]:
    return [one for one in reach.placements if reach.network.interfaces[one.members[0]].service == "sagemaker.runtime"]


def test_nothing_outside_the_clients_address_reaches_the_endpoint_on_any_port() -> None:
    reach = Reach(with_client(stack().network(), addresses=("10.20.0.9",)))
    for endpoint in runtime(reach):
        assert reach.sources(endpoint) == Region.of(addresses("10.20.0.9"), HTTPS)


def test_on_premises_the_whole_block_reaches_it_and_no_address_more() -> None:
    reach = Reach(stack(PREMISES).network())
    for endpoint in runtime(reach):
        found = reach.sources(endpoint)
        assert found == Region.of(addresses(PREMISES), HTTPS)
        assert not found & Region.of(EVERYWHERE - addresses(PREMISES), ALL_TRAFFIC)


def test_nothing_reaches_a_model_and_a_model_reaches_s3_alone() -> None:
    reach = Reach(stack(PREMISES).network())
    models = [one for one in reach.placements if reach.network.interfaces[one.members[0]].kind == "SageMaker model"]
    assert len(models) == 2
    for model in models:
        assert reach.sources(model) == EMPTY
        (path,) = reach.paths_from(model)
        assert isinstance(path.destination, Beyond)
        assert path.destination.gateway
        assert reach.network.gateways[path.destination.gateway].kind == GatewayKind.ENDPOINT
        assert reach.destinations(model) == Region.of(path.destination.addresses, HTTPS)


def test_a_client_of_unknown_address_may_be_any_of_its_subnet() -> None:
    reach = Reach(with_client(stack().network()))
    (client,) = [one for one in reach.placements if "client" in one.members]
    assert client.addresses == reach.network.subnets[client.subnet].addresses
    assert client.addresses <= addresses(APP[1])
    assert all(reach.sources(endpoint).xs == client.addresses for endpoint in runtime(reach))


def test_interfaces_that_no_control_tells_apart_are_looked_at_once() -> None:
    network = with_client(stack().network())
    client = network.interfaces["client"]
    many = {f"client-{n}": replace(client, id=f"client-{n}", addresses=(f"10.20.0.{n}",)) for n in range(10, 60)}
    reach = Reach(replace(network, interfaces=many))
    (placement,) = reach.placements
    assert len(placement.members) == 50
    assert placement.addresses.size == 50


@pytest.mark.parametrize("dense", [True, False])
def test_sets_are_the_union_of_the_paths_in_the_networks_that_are_measured(dense: bool) -> None:
    reach = Reach(vpc_of_size(90, dense))
    paths = list(reach.paths())
    assert len(paths) > 90
    for placement in reach.placements:
        found = EMPTY
        for path in paths:
            if path.destination is placement:
                for box in path.delivered:
                    found |= Region.of(box.sources, box.services)
        assert reach.sources(placement) == found
        assert found.xs != NONE
