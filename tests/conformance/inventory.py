"""Everything that a stack can leave in an account, read through boto3 and told by names that two accounts share."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.runner.aws_facts import EXAMPLE_ACCOUNT

Document = Mapping[str, Any]
Inventory = dict[str, dict[str, Document]]
"""Kind → name → what AWS says of it, with names in place of ids."""

CHANCE = (
    (re.compile(r"-([0-9a-f]{7}|\d{18}[0-9a-f]{8})(?![0-9a-zA-Z])"), ""),  # Pulumi's, and Terraform's, end of a name
    (re.compile(r">-[0-9a-f]{8}(?=[-.])"), ">"),  # behind the id in a VPC endpoint's DNS names
    (re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), ""),  # in the names of target tracking's alarms
)
"""What is drawn by lot in names, and what to put there."""

VOLATILE = {
    "AcceptRanges", "AssociationId", "CodeSize", "LastEvaluationTime", "MacAddress", "NetworkAclAssociationId",
    "PrivateDnsName", "PrivateIpAddress", "PrivateIpAddresses", "ResponseMetadata", "RouteTableAssociationId",
    "VersionId", "creationTime", "storedBytes",
}  # fmt: skip
"""Drawn by lot, or from the clock."""


def inventory(aws: EmbeddedAws) -> Inventory:
    """What is in the account beyond what a new one has."""
    raw = {kind: list(read(aws)) for kind, read in READERS.items()}
    names = {identity: f"<{kind} {_plain(name)}>" for kind in raw for name, identity, _ in raw[kind] if identity}
    names |= {found["PrefixListId"]: f"<{found['PrefixListName']}>" for found in _prefix_lists(aws)}
    names = {identity: _renamed(name, names) for identity, name in names.items()}
    return {
        kind: {_renamed(name, names): _renamed(document, names) for name, _, document in documents}
        for kind, documents in raw.items()
        if documents
    }


def _plain(name: str) -> str:
    for pattern, replacement in CHANCE:
        name = pattern.sub(replacement, name)
    return name


def _renamed(document: Any, names: Mapping[str, str]) -> Any:
    if isinstance(document, Mapping):
        return {
            _renamed(key, names): _renamed(value, names)
            for key, value in document.items()
            if key not in VOLATILE and not hasattr(value, "isoformat")
        }
    if isinstance(document, list | tuple):
        return sorted((_renamed(item, names) for item in document), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(document, str):
        if document[:1] == "{":  # a policy, a contract: the order of its parts says nothing
            return _renamed(json.loads(document), names)
        for identity in sorted(names, key=len, reverse=True):
            document = document.replace(identity, names[identity])
        return _plain(document)
    return document


Found = Iterator[tuple[str, str, Document]]
"""Name, id (empty where nothing refers to it) and description."""


def _tagged(document: Document) -> str:
    return next((tag["Value"] for tag in document.get("Tags", []) if tag["Key"] == "Name"), "")


def _named(document: Document) -> str:
    """The name it was given, or what tells it from its like: a network ACL by default, an interface by its place."""
    if "InterfaceType" in document:
        return f"{document['Description']} in {document['SubnetId']}"
    return _tagged(document) or ("default" if document.get("IsDefault") else "")


def _ec2(operation: str, key: str, identity: str) -> Callable[[EmbeddedAws], Found]:
    def read(aws: EmbeddedAws) -> Found:
        ec2 = aws.client("ec2")
        given = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["IsDefault"]}
        for document in getattr(ec2, operation)()[key]:
            if document.get("VpcId") not in given and document.get("State") != "deleted":
                yield _named(document) or document[identity], document[identity], document

    return read


def _vpcs(aws: EmbeddedAws) -> Found:
    ec2 = aws.client("ec2")
    for vpc in ec2.describe_vpcs()["Vpcs"]:
        if not vpc["IsDefault"]:
            dns = {
                name: ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=name)[name[0].upper() + name[1:]][
                    "Value"
                ]
                for name in ("enableDnsSupport", "enableDnsHostnames")
            }
            yield _tagged(vpc), vpc["VpcId"], {**vpc, **dns}


def _prefix_lists(aws: EmbeddedAws) -> list[dict[str, str]]:
    found: list[dict[str, str]] = aws.client("ec2").describe_prefix_lists()["PrefixLists"]
    return found


def _group_rules(aws: EmbeddedAws) -> Found:
    for rule in aws.client("ec2").describe_security_group_rules()["SecurityGroupRules"]:
        described = {key: value for key, value in rule.items() if key != "SecurityGroupRuleId"}
        if rule.get("Description"):
            yield f"{rule['Description']}{rule['IsEgress']}", "", described


def _flow_logs(aws: EmbeddedAws) -> Found:
    for log in aws.client("ec2").describe_flow_logs()["FlowLogs"]:
        yield _tagged(log), log["FlowLogId"], log


def _keys(aws: EmbeddedAws) -> Found:
    kms = aws.client("kms")
    aliases = {
        alias["TargetKeyId"]: alias["AliasName"] for alias in kms.list_aliases()["Aliases"] if "TargetKeyId" in alias
    }
    for listed in kms.list_keys()["Keys"]:
        key = listed["KeyId"]
        document = kms.describe_key(KeyId=key)["KeyMetadata"]
        if document["KeyState"] == "PendingDeletion" or document["KeyManager"] == "AWS":
            continue
        extra = {
            "rotation": kms.get_key_rotation_status(KeyId=key),
            "policy": kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
            "tags": kms.list_resource_tags(KeyId=key)["Tags"],
        }
        yield aliases.get(key, document["Description"]), key, {**document, **extra}


def _aliases(aws: EmbeddedAws) -> Found:
    for alias in aws.client("kms").list_aliases()["Aliases"]:
        if not alias["AliasName"].startswith("alias/aws/"):
            yield alias["AliasName"], "", alias


def _log_groups(aws: EmbeddedAws) -> Found:
    logs = aws.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        tags = logs.list_tags_log_group(logGroupName=group["logGroupName"])["tags"]
        yield group["logGroupName"], "", {**group, "tags": tags}


def _roles(aws: EmbeddedAws) -> Found:
    iam = aws.client("iam")
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        inline = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        tags = iam.list_role_tags(RoleName=name)["Tags"]
        yield name, role["RoleId"], {**role, "inline": inline, "attached": attached, "tags": tags}


def _policies(aws: EmbeddedAws) -> Found:
    iam = aws.client("iam")
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        tags = iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"]
        document = version["PolicyVersion"]["Document"]
        yield policy["PolicyName"], policy["PolicyId"], {**policy, "document": document, "tags": tags}


def _buckets(aws: EmbeddedAws) -> Found:
    s3 = aws.client("s3")
    questions = (
        "get_bucket_encryption", "get_bucket_lifecycle_configuration", "get_bucket_logging",
        "get_bucket_ownership_controls", "get_bucket_policy", "get_bucket_tagging", "get_bucket_versioning",
        "get_public_access_block",
    )  # fmt: skip
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        yield name, "", {question: _or_none(s3, question, Bucket=name) for question in questions}


def _or_none(client: Any, operation: str, **parameters: Any) -> Any:
    try:
        return getattr(client, operation)(**parameters)
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"]


def _objects(aws: EmbeddedAws) -> Found:
    s3 = aws.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for entry in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            document = s3.head_object(Bucket=bucket["Name"], Key=entry["Key"])
            headers = {key: value for key, value in document.items() if key != "ResponseMetadata"}
            yield entry["Key"], "", headers


def _repositories(aws: EmbeddedAws) -> Found:
    ecr = aws.client("ecr")
    for repository in ecr.describe_repositories()["repositories"]:
        found = _or_none(ecr, "get_lifecycle_policy", repositoryName=repository["repositoryName"])
        lifecycle = found["lifecyclePolicyText"] if isinstance(found, dict) else found  # others' may have none
        tags = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
        yield repository["repositoryName"], "", {**repository, "lifecycle": lifecycle, "tags": tags}


def _models(aws: EmbeddedAws) -> Found:
    sagemaker = aws.client("sagemaker")
    for listed in sagemaker.list_models()["Models"]:
        model = sagemaker.describe_model(ModelName=listed["ModelName"])
        tags = sagemaker.list_tags(ResourceArn=model["ModelArn"])["Tags"]
        # Terraform's own names of models say nothing; a model's role is named after its endpoint.
        yield model["ExecutionRoleArn"].rpartition("/")[2], model["ModelName"], {**model, "tags": tags}


def _endpoint_configurations(aws: EmbeddedAws) -> Found:
    sagemaker = aws.client("sagemaker")
    for listed in sagemaker.list_endpoint_configs()["EndpointConfigs"]:
        config = sagemaker.describe_endpoint_config(EndpointConfigName=listed["EndpointConfigName"])
        tags = sagemaker.list_tags(ResourceArn=config["EndpointConfigArn"])["Tags"]
        yield config["EndpointConfigName"], config["EndpointConfigName"], {**config, "tags": tags}


def _endpoints(aws: EmbeddedAws) -> Found:
    sagemaker = aws.client("sagemaker")
    for listed in sagemaker.list_endpoints()["Endpoints"]:
        endpoint = sagemaker.describe_endpoint(EndpointName=listed["EndpointName"])
        tags = sagemaker.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
        yield endpoint["EndpointName"], "", {**endpoint, "tags": tags}


def _scaling_targets(aws: EmbeddedAws) -> Found:
    scaling = aws.client("application-autoscaling")
    for target in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]:
        tags = scaling.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"]
        yield target["ResourceId"], target["ScalableTargetARN"], {**target, "tags": tags}


def _scaling_policies(aws: EmbeddedAws) -> Found:
    for policy in aws.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="sagemaker")[
        "ScalingPolicies"
    ]:
        yield policy["PolicyName"], policy["PolicyARN"], policy


def _alarms(aws: EmbeddedAws) -> Found:
    cloudwatch = aws.client("cloudwatch")
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        if not alarm["AlarmName"].startswith("TargetTracking-"):  # AWS's own, with the scaling policies
            tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
            yield alarm["AlarmName"], "", {**alarm, "tags": tags}


def _composite_alarms(aws: EmbeddedAws) -> Found:
    for alarm in aws.client("cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]:
        yield alarm["AlarmName"], "", alarm


def _metric_filters(aws: EmbeddedAws) -> Found:
    for found in aws.client("logs").describe_metric_filters()["metricFilters"]:
        yield found["filterName"], "", found


def _event_rules(aws: EmbeddedAws) -> Found:
    events = aws.client("events")
    for rule in events.list_rules()["Rules"]:
        targets = [target["Arn"] for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]]
        yield rule["Name"], rule["Arn"], {**rule, "targets": targets}


def _trails(aws: EmbeddedAws) -> Found:
    cloudtrail = aws.client("cloudtrail")
    for trail in cloudtrail.describe_trails()["trailList"]:
        arn = trail["TrailARN"]
        more = {
            "logs": cloudtrail.get_trail_status(Name=arn)["IsLogging"],
            "selectors": cloudtrail.get_event_selectors(TrailName=arn)["AdvancedEventSelectors"],
            "tags": cloudtrail.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"],
        }
        yield trail["Name"], "", {**trail, **more}


def _dashboards(aws: EmbeddedAws) -> Found:
    cloudwatch = aws.client("cloudwatch")
    for listed in cloudwatch.list_dashboards()["DashboardEntries"]:
        yield listed["DashboardName"], "", cloudwatch.get_dashboard(DashboardName=listed["DashboardName"])


def _insight_rules(aws: EmbeddedAws) -> Found:
    cloudwatch = aws.client("cloudwatch")
    for rule in cloudwatch.describe_insight_rules()["InsightRules"]:
        arn = f"arn:aws:cloudwatch:{aws.region}:{EXAMPLE_ACCOUNT}:insight-rule/{rule['Name']}"
        yield rule["Name"], arn, {**rule, "tags": cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]}


def _topics(aws: EmbeddedAws) -> Found:
    sns = aws.client("sns")
    for topic in sns.list_topics()["Topics"]:
        arn = topic["TopicArn"]
        tags = sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
        yield arn.rpartition(":")[2], "", {**sns.get_topic_attributes(TopicArn=arn)["Attributes"], "tags": tags}


def _subscriptions(aws: EmbeddedAws) -> Found:
    for subscription in aws.client("sns").list_subscriptions()["Subscriptions"]:
        yield f"{subscription['Protocol']} {subscription['Endpoint']}", subscription["SubscriptionArn"], subscription


def _parameters(aws: EmbeddedAws) -> Found:
    ssm = aws.client("ssm")
    for listed in ssm.describe_parameters()["Parameters"]:
        value = ssm.get_parameter(Name=listed["Name"])["Parameter"]["Value"]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=listed["Name"])["TagList"]
        yield listed["Name"], "", {**listed, "value": value, "tags": tags}


def _functions(aws: EmbeddedAws) -> Found:
    client = aws.client("lambda")
    for listed in client.list_functions()["Functions"]:
        yield listed["FunctionName"], "", client.get_function(FunctionName=listed["FunctionName"])


def _vpn_gateways(aws: EmbeddedAws) -> Found:
    """EC2 goes on telling of an attachment that has ended."""
    for gateway in aws.client("ec2").describe_vpn_gateways()["VpnGateways"]:
        attached = [each for each in gateway["VpcAttachments"] if each["State"] != "detached"]
        yield gateway["VpnGatewayId"], gateway["VpnGatewayId"], {**gateway, "VpcAttachments": attached}


def _resolver_endpoints(aws: EmbeddedAws) -> Found:
    for endpoint in aws.client("route53resolver").list_resolver_endpoints()["ResolverEndpoints"]:
        yield endpoint["Name"], endpoint["Id"], endpoint


READERS: Mapping[str, Callable[[EmbeddedAws], Found]] = {
    "vpc": _vpcs,
    "subnet": _ec2("describe_subnets", "Subnets", "SubnetId"),
    "route table": _ec2("describe_route_tables", "RouteTables", "RouteTableId"),
    "network ACL": _ec2("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "security group": _ec2("describe_security_groups", "SecurityGroups", "GroupId"),
    "security group rule": _group_rules,
    "VPC endpoint": _ec2("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "network interface": _ec2("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    "internet gateway": _ec2("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "NAT gateway": _ec2("describe_nat_gateways", "NatGateways", "NatGatewayId"),
    "address": _ec2("describe_addresses", "Addresses", "AllocationId"),
    "VPN gateway": _vpn_gateways,
    "transit gateway attachment": _ec2(
        "describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments", "TransitGatewayAttachmentId"
    ),
    "resolver endpoint": _resolver_endpoints,
    "flow log": _flow_logs,
    "key": _keys,
    "alias": _aliases,
    "log group": _log_groups,
    "role": _roles,
    "policy": _policies,
    "bucket": _buckets,
    "object": _objects,
    "repository": _repositories,
    "model": _models,
    "endpoint configuration": _endpoint_configurations,
    "endpoint": _endpoints,
    "scaling target": _scaling_targets,
    "scaling policy": _scaling_policies,
    "alarm": _alarms,
    "composite alarm": _composite_alarms,
    "metric filter": _metric_filters,
    "event rule": _event_rules,
    "trail": _trails,
    "dashboard": _dashboards,
    "insight rule": _insight_rules,
    "topic": _topics,
    "subscription": _subscriptions,
    "parameter": _parameters,
    "function": _functions,
}
