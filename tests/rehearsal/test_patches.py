"""Each patch is needed, and does what it says: plain moto fails its probes, the embedded AWS passes them.

A probe that plain moto passes means that moto has it by now: remove the patch, or that part of it.
"""

import contextlib
import io
import ipaddress
import json
import urllib.request
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.operations import Operations
from tests.support.client_certificates import Authority

Probe = Callable[[EmbeddedAws], bool]
PROBES: list[tuple[str, Probe]] = []
REGION = "eu-west-1"
RUNTIME = f"com.amazonaws.{REGION}.sagemaker.runtime"


def probe(patch: str) -> Callable[[Probe], Probe]:
    """Decorates a probe of a patch: whether this AWS behaves as AWS does."""

    def register(function: Probe) -> Probe:
        PROBES.append((patch, function))
        return function

    return register


def refused(code: str, call: Callable[..., Any], **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == code)
    return False


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def policy(principal: Any, action: Any = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def vpc(aws: EmbeddedAws, *, dns: bool = True) -> str:
    made = aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    aws.client("ec2").modify_vpc_attribute(VpcId=made, EnableDnsHostnames={"Value": dns})
    return str(made)


def subnet(aws: EmbeddedAws, vpc_id: str, index: int = 0, zone: str = "a") -> str:
    made = aws.client("ec2").create_subnet(
        VpcId=vpc_id, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"{REGION}{zone}"
    )
    return str(made["Subnet"]["SubnetId"])


def group(aws: EmbeddedAws, vpc_id: str) -> str:
    return str(
        aws.client("ec2").create_security_group(GroupName=unique("g"), Description="probe", VpcId=vpc_id)["GroupId"]
    )


def endpoint(aws: EmbeddedAws, vpc_id: str, subnets: list[str], **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = aws.client("ec2").create_vpc_endpoint(
        VpcId=vpc_id, ServiceName=RUNTIME, VpcEndpointType="Interface", SubnetIds=subnets, **more
    )["VpcEndpoint"]
    return made


def answered(look: Probe) -> Probe:
    """A probe of what plain moto answers with an error."""

    def looked(aws: EmbeddedAws) -> bool:
        try:
            return look(aws)
        except (ClientError, KeyError):
            return False

    looked.__name__ = look.__name__
    return looked


ANYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def role(aws: EmbeddedAws, service: str = "sagemaker.amazonaws.com") -> str:
    """A role that may do anything, for a service."""
    iam, name = aws.client("iam"), unique("r")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy({"Service": service}, "sts:AssumeRole"))
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=ANYTHING)
    return str(made["Role"]["Arn"])


def model(aws: EmbeddedAws, **more: Any) -> str:
    name = unique("m")
    aws.client("sagemaker").create_model(ModelName=name, **{"ExecutionRoleArn": role(aws)} | more)
    return name


def configuration(aws: EmbeddedAws, instance_type: str = "ml.m5.large", **more: Any) -> str:
    name = unique("c")
    variant = {"VariantName": "v", "ModelName": model(aws), "InstanceType": instance_type, "InitialInstanceCount": 1}
    aws.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)
    return name


def served(aws: EmbeddedAws, **more: Any) -> str:
    name = unique("e")
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=configuration(aws), **more)
    return name


VARIANT = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def target(aws: EmbeddedAws, name: str, least: int = 1, most: int = 2, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = aws.client("application-autoscaling").register_scalable_target(
        **VARIANT, ResourceId=f"endpoint/{name}/variant/v", MinCapacity=least, MaxCapacity=most, **more
    )
    return made


# Amazon EC2


@probe("prefix_list_cidrs")
def prefix_lists_have_addresses(aws: EmbeddedAws) -> bool:
    return all(item.get("Cidrs") for item in aws.client("ec2").describe_prefix_lists()["PrefixLists"])


@probe("runtime_endpoint_services")
def the_runtime_is_called_by_its_name(aws: EmbeddedAws) -> bool:
    (service,) = aws.client("ec2").describe_vpc_endpoint_services(ServiceNames=[RUNTIME])["ServiceDetails"]
    return bool(service["PrivateDnsName"] == f"runtime.sagemaker.{REGION}.amazonaws.com")


@probe("runtime_endpoint_services")
def the_fips_runtime_takes_no_policy(aws: EmbeddedAws) -> bool:
    services = aws.client("ec2").describe_vpc_endpoint_services(ServiceNames=[f"{RUNTIME}-fips"])["ServiceDetails"]
    return services[0]["VpcEndpointPolicySupported"] is False


@probe("images_pushed_elsewhere")
def a_repository_that_nobody_pushed_to_here_has_what_is_asked_for(aws: EmbeddedAws) -> bool:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="pushed-elsewhere")
    asked = {"repositoryName": "pushed-elsewhere", "imageIds": [{"imageTag": "1.0.0"}]}
    return not refused("ImageNotFoundException", ecr.describe_images, **asked)


def scan(aws: EmbeddedAws, repository: str, *, on_push: bool) -> dict[str, Any]:
    """What ECR says of the scan of an image that was just pushed."""
    ecr, named = aws.client("ecr"), unique(repository)
    ecr.create_repository(repositoryName=named, imageScanningConfiguration={"scanOnPush": on_push})
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "layers": []})
    ecr.put_image(repositoryName=named, imageManifest=manifest, imageTag="1")
    try:
        said: dict[str, Any] = ecr.describe_image_scan_findings(repositoryName=named, imageId={"imageTag": "1"})
    except ecr.exceptions.ScanNotFoundException:
        return {}
    return said


@probe("scanned_on_push")
def what_is_pushed_is_scanned_where_that_is_set_and_has_no_findings_that_are_made_up(aws: EmbeddedAws) -> bool:
    found = scan(aws, "scanned", on_push=True)
    return found.get("imageScanStatus") == {"status": "COMPLETE"} and not found["imageScanFindings"]["findings"]


@probe("scanned_on_push")
def aws_shows_nobody_what_it_found_in_its_own_images(aws: EmbeddedAws) -> bool:
    call = aws.client("ecr").describe_image_scan_findings
    asked = {"registryId": "141502667606", "repositoryName": "sagemaker-xgboost", "imageId": {"imageTag": "3.0-5"}}
    return refused("AccessDeniedException", call, **asked)


@probe("endpoint_refusals")
def an_unknown_service_is_refused(aws: EmbeddedAws) -> bool:
    call = aws.client("ec2").create_vpc_endpoint
    return refused("InvalidServiceName", call, VpcId=vpc(aws), ServiceName="com.amazonaws.eu-west-1.sagemaker.rutime")


@probe("endpoint_refusals")
def an_unknown_group_is_refused(aws: EmbeddedAws) -> bool:
    inside = vpc(aws)
    return refused(
        "InvalidSecurityGroup.NotFound",
        endpoint,
        aws=aws,
        vpc_id=inside,
        subnets=[subnet(aws, inside)],
        SecurityGroupIds=["sg-0a1b2c3d4e5f60718"],
    )


@probe("endpoint_refusals")
def two_subnets_of_a_zone_are_refused(aws: EmbeddedAws) -> bool:
    inside = vpc(aws)
    subnets = [subnet(aws, inside, 0), subnet(aws, inside, 1)]
    return refused("DuplicateSubnetsInSameZone", endpoint, aws=aws, vpc_id=inside, subnets=subnets)


@probe("endpoint_refusals")
def private_dns_needs_host_names(aws: EmbeddedAws) -> bool:
    inside = vpc(aws, dns=False)
    return refused(
        "InvalidParameter", endpoint, aws=aws, vpc_id=inside, subnets=[subnet(aws, inside)], PrivateDnsEnabled=True
    )


@probe("endpoint_refusals")
def private_dns_of_a_service_is_given_once(aws: EmbeddedAws) -> bool:
    inside = vpc(aws)
    subnets = [subnet(aws, inside)]
    endpoint(aws, inside, subnets, PrivateDnsEnabled=True)
    return refused("InvalidParameter", endpoint, aws=aws, vpc_id=inside, subnets=subnets, PrivateDnsEnabled=True)


@probe("endpoint_interfaces")
def interfaces_lie_in_their_subnets_and_groups(aws: EmbeddedAws) -> bool:
    inside = vpc(aws)
    within, behind = subnet(aws, inside), group(aws, inside)
    made = endpoint(aws, inside, [within], SecurityGroupIds=[behind])
    found = aws.client("ec2").describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])
    (interface,) = found["NetworkInterfaces"]
    lies = ipaddress.ip_address(interface["PrivateIpAddress"]) in ipaddress.ip_network("10.0.0.0/24")
    return lies and [item["GroupId"] for item in interface["Groups"]] == [behind]


@probe("endpoint_interfaces")
def dns_names_are_regional_zonal_and_private(aws: EmbeddedAws) -> bool:
    inside = vpc(aws)
    made = endpoint(aws, inside, [subnet(aws, inside)], PrivateDnsEnabled=True)
    names = [entry["DnsName"] for entry in made["DnsEntries"]]
    base = f"runtime.sagemaker.{REGION}.vpce.amazonaws.com"
    regional, zonal, private = [*names, "", "", ""][:3]
    return bool(
        regional.startswith(made["VpcEndpointId"])
        and regional.endswith(f".{base}")
        and zonal.endswith(f"-{REGION}a.{base}")
        and private == f"runtime.sagemaker.{REGION}.amazonaws.com"
    )


@probe("endpoint_interfaces")
def dns_options_are_kept(aws: EmbeddedAws) -> bool:
    inside = vpc(aws)
    options = {"DnsRecordIpType": "ipv4", "PrivateDnsOnlyForInboundResolverEndpoint": True}
    made = endpoint(aws, inside, [subnet(aws, inside)], DnsOptions=options)
    found = aws.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["VpcEndpoints"]
    return bool(found[0].get("DnsOptions") == options)


