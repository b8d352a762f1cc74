"""Permissions joined with the network: over which paths the roles of a program's workloads can call at all."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from private_inference.authorization.answer import Answer, Verdict, answer
from private_inference.authorization.intent import Intent, Judged, check, judged
from private_inference.authorization.model import Account
from private_inference.authorization.questions import questions
from private_inference.authorization.stack_intent import intent_from
from private_inference.cli.authorization import account_of, authorization_problems
from private_inference.cli.proof import declared, network_of
from private_inference.cli.workloads import joined
from private_inference.graph.resources import Resource
from private_inference.reachability.model import AclRule, Cidr, Gateway, GatewayKind, Network, Route, open_rules
from private_inference.reachability.traffic import ALL_TRAFFIC
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.runner.symbols import SymbolEngine, without_symbols
from tests.authorization.concrete import allowed
from tests.authorization.replay import replayed
from tests.support.recording import ROOT

pytestmark = pytest.mark.xdist_group("workloads")

BESIDE = """
import json
import pulumi_aws as aws
from components.cidr import Tier

options = pulumi.ResourceOptions(provider=provider)
app = network.subnet_ids(Tier.APP)
other = aws.ec2.SecurityGroup("other", vpc_id=network.vpc.id, opts=options)
inside, outside = ({"subnet_ids": app, "security_group_ids": [group.id]} for group in (groups.client, other))
policy = endpoints["triage"].invoke_policy.arn


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


def role(name, *services, people=(), statements=()):
    takers = [{"Service": f"{each}.amazonaws.com"} for each in services] + [{"AWS": each} for each in people]
    made = aws.iam.Role(
        name,
        assume_role_policy=document(*({"Action": "sts:AssumeRole", "Principal": taker} for taker in takers)),
        opts=options,
    )
    if statements:
        aws.iam.RolePolicy(name, role=made.id, policy=document(*statements), opts=options)
    else:
        aws.iam.RolePolicyAttachment(name, role=made.name, policy_arn=policy, opts=options)
    return made


def function(name, role, **more):
    code = pulumi.AssetArchive({"f.py": pulumi.StringAsset("")})
    aws.lambda_.Function(name, role=role.arn, runtime="python3.13", handler="f.f", code=code, opts=options, **more)


def invoking(**condition):
    conditioned = {"Condition": condition} if condition else {}
    return {"Action": "sagemaker:InvokeEndpoint", "Resource": "*", **conditioned}


function("member", role("member", "lambda"), vpc_config=inside)
function("stranger", role("stranger", "lambda"), vpc_config=outside)
function("homeless", role("homeless", "lambda"))
both = role("both", "lambda")
function("both-inside", both, vpc_config=inside)
function("both-outside", both, vpc_config=outside)
function("people", role("people", "lambda", people=["123456789012"]), vpc_config=outside)
function("further", role("further", "lambda", "ec2"), vpc_config=outside)
role("idle", "lambda")
steps = role("steps", "lambda")
function("steps", steps, vpc_config=outside)
aws.sfn.StateMachine("steps", role_arn=steps.arn, definition="{}", opts=options)

for name, group in (("instance", groups.client), ("lone-instance", other)):
    profile = aws.iam.InstanceProfile(name, role=role(name, "ec2").name, opts=options)
    aws.ec2.Instance(
        name, iam_instance_profile=profile.name, subnet_id=app[0], vpc_security_group_ids=[group.id], opts=options
    )
for name, group in (("tasks", groups.client), ("lone-tasks", other)):
    task = aws.ecs.TaskDefinition(
        name, family=name, network_mode="awsvpc", task_role_arn=role(name, "ecs-tasks").arn,
        container_definitions="[]", opts=options,
    )
    placed = {"subnets": app, "security_groups": [group.id]}
    aws.ecs.Service(name, task_definition=task.arn, network_configuration=placed, opts=options)

function("anywhere", role("anywhere", "lambda", statements=[invoking()]), vpc_config=inside)
for name, block in (("near", "10.0.0.0/8"), ("far", "192.168.0.0/16")):
    known = role(name, "lambda", statements=[invoking(IpAddress={"aws:VpcSourceIp": block})])
    function(name, known, vpc_config=inside)
"""

Found = tuple[Account, Intent, Sequence[Resource], Network]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The stack with workloads beside it: its account, its intent, its resources and its network."""
    folder = tmp_path_factory.mktemp("workloads")
    (folder / "Pulumi.yaml").write_bytes((ROOT / "Pulumi.yaml").read_bytes())
    stack = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    (folder / "Pulumi.dev.yaml").write_text(stack.replace("examples/model", str(ROOT / "examples/model")))
    (folder / "__main__.py").write_text((ROOT / "__main__.py").read_text(encoding="utf-8") + BESIDE)
    config = load_stack(folder, "dev")
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region, settings.account), settings.region)
    run = run_program(config, engine, preview=True)
    resources = [declared(each) for each in run.all_resources]
    return account_of(settings, run), intent_from(settings), resources, network_of(without_symbols(run))


def answers(found: Found, role: str, action: str = "sagemaker:InvokeEndpoint") -> dict[str, Judged]:
    """By path: the answers about a role, as `check` has them."""
    account, intent, resources, network = found
    account = joined(account, resources, network)
    asked = questions(
        account,
        lambda each: each.name in intent.resources,
        lambda each: each.name == f"role {role}",
        lambda each: each == action,
    )
    return {each.path.name: judged(intent, answer(account, each)) for each in asked}


RUNTIME, PUBLIC = "endpoint sagemaker.runtime", "no VPC endpoint"


