"""Amazon EC2."""

import inspect
from collections import Counter
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses import EC2Response

from private_inference.rehearsal.patches.patch import patch

VPC_USER_GUIDE = "https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html"


@patch(EC2Response, "describe_prefix_lists")
def prefix_list_cidrs(original: Any, response: Any) -> Any:
    """DescribePrefixLists answers with the address ranges of each list (API_PrefixList: `Cidrs`)."""
    lists = original(response).result["PrefixLists"]
    entries = {item.id: next(reversed(item.entries.values())) for item in lists}
    described = [
        {
            "PrefixListId": item.id,
            "PrefixListName": item.prefix_list_name,
            "Cidrs": [entry["Cidr"] for entry in entries[item.id]],
        }
        for item in lists
    ]
    return ActionResult({"PrefixLists": described})


@patch(EC2Backend, "_collect_default_endpoint_services")
def runtime_endpoint_services(original: Any, backend: Any, account_id: str, region: str) -> Any:
    """SageMaker Runtime's services are named runtime.sagemaker.<region>; the FIPS one takes no endpoint policy.

    Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/interface-vpc-endpoint.html and
    https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html.
    """
    services = original(account_id, region)
    for service in services:
        name = service["ServiceName"].removeprefix(f"com.amazonaws.{region}.sagemaker.")
        if name in ("runtime", "runtime-fips"):
            host = f"{name}.sagemaker.{region}"
            service["PrivateDnsName"] = f"{host}.amazonaws.com"
            service["PrivateDnsNames"] = [{"PrivateDnsName": f"{host}.amazonaws.com"}]
            service["BaseEndpointDnsNames"] = [f"{host}.vpce.amazonaws.com"]
            service["VpcEndpointPolicySupported"] = name == "runtime"
    return services


@patch(EC2Backend, "create_vpc_endpoint")
def endpoint_refusals(original: Any, backend: Any, **asked: Any) -> Any:
    """CreateVpcEndpoint refuses unknown services and groups, two subnets in a zone, and private DNS it can't give.

    Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (InvalidServiceName,
    DuplicateSubnetsInSameZone) and the considerations in VPC_USER_GUIDE.
    """
    kind = (asked.get("endpoint_type") or "Gateway").capitalize()
    service = _endpoint_service(backend, asked["service_name"], kind)
    for group in asked.get("security_group_ids") or []:
        if backend.get_security_group_from_id(group) is None:
            raise EC2ClientError("InvalidSecurityGroup.NotFound", f"The security group '{group}' does not exist")
    for table in asked["route_table_ids"]:
        backend.get_route_table(table)
    if kind == "Interface":
        _refuse_subnets(backend, service, asked)
        if asked.get("private_dns_enabled"):
            _refuse_private_dns(backend, asked)
    return original(backend, **asked)


def _endpoint_service(backend: Any, name: str, kind: str) -> dict[str, Any]:
    services = backend._collect_default_endpoint_services(backend.account_id, backend.region_name)
    for service in services:
        if service["ServiceName"] == name and service["ServiceType"][0]["ServiceType"] == kind:
            found: dict[str, Any] = service
            return found
    raise EC2ClientError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")


def _refuse_subnets(backend: Any, service: dict[str, Any], asked: dict[str, Any]) -> None:
    subnets = [backend.get_subnet(subnet) for subnet in asked.get("subnet_ids") or []]
    zones = Counter(subnet.availability_zone for subnet in subnets)
    doubled = sorted(zone for zone, count in zones.items() if count > 1)
    if doubled:
        raise EC2ClientError(
            "DuplicateSubnetsInSameZone", f"Found another VPC endpoint subnet in the availability zone of {doubled[0]}"
        )
    for subnet in subnets:
        if subnet.availability_zone not in service["AvailabilityZones"]:
            raise EC2ClientError(
                "InvalidParameter",
                f"The VPC endpoint service {asked['service_name']} does not support the availability zone of the "
                f"subnet: {subnet.id}.",
            )


def _refuse_private_dns(backend: Any, asked: dict[str, Any]) -> None:
    vpc = backend.get_vpc(asked["vpc_id"])
    if not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
        raise EC2ClientError(
            "InvalidParameter",
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for "
            f"{vpc.id}",
        )
    for other in backend.vpc_end_points.values():
        alike = (other.vpc_id, other.service_name) == (vpc.id, asked["service_name"])
        if alike and other.private_dns_enabled and other.vpc_endpoint_type == "Interface":
            raise EC2ClientError(
                "InvalidParameter",
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
                f"{asked['service_name']} in the VPC {vpc.id}",
            )


