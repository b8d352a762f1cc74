"""Where moto falls short of AWS, mended: the one place that makes up for the emulator.

Each mend wraps one function of moto, says what AWS does there and where AWS says so, and is needed only as long as moto
lacks it: tests/rehearsal/test_mends.py fails for a mend that plain moto no longer needs. Importing this module loads
moto; only the embedded AWS's own process does.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.responses import EC2Response
from moto.iam.access_control import PermissionResult
from moto.iam.models import AWSManagedPolicy, IAMBackend, iam_backends
from moto.kms.models import kms_backends
from moto.kms.responses import KmsResponse
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogsBackend
from moto.moto_api._internal import mock_random
from moto.s3.models import FakeBucket
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpointConfig, SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse
from moto.sns.models import SNSBackend

from rehearsal import conditions, model_server

VPC_USER_GUIDE = "https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html"


@dataclass(frozen=True)
class Mend:
    """`replacement(original, self, …)` in the place of `owner.attribute`."""

    owner: Any
    attribute: str
    replacement: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.replacement.__name__

    def apply(self) -> None:
        original = getattr(self.owner, self.attribute, None)

        def mended(*args: Any, **kwargs: Any) -> Any:
            return self.replacement(original, *args, **kwargs)

        setattr(self.owner, self.attribute, mended)


MENDS: list[Mend] = []


def apply_all() -> None:
    """Apply every mend to the moto of this process."""
    for mend in MENDS:
        mend.apply()


def mends(owner: Any, attribute: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates the replacement for a function of moto."""

    def register(replacement: Callable[..., Any]) -> Callable[..., Any]:
        MENDS.append(Mend(owner, attribute, replacement))
        return replacement

    return register


# Amazon EC2


@mends(EC2Response, "describe_prefix_lists")
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


@mends(EC2Backend, "_collect_default_endpoint_services")
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


@mends(EC2Backend, "create_vpc_endpoint")
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


@mends(EC2Response, "create_vpc_endpoint")
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
    interfaces = [backend.get_network_interface(eni_id) for eni_id in endpoint.network_interface_ids]
    for interface in interfaces:
        address = interface.subnet.get_available_subnet_ip(interface)
        interface.private_ip_address = address
        interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
        interface._group_set = [backend.get_security_group_from_id(group) for group in endpoint.security_group_ids]
        interface.interface_type, interface.requester_managed, interface.status = "vpc_endpoint", True, "in-use"
        interface.description = f"VPC Endpoint Interface {endpoint.id}"
    endpoint.dns_entries = _dns_entries(backend, endpoint, [eni.subnet.availability_zone for eni in interfaces])
    return ActionResult({"VpcEndpoint": endpoint})


def _dns_entries(backend: Any, endpoint: Any, zones: list[str]) -> list[dict[str, str]]:
    service = _endpoint_service(backend, endpoint.service_name, "Interface")
    base, prefix = service["BaseEndpointDnsNames"][0], f"{endpoint.id}-{mock_random.get_random_hex(8)}"
    names = [f"{prefix}.{base}", *(f"{prefix}-{zone}.{base}" for zone in sorted(zones))]
    entries = [{"dns_name": name, "hosted_zone_id": "Z00000000000000000000"} for name in names]
    if endpoint.private_dns_enabled and "PrivateDnsName" in service:
        entries.append({"dns_name": service["PrivateDnsName"], "hosted_zone_id": "Z00000000000000000001"})
    return entries


@mends(EC2Backend, "create_flow_logs")
def flow_log_destination(original: Any, backend: Any, **asked: Any) -> Any:
    """A flow log finds its log group by the ARN in LogDestination as well as by LogGroupName (API_CreateFlowLogs)."""
    destination = asked.get("log_destination") or ""
    if asked.get("log_group_name") is None and ":log-group:" in destination:
        asked["log_group_name"] = destination.partition(":log-group:")[2].removesuffix(":*")
    return original(backend, **asked)


@mends(EC2Backend, "create_route")
def transit_gateway_route(original: Any, backend: Any, *given: Any, **asked: Any) -> Any:
    """CreateRoute refuses a transit gateway that the route table's VPC is not attached to.

    Source: https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html.
    """
    gateway = asked.get("transit_gateway_id")
    if gateway:
        vpc = backend.get_route_table(asked["route_table_id"]).vpc_id
        attachments = backend.transit_gateway_attachments.values()
        if not any(item.transit_gateway_id == gateway and item.resource_id == vpc for item in attachments):
            raise EC2ClientError(
                "InvalidTransitGatewayID.NotFound", f"Transit Gateway {gateway} was deleted or does not exist."
            )
    return original(backend, *given, **asked)


# AWS IAM


