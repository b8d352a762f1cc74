"""Routes, network ACLs and security groups between a subnet and S3's addresses."""

from dataclasses import replace
from typing import Any

import pytest

from private_inference.rehearsal.s3_path import AclRule, EgressRule, Gateway, PrefixList, Subnet, blocked

S3 = PrefixList("pl-1", ["52.216.0.0/15", "3.5.0.0/19"])
ANYWHERE = "0.0.0.0/0"
OUT = AclRule(100, True, True, "6", ANYWHERE, (443, 443))
IN = AclRule(100, False, True, "6", ANYWHERE, (1024, 65535))
OPEN = Subnet("subnet-1", [OUT, IN], Gateway("vpce-1", {}))
TO_S3 = EgressRule("tcp", "pl-1", (443, 443))


def acl(*rules: AclRule) -> Subnet:
    return replace(OPEN, acl=rules)


def test_an_open_way_is_open() -> None:
    assert blocked(OPEN, [TO_S3], S3) == []


def test_without_a_gateway_there_is_no_way() -> None:
    assert blocked(replace(OPEN, gateway=None), [TO_S3], S3) == [
        "the route table of subnet-1 has no S3 gateway endpoint"
    ]


@pytest.mark.parametrize(
    ("groups", "left_out"),
    [
        ([], 2),
        ([replace(TO_S3, peer="pl-2")], 2),
        ([replace(TO_S3, ports=(80, 80))], 2),
        ([replace(TO_S3, protocol="udp")], 2),
        ([replace(TO_S3, peer="52.216.0.0/15")], 1),
        ([replace(TO_S3, peer="52.216.0.0/16"), replace(TO_S3, peer="52.217.0.0/16")], 1),
        ([EgressRule("-1", ANYWHERE, (0, 65535))], 0),
    ],
)
def test_a_group_must_let_every_address_out(groups: list[EgressRule], left_out: int) -> None:
    assert len(blocked(OPEN, groups, S3)) == left_out


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([IN], ["out to 52.216", "out to 3.5"]),
        ([OUT], ["answers of 52.216", "answers of 3.5"]),
        ([OUT, replace(IN, ports=(32768, 65535))], []),
        ([OUT, replace(IN, ports=(49152, 65535))], ["answers of 52.216", "answers of 3.5"]),
        ([OUT, IN, replace(OUT, number=50, allow=False, cidr="3.5.1.0/24")], ["out to 3.5"]),
        ([OUT, IN, replace(OUT, number=150, allow=False, cidr="3.5.1.0/24")], []),
        ([IN, replace(OUT, cidr="52.216.0.0/15")], ["out to 3.5"]),
        ([IN, *(replace(OUT, number=n, cidr=c) for n, c in enumerate(["0.0.0.0/1", "128.0.0.0/1"]))], []),
        ([replace(OUT, protocol="-1"), replace(IN, protocol="-1", ports=(0, 0))], []),
        ([replace(OUT, protocol="17"), IN], ["out to 52.216", "out to 3.5"]),
    ],
)
def test_an_acl_must_let_it_out_and_the_answers_in(rules: list[Any], told: list[str]) -> None:
    reasons = blocked(acl(*rules), [TO_S3], S3)
    assert len(reasons) == len(told)
    assert all(words in reason for words, reason in zip(told, reasons, strict=True))
