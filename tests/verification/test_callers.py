"""Callers that live elsewhere, rehearsed in two accounts: each gets a real prediction, and nobody else does.

What they run is the application team's own program, examples/consumer-elsewhere, with the contract that it was given.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from components.contract import Contract
from private_inference.authorization.intent import check
from private_inference.cli.deployed import deployed_permissions
from private_inference.graph.types import VPC_ENDPOINT
from private_inference.rehearsal.embedded_aws import EmbeddedAws, OtherAccount
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.operations import Operations
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.rehearsal.reach import reached_endpoints
from private_inference.rehearsal.transit import named_endpoints
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, load_stack, settings_of
from private_inference.runner.resource import Outputs, Resource
from private_inference.verification import Verdict, callers, outside_calls, perimeter
from private_inference.verification.checks import evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import Desired
from private_inference.verification.reader import Reader
from tests.support.recording import REGION, ROOT
from tests.support.stacks import OTHERS, PROJECT, foreigner, neighbour, shipped
from tests.verification.verified import OPEN_POLICY

pytestmark = pytest.mark.xdist_group("callers")

CONSUMER, HUB = ROOT / "examples/consumer-elsewhere", ROOT / "examples/hub"
ACCOUNT, LAMBDA = "123456789012", "lambda.amazonaws.com"
EXTERNAL_ID = "research-scores-triage"
SCORING, BEHIND = (f"arn:aws:iam::{OTHERS}:role/{name}" for name in ("scoring", "laboratory"))

Clients = EmbeddedAws | OtherAccount


@dataclass(frozen=True)
class Place:
    """A VPC with VPC endpoints of its own, by service."""

    vpc: str
    block: str
    subnets: list[str]
    tables: list[str]
    group: str
    endpoints: Mapping[str, str]

    @staticmethod
    def made(aws: Clients, services: Sequence[str] = ("sagemaker.runtime", "sts"), network: int = 9) -> "Place":
        ec2 = aws.client("ec2")
        block = f"10.{network}.0.0/16"
        vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        zones = [f"{aws.region}{letter}" for letter in "ab"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{network}.{n}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate(zones)
        ]
        found = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        group = ec2.create_security_group(GroupName="own", Description="own", VpcId=vpc)["GroupId"]
        https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": group}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https])
        endpoints = {
            service: ec2.create_vpc_endpoint(
                VpcId=vpc,
                ServiceName=f"com.amazonaws.{aws.region}.{service}",
                VpcEndpointType="Interface",
                SubnetIds=subnets,
                SecurityGroupIds=[group],
                PrivateDnsEnabled=True,
            )["VpcEndpoint"]["VpcEndpointId"]
            for service in services
        }
        return Place(vpc, block, subnets, [each["RouteTableId"] for each in found], group, endpoints)


@dataclass(frozen=True)
class Both:
    """The platform with its callers, in its own account and in another."""

    aws: EmbeddedAws
    others: OtherAccount
    desired: Desired
    contracts: Mapping[str, Any]
    near: Place
    far: Place
    wrong: Place
    """A VPC of the other account that the settings don't name."""
    behind: Place
    """A VPC of the other account without endpoints, behind a hub."""
    hub: Mapping[str, str]
    """The hub's endpoints, by service."""

    def client(self, service: str, found: Mapping[str, str]) -> Any:
        """A client with credentials, under the names that STS has for them."""
        connect: Any = boto3.client
        return connect(
            service,
            region_name=self.aws.region,
            endpoint_url=self.aws.endpoint_url,
            aws_access_key_id=found["AccessKeyId"],
            aws_secret_access_key=found["SecretAccessKey"],
            aws_session_token=found["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def workload(self, role: str, reached: Mapping[str, str] | None) -> Mapping[str, str]:
        """Credentials of a role for a function at a place."""
        found = Operations(self.aws.endpoint_url).credentials(role, LAMBDA, reached)
        names = {
            "AccessKeyId": "ACCESS_KEY_ID",
            "SecretAccessKey": "SECRET_ACCESS_KEY",
            "SessionToken": "SESSION_TOKEN",
        }
        return {name: found[f"AWS_{each}"] for name, each in names.items()}

    def take(
        self, role: str, reached: Mapping[str, str] | None, external_id: str = EXTERNAL_ID, caller: str = "research"
    ) -> Mapping[str, str]:
        """Credentials of the caller's role, taken with another role's from a place."""
        sts, asked = (
            self.client("sts", self.workload(role, reached)),
            {"ExternalId": external_id} if external_id else {},
        )
        arn = self.contracts[caller]["role"]["arn"]
        found: Mapping[str, str] = sts.assume_role(RoleArn=arn, RoleSessionName="test", **asked)["Credentials"]
        return found

    def predict(self, found: Mapping[str, str]) -> bytes:
        sample = (ROOT / "examples/model/build/sample.csv").read_bytes()
        answer = self.client("sagemaker-runtime", found).invoke_endpoint(
            EndpointName="triage", ContentType="text/csv", Accept="application/json", Body=sample
        )
        return bytes(answer["Body"].read())

    @property
    def deployed(self) -> Deployed:
        return Deployed(self.desired, Reader(self.aws.client))

    def failures(self) -> list[str]:
        """What verification finds wrong with callers, with who is told of calls, and with what is refused above."""
        stack = self.deployed
        checks = (evaluate(each) for part in (callers, outside_calls, perimeter) for each in part.assertions(stack))
        return [f"{each.subject}: {each.asked}: {each.seen}" for each in checks if each.verdict is not Verdict.OK]


@pytest.fixture(scope="module")
def both(built: Path) -> Iterator[Both]:
    guarded = {"deployers": [f"arn:aws:iam::{ACCOUNT}:role/deployer"], "attach": ["scp"]}
    config = changed(shipped("dev", built), operators={"callsFromOutside": True}, perimeter=guarded)
    with prepared_aws(settings_of(config)) as aws:
        others = aws.in_account(OTHERS)
        near, far, wrong, behind = Place.made(aws), Place.made(others), Place.made(others), Place.made(others, (), 8)
        stack = hub_of(behind)
        hub = run_program(stack, MotoEngine(others)).outputs
        given = [
            neighbour(vpcEndpoints=[near.endpoints["sagemaker.runtime"]]),
            foreigner(
                vpcEndpoints=[far.endpoints["sagemaker.runtime"]],
                stsVpcEndpoints=[far.endpoints["sts"]],
                principals=[SCORING],
            ),
            foreigner(
                name="laboratory",
                externalId="laboratory-scores-triage",
                vpcEndpoints=[hub["sagemaker.runtime"]],
                stsVpcEndpoints=[hub["sts"]],
                principals=[BEHIND],
            ),
        ]
        config = changed(config, callers=given)
        with chdir(config.directory):
            settings = settings_of(config)
        outputs = run_program(config, MotoEngine(aws)).outputs
        desired = Desired(config.project, config.stack, config.directory, settings, Contract.model_validate(outputs))
        found = Both(aws, others, desired, outputs["callers"], near, far, wrong, behind, hub)
        consume(aws, "same-account", near, outputs["callers"]["billing"])
        consume(others, "other-account", far, outputs["callers"]["research"])
        let_pass(others, changed(stack, contracts=[outputs["callers"]["laboratory"]]), hub)
        consume(others, "behind-hub", behind, outputs["callers"]["laboratory"])
        yield found


def hub_of(spoke: Place) -> StackConfig:
    """The network team's stack, with a VPC behind the hub."""
    named = {"vpcId": spoke.vpc, "block": spoke.block, "subnetIds": spoke.subnets, "routeTableIds": spoke.tables}
    return changed(load_stack(HUB, "network"), spokes=[{"name": "laboratory", **named}])


class Known(PreviewEngine):
    """A preview of endpoints that are there, whose names are known."""

    def create(self, resource: Resource) -> tuple[str | None, Outputs]:
        identity, outputs = super().create(resource)
        return identity, {**outputs, "dnsEntries": [{"dnsName": "name.example", "hostedZoneId": "Z1"}]}


def let_pass(aws: Clients, stack: StackConfig, hub: Mapping[str, str]) -> None:
    """What the network team's next `up`, with contracts, changes at the hub's endpoints: their policies."""
    for resource in run_program(stack, Known(REGION)).resources:
        if resource.type == VPC_ENDPOINT:
            policy = resource.properties["policy"]
            aws.client("ec2").modify_vpc_endpoint(VpcEndpointId=hub[resource.name], PolicyDocument=policy)


def changed(config: StackConfig, **settings: Any) -> StackConfig:
    """A stack with other settings, by their keys."""
    given = {f"{config.project}:{key}": json.dumps(value) for key, value in settings.items()}
    return replace(config, values={**config.values, **given})


def consume(aws: Clients, stack: str, place: Place, contract: Mapping[str, Any]) -> None:
    """The application team's program in its own account and VPC, with what it was given."""
    network = {"subnetIds": place.subnets, "securityGroupIds": [place.group]}
    run_program(changed(load_stack(CONSUMER, stack), contract=contract, **network), MotoEngine(aws))


@pytest.mark.parametrize("stack", ["same-account", "other-account", "behind-hub"])
def test_a_caller_elsewhere_gets_the_models_answers(both: Both, stack: str, built: Path) -> None:
    aws = both.aws if stack == "same-account" else both.others
    rows = [[float(value) for value in line.split(",")] for line in (built.parent / "sample.csv").read_text().split()]
    answer = aws.client("lambda").invoke(FunctionName=f"triage-scores-{stack}", Payload=json.dumps({"rows": rows}))
    told = json.load(answer["Payload"])
    assert "FunctionError" not in answer, told
    wanted = [one["score"] for one in json.loads((built.parent / "expected.json").read_text())["predictions"]]
    assert told["scores"] == pytest.approx(wanted, abs=1e-5)


def refused(call: Callable[..., object], *given: Any, **asked: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*given, **asked)
    return str(caught.value)


@pytest.fixture
def another(both: Both) -> Iterator[str]:
    """A role of the other account that may take the caller's role as well, and that the settings don't name."""
    iam, trust = both.others.client("iam"), {"Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **trust}]}
    made = iam.create_role(RoleName="another", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    policy = json.dumps(both.contracts["research"]["role"]["identityPolicy"])
    iam.put_role_policy(RoleName="another", PolicyName="own", PolicyDocument=policy)
    yield made
    iam.delete_role_policy(RoleName="another", PolicyName="own")
    iam.delete_role(RoleName="another")


def test_what_passes_when_all_is_as_agreed(both: Both) -> None:
    """The tests below change one thing of it each."""
    assert json.loads(both.predict(both.take(SCORING, both.far.endpoints)))["predictions"]


@pytest.mark.parametrize("external_id", ["", "somebody-elses"])
def test_a_wrong_external_id_is_refused(both: Both, external_id: str) -> None:
    assert "AccessDenied" in refused(both.take, SCORING, both.far.endpoints, external_id)


def test_another_principal_of_the_account_is_refused(both: Both, another: str) -> None:
    assert "AccessDenied" in refused(both.take, another, both.far.endpoints)
    arn = both.contracts["research"]["role"]["arn"]
    administrator = both.others.client("sts").assume_role
    told = refused(administrator, RoleArn=arn, RoleSessionName="test", ExternalId=EXTERNAL_ID)
    assert "AccessDenied" in told


def test_another_sts_endpoint_is_refused(both: Both) -> None:
    for reached in (both.wrong.endpoints, {**both.far.endpoints, "sts": both.wrong.endpoints["sts"]}, None):
        assert "AccessDenied" in refused(both.take, SCORING, reached)


def test_another_runtime_endpoint_is_refused(both: Both) -> None:
    elsewhere = {**both.far.endpoints, "sagemaker.runtime": both.wrong.endpoints["sagemaker.runtime"]}
    told = refused(both.predict, both.take(SCORING, elsewhere))
    assert "because no identity-based policy allows the sagemaker:InvokeEndpoint action" in told


def test_without_its_role_another_account_calls_nothing(both: Both) -> None:
    iam = both.others.client("iam")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="scoring", PolicyName="all", PolicyDocument=json.dumps(everything))
    try:
        told = refused(both.predict, both.workload(SCORING, both.far.endpoints))
    finally:
        iam.delete_role_policy(RoleName="scoring", PolicyName="all")
    assert "because no VPC endpoint policy allows the sagemaker:InvokeEndpoint action" in told


def test_a_neighbour_calls_through_its_own_endpoint_alone(both: Both) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/scoring"
    assert both.predict(both.workload(role, both.near.endpoints))
    runtime = both.desired.contract.runtime_endpoint.id
    for reached in ({"sagemaker.runtime": runtime}, None):
        told = refused(both.predict, both.workload(role, reached))
        assert "because no identity-based policy allows the sagemaker:InvokeEndpoint action" in told


def reached(both: Both) -> dict[str, str] | None:
    """The endpoints that the function behind the hub reaches."""
    function = both.others.client("lambda").get_function(FunctionName="triage-scores-behind-hub")
    return reached_endpoints(both.others.client, function["Configuration"])


def without_route(both: Both, table: str, block: str) -> Callable[[], object]:
    ec2 = both.others.client("ec2")
    (found,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    (gateway,) = [each["TransitGatewayId"] for each in found["Routes"] if each.get("DestinationCidrBlock") == block]
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock=block)
    return lambda: ec2.create_route(RouteTableId=table, DestinationCidrBlock=block, TransitGatewayId=gateway)


def hub_vpc(both: Both) -> dict[str, Any]:
    ec2 = both.others.client("ec2")
    (endpoint,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[both.hub["sts"]])["VpcEndpoints"]
    (vpc,) = ec2.describe_vpcs(VpcIds=[endpoint["VpcId"]])["Vpcs"]
    return {"id": vpc["VpcId"], "block": vpc["CidrBlock"], "group": endpoint["Groups"][0]["GroupId"]}


def no_way_to_the_hub(both: Both) -> Callable[[], object]:
    return without_route(both, both.behind.tables[0], hub_vpc(both)["block"])


def no_way_back(both: Both) -> Callable[[], object]:
    tables = both.others.client("ec2").describe_route_tables(
        Filters=[
            {"Name": "vpc-id", "Values": [hub_vpc(both)["id"]]},
            {"Name": "route.destination-cidr-block", "Values": [both.behind.block]},
        ]
    )["RouteTables"]
    (table,) = [each["RouteTableId"] for each in tables]
    return without_route(both, table, both.behind.block)


def group_closed(both: Both) -> Callable[[], object]:
    ec2, group = both.others.client("ec2"), hub_vpc(both)["group"]
    (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=found["IpPermissions"])
    return lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=found["IpPermissions"])


def no_answer_over_the_gateway(both: Both) -> Callable[[], object]:
    """The hub's own route table at the transit gateway no longer knows the spoke."""
    ec2 = both.others.client("ec2")
    attachments = ec2.describe_transit_gateway_vpc_attachments(
        Filters=[{"Name": "vpc-id", "Values": [both.behind.vpc]}]
    )["TransitGatewayVpcAttachments"]
    (attachment,) = [each["TransitGatewayAttachmentId"] for each in attachments]
    for table in ec2.describe_transit_gateway_route_tables()["TransitGatewayRouteTables"]:
        asked = {"TransitGatewayRouteTableId": table["TransitGatewayRouteTableId"]}
        listed = ec2.get_transit_gateway_route_table_propagations(**asked)["TransitGatewayRouteTablePropagations"]
        if attachment in {each["TransitGatewayAttachmentId"] for each in listed}:
            asked["TransitGatewayAttachmentId"] = attachment
            ec2.disable_transit_gateway_route_table_propagation(**asked)
            return lambda: ec2.enable_transit_gateway_route_table_propagation(**asked)
    raise AssertionError("nothing leads to the spoke")


@pytest.mark.parametrize("change", [no_way_to_the_hub, no_way_back, group_closed, no_answer_over_the_gateway])
def test_a_hub_is_reached_by_its_name_over_the_transit_gateway_or_not_at_all(
    both: Both, change: Callable[[Both], Callable[[], object]]
) -> None:
    assert reached(both) == dict(both.hub)
    undo = change(both)
    try:
        assert reached(both) == {}
    finally:
        undo()


def test_a_name_leads_to_the_hub_in_the_vpcs_of_its_zone_only(both: Both) -> None:
    ec2 = both.others.client("ec2")
    apart = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    reads = Reader(both.others.client)
    names = {
        vpc: [each["VpcEndpointId"] for each in named_endpoints(reads, vpc, both.aws.region)]
        for vpc in (both.behind.vpc, apart)
    }
    assert (sorted(names[both.behind.vpc]), names[apart]) == (sorted(both.hub.values()), [])


def test_who_shares_a_hub_calls_by_its_own_role_only(both: Both) -> None:
    """The hub's endpoints let the laboratory's calls pass, and its role is taken through them alone."""
    mine = both.take(BEHIND, both.hub, "laboratory-scores-triage", caller="laboratory")
    assert json.loads(both.predict(mine))["predictions"]
    assert "AccessDenied" in refused(both.take, SCORING, both.hub)
    assert "AccessDenied" in refused(both.take, BEHIND, both.far.endpoints, "laboratory-scores-triage", "laboratory")


@pytest.fixture
def strayed(both: Both) -> Iterator[Mapping[str, str]]:
    """Credentials of another role of the stack's account, in the other account, whose endpoints let all pass."""
    own, theirs, ec2 = both.aws.client("iam"), both.others.client("iam"), both.others.client("ec2")
    kept = ec2.describe_vpc_endpoints(VpcEndpointIds=list(both.far.endpoints.values()))["VpcEndpoints"]
    for endpoint in kept:
        ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["VpcEndpointId"], PolicyDocument=json.dumps(OPEN_POLICY))
    trust = document("sts:AssumeRole", Principal={"AWS": SCORING})
    arn = own.create_role(RoleName="strayed", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    given = {"RoleName": "strayed", "PolicyName": "all"}
    own.put_role_policy(**given, PolicyDocument=document("sagemaker:InvokeEndpoint", Resource="*"))
    taking = {"RoleName": "scoring", "PolicyName": "strays"}
    theirs.put_role_policy(**taking, PolicyDocument=document("sts:AssumeRole", Resource=arn))
    sts = both.client("sts", both.workload(SCORING, both.far.endpoints))
    yield sts.assume_role(RoleArn=arn, RoleSessionName="strayed")["Credentials"]
    theirs.delete_role_policy(**taking)
    own.delete_role_policy(**given)
    own.delete_role(RoleName="strayed")
    for endpoint in kept:
        ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["VpcEndpointId"], PolicyDocument=endpoint["PolicyDocument"])


def document(action: str, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **more}]})


