"""Where on-premises DNS servers ask for the VPC's private names: an inbound endpoint of Amazon Route 53 Resolver.

Private DNS of VPC endpoints, and private zones, resolve within the VPC alone. Queries that are forwarded to this
endpoint's addresses are answered as within the VPC:
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-network-to-vpc.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.flows import Block, Flow, GroupRule, group_rules
from components.names import name_tag, stack_name
from components.network import INTERFACE_DELETION


@dataclass(frozen=True, kw_only=True)
class InboundResolverArgs:
    """Where the endpoint is, and who asks it."""

    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """In two zones at least: AWS takes no fewer addresses."""
    queries: Sequence[Flow]
    """From the blocks of other networks."""


class InboundResolver(pulumi.ComponentResource):
    """The endpoint, by plain DNS (Do53), with a group of its own that answers queries and opens no connection."""

    endpoint: aws.route53.ResolverEndpoint
    addresses: pulumi.Output[list[str]]
    """What on-premises DNS servers forward queries to."""

    def __init__(self, name: str, args: InboundResolverArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:network:InboundResolver", name, None, opts)
        self._group = aws.ec2.SecurityGroup(
            name,
            description="Inbound endpoint of Route 53 Resolver",
            vpc_id=args.vpc_id,
            tags=name_tag(name),
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(delete=INTERFACE_DELETION)),
        )
        for rule in group_rules(args.queries):
            self._rule(name, rule)
        self.endpoint = aws.route53.ResolverEndpoint(
            name,
            name=stack_name(name),
            direction="INBOUND",
            protocols=["Do53"],
            security_group_ids=[self._group.id],
            ip_addresses=[aws.route53.ResolverEndpointIpAddressArgs(subnet_id=each) for each in args.subnet_ids],
            tags=name_tag(name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.addresses = self.endpoint.ip_addresses.apply(lambda found: [each.ip for each in found if each.ip])
        self.register_outputs({"endpointId": self.endpoint.id})

    def _rule(self, name: str, rule: GroupRule) -> None:
        if not isinstance(rule.peer, Block):
            raise TypeError(f"queries come from other networks' blocks, not from {rule.peer}")
        port, _ = rule.ports
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-{rule.peer.cidr.replace('/', '-')}-{rule.protocol}",
            security_group_id=self._group.id,
            ip_protocol=rule.protocol,
            from_port=port,
            to_port=port,
            cidr_ipv4=rule.peer.cidr,
            description=rule.description,
            opts=pulumi.ResourceOptions(parent=self),
        )
