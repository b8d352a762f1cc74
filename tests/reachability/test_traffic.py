"""Addresses and services lie on their lines as they should, and are told as a reader knows them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPSet

from private_inference.reachability import traffic
from private_inference.reachability.intervals import Intervals
from private_inference.reachability.traffic import (
    ALL_TRAFFIC,
    addresses,
    answer_to,
    blocks,
    services,
    services_text,
    usable,
)

networks = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda drawn: ipaddress.IPv4Network(drawn, strict=False)
    ),
    st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
        lambda drawn: ipaddress.IPv6Network(drawn, strict=False)
    ),
).map(str)


@given(st.lists(networks, min_size=1, max_size=6), st.lists(networks, min_size=1, max_size=6))
def test_address_sets_agree_with_netaddr(ones: list[str], others: list[str]) -> None:
    for ours, theirs in (
        (addresses(*ones) | addresses(*others), IPSet(ones) | IPSet(others)),
        (addresses(*ones) & addresses(*others), IPSet(ones) & IPSet(others)),
        (addresses(*ones) - addresses(*others), IPSet(ones) - IPSet(others)),
    ):
        # netaddr keeps several blocks where one would do; its compacting is what ours is always.
        theirs.compact()
        assert {_plain(block) for block in blocks(ours)} == {_plain(str(block)) for block in theirs.iter_cidrs()}


def _plain(block: str) -> str:
    return str(ipaddress.ip_network(block))


@given(networks)
def test_blocks_are_told_as_they_were_given(block: str) -> None:
    (told,) = blocks(addresses(block))
    assert _plain(told) == block


def test_ipv4_and_ipv6_never_meet() -> None:
    assert not addresses("0.0.0.0/0") & addresses("::/0")
    assert addresses(*traffic.ANYWHERE) == traffic.EVERYWHERE


@pytest.mark.parametrize(("block", "first", "last"), [("10.0.0.0/28", "10.0.0.4", "10.0.0.14")])
def test_aws_keeps_five_addresses_of_a_subnet(block: str, first: str, last: str) -> None:
    found = usable(block)
    assert found.size == 16 - 5
    assert found == Intervals.of((addresses(first).first, addresses(last).first))


@pytest.mark.parametrize(
    ("protocol", "number"), [("tcp", 6), ("UDP", 17), ("icmp", 1), ("58", 58), ("-1", None), ("all", None)]
)
def test_protocols_go_by_name_and_number(protocol: str, number: int | None) -> None:
    assert traffic.protocol_number(protocol) == number


@pytest.mark.parametrize("protocol", ["", "tpc", "256", "-2"])
def test_other_protocols_are_refused_by_name(protocol: str) -> None:
    with pytest.raises(ValueError, match="protocol must be") as error:
        services(protocol)
    assert repr(protocol) in str(error.value)


def test_ports_count_for_tcp_and_udp_only() -> None:
    assert services("tcp", 443, 443) <= services("tcp")
    assert services("tcp", 443, 443) != services("tcp")
    assert services("47", 443, 443) == services("47")
    assert services("-1", 443, 443) == ALL_TRAFFIC
    assert not services("tcp") & services("udp")


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (services("tcp", 443, 443), "tcp 443"),
        (services("tcp", 1024, 65535), "tcp 1024-65535"),
        (services("udp"), "udp"),
        (services("tcp", 443, 443) | services("udp", 53, 53), "tcp 443, udp 53"),
        (services("47"), "protocol 47"),
        (ALL_TRAFFIC, "all traffic"),
        (ALL_TRAFFIC - services("tcp", 22, 22), "icmp"),
        (Intervals(), "nothing"),
        (traffic.icmp_services("icmp", 8, 0), "icmp type 8 code 0"),
        (traffic.icmp_services("icmp", 8, -1), "icmp type 8"),
    ],
)
def test_services_are_told_as_a_reader_names_them(asked: Intervals, text: str) -> None:
    assert text in services_text(asked)


def test_icmp_is_typed_in_groups_by_ports_and_in_acls_by_its_own_fields() -> None:
    echo = traffic.icmp_services("icmp", 8, 0)
    assert traffic.group_services("icmp", 8, 0) == echo
    assert traffic.acl_services("1", 0, 0, 8, 0) == echo
    assert traffic.group_services("icmp", -1, -1) == services("icmp")
    assert traffic.acl_services("tcp", 443, 443, None, None) == services("tcp", 443, 443)
    with pytest.raises(ValueError, match="icmp and icmpv6"):
        traffic.icmp_services("tcp", 8, 0)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (services("tcp", 443, 443), services("tcp", 32768, 65535)),
        (services("udp", 53, 53), services("udp", 32768, 65535)),
        (traffic.icmp_services("icmp", 8, 0), traffic.icmp_services("icmp", 0, 0)),
        (services("47"), services("47")),
    ],
)
def test_answers_go_to_the_clients_ports(asked: Intervals, answered: Intervals) -> None:
    assert answer_to(asked.first, (32768, 65535)) == answered
