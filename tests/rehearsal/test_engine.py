"""The whole way: a program goes into the embedded AWS; boto3, which knows nothing of it, finds it there."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import xgboost
from botocore.exceptions import ClientError

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import RehearsalError
from tests.rehearsal.conftest import Rehearse, Rehearsed

ENDPOINT = "rehearsed-churn"
TARGET = f"endpoint/{ENDPOINT}/variant/AllTraffic"


def named(rehearsed: Rehearsed, service: str) -> Any:
    return rehearsed.aws.client(service)


def tags(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in pairs}


# Inference


def test_the_endpoint_serves_its_configuration(rehearsed: Rehearsed) -> None:
    sagemaker = named(rehearsed, "sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    configuration = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    (variant,) = configuration["ProductionVariants"]
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert (variant["VariantName"], variant["InstanceType"]) == ("AllTraffic", "ml.m5.large")
    assert configuration["KmsKeyId"] == rehearsed.outputs("aws:kms/key:Key", "data")["arn"]
    assert "DataCaptureConfig" not in configuration


def test_the_model_is_isolated_in_its_subnets(rehearsed: Rehearsed) -> None:
    name = rehearsed.outputs("aws:sagemaker/model:Model", "churn")["name"]
    model = named(rehearsed, "sagemaker").describe_model(ModelName=name)
    network = named(rehearsed, "ec2").describe_subnets(SubnetIds=model["VpcConfig"]["Subnets"])["Subnets"]
    assert model["EnableNetworkIsolation"] is True
    assert {subnet["VpcId"] for subnet in network} == {rehearsed.run.outputs["vpcId"]}
    assert len({subnet["AvailabilityZone"] for subnet in network}) == 2
    # The keys of a map are the user's: they are not respelled.
    assert model["PrimaryContainer"]["Environment"] == {"some_variable": "kept"}


def test_the_endpoint_predicts_with_the_model_that_was_uploaded(rehearsed: Rehearsed, booster: xgboost.Booster) -> None:
    expected = booster.predict(xgboost.DMatrix([[3.0, 1.0], [17.0, 1.0]])).tolist()
    answer = named(rehearsed, "sagemaker-runtime").invoke_endpoint(
        EndpointName=ENDPOINT, ContentType="text/csv", Body=b"3,1\n17,1\n"
    )
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert [float(line) for line in answer["Body"].read().split()] == pytest.approx(expected)
    assert expected[0] < 0.5 < expected[1]


def test_scaling_follows_its_metrics(rehearsed: Rehearsed) -> None:
    service = named(rehearsed, "application-autoscaling")
    (target,) = service.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[TARGET])["ScalableTargets"]
    policies = service.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=TARGET)["ScalingPolicies"]
    found = [policy["TargetTrackingScalingPolicyConfiguration"] for policy in policies]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 10)
    followed = {_followed(configuration): configuration["TargetValue"] for configuration in found}
    assert followed == {
        "SageMakerVariantInvocationsPerInstance": 600,
        "FILL(invocations, 0)": 600,
        "CPUUtilization": 120,
    }


def _followed(configuration: Mapping[str, Any]) -> Any:
    """What a policy goes by: a predefined metric, an expression, or a metric."""
    if predefined := configuration.get("PredefinedMetricSpecification"):
        return predefined["PredefinedMetricType"]
    custom = configuration["CustomizedMetricSpecification"]
    queries = custom.get("Metrics", [])
    return next((query["Expression"] for query in queries if "Expression" in query), custom.get("MetricName"))


# Network


def test_nothing_leads_out(rehearsed: Rehearsed) -> None:
    ec2, vpc = named(rehearsed, "ec2"), [{"Name": "vpc-id", "Values": [rehearsed.run.outputs["vpcId"]]}]
    tables = ec2.describe_route_tables(Filters=vpc)["RouteTables"]
    routes = [route for table in tables for route in table["Routes"] if route.get("GatewayId") != "local"]
    assert [route["DestinationPrefixListId"] for route in routes] == [rehearsed.run.outputs["gatewayPrefixList"]]
    default = next(
        g for g in ec2.describe_security_groups(Filters=vpc)["SecurityGroups"] if g["GroupName"] == "default"
    )
    assert (default["IpPermissions"], default["IpPermissionsEgress"]) == ([], [])


def test_a_new_security_group_allows_only_what_its_rules_say(rehearsed: Rehearsed) -> None:
    ec2 = named(rehearsed, "ec2")
    group = rehearsed.outputs("aws:ec2/securityGroup:SecurityGroup", "client")
    access = rehearsed.outputs("aws:ec2/securityGroup:SecurityGroup", "access")
    (found,) = ec2.describe_security_groups(GroupIds=[_id(rehearsed, "client")])["SecurityGroups"]
    peers = {
        key: [
            peer.get("GroupId") or peer.get("PrefixListId")
            for rule in found["IpPermissionsEgress"]
            for peer in rule[key]
        ]
        for key in ("UserIdGroupPairs", "PrefixListIds")
    }
    assert group["vpcId"] == access["vpcId"] == rehearsed.run.outputs["vpcId"]
    assert found["IpPermissions"] == []
    assert peers == {
        "UserIdGroupPairs": [_id(rehearsed, "access")],
        "PrefixListIds": [rehearsed.run.outputs["gatewayPrefixList"]],
    }
    assert not any(rule["IpRanges"] for rule in found["IpPermissionsEgress"])


def _id(rehearsed: Rehearsed, name: str) -> str:
    kind = "aws:ec2/securityGroup:SecurityGroup"
    return next(item.id or "" for item in rehearsed.run.resources if (item.type, item.name) == (kind, name))


def test_network_acls_hold_their_rules_and_subnets(rehearsed: Rehearsed) -> None:
    ec2, vpc = named(rehearsed, "ec2"), [{"Name": "vpc-id", "Values": [rehearsed.run.outputs["vpcId"]]}]
    acls = ec2.describe_network_acls(Filters=vpc)["NetworkAcls"]
    own, default = (next(acl for acl in acls if acl["IsDefault"] is kind) for kind in (False, True))
    rules = {(e["RuleNumber"], e["Egress"], e["RuleAction"], e["Protocol"]) for e in own["Entries"]}
    assert {(100, False, "allow", "6"), (50, True, "deny", "-1")} <= rules
    assert next(e["PortRange"] for e in own["Entries"] if e["RuleNumber"] == 100) == {"From": 443, "To": 443}
    assert len(own["Associations"]) == 2
    assert {entry["RuleAction"] for entry in default["Entries"]} <= {"deny"}


def test_the_interface_endpoint_is_private(rehearsed: Rehearsed) -> None:
    ec2 = named(rehearsed, "ec2")
    kinds = [{"Name": "vpc-endpoint-type", "Values": ["Interface"]}]
    (endpoint,) = ec2.describe_vpc_endpoints(Filters=kinds)["VpcEndpoints"]
    names = [entry["DnsName"] for entry in endpoint["DnsEntries"]]
    assert endpoint["PrivateDnsEnabled"] is True
    assert json.loads(endpoint["PolicyDocument"])["Statement"][0]["Action"] == "sagemaker:InvokeEndpoint"
    assert [group["GroupId"] for group in endpoint["Groups"]] == [_id(rehearsed, "access")]
    assert names[0] == rehearsed.run.outputs["runtimeDns"]
    assert names[-1] == "runtime.sagemaker.eu-west-1.amazonaws.com"


# Data


def test_the_bucket_is_closed_and_encrypted(rehearsed: Rehearsed) -> None:
    s3, bucket = named(rehearsed, "s3"), rehearsed.run.outputs["bucket"]
    key = rehearsed.outputs("aws:kms/key:Key", "data")["arn"]
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    stored = s3.head_object(Bucket=bucket, Key="models/model.tar.gz")
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert rule["BucketKeyEnabled"] is True
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetPrefix"] == "artifacts/"
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", key)
    assert stored["VersionId"] == rehearsed.outputs("aws:s3/bucketObjectv2:BucketObjectv2", "model")["versionId"]


def test_keys_rotate_and_are_called_by_their_alias(rehearsed: Rehearsed) -> None:
    kms, alias = named(rehearsed, "kms"), rehearsed.outputs("aws:kms/alias:Alias", "data")
    assert kms.get_key_rotation_status(KeyId=alias["targetKeyArn"])["KeyRotationEnabled"] is True
    assert kms.describe_key(KeyId=alias["name"])["KeyMetadata"]["Arn"] == alias["targetKeyArn"]


def test_log_groups_are_encrypted_and_kept(rehearsed: Rehearsed) -> None:
    logs, flow = named(rehearsed, "logs"), rehearsed.outputs("aws:cloudwatch/logGroup:LogGroup", "flow")
    (group,) = logs.describe_log_groups(logGroupNamePrefix=flow["name"])["logGroups"]
    (flow_log,) = named(rehearsed, "ec2").describe_flow_logs()["FlowLogs"]
    assert group["kmsKeyId"] == rehearsed.outputs("aws:kms/key:Key", "data")["arn"]
    assert group["retentionInDays"] == 365
    assert flow_log["DeliverLogsStatus"] == "SUCCESS"


def test_a_remote_component_is_what_it_is_made_of(rehearsed: Rehearsed) -> None:
    (repository,) = named(rehearsed, "ecr").describe_repositories()["repositories"]
    policy = named(rehearsed, "ecr").get_lifecycle_policy(repositoryName=repository["repositoryName"])
    assert repository["encryptionConfiguration"]["encryptionType"] == "KMS"
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert json.loads(policy["lifecyclePolicyText"])["rules"][0]["selection"] == {
        "tagStatus": "any",
        "countType": "imageCountMoreThan",
        "countNumber": 20,
    }
    assert repository["repositoryUri"] == rehearsed.run.outputs["repositoryUrl"]
    assert repository["repositoryArn"] == rehearsed.run.outputs["repositoryArn"]
    assert {item.type for item in rehearsed.run.remote_children} == {
        "aws:ecr/repository:Repository",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    }


# Watching and telling


def test_alarms_reach_an_encrypted_topic(rehearsed: Rehearsed) -> None:
    topic = rehearsed.outputs("aws:sns/topic:Topic", "alarms")
    attributes = named(rehearsed, "sns").get_topic_attributes(TopicArn=topic["arn"])["Attributes"]
    name = rehearsed.outputs("aws:cloudwatch/metricAlarm:MetricAlarm", "errors")["name"]
    (alarm,) = named(rehearsed, "cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert attributes["KmsMasterKeyId"] == rehearsed.outputs("aws:kms/key:Key", "data")["arn"]
    assert "cloudwatch.amazonaws.com" in attributes["Policy"]
    assert alarm["AlarmActions"] == [topic["arn"]]
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
        "EndpointName": ENDPOINT,
        "VariantName": "AllTraffic",
    }


def test_what_logs_say_becomes_a_metric(rehearsed: Rehearsed) -> None:
    made = rehearsed.outputs("aws:cloudwatch/logMetricFilter:LogMetricFilter", "refused")
    (found,) = named(rehearsed, "logs").describe_metric_filters(logGroupName=made["logGroupName"])["metricFilters"]
    assert (found["filterName"], found["filterPattern"]) == (made["name"], "REJECT")
    assert found["metricTransformations"] == [
        {
            "metricNamespace": "rehearsed",
            "metricName": "Refused",
            "metricValue": "1",
            "defaultValue": 0.0,
            "unit": "None",
        }
    ]


def test_a_metric_query_becomes_a_metric_and_its_statistic(rehearsed: Rehearsed) -> None:
    name = rehearsed.outputs("aws:cloudwatch/metricAlarm:MetricAlarm", "busy")["name"]
    (alarm,) = named(rehearsed, "cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    metric = next(query["MetricStat"] for query in alarm["Metrics"] if query["Id"] == "cpu")
    assert (metric["Period"], metric["Stat"]) == (60, "Average")
    assert metric["Metric"]["MetricName"] == "CPUUtilization"


def test_an_alarm_sums_up_others(rehearsed: Rehearsed) -> None:
    name = rehearsed.outputs("aws:cloudwatch/metricAlarm:MetricAlarm", "errors")["name"]
    composite = rehearsed.outputs("aws:cloudwatch/compositeAlarm:CompositeAlarm", "any")
    found = named(rehearsed, "cloudwatch").describe_alarms(AlarmNames=["rehearsed-any"], AlarmTypes=["CompositeAlarm"])
    (alarm,) = found["CompositeAlarms"]
    assert alarm["AlarmRule"] == f'ALARM("{name}")'
    assert alarm["AlarmArn"] == composite["arn"]


def test_a_trail_logs_what_it_selects(rehearsed: Rehearsed) -> None:
    arn, bucket = (
        rehearsed.outputs(*place)["arn"]
        for place in (("aws:cloudtrail/trail:Trail", "objects"), ("aws:s3/bucket:Bucket", "Artifacts"))
    )
    cloudtrail = named(rehearsed, "cloudtrail")
    assert cloudtrail.get_trail_status(Name=arn)["IsLogging"] is True
    (selector,) = cloudtrail.get_event_selectors(TrailName=arn)["AdvancedEventSelectors"]
    assert {"Field": "resources.ARN", "StartsWith": [bucket]} in selector["FieldSelectors"]
    (tagged,) = cloudtrail.list_tags(ResourceIdList=[arn])["ResourceTagList"]
    assert tagged["TagsList"]


def test_a_rule_tells_its_target(rehearsed: Rehearsed) -> None:
    rule = rehearsed.outputs("aws:cloudwatch/eventRule:EventRule", "states")
    found = named(rehearsed, "events").list_targets_by_rule(Rule=rule["name"])["Targets"]
    assert [target["Arn"] for target in found] == [rehearsed.outputs("aws:sns/topic:Topic", "alarms")["arn"]]
    assert named(rehearsed, "events").describe_rule(Name=rule["name"])["Arn"] == rule["arn"]


def test_an_endpoint_is_told_how_to_be_updated(rehearsed: Rehearsed) -> None:
    found = named(rehearsed, "sagemaker").describe_endpoint(EndpointName=ENDPOINT)["LastDeploymentConfig"]
    policy = found["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": 10}
    assert policy["TerminationWaitInSeconds"] == 60
    assert found["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "rehearsed-alarm"}]}


def test_the_consumer_runs_in_the_network(rehearsed: Rehearsed) -> None:
    name = rehearsed.outputs("aws:lambda/function:Function", "consumer")["name"]
    function = named(rehearsed, "lambda").get_function_configuration(FunctionName=name)
    role = function["Role"].rpartition("/")[2]
    attached = named(rehearsed, "iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert function["VpcConfig"]["VpcId"] == rehearsed.run.outputs["vpcId"]
    assert "AWSLambdaVPCAccessExecutionRole" in {policy["PolicyName"] for policy in attached}


# What the engine and the provider do between the program and AWS


def test_default_tags_reach_what_can_be_tagged_and_the_resources_own_win(rehearsed: Rehearsed) -> None:
    (vpc,) = named(rehearsed, "ec2").describe_vpcs(VpcIds=[rehearsed.run.outputs["vpcId"]])["Vpcs"]
    bucket = named(rehearsed, "s3").get_bucket_tagging(Bucket=rehearsed.run.outputs["bucket"])
    endpoint = rehearsed.outputs("aws:sagemaker/endpoint:Endpoint", "churn")["arn"]
    target = rehearsed.outputs("aws:appautoscaling/target:Target", "churn")["arn"]
    topic = rehearsed.outputs("aws:sns/topic:Topic", "alarms")["arn"]
    default = {"Project": "rehearsed", "Owner": "default"}
    assert tags(vpc["Tags"]) == {"Project": "rehearsed", "Name": "net", "Owner": "its own"}
    assert tags(bucket["TagSet"]) == default
    assert tags(named(rehearsed, "sagemaker").list_tags(ResourceArn=endpoint)["Tags"]) == default
    assert named(rehearsed, "application-autoscaling").list_tags_for_resource(ResourceARN=target)["Tags"] == default
    assert tags(named(rehearsed, "sns").list_tags_for_resource(ResourceArn=topic)["Tags"]) == default
    assert rehearsed.outputs("aws:ec2/vpc:Vpc", "net")["tagsAll"] == tags(vpc["Tags"])


@pytest.mark.parametrize(
    ("kind", "name", "property_name", "pattern"),
    [
        ("aws:iam/role:Role", "execution", "name", r"execution-[0-9a-f]{7}"),
        ("aws:s3/bucket:Bucket", "Artifacts", "bucket", r"artifacts-[0-9a-f]{7}"),
        ("aws:kms/alias:Alias", "data", "name", r"alias/data-[0-9a-f]{7}"),
        ("aws:sagemaker/endpoint:Endpoint", "churn", "name", ENDPOINT),
    ],
)
def test_what_the_program_does_not_name_gets_a_random_name(
    rehearsed: Rehearsed, kind: str, name: str, property_name: str, pattern: str
) -> None:
    assert re.fullmatch(pattern, rehearsed.outputs(kind, name)[property_name])


def test_ids_have_pulumis_form(rehearsed: Rehearsed) -> None:
    ids = {(item.type, item.name): item.id for item in rehearsed.run.resources}
    role = rehearsed.outputs("aws:iam/role:Role", "execution")["name"]
    policy = rehearsed.outputs("aws:iam/rolePolicy:RolePolicy", "execution")["name"]
    assert ids["aws:iam/rolePolicy:RolePolicy", "execution"] == f"{role}:{policy}"
    assert ids["aws:appautoscaling/target:Target", "churn"] == TARGET
    assert ids["aws:sns/topic:Topic", "alarms"] == rehearsed.outputs("aws:sns/topic:Topic", "alarms")["arn"]
    assert ids["rehearsed:index:Whole", "whole"] is None


def test_each_resource_is_timed(rehearsed: Rehearsed) -> None:
    assert set(rehearsed.seconds) == {item.urn for item in rehearsed.run.all_resources}
    assert all(0 <= took < 30 for took in rehearsed.seconds.values())


# What is refused

ROLE = """
role = aws.iam.Role("role", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
"""
VPC = 'vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")\n'
SCALING = 'service_namespace="sagemaker", scalable_dimension="sagemaker:variant:DesiredInstanceCount"'


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            'aws.sqs.Queue("jobs")',
            "Queue 'jobs' can't be rehearsed: the rehearsal has no handler for aws:sqs",
        ),
        (
            'aws.s3.Bucket("data", acl="private")',
            r"Bucket 'data' can't be rehearsed: acl is not something its handler reads",
        ),
        (
            'aws.ec2.Subnet("s", vpc_id="vpc-0a1b2c3d", cidr_block="10.0.0.0/24")',
            r"Subnet 's' was refused by CreateSubnet: .*vpc-0a1b2c3d.*InvalidVpcID.NotFound",
        ),
        (
            'aws.sagemaker.EndpointConfiguration("c", production_variants=[{"model_name": "unknown", '
            '"variant_name": "v", "instance_type": "ml.m5.large", "initial_instance_count": 1}])',
            r"EndpointConfiguration 'c' was refused by CreateEndpointConfig: Could not find model",
        ),
        (
            'aws.sagemaker.EndpointConfiguration("c", production_variants=[{"model_name": "m", '
            '"variant_name": "v", "instance_type": "ml.m5.large", "initial_instance_count": 0}])',
            r"InitialInstanceCount",
        ),
        (
            'aws.sagemaker.Endpoint("e", endpoint_config_name="unknown")',
            r"Endpoint 'e' was refused by CreateEndpoint: Could not find endpoint configuration",
        ),
        (
            ROLE + 'model = aws.sagemaker.Model("m", execution_role_arn=role.arn, '
            'primary_container={"image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1"})\n'
            'of = aws.sagemaker.EndpointConfiguration("c", production_variants=[{"model_name": model.name, '
            '"variant_name": "v", "instance_type": "ml.m5.large", "initial_instance_count": 1}])\n'
            'aws.sagemaker.Endpoint("e", endpoint_config_name=of.name)',
            r"Endpoint 'e' was refused: the endpoint failed: The role '.*' does not have .* permission for the image",
        ),
        (
            f'aws.appautoscaling.Target("t", {SCALING}, resource_id="endpoint/no/variant/v", '
            "min_capacity=1, max_capacity=2)",
            r"Target 't' was refused by RegisterScalableTarget: .*endpoint/no/variant/v",
        ),
        (
            ROLE + 'aws.sagemaker.Model("m", execution_role_arn=role.arn, '
            'primary_container={"image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1"}, '
            'vpc_config={"subnets": ["subnet-0"], "security_group_ids": ["sg-0"]})',
            r"Model 'm' was refused by CreateModel: The subnet ID 'subnet-0' does not exist",
        ),
        (
            ROLE + 'aws.sagemaker.Model("m", name="a" * 64, execution_role_arn=role.arn)',
            r"ModelName has 64 characters; at most 63 allowed",
        ),
        (
            f'aws.iam.Role("{"r" * 60}", assume_role_policy="{{}}")',
            r"its automatic name would have 68 characters; at most 64",
        ),
        (
            VPC + 'aws.ec2.FlowLog("f", vpc_id=vpc.id, subnet_id="subnet-0", traffic_type="ALL")',
            r"exactly one of vpcId, subnetId, eniId, transitGatewayId is needed; given: vpcId, subnetId",
        ),
        (
            VPC + 'acl = aws.ec2.NetworkAcl("a", vpc_id=vpc.id)\n'
            'aws.ec2.NetworkAclRule("r", network_acl_id=acl.id, rule_number=1, protocol="tpc", rule_action="allow")',
            r"protocol is 'tpc'; a network ACL takes a number or",
        ),
        (
            VPC + 'group = aws.ec2.SecurityGroup("g", vpc_id=vpc.id)\n'
            'aws.vpc.SecurityGroupIngressRule("r", security_group_id=group.id, ip_protocol="tcp")',
            r"exactly one of cidrIpv4, .* is needed; given: none",
        ),
        (
            VPC + 'aws.ec2.VpcEndpoint("e", vpc_id=vpc.id, service_name="com.amazonaws.eu-west-1.sagemaker.rutime")',
            r"VpcEndpoint 'e' was refused by CreateVpcEndpoint: .*does not exist \(InvalidServiceName\)",
        ),
        (
            'aws.appautoscaling.Policy("p", service_namespace="sagemaker", resource_id="endpoint/e/variant/v", '
            'scalable_dimension="sagemaker:variant:DesiredInstanceCount", policy_type="TargetTrackingScaling", '
            'predictive_scaling_policy_configuration={"metric_specifications": []})',
            r"Policy 'p' .*",
        ),
        ('pulumi.StackReference("organization/other/dev")', r"there is no stack 'organization/other/dev'"),
        ('aws.Provider("p", endpoints=[{"s3": "http://127.0.0.1:1"}])', r"the provider's endpoints is not something"),
        ('aws.Provider("p", region="eu-central-1")', r"it is for eu-central-1, and the rehearsal knows eu-west-1 only"),
        ('aws.ec2.get_ami(owners=["amazon"])', r"The lookup getAmi can't be rehearsed"),
        (
            'aws.ec2.get_prefix_list(name="com.amazonaws.eu-west-1.nothing")',
            r"The lookup getPrefixList was refused: no prefix",
        ),
        ('aws.sagemaker.get_prebuilt_ecr_image(repository_name="lda")', r"doesn't know the registry of lda; it knows"),
    ],
)
def test_what_aws_would_refuse_or_the_rehearsal_does_not_know_fails_by_name(
    rehearse: Rehearse, source: str, told: str
) -> None:
    with pytest.raises(RehearsalError) as raised:
        rehearse(source)
    assert re.search(told, str(raised.value))


def test_an_argument_that_aws_does_not_have_fails_by_its_path(rehearse: Rehearse) -> None:
    source = ROLE + (
        'model = aws.sagemaker.Model("m", execution_role_arn=role.arn, '
        'primary_container={"image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1", "imaginary_setting": "x"})'
    )
    with pytest.raises(RehearsalError, match=r"primaryContainer\.imaginary_setting has no counterpart"):
        rehearse(source)


def test_nothing_is_created_after_a_refusal(rehearse: Rehearse) -> None:
    with EmbeddedAws("eu-west-1") as aws:
        with pytest.raises(RehearsalError):
            rehearse('bad = aws.sqs.Queue("bad")\naws.iam.Role("after", name="after", assume_role_policy=bad.arn)', aws)
        with pytest.raises(ClientError, match="NoSuchEntity"):
            aws.client("iam").get_role(RoleName="after")


def test_another_stacks_outputs_answer_a_reference(rehearse: Rehearse, aws: EmbeddedAws) -> None:
    source = (
        'other = pulumi.StackReference("organization/platform/dev")\n'
        'pulumi.export("seen", other.require_output("vpcId"))'
    )
    assert rehearse(source, aws, stacks={"organization/platform/dev": {"vpcId": "vpc-1"}}).outputs == {"seen": "vpc-1"}


def test_secrets_arrive_as_their_content(rehearse: Rehearse, aws: EmbeddedAws) -> None:
    rehearse('aws.ssm.Parameter("p", name="/kept/secret", type="SecureString", value=pulumi.Output.secret("s3cr3t"))')
    stored = aws.client("ssm").get_parameter(Name="/kept/secret", WithDecryption=True)["Parameter"]
    assert (stored["Type"], stored["Value"]) == ("SecureString", "s3cr3t")
