"""Unknown values can't be used unawares, and don't hide what is known beside them."""

import operator
from collections.abc import Callable
from typing import Any

import pytest
from pulumi.runtime import rpc
from pulumi_policy.proxy import unknown_checking_proxy

from policy.resources import reveal
from private_inference.graph.values import Unknown, UnverifiableError, known
from tests.policy.graph import Graph
from tests.policy.judge import judge

URN = "urn:pulumi:test::p::t::n"

USES: list[Callable[[Any], Any]] = [
    bool,
    len,
    iter,
    hash,
    str,
    int,
    float,
    known,
    lambda value: value == "x",
    lambda value: "x" == value,  # noqa: SIM300 - the reflected comparison
    lambda value: value != "x",
    lambda value: value < 1,
    lambda value: value in ("x", "y"),
    lambda value: "x" in value,
    lambda value: value + "x",
    lambda value: value["x"],
    lambda value: value.get("x"),
    lambda value: value.startswith("x"),
    lambda value: f"{value}",
    lambda value: {value: 1},
    lambda value: value or "x",
    lambda value: operator.index(value),
]


@pytest.mark.parametrize("use", USES)
def test_any_use_of_an_unknown_names_it(use: Callable[[Any], Any]) -> None:
    with pytest.raises(UnverifiableError) as caught:
        use(Unknown(URN, "ingress.0"))
    assert (caught.value.urn, caught.value.property) == (URN, "ingress.0")


def test_an_unknown_is_present() -> None:
    value = Unknown(URN, "x")
    assert value is not None
    assert isinstance(value, Unknown)


def test_proxies_are_revealed_with_the_path_of_what_is_unknown() -> None:
    revealed = reveal(unknown_checking_proxy({"a": [{"b": rpc.UNKNOWN, "c": 1}], "d": "e"}), URN)
    assert revealed["a"][0]["c"] == 1
    assert revealed["d"] == "e"
    assert isinstance(revealed["a"][0]["b"], Unknown)
    assert revealed["a"][0]["b"].property == "a.0.b"


def test_an_unknown_rule_does_not_hide_the_violation_beside_it(previewed: Graph) -> None:
    graph = previewed.copy()
    opened = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}
    graph.set("SecurityGroup", "client", "ingress", [{}, opened])
    group = graph.hide("SecurityGroup", "client", "ingress.0")
    judgement = judge("no-public-ingress", graph)
    assert judgement.unverified == [(group.urn, "ingress.0")]
    assert [urn for urn, _ in judgement.violations] == [group.urn]


def test_an_unknown_list_is_unverified(previewed: Graph) -> None:
    graph = previewed.copy()
    group = graph.hide("SecurityGroup", "client", "ingress")
    assert judge("no-public-ingress", graph).unverified == [(group.urn, "ingress")]


def test_a_reference_that_may_mean_several_resources_is_unverified(previewed: Graph) -> None:
    """One unknown, computed from two route tables: taking both for covered would prove too much."""
    graph = previewed.copy()
    endpoint = graph.one("VpcEndpoint", "s3")
    tables = [graph.one("RouteTable", name).urn for name in ("app", "model")]
    endpoint.property_dependencies["routeTableIds"] = tables  # type: ignore[index]
    assert endpoint.urn in {urn for urn, _ in judge("s3-gateway-covers-model-subnets", graph).unverified}
