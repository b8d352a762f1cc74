"""The IAM documents of the function: pure, so that they are tested and linted without Pulumi."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contract import Contract, Endpoint

Document = dict[str, Any]

NETWORK_INTERFACE_ACTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]
"""What the AWS managed policy AWSLambdaVPCAccessExecutionRole allows besides logging."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may do what for one function, called `name`, that calls one endpoint of the platform.

    The function lives in the platform's account and region, for it runs in the platform's subnets.
    """

    contract: Contract
    endpoint: Endpoint
    name: str

    @property
    def log_group(self) -> str:
        return f"/aws/lambda/{self.name}"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.endpoint.partition}:{service}:{self.contract.region}:{self.endpoint.account}:{resource}"

    def trust(self) -> Document:
        """Lambda may assume the role, for functions of this account."""
        return document(
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": self.endpoint.account}},
            }
        )

    def key_policy(self) -> Document:
        """The account's IAM policies govern the key; CloudWatch Logs uses it for this log group only."""
        return document(
            {
                "Sid": "AccountPolicies",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{self.endpoint.partition}:iam::{self.endpoint.account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "LogGroup",
                "Effect": "Allow",
                "Principal": {"Service": f"logs.{self.contract.region}.amazonaws.com"},
                "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                "Resource": "*",
                "Condition": {
                    "ArnEquals": {"kms:EncryptionContext:aws:logs:arn": self.arn("logs", f"log-group:{self.log_group}")}
                },
            },
        )

    def execution(self, key_arn: str) -> Document:
        """AWSLambdaVPCAccessExecutionRole, bounded to this function's subnets, security group and log group.

        Lambda manages the network interfaces with the role's permissions; the function's code has the same role and is
        denied them (Lambda developer guide, "Using source function ARN to control function access behavior").
        """
        return document(
            {
                "Sid": "CreateNetworkInterfaces",
                "Effect": "Allow",
                "Action": "ec2:CreateNetworkInterface",
                "Resource": [
                    *(self.arn("ec2", f"subnet/{subnet}") for subnet in self.contract.app_subnet_ids),
                    self.arn("ec2", f"security-group/{self.contract.client_security_group_id}"),
                    self.arn("ec2", "network-interface/*"),
                ],
            },
            {
                "Sid": "ManageNetworkInterfaces",
                "Effect": "Allow",
                "Action": [
                    "ec2:AssignPrivateIpAddresses",
                    "ec2:DeleteNetworkInterface",
                    "ec2:UnassignPrivateIpAddresses",
                ],
                "Resource": self.arn("ec2", "network-interface/*"),
            },
            {
                # EC2's Describe actions take no resource.
                "Sid": "DescribeNetwork",
                "Effect": "Allow",
                "Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
                "Resource": "*",
            },
            {
                "Sid": "LeaveTheNetworkToLambda",
                "Effect": "Deny",
                "Action": NETWORK_INTERFACE_ACTIONS,
                "Resource": "*",
                "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": self.arn("lambda", f"function:{self.name}")}},
            },
            {
                "Sid": "WriteLog",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": self.arn("logs", f"log-group:{self.log_group}:*"),
            },
            {
                "Sid": "DecryptEnvironment",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": key_arn,
            },
        )


def document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}