@mends(IAMBackend, "attach_role_policy")
def aws_managed_policies(original: Any, backend: Any, policy_arn: str, role_name: str) -> None:
    """AWS's managed policies can be attached. moto has them too, but only if it loads all 1,500, six times over.

    Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html.
    """
    if ":aws:policy/" in policy_arn and policy_arn not in backend.managed_policies:
        name = policy_arn.rpartition("/")[2]
        data = _managed_policies().get(name)
        if data:
            made = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data)
            backend.managed_policies[made.arn] = made
    original(backend, policy_arn, role_name)


@cache
def _managed_policies() -> dict[str, Any]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return policies


# AWS KMS and CloudWatch Logs


@mends(KmsResponse, "create_key")
def key_policy_document(original: Any, response: Any) -> Any:
    """CreateKey refuses what is no policy document (API_CreateKey: MalformedPolicyDocumentException)."""
    policy = response._get_param("Policy")
    if policy is not None and not _statements(policy):
        raise JsonRESTError("MalformedPolicyDocumentException", "Policy contains a statement that is not valid.")
    return original(response)


@mends(KmsResponse, "enable_key_rotation")
def rotation_period(original: Any, response: Any) -> str:
    """EnableKeyRotation keeps the period; moto knows only that a key is rotated."""
    answer: str = original(response)
    _key_of(response).rotation_period = response._get_param("RotationPeriodInDays") or 365
    return answer


@mends(KmsResponse, "get_key_rotation_status")
def rotation_status(original: Any, response: Any) -> str:
    """GetKeyRotationStatus says how often a key is rotated.

    Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html.
    """
    status = json.loads(original(response))
    if status["KeyRotationEnabled"]:
        status["RotationPeriodInDays"] = getattr(_key_of(response), "rotation_period", 365)
    return json.dumps(status)


def _key_of(response: Any) -> Any:
    backend = response.kms_backend
    return backend.keys[backend.get_key_id(response._get_param("KeyId"))]


@mends(LogsBackend, "create_log_group")
def log_group_key(original: Any, backend: Any, log_group_name: str, tags: dict[str, str], **asked: Any) -> Any:
    """A log group's key must exist and its policy must let CloudWatch Logs use it.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html.
    """
    arn = asked.get("kmsKeyId")
    if arn:
        keys = kms_backends[backend.account_id][backend.region_name].keys
        key = keys.get(arn.rpartition("/")[2])
        if key is None or not _admits(key.policy, f"logs.{backend.region_name}.amazonaws.com"):
            raise InvalidParameterException(
                "The specified KMS key does not exist or is not allowed to be used with Arn "
                f"'arn:{backend.partition}:logs:{backend.region_name}:{backend.account_id}:log-group:{log_group_name}'"
            )
    return original(backend, log_group_name, tags, **asked)


def _statements(policy: str) -> list[dict[str, Any]]:
    try:
        statements = json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError):
        return []
    listed: list[dict[str, Any]] = statements if isinstance(statements, list) else [statements]
    return listed


def _admits(policy: str, service: str) -> bool:
    """Whether a statement of a policy allows a service something."""
    for statement in _statements(policy):
        principal = statement.get("Principal")
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in conditions.listed(named):
            return True
    return False


# Amazon S3


@mends(FakeBucket, "get_permission")
def bucket_policy_conditions(original: Any, bucket: Any, action: str, resource: str) -> Any:
    """A statement of a bucket policy counts only if its conditions hold; moto denies whatever a conditional deny names.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. The loopback
    connection stands for TLS 1.3.
    """
    statements = _statements(bucket.policy.decode()) if bucket.policy else []
    context = _request_context(bucket.account_id)
    effects = {item["Effect"] for item in statements if conditions.applies(item, action, resource, context)}
    if "Deny" in effects:
        return PermissionResult.DENIED
    return PermissionResult.PERMITTED if "Allow" in effects else PermissionResult.NEUTRAL


def _request_context(account_id: str) -> dict[str, str]:
    from flask import request

    context = {
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:principalaccount": account_id,
        "aws:principalisawsservice": "false",
    }
    for header in ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"):
        if header in request.headers:
            context[f"s3:{header}"] = request.headers[header]
    return context


# Amazon SageMaker AI


@mends(SageMakerResponse, "create_model")
def model_refusals(original: Any, response: Any) -> Any:
    """CreateModel refuses a role it can't assume, missing model data, unknown subnets and groups, a taken name.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html; the messages are those that
    users quote in AWS's forums.
    """
    backend, name = response.sagemaker_backend, response._get_param("ModelName")
    if name in backend._models:
        raise ValidationError(f'Cannot create already existing model "{_arn(backend, f"model/{name}")}".')
    _refuse_role(backend, response._get_param("ExecutionRoleArn"))
    containers = [response._get_param("PrimaryContainer"), *(response._get_param("Containers") or [])]
    for container in filter(None, containers):
        _refuse_model_data(backend, container)
    _refuse_vpc_config(backend, response._get_param("VpcConfig") or {})
    return original(response)


