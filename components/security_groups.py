"""The security groups of a stack, with the rules derived from its flows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.cidr import Tier
from components.flows import HTTPS, Block, Flow, Gateway, GroupRule, Guarded, Part, Peer, group_rules
from components.names import name_tag
from components.network import INTERFACE_DELETION

DESCRIPTIONS = {
    Tier.APP: "Clients of the models",
    Tier.ACCESS: "Interface endpoints of AWS services",
    Tier.MODEL: "Network interfaces of the model containers",
    Part.BALANCER: "Load balancer in front of the models",
    Part.FORWARDER: "Forwarder behind the load balancer",
}
NAMES: Mapping[Guarded, str] = {
    Tier.APP: "client",
    Tier.ACCESS: "access",
    Tier.MODEL: "model",
    Part.BALANCER: "balancer",
    Part.FORWARDER: "forwarder",
}


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    """Where the groups are, and what they allow."""

    vpc_id: pulumi.Input[str]
    allowed: Sequence[Flow]
    """The flows that rules are derived from."""
    own_endpoints: bool = True
    """Whether any interface endpoint is the stack's. Else the access group guards nothing, and has no rules."""
    existing_groups: Sequence[str] = ()
    """Groups of interface endpoints that are there already: whoever may reach the stack's reaches these."""
    prefix_list_ids: Mapping[Gateway, pulumi.Input[str]]
    """Of each gateway that `allowed` names."""
    outlived_by: Sequence[pulumi.Resource]
    """What has to be there until the models' group is deleted: SageMaker's interfaces block it, and go with these."""


class SecurityGroups(pulumi.ComponentResource):
    """A group for each tier (client, access, model), and for each part of the front door that flows name.

    Every rule allows TCP to or from one named peer.
    """

    client: aws.ec2.SecurityGroup
    access: aws.ec2.SecurityGroup
    model: aws.ec2.SecurityGroup
    parts: Mapping[Part, aws.ec2.SecurityGroup]
    """Of the front door's load balancer, if there is one."""

    def __init__(self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:security:SecurityGroups", name, None, opts)
        self._args = args
        named = {end for flow in args.allowed for end in (flow.source, flow.destination)}
        self._groups = {end: self._group(end) for end in NAMES if isinstance(end, Tier) or end in named}
        self.client, self.access, self.model = (self._groups[tier] for tier in (Tier.APP, Tier.ACCESS, Tier.MODEL))
        for rule in group_rules(args.allowed):
            if args.own_endpoints or Tier.ACCESS not in (rule.tier, rule.peer):
                self._rule(rule)
            if rule.direction == "egress" and rule.peer == Tier.ACCESS:
                for group in args.existing_groups:
                    self._rule(rule, group)
        self.parts = {part: self._groups[part] for part in Part if part in self._groups}
        self.register_outputs({"clientSecurityGroupId": self.client.id})

    def _group(self, tier: Guarded) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            NAMES[tier],
            description=DESCRIPTIONS[tier],
            vpc_id=self._args.vpc_id,
            tags=name_tag(NAMES[tier]),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(self._args.outlived_by) if tier == Tier.MODEL else None,
                custom_timeouts=pulumi.CustomTimeouts(delete=INTERFACE_DELETION),
            ),
        )

    def _rule(self, rule: GroupRule, existing: str | None = None) -> None:
        """A rule, or the same with a group that is there already as its peer."""
        kind = aws.vpc.SecurityGroupIngressRule if rule.direction == "ingress" else aws.vpc.SecurityGroupEgressRule
        preposition = "from" if rule.direction == "ingress" else "to"
        first, last = rule.ports
        on = "" if rule.ports == HTTPS else f"-{first}" if first == last else f"-{first}-{last}"
        kind(
            f"{NAMES[rule.tier]}-{preposition}-{existing or _peer_name(rule.peer)}{on}",
            security_group_id=self._groups[rule.tier].id,
            ip_protocol=rule.protocol,
            from_port=first,
            to_port=last,
            description=rule.description,
            opts=pulumi.ResourceOptions(parent=self),
            cidr_ipv4=rule.peer.cidr if isinstance(rule.peer, Block) else None,
            prefix_list_id=self._args.prefix_list_ids[rule.peer] if isinstance(rule.peer, Gateway) else None,
            referenced_security_group_id=existing
            or (self._groups[rule.peer].id if isinstance(rule.peer, Guarded) else None),
        )


def _peer_name(peer: Peer) -> str:
    if isinstance(peer, Block):
        return peer.cidr.replace("/", "-")
    return peer.value if isinstance(peer, Gateway) else NAMES[peer]