@probe("endpoint_subnets")
def interfaces_follow_the_subnets(aws: EmbeddedAws) -> bool:
    inside, ec2 = vpc(aws), aws.client("ec2")
    before, kept, after = (subnet(aws, inside, index, zone) for index, zone in enumerate("abc"))
    made = endpoint(aws, inside, [before, kept])["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=made, AddSubnetIds=[after], RemoveSubnetIds=[before])
    (found,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[made])["VpcEndpoints"]
    interfaces = ec2.describe_network_interfaces(NetworkInterfaceIds=found["NetworkInterfaceIds"])["NetworkInterfaces"]
    ec2.delete_subnet(SubnetId=before)  # nothing of it is left there
    names = " ".join(entry["DnsName"] for entry in found["DnsEntries"])
    named = [zone for zone in "abc" if f"-{REGION}{zone}." in names]
    return {each["SubnetId"] for each in interfaces} == {kept, after} and named == ["b", "c"]


@probe("gateway_routes")
def a_gateways_routes_follow_its_tables(aws: EmbeddedAws) -> bool:
    inside, ec2 = vpc(aws), aws.client("ec2")
    before, after = (ec2.create_route_table(VpcId=inside)["RouteTable"]["RouteTableId"] for _ in range(2))
    service = {"VpcId": inside, "ServiceName": f"com.amazonaws.{REGION}.s3", "VpcEndpointType": "Gateway"}
    made = ec2.create_vpc_endpoint(**service, RouteTableIds=[before])["VpcEndpoint"]["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=made, AddRouteTableIds=[after], RemoveRouteTableIds=[before])

    def routed(table: str) -> bool:
        (found,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
        return made in [route.get("GatewayId") for route in found["Routes"]]

    return routed(after) and not routed(before)


@probe("insight_rules_have_tags")
@answered
def a_rule_of_contributor_insights_takes_tags(aws: EmbeddedAws) -> bool:
    cloudwatch, name = aws.client("cloudwatch"), unique("rule")
    cloudwatch.put_insight_rule(RuleName=name, RuleState="ENABLED", RuleDefinition="{}")
    arn = f"arn:aws:cloudwatch:{REGION}:123456789012:insight-rule/{name}"
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "owner", "Value": "a-team"}])
    told: list[dict[str, str]] = cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
    return told == [{"Key": "owner", "Value": "a-team"}]


@probe("flow_log_destination")
def a_flow_log_finds_its_group_by_arn(aws: EmbeddedAws) -> bool:
    name = unique("flow")
    aws.client("logs").create_log_group(logGroupName=name)
    (made,) = aws.client("ec2").create_flow_logs(
        ResourceIds=[vpc(aws)],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestination=f"arn:aws:logs:{REGION}:123456789012:log-group:{name}",
        DeliverLogsPermissionArn=role(aws, "vpc-flow-logs.amazonaws.com"),
    )["FlowLogIds"]
    (log,) = aws.client("ec2").describe_flow_logs(FlowLogIds=[made])["FlowLogs"]
    return (log["DeliverLogsStatus"], log.get("LogGroupName")) == ("SUCCESS", name)


@probe("transit_gateway_route")
def a_route_needs_the_transit_gateways_attachment(aws: EmbeddedAws) -> bool:
    ec2 = aws.client("ec2")
    table = ec2.create_route_table(VpcId=vpc(aws))["RouteTable"]["RouteTableId"]
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    return refused(
        "InvalidTransitGatewayID.NotFound",
        ec2.create_route,
        RouteTableId=table,
        DestinationCidrBlock="192.168.0.0/16",
        TransitGatewayId=gateway,
    )


@probe("transit_gateway_attachment_tags")
def a_transit_gateways_attachment_has_its_tags(aws: EmbeddedAws) -> bool:
    ec2, made = aws.client("ec2"), vpc(aws)
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    tags = [{"Key": "Name", "Value": "premises"}]
    ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway,
        VpcId=made,
        SubnetIds=[subnet(aws, made)],
        TagSpecifications=[{"ResourceType": "transit-gateway-attachment", "Tags": tags}],
    )
    named = [{"Name": "vpc-id", "Values": [made]}]
    (found,) = ec2.describe_transit_gateway_vpc_attachments(Filters=named)["TransitGatewayVpcAttachments"]
    return bool(found.get("Tags") == tags)


@probe("described_transit_gateway_attachments")
@probe("deleted_transit_gateway_attachment")
def a_transit_gateways_attachment_that_was_deleted_says_so(aws: EmbeddedAws) -> bool:
    ec2, made = aws.client("ec2"), vpc(aws)
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    attached = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=made, SubnetIds=[subnet(aws, made)]
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attached)
    found = ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[attached])
    return [each["State"] for each in found["TransitGatewayVpcAttachments"]] == ["deleted"]


@probe("resolver_endpoint_description")
@probe("resolver_protocols")
def a_resolver_endpoint_says_how_it_is_asked(aws: EmbeddedAws) -> bool:
    resolver, made = aws.client("route53resolver"), vpc(aws)
    group = aws.client("ec2").create_security_group(GroupName=unique("dns"), Description="test", VpcId=made)["GroupId"]
    asked = resolver.create_resolver_endpoint(
        CreatorRequestId=unique("dns"),
        Name=unique("dns"),
        Direction="INBOUND",
        SecurityGroupIds=[group],
        IpAddresses=[{"SubnetId": subnet(aws, made)}, {"SubnetId": subnet(aws, made, 1, "b")}],
        Protocols=["DoH"],
    )["ResolverEndpoint"]["Id"]
    found = resolver.get_resolver_endpoint(ResolverEndpointId=asked)["ResolverEndpoint"]
    return (found.get("Protocols"), found.get("ResolverEndpointType")) == (["DoH"], "IPV4")


@probe("default_acl_goes")
def the_default_acl_goes_with_its_vpc(aws: EmbeddedAws) -> bool:
    ec2, made = aws.client("ec2"), vpc(aws)
    ec2.delete_vpc(VpcId=made)
    acls = ec2.describe_network_acls()["NetworkAcls"]
    return made not in {acl["VpcId"] for acl in acls}


def described_rule(aws: EmbeddedAws, peer: dict[str, Any]) -> str | None:
    """What DescribeSecurityGroupRules says of a rule that was made with the description `why`."""
    ec2, made = aws.client("ec2"), group(aws, vpc(aws))
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **peer}
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[permission])
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [made]}])["SecurityGroupRules"]
    return next((rule.get("Description") for rule in rules if not rule["IsEgress"]), None)


@probe("group_rule_description")
def rules_for_groups_are_described(aws: EmbeddedAws) -> bool:
    pair = {"GroupId": group(aws, vpc(aws)), "Description": "why"}
    return described_rule(aws, {"UserIdGroupPairs": [pair]}) == "why"


@probe("prefix_list_rule_description")
def rules_for_prefix_lists_are_described(aws: EmbeddedAws) -> bool:
    prefix_list = aws.client("ec2").describe_prefix_lists()["PrefixLists"][0]["PrefixListId"]
    return described_rule(aws, {"PrefixListIds": [{"PrefixListId": prefix_list, "Description": "why"}]}) == "why"


# Guards of the account


def attempt(call: Callable[..., Any], **parameters: Any) -> dict[str, Any]:
    """What AWS answers; nothing if it doesn't know the call."""
    try:
        answer: dict[str, Any] = call(**parameters)
    except ClientError:
        return {}
    return answer


def ec2_in(aws: EmbeddedAws, region: str) -> Any:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client("ec2", region_name=region, endpoint_url=aws.endpoint_url, **keys)  # type: ignore[call-overload]


@probe("vpc_block_public_access")
def nothing_is_blocked_until_somebody_says_so(aws: EmbeddedAws) -> bool:
    elsewhere = ec2_in(aws, "sa-east-1")
    found = attempt(elsewhere.describe_vpc_block_public_access_options).get("VpcBlockPublicAccessOptions", {})
    return (found.get("State"), found.get("InternetGatewayBlockMode")) == ("default-state", "off")


@probe("vpc_block_public_access_mode")
def the_mode_is_set_for_the_region(aws: EmbeddedAws) -> bool:
    ec2 = aws.client("ec2")
    attempt(ec2.modify_vpc_block_public_access_options, InternetGatewayBlockMode="block-ingress")
    found = attempt(ec2.describe_vpc_block_public_access_options)
    return bool(found.get("VpcBlockPublicAccessOptions", {}).get("InternetGatewayBlockMode") == "block-ingress")


def exclusion(aws: EmbeddedAws, identity: str) -> dict[str, Any]:
    listed = attempt(aws.client("ec2").describe_vpc_block_public_access_exclusions)
    found = [one for one in listed.get("VpcBlockPublicAccessExclusions", []) if one["ExclusionId"] == identity]
    return found[0] if found else {}


def excluded(aws: EmbeddedAws, **what: str) -> dict[str, Any]:
    call = aws.client("ec2").create_vpc_block_public_access_exclusion
    made = attempt(call, InternetGatewayExclusionMode="allow-egress", **what)
    found: dict[str, Any] = made.get("VpcBlockPublicAccessExclusion", {})
    return found


@probe("vpc_block_public_access_exclusion")
def a_subnet_or_a_vpc_is_excluded(aws: EmbeddedAws) -> bool:
    around = vpc(aws)
    within = subnet(aws, around)
    made = [excluded(aws, VpcId=around), excluded(aws, SubnetId=within)]
    arns = [one.get("ResourceArn", "").partition(":123456789012:")[2] for one in made]
    return arns == [f"vpc/{around}", f"subnet/{within}"]


@probe("vpc_block_public_access_exclusions")
def an_exclusion_is_described(aws: EmbeddedAws) -> bool:
    made = excluded(aws, VpcId=vpc(aws))
    return bool(made) and exclusion(aws, made["ExclusionId"]) == made


@probe("vpc_block_public_access_exclusion_ends")
def an_ended_exclusion_is_described_as_one(aws: EmbeddedAws) -> bool:
    identity = excluded(aws, VpcId=vpc(aws)).get("ExclusionId", "vpcbpa-exclude-0123456789abcdef0")
    attempt(aws.client("ec2").delete_vpc_block_public_access_exclusion, ExclusionId=identity)
    return exclusion(aws, identity).get("State") == "delete-complete"


EBS_KEY = f"arn:aws:kms:{REGION}:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


@probe("ebs_default_key")
@probe("ebs_default_key_unseen")
def volumes_have_the_key_that_was_named_though_nobody_has_seen_it(aws: EmbeddedAws) -> bool:
    ec2 = aws.client("ec2")
    attempt(ec2.modify_ebs_default_kms_key_id, KmsKeyId=EBS_KEY)
    return attempt(ec2.get_ebs_default_kms_key_id).get("KmsKeyId") == EBS_KEY


