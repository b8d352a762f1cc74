"""The rules through the SDK's own server, in this process: what reaches the engine as a diagnostic."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from pulumi.runtime import rpc
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel

from policy.configuration import Analyzer, exceptions_in_force
from policy.exceptions import APPLIED_EXCEPTIONS
from private_inference.runner.policy_config import reconcile
from private_inference.runner.policy_pack import analyze_request, stack_request
from private_inference.runner.resource import Resource
from tests.policy.graph import Graph
from tests.policy.judge import RULES
from tests.policy.neighbours import allow

pytestmark = pytest.mark.xdist_group("policy")

SOON = (date.today() + timedelta(days=30)).isoformat()
SECRET = "the-secret-value-of-a-password"


class Server:
    """The SDK's servicer with all rules, as `PolicyPack` makes it."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        APPLIED_EXCEPTIONS.take()
        rules = [*RULES.values(), exceptions_in_force]
        make: Any = Analyzer
        self._servicer = make("private-inference", "0", rules, EnforcementLevel.ADVISORY)
        policies = self._servicer.GetAnalyzerInfo(None, None).policies
        request = analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=reconcile(policies, config or {}))
        self._servicer.Configure(request, None)

    def analyze(self, resource: Resource) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        return list(self._servicer.Analyze(analyze_request(resource), None).diagnostics)

    def analyze_stack(self, graph: Graph) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        return list(self._servicer.AnalyzeStack(stack_request(graph), None).diagnostics)


def test_a_deployed_stack_gets_no_diagnostic(deployed: Graph) -> None:
    server = Server()
    assert [d for resource in deployed for d in server.analyze(resource)] == []
    assert server.analyze_stack(deployed) == []


def test_what_cannot_be_verified_is_said_by_the_rule_itself(previewed: Graph) -> None:
    server = Server()
    said = server.analyze(previewed.one("aws:s3/bucketPolicy:BucketPolicy", "artifacts"))
    assert {d.policyName for d in said} == {"policies-are-documents", "resource-policies-name-principals"}
    for diagnostic in [*said, *server.analyze_stack(previewed)]:
        assert diagnostic.enforcementLevel == analyzer_pb2.ADVISORY
        assert "cannot be verified before deployment: " in diagnostic.message


def test_a_violation_names_rule_resource_reason_and_fix(previewed: Graph) -> None:
    graph = previewed.copy()
    gateway = graph.add("aws:ec2/internetGateway:InternetGateway", "main", {})
    [diagnostic] = Server().analyze(gateway)
    assert diagnostic.policyName == "no-ways-out"
    assert diagnostic.enforcementLevel == analyzer_pb2.MANDATORY
    assert "aws:ec2/internetGateway:InternetGateway::main is an internet gateway" in diagnostic.message
    assert RULES["no-ways-out"].description in diagnostic.message
    assert "To fix it: remove it" in diagnostic.message


def test_a_violation_of_the_stack_names_the_resource(previewed: Graph) -> None:
    graph = previewed.copy()
    graph.remove("FlowLog", "network")
    said = [d for d in Server().analyze_stack(graph) if d.policyName == "vpc-has-flow-logs"]
    assert [d.urn for d in said] == [graph.one("Vpc", "network").urn]


def test_exceptions_come_with_the_configuration(previewed: Graph) -> None:
    graph = previewed.copy()
    group = graph.drop("LogGroup", "triage", "kmsKeyId")
    entry = {
        "resource": group.urn,
        "reason": "shredded hourly by its owner",
        "expires": SOON,
    }
    server = Server({"stores-are-encrypted": {"exceptions": [entry]}})
    assert server.analyze(group) == []
    [listed] = [d for d in server.analyze_stack(graph) if d.policyName == "exceptions-in-force"]
    assert listed.enforcementLevel == analyzer_pb2.ADVISORY
    assert "shredded hourly by its owner" in listed.message


@pytest.mark.parametrize(
    ("type_", "name", "path"),
    [
        ("SecurityGroupIngressRule", "access-from-192.168.0.0-16", "cidrIpv4"),
        ("LogGroup", "triage", "kmsKeyId"),
        ("aws:iam/role:Role", "team", "assumeRolePolicy"),
        ("RolePolicy", "team", "policy"),
        ("EndpointConfiguration", "triage-*", "productionVariants.0.instanceType"),
        ("aws:appautoscaling/target:Target", "triage", "resourceId"),
        ("Listener", "front", "sslPolicy"),
        ("BucketPolicy", "artifacts", "policy"),
        ("RestApi", "scoring", "endpointConfiguration.types"),
    ],
)
def test_values_are_not_repeated(type_: str, name: str, path: str, previewed: Graph) -> None:
    graph = previewed.copy()
    changed = graph.set(type_, name, path, rpc.wrap_rpc_secret(SECRET))
    server = Server()
    said = server.analyze(changed) + server.analyze_stack(graph)
    assert said
    assert SECRET not in " ".join(d.message for d in said)


def test_account_ids_are_not_repeated(previewed: Graph) -> None:
    graph = previewed.copy()
    document = json.loads(allow("s3:*", "*"))
    document["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::*:role/x"}
    changed = graph.set("aws:iam/role:Role", "team", "assumeRolePolicy", json.dumps(document))
    attached = graph.set("RolePolicy", "team", "policy", allow("iam:*", "arn:aws:iam::123456789012:role/*"))
    said = Server().analyze(changed) + Server().analyze(attached)
    assert said
    assert "123456789012" not in " ".join(d.message for d in said)
