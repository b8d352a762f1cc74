"""One resource of nearly every type that the rehearsal knows, wired as a real stack would be."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from tests.support.client_certificates import Authority

provider = aws.Provider("aws", region="eu-west-1", default_tags={"tags": {"Project": "rehearsed", "Owner": "default"}})
identity = aws.get_caller_identity()
region = aws.get_region()
partition = aws.get_partition()
zones = aws.get_availability_zones(state="available").names[:2]
s3_list = aws.ec2.get_prefix_list(name="com.amazonaws.eu-west-1.s3")
runtime = aws.ec2.get_vpc_endpoint_service(service="sagemaker.runtime", service_type="Interface")
instance = aws.ec2.get_instance_type(instance_type="m5.large")
image = aws.sagemaker.get_prebuilt_ecr_image(repository_name="sagemaker-xgboost", image_tag="1.7-1")


class Whole(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rehearsed:index:Whole", name, None, opts)
        self.register_outputs({})


whole = Whole("whole", pulumi.ResourceOptions(providers=[provider]))
child = pulumi.ResourceOptions(parent=whole)


def trust(service: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
    )


def allow(action: str, resource: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    )


# Keys
key_policy = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition.partition}:iam::{identity.account_id}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Principal": {"Service": f"logs.{region.region}.{partition.dns_suffix}"},
                "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*"],
                "Resource": "*",
            },
        ],
    }
)
key = aws.kms.Key(
    "data", description="data", enable_key_rotation=True, deletion_window_in_days=7, policy=key_policy, opts=child
)
aws.kms.Alias("data", target_key_id=key.key_id, opts=child)

# Network
vpc = aws.ec2.Vpc(
    "net",
    cidr_block="10.20.0.0/16",
    enable_dns_support=True,
    enable_dns_hostnames=True,
    tags={"Name": "net", "Owner": "its own"},
    opts=child,
)
aws.ec2.DefaultSecurityGroup("locked", vpc_id=vpc.id, ingress=[], egress=[], opts=child)
aws.ec2.DefaultRouteTable("locked", default_route_table_id=vpc.default_route_table_id, routes=[], opts=child)
aws.ec2.DefaultNetworkAcl("locked", default_network_acl_id=vpc.default_network_acl_id, opts=child)
table = aws.ec2.RouteTable("private", vpc_id=vpc.id, opts=child)
way_to_s3: list[pulumi.Resource] = []
subnets = []
for index, zone in enumerate(zones):
    subnet = aws.ec2.Subnet(
        f"private-{zone}",
        vpc_id=vpc.id,
        cidr_block=f"10.20.{index}.0/24",
        availability_zone=zone,
        map_public_ip_on_launch=False,
        opts=child,
    )
    association = aws.ec2.RouteTableAssociation(
        f"private-{zone}", route_table_id=table.id, subnet_id=subnet.id, opts=child
    )
    way_to_s3.append(association)
    subnets.append(subnet)
subnet_ids = [subnet.id for subnet in subnets]
acl = aws.ec2.NetworkAcl("private", vpc_id=vpc.id, subnet_ids=subnet_ids[:1], opts=child)
second = aws.ec2.NetworkAclAssociation("second", network_acl_id=acl.id, subnet_id=subnet_ids[1], opts=child)
aws.ec2.NetworkAclRule(
    "in",
    network_acl_id=acl.id,
    rule_number=100,
    egress=False,
    protocol="tcp",
    rule_action="allow",
    cidr_block="10.20.0.0/16",
    from_port=443,
    to_port=443,
    opts=child,
)
answers = aws.ec2.NetworkAclRule(
    "answers",
    network_acl_id=acl.id,
    rule_number=110,
    egress=False,
    protocol="tcp",
    rule_action="allow",
    cidr_block="0.0.0.0/0",
    from_port=1024,
    to_port=65535,
    opts=child,
)
out = aws.ec2.NetworkAclRule(
    "out",
    network_acl_id=acl.id,
    rule_number=100,
    egress=True,
    protocol="tcp",
    rule_action="allow",
    cidr_block="0.0.0.0/0",
    from_port=443,
    to_port=443,
    opts=child,
)
aws.ec2.NetworkAclRule(
    "none",
    network_acl_id=acl.id,
    rule_number=50,
    egress=True,
    protocol="-1",
    rule_action="deny",
    cidr_block="203.0.113.0/24",
    opts=child,
)
group = aws.ec2.SecurityGroup("client", vpc_id=vpc.id, description="clients", opts=child)
access = aws.ec2.SecurityGroup("access", vpc_id=vpc.id, description="endpoints", opts=child)
aws.vpc.SecurityGroupEgressRule(
    "to-access",
    security_group_id=group.id,
    referenced_security_group_id=access.id,
    ip_protocol="tcp",
    from_port=443,
    to_port=443,
    description="to the endpoints",
    opts=child,
)
aws.vpc.SecurityGroupIngressRule(
    "from-client",
    security_group_id=access.id,
    referenced_security_group_id=group.id,
    ip_protocol="tcp",
    from_port=443,
    to_port=443,
    description="from clients",
    opts=child,
)
to_s3 = aws.vpc.SecurityGroupEgressRule(
    "to-s3",
    security_group_id=group.id,
    prefix_list_id=s3_list.id,
    ip_protocol="tcp",
    from_port=443,
    to_port=443,
    description="to S3",
    opts=child,
)
gateway = aws.ec2.VpcEndpoint(
    "s3",
    vpc_id=vpc.id,
    service_name="com.amazonaws.eu-west-1.s3",
    vpc_endpoint_type="Gateway",
    route_table_ids=[table.id],
    opts=child,
)
# Nothing of it is an input of the endpoint, whose instances need it.
way_to_s3 += [second, answers, out, to_s3, gateway]
interface = aws.ec2.VpcEndpoint(
    "runtime",
    vpc_id=vpc.id,
    service_name=runtime.service_name,
    vpc_endpoint_type="Interface",
    private_dns_enabled=True,
    subnet_ids=subnet_ids,
    security_group_ids=[access.id],
    opts=child,
)
aws.ec2.VpcEndpointPolicy(
    "runtime",
    vpc_endpoint_id=interface.id,
    policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sagemaker:InvokeEndpoint", "Resource": "*"}],
        }
    ),
    opts=child,
)

# Guards of the account
aws.ebs.DefaultKmsKey("account", key_arn=key.arn, opts=child)
aws.ebs.EncryptionByDefault("account", enabled=True, opts=child)
aws.ebs.SnapshotBlockPublicAccess("account", state="block-all-sharing", opts=child)
aws.ec2.VpcBlockPublicAccessOptions("account", internet_gateway_block_mode="block-bidirectional", opts=child)
aws.s3.AccountPublicAccessBlock(
    "account",
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
    opts=child,
)

# Flow logs
logs = aws.cloudwatch.LogGroup("flow", kms_key_id=key.arn, retention_in_days=365, opts=child)
flow_role = aws.iam.Role("flow", assume_role_policy=trust("vpc-flow-logs.amazonaws.com"), opts=child)
aws.iam.RolePolicy("flow", role=flow_role.id, policy=allow("logs:*", "*"), opts=child)
flow = aws.ec2.FlowLog(
    "flow",
    vpc_id=vpc.id,
    traffic_type="ALL",
    log_destination=logs.arn,
    iam_role_arn=flow_role.arn,
    max_aggregation_interval=60,
    opts=child,
)
aws.cloudwatch.LogMetricFilter(
    "refused",
    log_group_name=logs.name,
    pattern="REJECT",
    metric_transformation={"namespace": "rehearsed", "name": "Refused", "value": "1", "default_value": "0"},
    opts=child,
)
aws.cloudwatch.ContributorInsightRule(
    "talkers",
    rule_name="rehearsed-talkers",
    rule_state="ENABLED",
    rule_definition=pulumi.Output.json_dumps({"LogGroupNames": [logs.name], "Contribution": {"Keys": ["srcaddr"]}}),
    opts=child,
)

# Artifacts
bucket = aws.s3.Bucket("Artifacts", opts=child)
aws.s3.BucketOwnershipControls(
    "artifacts", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
)
aws.s3.BucketPublicAccessBlock(
    "artifacts",
    bucket=bucket.id,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
    opts=child,
)
encryption = aws.s3.BucketServerSideEncryptionConfiguration(
    "artifacts",
    bucket=bucket.id,
    rules=[
        {
            "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn},
            "bucket_key_enabled": True,
        }
    ],
    opts=child,
)
versioning = aws.s3.BucketVersioning(
    "artifacts", bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=child
)
aws.s3.BucketLifecycleConfiguration(
    "artifacts",
    bucket=bucket.id,
    rules=[
        {
            "id": "old",
            "status": "Enabled",
            "filter": {},
            "noncurrent_version_expiration": {"noncurrent_days": 90},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        }
    ],
    opts=child,
)
aws.s3.BucketPolicy(
    "artifacts",
    bucket=bucket.id,
    policy=pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": pulumi.Output.concat(bucket.arn, "/*"),
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
    ),
    opts=child,
)
access_logs = aws.s3.Bucket("access-logs", opts=child)
log_delivery = aws.s3.BucketPolicy(
    "access-logs",
    bucket=access_logs.id,
    policy=pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "logging.s3.amazonaws.com"},
                    "Action": "s3:PutObject",
                    "Resource": pulumi.Output.concat(access_logs.arn, "/*"),
                },
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudtrail.amazonaws.com"},
                    "Action": ["s3:GetBucketAcl", "s3:PutObject"],
                    "Resource": [access_logs.arn, pulumi.Output.concat(access_logs.arn, "/*")],
                },
            ],
        }
    ),
    opts=child,
)
aws.s3.BucketLogging(
    "artifacts",
    bucket=bucket.id,
    target_bucket=access_logs.id,
    target_prefix="artifacts/",
    opts=pulumi.ResourceOptions(parent=whole, depends_on=[log_delivery]),
)
aws.cloudtrail.Trail(
    "objects",
    s3_bucket_name=access_logs.id,
    advanced_event_selectors=[
        {
            "name": "Objects of the bucket",
            "field_selectors": [
                {"field": "eventCategory", "equals": ["Data"]},
                {"field": "resources.type", "equals": ["AWS::S3::Object"]},
                {"field": "resources.ARN", "starts_withs": [bucket.arn]},
            ],
        }
    ],
    opts=pulumi.ResourceOptions(parent=whole, depends_on=[log_delivery]),
)
artifact = aws.s3.BucketObjectv2(
    "model",
    bucket=bucket.id,
    key="models/model.tar.gz",
    source=pulumi.FileAsset("model.tar.gz"),
    server_side_encryption="aws:kms",
    kms_key_id=key.arn,
    bucket_key_enabled=True,
    opts=pulumi.ResourceOptions(parent=whole, depends_on=[encryption, versioning]),
)

# Registry
images = awsx.ecr.Repository(
    "Serving",
    image_tag_mutability="IMMUTABLE",
    image_scanning_configuration={"scan_on_push": True},
    encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
    lifecycle_policy={
        "rules": [
            {"description": "old", "tag_status": awsx.ecr.LifecycleTagStatus.ANY, "maximum_number_of_images": 20}
        ],
    },
    opts=child,
)

# Inference
role = aws.iam.Role("execution", assume_role_policy=trust("sagemaker.amazonaws.com"), opts=child)
role_policy = aws.iam.RolePolicy(
    "execution",
    role=role.id,
    policy=pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "s3:GetObject", "Resource": artifact.arn},
                {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key.arn},
                {"Effect": "Allow", "Action": ["ecr:Batch*", "ecr:Get*", "ec2:CreateNetwork*"], "Resource": "*"},
            ],
        }
    ),
    opts=child,
)
model = aws.sagemaker.Model(
    "churn",
    execution_role_arn=role.arn,
    enable_network_isolation=True,
    primary_container={
        "image": image.registry_path,
        "model_data_url": pulumi.Output.concat("s3://", bucket.id, "/", artifact.key),
        "environment": {"some_variable": "kept"},
    },
    vpc_config={"subnets": subnet_ids, "security_group_ids": [group.id]},
    opts=pulumi.ResourceOptions(parent=whole, depends_on=[role_policy]),
)
configuration = aws.sagemaker.EndpointConfiguration(
    "churn",
    kms_key_arn=key.arn,
    production_variants=[
        {
            "variant_name": "AllTraffic",
            "model_name": model.name,
            "instance_type": "ml.m5.large",
            "initial_instance_count": 2,
            "initial_variant_weight": 1,
        }
    ],
    opts=child,
)
endpoint = aws.sagemaker.Endpoint(
    "churn",
    name="rehearsed-churn",
    endpoint_config_name=configuration.name,
    deployment_config={
        "blue_green_update_policy": {
            "traffic_routing_configuration": {
                "type": "CANARY",
                "wait_interval_in_seconds": 300,
                "canary_size": {"type": "CAPACITY_PERCENT", "value": 10},
            },
            "termination_wait_in_seconds": 60,
        },
        "auto_rollback_configuration": {"alarms": [{"alarm_name": "rehearsed-alarm"}]},
    },
    opts=pulumi.ResourceOptions(parent=whole, depends_on=way_to_s3),
)
endpoint_logs = aws.cloudwatch.LogGroup(
    "churn", name="/aws/sagemaker/Endpoints/rehearsed-churn", kms_key_id=key.arn, opts=child
)
target = aws.appautoscaling.Target(
    "churn",
    service_namespace="sagemaker",
    scalable_dimension="sagemaker:variant:DesiredInstanceCount",
    resource_id=pulumi.Output.concat("endpoint/", endpoint.name, "/variant/AllTraffic"),
    min_capacity=2,
    max_capacity=10,
    opts=child,
)
scaling = aws.appautoscaling.Policy(
    "invocations",
    policy_type="TargetTrackingScaling",
    service_namespace=target.service_namespace,
    scalable_dimension=target.scalable_dimension,
    resource_id=target.resource_id,
    target_tracking_scaling_policy_configuration={
        "target_value": 600,
        "scale_in_cooldown": 300,
        "predefined_metric_specification": {"predefined_metric_type": "SageMakerVariantInvocationsPerInstance"},
    },
    opts=child,
)
cpu = aws.appautoscaling.Policy(
    "cpu",
    policy_type="TargetTrackingScaling",
    service_namespace=target.service_namespace,
    scalable_dimension=target.scalable_dimension,
    resource_id=target.resource_id,
    target_tracking_scaling_policy_configuration={
        "target_value": 60 * instance.default_vcpus,
        "customized_metric_specification": {
            "namespace": "/aws/sagemaker/Endpoints",
            "metric_name": "CPUUtilization",
            "statistic": "Average",
            "unit": "Percent",
            "dimensions": [
                {"name": "EndpointName", "value": endpoint.name},
                {"name": "VariantName", "value": "AllTraffic"},
            ],
        },
    },
    opts=child,
)
idle = aws.appautoscaling.Policy(
    "idle",
    policy_type="TargetTrackingScaling",
    service_namespace=target.service_namespace,
    scalable_dimension=target.scalable_dimension,
    resource_id=target.resource_id,
    target_tracking_scaling_policy_configuration={
        "target_value": 600,
        "customized_metric_specification": {
            "metrics": [
                {
                    "id": "invocations",
                    "metric_stat": {
                        "metric": {
                            "namespace": "AWS/SageMaker",
                            "metric_name": "InvocationsPerInstance",
                            "dimensions": [{"name": "EndpointName", "value": endpoint.name}],
                        },
                        "stat": "Sum",
                    },
                    "return_data": False,
                },
                {"id": "filled", "expression": "FILL(invocations, 0)", "return_data": True},
            ]
        },
    },
    opts=child,
)
invoke = aws.iam.Policy("invoke", policy=allow("sagemaker:InvokeEndpoint", endpoint.arn), opts=child)

# Monitoring
topic = aws.sns.Topic("alarms", kms_master_key_id=key.arn, opts=child)
aws.sns.TopicPolicy(
    "alarms",
    arn=topic.arn,
    policy=pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": topic.arn,
                }
            ],
        }
    ),
    opts=child,
)
aws.sns.TopicSubscription("alarms", topic=topic.arn, protocol="email", endpoint="ops@example.com", opts=child)
errors = aws.cloudwatch.MetricAlarm(
    "errors",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=3,
    namespace="AWS/SageMaker",
    metric_name="Invocation5XXErrors",
    dimensions={"EndpointName": endpoint.name, "VariantName": "AllTraffic"},
    period=60,
    statistic="Sum",
    threshold=5,
    treat_missing_data="notBreaching",
    alarm_actions=[topic.arn],
    opts=child,
)
aws.cloudwatch.MetricAlarm(
    "busy",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=3,
    threshold=80,
    metric_queries=[
        {"id": "per_instance", "expression": "cpu / 2", "label": "busy", "return_data": True},
        {
            "id": "cpu",
            "metric": {
                "namespace": "/aws/sagemaker/Endpoints",
                "metric_name": "CPUUtilization",
                "period": 60,
                "stat": "Average",
                "dimensions": {"EndpointName": endpoint.name, "VariantName": "AllTraffic"},
            },
        },
    ],
    opts=child,
)
aws.cloudwatch.CompositeAlarm(
    "any",
    alarm_name="rehearsed-any",
    alarm_rule=pulumi.Output.concat('ALARM("', errors.name, '")'),
    alarm_actions=[topic.arn],
    opts=child,
)
states = aws.cloudwatch.EventRule("states", event_pattern=json.dumps({"source": ["aws.sagemaker"]}), opts=child)
aws.cloudwatch.EventTarget("states", rule=states.name, arn=topic.arn, opts=child)
aws.cloudwatch.Dashboard(
    "rehearsed", dashboard_name="rehearsed", dashboard_body=json.dumps({"widgets": []}), opts=child
)

# Contract and consumer
aws.ssm.Parameter(
    "contract",
    name="/rehearsed/contract",
    type="String",
    value=pulumi.Output.json_dumps({"endpoint": endpoint.name}),
    opts=child,
)
lambda_role = aws.iam.Role("consumer", assume_role_policy=trust("lambda.amazonaws.com"), opts=child)
aws.iam.RolePolicyAttachment("consumer-invoke", role=lambda_role.name, policy_arn=invoke.arn, opts=child)
managed = aws.iam.RolePolicyAttachment(
    "consumer-network",
    role=lambda_role.name,
    policy_arn="arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
    opts=child,
)
aws.lambda_.Function(
    "consumer",
    role=lambda_role.arn,
    runtime="python3.12",
    handler="index.handler",
    code=pulumi.AssetArchive({"index.py": pulumi.StringAsset("def handler(event, context): return event")}),
    vpc_config={"subnet_ids": subnet_ids, "security_group_ids": [group.id]},
    environment={"variables": {"CONTRACT": "/rehearsed/contract"}},
    opts=pulumi.ResourceOptions(parent=whole, depends_on=[managed]),
)

# A private API under a name of its own
api = aws.apigateway.RestApi("door", endpoint_configuration={"types": "PRIVATE"}, opts=child)
aws.apigateway.RestApiPolicy(
    "door", rest_api_id=api.id, policy=allow("execute-api:Invoke", "execute-api:/*"), opts=child
)
path = aws.apigateway.Resource("door", rest_api=api.id, parent_id=api.root_resource_id, path_part="{name}", opts=child)
at: dict[str, Any] = {"rest_api": api.id, "resource_id": path.id, "http_method": "POST"}
aws.apigateway.Authorizer(
    "door",
    rest_api=api.id,
    type="REQUEST",
    authorizer_uri=f"arn:aws:apigateway:{region.region}:lambda:path/2015-03-31/functions/any/invocations",
    identity_source="method.request.header.Authorization",
    authorizer_result_ttl_in_seconds=0,
    opts=child,
)
method = aws.apigateway.Method("door", **at, authorization="AWS_IAM", opts=child)
integration = aws.apigateway.Integration(
    "door",
    **at,
    type="AWS",
    integration_http_method="POST",
    uri="arn:aws:apigateway:eu-west-1:runtime.sagemaker:path/endpoints/{name}/invocations",
    credentials=lambda_role.arn,
    opts=pulumi.ResourceOptions(parent=whole, depends_on=[method]),
)
after = pulumi.ResourceOptions(parent=whole, depends_on=[integration])
response = aws.apigateway.MethodResponse("door", **at, status_code="200", opts=after)
answered = aws.apigateway.IntegrationResponse(
    "door", **at, status_code="200", opts=pulumi.ResourceOptions(parent=whole, depends_on=[response])
)
deployment = aws.apigateway.Deployment(
    "door", rest_api=api.id, opts=pulumi.ResourceOptions(parent=whole, depends_on=[answered])
)
stage = aws.apigateway.Stage("door", rest_api=api.id, deployment=deployment.id, stage_name="door", opts=child)
aws.apigateway.MethodSettings(
    "door",
    rest_api=api.id,
    stage_name=stage.stage_name,
    method_path="*/*",
    settings={"throttling_rate_limit": 10},
    opts=child,
)
public = aws.route53.Zone("public", name="example.com", opts=child)
certificate = aws.acm.Certificate("door", domain_name="door.example.com", validation_method="DNS", opts=child)
proof = certificate.domain_validation_options[0]
record = aws.route53.Record(
    "proof",
    zone_id=public.zone_id,
    name=proof.resource_record_name,
    type=proof.resource_record_type,
    records=[proof.resource_record_value],
    ttl=60,
    opts=child,
)
validation = aws.acm.CertificateValidation(
    "door", certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], opts=child
)
domain = aws.apigateway.DomainName(
    "door",
    domain_name="door.example.com",
    certificate_arn=validation.certificate_arn,
    endpoint_configuration={"types": "PRIVATE"},
    security_policy="TLS_1_2",
    opts=child,
)
aws.apigateway.BasePathMapping(
    "door",
    domain_name=domain.domain_name,
    domain_name_id=domain.domain_name_id,
    rest_api=api.id,
    stage_name=stage.stage_name,
    opts=child,
)
aws.wafv2.WebAclAssociation(
    "door",
    resource_arn=stage.arn,
    web_acl_arn="arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/models/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
    opts=child,
)
aws.apigateway.DomainNameAccessAssociation(
    "door",
    access_association_source=interface.id,
    access_association_source_type="VPCE",
    domain_name_arn=domain.arn,
    opts=child,
)
private = aws.route53.Zone("private", name="door.example.com", vpcs=[{"vpc_id": vpc.id}], opts=child)
other_zone = aws.route53.Zone("other", name="example.internal", vpcs=[{"vpc_id": vpc.id}], opts=child)
aws.route53.ResolverEndpoint(
    "names",
    direction="INBOUND",
    security_group_ids=[access.id],
    ip_addresses=[{"subnet_id": each} for each in subnet_ids],
    opts=child,
)
aws.route53.ZoneAssociation("other", zone_id=other_zone.zone_id, vpc_id=vpc.id, opts=child)
aws.route53.Record(
    "door",
    zone_id=private.zone_id,
    name="door.example.com",
    type="A",
    aliases=[
        {
            "name": interface.dns_entries[0].dns_name,
            "zone_id": interface.dns_entries[0].hosted_zone_id,
            "evaluate_target_health": False,
        }
    ],
    opts=child,
)

# A load balancer and what stands behind it
authorities = aws.s3.BucketObjectv2(
    "authorities",
    bucket=bucket.id,
    key="authorities.pem",
    content=Authority("Devices").pem.decode(),
    opts=child,
)
store = aws.lb.TrustStore(
    "clients",
    ca_certificates_bundle_s3_bucket=authorities.bucket,
    ca_certificates_bundle_s3_key=authorities.key,
    opts=child,
)
balancer = aws.lb.LoadBalancer(
    "balancer",
    internal=True,
    load_balancer_type="application",
    subnets=subnet_ids,
    security_groups=[access.id],
    idle_timeout=60,
    drop_invalid_header_fields=True,
    opts=child,
)
targets = aws.lb.TargetGroup(
    "forwarder",
    vpc_id=vpc.id,
    target_type="ip",
    protocol="HTTPS",
    port=8443,
    deregistration_delay=60,
    health_check={"protocol": "HTTPS", "path": "/ping", "matcher": "200"},
    opts=child,
)
listener = aws.lb.Listener(
    "listener",
    load_balancer_arn=balancer.arn,
    port=443,
    protocol="HTTPS",
    ssl_policy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    certificate_arn=validation.certificate_arn,
    mutual_authentication={"mode": "verify", "trust_store_arn": store.arn},
    default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
    opts=child,
)
cluster = aws.ecs.Cluster("forwarders", settings=[{"name": "containerInsights", "value": "enabled"}], opts=child)
task_role = aws.iam.Role("task", assume_role_policy=trust("ecs-tasks.amazonaws.com"), opts=child)
task = aws.ecs.TaskDefinition(
    "forwarder",
    family="forwarder",
    requires_compatibilities=["FARGATE"],
    network_mode="awsvpc",
    cpu="256",
    memory="512",
    task_role_arn=task_role.arn,
    container_definitions=json.dumps(
        [{"name": "forwarder", "image": "forwarder", "portMappings": [{"containerPort": 8443}]}]
    ),
    opts=child,
)
aws.ecs.Service(
    "forwarder",
    cluster=cluster.arn,
    task_definition=task.arn,
    desired_count=2,
    launch_type="FARGATE",
    network_configuration={"subnets": subnet_ids, "security_groups": [access.id], "assign_public_ip": False},
    load_balancers=[{"target_group_arn": targets.arn, "container_name": "forwarder", "container_port": 8443}],
    deployment_circuit_breaker={"enable": True, "rollback": True},
    wait_for_steady_state=True,
    opts=pulumi.ResourceOptions(parent=whole, depends_on=[listener]),
)

pulumi.export("vpcId", vpc.id)
pulumi.export("accountId", identity.account_id)
pulumi.export("instanceVcpus", instance.default_vcpus)
pulumi.export("zones", zones)
pulumi.export("bucket", bucket.id)
pulumi.export("runtimeDns", interface.dns_entries[0].dns_name)
pulumi.export("gatewayPrefixList", gateway.prefix_list_id)
pulumi.export("repositoryUrl", images.url)
pulumi.export("repositoryArn", images.repository.arn)
pulumi.export("image", image.registry_path)
pulumi.export("alarms", scaling.alarm_arns)
