"""VPC Block Public Access: what AWS's own example says of it is found, and programs and EC2 are read as they mean it.

The example: https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-example.html. Instances A and B are in
public subnets, C is behind the NAT gateway in B's subnet, D behind an egress-only internet gateway.
"""

from dataclasses import replace
from typing import Any

import pytest

from private_inference.reachability.from_ec2.block_public_access import block_mode, exclusion
from private_inference.reachability.from_graph.load import load
from private_inference.reachability.model import (
    BlockMode,
    Cidr,
    ExclusionMode,
    Gateway,
    GatewayKind,
    Interface,
    Network,
    NetworkAcl,
    Route,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
    open_rules,
)
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.trace import Verdict, trace
from tests.reachability.declared import Declared, Program
from tests.reachability.networks import OPEN_ACL

BLOCKS = {"a": "10.0.1.0/24", "b": "10.0.2.0/24", "c": "10.0.3.0/24", "d": "2001:db8:0:4::/64"}
ADDRESSES = {"a": "10.0.1.4", "b": "10.0.2.4", "c": "10.0.3.4", "d": "2001:db8:0:4::4"}
INTERNET = {"igw": "203.0.113.9", "nat": "203.0.113.9", "eigw": "2600::9"}
WAYS = {"a": "igw", "b": "igw", "c": "nat", "d": "eigw"}

OFF, INGRESS, BIDIRECTIONAL = BlockMode.OFF, BlockMode.INGRESS, BlockMode.BIDIRECTIONAL


def example(mode: BlockMode, excluded: ExclusionMode | None) -> Network:
    """The example's network: everything is open but for VPC Block Public Access."""
    subnets = [
        Subnet(key, "vpc", "zone", (block,), f"rtb-{key}", "acl", exclusion=excluded if key == "a" else None)
        for key, block in BLOCKS.items()
    ]
    interfaces = [
        Interface(f"eni-{key}", key, frozenset({"sg"}), (address,), public=key in "ab")
        for key, address in ADDRESSES.items()
    ]
    default = {key: Cidr("::/0" if key == "d" else "0.0.0.0/0") for key in BLOCKS}
    return Network.of(
        [
            Vpc("vpc", ("10.0.0.0/16", "2001:db8::/56"), block_mode=mode),
            *subnets,
            *interfaces,
            *(RouteTable(f"rtb-{key}", "vpc", (Route(default[key], WAYS[key]),)) for key in BLOCKS),
            NetworkAcl("acl", "vpc", OPEN_ACL, OPEN_ACL),
            SecurityGroup("sg", "vpc", open_rules(), open_rules()),
            Gateway("igw", "vpc", GatewayKind.INTERNET),
            Gateway("nat", "vpc", GatewayKind.NAT, ("b",)),
            Gateway("eigw", "vpc", GatewayKind.EGRESS_ONLY),
        ]
    )


def answered(network: Network, key: str, *, inwards: bool = False) -> bool:
    """Whether a ping is answered that an instance sends, or that is sent to it."""
    finder = PathFinder(network)
    (instance,) = finder.interface_sets([network.interfaces[f"eni-{key}"]])
    internet = finder.outside(network.gateways[WAYS[key]])
    return bool((finder.path(internet, instance) if inwards else finder.path(instance, internet)).answered)


@pytest.mark.parametrize(
    ("mode", "excluded", "reached", "reaching"),
    [
        pytest.param(OFF, None, "ab", "abcd", id="1: off"),
        pytest.param(BIDIRECTIONAL, None, "", "", id="2: bidirectional"),
        pytest.param(INGRESS, None, "", "cd", id="3: ingress-only"),
        pytest.param(INGRESS, ExclusionMode.BIDIRECTIONAL, "a", "acd", id="4: subnet A excluded"),
        pytest.param(INGRESS, ExclusionMode.EGRESS, "", "cd", id="5: subnet A excluded for egress"),
        pytest.param(BIDIRECTIONAL, ExclusionMode.EGRESS, "", "", id="6: that, bidirectional"),
    ],
)
def test_pings_are_answered_as_aws_says(
    mode: BlockMode, excluded: ExclusionMode | None, reached: str, reaching: str
) -> None:
    network = example(mode, excluded)
    assert {key for key in "ab" if answered(network, key, inwards=True)} == set(reached)
    assert {key for key in "abcd" if answered(network, key)} == set(reaching)


