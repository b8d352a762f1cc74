"""Handlers for transit gateways, their attachments and their route tables."""

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Call, Created, Handler
from private_inference.rehearsal.handlers.ec2 import create, created
from private_inference.rehearsal.inputs import Inputs

OPTIONS = {
    "autoAcceptSharedAttachments": "disable",
    "defaultRouteTableAssociation": "enable",
    "defaultRouteTablePropagation": "enable",
    "dnsSupport": "enable",
    "vpnEcmpSupport": "enable",
}


def transit_gateway(account: Account, inputs: Inputs) -> Created:
    options = {name: inputs.get(name, default) for name, default in OPTIONS.items()}
    kind = "transit-gateway"
    answer = create(account, inputs, "create_transit_gateway", kind, options=options)["TransitGateway"]
    tables = {
        "associationDefaultRouteTableId": answer["Options"].get("AssociationDefaultRouteTableId", ""),
        "propagationDefaultRouteTableId": answer["Options"].get("PropagationDefaultRouteTableId", ""),
    }
    return created(account, kind, answer["TransitGatewayId"], {"ownerId": account.id, **tables}, options)


def attachment(account: Account, inputs: Inputs) -> Created:
    options = {
        "applianceModeSupport": inputs.get("applianceModeSupport", "disable"),
        "dnsSupport": inputs.get("dnsSupport", "enable"),
        "ipv6Support": inputs.get("ipv6Support", "disable"),
    }
    if "securityGroupReferencingSupport" in inputs:
        options["securityGroupReferencingSupport"] = inputs["securityGroupReferencingSupport"]
    kind = "transit-gateway-attachment"
    answer = create(account, inputs, "create_transit_gateway_vpc_attachment", kind, options=options)
    identity = answer["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    outputs = {"arn": account.arn("ec2", f"{kind}/{identity}"), "vpcOwnerId": account.id}
    return Created(identity, outputs, options)


def route_table(account: Account, inputs: Inputs) -> Created:
    kind = "transit-gateway-route-table"
    answer = create(account, inputs, "create_transit_gateway_route_table", kind)["TransitGatewayRouteTable"]
    return created(account, kind, answer["TransitGatewayRouteTableId"])


IN_TABLE = "join('_', [request.TransitGatewayRouteTableId, request.TransitGatewayAttachmentId])"

HANDLERS = {
    "aws:ec2transitgateway/transitGateway:TransitGateway": Handler(transit_gateway),
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": Handler(
        attachment,
        # The provider carries these two out by calls of their own, where a gateway has default tables.
        ignored=("transitGatewayDefaultRouteTableAssociation", "transitGatewayDefaultRouteTablePropagation"),
    ),
    "aws:ec2transitgateway/routeTable:RouteTable": Handler(route_table),
    "aws:ec2transitgateway/routeTableAssociation:RouteTableAssociation": Handler(
        Call("ec2", "associate_transit_gateway_route_table", id=IN_TABLE), taggable=False
    ),
    "aws:ec2transitgateway/routeTablePropagation:RouteTablePropagation": Handler(
        Call("ec2", "enable_transit_gateway_route_table_propagation", id=IN_TABLE), taggable=False
    ),
}
