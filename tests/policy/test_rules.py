"""What holds for every rule: it is in the pack, says enough for a reader, and looks at types that exist."""

import importlib
import json
import re
from importlib.metadata import version
from pathlib import Path

import pulumi_aws
import pytest
from pulumi_policy import EnforcementLevel, Policy, ResourceValidationPolicy, Severity

from policy import pack
from policy.configuration import exceptions_in_force
from policy.schema import ACTIONS, corrections
from private_inference.graph.schema import load
from private_inference.graph.types import INFERENCE_COMPONENT
from private_inference.runner import refresh_policy_schema
from tests.policy.graph import Graph
from tests.policy.judge import RULES, judge

TOKEN = re.compile(r"aws:[a-z0-9]+/[A-Za-z0-9]+:[A-Za-z0-9]+")
POLICY = Path(__file__).parents[2] / "policy"

OTHERS = {  # neither about a way in or out nor about encryption: advisory, as the reader may know better
    "firewall-rules-are-described",
    "log-groups-are-kept",
    "stores-are-kept",
    "defaults-are-hardened",
    "two-instances-serve",
    "variants-are-watched",
    "load-balancers-are-hardened",
}

every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


@pytest.mark.parametrize("name", [path.stem for path in POLICY.glob("[!_]*.py")])
def test_every_policy_that_a_module_declares_is_in_the_pack(name: str) -> None:
    declared = set(pack.rules_of(importlib.import_module(f"policy.{name}")))
    assert declared <= {*pack.RULES, exceptions_in_force}


def test_names_are_unique() -> None:
    names = [rule.name for rule in pack.RULES]
    assert sorted(set(names)) == sorted(names)


@every_rule
def test_a_rule_says_why_and_what_to_do(rule: Policy) -> None:
    assert len(rule.description) > 40
    assert rule.description.endswith(".")
    assert rule.remediation_steps
    assert isinstance(rule.severity, Severity)
    assert rule.framework or rule.tags


@every_rule
def test_whatever_opens_or_exposes_is_mandatory(rule: Policy) -> None:
    expected = EnforcementLevel.ADVISORY if rule.name in OTHERS else EnforcementLevel.MANDATORY
    assert rule.enforcement_level is expected


@every_rule
def test_a_rule_can_be_excepted_from_and_its_options_have_defaults(rule: Policy) -> None:
    assert rule.config_schema is not None
    options = rule.config_schema.properties
    assert options["exceptions"]["items"]["required"] == ["resource", "reason", "expires"]
    assert all("default" in option and "description" in option for option in options.values())


def test_every_type_is_one_of_the_provider() -> None:
    sources = Path(pulumi_aws.__file__).parent.rglob("*.py")
    provided = {token for source in sources for token in TOKEN.findall(source.read_text(encoding="utf-8"))}
    used = {token for source in POLICY.glob("*.py") for token in TOKEN.findall(source.read_text(encoding="utf-8"))}
    assert used
    assert used - provided == set()


def test_no_rule_remediates() -> None:
    """Remediation would see unknown values as strings, and lose what is secret."""
    assert not any(isinstance(r, ResourceValidationPolicy) and r.has_remediation() for r in RULES.values())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_tables_are_what_their_sources_say() -> None:
    """The whole schema takes most of a minute to read; these modules have blocks, lists, maps and arguments renamed."""
    assert json.loads(ACTIONS.read_text()) == refresh_policy_schema.without_resource()
    assert version("pulumi-aws") in load()["//"]
    for module in ("sqs/", "kinesis/", "dynamodb/", "s3/bucketServerSideEncryptionConfiguration"):
        provided = refresh_policy_schema.provided(module)
        assert provided
        assert {token: load()[token] for token in provided} == provided


def test_corrections_name_types_and_properties_of_the_provider() -> None:
    table = corrections()
    of_types = [table[name]["of a type"] for name in ("private values", "guards", "connections")]
    places: dict[str, list[str]] = {}
    for paths_of in (*of_types, table["keys"]["also"]):
        for type_, paths in paths_of.items():
            places.setdefault(type_, []).extend(paths)
    for type_, paths in table["placement"]["or by"].items():
        places.setdefault(type_, []).extend(paths)
    for each in [*table["keys"]["not needed"], *table["destinations"]["not outside"]]:
        type_, _, path = each.rpartition(" ")
        if type_:
            places.setdefault(type_, []).append(path)
    for type_, paths in places.items():
        for path in paths:
            if path[0].isupper():  # a name in JSON text, which AWS writes so, and the schema doesn't know
                continue
            node = load()[type_]
            for name in path.split("."):
                assert name in node, f"{type_} {path}"
                node = node[name]
    assert {type_ for types in table["judged"].values() for type_ in types} <= {*load(), INFERENCE_COMPONENT}
    assert set(table["placement"]["by others"]) <= set(load())
    assert {*table["documents"]["of another form"], *table["documents"]["limits"]} <= set(load())


@pytest.mark.parametrize(
    ("rule", "type_", "name", "path", "value"),
    [
        ("no-routes-out", "RouteTable", "app", "routes", ["0.0.0.0/0"]),
        ("no-public-ingress", "SecurityGroupIngressRule", "access-from-client", "cidrIpv4", "everywhere"),
        ("network-acls-are-narrow", "NetworkAclRule", "app-ingress-10011", "cidrBlock", "10.0.0.0/99"),
        ("nothing-switched-public", "Model", "triage", "vpcConfig", "yes"),
        ("network-acls-are-symmetric", "NetworkAclRule", "app-ingress-10011", "ruleNumber", "first"),
    ],
)
def test_what_a_rule_cannot_read_is_a_violation(
    rule: str, type_: str, name: str, path: str, value: object, previewed: Graph
) -> None:
    graph = previewed.copy()
    graph.set(type_, name, path, value)
    assert any("shape" in message for _, message in judge(rule, graph).violations)


def test_options_change_what_a_rule_asks(previewed: Graph) -> None:
    assert judge("log-groups-are-kept", previewed).silent
    assert not judge("log-groups-are-kept", previewed, {"days": 400}).silent
    assert not judge("required-endpoints-exist", previewed, {"services": ["sagemaker.runtime", "kms"]}).silent
    assert not judge("two-instances-serve", previewed, {"minimum": 3}).silent

    graph = previewed.copy()
    graph.set("SecurityGroupIngressRule", "access-from-192.168.0.0-16", "cidrIpv4", "198.51.100.0/24")
    assert not judge("no-public-ingress", graph).silent
    assert judge("no-public-ingress", graph, {"blocks": ["198.51.100.0/24"]}).silent
