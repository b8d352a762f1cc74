"""What the plugin changes in place of the way to on-premises networks."""

from typing import Any

from private_inference.life.differences import State, differs, retag
from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handlers.resolver import SERVICE
from private_inference.rehearsal.inputs import Inputs


def resolver_endpoint(account: Account, state: State, inputs: Inputs) -> None:
    """Its name and its subnets: those that come before those that go, as it must not have fewer than two."""
    client, identity = account.client(SERVICE), {"ResolverEndpointId": state["id"]}
    if differs(state, inputs, "name"):
        client.update_resolver_endpoint(**identity, Name=inputs["name"])
    before = {each["subnetId"]: each for each in state["ipAddresses"]}
    after = {each["subnetId"] for each in inputs["ipAddresses"]}
    for subnet in sorted(after - before.keys()):
        client.associate_resolver_endpoint_ip_address(**identity, IpAddress={"SubnetId": subnet})
    for subnet in sorted(before.keys() - after):
        gone: dict[str, Any] = {"IpId": before[subnet]["ipId"], "SubnetId": subnet}
        client.disassociate_resolver_endpoint_ip_address(**identity, IpAddress=gone)
    retag(state, inputs, {"ResourceArn": state["arn"]}, client.tag_resource, client.untag_resource)
    inputs.rest()


UPDATES = {"aws:route53/resolverEndpoint:ResolverEndpoint": resolver_endpoint}