def test_operators_are_told_of_calls_through_its_endpoint_that_its_role_does_not_make(
    both: Both, strayed: Mapping[str, str]
) -> None:
    sqs = both.aws.client("sqs")
    queue = sqs.create_queue(QueueName="operators")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    both.aws.client("sns").subscribe(TopicArn=both.deployed.topic, Protocol="sqs", Endpoint=arn)
    both.predict(both.take(SCORING, both.far.endpoints))
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    both.predict(strayed)
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    told = json.loads(json.loads(message["Body"])["Message"])["detail"]
    assert told["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"].endswith(":role/strayed")
    assert (told["vpcEndpointId"], told["vpcEndpointAccountId"]) == (both.far.endpoints["sagemaker.runtime"], OTHERS)


def test_the_callers_own_endpoint_lets_the_model_alone_pass(both: Both) -> None:
    """The policies that the contract gives are in force at the callers' VPC endpoints."""
    for aws, place, caller in ((both.aws, both.near, "billing"), (both.others, both.far, "research")):
        asked = {"VpcEndpointIds": [place.endpoints["sagemaker.runtime"]]}
        (found,) = aws.client("ec2").describe_vpc_endpoints(**asked)["VpcEndpoints"]
        assert json.loads(found["PolicyDocument"]) == both.contracts[caller]["runtimeEndpointPolicy"]


