"""While several intents are in force, a path is required where all require it, and permitted where one permits it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from components.settings import Settings
from private_inference.reachability.intent import OTHER_GROUPS, Intent, check
from private_inference.reachability.intervals import Intervals
from private_inference.reachability.path import InterfaceSet, OutsideAddresses
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.stack_intent import intent_from
from private_inference.reachability.traffic import addresses
from private_inference.reachability.transition import transition, where
from tests.reachability.declared import Program, rule, stack
from tests.support.stacks import minimal, settings

FIRST, SECOND, THIRD = "192.168.0.0/16", "172.16.0.0/16", "100.64.0.0/16"
HTTPS = (443, 443)

Asked = Callable[..., Settings]


@pytest.fixture
def asked(archive: Path) -> Asked:

    def make(*premises: str, **changes: Any) -> Settings:
        on_premises = {"onPremises": {"cidrs": list(premises), "gatewayId": "vgw-0a1b2c3d"}} if premises else {}
        return settings(minimal(archive, network={"cidr": "10.20.0.0/16", **on_premises, **changes}))

    return make


def found(program: Program, *in_force: Settings, subnets: Iterable[str] | None = None) -> set[str]:
    network = program.network(True)
    kept = network.subnets.keys() if subnets is None else set(subnets)
    report = check(network, transition(*(where(intent_from(given, network), kept) for given in in_force)))
    return {f"{one.kind}: {one.source} → {one.destination}" for one in report.failures} | set(report.unmet)


def reached_from(program: Program, *blocks: str) -> None:
    """Opens the runtime endpoint to further blocks behind the gateway, as the stack does for those of its settings."""
    table = program.get("RouteTable", "access")
    for position, block in enumerate(blocks):
        program.add(
            "ec2:Route", f"to-{block}", routeTableId=table, destinationCidrBlock=block, gatewayId="vgw-0a1b2c3d"
        )
        rule(program, program.get("NetworkAcl", "access"), False, 3000 + position, block, HTTPS)
        rule(program, program.get("NetworkAcl", "access"), True, 3000 + position, block, (1024, 65535))
        program.add(
            "vpc:SecurityGroupIngressRule", f"from-{block}", securityGroupId=program.get("SecurityGroup", "access"),
            cidrIpv4=block, ipProtocol="tcp", fromPort=443, toPort=443,
        )  # fmt: skip


def test_a_network_between_two_settings_is_surplus_to_each_and_not_to_both(asked: Asked) -> None:
    old, new = asked(FIRST), asked(SECOND)
    between = stack(FIRST)
    reached_from(between, SECOND)
    assert found(between, old)
    assert found(between, new)
    assert found(between, old, new) == set()


def test_what_neither_permits_is_surplus(asked: Asked) -> None:
    beyond = stack(FIRST)
    reached_from(beyond, SECOND, THIRD)
    assert found(beyond, asked(FIRST), asked(SECOND)) == {
        "surplus: internet or elsewhere → runtime endpoint",
        "surplus: internet or elsewhere → unlisted in access",
        "surplus: unlisted in access → internet or elsewhere",
    }


def test_what_both_require_must_not_be_gone(asked: Asked) -> None:
    without = stack(FIRST)
    without.remove("SecurityGroupIngressRule", "access-from-client")
    assert found(without, asked(FIRST), asked(SECOND)) == {"missing: clients → runtime endpoint"}


def test_what_one_of_them_requires_may_be_gone(asked: Asked) -> None:
    without = stack()
    assert found(without, asked(FIRST)) == {
        "the settings ask for on-premises → runtime endpoint, and the network has no on-premises"
    }
    assert found(without, asked(FIRST), asked()) == set()


def test_nothing_is_required_of_a_subnet_that_comes_or_goes(asked: Asked) -> None:
    program = stack()
    program.remove("RouteTableAssociation", "model-us-east-1b")
    going = program.get("Subnet", "model-us-east-1b").urn
    assert found(program, asked()) == {"missing: models → s3"}
    assert found(program, asked(), subnets=program.network(True).subnets.keys() - {going}) == set()


FURTHER = "10.20.192.0/24"
FLOWS = [
    {"from": source, "to": destination, "ports": [port], "because": "A service of a team"}
    for source, destination, port in (
        ("clients", FURTHER, 5432),
        ("clients", "10.20.192.0/28", 6379),
        ("clients", "clients", 8443),
        (FURTHER, "access", 443),
    )
]
some_settings = st.fixed_dictionaries(
    {},
    optional={
        "deniedCidrs": st.lists(st.sampled_from([THIRD, "203.0.113.0/24"]), min_size=1, unique=True),
        "flows": st.lists(st.sampled_from(FLOWS), unique_by=str),
    },
)
some_premises = st.lists(st.sampled_from([FIRST, SECOND]), unique=True)


@tried(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(some_premises, some_settings), min_size=1, max_size=3))
def test_required_by_all_and_permitted_by_any(asked: Asked, drawn: list[tuple[list[str], dict[str, Any]]]) -> None:
    program = stack(FIRST)
    further = program.add("ec2:Subnet", "further", vpcId=program.get("Vpc", "network"), cidrBlock=FURTHER)
    network = program.network(True)
    intents = [intent_from(asked(*premises, **changes), network) for premises, changes in drawn]
    together = transition(*intents)
    for source, destination in product([*points(network), *workloads(network, further.urn)], repeat=2):
        services = [asks(intent, source, destination) for intent in intents]
        required, permitted = asks(together, source, destination)
        assert permitted == Intervals.union(each for _, each in services)
        assert required == intersection([each for each, _ in services])


Point = tuple[str, Any]


def points(network: Any) -> list[Point]:
    """One interface set for each kind there is, and addresses behind the gateway on both sides of every block above."""
    finder = PathFinder(network)
    inside: list[Point] = [("inside", one) for one in finder.interface_sets(network.interfaces.values())]
    outside = [str(block).replace(".0.0/16", ".7.7/32") for block in (FIRST, SECOND, THIRD)]
    return inside + [("outside", addresses(one).first) for one in (*outside, "203.0.113.7/32", "198.51.100.7/32")]


def workloads(network: Any, further: str) -> Iterator[Point]:
    """A client, and workloads of anybody: in the app tier, in further subnets, and in a block of them."""
    (client,) = [key for key, group in network.groups.items() if group.name == "client"]
    (app,) = [key for key, subnet in network.subnets.items() if subnet.name == "app-us-east-1a"]
    for subnet, group, address in (
        (app, client, "10.20.0.7"),
        (app, OTHER_GROUPS.id, "10.20.0.7"),
        (further, OTHER_GROUPS.id, "10.20.192.7"),
        (further, OTHER_GROUPS.id, "10.20.192.77"),
    ):
        yield "inside", InterfaceSet(subnet, frozenset({group}), addresses(address))


def asks(intent: Intent, source: Point, destination: Point) -> tuple[Intervals, Intervals]:
    """What an intent requires and what it permits from one point to another."""
    starts, ends = ({party.name for party in intent.parties if holds(party.ends, one)} for one in (source, destination))
    meant = [one for one in intent.expectations if one.source in starts and one.destination in ends]
    return (
        Intervals.union(one.services for one in meant if one.required),
        Intervals.union(one.services for one in meant),
    )


def holds(ends: Iterable[InterfaceSet | OutsideAddresses], point: Point) -> bool:
    kind, value = point
    if kind == "inside":
        return any(
            isinstance(end, InterfaceSet)
            and (end.subnet, end.groups) == (value.subnet, value.groups)
            and value.addresses <= end.addresses
            for end in ends
        )
    return any(isinstance(end, OutsideAddresses) and value in end.addresses for end in ends)


def intersection(services: list[Intervals]) -> Intervals:
    left = services[0]
    for each in services[1:]:
        left &= each
    return left
