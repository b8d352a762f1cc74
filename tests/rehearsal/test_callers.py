"""Callers with a role's credentials: what decides on their requests, and what they are told."""

import io
import json
import threading
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from private_inference.rehearsal import functions
from private_inference.rehearsal.embedded_aws import CREDENTIALS, EmbeddedAws
from private_inference.rehearsal.operations import OperationError, Operations
from private_inference.rehearsal.reach import reached_endpoints

REGION, ACCOUNT = "eu-west-1", "123456789012"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/read/me"
LAMBDA = "lambda.amazonaws.com"


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | dict(one) for one in statements]})


READ = {"Action": "ssm:GetParameter", "Resource": PARAMETER}
READ_OBJECTS = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::read-by-roles/*"}
EVERYTHING = {"Principal": "*", "Action": "*", "Resource": "*"}


@dataclass(frozen=True)
class Caller:
    """A role for Lambda, and what a workload of it asks."""

    aws: EmbeddedAws
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{self.name}"

    def may(self, *statements: Mapping[str, Any]) -> None:
        policy = document(*statements)
        self.aws.client("iam").put_role_policy(RoleName=self.name, PolicyName="own", PolicyDocument=policy)

    def client(self, service: str, reached: Mapping[str, str] | None = None) -> Any:
        found = Operations(self.aws.endpoint_url).credentials(self.arn, LAMBDA, reached)
        connect: Any = boto3.client
        return connect(
            service,
            region_name=REGION,
            endpoint_url=self.aws.endpoint_url,
            **{name.lower(): value for name, value in found.items()},
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def reads(self, reached: Mapping[str, str] | None = None) -> str:
        return said(self.client("ssm", reached).get_parameter, Name="/read/me")

    def fetches(self, reached: Mapping[str, str] | None = None) -> str:
        return said(self.client("s3", reached).get_object, Bucket="read-by-roles", Key="an/object")


def said(call: Any, **parameters: Any) -> str:
    """What AWS answers: nothing but its answer, or its error."""
    try:
        call(**parameters)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return ""


@pytest.fixture
def caller(aws: EmbeddedAws) -> Caller:
    aws.client("ssm").put_parameter(Name="/read/me", Value="x", Type="String", Overwrite=True)
    made = Caller(aws, f"caller-{uuid.uuid4().hex[:8]}")
    trust = document({"Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"})
    aws.client("iam").create_role(RoleName=made.name, AssumeRolePolicyDocument=trust)
    return made


@dataclass(frozen=True)
class Vpc:
    """A VPC with a subnet, its groups for clients and for an endpoint of Systems Manager, and a gateway to S3."""

    aws: EmbeddedAws
    id: str
    subnet: str
    client: str
    endpoint: str
    gateway: str

    @property
    def function(self) -> dict[str, Any]:
        """Where a function in it lies, as Lambda describes it."""
        return {"VpcConfig": {"VpcId": self.id, "SubnetIds": [self.subnet], "SecurityGroupIds": [self.client]}}

    def allow(self, endpoint: str, *statements: Mapping[str, Any]) -> None:
        policy = document(*statements)
        self.aws.client("ec2").modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=policy)

    @property
    def reached(self) -> dict[str, str] | None:
        return reached_endpoints(self.aws.client, self.function)


@pytest.fixture
def vpc(aws: EmbeddedAws) -> Iterator[Vpc]:
    ec2 = aws.client("ec2")
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=made, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=made, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    client, access = (
        ec2.create_security_group(GroupName=name, Description="test", VpcId=made)["GroupId"]
        for name in ("client", "access")
    )
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": client}]}
    ec2.authorize_security_group_ingress(GroupId=access, IpPermissions=[https])
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [made]}])["RouteTables"]
    interface = ec2.create_vpc_endpoint(
        VpcId=made,
        ServiceName=f"com.amazonaws.{REGION}.ssm",
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        SecurityGroupIds=[access],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    gateway = ec2.create_vpc_endpoint(
        VpcId=made, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table["RouteTableId"]]
    )["VpcEndpoint"]["VpcEndpointId"]
    yield Vpc(aws, made, subnet, client, interface, gateway)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[interface, gateway])


def test_only_a_service_that_the_role_trusts_gets_credentials(caller: Caller) -> None:
    operations = Operations(caller.aws.endpoint_url)
    assert operations.credentials(caller.arn, LAMBDA, None).keys() == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    }
    with pytest.raises(OperationError, match="its trust does not allow that"):
        operations.credentials(caller.arn, "ec2.amazonaws.com", None)
    with pytest.raises(OperationError, match="there is no such role"):
        operations.credentials(f"{caller.arn}-gone", LAMBDA, None)


def test_a_role_may_what_its_policies_allow_and_is_told_what_they_lack(caller: Caller) -> None:
    assert caller.reads() == (
        f"AccessDeniedException: User: arn:aws:sts::{ACCOUNT}:assumed-role/{caller.name}/workload is not authorized to "
        f"perform: ssm:GetParameter on resource: {PARAMETER} because no identity-based policy allows the "
        "ssm:GetParameter action"
    )
    caller.may(READ)
    assert caller.reads() == ""
    several = caller.client("ssm").get_parameters
    caller.may({**READ, "Action": "ssm:GetParameters"})
    assert said(several, Names=["/read/me"]) == ""
    assert "parameter/another" in said(several, Names=["/read/me", "/another"])


def test_a_boundary_bounds_it(caller: Caller) -> None:
    caller.may(READ)
    iam = caller.aws.client("iam")
    arn = iam.create_policy(PolicyName=caller.name, PolicyDocument=document(READ_OBJECTS))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=caller.name, PermissionsBoundary=arn)
    assert "because no permissions boundary allows" in caller.reads()


def test_a_deleted_role_has_no_credentials_any_more(caller: Caller) -> None:
    reads = caller.client("ssm").get_parameter
    caller.aws.client("iam").delete_role(RoleName=caller.name)
    assert said(reads, Name="/read/me").startswith("InvalidClientTokenId")


def test_the_way_tells_the_vpc_and_its_endpoint(caller: Caller, vpc: Vpc) -> None:
    for condition in ({"aws:SourceVpce": vpc.endpoint}, {"aws:SourceVpc": vpc.id}):
        caller.may({**READ, "Condition": {"StringEquals": condition}})
        assert caller.reads(vpc.reached) == ""
        assert "because no identity-based policy" in caller.reads()


def test_the_endpoints_own_policy_counts(caller: Caller, vpc: Vpc) -> None:
    caller.may(READ)
    reached = vpc.reached
    vpc.allow(vpc.endpoint, {**EVERYTHING, "Action": "ssm:PutParameter"})
    assert "because no VPC endpoint policy allows the ssm:GetParameter action" in caller.reads(reached)
    vpc.allow(vpc.endpoint, {**EVERYTHING, "Effect": "Deny"}, EVERYTHING)
    assert "with an explicit deny in a VPC endpoint policy" in caller.reads(reached)
    assert caller.reads() == ""  # it is not asked from elsewhere


def test_an_account_in_the_policy_of_an_interface_is_everyone_in_it_and_of_a_gateway_is_not(
    caller: Caller, vpc: Vpc
) -> None:
    caller.may(READ, READ_OBJECTS)
    _bucket(caller.aws)
    reached = vpc.reached
    assert reached == {"ssm": vpc.endpoint, "s3": vpc.gateway}
    assert (caller.reads(reached), caller.fetches(reached)) == ("", "")
    for endpoint in (vpc.endpoint, vpc.gateway):
        vpc.allow(endpoint, {**EVERYTHING, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
    assert caller.reads(reached) == ""
    assert "because no VPC endpoint policy allows the s3:GetObject action" in caller.fetches(reached)


def _bucket(aws: EmbeddedAws, **more: Any) -> None:
    s3 = aws.client("s3")
    if said(s3.head_bucket, Bucket="read-by-roles"):
        s3.create_bucket(Bucket="read-by-roles", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="read-by-roles", Key="an/object", Body=b"", **more)


def test_a_bucket_and_a_key_have_a_say(caller: Caller) -> None:
    aws, s3 = caller.aws, caller.aws.client("s3")
    _bucket(aws)
    s3.put_bucket_policy(Bucket="read-by-roles", Policy=document({**READ_OBJECTS, "Principal": {"AWS": caller.arn}}))
    assert caller.fetches() == ""
    s3.delete_bucket_policy(Bucket="read-by-roles")
    assert caller.fetches().startswith("AccessDenied: User: ")
    caller.may(READ_OBJECTS)
    assert caller.fetches() == ""
    own = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    key = aws.client("kms").create_key(Policy=document(own))["KeyMetadata"]["Arn"]
    _bucket(aws, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert "kms:Decrypt" in caller.fetches()
    caller.may(READ_OBJECTS, {"Action": "kms:Decrypt", "Resource": key})
    assert caller.fetches() == ""


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("dynamodb", "list_tables", {}),
        ("ec2", "describe_vpcs", {}),
        ("iam", "list_roles", {}),
        ("lambda", "list_functions", {}),
        ("sts", "get_caller_identity", {}),
        ("s3", "list_buckets", {}),
        ("s3", "list_object_versions", {"Bucket": "read-by-roles"}),
        ("s3", "delete_object", {"Bucket": "read-by-roles", "Key": "k"}),
        ("ssm", "put_parameter", {"Name": "/read/me", "Value": "y", "Overwrite": True}),
    ],
)
def test_what_can_not_be_judged_is_refused_even_where_everything_is_allowed(
    caller: Caller, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    caller.may({"Action": "*", "Resource": "*"})
    _bucket(caller.aws)
    told = said(getattr(caller.client(service), operation), **parameters)
    assert told.startswith("InternalFailure")
    assert "it can't judge" in told


def test_who_assumes_a_role_has_to_be_trusted_and_asks_from_no_vpc(caller: Caller, vpc: Vpc) -> None:
    sts = caller.aws.client("sts")
    assume = {"RoleArn": caller.arn, "RoleSessionName": "somebody"}
    assert said(sts.assume_role, **assume).startswith("AccessDenied: ")
    named = document({"Principal": {"AWS": sts.get_caller_identity()["Arn"]}, "Action": "sts:AssumeRole"})
    caller.aws.client("iam").update_assume_role_policy(RoleName=caller.name, PolicyDocument=named)
    found = sts.assume_role(**assume)["Credentials"]
    caller.may({**READ, "Condition": {"StringEquals": {"aws:SourceVpc": vpc.id}}})
    ssm = boto3.client(
        "ssm",
        region_name=REGION,
        endpoint_url=caller.aws.endpoint_url,
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
    )
    assert "because no identity-based policy" in said(ssm.get_parameter, Name="/read/me")
    caller.may(READ)
    assert said(ssm.get_parameter, Name="/read/me") == ""


# Which endpoints are reached


def test_a_function_in_no_vpc_reaches_none_and_is_outside(aws: EmbeddedAws) -> None:
    assert reached_endpoints(aws.client, {"VpcConfig": {"VpcId": "", "SubnetIds": [], "SecurityGroupIds": []}}) is None


def test_where_no_path_leads_the_connection_times_out(caller: Caller, vpc: Vpc) -> None:
    caller.may(READ)
    ec2 = vpc.aws.client("ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[vpc.client])["SecurityGroups"]
    ec2.revoke_security_group_egress(GroupId=vpc.client, IpPermissions=group["IpPermissionsEgress"])
    assert vpc.reached == {}
    told = "ConnectTimeout: Connect timeout: there is no path from the caller to ssm, through any VPC endpoint."
    assert caller.reads(vpc.reached) == told


def test_an_endpoint_that_its_services_name_does_not_lead_to_is_not_reached(vpc: Vpc) -> None:
    ec2 = vpc.aws.client("ec2")
    (named,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[vpc.endpoint])["VpcEndpoints"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[vpc.endpoint])
    ec2.create_vpc_endpoint(
        VpcId=vpc.id,
        ServiceName=named["ServiceName"],
        VpcEndpointType="Interface",
        SubnetIds=named["SubnetIds"],
        SecurityGroupIds=[each["GroupId"] for each in named["Groups"]],
        PrivateDnsEnabled=False,
    )
    assert vpc.reached == {"s3": vpc.gateway}


def test_an_endpoint_that_is_gone_is_no_way(caller: Caller, vpc: Vpc) -> None:
    caller.may(READ)
    reached = vpc.reached
    vpc.aws.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[vpc.endpoint])
    assert caller.reads(reached).startswith("ConnectTimeout")


# Functions


def zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("index.py", source)
    return packed.getvalue()


def function(caller: Caller, source: str, **more: Any) -> str:
    caller.aws.client("lambda").create_function(
        FunctionName=caller.name,
        Role=caller.arn,
        Handler="index.handler",
        Code={"ZipFile": zipped(source)},
        **{"Runtime": "python3.13"} | more,
    )
    return caller.name


def run(caller: Caller, source: str, event: Any = None, **more: Any) -> tuple[Any, str | None]:
    """What the function answers, and Lambda's word for its failure."""
    name = function(caller, source, **more)
    answer = caller.aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.load(answer["Payload"]), answer.get("FunctionError")


ASKS = """
import boto3, os
def handler(event, context):
    print("asking for", event)
    return [os.environ["PREFIX"], boto3.client("ssm").get_parameter(Name=event)["Parameter"]["Value"]]
"""


def test_a_function_asks_with_its_own_credentials(caller: Caller, vpc: Vpc) -> None:
    caller.may({**READ, "Condition": {"StringEquals": {"aws:SourceVpce": vpc.endpoint}}})
    placed = {key: vpc.function["VpcConfig"][key] for key in ("SubnetIds", "SecurityGroupIds")}
    variables = {"Environment": {"Variables": {"PREFIX": "found"}}}
    assert run(caller, ASKS, "/read/me", Timeout=60, VpcConfig=placed, **variables) == (["found", "x"], None)
    vpc.allow(vpc.endpoint, {**EVERYTHING, "Action": "ssm:PutParameter"})
    answer = caller.aws.client("lambda").invoke(FunctionName=caller.name, Payload=b'"/read/me"')
    told = json.load(answer["Payload"])
    assert (answer["FunctionError"], told["errorType"]) == ("Unhandled", "AccessDeniedException")
    assert "because no VPC endpoint policy" in told["errorMessage"]


def test_a_function_that_fails_says_how(caller: Caller) -> None:
    told, error = run(caller, "def handler(event, context): raise ValueError('no')")
    assert (error, told["errorType"], told["errorMessage"]) == ("Unhandled", "ValueError", "no")


def test_a_function_that_ends_its_process_is_told(caller: Caller) -> None:
    told, error = run(caller, "import os\ndef handler(event, context): os._exit(7)")
    assert (error, told["errorMessage"]) == ("Unhandled", "Runtime exited with error: exit status 7")


def test_a_function_has_its_time(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import threading\ndef handler(event, context): threading.Event().wait()"
    name = function(caller, source, Timeout=1)
    configuration = caller.aws.client("lambda").get_function(FunctionName=name)["Configuration"]
    monkeypatch.setattr(functions, "INITIALISATION", 0)
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    outcome = functions.invoke(caller.aws.endpoint_url, configuration, zipped(source), b"{}")
    assert (json.loads(outcome.payload)["errorMessage"], outcome.failed) == ("Task timed out after 1.00 seconds", True)


def test_only_python_runs(caller: Caller) -> None:
    function(caller, "", Runtime="nodejs22.x")
    told = said(caller.aws.client("lambda").invoke, FunctionName=caller.name)
    assert told == "InvalidRuntimeException: The rehearsal runs Python functions only, and this is nodejs22.x."


def test_others_are_served_while_a_function_runs(caller: Caller) -> None:
    """It waits for a parameter that is put while it runs."""
    source = """
import boto3
def handler(event, context):
    ssm = boto3.client("ssm")
    while True:
        try:
            return ssm.get_parameter(Name="/read/me")["Parameter"]["Value"]
        except ssm.exceptions.ParameterNotFound:
            pass
"""
    caller.may(READ)
    ssm = caller.aws.client("ssm")
    ssm.delete_parameter(Name="/read/me")
    function(caller, source, Timeout=60)
    answers: list[bytes] = []

    def invoke() -> None:
        answers.append(caller.aws.client("lambda").invoke(FunctionName=caller.name)["Payload"].read())

    thread = threading.Thread(target=invoke)
    thread.start()
    ssm.put_parameter(Name="/read/me", Value="late", Type="String")
    thread.join()
    assert answers == [b'"late"']
