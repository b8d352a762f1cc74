"""A load balancer with client certificates and a forwarder behind it, made with boto3, in front of one endpoint."""

import json
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.rehearsal.served import ACCOUNT, Served, statements
from tests.rehearsal.test_patches import REGION, RUNTIME, policy
from tests.support.client_certificates import Authority, Loopback

NAME = "models.example.internal"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
WRITES = ["logs:CreateLogStream", "logs:PutLogEvents"]
LOG_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:forwarder:*"
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/forwarder"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/forwarder@sha256:{'0' * 64}"


@dataclass
class Balanced:
    """What there is, by AWS's names and ids."""

    served: Served
    vpc: str
    subnets: list[str]
    groups: dict[str, str]
    """Security groups: client, balancer, task, endpoint."""
    authority: Authority
    ids: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.served.aws.client(service)

    @property
    def path(self) -> str:
        return f"/endpoints/{self.served.name}/invocations"

    @property
    def port(self) -> int:
        return self.served.happen.balanced_names(self.vpc)[NAME][0]

    @cached_property
    def trusted(self) -> str:
        return str(self.client("acm").get_certificate(CertificateArn=CERTIFICATE)["CertificateChain"])

    def context(self, certificate: bytes | None, *, least: int = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.trusted)
        if certificate:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "client.pem"
                file.write_bytes(certificate)
                context.load_cert_chain(file)
        return context

    def call(
        self, certificate: bytes | None, body: bytes, path: str | None = None, **headers: str
    ) -> tuple[int, bytes]:
        connection = Loopback(NAME, self.port, context=self.context(certificate), timeout=60)
        sent = {"Content-Type": "text/csv", **{key.replace("_", "-"): value for key, value in headers.items()}}
        connection.request("POST", path or self.path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def logged(self, trace: str) -> dict[str, Any]:
        """What the forwarder logs of the call with this trace id: its log comes after its answer."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for each in self.client("logs").filter_log_events(logGroupName="forwarder")["events"]:
                line: dict[str, Any] = json.loads(each["message"])
                if line.get("trace") == trace:
                    return line
        raise AssertionError(f"no line has {trace}")


def balanced_by(served: Served) -> Balanced:
    ec2 = served.aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    for name in ("EnableDnsHostnames", "EnableDnsSupport"):
        ec2.modify_vpc_attribute(VpcId=vpc, **{name: {"Value": True}})
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for number, zone in enumerate("ab")
    ]
    made = Balanced(served, vpc, [each["SubnetId"] for each in subnets], {}, Authority("Ward devices"))
    for name in ("client", "balancer", "task", "endpoint"):
        made.groups[name] = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    for source, end, port in (("client", "balancer", 443), ("balancer", "task", 8443), ("task", "endpoint", 443)):
        let_in(made, source, end, port)
    ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=RUNTIME,
        VpcEndpointType="Interface",
        SubnetIds=made.subnets,
        SecurityGroupIds=[made.groups["endpoint"]],
        PrivateDnsEnabled=True,
    )
    _lead_to_the_registry(made)
    _listen(made)
    _serve(made)
    return made


def _lead_to_the_registry(made: Balanced) -> None:
    """What the tasks load their image by, and write their log by."""
    ec2 = made.client("ec2")
    place = {"SubnetIds": made.subnets, "SecurityGroupIds": [made.groups["endpoint"]], "PrivateDnsEnabled": True}
    for service in ("ecr.api", "ecr.dkr", "logs"):
        name = f"com.amazonaws.{REGION}.{service}"
        ec2.create_vpc_endpoint(VpcId=made.vpc, ServiceName=name, VpcEndpointType="Interface", **place)
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [made.vpc]}])["RouteTables"]
    ec2.create_vpc_endpoint(
        VpcId=made.vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table["RouteTableId"]]
    )
    made.client("ecr").create_repository(repositoryName="forwarder")


def let_in(balanced: Balanced, source: str, end: str, port: int, *, revoked: bool = False) -> None:
    """A group's rule for another's interfaces."""
    ec2, pairs = balanced.client("ec2"), [{"GroupId": balanced.groups[source]}]
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": pairs}
    change = ec2.revoke_security_group_ingress if revoked else ec2.authorize_security_group_ingress
    change(GroupId=balanced.groups[end], IpPermissions=[rule])


def _listen(made: Balanced) -> None:
    aws, ids = made.served.aws, made.ids
    s3, elb = aws.client("s3"), aws.client("elbv2")
    made.served.happen.certificate(CERTIFICATE, NAME)
    s3.put_object(Bucket=made.served.name, Key="authorities.pem", Body=made.authority.pem)
    place = {"CaCertificatesBundleS3Bucket": made.served.name, "CaCertificatesBundleS3Key": "authorities.pem"}
    ids["store"] = elb.create_trust_store(Name="clients", **place)["TrustStores"][0]["TrustStoreArn"]
    balancer = elb.create_load_balancer(
        Name="front-door",
        Scheme="internal",
        Type="application",
        Subnets=made.subnets,
        SecurityGroups=[made.groups["balancer"]],
    )["LoadBalancers"][0]
    ids["balancer"] = balancer["LoadBalancerArn"]
    ids["group"] = elb.create_target_group(
        Name="forwarder", Protocol="HTTPS", Port=8443, VpcId=made.vpc, TargetType="ip", HealthCheckPath="/ping"
    )["TargetGroups"][0]["TargetGroupArn"]
    ids["listener"] = elb.create_listener(
        LoadBalancerArn=ids["balancer"],
        Protocol="HTTPS",
        Port=443,
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        Certificates=[{"CertificateArn": CERTIFICATE}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": ids["group"]}],
        MutualAuthentication={"Mode": "verify", "TrustStoreArn": ids["store"]},
    )["Listeners"][0]["ListenerArn"]
    zone = aws.client("route53").create_hosted_zone(
        Name=NAME, CallerReference=NAME, VPC={"VPCId": made.vpc, "VPCRegion": REGION}
    )["HostedZone"]["Id"]
    alias = {
        "HostedZoneId": balancer["CanonicalHostedZoneId"],
        "DNSName": balancer["DNSName"],
        "EvaluateTargetHealth": False,
    }
    change = {"Action": "CREATE", "ResourceRecordSet": {"Name": NAME, "Type": "A", "AliasTarget": alias}}
    aws.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})


def _serve(made: Balanced) -> None:
    aws, ids = made.served.aws, made.ids
    ecs, iam = aws.client("ecs"), aws.client("iam")
    aws.client("logs").create_log_group(logGroupName="forwarder")
    trust = policy({"Service": "ecs-tasks.amazonaws.com"}, "sts:AssumeRole")
    for name in ("forwarder", "forwarder-start"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    starts = [("ecr:GetAuthorizationToken", "*"), (["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], REPOSITORY)]
    iam.put_role_policy(
        RoleName="forwarder-start", PolicyName="starts", PolicyDocument=statements(*starts, (WRITES, LOG_GROUP))
    )
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{made.served.name}"
    iam.put_role_policy(
        RoleName="forwarder", PolicyName="calls", PolicyDocument=statements(("sagemaker:InvokeEndpoint", arn))
    )
    ids["cluster"] = ecs.create_cluster(clusterName="front-door")["cluster"]["clusterArn"]
    logs = {"awslogs-group": "forwarder", "awslogs-region": REGION, "awslogs-stream-prefix": "forwarder"}
    container = {
        "name": "forwarder",
        "image": IMAGE,
        "portMappings": [{"containerPort": 8443}],
        "environment": [{"name": "ENDPOINTS", "value": made.served.name}],
        "logConfiguration": {"logDriver": "awslogs", "options": logs},
    }
    ids["task"] = ecs.register_task_definition(
        family="forwarder",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="512",
        memory="1024",
        taskRoleArn=f"arn:aws:iam::{ACCOUNT}:role/forwarder",
        executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/forwarder-start",
        containerDefinitions=[container],
    )["taskDefinition"]["taskDefinitionArn"]
    ids["service"] = ecs.create_service(
        cluster=ids["cluster"],
        serviceName="forwarder",
        taskDefinition=ids["task"],
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": made.subnets, "securityGroups": [made.groups["task"]]}
        },
        loadBalancers=[{"targetGroupArn": ids["group"], "containerName": "forwarder", "containerPort": 8443}],
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        healthCheckGracePeriodSeconds=60,
    )["service"]["serviceArn"]
