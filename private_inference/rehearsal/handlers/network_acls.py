"""Handlers for network ACLs."""

from collections.abc import Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Created, Handler
from private_inference.rehearsal.handlers.ec2 import create, created, filters, hashed, tag
from private_inference.rehearsal.inputs import Inputs, RefusedError
from private_inference.rehearsal.requests import request

PROTOCOL_NUMBERS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
DEFAULT_DENY = 32767
"""The number that AWS shows for the final deny, which can't be removed."""


def network_acl(account: Account, inputs: Inputs) -> Created:
    properties = {name: inputs.get(name, []) for name in ("ingress", "egress", "subnetIds")}
    acl_id = create(account, inputs, "create_network_acl", "network-acl")["NetworkAcl"]["NetworkAclId"]
    _fill(account, acl_id, properties)
    return created(account, "network-acl", acl_id, defaults={"ingress": [], "egress": [], "subnetIds": []})


def default_network_acl(account: Account, inputs: Inputs) -> Created:
    """Takes over a VPC's default network ACL and removes its allow-all entries before it adds those given."""
    ec2, acl_id = account.client("ec2"), inputs["defaultNetworkAclId"]
    acl = ec2.describe_network_acls(NetworkAclIds=[acl_id])["NetworkAcls"][0]
    for entry in acl["Entries"]:
        if entry["RuleNumber"] != DEFAULT_DENY:
            ec2.delete_network_acl_entry(NetworkAclId=acl_id, RuleNumber=entry["RuleNumber"], Egress=entry["Egress"])
    _fill(account, acl_id, {name: inputs.get(name, []) for name in ("ingress", "egress", "subnetIds")})
    tag(account, inputs, acl_id)
    return created(account, "network-acl", acl_id, {"vpcId": acl["VpcId"]})


def _fill(account: Account, acl_id: str, properties: Mapping[str, Any]) -> None:
    """Add the entries that the ACL itself holds, and move its subnets to it."""
    for direction in ("ingress", "egress"):
        for entry in properties[direction]:
            given = dict(entry)
            renamed = {"ruleNumber": given.pop("ruleNo"), "ruleAction": given.pop("action")}
            _add_entry(account, given | renamed | {"networkAclId": acl_id, "egress": direction == "egress"})
    for subnet_id in properties["subnetIds"]:
        _associate(account, acl_id, subnet_id)


def _add_entry(account: Account, entry: Mapping[str, Any]) -> None:
    """One entry in the provider's flat form; AWS wants ports and ICMP types in structures of their own."""
    ec2, flat = account.client("ec2"), dict(entry)
    number = protocol_number(str(flat["protocol"]))
    nested: dict[str, Any] = {"protocol": number}
    ports = (flat.pop("fromPort", None), flat.pop("toPort", None))
    icmp = (flat.pop("icmpType", None), flat.pop("icmpCode", None))
    if number in (PROTOCOL_NUMBERS["tcp"], PROTOCOL_NUMBERS["udp"]):
        nested["portRange"] = {"from": ports[0] or 0, "to": ports[1] or 0}
    if number in (PROTOCOL_NUMBERS["icmp"], PROTOCOL_NUMBERS["icmpv6"]):
        nested["icmpTypeCode"] = {"type": icmp[0] or 0, "code": icmp[1] or 0}
    ec2.create_network_acl_entry(**request(ec2, "create_network_acl_entry", flat | nested))


def protocol_number(protocol: str) -> str:
    """A network ACL's protocol as EC2 takes it: IANA's number, -1 for all. Raises RefusedError for an unknown name."""
    number = PROTOCOL_NUMBERS.get(protocol.lower(), protocol)
    if not number.lstrip("-").isdigit():
        raise RefusedError(f"protocol is {protocol!r}; a network ACL takes a number or {', '.join(PROTOCOL_NUMBERS)}")
    return number


def network_acl_rule(account: Account, inputs: Inputs) -> Created:
    entry = {"egress": False, **inputs.rest()}
    _add_entry(account, entry)
    key = f"{entry['networkAclId']}-{entry['ruleNumber']}-{str(entry['egress']).lower()}-{entry['protocol']}-"
    return Created(f"nacl-{hashed(key)}", {}, {"egress": False})


def network_acl_association(account: Account, inputs: Inputs) -> Created:
    return Created(_associate(account, inputs["networkAclId"], inputs["subnetId"]))


def _associate(account: Account, acl_id: str, subnet_id: str) -> str:
    """Move a subnet to a network ACL; returns the new association's id."""
    ec2 = account.client("ec2")
    acls = ec2.describe_network_acls(Filters=filters(association__subnet_id=subnet_id))["NetworkAcls"]
    present = [a["NetworkAclAssociationId"] for acl in acls for a in acl["Associations"] if a["SubnetId"] == subnet_id]
    if not present:
        raise RefusedError(f"the subnet {subnet_id} does not exist")
    answer = ec2.replace_network_acl_association(AssociationId=present[0], NetworkAclId=acl_id)
    return str(answer["NewAssociationId"])


HANDLERS = {
    "aws:ec2/networkAcl:NetworkAcl": Handler(network_acl),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": Handler(default_network_acl),
    "aws:ec2/networkAclRule:NetworkAclRule": Handler(network_acl_rule, taggable=False),
    "aws:ec2/networkAclAssociation:NetworkAclAssociation": Handler(network_acl_association, taggable=False),
}
