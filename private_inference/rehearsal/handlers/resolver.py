"""The handler for endpoints of Amazon Route 53 Resolver."""

import uuid
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Created, Handler, call
from private_inference.rehearsal.inputs import Inputs

SERVICE = "route53resolver"


def resolver_endpoint(account: Account, inputs: Inputs) -> Created:
    made = call(account, SERVICE, "create_resolver_endpoint", inputs, more={"creatorRequestId": str(uuid.uuid4())})
    endpoint = made["ResolverEndpoint"]
    outputs = {
        "arn": endpoint["Arn"],
        "hostVpcId": endpoint["HostVPCId"],
        "ipAddresses": addresses(account, endpoint["Id"]),
    }
    answered = {"protocols": endpoint["Protocols"], "resolverEndpointType": endpoint["ResolverEndpointType"]}
    return Created(endpoint["Id"], outputs, answered)


def addresses(account: Account, identity: str) -> list[dict[str, Any]]:
    """The endpoint's addresses, as the provider tells of them."""
    client = account.client(SERVICE)
    found = client.list_resolver_endpoint_ip_addresses(ResolverEndpointId=identity)["IpAddresses"]
    return [{"subnetId": one["SubnetId"], "ip": one["Ip"], "ipId": one["IpId"], "ipv6": ""} for one in found]


HANDLERS = {"aws:route53/resolverEndpoint:ResolverEndpoint": Handler(resolver_endpoint, auto_name="name")}