def _refuse_role(backend: Any, arn: str | None) -> None:
    roles = iam_backends[backend.account_id][backend.partition].roles.values()
    role = next((role for role in roles if role.arn == arn), None)
    if role is None or not _admits(role.assume_role_policy_document, "sagemaker.amazonaws.com"):
        raise ValidationError(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )


def _refuse_model_data(backend: Any, container: dict[str, Any]) -> None:
    url = container.get("ModelDataUrl")
    if url and container.get("Mode") != "MultiModel" and model_server.stored_object(backend, url) is None:
        raise ValidationError(f"Could not find model data at {url}.")


def _refuse_vpc_config(backend: Any, config: dict[str, Any]) -> None:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for subnet in config.get("Subnets", []):
        if not any(subnet in zone for zone in ec2.subnets.values()):
            raise ValidationError(f"The subnet ID '{subnet}' does not exist")
    for group in config.get("SecurityGroupIds", []):
        if ec2.get_security_group_from_id(group) is None:
            raise ValidationError(f"The security group '{group}' does not exist")


def _arn(backend: Any, resource: str) -> str:
    return f"arn:{backend.partition}:sagemaker:{backend.region_name}:{backend.account_id}:{resource}"


@mends(SageMakerModelBackend, "create_model")
def network_isolation(original: Any, backend: Any, **asked: Any) -> Any:
    """DescribeModel answers with the EnableNetworkIsolation that CreateModel was given (API_DescribeModel)."""
    model = original(backend, **asked)
    parameters = _request_parameters()
    model.enable_network_isolation = bool(parameters.get("EnableNetworkIsolation", False))
    if "InferenceExecutionConfig" in parameters:
        model.inference_execution_config = parameters["InferenceExecutionConfig"]
    return model


def _request_parameters() -> dict[str, Any]:
    from flask import request

    parameters: dict[str, Any] = json.loads(request.data or b"{}")
    return parameters


@mends(FakeEndpointConfig, "validate_instance_type")
def instance_types(original: Any, configuration: Any, instance_type: str) -> None:
    """CreateEndpointConfig takes the instance types of the current API; moto's list is of 2021."""


@mends(SageMakerModelBackend, "create_endpoint_config")
def endpoint_config(original: Any, backend: Any, **asked: Any) -> Any:
    """CreateEndpointConfig keeps shadow variants and the execution role, and refuses a taken name.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpointConfig.html.
    """
    name = asked["endpoint_config_name"]
    if name in backend.endpoint_configs:
        arn = _arn(backend, f"endpoint-config/{name}")
        raise ValidationError(f'Cannot create already existing endpoint configuration "{arn}".')
    parameters = _request_parameters()
    backend.validate_production_variants(parameters.get("ShadowProductionVariants", []))
    made = original(backend, **asked)
    made.shadow_production_variants = parameters.get("ShadowProductionVariants")
    made.execution_role_arn = parameters.get("ExecutionRoleArn")
    return made


@mends(SageMakerModelBackend, "create_endpoint")
def endpoint(original: Any, backend: Any, endpoint_name: str, endpoint_config_name: str, tags: Any) -> Any:
    """CreateEndpoint refuses a taken name and keeps the deployment configuration, shadow variants and weights.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html.
    """
    if endpoint_name in backend.endpoints:
        raise ValidationError(
            f'Cannot create already existing endpoint "{_arn(backend, f"endpoint/{endpoint_name}")}".'
        )
    made = original(backend, endpoint_name, endpoint_config_name, tags)
    made.last_deployment_config = _request_parameters().get("DeploymentConfig")
    shadows = backend.endpoint_configs[endpoint_config_name].shadow_production_variants
    made.shadow_production_variants = made._process_production_variants(shadows) if shadows else None
    return made


@mends(SageMakerResponse, "describe_endpoint_config")
def no_empty_capture(original: Any, response: Any) -> Any:
    """DescribeEndpointConfig says nothing of data capture where none was configured (API_DescribeEndpointConfig)."""
    return _without_empty_capture(original(response))


@mends(SageMakerResponse, "describe_endpoint")
def no_empty_endpoint_capture(original: Any, response: Any) -> Any:
    """DescribeEndpoint says nothing of data capture where none was configured (API_DescribeEndpoint)."""
    return _without_empty_capture(original(response))


def _without_empty_capture(answer: Any) -> Any:
    return ActionResult(
        {key: value for key, value in answer.result.items() if (key, value) != ("DataCaptureConfig", {})}
    )


# Application Auto Scaling


