"""The paths of the stack's network: from nowhere else, on no port, whatever the address."""

from dataclasses import replace

from private_inference.reachability.intervals import EMPTY, Region
from private_inference.reachability.model import GatewayKind, Network
from private_inference.reachability.path import InterfaceSet, OutsideAddresses
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.traffic import ALL_TRAFFIC, EVERYWHERE, addresses, services
from tests.reachability.declared import APP, stack
from tests.reachability.every_path import paths, sources

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


def runtime(finder: PathFinder) -> list[InterfaceSet]:
    interfaces = finder.network.interfaces
    return [one for one in finder.interface_sets() if interfaces[one.members[0]].service == "sagemaker.runtime"]


def test_nothing_outside_the_clients_address_reaches_the_endpoint_on_any_port() -> None:
    finder = PathFinder(with_client(stack().network(), addresses=("10.20.0.9",)))
    for endpoint in runtime(finder):
        assert sources(finder, endpoint) == Region.of(addresses("10.20.0.9"), HTTPS)


def test_on_premises_the_whole_block_reaches_it_and_no_address_more() -> None:
    finder = PathFinder(stack(PREMISES).network())
    for endpoint in runtime(finder):
        found = sources(finder, endpoint)
        assert found == Region.of(addresses(PREMISES), HTTPS)
        assert not found & Region.of(EVERYWHERE - addresses(PREMISES), ALL_TRAFFIC)


def test_nothing_reaches_a_model_and_a_model_reaches_s3_alone() -> None:
    finder = PathFinder(stack(PREMISES).network())
    models = [
        one for one in finder.interface_sets() if finder.network.interfaces[one.members[0]].kind == "SageMaker model"
    ]
    assert len(models) == 2
    for model in models:
        assert sources(finder, model) == EMPTY
        (path,) = [path for path in paths(finder) if path.source == model]
        assert isinstance(path.destination, OutsideAddresses)
        assert path.destination.gateway
        assert finder.network.gateways[path.destination.gateway].kind == GatewayKind.ENDPOINT
        (box,) = path.delivered
        assert (box.destinations, box.services) == (path.destination.addresses, HTTPS)


def test_a_client_of_unknown_address_may_be_any_of_its_subnet() -> None:
    finder = PathFinder(with_client(stack().network()))
    (client,) = [one for one in finder.interface_sets() if "client" in one.members]
    assert client.addresses == finder.network.subnets[client.subnet].addresses
    assert client.addresses <= addresses(APP[1])
    assert all(sources(finder, endpoint).xs == client.addresses for endpoint in runtime(finder))


def test_interfaces_that_no_control_tells_apart_are_looked_at_once() -> None:
    network = with_client(stack().network())
    client = network.interfaces["client"]
    many = {f"client-{n}": replace(client, id=f"client-{n}", addresses=(f"10.20.0.{n}",)) for n in range(10, 60)}
    finder = PathFinder(replace(network, interfaces=many))
    (placement,) = finder.interface_sets()
    assert len(placement.members) == 50
    assert placement.addresses.size == 50