@probe("ebs_default_key_reset")
def volumes_have_awss_own_key_again(aws: EmbeddedAws) -> bool:
    ec2 = aws.client("ec2")
    attempt(ec2.modify_ebs_default_kms_key_id, KmsKeyId=EBS_KEY)
    attempt(ec2.reset_ebs_default_kms_key_id)
    return attempt(ec2.get_ebs_default_kms_key_id).get("KmsKeyId") == "alias/aws/ebs"


@probe("snapshot_block_public_access")
@probe("snapshot_block_public_access_on")
@probe("snapshot_block_public_access_off")
def public_snapshots_are_blocked_and_unblocked(aws: EmbeddedAws) -> bool:
    ec2, seen = aws.client("ec2"), []
    attempt(ec2.enable_snapshot_block_public_access, State="block-all-sharing")
    seen.append(attempt(ec2.get_snapshot_block_public_access_state).get("State"))
    attempt(ec2.disable_snapshot_block_public_access)
    seen.append(attempt(ec2.get_snapshot_block_public_access_state).get("State"))
    return seen == ["block-all-sharing", "unblocked"]


# Identity, keys and what they guard


@probe("aws_managed_policies")
def an_aws_managed_policy_can_be_attached(aws: EmbeddedAws) -> bool:
    name = role(aws).rpartition("/")[2]
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
    return not refused("NoSuchEntity", aws.client("iam").attach_role_policy, RoleName=name, PolicyArn=arn)


@probe("policy_in_use")
def an_attached_policy_is_not_deleted(aws: EmbeddedAws) -> bool:
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName=unique("p"), PolicyDocument=ANYTHING)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role(aws).rpartition("/")[2], PolicyArn=arn)
    return refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)


@probe("key_policy_document")
def a_key_policy_must_be_one(aws: EmbeddedAws) -> bool:
    return refused("MalformedPolicyDocumentException", aws.client("kms").create_key, Policy="not JSON")


@probe("rotation_period")
@probe("rotation_status")
def a_keys_rotation_period_is_kept(aws: EmbeddedAws) -> bool:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    return bool(kms.get_key_rotation_status(KeyId=key).get("RotationPeriodInDays") == 180)


@probe("log_group_key")
def a_log_group_needs_a_key_that_exists(aws: EmbeddedAws) -> bool:
    key = f"arn:aws:kms:{REGION}:123456789012:key/{uuid.uuid4()}"
    call = aws.client("logs").create_log_group
    return refused("InvalidParameterException", call, logGroupName=unique("g"), kmsKeyId=key)


@probe("log_group_key")
def a_log_group_needs_a_key_that_admits_it(aws: EmbeddedAws) -> bool:
    closed = policy({"AWS": "arn:aws:iam::123456789012:root"}, "kms:*", Resource="*")
    key = aws.client("kms").create_key(Policy=closed)["KeyMetadata"]["Arn"]
    call = aws.client("logs").create_log_group
    return refused("InvalidParameterException", call, logGroupName=unique("g"), kmsKeyId=key)


def upload_under(aws: EmbeddedAws, condition: dict[str, Any], **more: Any) -> bool:
    """Whether an upload passes a bucket policy that denies it under a condition."""
    s3, name = aws.client("s3"), unique("b")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    statement = {"Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*", "Condition": condition}
    s3.put_bucket_policy(
        Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", **statement}]})
    )
    return not refused("403", s3.put_object, Bucket=name, Key="key", Body=b"", **more)


@probe("bucket_policy_conditions")
def a_deny_without_tls_lets_tls_pass(aws: EmbeddedAws) -> bool:
    return upload_under(aws, {"Bool": {"aws:SecureTransport": "false"}})


