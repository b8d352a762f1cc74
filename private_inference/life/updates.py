"""How each Pulumi type is updated in place: the AWS calls that the AWS provider makes for what differs.

A type whose creation is a "put" is updated by the same call.
"""

from collections.abc import Callable, Mapping
from typing import Any

from private_inference.life import front_door, load_balancer, on_premises
from private_inference.life.differences import State, Update, differs, retag
from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Create, Created
from private_inference.rehearsal.handlers import HANDLERS
from private_inference.rehearsal.handlers.ec2 import filters, modify
from private_inference.rehearsal.handlers.observability import TRAIL_PROPERTIES, configure_trail
from private_inference.rehearsal.inputs import Inputs, RefusedError
from private_inference.rehearsal.requests import pairs, request

PUT = (
    "aws:apigateway/methodSettings:MethodSettings",
    "aws:apigateway/restApiPolicy:RestApiPolicy",
    "aws:appautoscaling/policy:Policy",
    "aws:appautoscaling/target:Target",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    "aws:cloudwatch/contributorInsightRule:ContributorInsightRule",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ebs/encryptionByDefault:EncryptionByDefault",
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess",
    "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLogging:BucketLogging",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topicPolicy:TopicPolicy",
)
"""Types whose creation replaces what is there."""

TAGGED_APART: Mapping[str, tuple[str, Callable[[Mapping[str, str]], Any]]] = {
    "aws:appautoscaling/target:Target": ("application-autoscaling", dict),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": ("cloudwatch", pairs),
    "aws:cloudwatch/contributorInsightRule:ContributorInsightRule": ("cloudwatch", pairs),
    "aws:cloudwatch/eventRule:EventRule": ("events", pairs),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch", pairs),
}
"""Of these, those whose tags are set by calls of their own: the service, and the form of the tags.

A put leaves the tags of what exists as they are, such as
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (Tags).
"""


def operation(kind: str, state: State) -> Create | None:
    """The handler operation that updates a resource of a type in place; None if there is none."""
    if kind in TAGGED_APART:
        service, form = TAGGED_APART[kind]

        def put(account: Account, inputs: Inputs) -> Created:
            client, arn = account.client(service), {"ResourceARN": state.get("arn") or state["resourceArn"]}
            retag(state, inputs, arn, client.tag_resource, client.untag_resource, form)
            return HANDLERS[kind].create(account, inputs)

        return put
    if kind in PUT:
        return HANDLERS[kind].create
    update = UPDATES.get(kind)
    if update is None:
        return None

    def run(account: Account, inputs: Inputs) -> Created:
        update(account, state, inputs)
        return Created(state["id"])

    return run


def endpoint(account: Account, state: State, inputs: Inputs) -> None:
    sagemaker = account.client("sagemaker")
    retag(state, inputs, {"ResourceArn": state["arn"]}, sagemaker.add_tags, sagemaker.delete_tags)
    given = {"endpointName": state["id"], **_without(inputs, "name")}
    if given["endpointConfigName"] != state["endpointConfigName"]:
        sagemaker.update_endpoint(**request(sagemaker, "update_endpoint", given))


def vpc_endpoint(account: Account, state: State, inputs: Inputs) -> None:
    given: dict[str, Any] = {}
    if differs(state, inputs, "policy"):
        given["PolicyDocument"] = inputs["policy"]
    if differs(state, inputs, "privateDnsEnabled"):
        given["PrivateDnsEnabled"] = inputs["privateDnsEnabled"]
    for key in ("routeTableIds", "subnetIds", "securityGroupIds"):
        given |= _membership(key, state, inputs)
    if given:
        account.client("ec2").modify_vpc_endpoint(VpcEndpointId=state["id"], **given)
    _tag(account, state, inputs)
    inputs.rest()


def _membership(key: str, state: State, inputs: Inputs) -> dict[str, list[str]]:
    name = key[0].upper() + key[1:]
    before, after = set(state.get(key) or []), set(inputs.get(key) or [])
    changes = {f"Add{name}": sorted(after - before), f"Remove{name}": sorted(before - after)}
    return {parameter: ids for parameter, ids in changes.items() if ids}


