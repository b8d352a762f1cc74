"""What a team adds beside the stack is accepted with the flows that it declares, and named where it doesn't fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from private_inference.cli.check import Checked, preview
from private_inference.cli.check import check as run_check
from private_inference.cli.proof import network_of
from private_inference.reachability.intent import check, trace_parties
from private_inference.reachability.model import Cidr, Network, SgRule
from private_inference.reachability.stack_intent import intent_from
from private_inference.reachability.trace import Verdict
from private_inference.reachability.traffic import services
from private_inference.runner.project import StackConfig, decode, encode, load_stack, settings_of

ROOT = Path(__file__).parents[2]
FLOWS = "private-inference:network"
DATABASE, POSTGRES = "10.0.192.0/23", services("tcp", 5432, 5432)

pytestmark = pytest.mark.xdist_group("additions")  # one check for all of them


@pytest.fixture(scope="module")
def config() -> StackConfig:
    return load_stack(ROOT / "examples" / "additions", "dev")


@pytest.fixture(scope="module")
def checked(config: StackConfig) -> Checked:
    return run_check(config, {})


@pytest.fixture
def network(checked: Checked) -> Network:
    return network_of(checked.run)


def without_flows(config: StackConfig) -> StackConfig:
    network = {key: value for key, value in decode(config.values[FLOWS]).items() if key != "flows"}
    return replace(config, values={**config.values, FLOWS: encode(network)})


def problems(config: StackConfig, network: Network) -> set[str]:
    report = check(network, intent_from(settings_of(config), network))
    return {*map(str, report.failures), *report.unmet}


def test_pack_and_proofs_accept_it(checked: Checked) -> None:
    assert [finding for finding in checked.verdicts.findings if finding.blocks] == []
    assert checked.passed


def test_clients_have_to_reach_the_database_and_the_load_balancer(config: StackConfig, network: Network) -> None:
    report = check(network, intent_from(settings_of(config), network))
    works = {(cell.source, cell.destination) for cell in report.cells if cell.required and not cell.failures}
    assert {("clients", f"tcp 5432 in {DATABASE}"), ("clients", "clients")} <= works


def test_what_no_flow_declares_is_surplus(config: StackConfig, network: Network) -> None:
    found = problems(without_flows(config), network)
    assert "surplus: clients → unlisted in other subnets, tcp 5432" in found
    assert "surplus: clients → clients, tcp 443" in found


def test_without_the_flows_the_program_opens_no_way_to_the_database(config: StackConfig) -> None:
    network, intent = preview(without_flows(config))
    assert trace_parties(network, intent, "clients", "features", 5432).verdict is Verdict.REFUSED


def test_an_acl_of_the_team_that_lets_nobody_in_is_named(config: StackConfig, network: Network) -> None:
    (key,) = [key for key, acl in network.acls.items() if acl.name == "features"]
    closed = replace(network.acls[key], ingress=())
    found = problems(config, replace(network, acls={**network.acls, key: closed}))
    assert f"missing: clients → tcp 5432 in {DATABASE}, tcp 5432" in found


def test_a_group_of_the_team_that_lets_nobody_in_is_named(config: StackConfig, network: Network) -> None:
    (key,) = [key for key, group in network.groups.items() if group.name == "features"]
    closed = replace(network.groups[key], ingress=())
    (said,) = problems(config, replace(network, groups={**network.groups, key: closed}))
    assert said.startswith(f"the settings ask for clients → {DATABASE}, tcp 5432, and no security group of a workload")


def test_a_database_that_others_reach_is_named(config: StackConfig, network: Network) -> None:
    (key,) = [key for key, group in network.groups.items() if group.name == "features"]
    group = network.groups[key]
    wide = replace(group, ingress=(*group.ingress, SgRule(POSTGRES, Cidr("10.0.0.0/16"))))
    assert problems(config, replace(network, groups={**network.groups, key: wide})) == {
        f"surplus: unlisted in app → tcp 5432 in {DATABASE}, tcp 5432"
    }