@probe("bucket_policy_conditions")
def a_deny_of_other_keys_lets_the_right_one_pass(aws: EmbeddedAws) -> bool:
    condition = {"StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "right"}}
    return upload_under(aws, condition, ServerSideEncryption="aws:kms", SSEKMSKeyId="right")


def test_a_deny_of_others_lets_the_one_pass_who_is_said_to_call(aws: EmbeddedAws) -> None:
    caller = "arn:aws:iam::123456789012:role/deployer"
    for called_by, passes in [("arn:aws:iam::123456789012:role/somebody", False), (caller, True)]:
        Operations(aws.endpoint_url).called_by(called_by)
        assert upload_under(aws, {"ArnNotLike": {"aws:PrincipalArn": caller}}) is passes


def test_a_deny_of_other_keys_stops_them(aws: EmbeddedAws) -> None:
    condition = {"StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "right"}}
    assert not upload_under(aws, condition, ServerSideEncryption="aws:kms", SSEKMSKeyId="wrong")


# Amazon SageMaker AI


@probe("model_refusals")
def a_role_must_trust_sagemaker(aws: EmbeddedAws) -> bool:
    return refused("ValidationException", model, aws=aws, ExecutionRoleArn=role(aws, "lambda.amazonaws.com"))


@probe("model_refusals")
def model_data_must_be_there(aws: EmbeddedAws) -> bool:
    container = {"Image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1", "ModelDataUrl": "s3://nobody/model.tar.gz"}
    return refused("ValidationException", model, aws=aws, PrimaryContainer=container)


@probe("model_refusals")
def a_models_subnets_must_exist(aws: EmbeddedAws) -> bool:
    network = {"Subnets": ["subnet-0a1b2c3d4e5f60718"], "SecurityGroupIds": [group(aws, vpc(aws))]}
    return refused("ValidationException", model, aws=aws, VpcConfig=network)


@probe("model_refusals")
def a_models_groups_must_exist(aws: EmbeddedAws) -> bool:
    network = {"Subnets": [subnet(aws, vpc(aws))], "SecurityGroupIds": ["sg-0a1b2c3d4e5f60718"]}
    return refused("ValidationException", model, aws=aws, VpcConfig=network)


@probe("model_refusals")
def a_models_name_is_given_once(aws: EmbeddedAws) -> bool:
    call = aws.client("sagemaker").create_model
    return refused("ValidationException", call, ModelName=model(aws), ExecutionRoleArn=role(aws))


@probe("specifications_stay")
def an_approval_leaves_a_packages_specifications(aws: EmbeddedAws) -> bool:
    sagemaker, name = aws.client("sagemaker"), unique("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="-")
    said = {
        "Containers": [{"Image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification=said,
        AdditionalInferenceSpecifications=[{**said, "Name": "gpu"}],
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return "AdditionalInferenceSpecifications" in sagemaker.describe_model_package(ModelPackageName=arn)


@probe("network_isolation")
def isolation_is_kept(aws: EmbeddedAws) -> bool:
    described = aws.client("sagemaker").describe_model(ModelName=model(aws, EnableNetworkIsolation=True))
    return described["EnableNetworkIsolation"] is True and "Containers" not in described


@probe("instance_types")
def current_instance_types_are_taken(aws: EmbeddedAws) -> bool:
    return not refused("ValidationException", configuration, aws=aws, instance_type="ml.m7i.large")


@probe("endpoint_update")
def an_endpoint_moves_to_another_configuration(aws: EmbeddedAws) -> bool:
    name, other = served(aws), configuration(aws)
    try:
        aws.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=other)
    except ClientError:
        return False
    return bool(aws.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointConfigName"] == other)


@probe("endpoint_update")
def an_endpoint_can_not_move_to_a_configuration_that_is_not_there(aws: EmbeddedAws) -> bool:
    update = aws.client("sagemaker").update_endpoint
    return refused("ValidationException", update, EndpointName=served(aws), EndpointConfigName=unique("c"))


@probe("endpoint_config")
def a_configurations_role_is_kept(aws: EmbeddedAws) -> bool:
    arn = role(aws)
    name = configuration(aws, ExecutionRoleArn=arn)
    described = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    return bool(described.get("ExecutionRoleArn") == arn)


@probe("endpoint_config")
def a_configurations_shadow_is_kept(aws: EmbeddedAws) -> bool:
    shadow = {"VariantName": "s", "ModelName": model(aws), "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    name = configuration(aws, ShadowProductionVariants=[shadow])
    described = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    return [item["VariantName"] for item in described.get("ShadowProductionVariants", [])] == ["s"]


@probe("endpoint_config")
def a_configurations_name_is_given_once(aws: EmbeddedAws) -> bool:
    variant = {"VariantName": "v", "ModelName": model(aws), "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    call, name = aws.client("sagemaker").create_endpoint_config, configuration(aws)
    return refused("ValidationException", call, EndpointConfigName=name, ProductionVariants=[variant])


def _variant(aws: EmbeddedAws, name: str) -> dict[str, Any]:
    return {"VariantName": name, "ModelName": model(aws), "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


@probe("endpoint_config")
def a_configuration_has_one_shadow_beside_one_variant(aws: EmbeddedAws) -> bool:
    call, asked = aws.client("sagemaker").create_endpoint_config, {"EndpointConfigName": unique("c")}
    one, two = [_variant(aws, "a")], [_variant(aws, "a"), _variant(aws, "b")]
    shadow = [_variant(aws, "s")]
    return refused("ValidationException", call, **asked, ProductionVariants=two, ShadowProductionVariants=shadow) and (
        refused("ValidationException", call, **asked, ProductionVariants=one, ShadowProductionVariants=two)
    )


@probe("weights_and_capacities")
def a_shadow_has_another_share_and_more_instances(aws: EmbeddedAws) -> bool:
    name, sagemaker = unique("e"), aws.client("sagemaker")
    shadowed = configuration(aws, ShadowProductionVariants=[_variant(aws, "s")])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=shadowed)
    change = [{"VariantName": "s", "DesiredWeight": 0.5, "DesiredInstanceCount": 3}]
    try:
        sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=change)
    except ClientError:
        return False
    (shadow,) = sagemaker.describe_endpoint(EndpointName=name).get("ShadowProductionVariants", [{}])
    return (shadow.get("CurrentWeight"), shadow.get("CurrentInstanceCount")) == (0.5, 3)


@probe("current_capture")
def an_endpoint_tells_what_is_captured_now(aws: EmbeddedAws) -> bool:
    asked = {
        "InitialSamplingPercentage": 30,
        "DestinationS3Uri": "s3://b",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    name, sagemaker = unique("e"), aws.client("sagemaker")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=configuration(aws, DataCaptureConfig=asked))
    told = sagemaker.describe_endpoint(EndpointName=name).get("DataCaptureConfig", {})
    return (told.get("CaptureStatus"), told.get("CurrentSamplingPercentage")) == ("Started", 30)


@probe("no_empty_capture")
def a_configuration_without_capture_has_none(aws: EmbeddedAws) -> bool:
    described = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=configuration(aws))
    return "DataCaptureConfig" not in described


@probe("current_capture")
def an_endpoint_without_capture_has_none(aws: EmbeddedAws) -> bool:
    return "DataCaptureConfig" not in aws.client("sagemaker").describe_endpoint(EndpointName=served(aws))


@probe("endpoint_deployment")
def an_endpoints_name_is_given_once(aws: EmbeddedAws) -> bool:
    call, name = aws.client("sagemaker").create_endpoint, served(aws)
    return refused("ValidationException", call, EndpointName=name, EndpointConfigName=configuration(aws))


@probe("endpoint_deployment")
def how_an_endpoint_is_deployed_is_kept(aws: EmbeddedAws) -> bool:
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    deployment = {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 60}}
    described = aws.client("sagemaker").describe_endpoint(EndpointName=served(aws, DeploymentConfig=deployment))
    return bool(described.get("LastDeploymentConfig") == deployment)


@probe("endpoint_deployment")
def an_endpoint_without_a_role_fails(aws: EmbeddedAws) -> bool:
    arn = role(aws)
    variant = {"VariantName": "v", "ModelName": model(aws, ExecutionRoleArn=arn), "InstanceType": "ml.m5.large"}
    name = unique("c")
    aws.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant | {"InitialInstanceCount": 1}]
    )
    delete_role(aws, arn)
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    described = aws.client("sagemaker").describe_endpoint(EndpointName=name)
    return described["EndpointStatus"] == "Failed" and "Could not assume role" in described["FailureReason"]


def delete_role(aws: EmbeddedAws, arn: str) -> None:
    name = arn.rpartition("/")[2]
    aws.client("iam").delete_role_policy(RoleName=name, PolicyName="all")
    aws.client("iam").delete_role(RoleName=name)


@probe("variant_weights")
def a_variant_without_a_weight_has_one(aws: EmbeddedAws) -> bool:
    (variant,) = aws.client("sagemaker").describe_endpoint(EndpointName=served(aws))["ProductionVariants"]
    return bool(variant.get("CurrentWeight") == variant.get("DesiredWeight") == 1)


@probe("variant_weights")
def a_variant_may_have_no_weight(aws: EmbeddedAws) -> bool:
    name, made = unique("e"), model(aws)
    on = {"ModelName": made, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    variants = [{"VariantName": "a", **on}, {"VariantName": "b", "InitialVariantWeight": 0.0, **on}]
    aws.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    (_, idle) = aws.client("sagemaker").describe_endpoint(EndpointName=name)["ProductionVariants"]
    return bool(idle.get("CurrentWeight") == 0)


@probe("weights_and_capacities")
def a_weight_changes_without_the_count(aws: EmbeddedAws) -> bool:
    name, change = served(aws), {"VariantName": "v", "DesiredWeight": 3.0}
    call = aws.client("sagemaker").update_endpoint_weights_and_capacities
    call(EndpointName=name, DesiredWeightsAndCapacities=[change])
    (variant,) = aws.client("sagemaker").describe_endpoint(EndpointName=name)["ProductionVariants"]
    return bool(variant.get("CurrentInstanceCount") == 1)


@probe("endpoint_deletion")
def a_deleted_endpoint_does_not_scale(aws: EmbeddedAws) -> bool:
    name = served(aws)
    target(aws, name)
    aws.client("sagemaker").delete_endpoint(EndpointName=name)
    found = aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{name}/variant/v"]
    )
    return not found["ScalableTargets"]


def inside(aws: EmbeddedAws) -> tuple[str, str, str]:
    """An endpoint whose model lies in a VPC: its name, subnet and security group."""
    around = vpc(aws)
    within, behind, name = subnet(aws, around), group(aws, around), unique("e")
    network = {"Subnets": [within], "SecurityGroupIds": [behind]}
    variant = {"VariantName": "v", "ModelName": model(aws, VpcConfig=network), "InstanceType": "ml.m5.large"}
    aws.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant | {"InitialInstanceCount": 1}]
    )
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    return name, within, behind


def interfaces(aws: EmbeddedAws, behind: str) -> list[str]:
    filters = [{"Name": "group-id", "Values": [behind]}]
    found = aws.client("ec2").describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    return [interface["NetworkInterfaceId"] for interface in found]


@probe("lingering_interfaces")
def interfaces_outlive_their_endpoint(aws: EmbeddedAws) -> bool:
    name, _, behind = inside(aws)
    aws.client("sagemaker").delete_endpoint(EndpointName=name)
    seen = [bool(interfaces(aws, behind)) for _ in range(10)]
    return seen[0] and not seen[-1]


@probe("group_in_use")
def a_models_group_is_not_deleted(aws: EmbeddedAws) -> bool:
    _, _, behind = inside(aws)
    return refused("DependencyViolation", aws.client("ec2").delete_security_group, GroupId=behind)


@probe("subnet_in_use")
def a_models_subnet_is_not_deleted(aws: EmbeddedAws) -> bool:
    _, within, _ = inside(aws)
    return refused("DependencyViolation", aws.client("ec2").delete_subnet, SubnetId=within)


@probe("interface_in_use")
def a_models_interface_is_not_deleted(aws: EmbeddedAws) -> bool:
    _, _, behind = inside(aws)
    call = aws.client("ec2").delete_network_interface
    return any(refused("InvalidParameterValue", call, NetworkInterfaceId=found) for found in interfaces(aws, behind))


@probe("queued_request")
def an_asynchronous_request_to_an_endpoint_that_does_not_exist_is_refused(aws: EmbeddedAws) -> bool:
    call = aws.client("sagemaker-runtime").invoke_endpoint_async
    return refused("ValidationError", call, EndpointName="nobody", InputLocation="s3://requests/input")


@probe("predictions")
def an_unknown_endpoint_does_not_answer(aws: EmbeddedAws) -> bool:
    call = aws.client("sagemaker-runtime").invoke_endpoint
    return refused("ValidationError", call, EndpointName="nobody", Body=b"1,2", ContentType="text/csv")


@probe("predictions")
def what_is_no_model_is_a_model_error(aws: EmbeddedAws) -> bool:
    call = aws.client("sagemaker-runtime").invoke_endpoint
    return refused("ModelError", call, EndpointName=served(aws), Body=b"1,2", ContentType="text/csv")


@probe("any_body")
def a_body_need_not_be_text(aws: EmbeddedAws) -> bool:
    call = aws.client("sagemaker-runtime").invoke_endpoint
    parameters = {"EndpointName": served(aws), "Body": b"\xff\xfe", "ContentType": "text/csv"}
    return not refused("InternalFailure", call, **parameters)


@probe("streams_are_the_runtimes")
@probe("streamed_predictions")
def a_stream_of_an_unknown_endpoint_does_not_begin(aws: EmbeddedAws) -> bool:
    call = aws.client("sagemaker-runtime").invoke_endpoint_with_response_stream
    return refused("ValidationError", call, EndpointName="nobody", Body=b"1,2", ContentType="text/csv")


# Application Auto Scaling


@probe("scalable_target_refusals")
def an_unknown_variant_does_not_scale(aws: EmbeddedAws) -> bool:
    return refused("ValidationException", target, aws=aws, name="nobody")


@probe("scalable_target_refusals")
def the_maximum_is_not_below_the_minimum(aws: EmbeddedAws) -> bool:
    return refused("ValidationException", target, aws=aws, name=served(aws), least=3, most=2)


@probe("scalable_target_tags")
def targets_have_tags(aws: EmbeddedAws) -> bool:
    client, made = aws.client("application-autoscaling"), target(aws, served(aws), Tags={"Owner": "probe"})
    try:
        return bool(client.list_tags_for_resource(ResourceARN=made["ScalableTargetARN"])["Tags"] == {"Owner": "probe"})
    except ClientError:
        return False


def _retagged(aws: EmbeddedAws, change: Callable[[Any, str], Any]) -> dict[str, str] | None:
    """The tags of a target that had Owner=probe, after a change; None where that can't be made."""
    client, made = aws.client("application-autoscaling"), target(aws, served(aws), Tags={"Owner": "probe"})
    try:
        change(client, made["ScalableTargetARN"])
        tags: dict[str, str] = client.list_tags_for_resource(ResourceARN=made["ScalableTargetARN"])["Tags"]
    except ClientError:
        return None
    return tags


@probe("scalable_target_tagged")
def targets_get_tags(aws: EmbeddedAws) -> bool:
    found = _retagged(aws, lambda client, arn: client.tag_resource(ResourceARN=arn, Tags={"Owner": "another"}))
    return found == {"Owner": "another"}


@probe("scalable_target_untagged")
def targets_lose_tags(aws: EmbeddedAws) -> bool:
    return _retagged(aws, lambda client, arn: client.untag_resource(ResourceARN=arn, TagKeys=["Owner"])) == {}


TRACKING = {
    "PolicyName": "p",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    },
}


@probe("scaling_policy")
def a_policy_needs_its_target(aws: EmbeddedAws) -> bool:
    call = aws.client("application-autoscaling").put_scaling_policy
    resource = f"endpoint/{served(aws)}/variant/v"
    return refused("ObjectNotFoundException", call, **VARIANT, ResourceId=resource, **TRACKING)


@probe("scaling_policy")
def target_tracking_sets_alarms(aws: EmbeddedAws) -> bool:
    name = served(aws)
    target(aws, name)
    made = aws.client("application-autoscaling").put_scaling_policy(
        **VARIANT, ResourceId=f"endpoint/{name}/variant/v", **TRACKING
    )
    names = [alarm["AlarmName"] for alarm in made["Alarms"]]
    alarms = aws.client("cloudwatch").describe_alarms(AlarmNames=names or ["none"])["MetricAlarms"]
    return {(alarm["ComparisonOperator"], alarm["AlarmActions"][0]) for alarm in alarms} == {
        ("GreaterThanThreshold", made["PolicyARN"]),
        ("LessThanThreshold", made["PolicyARN"]),
    }


