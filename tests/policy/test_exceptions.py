"""Exceptions: for one resource, with a reason, until a day; listed while they hold, a violation afterwards."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy import StackValidationArgs

from policy.configuration import exceptions_in_force
from policy.exceptions import APPLIED_EXCEPTIONS, today
from tests.policy.graph import Graph
from tests.policy.judge import Judgement, judge, policy_resources
from tests.support.recording import record, stack_config
from tests.support.stacks import minimal

GROUP = "aws:cloudwatch/logGroup:LogGroup::triage"
REASON = "moved to the archive account nightly"


def soon() -> str:
    return (today() + timedelta(days=30)).isoformat()


def granted(resource: str = GROUP, *, days: int = 30, reason: str = REASON) -> dict[str, Any]:
    expires = (today() + timedelta(days=days)).isoformat()
    return {"exceptions": [{"resource": resource, "reason": reason, "expires": expires}]}


@pytest.fixture
def unencrypted(previewed: Graph) -> Graph:
    APPLIED_EXCEPTIONS.take()
    graph = previewed.copy()
    graph.drop("LogGroup", "triage", "kmsKeyId")
    graph.drop("LogGroup", "network-flow-logs", "kmsKeyId")
    return graph


def listed(graph: Graph) -> list[tuple[str, str]]:
    judgement = Judgement()
    exceptions_in_force.validate(StackValidationArgs(policy_resources(graph)), judgement.report)
    return judgement.violations


@pytest.mark.parametrize("by_urn", [False, True])
def test_one_resource_is_excepted_and_listed_once(by_urn: bool, unencrypted: Graph) -> None:
    urn = unencrypted.one("LogGroup", "triage").urn
    other = unencrypted.one("LogGroup", "network-flow-logs").urn
    judgement = judge("stores-are-encrypted", unencrypted, granted(urn if by_urn else GROUP))
    assert [named for named, _ in judgement.violations] == [other]
    [(named, message)] = listed(unencrypted)
    assert named == urn
    assert "stores-are-encrypted" in message
    assert REASON in message
    assert "names no customer key" in message
    assert listed(unencrypted) == []


def test_the_last_day_counts(unencrypted: Graph) -> None:
    judgement = judge("stores-are-encrypted", unencrypted, granted(days=0))
    assert len(judgement.violations) == 1


def test_an_expired_exception_protects_nothing_and_is_a_violation(unencrypted: Graph) -> None:
    judgement = judge("stores-are-encrypted", unencrypted, granted(days=-1))
    about = [message for urn, message in judgement.violations if urn == unencrypted.one("LogGroup", "triage").urn]
    assert len(about) == 2
    assert any("was excepted until" in message and REASON in message for message in about)
    assert listed(unencrypted) == []


def test_an_expired_exception_is_a_violation_even_of_what_complies(previewed: Graph) -> None:
    judgement = judge("stores-are-encrypted", previewed, granted(days=-1))
    assert [urn for urn, _ in judgement.violations] == [previewed.one("LogGroup", "triage").urn]


def test_an_exception_of_a_stack_rule(previewed: Graph) -> None:
    APPLIED_EXCEPTIONS.take()
    graph = previewed.copy()
    graph.remove("FlowLog", "network")
    config = granted("aws:ec2/vpc:Vpc::network")
    assert judge("vpc-has-flow-logs", graph, config).silent
    assert len(listed(graph)) == 1


def test_a_name_that_only_ends_alike_is_not_excepted(unencrypted: Graph) -> None:
    config = granted("logGroup:LogGroup::triage")
    assert len(judge("stores-are-encrypted", unencrypted, config).violations) == 2


def test_today_is_a_date() -> None:
    assert isinstance(today(), date)


def test_awss_own_network_interface_permissions_need_an_exception_for_their_policy(archive: Path) -> None:
    """What `security.networkInterfacesUnscopedBecause` asks of the pack's configuration."""
    security = {"networkInterfacesUnscopedBecause": "SageMaker refuses the bounded form in this account"}
    config = stack_config(minimal(archive, security=security))
    rule, kind = "no-wildcard-resources", "aws:iam/rolePolicy:RolePolicy"
    deployed = record(config).resources
    named = {urn.rpartition("::")[2] for urn, _ in judge(rule, deployed).violations}
    assert named == {"triage-interfaces"}
    exceptions = {"exceptions": [each for name in named for each in granted(f"{kind}::{name}")["exceptions"]]}
    assert judge(rule, deployed, exceptions).violations == []
