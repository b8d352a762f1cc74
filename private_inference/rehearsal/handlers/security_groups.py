"""Handlers for security groups and their rules."""

from collections.abc import Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Create, Created, Handler
from private_inference.rehearsal.handlers.ec2 import create, created, filters, tag
from private_inference.rehearsal.inputs import Inputs, RefusedError

ALLOW_ALL = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]

PEERS = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}
"""A rule's peer: property → EC2's list in a permission, and the name in it."""

INLINE_PEERS = {
    "cidrBlocks": PEERS["cidrIpv4"],
    "ipv6CidrBlocks": PEERS["cidrIpv6"],
    "prefixListIds": PEERS["prefixListId"],
    "securityGroups": PEERS["referencedSecurityGroupId"],
}
"""The same for a rule in the group itself."""


def security_group(account: Account, inputs: Inputs) -> Created:
    """AWS gives a new group an allow-all egress rule; the provider removes it."""
    rules = {direction: inputs.get(direction, []) for direction in ("ingress", "egress")}
    renamed = {"name": "GroupName"}
    group_id = create(account, inputs, "create_security_group", "security-group", renamed=renamed)["GroupId"]
    account.client("ec2").revoke_security_group_egress(GroupId=group_id, IpPermissions=ALLOW_ALL)
    _add_rules(account, group_id, rules)
    defaults = {"ingress": [], "egress": [], "revokeRulesOnDelete": False}
    return created(account, "security-group", group_id, defaults=defaults)


def default_security_group(account: Account, inputs: Inputs) -> Created:
    """Takes over a VPC's default group and removes its rules before it adds those given."""
    ec2 = account.client("ec2")
    found = ec2.describe_security_groups(Filters=filters(vpc_id=inputs["vpcId"], group_name="default"))
    if not found["SecurityGroups"]:
        raise RefusedError(f"the VPC {inputs['vpcId']} does not exist")
    group = found["SecurityGroups"][0]
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    _add_rules(account, group["GroupId"], {name: inputs.get(name, []) for name in ("ingress", "egress")})
    tag(account, inputs, group["GroupId"])
    outputs = {"name": group["GroupName"], "namePrefix": "", "description": group["Description"]}
    return created(account, "security-group", group["GroupId"], outputs, {"ingress": [], "egress": []})


def _add_rules(account: Account, group_id: str, rules: Mapping[str, Any]) -> None:
    """Add the rules that the group itself holds, by direction."""
    for direction, given in rules.items():
        authorize = getattr(account.client("ec2"), f"authorize_security_group_{direction}")
        for rule in given:
            authorize(GroupId=group_id, IpPermissions=[_inline_permission(rule, group_id)])


def _inline_permission(rule: Mapping[str, Any], group_id: str) -> dict[str, Any]:
    description = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*rule.get("securityGroups", []), *([group_id] if rule.get("self") else [])]
    peers = {
        parent: [{child: peer, **description} for peer in {**rule, "securityGroups": groups}.get(name, [])]
        for name, (parent, child) in INLINE_PEERS.items()
    }
    given = {parent: entries for parent, entries in peers.items() if entries}
    return {"IpProtocol": rule["protocol"], "FromPort": rule["fromPort"], "ToPort": rule["toPort"], **given}


def security_group_rule(direction: str) -> Create:
    """The create function of a rule that is a resource of its own; `direction` is ingress or egress."""
    operation = f"authorize_security_group_{direction}"

    def create_rule(account: Account, inputs: Inputs) -> Created:
        permission = _permission(inputs)
        renamed = {"securityGroupId": "GroupId"}
        answer = create(account, inputs, operation, "security-group-rule", renamed=renamed, ipPermissions=[permission])
        rule_id = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        arn = account.arn("ec2", f"security-group-rule/{rule_id}")
        return Created(rule_id, {"arn": arn, "securityGroupRuleId": rule_id})

    return create_rule


def _permission(inputs: Inputs) -> dict[str, Any]:
    """A rule in EC2's form, with its one peer."""
    description = {"Description": inputs["description"]} if "description" in inputs else {}
    peer = inputs.only(*PEERS)
    parent, child = PEERS[peer]
    ports = {name: inputs[key] for key, name in (("fromPort", "FromPort"), ("toPort", "ToPort")) if key in inputs}
    return {"IpProtocol": inputs["ipProtocol"], **ports, parent: [{child: inputs[peer], **description}]}


HANDLERS = {
    "aws:ec2/securityGroup:SecurityGroup": Handler(security_group, auto_name="name", ignored=("revokeRulesOnDelete",)),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Handler(
        default_security_group, ignored=("revokeRulesOnDelete",)
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Handler(security_group_rule("ingress")),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Handler(security_group_rule("egress")),
}