@patch(EC2Response, "create_vpc_endpoint")
def endpoint_interfaces(original: Any, response: Any) -> Any:
    """An interface endpoint's network interfaces have addresses of their subnets and the endpoint's security groups.

    Its DNS names are one for the region, one for each zone and, with private DNS, the service's own. Source:
    https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html.
    """
    endpoint = original(response).result["VpcEndpoint"]
    backend, options = response.ec2_backend, response._get_param("DnsOptions", {})
    endpoint.vpc_endpoint_type = endpoint.vpc_endpoint_type or "Gateway"
    endpoint.ip_address_type = (response._get_param("IpAddressType") or "ipv4").lower()
    endpoint.dns_options = {
        "DnsRecordIpType": options.get("DnsRecordIpType") or endpoint.ip_address_type,
        "PrivateDnsOnlyForInboundResolverEndpoint": str(
            options.get("PrivateDnsOnlyForInboundResolverEndpoint", "false")
        ).lower()
        == "true",
    }
    if endpoint.vpc_endpoint_type != "Interface":
        endpoint.private_dns_enabled = False
        return ActionResult({"VpcEndpoint": endpoint})
    if not endpoint.security_group_ids:
        endpoint.security_group_ids = [backend.get_default_security_group(endpoint.vpc_id).id]
    for eni_id in endpoint.network_interface_ids:
        _attach(backend, endpoint, backend.get_network_interface(eni_id))
    endpoint.dns_entries = _dns_entries(backend, endpoint)
    return ActionResult({"VpcEndpoint": endpoint})


def _attach(backend: Any, endpoint: Any, interface: Any) -> None:
    """Make a network interface one of an endpoint's."""
    address = interface.subnet.get_available_subnet_ip(interface)
    interface.private_ip_address = address
    interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
    interface._group_set = [backend.get_security_group_from_id(group) for group in endpoint.security_group_ids]
    interface.interface_type, interface.requester_managed, interface.status = "vpc_endpoint", True, "in-use"
    interface.description = f"VPC Endpoint Interface {endpoint.id}"


@patch(EC2Backend, "modify_vpc_endpoint")
def endpoint_subnets(original: Any, backend: Any, vpc_id: str, *given: Any, **asked: Any) -> None:
    """ModifyVpcEndpoint makes a network interface in each added subnet, and deletes those of removed ones.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html.
    """
    original(backend, vpc_id, *given, **asked)
    endpoint = backend.vpc_end_points[vpc_id]
    if endpoint.vpc_endpoint_type != "Interface":
        return
    kept = []
    for eni_id in endpoint.network_interface_ids:
        if backend.get_network_interface(eni_id).subnet.id in endpoint.subnet_ids:
            kept.append(eni_id)
        else:
            del backend.enis[eni_id]
    covered = {backend.get_network_interface(eni_id).subnet.id for eni_id in kept}
    for subnet in [each for each in endpoint.subnet_ids if each not in covered]:
        interface = backend.create_network_interface(backend.get_subnet(subnet), None)
        _attach(backend, endpoint, interface)
        kept.append(interface.id)
    endpoint.network_interface_ids = kept
    endpoint.dns_entries = _dns_entries(backend, endpoint)


@patch(EC2Backend, "modify_vpc_endpoint")
def gateway_routes(original: Any, backend: Any, vpc_id: str, *given: Any, **asked: Any) -> None:
    """ModifyVpcEndpoint adds a gateway endpoint's route to each added route table, and takes it from removed ones.

    Source: https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html#gateway-endpoint-routing.
    """
    before = set(getattr(backend.vpc_end_points.get(vpc_id), "route_table_ids", None) or ())
    original(backend, vpc_id, *given, **asked)
    endpoint = backend.vpc_end_points[vpc_id]
    prefixes, after = endpoint.destination_prefix_list_id, set(endpoint.route_table_ids or ())
    for table in after - before:
        backend.create_route(table, None, gateway_id=vpc_id, destination_prefix_list_id=prefixes)
    for table in before - after:
        backend.delete_route(table, prefixes)