def test_verify_and_the_proof_find_nothing_wrong(both: Both) -> None:
    assert both.failures() == []
    account, intent = deployed_permissions(both.deployed)
    named = {f"endpoint {place.endpoints['sagemaker.runtime']}" for place in (both.near, both.far)}
    assert named <= {path.name for path in account.paths}
    problems = [str(each) for each in check(account, intent).failures]
    assert [each for each in problems if "caller-" in each or "vpce-" in each] == []


Change = Callable[[Both], Callable[[], object]]
ROLE = f"{PROJECT}-dev-caller-research"


def trusting(old: str, new: str) -> Change:
    """The role's trust says something else; what is answered undoes it."""

    def change(both: Both) -> Callable[[], object]:
        iam = both.aws.client("iam")
        kept = json.dumps(iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"])
        assert old in kept
        iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=kept.replace(old, new))
        return lambda: iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=kept)

    return change


def allowing(old: str, new: str) -> Change:
    """The role's own policy says something else."""

    def change(both: Both) -> Callable[[], object]:
        iam = both.aws.client("iam")
        (name,) = iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
        given = {"RoleName": ROLE, "PolicyName": name}
        kept = json.dumps(iam.get_role_policy(**given)["PolicyDocument"])
        assert old in kept
        iam.put_role_policy(**given, PolicyDocument=kept.replace(old, new))
        return lambda: iam.put_role_policy(**given, PolicyDocument=kept)

    return change


