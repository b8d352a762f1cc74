"""A VPC of somebody else's in the embedded AWS, with the ids that a stack's settings name, as its team would make it.

It is more than the stack needs: another team's subnet in it has a way to the internet.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.cidr import WORKLOADS, Tier, free_block, plan_subnets
from components.settings import ExistingVpcSettings, Settings
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.operations import Operations

BLOCK = "10.20.0.0/16"
RUNTIME = "sagemaker.runtime"


def existing_vpc(aws: EmbeddedAws, settings: Settings, existing: ExistingVpcSettings) -> None:
    """Make the VPC, its subnets, tables, endpoints and flow log, unless it is there."""
    if not aws.client("ec2").describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [existing.vpc_id]}])["Vpcs"]:
        _Vpc(aws, settings, existing).make()


class _Vpc:
    def __init__(self, aws: EmbeddedAws, settings: Settings, existing: ExistingVpcSettings) -> None:
        self.aws, self.settings, self.existing = aws, settings, existing
        self.ec2 = aws.client("ec2")
        self.operations = Operations(aws.endpoint_url)
        self.blocks = plan_subnets(BLOCK, self._zones(), transit=True).subnets

    def make(self) -> None:
        vpc = self.existing.vpc_id
        self.operations.next_id(vpc)
        self.ec2.create_vpc(CidrBlock=BLOCK)
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            self.ec2.modify_vpc_attribute(VpcId=vpc, **{attribute: {"Value": True}})
        for tier in WORKLOADS:
            places = zip(self.existing.subnets.by_tier[tier], self.blocks[tier].items(), strict=True)
            for identity, (zone, block) in places:
                self.operations.next_id(identity)
                self.ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)
        shared, access = self._tables(self.existing.route_tables or ("",)), self._table("")
        for position, subnet in enumerate((*self.existing.subnets.model, *self.existing.subnets.app)):
            self.ec2.associate_route_table(SubnetId=subnet, RouteTableId=shared[position % len(shared)])
        for subnet in self.existing.subnets.access:
            self.ec2.associate_route_table(SubnetId=subnet, RouteTableId=access)
        if self.existing.s3_gateway:
            self._endpoint(self.existing.s3_gateway, "s3", VpcEndpointType="Gateway", RouteTableIds=shared)
        self._interfaces()
        self._premises(access)
        self._another_team()
        self._flow_log()

    def _zones(self) -> list[str]:
        names = [f"com.amazonaws.{self.settings.region}.{RUNTIME}"]
        (found,) = self.ec2.describe_vpc_endpoint_services(ServiceNames=names)["ServiceDetails"]
        zones: list[str] = sorted(found["AvailabilityZones"])
        return zones[: len(self.existing.subnets.access)]

    def _tables(self, identities: Sequence[str]) -> list[str]:
        return [self._table(identity) for identity in identities]

    def _table(self, identity: str) -> str:
        if identity:
            self.operations.next_id(identity)
        made: str = self.ec2.create_route_table(VpcId=self.existing.vpc_id)["RouteTable"]["RouteTableId"]
        return made

    def _endpoint(self, identity: str, service: str, **more: Any) -> None:
        self.operations.next_id(identity)
        name = f"com.amazonaws.{self.settings.region}.{service}"
        policy = json.dumps(self._policy(service))
        self.ec2.create_vpc_endpoint(VpcId=self.existing.vpc_id, ServiceName=name, PolicyDocument=policy, **more)

    def _policy(self, service: str) -> Mapping[str, Any]:
        """For principals of the account, as a landing zone sets it; of S3 for the account's buckets."""
        account = self.aws.client("sts").get_caller_identity()["Account"]
        same = {"aws:PrincipalAccount": account} | ({"aws:ResourceAccount": account} if service == "s3" else {})
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": f"{service.partition('.')[0]}:*",
            "Resource": "*",
            "Condition": {"StringEquals": same},
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    def _interfaces(self) -> None:
        """Interface endpoints behind a group of their own, which lets the app subnets in."""
        if not self.existing.interface_endpoints:
            return
        vpc = self.existing.vpc_id
        group = self.ec2.create_security_group(GroupName="endpoints", Description="The network team's", VpcId=vpc)
        premises = self.settings.network.on_premises
        callers = [
            *self.blocks[Tier.APP].values(),
            *self.blocks[Tier.MODEL].values(),
            *(premises.cidrs if premises else ()),
        ]
        ranges = [{"CidrIp": block} for block in callers]
        https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}
        self.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[https])
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=everything)
        fips = self.settings.private_access.fips
        for service, identity in self.existing.interface_endpoints.items():
            self._endpoint(
                identity,
                f"{RUNTIME}-fips" if service == RUNTIME and fips else service,
                VpcEndpointType="Interface",
                SubnetIds=list(self.existing.subnets.access),
                SecurityGroupIds=[group["GroupId"]],
                PrivateDnsEnabled=True,
            )

    def _premises(self, table: str) -> None:
        """The gateway that the settings name, attached, and routes to their blocks."""
        premises, vpc = self.settings.network.on_premises, self.existing.vpc_id
        if premises is None:
            return
        if premises.by_transit_gateway:
            gateway, places = {"TransitGatewayId": premises.gateway_id}, self.blocks[Tier.TRANSIT].items()
            made = [self.ec2.create_subnet(VpcId=vpc, CidrBlock=b, AvailabilityZone=z)["Subnet"] for z, b in places]
            subnets = [subnet["SubnetId"] for subnet in made]
            self.ec2.create_transit_gateway_vpc_attachment(VpcId=vpc, SubnetIds=subnets, **gateway)
        else:
            gateway = {"GatewayId": premises.gateway_id}
            self.ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=premises.gateway_id)
        for block in premises.cidrs:
            self.ec2.create_route(RouteTableId=table, DestinationCidrBlock=block, **gateway)

    def _another_team(self) -> None:
        """A public subnet of another team, as shared VPCs have them."""
        vpc = self.existing.vpc_id
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"{free_block(BLOCK).partition('/')[0]}/24")["Subnet"]
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = self._table("")
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        self.ec2.associate_route_table(SubnetId=subnet["SubnetId"], RouteTableId=table)

    def _flow_log(self) -> None:
        """The owner's flow log, in a bucket of theirs, where the stack makes none."""
        if self.existing.flow_logs:
            return
        s3, bucket = self.aws.client("s3"), f"flow-logs-of-{self.existing.vpc_id}"
        place: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": self.aws.region}}
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket, **({} if self.aws.region == "us-east-1" else place))
        self.ec2.create_flow_logs(
            ResourceIds=[self.existing.vpc_id],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="s3",
            LogDestination=f"arn:aws:s3:::{bucket}",
        )