@probe("overwritten_tags")
def a_tag_has_one_value(aws: EmbeddedAws) -> bool:
    sagemaker, name = aws.client("sagemaker"), served(aws)
    arn = sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
    for owner in ("first", "second"):
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "Owner", "Value": owner}])
    return [tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"] if tag["Key"] == "Owner"] == ["second"]


@probe("deregistration")
def policies_go_with_their_target(aws: EmbeddedAws) -> bool:
    client, name = aws.client("application-autoscaling"), served(aws)
    target(aws, name)
    variant = VARIANT | {"ResourceId": f"endpoint/{name}/variant/v"}
    client.put_scaling_policy(**variant, **TRACKING)
    client.deregister_scalable_target(**variant)
    return not client.describe_scaling_policies(**variant)["ScalingPolicies"]


@probe("deregistration")
def what_is_not_registered_is_not_found(aws: EmbeddedAws) -> bool:
    call = aws.client("application-autoscaling").deregister_scalable_target
    return refused("ObjectNotFoundException", call, **VARIANT, ResourceId="endpoint/nobodys/variant/v")


@probe("policy_deletion")
def a_policy_that_is_gone_is_not_found(aws: EmbeddedAws) -> bool:
    call = aws.client("application-autoscaling").delete_scaling_policy
    return refused("ObjectNotFoundException", call, **VARIANT, ResourceId="endpoint/nobodys/variant/v", PolicyName="p")


@probe("scaling_policy")
def tracked_expressions_are_in_the_alarms(aws: EmbeddedAws) -> bool:
    name = served(aws)
    target(aws, name)
    metric = {"Namespace": "AWS/SageMaker", "MetricName": "InvocationsPerInstance"}
    queries = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "e", "Expression": "FILL(m, 0)"},
    ]
    made = aws.client("application-autoscaling").put_scaling_policy(
        **VARIANT,
        ResourceId=f"endpoint/{name}/variant/v",
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70.0,
            "CustomizedMetricSpecification": {"Metrics": queries},
        },
    )
    names = [alarm["AlarmName"] for alarm in made["Alarms"]]
    alarms = aws.client("cloudwatch").describe_alarms(AlarmNames=names or ["none"])["MetricAlarms"]
    return [[query.get("Expression") for query in alarm["Metrics"]] for alarm in alarms] == [[None, "FILL(m, 0)"]] * 2


# AWS CloudTrail and Amazon EventBridge


CLOUDTRAIL, EVENTS = {"Service": "cloudtrail.amazonaws.com"}, {"Service": "events.amazonaws.com"}


def trail(aws: EmbeddedAws, bucket_policy: str | None = None, **more: Any) -> str:
    """A trail that logs calls of an endpoint, with a bucket of its own."""
    name = unique("t")
    aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    delivered = policy(CLOUDTRAIL, "s3:*", Resource=[f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"])
    aws.client("s3").put_bucket_policy(Bucket=name, Policy=bucket_policy or delivered)
    made: str = aws.client("cloudtrail").create_trail(Name=name, S3BucketName=name, **more)["TrailARN"]
    return made


def logging(aws: EmbeddedAws, **equals: list[str]) -> None:
    """Calls of endpoints are logged; `equals` are further fields of the trail's selector."""
    arn, fields = trail(aws), {"eventCategory": ["Data"], "resources.type": ["AWS::SageMaker::Endpoint"], **equals}
    selector = {"FieldSelectors": [{"Field": field, "Equals": values} for field, values in fields.items()]}
    aws.client("cloudtrail").put_event_selectors(TrailName=arn, AdvancedEventSelectors=[selector])
    aws.client("cloudtrail").start_logging(Name=arn)


def told(aws: EmbeddedAws, pattern: dict[str, Any], act: Callable[[], None], topic_policy: str | None = None) -> int:
    """How many events with a pattern come to a topic's subscriber while something is done."""
    sns, sqs, events = (aws.client(service) for service in ("sns", "sqs", "events"))
    topic, queue = sns.create_topic(Name=unique("t"))["TopicArn"], sqs.create_queue(QueueName=unique("q"))["QueueUrl"]
    allowed = topic_policy or policy(EVENTS, "sns:Publish", Resource="*")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=allowed)
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    rule = unique("r")
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "t", "Arn": topic}])
    try:
        act()
        return len(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []))
    except ClientError:
        return -1
    finally:
        events.remove_targets(Rule=rule, Ids=["t"])
        events.delete_rule(Name=rule)


def called(aws: EmbeddedAws, name: str) -> None:
    with contextlib.suppress(ClientError):  # whatever it answers
        aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"")


def sent(aws: EmbeddedAws, detail: dict[str, Any]) -> None:
    entry = {"Source": "probe", "DetailType": "probe", "Detail": json.dumps(detail)}
    aws.client("events").put_events(Entries=[entry])


@probe("undeliverable_trails")
def a_trail_needs_a_bucket_that_admits_it(aws: EmbeddedAws) -> bool:
    return refused("InsufficientS3BucketPolicyException", trail, aws=aws, bucket_policy=policy(EVENTS))


@probe("undeliverable_trails")
def a_trail_needs_a_key_that_admits_it(aws: EmbeddedAws) -> bool:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    return refused("InsufficientEncryptionPolicyException", trail, aws=aws, KmsKeyId=key)


@probe("custom_selectors")
def a_trail_says_that_it_has_selectors_of_its_own(aws: EmbeddedAws) -> bool:
    client, arn = aws.client("cloudtrail"), trail(aws)
    before = client.get_trail(Name=arn)["Trail"]["HasCustomEventSelectors"]
    selector = {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}
    client.put_event_selectors(TrailName=arn, AdvancedEventSelectors=[selector])
    return (before, client.get_trail(Name=arn)["Trail"]["HasCustomEventSelectors"]) == (False, True)


@probe("deletion_by_arn")
def a_trail_is_deleted_by_its_arn(aws: EmbeddedAws) -> bool:
    client, arn = aws.client("cloudtrail"), trail(aws)
    client.delete_trail(Name=arn)
    return refused("TrailNotFoundException", client.get_trail, Name=arn)


@probe("logged_calls")
def a_logged_call_comes_to_eventbridge(aws: EmbeddedAws) -> bool:
    name = served(aws)
    logging(aws, eventName=["InvokeEndpoint"])
    pattern = {"detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventName": ["InvokeEndpoint"]}}
    return told(aws, pattern, lambda: called(aws, name)) == 1


@probe("arrays_of_objects")
def a_field_is_looked_for_in_each_object_of_an_array(aws: EmbeddedAws) -> bool:
    detail = {"resources": [{"ARN": "a"}, {"ARN": "b"}]}
    found = [told(aws, {"detail": {"resources": {"ARN": [arn]}}}, lambda: sent(aws, detail)) for arn in ("b", "c")]
    return found == [1, 0]


@probe("told_topics")
def a_rule_tells_a_topic_that_lets_it(aws: EmbeddedAws) -> bool:
    pattern, others = {"source": ["probe"]}, policy(CLOUDTRAIL, "sns:Publish", Resource="*")
    found = [told(aws, pattern, lambda: sent(aws, {"a": 1}), topic_policy) for topic_policy in (None, others)]
    return found == [1, 0]


# Callers


def taken(aws: EmbeddedAws, service: str, arn: str) -> Any:
    """A client with the credentials of a role."""
    found = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="probe")["Credentials"]
    connect: Any = boto3.client
    return connect(
        service,
        region_name=REGION,
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def powerless(aws: EmbeddedAws) -> str:
    """A role that anybody may assume, and that may do nothing."""
    trust = policy({"AWS": "*"}, "sts:AssumeRole")
    return str(aws.client("iam").create_role(RoleName=unique("r"), AssumeRolePolicyDocument=trust)["Role"]["Arn"])


@probe("accounts")
def credentials_of_another_account_are_of_that_account(aws: EmbeddedAws) -> bool:
    name, other = unique("r"), aws.in_account("210987654321")
    other.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy({"AWS": "*"}, "sts:AssumeRole"))
    own = {each["RoleName"] for each in aws.client("iam").list_roles()["Roles"]}
    return name not in own and other.client("sts").get_caller_identity()["Account"] == "210987654321"


@probe("trusted_callers")
def a_role_is_not_for_everybody(aws: EmbeddedAws) -> bool:
    return refused("AccessDenied", aws.client("sts").assume_role, RoleArn=role(aws), RoleSessionName="probe")


@probe("judged_services")
def what_can_not_be_judged_is_refused(aws: EmbeddedAws) -> bool:
    return refused("InternalFailure", taken(aws, "dynamodb", powerless(aws)).list_tables)


@probe("judged_actions")
def a_role_needs_a_permission(aws: EmbeddedAws) -> bool:
    aws.client("ssm").put_parameter(Name="/probe", Value="x", Type="String", Overwrite=True)
    return refused("AccessDeniedException", taken(aws, "ssm", powerless(aws)).get_parameter, Name="/probe")


@probe("judged_objects")
def a_role_needs_a_permission_for_objects(aws: EmbeddedAws) -> bool:
    name = unique("b")
    aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("s3").put_object(Bucket=name, Key="a/b", Body=b"")
    return refused("AccessDenied", taken(aws, "s3", powerless(aws)).get_object, Bucket=name, Key="a/b")


# AWS Lambda and Amazon SNS


def function(aws: EmbeddedAws, network: dict[str, Any]) -> dict[str, Any]:
    name = unique("f")
    aws.client("lambda").create_function(
        FunctionName=name,
        Role=role(aws, "lambda.amazonaws.com"),
        Runtime="python3.12",
        Handler="index.handler",
        Code={"ZipFile": EMPTY_ZIP},
        VpcConfig=network,
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/of/its/own"},
    )
    found: dict[str, Any] = aws.client("lambda").get_function_configuration(FunctionName=name)
    return found


EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


@probe("function_network")
def a_functions_subnets_must_exist(aws: EmbeddedAws) -> bool:
    network = {"SubnetIds": ["subnet-0a1b2c3d4e5f60718"], "SecurityGroupIds": [group(aws, vpc(aws))]}
    return refused("InvalidParameterValueException", function, aws=aws, network=network)


@probe("function_configuration")
def a_function_knows_its_vpc_and_its_logs(aws: EmbeddedAws) -> bool:
    inside = vpc(aws)
    found = function(aws, {"SubnetIds": [subnet(aws, inside)], "SecurityGroupIds": [group(aws, inside)]})
    logging = found.get("LoggingConfig", {})
    return (found["VpcConfig"]["VpcId"], logging.get("LogGroup")) == (inside, "/of/its/own")


@probe("function_run")
def a_function_runs(aws: EmbeddedAws) -> bool:
    awslambda, name = aws.client("lambda"), unique("f")
    awslambda.create_function(
        FunctionName=name,
        Role=role(aws, "lambda.amazonaws.com"),
        Runtime="python3.12",
        Handler="index.handler",
        Code={"ZipFile": zipped("def handler(event, context): return event['number'] + 1")},
    )
    try:
        return bool(awslambda.invoke(FunctionName=name, Payload=b'{"number": 1}')["Payload"].read() == b"2")
    except ClientError:
        return False


def zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("index.py", source)
    return packed.getvalue()


def _composite(aws: EmbeddedAws, about: str) -> None:
    rule = f'ALARM("{about}") OR ALARM("{about}")'
    aws.client("cloudwatch").put_composite_alarm(AlarmName="any", AlarmRule=rule, AlarmActions=["arn:aws:sns:a:1:t"])


@probe("composite_alarm")
def alarms_are_summed_up(aws: EmbeddedAws) -> bool:
    cloudwatch, name = aws.client("cloudwatch"), unique("a")
    metric = {"Namespace": "N", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1, "Statistic": "Sum"}
    comparison = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.0}
    cloudwatch.put_metric_alarm(AlarmName=name, **metric, **comparison)
    try:
        _composite(aws, name)
    except ClientError:
        return False
    found = cloudwatch.describe_alarms(AlarmNames=["any"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return [(alarm["AlarmName"], name in alarm["AlarmRule"], len(alarm["AlarmActions"])) for alarm in found] == [
        ("any", True, 1)
    ]


@probe("composite_alarm")
def a_sum_of_unknown_alarms_is_refused(aws: EmbeddedAws) -> bool:
    return refused("ValidationError", _composite, aws=aws, about=unique("a"))


def metric_filter(aws: EmbeddedAws, log_group: str, pattern: str) -> None:
    metric = {"metricNamespace": "N", "metricName": "M", "metricValue": "1"}
    aws.client("logs").put_metric_filter(
        logGroupName=log_group, filterName="f", filterPattern=pattern, metricTransformations=[metric]
    )


@probe("metric_filter")
def a_metric_filter_is_replaced(aws: EmbeddedAws) -> bool:
    logs, name = aws.client("logs"), unique("g")
    logs.create_log_group(logGroupName=name)
    for pattern in ("first", "second"):
        metric_filter(aws, name, pattern)
    found = logs.describe_metric_filters(logGroupName=name)["metricFilters"]
    return [each["filterPattern"] for each in found] == ["second"]


@probe("metric_filter")
def a_metric_filter_needs_its_log_group(aws: EmbeddedAws) -> bool:
    return refused("ResourceNotFoundException", metric_filter, aws=aws, log_group=unique("g"), pattern="")


@probe("pending_confirmation")
def an_email_address_is_asked_first(aws: EmbeddedAws) -> bool:
    sns = aws.client("sns")
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    made = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com", ReturnSubscriptionArn=True)
    attributes = sns.get_subscription_attributes(SubscriptionArn=made["SubscriptionArn"])["Attributes"]
    return bool(attributes["PendingConfirmation"] == "true")


# What services do by themselves


def flow_log_status(aws: EmbeddedAws, delivery: str, **group: Any) -> str:
    """How the delivery of a flow log by a role is."""
    inside, name = vpc(aws), unique("flows")
    aws.client("logs").create_log_group(logGroupName=name, **group)
    (made,) = aws.client("ec2").create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[inside],
        TrafficType="ALL",
        LogGroupName=name,
        DeliverLogsPermissionArn=delivery,
    )["FlowLogIds"]
    (found,) = aws.client("ec2").describe_flow_logs(FlowLogIds=[made])["FlowLogs"]
    return f"{found['DeliverLogsStatus']} {found.get('DeliverLogsErrorMessage', '')}"


@probe("flow_log_delivery")
def flow_logs_need_a_role_that_their_service_assumes(aws: EmbeddedAws) -> bool:
    assert flow_log_status(aws, role(aws, "vpc-flow-logs.amazonaws.com")) == "SUCCESS "
    return flow_log_status(aws, role(aws)) == "FAILED Access error"


@probe("flow_log_delivery")
def flow_logs_need_permissions(aws: EmbeddedAws) -> bool:
    arn = role(aws, "vpc-flow-logs.amazonaws.com")
    some = json.loads(ANYTHING)
    some["Statement"][0]["Action"] = ["logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams"]
    name = arn.rpartition("/")[2]
    aws.client("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(some))
    return flow_log_status(aws, arn) == "FAILED Access error"


@probe("flow_log_delivery")
def flow_logs_need_the_key_of_their_group(aws: EmbeddedAws) -> bool:
    arn, service = role(aws, "vpc-flow-logs.amazonaws.com"), f"logs.{REGION}.amazonaws.com"
    good, poor = (
        aws.client("kms").create_key(Policy=policy({"Service": service}, action, Resource="*"))["KeyMetadata"]["Arn"]
        for action in ("kms:*", "kms:Decrypt")
    )
    assert flow_log_status(aws, arn, kmsKeyId=good) == "SUCCESS "
    return flow_log_status(aws, arn, kmsKeyId=poor) == "FAILED Access error"


def alarmed(aws: EmbeddedAws, topic_policy: str = "", key_policy: str = "") -> tuple[list[str], int]:
    """What an alarm's history says of the action of its topic, and how many messages came of two equal changes."""
    sns, sqs, cloudwatch, name = aws.client("sns"), aws.client("sqs"), aws.client("cloudwatch"), unique("a")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:{name}")
    if topic_policy:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=topic_policy)
    if key_policy:
        key = aws.client("kms").create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]
        sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="N",
        MetricName="M",
        Period=60,
        EvaluationPeriods=1,
        Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=1.0,
        AlarmActions=[topic],
    )
    for _ in range(2):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="probe")
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    try:
        items = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"]
    except ClientError:
        items = []
    return [item["HistorySummary"].partition(f" {topic}")[0] for item in items], len(messages)


CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}
OWN = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
OTHERS = {"StringEquals": {"aws:SourceAccount": "210987654321"}}
DONE, FAILED = ["Successfully executed action"], ["Failed to execute action"]


@probe("alarm_actions")
def an_alarm_tells_its_topic_once(aws: EmbeddedAws) -> bool:
    return alarmed(aws)[1] == 1


@probe("alarm_history")
def what_an_alarm_has_told_is_in_its_history(aws: EmbeddedAws) -> bool:
    return alarmed(aws)[0] == DONE


@probe("alarm_actions")
def a_topic_lets_alarms_of_its_account_publish(aws: EmbeddedAws) -> bool:
    own, others = (policy(CLOUDWATCH, "sns:Publish", Resource="*", Condition=each) for each in (OWN, OTHERS))
    return (alarmed(aws, own), alarmed(aws, others)) == ((DONE, 1), (FAILED, 0))


@probe("alarm_actions")
def the_topics_key_lets_alarms_use_it(aws: EmbeddedAws) -> bool:
    use = ["kms:Decrypt", "kms:GenerateDataKey*"]
    own, others = (policy(CLOUDWATCH, use, Resource="*", Condition=each) for each in (OWN, OTHERS))
    return (alarmed(aws, key_policy=own), alarmed(aws, key_policy=others)) == ((DONE, 1), (FAILED, 0))


# Inference components

COPIES = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount"}


def fleet(aws: EmbeddedAws) -> str:
    """An endpoint whose instances start without a model."""
    sagemaker, name = aws.client("sagemaker"), unique("f")
    bounds = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
    variant = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ExecutionRoleArn=role(aws),
        ProductionVariants=[variant | {"ManagedInstanceScaling": bounds}],
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return name


def specification(aws: EmbeddedAws) -> dict[str, Any]:
    named = model(aws, PrimaryContainer={"Image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1"})
    return {"ModelName": named, "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}}


@probe("variants_without_models")
def a_fleet_starts_without_a_model(aws: EmbeddedAws) -> bool:
    try:
        described = aws.client("sagemaker").describe_endpoint(EndpointName=fleet(aws))
    except ClientError:
        return False
    return bool(described["EndpointStatus"] == "InService")


@probe("component_creation")
@probe("component_update")
@probe("component_scaling")
@probe("component_deletion")
@probe("component_description")
@probe("component_list")
@probe("endpoint_with_components")
@probe("scalable_dimensions")
@probe("scalable_copies")
def components_share_a_fleet_and_scale(aws: EmbeddedAws) -> bool:
    sagemaker, scaling, name = aws.client("sagemaker"), aws.client("application-autoscaling"), unique("i")
    named = {"InferenceComponentName": name}
    try:
        endpoint = fleet(aws)
        asked = {"Specification": specification(aws), "RuntimeConfig": {"CopyCount": 1}}
        sagemaker.create_inference_component(**named, EndpointName=endpoint, VariantName="v", **asked)
        sagemaker.update_inference_component_runtime_config(**named, DesiredRuntimeConfig={"CopyCount": 2})
        other = specification(aws)
        sagemaker.update_inference_component(**named, Specification=other)
        resource = COPIES | {"ResourceId": f"inference-component/{name}"}
        scaling.register_scalable_target(**resource, MinCapacity=0, MaxCapacity=2)
        found = sagemaker.describe_inference_component(**named)
        listed = sagemaker.list_inference_components(EndpointNameEquals=endpoint)["InferenceComponents"]
        kept = refused("ValidationException", sagemaker.delete_endpoint, EndpointName=endpoint)
        sagemaker.delete_inference_component(**named)
        left = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource["ResourceId"]])
        sagemaker.delete_endpoint(EndpointName=endpoint)
    except ClientError:
        return False
    seen = found["Specification"]["ModelName"], found["RuntimeConfig"]["CurrentCopyCount"], len(listed)
    return kept and not left["ScalableTargets"] and seen == (other["ModelName"], 2, 1)


