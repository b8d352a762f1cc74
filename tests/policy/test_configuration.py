"""A configuration that weakens the pack is refused by the pack itself, whoever configures it, and the engine stops."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from google.protobuf.json_format import ParseDict
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from private_inference.runner.policy_pack import PACK, PolicyPack
from private_inference.runner.resource import Resource

LATER = (date.today() + timedelta(days=30)).isoformat()
GROUP = "aws:cloudwatch/logGroup:LogGroup::triage"
REASON = "moved to the archive account nightly"


@pytest.fixture(scope="module")
def stub() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack in a process of its own, without what `private-inference` checks before it asks."""
    with PolicyPack(PACK) as pack:
        yield analyzer_pb2_grpc.AnalyzerStub(pack._channel)


def configure(stub: analyzer_pb2_grpc.AnalyzerStub, rule: str, level: str = "MANDATORY", **options: Any) -> None:
    config = {"policyConfig": {rule: {"enforcementLevel": level, "properties": options}}}
    stub.Configure(ParseDict(config, analyzer_pb2.ConfigureAnalyzerRequest()))


def refusal(stub: analyzer_pb2_grpc.AnalyzerStub, rule: str, level: str = "MANDATORY", **options: Any) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        configure(stub, rule, level, **options)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    return str(refused.value.details())


def test_no_level_is_lowered(stub: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = stub.GetAnalyzerInfo(empty_pb2.Empty())
    for rule in info.policies:
        own = analyzer_pb2.EnforcementLevel.Name(rule.enforcementLevel)
        may_be_advisory = own == "ADVISORY" or rule.name == "resources-are-judged"
        for lower in ("DISABLED",) if may_be_advisory else ("DISABLED", "ADVISORY"):
            said = refusal(stub, rule.name, lower)
            assert f"{rule.name} is lowered from {own.lower()} to {lower.lower()}" in said
        configure(stub, rule.name, own)
        configure(stub, rule.name, "MANDATORY")
        configure(stub, rule.name, "REMEDIATE")


def test_where_things_are_tried_out_what_nothing_judges_is_told_and_so_is_that() -> None:
    config = {"resources-are-judged": "advisory"}
    resource = Resource("urn:pulumi:dev::p::x:y/z:Z::new", "x:y/z:Z", "new", "", True, {}, (), {})
    with PolicyPack(PACK, config) as pack:
        judged = [each for each in pack.analyze(resource) if each.rule == "resources-are-judged"]
        told = [each.message for each in pack.analyze_stack([resource]) if each.rule == "exceptions-in-force"]
    assert [each.blocks for each in judged] == [False]
    assert any("resources-are-judged is advisory" in each for each in told)


@pytest.mark.parametrize(
    ("rule", "options", "said"),
    [
        ("no-public-ingress", {"blocks": ["0.0.0.0/0"]}, "blocks.0"),
        ("no-public-egress", {"blocks": ["::/0"]}, "blocks.0"),
        ("paths-are-as-intended", {"blocks": ["8.0.0.0/8"]}, "blocks.0"),
        ("no-routes-out", {"blocks": [f"{first}.0.0.0/16" for first in range(9)]}, "blocks"),
        ("destinations-are-inside", {"accounts": ["*"]}, "accounts.0"),
        ("destinations-are-inside", {"hosts": ["*.example.com"]}, "hosts.0"),
        ("destinations-are-inside", {"callers": ["21098765432*"]}, "callers.0"),
        ("s3-gateway-reaches-own-buckets", {"buckets": ["*"]}, "buckets.0"),
        ("keys-are-this-stacks", {"keys": ["arn:aws:kms:*:*:key/*"]}, "keys.0"),
        ("two-instances-serve", {"minimum": 1}, "minimum"),
        ("log-groups-are-kept", {"days": 1}, "days"),
        ("no-ways-out", {"everything": True}, "everything"),
    ],
)
def test_no_option_widens_what_passes(
    stub: analyzer_pb2_grpc.AnalyzerStub, rule: str, options: dict[str, Any], said: str
) -> None:
    assert re.search(rf"{rule}: .*{said}", refusal(stub, rule, **options))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"resource": GROUP, "reason": REASON}, "'expires' is a required property"),
        ({"resource": GROUP, "reason": "  ", "expires": LATER}, "exceptions.0.reason"),
        ({"resource": GROUP, "reason": REASON, "expires": "next year"}, "exceptions.0.expires"),
        ({"resource": GROUP, "reason": REASON, "expires": "2027-02-31"}, "is not a date"),
        ({"resource": "triage", "reason": REASON, "expires": LATER}, "exceptions.0.resource"),
        ({"resource": GROUP, "reason": REASON, "expires": "2999-12-31"}, "more than 731 days"),
        ("triage", "is not of type"),
    ],
)
def test_an_incomplete_exception_excepts_nothing(stub: analyzer_pb2_grpc.AnalyzerStub, entry: Any, said: str) -> None:
    with pytest.raises(grpc.RpcError, match=said):
        configure(stub, "stores-are-encrypted", exceptions=[entry])


def test_names_of_ones_own_and_complete_exceptions_are_accepted(stub: analyzer_pb2_grpc.AnalyzerStub) -> None:
    configure(stub, "no-public-ingress", blocks=["198.51.100.0/24", "2001:db8::/32"])
    configure(stub, "destinations-are-inside", accounts=["111122223333"], hosts=["hooks.example.com"], regions=[])
    entry = {"resource": GROUP, "reason": REASON, "expires": LATER}
    configure(stub, "stores-are-encrypted", exceptions=[entry])