@pytest.mark.parametrize("role", ["member", "instance", "tasks"])
def test_workloads_with_the_clients_group_call_through_the_endpoint(found: Found, role: str) -> None:
    runtime = answers(found, role)[RUNTIME]
    assert runtime.answer.verdict is Verdict.ALLOWED
    assert runtime.answer.barrier is None
    assert runtime.answer.question.principal.barriers  # it is known where it is, and what it doesn't reach


@pytest.mark.parametrize("role", ["stranger", "lone-instance", "lone-tasks"])
def test_what_has_the_policy_and_not_the_group_is_missing_with_the_networks_reason(found: Found, role: str) -> None:
    runtime = answers(found, role)[RUNTIME]
    assert runtime.answer.verdict is Verdict.UNREACHED
    assert runtime.missing
    assert not runtime.surplus
    assert runtime.answer.barrier is not None
    assert "security group" in runtime.answer.barrier.why


def test_what_is_missing_is_told_by_check(found: Found) -> None:
    account, intent, resources, network = found
    told = authorization_problems(check(joined(account, resources, network), intent))
    (line,) = [each for each in told if "role stranger" in each and each.startswith("missing") and "Stream" not in each]
    assert "documents allow it, but packets of" in line
    assert "(stranger in app-" in line


def test_a_function_in_no_vpc_reaches_no_endpoint_of_it(found: Found) -> None:
    runtime = answers(found, "homeless")[RUNTIME]
    assert (runtime.missing, runtime.answer.verdict) == (True, Verdict.UNREACHED)
    assert runtime.answer.barrier is not None
    assert runtime.answer.barrier.why == "homeless is in no VPC"


def test_a_role_of_which_one_function_fails_may_call_and_is_missing(found: Found) -> None:
    runtime = answers(found, "both")[RUNTIME]
    assert (runtime.missing, runtime.answer.verdict) == (True, Verdict.ALLOWED)


@pytest.mark.parametrize("role", ["people", "further", "idle", "steps"])
def test_who_may_be_elsewhere_is_bound_to_no_place(found: Found, role: str) -> None:
    """People take the role; a service does that runs nothing here; nothing here has it; something else has it."""
    runtime = answers(found, role)[RUNTIME]
    assert not runtime.missing
    assert runtime.answer.question.principal.barriers == {}


def test_a_permission_for_elsewhere_is_surplus_though_no_packet_gets_there(found: Found) -> None:
    """Credentials can be carried away."""
    account, intent, resources, network = found
    elsewhere = answers(found, "anywhere")[PUBLIC]
    assert (elsewhere.surplus, elsewhere.answer.verdict) == (True, Verdict.UNREACHED)
    assert "out of the VPC" in _barrier(elsewhere.answer)
    assert answers(found, "anywhere", "kms:Decrypt")[PUBLIC].answer.barrier is None  # Lambda may call it by itself
    opened = answers((account, intent, resources, with_nat(network)), "anywhere")[PUBLIC]
    assert (opened.surplus, opened.answer.verdict) == (True, Verdict.ALLOWED)


def _barrier(answer: Answer) -> str:
    return answer.barrier.why if answer.barrier else ""


def with_nat(network: Network) -> Network:
    """The network where all of it leads to the internet, and groups let everything out."""
    vpc, subnet = next(iter(network.vpcs)), next(iter(network.subnets))
    nat = Gateway("nat", vpc, GatewayKind.NAT, (subnet,))
    internet = Gateway("igw", vpc, GatewayKind.INTERNET)
    out = Route(Cidr("0.0.0.0/0"), "nat")
    tables = {key: replace(each, routes=(*each.routes, out)) for key, each in network.route_tables.items()}
    first = network.subnets[subnet].route_table
    tables[first] = replace(tables[first], routes=(*tables[first].routes[:-1], replace(out, target="igw")))
    groups = {key: replace(each, egress=open_rules()) for key, each in network.groups.items()}
    acls = {key: replace(each, ingress=(), egress=()) for key, each in network.acls.items()}
    open_acls = {key: replace(each, ingress=_all(), egress=_all()) for key, each in acls.items()}
    gateways = {**network.gateways, "nat": nat, "igw": internet}
    return replace(network, gateways=gateways, route_tables=tables, groups=groups, acls=open_acls)


def _all() -> tuple[AclRule, ...]:
    return (AclRule(100, True, ALL_TRAFFIC, "0.0.0.0/0"),)


def test_where_requests_come_from_is_known(found: Found) -> None:
    account, _, resources, network = found
    assert answers(found, "far")[RUNTIME].answer.verdict is Verdict.DENIED
    near = answers(found, "near")[RUNTIME]
    assert near.answer.witness is not None
    (address,) = near.answer.witness.context["aws:vpcsourceip"]
    app = [block for one in network.subnets.values() if one.name.startswith("app-") for block in one.cidrs]
    assert any(ip_address(address) in ip_network(block) for block in app)
    assert allowed(replayed(joined(account, resources, network), near))
    assert answers(found, "near")[PUBLIC].answer.verdict is Verdict.DENIED  # no such key without an endpoint


def test_a_model_that_does_not_reach_its_artifact_is_missing(found: Found) -> None:
    account, intent, resources, network = found
    assert not answers(found, "triage", "s3:GetObject")["endpoint s3"].missing
    closed = {key: replace(each, egress=()) if each.name == "model" else each for key, each in network.groups.items()}
    failing = answers((account, intent, resources, replace(network, groups=closed)), "triage", "s3:GetObject")
    assert failing["endpoint s3"].missing
    assert "security group model" in _barrier(failing["endpoint s3"].answer)
    assert failing[PUBLIC].answer.verdict is Verdict.ALLOWED  # SageMaker itself may fetch from there