def _dns_entries(backend: Any, endpoint: Any) -> list[dict[str, str]]:
    interfaces = map(backend.get_network_interface, endpoint.network_interface_ids)
    zones = [interface.subnet.availability_zone for interface in interfaces]
    service = _endpoint_service(backend, endpoint.service_name, "Interface")
    base = service["BaseEndpointDnsNames"][0]
    prefix = f"{endpoint.id}-{endpoint.id[-8:]}"  # no change of the endpoint changes its names
    names = [f"{prefix}.{base}", *(f"{prefix}-{zone}.{base}" for zone in sorted(zones))]
    entries = [{"dns_name": name, "hosted_zone_id": "Z00000000000000000000"} for name in names]
    if endpoint.private_dns_enabled and "PrivateDnsName" in service:
        entries.append({"dns_name": service["PrivateDnsName"], "hosted_zone_id": "Z00000000000000000001"})
    return entries


@patch(EC2Backend, "create_flow_logs")
def flow_log_destination(original: Any, backend: Any, **asked: Any) -> Any:
    """A flow log finds its log group by the ARN in LogDestination as well as by LogGroupName (API_CreateFlowLogs)."""
    destination = asked.get("log_destination") or ""
    if asked.get("log_group_name") is None and ":log-group:" in destination:
        asked["log_group_name"] = destination.partition(":log-group:")[2].removesuffix(":*")
    return original(backend, **asked)


@patch(EC2Backend, "create_route")
def transit_gateway_route(original: Any, backend: Any, route_table_id: str, *given: Any, **asked: Any) -> Any:
    """CreateRoute refuses a transit gateway that the route table's VPC is not attached to.

    Source: https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html.
    """
    gateway = asked.get("transit_gateway_id")
    if gateway:
        vpc = backend.get_route_table(route_table_id).vpc_id
        attachments = backend.transit_gateway_attachments.values()
        if not any(item.transit_gateway_id == gateway and item.resource_id == vpc for item in attachments):
            raise EC2ClientError(
                "InvalidTransitGatewayID.NotFound", f"Transit Gateway {gateway} was deleted or does not exist."
            )
    return original(backend, route_table_id, *given, **asked)


@patch(EC2Response, "create_transit_gateway_vpc_attachment")
def transit_gateway_attachment_tags(original: Any, response: Any) -> Any:
    """CreateTransitGatewayVpcAttachment tags what it makes (TagSpecifications)."""
    answer = original(response)
    tags = response._parse_tag_specification().get("transit-gateway-attachment", {})
    answer.result["TransitGatewayVpcAttachment"].add_tags(tags)
    return answer


@patch(EC2Backend, "delete_transit_gateway_vpc_attachment")
def deleted_transit_gateway_attachment(original: Any, backend: Any, *given: Any, **asked: Any) -> Any:
    """A deleted attachment stays for a while: `described_transit_gateway_attachments` tells of it."""
    deleted = original(backend, *given, **asked)
    backend.__dict__.setdefault("deleted_transit_gateway_attachments", []).append(deleted)
    return deleted


@patch(EC2Response, "describe_transit_gateway_vpc_attachments")
def described_transit_gateway_attachments(original: Any, response: Any) -> Any:
    """DescribeTransitGatewayVpcAttachments goes on telling of what was deleted, to whoever asks by its id.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TransitGatewayVpcAttachment.html (state).
    """
    answer, ids = original(response), response._get_param("TransitGatewayAttachmentIds", [])
    deleted = response.ec2_backend.__dict__.get("deleted_transit_gateway_attachments", [])
    listed = answer.result["TransitGatewayVpcAttachments"]
    return ActionResult({"TransitGatewayVpcAttachments": [*listed, *(each for each in deleted if each.id in ids)]})


@patch(SecurityGroupRule, "description")
def group_rule_description(original: Any, rule: Any) -> str | None:
    """DescribeSecurityGroupRules answers with the description of a rule whose peer is a security group.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html.
    """
    found = original(rule) or rule.source_group.get("Description") or getattr(rule, "prefix_list_description", None)
    return str(found) if found else None


@patch(SecurityGroupRule, "__init__")
def prefix_list_rule_description(original: Any, rule: Any, *given: Any, **asked: Any) -> None:
    """A rule whose peer is a prefix list keeps its description too (API_PrefixListId)."""
    original(rule, *given, **asked)
    peer = inspect.signature(original).bind(rule, *given, **asked).arguments.get("prefix_list_id")
    rule.prefix_list_description = (peer or {}).get("Description")


@patch(EC2Backend, "delete_vpc")
def default_acl_goes(original: Any, backend: Any, vpc_id: str) -> Any:
    """A VPC's default network ACL goes with the VPC.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html (it needs no deletion of its own).
    """
    deleted = original(backend, vpc_id)
    for acl in backend.describe_network_acls(filters={"vpc-id": [vpc_id]}):
        del backend.network_acls[acl.id]
    return deleted
