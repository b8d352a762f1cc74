"""A small serving stack, made with boto3: one endpoint in a VPC with two subnets, and all that its fleet needs."""

import json
from dataclasses import dataclass
from typing import Any

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.operations import Operations
from tests.rehearsal.test_patches import REGION, VARIANT, policy, unique

ACCOUNT = "123456789012"
ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
INTERFACES = ["ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"]


def statements(*allowed: tuple[Any, Any]) -> str:
    """A policy document that allows actions on resources."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in allowed],
        }
    )


@dataclass(frozen=True)
class Served:
    """What there is, by AWS's names and ids; `name` is that of everything that has one."""

    aws: EmbeddedAws
    name: str
    key: str
    vpc: str
    subnets: list[str]
    acl: str
    group: str
    table: str
    gateway: str
    s3_list: str

    @property
    def happen(self) -> Operations:
        return Operations(self.aws.endpoint_url)

    @property
    def role(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{self.name}"

    @property
    def described(self) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.client("sagemaker").describe_endpoint(EndpointName=self.name)
        return found

    @property
    def counts(self) -> tuple[int, int]:
        """Current and desired instances."""
        (variant,) = self.described["ProductionVariants"]
        return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]

    def interfaces(self) -> list[dict[str, Any]]:
        filters = [{"Name": "group-id", "Values": [self.group]}]
        found: list[dict[str, Any]] = self.aws.client("ec2").describe_network_interfaces(Filters=filters)[
            "NetworkInterfaces"
        ]
        return found

    def permissions(self) -> list[tuple[Any, Any]]:
        return [
            ("s3:GetObject", f"arn:aws:s3:::{self.name}/*"),
            ("kms:Decrypt", self.key),
            ("ecr:*", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{self.name}"),
            (INTERFACES, [f"{ARN}:network-interface/*", f"{ARN}:subnet/*", f"{ARN}:security-group/{self.group}"]),
        ]

    def permit(self, *allowed: tuple[Any, Any]) -> None:
        """Give the role these permissions alone."""
        self.aws.client("iam").put_role_policy(
            RoleName=self.name, PolicyName="own", PolicyDocument=statements(*allowed)
        )

    def configuration(self, count: int = 2, instance_type: str = "ml.m5.large", variant: str = "v") -> str:
        name = unique("c")
        kind = {"InstanceType": instance_type, "InitialInstanceCount": count, "InitialVariantWeight": 1.0}
        self.aws.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{"VariantName": variant, "ModelName": self.name, **kind}]
        )
        return name

    def update(self, configuration: str | None = None, **more: Any) -> str:
        """Ask for an update to a new configuration; its name."""
        asked = configuration or self.configuration()
        self.aws.client("sagemaker").update_endpoint(EndpointName=self.name, EndpointConfigName=asked, **more)
        return asked

    def register(self, least: int = 1, most: int = 5) -> None:
        self.aws.client("application-autoscaling").register_scalable_target(
            **VARIANT, ResourceId=f"endpoint/{self.name}/variant/v", MinCapacity=least, MaxCapacity=most
        )


def served_by(aws: EmbeddedAws, *, permitted: bool = True, archive: bytes = b"model", bits: int = 24) -> Served:
    """A stack in this AWS, with subnets of a prefix of so many bits. Without permissions, its endpoint fails."""
    ec2, s3, sagemaker, name = aws.client("ec2"), aws.client("s3"), aws.client("sagemaker"), unique("s")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/{bits}", AvailabilityZone=f"{REGION}{zone}")
        for number, zone in enumerate("ab")
    ]
    ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    group = ec2.create_security_group(GroupName=name, Description="model", VpcId=vpc)["GroupId"]
    (s3_list,) = [item for item in ec2.describe_prefix_lists()["PrefixLists"] if item["PrefixListName"].endswith(".s3")]
    ec2.revoke_security_group_egress(
        GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    ec2.authorize_security_group_egress(
        GroupId=group, IpPermissions=[https | {"PrefixListIds": [{"PrefixListId": s3_list["PrefixListId"]}]}]
    )
    acl = _acl(aws, vpc, ids, s3_list["Cidrs"])
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    for subnet in ids:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    gateway = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table])
    key = aws.client("kms").create_key(Policy=policy({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "kms:*", Resource="*"))
    key_arn = key["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key="m.tar.gz", Body=archive, ServerSideEncryption="aws:kms", SSEKMSKeyId=key_arn)
    aws.client("ecr").create_repository(repositoryName=name)
    trust = policy({"Service": "sagemaker.amazonaws.com"}, "sts:AssumeRole")
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    made = Served(
        aws,
        name,
        key_arn,
        vpc,
        ids,
        acl,
        group,
        table,
        gateway["VpcEndpoint"]["VpcEndpointId"],
        s3_list["PrefixListId"],
    )
    if permitted:
        made.permit(*made.permissions())
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}:1"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=made.role,
        PrimaryContainer={"Image": image, "ModelDataUrl": f"s3://{name}/m.tar.gz"},
        VpcConfig={"Subnets": ids, "SecurityGroupIds": [group]},
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=made.configuration())
    return made


def _acl(aws: EmbeddedAws, vpc: str, subnets: list[str], s3: list[str]) -> str:
    """A network ACL that lets each of S3's addresses pass by itself, as a fixed list does."""
    ec2 = aws.client("ec2")
    acl = str(ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"])
    for number, cidr in enumerate(s3, 100):
        for egress, ports in ((True, (443, 443)), (False, (1024, 65535))):
            ec2.create_network_acl_entry(
                NetworkAclId=acl,
                RuleNumber=number,
                Protocol="6",
                RuleAction="allow",
                Egress=egress,
                CidrBlock=cidr,
                PortRange=dict(zip(("From", "To"), ports, strict=True)),
            )
    for found in ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"]:
        for association in found["Associations"]:
            if association["SubnetId"] in subnets:
                ec2.replace_network_acl_association(
                    AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl
                )
    return acl
