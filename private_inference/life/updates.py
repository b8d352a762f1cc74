"""How each Pulumi type is updated in place: the AWS calls that the AWS provider makes for what differs.

A type whose creation is a "put" is updated by the same call.
"""

from collections.abc import Callable, Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Create, Created
from private_inference.rehearsal.handlers import HANDLERS
from private_inference.rehearsal.handlers.ec2 import filters, modify
from private_inference.rehearsal.inputs import Inputs
from private_inference.rehearsal.requests import pairs, request

State = Mapping[str, Any]

Update = Callable[[Account, State, Inputs], None]
"""Makes AWS's resource what the new inputs say. Takes the old outputs with their `id`."""

PUT = (
    "aws:appautoscaling/policy:Policy",
    "aws:appautoscaling/target:Target",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:iam/rolePolicy:RolePolicy",
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


def operation(kind: str, state: State) -> Create | None:
    """The handler operation that updates a resource of a type in place; None if there is none."""
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
    given = {"endpointName": state["id"], **_without(inputs, "name")}
    sagemaker.add_tags(ResourceArn=state["arn"], Tags=pairs(inputs.tags))
    if inputs["endpointConfigName"] != state["endpointConfigName"]:
        sagemaker.update_endpoint(**request(sagemaker, "update_endpoint", given))


def vpc_endpoint(account: Account, state: State, inputs: Inputs) -> None:
    ec2 = account.client("ec2")
    given: dict[str, Any] = {"VpcEndpointId": state["id"]}
    if inputs.get("policy"):
        given["PolicyDocument"] = inputs["policy"]
    for key, name in (("routeTableIds", "RouteTableIds"), ("subnetIds", "SubnetIds"), ("securityGroupIds", "Groups")):
        before, after = set(state.get(key) or []), set(inputs.get(key) or [])
        name = "SecurityGroupIds" if name == "Groups" else name
        for prefix, ids in (("Add", after - before), ("Remove", before - after)):
            if ids:
                given[prefix + name] = sorted(ids)
    if inputs.get("privateDnsEnabled") is not None:
        given["PrivateDnsEnabled"] = inputs["privateDnsEnabled"]
    ec2.modify_vpc_endpoint(**given)
    _tag(account, state, inputs)
    inputs.rest()


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
    tags = inputs.tags
    if gone := sorted(set(state.get("tagsAll") or {}) - set(tags)):
        account.client("ec2").delete_tags(Resources=[state["id"]], Tags=[{"Key": key} for key in gone])
    if tags:
        account.client("ec2").create_tags(Resources=[state["id"]], Tags=pairs(tags))


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
    if inputs.get("policy"):
        kms.put_key_policy(KeyId=identity, PolicyName="default", Policy=inputs["policy"])
    kms.update_key_description(KeyId=identity, Description=inputs.get("description", ""))
    if inputs.get("enableKeyRotation"):
        period = inputs.get("rotationPeriodInDays")
        kms.enable_key_rotation(KeyId=identity, **({"RotationPeriodInDays": period} if period else {}))
    else:
        kms.disable_key_rotation(KeyId=identity)
    kms.tag_resource(KeyId=identity, Tags=pairs(inputs.tags, "TagKey", "TagValue"))


def log_group(account: Account, state: State, inputs: Inputs) -> None:
    logs, name = account.client("logs"), state["id"]
    if inputs.get("retentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=inputs["retentionInDays"])
    else:
        logs.delete_retention_policy(logGroupName=name)
    if inputs.get("kmsKeyId"):
        logs.associate_kms_key(logGroupName=name, kmsKeyId=inputs["kmsKeyId"])
    logs.tag_log_group(logGroupName=name, tags=inputs.tags)
    inputs.rest()


def role(account: Account, state: State, inputs: Inputs) -> None:
    iam, name = account.client("iam"), state["id"]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=inputs["assumeRolePolicy"])
    iam.update_role_description(RoleName=name, Description=inputs.get("description", ""))
    iam.tag_role(RoleName=name, Tags=pairs(inputs.tags))
    inputs.rest()


def policy(account: Account, state: State, inputs: Inputs) -> None:
    """A new default version; the oldest goes when there are five (IAM's quota)."""
    iam, arn = account.client("iam"), state["arn"]
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    if len(versions) == 5:
        oldest = min((each for each in versions if not each["IsDefaultVersion"]), key=lambda each: each["CreateDate"])
        iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=inputs["policy"], SetAsDefault=True)
    iam.tag_policy(PolicyArn=arn, Tags=pairs(inputs.tags))
    inputs.rest()


def bucket(account: Account, state: State, inputs: Inputs) -> None:
    tags = {"TagSet": pairs(inputs.tags)}
    account.client("s3").put_bucket_tagging(Bucket=state["id"], Tagging=tags)
    inputs.rest()


def repository(account: Account, state: State, inputs: Inputs) -> None:
    ecr, name = account.client("ecr"), state["id"]
    ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=inputs["imageTagMutability"])
    ecr.tag_resource(resourceArn=state["arn"], tags=pairs(inputs.tags))
    inputs.rest()


def topic(account: Account, state: State, inputs: Inputs) -> None:
    sns = account.client("sns")
    key_id = inputs.get("kmsMasterKeyId", "")
    sns.set_topic_attributes(TopicArn=state["id"], AttributeName="KmsMasterKeyId", AttributeValue=key_id)
    sns.tag_resource(ResourceArn=state["id"], Tags=pairs(inputs.tags))
    inputs.rest()


def parameter(account: Account, state: State, inputs: Inputs) -> None:
    value = inputs.get("value", inputs.get("insecureValue"))
    account.client("ssm").put_parameter(Name=state["id"], Type=inputs["type"], Value=value, Overwrite=True)
    account.client("ssm").add_tags_to_resource(
        ResourceType="Parameter", ResourceId=state["id"], Tags=pairs(inputs.tags)
    )
    inputs.rest()


def sagemaker_tags(account: Account, state: State, inputs: Inputs) -> None:
    """Models and configurations don't change; their tags do."""
    account.client("sagemaker").add_tags(ResourceArn=state["arn"], Tags=pairs(inputs.tags))
    inputs.rest()


def _without(inputs: Inputs, *keys: str) -> dict[str, Any]:
    return {key: value for key, value in inputs.rest().items() if key not in (*keys, "tags")}


UPDATES: Mapping[str, Update] = {
    "aws:cloudwatch/logGroup:LogGroup": log_group,
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": tags_only,
    "aws:ec2/defaultRouteTable:DefaultRouteTable": tags_only,
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": tags_only,
    "aws:ec2/flowLog:FlowLog": tags_only,
    "aws:ec2/networkAcl:NetworkAcl": network_acl,
    "aws:ec2/routeTable:RouteTable": tags_only,
    "aws:ec2/securityGroup:SecurityGroup": tags_only,
    "aws:ec2/subnet:Subnet": subnet,
    "aws:ec2/vpc:Vpc": vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": vpc_endpoint,
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": tags_only,
    "aws:ecr/repository:Repository": repository,
    "aws:iam/policy:Policy": policy,
    "aws:iam/role:Role": role,
    "aws:kms/key:Key": key,
    "aws:s3/bucket:Bucket": bucket,
    "aws:sagemaker/endpoint:Endpoint": endpoint,
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": sagemaker_tags,
    "aws:sagemaker/model:Model": sagemaker_tags,
    "aws:sns/topic:Topic": topic,
    "aws:ssm/parameter:Parameter": parameter,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": security_group_rule,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": security_group_rule,
}