def transit_gateway_attachment(account: Account, state: State, inputs: Inputs) -> None:
    identity = {"TransitGatewayAttachmentId": state["id"]}
    if given := _membership("subnetIds", state, inputs):
        account.client("ec2").modify_transit_gateway_vpc_attachment(**identity, **given)
    tags_only(account, state, inputs)


def network_acl(account: Account, state: State, inputs: Inputs) -> None:
    """Only its subnets change: its rules are resources of their own."""
    ec2 = account.client("ec2")
    for subnet_id in set(inputs.get("subnetIds") or []) - set(state.get("subnetIds") or []):
        (acl,) = ec2.describe_network_acls(Filters=filters(association__subnet_id=subnet_id))["NetworkAcls"]
        (association,) = [each for each in acl["Associations"] if each["SubnetId"] == subnet_id]
        ec2.replace_network_acl_association(
            AssociationId=association["NetworkAclAssociationId"], NetworkAclId=state["id"]
        )
    _tag(account, state, inputs)
    inputs.rest()


def tags_only(account: Account, state: State, inputs: Inputs) -> None:
    """An EC2 resource whose other properties force a new one."""
    _tag(account, state, inputs)
    inputs.rest()


def _tag(account: Account, state: State, inputs: Inputs) -> None:
    """The tags of an EC2 resource."""
    ec2 = account.client("ec2")

    def remove(TagKeys: list[str], **where: Any) -> None:  # noqa: N803 - as the other services call it
        ec2.delete_tags(**where, Tags=[{"Key": key} for key in TagKeys])

    retag(state, inputs, {"Resources": [state["id"]]}, ec2.create_tags, remove)


def vpc(account: Account, state: State, inputs: Inputs) -> None:
    names = ("enableDnsSupport", "enableDnsHostnames")
    changed = {name: inputs[name] for name in names if inputs.get(name) not in (None, state.get(name))}
    modify(account, "modify_vpc_attribute", changed, VpcId=state["id"])
    tags_only(account, state, inputs)


def subnet(account: Account, state: State, inputs: Inputs) -> None:
    name = "mapPublicIpOnLaunch"
    changed = {name: inputs[name]} if inputs.get(name) not in (None, state.get(name)) else {}
    modify(account, "modify_subnet_attribute", changed, SubnetId=state["id"])
    tags_only(account, state, inputs)