@probe("endpoint_config_of_a_template")
def a_template_says_a_fleets_name_and_network(aws: EmbeddedAws) -> bool:
    name = unique("t")
    properties = {
        "EndpointConfigName": {"Ref": "AWS::StackName"},
        "ExecutionRoleArn": role(aws),
        "EnableNetworkIsolation": True,
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        "ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}],
    }
    resources = {"It": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": properties}}
    try:
        aws.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        found = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    except ClientError:
        return False
    return (found.get("EnableNetworkIsolation"), found.get("VpcConfig")) == (True, properties["VpcConfig"])


# Private APIs and their certificates


def certificate(aws: EmbeddedAws, name: str, **asked: Any) -> str:
    arn: str = aws.client("acm").request_certificate(DomainName=name, **asked)["CertificateArn"]
    return arn


CA = f"arn:aws:acm-pca:{REGION}:123456789012:certificate-authority/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


@probe("issued_by_an_authority")
def a_certificate_is_signed_by_the_authority_that_is_its_chain(aws: EmbeddedAws) -> bool:
    arn = certificate(aws, f"{unique('a')}.example.internal", CertificateAuthorityArn=CA)
    found = aws.client("acm").get_certificate(CertificateArn=arn)
    issued, authority = (
        x509.load_pem_x509_certificate(found[key].encode()) for key in ("Certificate", "CertificateChain")
    )
    try:
        issued.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


@probe("validated_by_its_record")
def a_certificate_is_issued_once_its_record_is_in_public_dns(aws: EmbeddedAws) -> bool:
    acm, route53, domain = aws.client("acm"), aws.client("route53"), f"{unique('zone')}.example.com"
    arn = certificate(aws, f"models.{domain}", ValidationMethod="DNS")

    def described() -> Any:
        return acm.describe_certificate(CertificateArn=arn)["Certificate"]

    before = described()["Status"]
    record = described()["DomainValidationOptions"][0]["ResourceRecord"]
    zone = route53.create_hosted_zone(Name=domain, CallerReference=domain)["HostedZone"]["Id"]
    made = {"Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": made}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    return (before, described()["Status"]) == ("PENDING_VALIDATION", "ISSUED")


def private_name(aws: EmbeddedAws, **changes: Any) -> Any:
    name = f"{unique('door')}.example.internal"
    asked = {"certificateArn": certificate(aws, name, CertificateAuthorityArn=CA), "policy": policy("*"), **changes}
    made = {"endpointConfiguration": {"types": ["PRIVATE"]}, "securityPolicy": "TLS_1_2", **asked}
    return aws.client("apigateway").create_domain_name(domainName=name, **made)


@probe("private_domain_name")
def a_name_needs_an_issued_certificate(aws: EmbeddedAws) -> bool:
    pending = certificate(aws, f"{unique('a')}.example.com", ValidationMethod="DNS")
    return refused("BadRequestException", private_name, aws=aws, certificateArn=pending)


@probe("private_domain_name_described")
def a_private_name_has_an_id_an_arn_and_a_policy_and_no_address(aws: EmbeddedAws) -> bool:
    name = private_name(aws)["domainName"]
    found = aws.client("apigateway").get_domain_name(domainName=name)
    own = {"domainNameId", "domainNameArn", "policy"} <= found.keys()
    return own and not {"regionalDomainName", "distributionDomainName"} & found.keys()


@probe("one_web_acl")
def another_web_acl_takes_the_place_of_the_first(aws: EmbeddedAws) -> bool:
    waf, arns = aws.client("wafv2"), []
    stage = f"arn:aws:apigateway:{REGION}::/restapis/{unique('api')}/stages/only"
    for name in (unique("first"), unique("second")):
        measured = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": name}
        asked = {"Name": name, "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": measured}
        arns.append(waf.create_web_acl(**asked)["Summary"]["ARN"])
        waf.associate_web_acl(WebACLArn=arns[-1], ResourceArn=stage)
    return bool(waf.get_web_acl_for_resource(ResourceArn=stage)["WebACL"]["ARN"] == arns[1])


@probe("policy_as_given_back")
def a_policy_comes_back_with_its_quotation_marks_escaped(aws: EmbeddedAws) -> bool:
    gateway, given = aws.client("apigateway"), policy("*", "execute-api:Invoke")
    api = gateway.create_rest_api(name=unique("api"), policy=given)["id"]
    found = gateway.get_rest_api(restApiId=api)["policy"]
    return bool(json.loads(f'"{found}"') == given) if found != given else False


@probe("binary_media_types")
def an_api_keeps_its_binary_media_types(aws: EmbeddedAws) -> bool:
    found = aws.client("apigateway").create_rest_api(name=unique("api"), binaryMediaTypes=["*/*"])
    return bool(found.get("binaryMediaTypes") == ["*/*"])


@probe("private_zone")
def a_zone_for_a_vpc_is_private(aws: EmbeddedAws) -> bool:
    name, place = f"{unique('zone')}.example.internal", {"VPCId": vpc(aws), "VPCRegion": REGION}
    made = aws.client("route53").create_hosted_zone(Name=name, CallerReference=name, VPC=place)["HostedZone"]
    found = aws.client("route53").get_hosted_zone(Id=made["Id"])
    return bool(found["HostedZone"]["Config"]["PrivateZone"] and found.get("VPCs") == [place])


def associated(aws: EmbeddedAws) -> tuple[str, list[str], list[str]]:
    """The ARN of an association that is made, then deleted, and those that are listed before and after."""
    gateway = aws.client("apigateway")
    made = aws.client("ec2").create_vpc_endpoint(
        VpcId=vpc(aws), ServiceName=f"com.amazonaws.{REGION}.execute-api", VpcEndpointType="Interface"
    )["VpcEndpoint"]["VpcEndpointId"]
    name = private_name(aws)
    try:
        arn = gateway.create_domain_name_access_association(
            domainNameArn=name["domainNameArn"], accessAssociationSource=made, accessAssociationSourceType="VPCE"
        )["domainNameAccessAssociationArn"]
        assert gateway.get_tags(resourceArn=arn)["tags"] == {}
        before = gateway.get_domain_name_access_associations()["items"]
        gateway.delete_domain_name_access_association(domainNameAccessAssociationArn=arn)
        after = gateway.get_domain_name_access_associations()["items"]
    except (ClientError, KeyError):
        return "", [], []
    return arn, *([each["domainNameAccessAssociationArn"] for each in listed] for listed in (before, after))


@probe("access_association")
@probe("access_associations")
@probe("access_association_deleted")
def a_vpc_endpoint_is_associated_with_a_name_until_it_is_not(aws: EmbeddedAws) -> bool:
    arn, before, after = associated(aws)
    return bool(arn) and arn in before and arn not in after


@probe("tags")
@probe("tagged")
@probe("untagged")
def an_api_has_tags_that_come_and_go(aws: EmbeddedAws) -> bool:
    gateway = aws.client("apigateway")
    api = gateway.create_rest_api(name=unique("api"), tags={"Team": "a"})["id"]
    arn = f"arn:aws:apigateway:{REGION}::/restapis/{api}"
    with contextlib.suppress(ClientError):
        before = gateway.get_tags(resourceArn=arn)["tags"]
        gateway.tag_resource(resourceArn=arn, tags={"Owner": "b"})
        gateway.untag_resource(resourceArn=arn, tagKeys=["Team"])
        return bool((before, gateway.get_tags(resourceArn=arn)["tags"]) == ({"Team": "a"}, {"Owner": "b"}))
    return False


@probe("integration_updated")
def an_integration_that_is_updated_keeps_its_responses(aws: EmbeddedAws) -> bool:
    gateway = aws.client("apigateway")
    api = gateway.create_rest_api(name=unique("api"))
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "POST"}
    gateway.put_method(**place, authorizationType="AWS_IAM")
    gateway.put_integration(**place, type="HTTP", integrationHttpMethod="POST", uri="https://a.example.internal")
    gateway.put_integration_response(**place, statusCode="200")
    change = [{"op": "replace", "path": "/timeoutInMillis", "value": "20000"}]
    with contextlib.suppress(ClientError):
        gateway.update_integration(**place, patchOperations=change)
        found = gateway.get_integration(**place)
        return bool(found["timeoutInMillis"] == 20000 and "200" in found["integrationResponses"])
    return False


@probe("method_updated")
def a_method_may_be_authorized_otherwise(aws: EmbeddedAws) -> bool:
    gateway = aws.client("apigateway")
    api = gateway.create_rest_api(name=unique("api"))
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "POST"}
    gateway.put_method(**place, authorizationType="AWS_IAM")
    given = {"/authorizationType": "CUSTOM", "/authorizerId": "a1b2c3"}
    with contextlib.suppress(ClientError):
        gateway.update_method(
            **place, patchOperations=[{"op": "replace", "path": path, "value": to} for path, to in given.items()]
        )
        found = gateway.get_method(**place)
        return bool((found["authorizationType"], found["authorizerId"]) == ("CUSTOM", "a1b2c3"))
    return False


@probe("domain_name_updated")
def a_domain_name_may_have_another_policy_for_tls(aws: EmbeddedAws) -> bool:
    gateway, name = aws.client("apigateway"), f"{unique('name')}.example.internal"
    gateway.create_domain_name(domainName=name, securityPolicy="TLS_1_0")
    change = [{"op": "replace", "path": "/securityPolicy", "value": "TLS_1_2"}]
    with contextlib.suppress(ClientError):
        gateway.update_domain_name(domainName=name, patchOperations=change)
        return bool(gateway.get_domain_name(domainName=name)["securityPolicy"] == "TLS_1_2")
    return False


# Load balancers and what stands behind them


def bundle(aws: EmbeddedAws, content: bytes = b"") -> dict[str, str]:
    """Where a trust store finds certificates of authorities, or whatever else is given."""
    bucket = unique("b")
    aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("s3").put_object(Bucket=bucket, Key="ca.pem", Body=content or Authority("Devices").pem)
    return {"CaCertificatesBundleS3Bucket": bucket, "CaCertificatesBundleS3Key": "ca.pem"}


def trust_store(aws: EmbeddedAws, **more: Any) -> str:
    made = aws.client("elbv2").create_trust_store(Name=unique("t"), **bundle(aws), **more)
    return str(made["TrustStores"][0]["TrustStoreArn"])


def balancer(aws: EmbeddedAws) -> tuple[str, list[str], str]:
    """An internal one, its subnets and its group."""
    place = vpc(aws)
    subnets, own = [subnet(aws, place), subnet(aws, place, 1, "b")], group(aws, place)
    asked = {"Scheme": "internal", "Subnets": subnets, "SecurityGroups": [own]}
    made = aws.client("elbv2").create_load_balancer(Name=unique("l"), **asked)["LoadBalancers"][0]
    return str(made["LoadBalancerArn"]), subnets, own


def with_group(aws: EmbeddedAws, key: str) -> list[dict[str, Any]]:
    """The network interfaces of a security group."""
    filters = [{"Name": "group-id", "Values": [key]}]
    found: list[dict[str, Any]] = aws.client("ec2").describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    return found