def test_a_nat_gateway_that_leads_to_other_networks_is_not_blocked() -> None:
    network = example(BIDIRECTIONAL, None)
    private = RouteTable("rtb-b", "vpc", (Route(Cidr("0.0.0.0/0"), "vgw"),))
    gateways = {**network.gateways, "vgw": Gateway("vgw", "vpc", GatewayKind.VIRTUAL_PRIVATE)}
    network = replace(network, gateways=gateways, route_tables={**network.route_tables, "rtb-b": private})
    assert answered(network, "c")


def test_a_trace_names_it_and_what_would_lift_it() -> None:
    found = trace(example(BIDIRECTIONAL, None), "eni-a", INTERNET["igw"], 443)
    assert found.verdict is Verdict.REFUSED
    assert found.refusal
    assert found.refusal.place == "VPC Block Public Access in a"
    assert found.refusal.reason == "block-bidirectional is in force"
    assert found.refusal.remedy == "an exclusion of a with allow-bidirectional"


def test_a_request_may_leave_though_its_answer_is_refused() -> None:
    """AWS shows that nothing comes back; that nothing leaves it shows nowhere."""
    assert trace(example(INGRESS, None), "eni-a", INTERNET["igw"], 443).verdict is Verdict.ONE_WAY


# As programs declare it

KNOWN = pytest.mark.parametrize("known", [True, False], ids=["known", "preview"])