def security_group_rule(account: Account, state: State, inputs: Inputs) -> None:
    ec2 = account.client("ec2")
    names = ("ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "prefixListId", "description")
    rule = {key: inputs[key] for key in names if inputs.get(key) is not None}
    if inputs.get("referencedSecurityGroupId"):
        rule["referencedGroupId"] = inputs["referencedSecurityGroupId"]
    change = {"securityGroupRuleId": state["id"], "securityGroupRule": rule}
    given = {"groupId": inputs["securityGroupId"], "securityGroupRules": [change]}
    ec2.modify_security_group_rules(**request(ec2, "modify_security_group_rules", given))
    _tag(account, state, inputs)


def key(account: Account, state: State, inputs: Inputs) -> None:
    kms, identity = account.client("kms"), state["id"]
    if differs(state, inputs, "policy"):
        kms.put_key_policy(KeyId=identity, PolicyName="default", Policy=inputs["policy"])
    if differs(state, inputs, "description"):
        kms.update_key_description(KeyId=identity, Description=inputs.get("description", ""))
    period = inputs.get("rotationPeriodInDays")
    if differs(state, inputs, "enableKeyRotation") or period != state.get("rotationPeriodInDays"):
        if inputs.get("enableKeyRotation"):
            kms.enable_key_rotation(KeyId=identity, **({"RotationPeriodInDays": period} if period else {}))
        else:
            kms.disable_key_rotation(KeyId=identity)
    retag(state, inputs, {"KeyId": identity}, kms.tag_resource, kms.untag_resource, _key_tags)


def _key_tags(tags: Mapping[str, str]) -> Any:
    return pairs(tags, "TagKey", "TagValue")


def alias(account: Account, state: State, inputs: Inputs) -> None:
    account.client("kms").update_alias(AliasName=state["id"], TargetKeyId=inputs["targetKeyId"])
    inputs.rest()


def route(account: Account, state: State, inputs: Inputs) -> None:
    ec2 = account.client("ec2")
    ec2.replace_route(**request(ec2, "replace_route", inputs.rest()))


def log_group(account: Account, state: State, inputs: Inputs) -> None:
    logs, name = account.client("logs"), state["id"]
    if differs(state, inputs, "retentionInDays"):
        if inputs.get("retentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=inputs["retentionInDays"])
        else:
            logs.delete_retention_policy(logGroupName=name)
    if differs(state, inputs, "kmsKeyId"):
        logs.associate_kms_key(logGroupName=name, kmsKeyId=inputs["kmsKeyId"])
    where = {"logGroupName": name}
    retag(state, inputs, where, logs.tag_log_group, logs.untag_log_group, dict, ("tags", "tags"))
    inputs.rest()


def role(account: Account, state: State, inputs: Inputs) -> None:
    iam, name = account.client("iam"), state["id"]
    if differs(state, inputs, "assumeRolePolicy"):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=inputs["assumeRolePolicy"])
    if differs(state, inputs, "description"):
        iam.update_role_description(RoleName=name, Description=inputs.get("description", ""))
    retag(state, inputs, {"RoleName": name}, iam.tag_role, iam.untag_role)
    inputs.rest()


def policy(account: Account, state: State, inputs: Inputs) -> None:
    """A new default version; the oldest goes when there are five (IAM's quota)."""
    iam, arn = account.client("iam"), state["arn"]
    if differs(state, inputs, "policy"):
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        if len(versions) == 5:
            replaceable = (each for each in versions if not each["IsDefaultVersion"])
            oldest = min(replaceable, key=lambda each: each["CreateDate"])
            iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=inputs["policy"], SetAsDefault=True)
    retag(state, inputs, {"PolicyArn": arn}, iam.tag_policy, iam.untag_policy)
    inputs.rest()


def bucket(account: Account, state: State, inputs: Inputs) -> None:
    tags = {"TagSet": pairs(inputs.tags)}
    account.client("s3").put_bucket_tagging(Bucket=state["id"], Tagging=tags)
    inputs.rest()


def repository(account: Account, state: State, inputs: Inputs) -> None:
    ecr, name = account.client("ecr"), state["id"]
    if differs(state, inputs, "imageTagMutability"):
        ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=inputs["imageTagMutability"])
    if differs(state, inputs, "imageScanningConfiguration"):
        scanning = {"scanOnPush": bool((inputs.get("imageScanningConfiguration") or {}).get("scanOnPush"))}
        ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=scanning)
    where = {"resourceArn": state["arn"]}
    retag(state, inputs, where, ecr.tag_resource, ecr.untag_resource, pairs, ("tags", "tagKeys"))
    inputs.rest()


def trail(account: Account, state: State, inputs: Inputs) -> None:
    cloudtrail, arn = account.client("cloudtrail"), state["arn"]
    given = {name: inputs[key] for key, name in TRAIL_PROPERTIES.items() if key in inputs}
    cloudtrail.update_trail(Name=arn, **given)
    configure_trail(cloudtrail, arn, inputs)

    def remove(TagsList: list[str], ResourceId: str) -> None:  # noqa: N803 - CloudTrail takes whole tags
        before = state.get("tagsAll") or {}
        gone = pairs({key: before[key] for key in TagsList})
        cloudtrail.remove_tags(ResourceId=ResourceId, TagsList=gone)

    retag(state, inputs, {"ResourceId": arn}, cloudtrail.add_tags, remove, pairs, ("TagsList", "TagsList"))
    inputs.rest()


