"""Callers that live elsewhere: what each is given, and what is refused before anything is created."""

import json
from pathlib import Path
from typing import Any

import parliament
import pytest

from components.caller_contract import CallerContract
from components.settings import SettingsError
from tests.support.recording import ACCOUNT, Recorded, record, stack_config
from tests.support.stacks import OTHERS, endpoint, foreigner, minimal, neighbour, settings

NEAR, FAR, STS = "vpce-0b1c2d3e4f5061728", "vpce-0c1d2e3f405162738", "vpce-0d1e2f30415263748"
INVOKE, STREAM = ["sagemaker:InvokeEndpoint"], ["sagemaker:InvokeEndpointWithResponseStream"]


def stack(archive: Path, *callers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    both = [endpoint(archive), endpoint(archive, name="churn")]
    return minimal(archive, endpoints=both, callers=list(callers), **changes)


@pytest.fixture(scope="module")
def called(archive: Path) -> Recorded:
    watched = {"callsFromOutside": True}
    return record(stack_config(stack(archive, neighbour(), foreigner(endpoints=["triage"]), operators=watched)))


def statement(recorded: Recorded, type_: str, name: str, key: str = "policy") -> dict[str, Any]:
    (found,) = json.loads(recorded.one(type_, name).properties[key])["Statement"]
    return dict(found)


def arns(recorded: Recorded, *names: str) -> list[str]:
    return [str(recorded.one("Endpoint", name).outputs["arn"]) for name in names]


def test_without_the_setting_there_is_none(least: Recorded) -> None:
    assert "callers" not in least.outputs
    assert [each for each in least.resources if each.name.startswith("caller-")] == []


def test_another_vpc_of_the_account_gets_a_policy_for_its_own_endpoints(called: Recorded) -> None:
    allowed = statement(called, "Policy", "caller-billing")
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", INVOKE)
    assert allowed["Resource"] == arns(called, "triage", "churn")
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceVpce": [NEAR]}}


def test_another_account_gets_a_role_that_its_named_principals_take(called: Recorded) -> None:
    role = called.one("Role", "caller-research").properties
    assert (role["name"], role["maxSessionDuration"]) == ("private-inference-test-caller-research", 3600)
    trust = statement(called, "Role", "caller-research", "assumeRolePolicy")
    assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole")
    assert trust["Principal"] == {"AWS": [f"arn:aws:iam::{OTHERS}:role/scoring"]}
    expected = {"sts:ExternalId": "research-scores-triage", "aws:SourceVpce": [STS]}
    assert trust["Condition"] == {"StringEquals": expected}


def test_its_role_calls_what_it_is_for_through_its_own_endpoints(called: Recorded) -> None:
    allowed = statement(called, "RolePolicy", "caller-research")
    assert (allowed["Effect"], allowed["Action"], allowed["Resource"]) == ("Allow", INVOKE, arns(called, "triage"))
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceVpce": [FAR]}}


def test_who_may_stream_is_told_and_let(archive: Path) -> None:
    both = [endpoint(archive, streaming=True), endpoint(archive, name="churn")]
    recorded = record(stack_config(minimal(archive, endpoints=both, callers=[neighbour()])))
    called, streamed = json.loads(recorded.one("Policy", "caller-billing").properties["policy"])["Statement"]
    assert (called["Action"], called["Resource"]) == (INVOKE, arns(recorded, "triage", "churn"))
    assert (streamed["Action"], streamed["Resource"]) == (STREAM, arns(recorded, "triage"))
    assert called["Condition"] == streamed["Condition"] == {"StringEquals": {"aws:SourceVpce": [NEAR]}}
    told = {
        name: each.get("streaming", False) for name, each in recorded.outputs["callers"]["billing"]["endpoints"].items()
    }
    assert told == {"triage": True, "churn": False}


def test_each_contract_has_what_its_caller_needs_and_nothing_of_others(called: Recorded) -> None:
    near, far = (
        CallerContract.model_validate_json(str(called.one("Parameter", f"caller-{name}").properties["insecureValue"]))
        for name in ("billing", "research")
    )
    assert (near.role, near.vpc_endpoint_ids) == (None, (NEAR,))
    assert near.invoke_policy_arn == called.one("Policy", "caller-billing").outputs["arn"]
    assert sorted(near.endpoints) == ["churn", "triage"]
    assert far.invoke_policy_arn is None
    assert list(far.endpoints) == ["triage"]
    assert far.role is not None
    assert far.role.arn == called.one("Role", "caller-research").outputs["arn"]
    assert called.outputs["callers"]["research"]["role"]["externalId"] == "research-scores-triage"
    written = str(called.one("Parameter", "caller-research").properties["insecureValue"])
    assert not any(each in written for each in (NEAR, "churn", "billing"))


def test_a_contract_fits_into_a_standard_parameter(called: Recorded) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""
    for name in ("caller-billing", "caller-research"):
        assert len(str(called.one("Parameter", name).properties["insecureValue"]).encode()) <= 4096


def test_the_policies_to_attach_let_the_callers_requests_pass_and_parliament_finds_nothing(called: Recorded) -> None:
    far, near = called.outputs["callers"]["research"], called.outputs["callers"]["billing"]
    (passed,) = far["runtimeEndpointPolicy"]["Statement"]
    assert passed["Condition"] == {"StringEquals": {"aws:PrincipalArn": far["role"]["arn"]}}
    assert passed["Resource"] == arns(called, "triage")
    (passed,) = near["runtimeEndpointPolicy"]["Statement"]
    assert passed["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    own = far["role"]["identityPolicy"]
    assert [each["Resource"] for each in own["Statement"]] == [[far["role"]["arn"]]]
    found = parliament.analyze_policy_string(json.dumps(own)).findings
    assert [str(each) for each in found] == []


def test_a_call_through_a_callers_endpoint_is_told_of_as_none_from_outside(called: Recorded) -> None:
    detail = json.loads(called.one("EventRule", "calls").properties["eventPattern"])["detail"]
    runtime = called.one("VpcEndpoint", "sagemaker.runtime").id
    assert detail["vpcEndpointId"] == [{"exists": False}, {"anything-but": [runtime, NEAR, FAR]}]


def test_a_call_through_another_accounts_endpoint_that_is_not_its_callers_is_told_of(called: Recorded) -> None:
    detail = json.loads(called.one("EventRule", "calls-by-others").properties["eventPattern"])["detail"]
    role = called.one("Role", "caller-research").outputs["arn"]
    assert detail["vpcEndpointId"] == [FAR]
    issuer = detail["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]
    assert [each.get("anything-but") for each in issuer] == [None, [role]]
    assert called.one("EventTarget", "calls-by-others").properties["arn"] == called.one("Topic").outputs["arn"]


@pytest.mark.parametrize(
    ("callers", "said"),
    [
        ([neighbour(), neighbour()], "callers[1].name: 'billing' is the name of callers[0] too; rename one"),
        ([neighbour(endpoints=["triag"])], "callers[0].endpoints[0]: 'triag' is no endpoint of this stack; choose"),
        ([neighbour(endpoints=["churn", "churn"])], "callers[0].endpoints: ['churn', 'churn'] names one twice"),
        ([neighbour(vpcEndpoints=[NEAR, NEAR])], "names one twice; name each once"),
        ([neighbour(components=["triage-main"])], "callers[0].components[0]: 'triage-main' is no inference component"),
        ([neighbour(externalId="mine")], "callers[0].externalId: 'mine' is for callers of another account"),
        ([neighbour(stsVpcEndpoints=[STS])], f"callers[0].stsVpcEndpoints: ['{STS}'] is for callers of another"),
        ([foreigner(externalId=None)], "callers[0].externalId: 'nothing' is needed to let another account's callers"),
        ([foreigner(principals=[])], "callers[0].principals: 'nothing' is needed to let another account's callers in"),
        ([foreigner(stsVpcEndpoints=[])], "callers[0].stsVpcEndpoints: 'nothing' is needed to let another account's"),
        ([foreigner(account="111122223333")], "is not of the caller's account; name one of there"),
    ],
)
def test_what_of_a_caller_cannot_be(archive: Path, callers: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(stack(archive, *callers))
    assert said in str(caught.value)


def test_the_stacks_own_account_is_no_other(archive: Path) -> None:
    own = foreigner(account=ACCOUNT, principals=[f"arn:aws:iam::{ACCOUNT}:role/scoring"])
    with pytest.raises(SettingsError, match=r"callers\[0\]\.account: '<account>' is the stack's own; leave it out"):
        settings(stack(archive, own, account=ACCOUNT))
    with pytest.raises(SettingsError, match=r"callers\[0\]\.account: it is the stack's own"):
        record(stack_config(stack(archive, own)))


def test_callers_of_nothing_are_refused(archive: Path) -> None:
    with pytest.raises(SettingsError, match=r"callers\[0\]\.name: 'billing' has nothing to call"):
        settings(minimal(archive, endpoints=[], callers=[neighbour()]))