@pytest.fixture
def program() -> Program:
    """A VPC with two subnets, for which VPC Block Public Access is on."""
    made = Program()
    vpc = made.add("ec2:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    for name, block in (("one", "10.0.1.0/24"), ("two", "10.0.2.0/24")):
        made.add("ec2:Subnet", name, vpcId=vpc, cidrBlock=block, availabilityZone=f"zone-{name}")
    options(made)
    return made


def options(program: Program, **more: Any) -> Declared:
    mode = {"internetGatewayBlockMode": "block-bidirectional", **more}
    return program.add("ec2:VpcBlockPublicAccessOptions", f"options-{len(program.resources)}", **mode)


def exclude(program: Program, **what: Any) -> None:
    given = {"internetGatewayExclusionMode": "allow-egress", **what}
    program.add("ec2:VpcBlockPublicAccessExclusion", f"exclusion-{len(program.resources)}", **given)


def exclusions(network: Network) -> dict[str, ExclusionMode | None]:
    return {subnet.name: subnet.exclusion for subnet in network.subnets.values()}


def mode_of(network: Network) -> BlockMode:
    (vpc,) = network.vpcs.values()
    return vpc.block_mode


@KNOWN
def test_a_program_sets_the_mode_of_its_vpcs(program: Program, known: bool) -> None:
    network = program.network(known)
    assert mode_of(network) is BIDIRECTIONAL
    assert exclusions(network) == {"one": None, "two": None}
    assert network.undecided == ()


@KNOWN
def test_an_exclusion_is_a_subnets_or_a_vpcs_and_the_more_open_counts(program: Program, known: bool) -> None:
    exclude(program, subnetId=program.get("Subnet", "one"))
    assert exclusions(program.network(known)) == {"one": ExclusionMode.EGRESS, "two": None}
    exclude(program, vpcId=program.get("Vpc", "vpc"), internetGatewayExclusionMode="allow-bidirectional")
    assert exclusions(program.network(known)) == dict.fromkeys(("one", "two"), ExclusionMode.BIDIRECTIONAL)


@KNOWN
def test_an_exclusion_of_another_vpc_is_none_of_this_one(program: Program, known: bool) -> None:
    exclude(program, vpcId="vpc-0123456789abcdef0")
    assert exclusions(program.network(known)) == {"one": None, "two": None}


def test_of_two_that_differ_none_counts(program: Program) -> None:
    options(program, internetGatewayBlockMode="off")
    network = program.network()
    assert mode_of(network) is OFF
    assert {one.property for one in network.undecided} == {"region"}


def test_what_is_about_another_region_blocks_nothing(program: Program) -> None:
    program.remove("VpcBlockPublicAccessOptions", "options-3")
    options(program, region="eu-central-1")
    network = program.network()
    assert mode_of(network) is OFF
    assert [one.reason for one in network.undecided] == ["may be about another account or Region than vpc's"]


def test_beside_a_second_provider_nothing_is_blocked(program: Program) -> None:
    for name in ("here", "there"):
        program.resources.append(Declared("pulumi:providers:aws", name, {}))
    assert mode_of(program.network()) is OFF


def test_an_unknown_exclusion_is_everybodys_and_opens_all(program: Program) -> None:
    exclude(program, vpcId=program.get("Vpc", "vpc"))
    shown = program.shown(known=False)
    made = shown[-1]
    made.sources = {"vpcId": ["urn:pulumi:test::other::pulumi:pulumi:StackReference::x"]}
    network = load(shown)
    assert set(exclusions(network).values()) == {ExclusionMode.EGRESS}
    assert {one.property for one in network.undecided} == {"vpcId"}


# As EC2 describes it

VPC = {"VpcId": "vpc", "OwnerId": "123456789012"}


def described(state: str = "update-complete", account: str = "123456789012", **more: Any) -> dict[str, Any]:
    mode = {"State": state, "AwsAccountId": account, "InternetGatewayBlockMode": "block-ingress"}
    return {"VpcBlockPublicAccessOptions": [mode], "VpcBlockPublicAccessExclusions": [], **more}


def excluded(state: str, mode: str = "allow-egress", what: str = "subnet/subnet-1") -> dict[str, str]:
    arn = f"arn:aws:ec2:us-east-1:123456789012:{what}"
    return {"State": state, "InternetGatewayExclusionMode": mode, "ResourceArn": arn}


@pytest.mark.parametrize(
    ("answer", "mode"),
    [
        (described(), INGRESS),
        (described("default-state"), INGRESS),
        (described("update-in-progress"), OFF),
        (described(account="210987654321"), OFF),
    ],
    ids=["set", "as it always was", "changing", "of an account that the VPC is shared with"],
)
def test_the_mode_is_the_one_in_force_for_the_owner(answer: dict[str, Any], mode: BlockMode) -> None:
    assert block_mode(answer, VPC) is mode


@pytest.mark.parametrize(
    ("found", "mode"),
    [
        ([excluded("create-complete")], ExclusionMode.EGRESS),
        ([excluded("create-complete", what="vpc/vpc")], ExclusionMode.EGRESS),
        ([excluded("create-complete", what="vpc/vpc-2"), excluded("create-complete", what="subnet/subnet-12")], None),
        ([excluded("create-complete"), excluded("create-complete", "allow-bidirectional", "vpc/vpc")],
         ExclusionMode.BIDIRECTIONAL),
        ([excluded("update-in-progress")], ExclusionMode.BIDIRECTIONAL),
        ([excluded("delete-in-progress")], ExclusionMode.BIDIRECTIONAL),
        ([excluded("delete-complete"), excluded("create-failed"), excluded("disable-complete")], None),
    ],
)  # fmt: skip
def test_an_exclusion_counts_until_it_has_ended(found: list[dict[str, str]], mode: ExclusionMode | None) -> None:
    assert exclusion(described(VpcBlockPublicAccessExclusions=found), "subnet-1", "vpc") is mode