def topic(account: Account, state: State, inputs: Inputs) -> None:
    sns = account.client("sns")
    if differs(state, inputs, "kmsMasterKeyId"):
        key_id = inputs.get("kmsMasterKeyId", "")
        sns.set_topic_attributes(TopicArn=state["id"], AttributeName="KmsMasterKeyId", AttributeValue=key_id)
    retag(state, inputs, {"ResourceArn": state["id"]}, sns.tag_resource, sns.untag_resource)
    inputs.rest()


def parameter(account: Account, state: State, inputs: Inputs) -> None:
    ssm = account.client("ssm")
    value = inputs.get("value", inputs.get("insecureValue"))
    if value != state.get("value", state.get("insecureValue")) or differs(state, inputs, "type"):
        ssm.put_parameter(Name=state["id"], Type=inputs["type"], Value=value, Overwrite=True)
    where = {"ResourceType": "Parameter", "ResourceId": state["id"]}
    retag(state, inputs, where, ssm.add_tags_to_resource, ssm.remove_tags_from_resource)
    inputs.rest()


def organization_policy(account: Account, state: State, inputs: Inputs) -> None:
    organizations, identity = account.client("organizations"), state["id"]
    new = {"Name": inputs["name"], "Content": inputs["content"], "Description": inputs.get("description", "")}
    organizations.update_policy(PolicyId=identity, **new)
    where = {"ResourceId": identity}
    retag(state, inputs, where, organizations.tag_resource, organizations.untag_resource)
    inputs.rest()


def template_stack(account: Account, state: State, inputs: Inputs) -> None:
    """Whatever changes, the stack's tags and all its parameters are sent along."""
    client, given = account.client("cloudformation"), inputs.get("parameters") or {}
    client.update_stack(
        StackName=state["id"],
        TemplateBody=inputs["templateBody"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Tags=pairs(inputs.tags),
    )
    found = client.describe_stacks(StackName=state["id"])["Stacks"][0]
    if found["StackStatus"] != "UPDATE_COMPLETE":
        raise RefusedError(found.get("StackStatusReason", found["StackStatus"]))
    inputs.rest()


def sagemaker_tags(account: Account, state: State, inputs: Inputs) -> None:
    """Models and configurations don't change; their tags do."""
    sagemaker = account.client("sagemaker")
    retag(state, inputs, {"ResourceArn": state["arn"]}, sagemaker.add_tags, sagemaker.delete_tags)
    inputs.rest()


def _without(inputs: Inputs, *keys: str) -> dict[str, Any]:
    return {key: value for key, value in inputs.rest().items() if key not in (*keys, "tags")}


UPDATES: Mapping[str, Update] = {
    **front_door.UPDATES,
    **load_balancer.UPDATES,
    **on_premises.UPDATES,
    "aws:cloudformation/stack:Stack": template_stack,
    "aws:cloudtrail/trail:Trail": trail,
    "aws:cloudwatch/logGroup:LogGroup": log_group,
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": tags_only,
    "aws:ec2/defaultRouteTable:DefaultRouteTable": tags_only,
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": tags_only,
    "aws:ec2/flowLog:FlowLog": tags_only,
    "aws:ec2/networkAcl:NetworkAcl": network_acl,
    "aws:ec2/route:Route": route,
    "aws:ec2/routeTable:RouteTable": tags_only,
    "aws:ec2/securityGroup:SecurityGroup": tags_only,
    "aws:ec2/subnet:Subnet": subnet,
    "aws:ec2/vpc:Vpc": vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": vpc_endpoint,
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": transit_gateway_attachment,
    "aws:ecr/repository:Repository": repository,
    "aws:iam/policy:Policy": policy,
    "aws:iam/role:Role": role,
    "aws:kms/alias:Alias": alias,
    "aws:kms/key:Key": key,
    "aws:organizations/policy:Policy": organization_policy,
    "aws:s3/bucket:Bucket": bucket,
    "aws:sagemaker/endpoint:Endpoint": endpoint,
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": sagemaker_tags,
    "aws:sagemaker/model:Model": sagemaker_tags,
    "aws:sns/topic:Topic": topic,
    "aws:ssm/parameter:Parameter": parameter,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": security_group_rule,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": security_group_rule,
}
