"""AWS extends its prefix lists: what the next update would change in the network."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from components.flow_logs import FlowLogArgs
from components.lookups import look_up
from components.network import PrivateNetwork, PrivateNetworkArgs, plan_network
from components.settings import Settings
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.operations import Operations
from tests.support.recording import REGION, RecordingEngine, record_part
from tests.support.stacks import settings

Rules = dict[str, Mapping[str, Any]]


class LookingUp(RecordingEngine):
    """Records what is created, and looks up in an embedded AWS."""

    def __init__(self, aws: EmbeddedAws) -> None:
        super().__init__()
        self.invoke = MotoEngine(aws).invoke  # type: ignore[method-assign]


@pytest.fixture
def account() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(REGION) as aws:
        yield aws


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings({"owner": "ml-platform", "costCenter": "research", "network": {"deniedCidrs": ["203.0.113.0/24"]}})


def rules(stack: Settings, account: EmbeddedAws) -> Rules:
    """The stack's ACL rules by their names, of the list as it is now."""

    def program() -> None:
        found = look_up(stack)
        PrivateNetwork(
            "network",
            PrivateNetworkArgs(
                settings=stack.network,
                plan=plan_network(stack, found),
                flow_logs=FlowLogArgs(
                    account=found.account,
                    logs_key_arn="arn:aws:kms:us-east-1:123456789012:key/logs",
                    log_retention_days=365,
                    protect=False,
                ),
                protect=False,
            ),
        )

    recorded = record_part(program, LookingUp(account))
    return {rule.urn: rule.properties for rule in recorded.all("NetworkAclRule")}


def test_a_block_in_an_octet_in_use_changes_nothing(stack: Settings, account: EmbeddedAws) -> None:
    before = rules(stack, account)
    Operations(account.endpoint_url).prefix_list_grows("3.5.64.0/21")
    assert rules(stack, account) == before


def test_a_block_in_a_new_octet_adds_one_rule_a_direction_and_touches_no_other(
    stack: Settings, account: EmbeddedAws
) -> None:
    before = rules(stack, account)
    Operations(account.endpoint_url).prefix_list_grows("16.182.0.0/16")
    after = rules(stack, account)
    assert before.items() <= after.items()
    added = [after[urn] for urn in after.keys() - before.keys()]
    assert {(rule["cidrBlock"], rule["egress"]) for rule in added} == {("16.0.0.0/8", True), ("16.0.0.0/8", False)}
    assert len(added) == 2
