from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.addresses import is_everyone, is_private, within

v4 = st.builds(
    lambda address, bits: str(ip_network((address, bits), strict=False)), st.integers(0, 2**32 - 1), st.integers(0, 32)
)


@given(v4, v4)
def test_within_is_about_every_address(inner: str, outer: str) -> None:
    block, holder = ip_network(inner), ip_network(outer)
    assert within(inner, [outer]) == (block[0] in holder and block[-1] in holder)


@given(st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]), st.data())
def test_what_lies_in_a_private_block_is_private_and_what_holds_it_is_not(block: str, data: st.DataObject) -> None:
    private = ip_network(block)
    bits = data.draw(st.integers(private.prefixlen, 32))
    first = data.draw(st.integers(int(private[0]), int(private[-1])))
    assert is_private(str(ip_network((first, bits), strict=False)))
    assert not is_private(str(private.supernet()))


@given(st.integers(0, 2**32 - 1))
def test_a_public_address_is_private_only_if_it_is_said_to_be(address: int) -> None:
    text = str(ip_address(address))
    assert is_private(text, [f"{text}/32"])


@pytest.mark.parametrize("block", ["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"])
def test_everyone_has_more_than_one_block(block: str) -> None:
    assert is_everyone(block)
    assert not is_private(block)


@pytest.mark.parametrize("block", ["10.0.0.0/8", "52.216.0.0/15", "fd00::/48"])
def test_a_network_is_not_everyone(block: str) -> None:
    assert not is_everyone(block)