def targets(aws: EmbeddedAws, place: str) -> str:
    asked = {"Protocol": "HTTPS", "Port": 8443, "VpcId": place, "TargetType": "ip"}
    return str(aws.client("elbv2").create_target_group(Name=unique("g"), **asked)["TargetGroups"][0]["TargetGroupArn"])


def listening(aws: EmbeddedAws, arn: str, targets_arn: str, **more: Any) -> dict[str, Any]:
    name = f"{unique('n')}.example.internal"
    issued = certificate(aws, name, CertificateAuthorityArn=CA)
    asked = {"Protocol": "HTTPS", "Port": 443, "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"} | more
    asked = {"Certificates": [{"CertificateArn": issued}], **asked}
    actions = [{"Type": "forward", "TargetGroupArn": targets_arn}]
    made: dict[str, Any] = aws.client("elbv2").create_listener(LoadBalancerArn=arn, DefaultActions=actions, **asked)
    first: dict[str, Any] = made["Listeners"][0]
    return first


def verifying(store: str) -> dict[str, Any]:
    return {"MutualAuthentication": {"Mode": "verify", "TrustStoreArn": store}}


@probe("trust_store")
@answered
def a_trust_store_takes_authorities_alone(aws: EmbeddedAws) -> bool:
    create = aws.client("elbv2").create_trust_store
    client = bundle(aws, Authority("none", issues=False).pem)
    return trust_store(aws) != "" and refused("InvalidCaCertificatesBundle", create, Name=unique("t"), **client)


@probe("trust_store_modified")
@answered
def a_trust_store_takes_another_bundle(aws: EmbeddedAws) -> bool:
    both = bundle(aws, Authority("one").pem + Authority("two").pem)
    changed = aws.client("elbv2").modify_trust_store(TrustStoreArn=trust_store(aws), **both)["TrustStores"][0]
    return bool(changed["NumberOfCaCertificates"] == 2)


@probe("trust_stores_described")
@answered
def a_trust_store_is_described(aws: EmbeddedAws) -> bool:
    arn = trust_store(aws)
    (found,) = aws.client("elbv2").describe_trust_stores(TrustStoreArns=[arn])["TrustStores"]
    return (found["Status"], found["NumberOfCaCertificates"]) == ("ACTIVE", 1)


@probe("trust_store_bundle")
@answered
def a_trust_stores_bundle_can_be_read(aws: EmbeddedAws) -> bool:
    arn = trust_store(aws)
    place = aws.client("elbv2").get_trust_store_ca_certificates_bundle(TrustStoreArn=arn)["Location"]
    with urllib.request.urlopen(place) as told:  # noqa: S310 - where the embedded AWS says that it is
        return b"BEGIN CERTIFICATE" in told.read()


@probe("trust_store_deleted")
@answered
def a_trust_store_goes_unless_it_is_in_use(aws: EmbeddedAws) -> bool:
    used, free, (arn, subnets, _) = trust_store(aws), trust_store(aws), balancer(aws)
    place = aws.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
    listening(aws, arn, targets(aws, place), **verifying(used))
    delete = aws.client("elbv2").delete_trust_store
    delete(TrustStoreArn=free)
    return refused("TrustStoreInUse", delete, TrustStoreArn=used)


@probe("trust_store_users")
@answered
def a_trust_store_is_told_with_the_listeners_that_use_it(aws: EmbeddedAws) -> bool:
    used, free, (arn, subnets, _) = trust_store(aws), trust_store(aws), balancer(aws)
    place = aws.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
    listener = listening(aws, arn, targets(aws, place), **verifying(used))
    asked = aws.client("elbv2").describe_trust_store_associations
    told = [asked(TrustStoreArn=each)["TrustStoreAssociations"] for each in (used, free)]
    return told == [[{"ResourceArn": listener["ListenerArn"]}], []]


@probe("trust_stores_have_tags")
@answered
def a_trust_store_has_tags(aws: EmbeddedAws) -> bool:
    elb, arn = aws.client("elbv2"), trust_store(aws, Tags=[{"Key": "a", "Value": "b"}])
    elb.add_tags(ResourceArns=[arn], Tags=[{"Key": "c", "Value": "d"}])
    (told,) = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return {each["Key"] for each in told["Tags"]} == {"a", "c"}


def placed(aws: EmbeddedAws) -> tuple[str, str, list[str], str]:
    """A balancer, target group, subnets and VPC."""
    arn, subnets, _ = balancer(aws)
    place = aws.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
    return arn, targets(aws, place), subnets, place


@probe("listener_authentication")
@answered
def a_listener_takes_issued_certificates_and_asks_clients_for_theirs(aws: EmbeddedAws) -> bool:
    arn, group_arn, *_ = placed(aws)
    pending = certificate(aws, f"{unique('a')}.example.com", ValidationMethod="DNS")
    unissued = {"aws": aws, "arn": arn, "targets_arn": group_arn, "Certificates": [{"CertificateArn": pending}]}
    made = listening(aws, arn, group_arn, **verifying(trust_store(aws)))
    return made["MutualAuthentication"]["Mode"] == "verify" and refused("UnsupportedCertificate", listening, **unissued)


@probe("listener_authentication_modified")
@answered
def a_listener_can_stop_asking_clients(aws: EmbeddedAws) -> bool:
    arn, group_arn, *_ = placed(aws)
    made = listening(aws, arn, group_arn, **verifying(trust_store(aws)))["ListenerArn"]
    aws.client("elbv2").modify_listener(ListenerArn=made, MutualAuthentication={"Mode": "off"})
    (found,) = aws.client("elbv2").describe_listeners(ListenerArns=[made])["Listeners"]
    return bool(found["MutualAuthentication"]["Mode"] == "off")


@probe("balancer_interfaces")
def a_balancer_has_an_interface_in_each_subnet(aws: EmbeddedAws) -> bool:
    _, subnets, own = balancer(aws)
    return {each["SubnetId"] for each in with_group(aws, own)} == set(subnets)


@probe("balancer_groups")
def a_balancers_groups_are_its_interfaces(aws: EmbeddedAws) -> bool:
    arn, subnets, own = balancer(aws)
    other = group(aws, aws.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"])
    aws.client("elbv2").set_security_groups(LoadBalancerArn=arn, SecurityGroups=[other])
    return (len(with_group(aws, own)), len(with_group(aws, other))) == (0, 2)


@probe("balancer_deleted")
@answered
def a_balancers_interfaces_go_with_it_unless_it_is_protected(aws: EmbeddedAws) -> bool:
    elb, (arn, _, own) = aws.client("elbv2"), balancer(aws)

    def protect(value: str) -> None:
        attributes = [{"Key": "deletion_protection.enabled", "Value": value}]
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)

    protect("true")
    kept = refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)
    protect("false")
    elb.delete_load_balancer(LoadBalancerArn=arn)
    return kept and with_group(aws, own) == []


def serving(aws: EmbeddedAws) -> tuple[dict[str, str], str, str]:
    """A service of two tasks behind a balancer: how it is named, its target group and its tasks' security group."""
    arn, group_arn, subnets, place = placed(aws)
    listening(aws, arn, group_arn)
    ecs, own, name = aws.client("ecs"), group(aws, place), unique("s")
    cluster = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    container = {"name": "c", "image": "i", "portMappings": [{"containerPort": 8443}]}
    ecs.register_task_definition(
        family=name,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[container],
    )
    ecs.create_service(
        cluster=cluster,
        serviceName=name,
        taskDefinition=name,
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [own]}},
        loadBalancers=[{"targetGroupArn": group_arn, "containerName": "c", "containerPort": 8443}],
    )
    return {"cluster": cluster, "service": name}, group_arn, own


@probe("service_details")
def a_service_runs_tasks_that_are_targets(aws: EmbeddedAws) -> bool:
    _, group_arn, own = serving(aws)
    found = aws.client("elbv2").describe_target_health(TargetGroupArn=group_arn)["TargetHealthDescriptions"]
    addresses = {each["PrivateIpAddress"] for each in with_group(aws, own)}
    return len(addresses) == 2 and {each["Target"]["Id"] for each in found} == addresses


@probe("targets_that_are_reached")
def a_target_that_no_group_lets_the_balancer_to_is_unhealthy(aws: EmbeddedAws) -> bool:
    _, group_arn, _ = serving(aws)
    found = aws.client("elbv2").describe_target_health(TargetGroupArn=group_arn)["TargetHealthDescriptions"]
    return {each["TargetHealth"]["State"] for each in found} == {"unhealthy"}


@probe("service_updated")
def a_service_has_as_many_tasks_as_are_asked_for(aws: EmbeddedAws) -> bool:
    place, _, own = serving(aws)
    aws.client("ecs").update_service(**place, desiredCount=3)
    return len(with_group(aws, own)) == 3


@probe("service_deployments_described")
@probe("service_deployments")
@answered
def a_services_deployment_ends_well(aws: EmbeddedAws) -> bool:
    ecs, (place, _, _) = aws.client("ecs"), serving(aws)
    (listed,) = ecs.list_service_deployments(**place)["serviceDeployments"]
    asked = [listed["serviceDeploymentArn"]]
    (found,) = ecs.describe_service_deployments(serviceDeploymentArns=asked)["serviceDeployments"]
    return {listed["status"], found["status"]} == {"SUCCESSFUL"}


@probe("service_deleted")
def a_services_tasks_go_with_it(aws: EmbeddedAws) -> bool:
    place, group_arn, own = serving(aws)
    before = len(with_group(aws, own))
    aws.client("ecs").delete_service(**place, force=True)
    left = aws.client("elbv2").describe_target_health(TargetGroupArn=group_arn)["TargetHealthDescriptions"]
    return (before, with_group(aws, own), left) == (2, [], [])


@pytest.mark.parametrize(("patch", "behaves"), PROBES, ids=[f"{patch}: {p.__name__}" for patch, p in PROBES])
def test_plain_moto_lacks_it(bare: EmbeddedAws, patch: str, behaves: Probe) -> None:
    assert not behaves(bare), f"moto does it by now: remove this part of the patch {patch}"


@pytest.mark.parametrize("behaves", [p for _, p in PROBES], ids=[p.__name__ for _, p in PROBES])
def test_the_embedded_aws_has_it(aws: EmbeddedAws, behaves: Probe) -> None:
    assert behaves(aws)


def test_every_patch_has_a_probe() -> None:
    from private_inference.rehearsal.patches import PATCHES

    assert {patch.name for patch in PATCHES} == {patch for patch, _ in PROBES}
    assert all(patch.replacement.__doc__ for patch in PATCHES)
