"""A network that can't exist is refused by name."""

from dataclasses import replace

import pytest

from private_inference.reachability.model import (
    Cidr,
    Gateway,
    GatewayKind,
    GroupRef,
    Interface,
    ModelError,
    Network,
    NetworkAcl,
    PrefixListRef,
    Route,
    RouteTable,
    SecurityGroup,
    SgRule,
    Subnet,
    Thing,
    Vpc,
)
from private_inference.reachability.traffic import services

VPC = Vpc("vpc", ("10.0.0.0/16",), name="network")
TABLE = RouteTable("rtb", "vpc")
ACL = NetworkAcl("acl", "vpc")
SUBNET = Subnet("subnet", "vpc", "zone", ("10.0.0.0/24",), "rtb", "acl")
GROUP = SecurityGroup("sg", "vpc")
WHOLE = (VPC, TABLE, ACL, SUBNET, GROUP, Interface("eni", "subnet", frozenset({"sg"})))


def test_a_whole_network_holds_everything_by_id() -> None:
    network = Network.of(WHOLE)
    assert network.subnets == {"subnet": SUBNET}
    assert network.name("vpc") == "network"
    assert network.name("acl") == "acl"
    assert network.name("unheard of") == "unheard of"


def test_an_id_stands_for_one_thing() -> None:
    with pytest.raises(ModelError, match="Subnet 'subnet' is described twice"):
        Network.of([*WHOLE, replace(SUBNET, zone="other")])


@pytest.mark.parametrize(
    ("thing", "missing"),
    [
        (replace(SUBNET, id="s", vpc="vpc-gone"), "vpc-gone"),
        (replace(SUBNET, id="s", route_table="rtb-gone"), "rtb-gone"),
        (replace(SUBNET, id="s", acl="acl-gone"), "acl-gone"),
        (NetworkAcl("a", "vpc-gone"), "vpc-gone"),
        (RouteTable("r", "vpc-gone"), "vpc-gone"),
        (RouteTable("r", "vpc", (Route(Cidr("0.0.0.0/0"), "igw-gone"),)), "igw-gone"),
        (RouteTable("r", "vpc", (Route(PrefixListRef("pl-gone"), None),)), "pl-gone"),
        (SecurityGroup("g", "vpc", (SgRule(services("tcp"), GroupRef("sg-gone")),)), "sg-gone"),
        (SecurityGroup("g", "vpc", (), (SgRule(services("tcp"), PrefixListRef("pl-gone")),)), "pl-gone"),
        (SecurityGroup("g", "vpc-gone"), "vpc-gone"),
        (Gateway("g", "vpc-gone", GatewayKind.INTERNET), "vpc-gone"),
        (Gateway("g", "vpc", GatewayKind.NAT, ("subnet-gone",)), "subnet-gone"),
        (Gateway("g", "vpc", GatewayKind.ENDPOINT, prefix_list="pl-gone"), "pl-gone"),
        (Interface("e", "subnet-gone", frozenset()), "subnet-gone"),
        (Interface("e", "subnet", frozenset({"sg-gone"})), "sg-gone"),
    ],
)
def test_a_reference_to_nothing_is_refused(thing: Thing, missing: str) -> None:
    with pytest.raises(ModelError, match=missing):
        Network.of([*WHOLE, thing])
