"""The stack, and a service beside it: a function that looks features up in a database, behind a load balancer.

The database is in further subnets, with a route table and a network ACL of their own. The flows that the service needs
are declared in the stack's settings (`network.flows`): the rules of the client group and of the app tier's network ACL
follow from them. The team writes the rules of what it brings, and none of the stack's.
"""

import runpy
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.cidr import Tier

FURTHER_BLOCKS = ("10.0.192.0/24", "10.0.193.0/24")
"""In the VPC's last quarter, which no tier has."""
POSTGRES, CLIENT_PORTS = (5432, 5432), (1024, 65535)

platform = runpy.run_path(str(Path(__file__).parents[2] / "__main__.py"))
network, groups, keys = platform["network"], platform["groups"], platform["keys"]
account, plan, provider = platform["account"], platform["plan"], platform["provider"]
options = pulumi.ResourceOptions(provider=provider)


def document(*allowed: dict[str, Any]) -> pulumi.Output[str]:
    """An IAM document of statements that allow."""
    statements = [{"Effect": "Allow", **statement} for statement in allowed]
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})


# Subnets without a way out of the VPC, where clients reach the database and nothing else passes.

table = aws.ec2.RouteTable("features", vpc_id=network.vpc.id, opts=options)
subnets = []
for zone, block in zip(network.subnets[Tier.APP], FURTHER_BLOCKS, strict=True):
    subnet = aws.ec2.Subnet(
        f"features-{zone}",
        vpc_id=network.vpc.id,
        availability_zone=zone,
        cidr_block=block,
        map_public_ip_on_launch=False,
        opts=options,
    )
    aws.ec2.RouteTableAssociation(f"features-{zone}", route_table_id=table.id, subnet_id=subnet.id, opts=options)
    subnets.append(subnet)

acl = aws.ec2.NetworkAcl("features", vpc_id=network.vpc.id, subnet_ids=[subnet.id for subnet in subnets], opts=options)
for egress, ports in ((False, POSTGRES), (True, CLIENT_PORTS)):
    aws.ec2.NetworkAclRule(
        f"features-{'egress' if egress else 'ingress'}",
        network_acl_id=acl.id,
        egress=egress,
        rule_number=100,
        rule_action="allow",
        protocol="tcp",
        cidr_block=plan.subnets.blocks[Tier.APP],
        from_port=ports[0],
        to_port=ports[1],
        opts=options,
    )

group = aws.ec2.SecurityGroup("features", description="The database of features", vpc_id=network.vpc.id, opts=options)
aws.vpc.SecurityGroupIngressRule(
    "features-from-client",
    security_group_id=group.id,
    referenced_security_group_id=groups.client.id,
    ip_protocol="tcp",
    from_port=POSTGRES[0],
    to_port=POSTGRES[1],
    description="Clients look features up",
    opts=options,
)
aws.rds.Instance(
    "features",
    engine="postgres",
    engine_version="17",
    instance_class="db.t4g.medium",
    allocated_storage=20,
    multi_az=True,
    db_subnet_group_name=aws.rds.SubnetGroup(
        "features", subnet_ids=[subnet.id for subnet in subnets], opts=options
    ).name,
    vpc_security_group_ids=[group.id],
    publicly_accessible=False,
    storage_encrypted=True,
    kms_key_id=keys.data.arn,
    username="features",
    manage_master_user_password=True,
    master_user_secret_kms_key_id=keys.data.arn,
    backup_retention_period=7,
    deletion_protection=True,
    opts=options,
)

# The function and its load balancer are in the app tier. Both are clients: the stack's group lets them take part.

role = aws.iam.Role(
    "scorer",
    assume_role_policy=document(
        {
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": account.id}},
        }
    ),
    opts=options,
)
ec2 = f"arn:{account.partition}:ec2:{account.region}:{account.id}"
attached = aws.iam.RolePolicy(
    "scorer",
    role=role.id,
    policy=document(
        {
            "Action": ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"],
            "Resource": [
                f"{ec2}:network-interface/*",
                pulumi.Output.concat(ec2, ":security-group/", groups.client.id),
                *(pulumi.Output.concat(ec2, ":subnet/", subnet) for subnet in network.subnet_ids(Tier.APP)),
            ],
        },
        {"Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], "Resource": "*"},
    ),
    opts=options,
)
scorer = aws.lambda_.Function(
    "scorer",
    role=role.arn,
    runtime=aws.lambda_.Runtime.PYTHON3D13,
    handler="scorer.handler",
    code=pulumi.AssetArchive({"scorer.py": pulumi.FileAsset("scorer.py")}),
    kms_key_arn=keys.data.arn,
    vpc_config={
        "subnet_ids": network.subnet_ids(Tier.APP),
        "security_group_ids": [groups.client.id],
    },
    opts=pulumi.ResourceOptions(provider=provider, depends_on=[attached]),
)
front = aws.lb.LoadBalancer(
    "scorer",
    internal=True,
    load_balancer_type="application",
    subnets=network.subnet_ids(Tier.APP),
    security_groups=[groups.client.id],
    drop_invalid_header_fields=True,
    enable_deletion_protection=True,
    opts=options,
)
target = aws.lb.TargetGroup("scorer", target_type="lambda", opts=options)
permission = aws.lambda_.Permission(
    "scorer",
    action="lambda:InvokeFunction",
    function=scorer.name,
    principal="elasticloadbalancing.amazonaws.com",
    source_arn=target.arn,
    opts=options,
)
aws.lb.TargetGroupAttachment(
    "scorer",
    target_group_arn=target.arn,
    target_id=scorer.arn,
    opts=pulumi.ResourceOptions(provider=provider, depends_on=[permission]),
)
aws.lb.Listener(
    "scorer",
    load_balancer_arn=front.arn,
    port=443,
    protocol="HTTPS",
    ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
    certificate_arn=pulumi.Config("additions").require("certificateArn"),
    default_actions=[{"type": "forward", "target_group_arn": target.arn}],
    opts=options,
)
