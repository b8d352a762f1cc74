"""Unknown values don't hide what is known beside them."""

from dataclasses import replace

from pulumi.runtime import rpc
from pulumi_policy.proxy import unknown_checking_proxy

from policy.resources import reveal
from private_inference.graph.values import Unknown
from tests.policy.graph import Graph
from tests.policy.judge import judge

URN = "urn:pulumi:test::p::t::n"


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
    graph.replace(replace(endpoint, property_dependencies={**endpoint.property_dependencies, "routeTableIds": tables}))
    assert endpoint.urn in {urn for urn, _ in judge("s3-gateway-covers-model-subnets", graph).unverified}


def test_an_unknown_is_a_key_only_if_this_stack_makes_it_known(previewed: Graph) -> None:
    graph = previewed.copy()
    queue = graph.one("aws:sqs/queue:Queue", "answers")
    assert queue.urn not in judge("keys-are-this-stacks", graph).named
    hidden = graph.hide("aws:sqs/queue:Queue", "answers", "kmsMasterKeyId")
    assert (hidden.urn, "kmsMasterKeyId") in judge("keys-are-this-stacks", graph).unverified


def test_an_unknown_destination_and_an_unknown_secret_are_unverified(previewed: Graph) -> None:
    graph = previewed.copy()
    capture = graph.hide("EndpointConfiguration", "triage-*", "dataCaptureConfig.destinationS3Uri")
    assert capture.urn in {urn for urn, _ in judge("destinations-are-inside", graph).unverified}
    function = graph.hide("aws:lambda/function:Function", "scorer", "environment.variables.DB_PASSWORD")
    assert function.urn in {urn for urn, _ in judge("no-plain-secrets", graph).unverified}