def sessions_of_a_day(both: Both) -> Callable[[], object]:
    iam = both.aws.client("iam")
    iam.update_role(RoleName=ROLE, MaxSessionDuration=43_200)
    return lambda: iam.update_role(RoleName=ROLE, MaxSessionDuration=3600)


def a_caller_of_before(both: Both) -> Callable[[], object]:
    iam, name = both.aws.client("iam"), f"{PROJECT}-dev-caller-gone"
    iam.create_role(RoleName=name, Path=f"/{PROJECT}/dev/", AssumeRolePolicyDocument='{"Statement": []}')
    return lambda: iam.delete_role(RoleName=name)


def another_contract(both: Both) -> Callable[[], object]:
    ssm, name = both.aws.client("ssm"), f"/{PROJECT}/dev/callers/research"
    kept = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=kept.replace(EXTERNAL_ID, "theirs"), Overwrite=True, Type="String")
    return lambda: ssm.put_parameter(Name=name, Value=kept, Overwrite=True, Type="String")


def nobody_told(both: Both) -> Callable[[], object]:
    events, name = both.aws.client("events"), f"{PROJECT}-dev-calls-by-others"
    events.disable_rule(Name=name)
    return lambda: events.enable_rule(Name=name)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (nobody_told, "its rule is DISABLED"),
        (trusting("role/scoring", "root"), "its role is taken by its principals only"),
        (trusting(EXTERNAL_ID, "theirs"), "it does not ask for the external id"),
        (trusting("aws:SourceVpce", "aws:SourceVpc"), "it is not bounded to vpce-"),
        (allowing("endpoint/triage", "endpoint/*"), "not asked for: sagemaker:InvokeEndpoint on endpoint/*"),
        (allowing("aws:SourceVpce", "aws:SourceVpc"), "it is not bounded to vpce-"),
        (
            allowing("sagemaker:InvokeEndpoint", "sagemaker:UpdateEndpoint"),
            "not asked for: sagemaker:UpdateEndpoint on",
        ),
        (sessions_of_a_day, "its sessions last 43200 s"),
        (a_caller_of_before, "Callers: there are no others: not asked for: private-inference-dev-caller-gone"),
        (another_contract, "it names another role, or another external id"),
    ],
)
def test_verify_tells_what_is_wrong(both: Both, change: Change, told: str) -> None:
    undo = change(both)
    try:
        (failure,) = both.failures()
    finally:
        undo()
    assert told in failure
