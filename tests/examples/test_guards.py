"""The stack that owns the guards of its account: VPC Block Public Access is a fact to the proof, and no excuse."""

from pathlib import Path

import pytest

from private_inference.cli.check import Checked
from private_inference.cli.check import check as run_check
from private_inference.cli.proof import network_of, prove
from private_inference.runner.project import StackConfig, load_stack, settings_of
from tests.policy.graph import Graph, Ref
from tests.policy.judge import judge

ROOT = Path(__file__).parents[2]
PROOF, RULE = "paths-are-as-intended", "no-ways-out"
SOMEWHERE = "198.51.100.0/24"
OPTIONS = ("VpcBlockPublicAccessOptions", "account", "internetGatewayBlockMode")

pytestmark = pytest.mark.xdist_group("guards")  # one check for all of them


@pytest.fixture(scope="module")
def config() -> StackConfig:
    return load_stack(ROOT / "examples" / "guards", "dev")


@pytest.fixture(scope="module")
def checked(config: StackConfig) -> Checked:
    return run_check(config, {})


@pytest.fixture
def opened(checked: Checked) -> Graph:
    """The stack with a whole way to the internet: gateway, route, ACL, group, and a host with a public address."""
    graph = Graph(checked.run.all_resources, preview=True)
    client, subnet = Ref("SecurityGroup", "client"), Ref("Subnet", "app-us-east-1a")
    https = {"fromPort": 443, "toPort": 443}
    graph.add("aws:ec2/internetGateway:InternetGateway", "out", {"vpcId": Ref("Vpc", "network")})
    out = Ref("InternetGateway", "out")
    route = {"routeTableId": Ref("RouteTable", "app"), "destinationCidrBlock": SOMEWHERE, "gatewayId": out}
    graph.add("aws:ec2/route:Route", "out", route)
    rule = {"ruleNumber": 30000, "egress": True, "ruleAction": "allow", "protocol": "tcp", "cidrBlock": SOMEWHERE}
    acl = {"networkAclId": Ref("NetworkAcl", "app"), **rule, **https}
    graph.add("aws:ec2/networkAclRule:NetworkAclRule", "out", acl)
    egress = {"securityGroupId": client, "ipProtocol": "tcp", "cidrIpv4": SOMEWHERE, **https}
    graph.add("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "out", egress)
    host = {"subnetId": subnet, "vpcSecurityGroupIds": [client], "associatePublicIpAddress": True}
    graph.add("aws:ec2/instance:Instance", "host", host)
    return graph


def test_pack_and_proofs_accept_it(config: StackConfig, checked: Checked) -> None:
    assert [finding for finding in checked.verdicts.findings if finding.blocks] == []
    assert checked.passed
    assert prove(settings_of(config), network_of(checked.run)).proved


def test_a_gateway_that_the_account_blocks_is_refused_all_the_same(opened: Graph) -> None:
    assert judge(PROOF, opened).violations == []
    assert [message for _, message in judge(RULE, opened).violations if "is an internet gateway" in message]


@pytest.mark.parametrize("mode", ["off", "block-ingress"])
def test_without_the_block_the_packets_are_seen(opened: Graph, mode: str) -> None:
    """With block-ingress nothing comes back; that nothing leaves is not said."""
    opened.set(*OPTIONS, mode)
    assert [message for _, message in judge(PROOF, opened).violations if "pass to the internet" in message]


@pytest.mark.parametrize("excluded", [{"vpcId": Ref("Vpc", "network")}, {"subnetId": Ref("Subnet", "app-us-east-1a")}])
def test_what_is_excluded_from_it_is_not_blocked(opened: Graph, excluded: dict[str, Ref]) -> None:
    exclusion = {"internetGatewayExclusionMode": "allow-egress", **excluded}
    opened.add("aws:ec2/vpcBlockPublicAccessExclusion:VpcBlockPublicAccessExclusion", "own", exclusion)
    assert [message for _, message in judge(PROOF, opened).violations if "pass to the internet" in message]
    assert [message for _, message in judge(RULE, opened).violations if "from VPC Block Public Access" in message]