@mends(ApplicationAutoScalingResponse, "register_scalable_target")
def scalable_target_refusals(original: Any, response: Any) -> Any:
    """RegisterScalableTarget refuses an endpoint variant that does not exist, and a maximum below the minimum.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html.
    """
    namespace, resource = response._get_param("ServiceNamespace"), response._get_param("ResourceId")
    least, most = response._get_int_param("MinCapacity"), response._get_int_param("MaxCapacity")
    if least is not None and most is not None and most < least:
        raise AWSValidationException("Maximum capacity cannot be less than minimum capacity")
    backend = response.applicationautoscaling_backend
    if namespace == "sagemaker" and not _variant_exists(backend, resource):
        raise AWSValidationException(f"SageMaker variant doesn't exist: {resource}")
    answer = original(response)
    target = json.loads(answer)["ScalableTargetARN"]
    backend.__dict__.setdefault("tags_by_arn", {}).setdefault(target, {}).update(response._get_param("Tags") or {})
    return answer


def _variant_exists(backend: Any, resource: str) -> bool:
    _, endpoint_name, _, variant = (*resource.split("/"), "", "", "")[:4]
    found = sagemaker_backends[backend.account_id][backend.region_name].endpoints.get(endpoint_name)
    return found is not None and any(item["VariantName"] == variant for item in found.production_variants)


@mends(ApplicationAutoScalingResponse, "list_tags_for_resource")
def scalable_target_tags(original: Any, response: Any) -> str:
    """ListTagsForResource answers with the tags of a scalable target (API_ListTagsForResource); moto lacks the call."""
    arn, backend = response._get_param("ResourceARN"), response.applicationautoscaling_backend
    if arn not in backend.__dict__.get("tags_by_arn", {}):
        raise JsonRESTError("ResourceNotFoundException", f"The resource {arn} does not exist")
    return json.dumps({"Tags": backend.tags_by_arn[arn]})


@mends(ApplicationAutoscalingBackend, "put_scaling_policy")
def scaling_policy(original: Any, backend: Any, **asked: Any) -> Any:
    """PutScalingPolicy needs a registered target; target tracking makes two alarms (API_PutScalingPolicy)."""
    resource, dimension = asked["resource_id"], asked["scalable_dimension"]
    if not backend._scalable_target_exists(resource, dimension):
        raise JsonRESTError(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: {asked['service_namespace']}, "
            f"resource ID: {resource}, scalable dimension: {dimension}",
        )
    policy = original(backend, **asked)
    if asked["policy_type"] == "TargetTrackingScaling" and asked["service_namespace"] == "sagemaker":
        policy.alarms = [_tracking_alarm(backend, policy, *side) for side in TRACKING_SIDES]
    return policy


TRACKING_SIDES = (("High", "GreaterThanThreshold", 3, 1.0), ("Low", "LessThanThreshold", 15, 0.9))
"""Name, comparison, minutes, share of the target at which the alarm goes off."""


def _tracking_alarm(backend: Any, policy: Any, side: str, comparison: str, minutes: int, share: float) -> Any:
    configuration = policy.target_tracking_scaling_policy_configuration
    _, endpoint_name, _, variant = policy.resource_id.split("/")
    metric = configuration.get("CustomizedMetricSpecification", {})
    default = [{"Name": "EndpointName", "Value": endpoint_name}, {"Name": "VariantName", "Value": variant}]
    return cloudwatch_backends[backend.account_id][backend.region_name].put_metric_alarm(
        name=f"TargetTracking-{policy.resource_id}-Alarm{side}-{mock_random.uuid4()}",
        namespace=metric.get("Namespace", "AWS/SageMaker"),
        metric_name=metric.get("MetricName", "InvocationsPerInstance"),
        dimensions=metric.get("Dimensions", default),
        statistic=metric.get("Statistic", "Sum"),
        metric_data_queries=[],
        comparison_operator=comparison,
        evaluation_periods=minutes,
        period=60,
        threshold=configuration["TargetValue"] * share,
        description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.policy_arn}.",
        alarm_actions=[policy.policy_arn],
    )


# Amazon SNS


@mends(SNSBackend, "subscribe")
def pending_confirmation(original: Any, backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
    """A subscription by e-mail waits until its owner confirms it (API_Subscribe)."""
    subscription = original(backend, topic_arn, endpoint, protocol)
    if protocol in ("email", "email-json"):
        subscription.attributes |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}
    return subscription


# Amazon SageMaker Runtime


@mends(SageMakerRuntimeResponse, "invoke_endpoint")
def predictions(original: Any, response: Any) -> Any:
    """InvokeEndpoint answers with the model's predictions, and refuses an endpoint that does not exist.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html. The model behind
    the endpoint runs in this process, by the code of this project's serving container.
    """
    account, region = response.current_account, response.region
    return model_server.invoke(sagemaker_backends[account][region], response.normalized_request)
