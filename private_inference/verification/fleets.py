"""The facts about what serves, read from AWS: could SageMaker start one more instance of it now?

What an instance needs is said once, in `rehearsal.fleet_needs`, where the embedded AWS starts its fleets by it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from private_inference.rehearsal.fleet_needs import (
    REGISTRY,
    Artifact,
    Fleet,
    Image,
    Key,
    Missing,
    Network,
    Prefix,
    artifact_uri,
    missing,
)
from private_inference.rehearsal.iam_conditions import UnknownOperatorError
from private_inference.rehearsal.iam_decision import Role
from private_inference.rehearsal.s3_path import AclRule, EgressRule, Gateway, PrefixList, Subnet
from private_inference.verification.checks import AbsentError, UnreadableError
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item, hosted
from private_inference.verification.packages import containers
from private_inference.verification.served import served

T = TypeVar("T")


def lacking(stack: Deployed, endpoint: str) -> list[Missing]:
    """What keeps SageMaker from starting an instance of each variant of an endpoint.

    Raises UnreadableError for what can't be read, and for a policy whose conditions can't be evaluated here.
    """
    configuration = _there(lambda: stack.configuration(endpoint))
    name = stack.endpoint(endpoint)["EndpointConfigName"]
    if configuration is None:
        return missing(Fleet("", stack.desired.contract.region, name, False, "", False))[:1]
    try:
        variants = served(stack.aws, endpoint, hosted(configuration))
        return [each for variant in variants for each in missing(_fleet(stack, configuration, variant))]
    except UnknownOperatorError as error:
        raise UnreadableError(f"a policy can't be evaluated here: {error}") from None


def _there(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except AbsentError:
        return None


def _fleet(stack: Deployed, configuration: Item, variant: Item) -> Fleet:
    model = _there(lambda: stack.aws.get("sagemaker", "describe_model", ModelName=variant["ModelName"]))
    volume_key = configuration.get("KmsKeyId")
    known = {
        "variant": variant["VariantName"],
        "region": stack.desired.contract.region,
        "configuration": configuration["EndpointConfigName"],
        "configuration_exists": True,
        "model": variant["ModelName"],
        "model_exists": model is not None,
        "unusable_volume_key": volume_key if volume_key and not _usable(stack, volume_key) else "",
    }
    if model is None:
        return Fleet(**known)
    return Fleet(
        **known,
        role_arn=model["ExecutionRoleArn"],
        role=_role(stack, model["ExecutionRoleArn"]),
        artifacts=[
            _artifact(stack, each)
            for c in containers(stack.aws, model)
            for each in stack.objects_of(artifact_uri(c))
            if each
        ],
        prefixes=[_prefix(stack, uri) for c in containers(stack.aws, model) if (uri := artifact_uri(c)).endswith("/")],
        images=[image for c in containers(stack.aws, model) if (image := _image(stack, c.get("Image", "")))],
        network=_network(stack, model["VpcConfig"]) if "VpcConfig" in model else None,
    )


def _role(stack: Deployed, arn: str) -> Role | None:
    name = arn.rpartition("/")[2]
    found = _there(lambda: stack.aws.get("iam", "get_role", RoleName=name)["Role"])
    if found is None:
        return None
    boundary = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    attached = stack.aws.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    return Role(
        arn=arn,
        trust=found["AssumeRolePolicyDocument"],
        policies=(*stack.inline_policies(name), *(stack.managed_policy(each["PolicyArn"]) for each in attached)),
        boundary=stack.managed_policy(boundary) if boundary else None,
    )


def _artifact(stack: Deployed, uri: str) -> Artifact:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    arn = f"arn:{stack.desired.partition}:s3:::{bucket}/{key}"
    found = _there(lambda: stack.aws.get("s3", "head_object", Bucket=bucket, Key=key))
    if found is None:
        return Artifact(uri, arn, exists=False)
    policy = _there(lambda: stack.aws.get("s3", "get_bucket_policy", Bucket=bucket)["Policy"])
    key_id = found.get("SSEKMSKeyId")
    known = _key(stack, key_id) if key_id else None
    return Artifact(
        uri,
        arn,
        exists=True,
        bucket_policy=json.loads(policy) if policy else None,
        key=known,
        key_missing=bool(key_id) and known is None,
        bucket_key=bool(found.get("BucketKeyEnabled")),
    )


def _prefix(stack: Deployed, uri: str) -> Prefix:
    bucket = uri.split("/")[2]
    policy = _there(lambda: stack.aws.get("s3", "get_bucket_policy", Bucket=bucket)["Policy"])
    document = json.loads(policy) if policy else None
    return Prefix(uri, stack.desired.partition, bool(stack.objects_of(uri)), document)


def _key(stack: Deployed, key_id: str) -> Key | None:
    found = _there(lambda: stack.aws.get("kms", "describe_key", KeyId=key_id)["KeyMetadata"])
    if found is None:
        return None
    policy = stack.aws.get("kms", "get_key_policy", KeyId=key_id, PolicyName="default")["Policy"]
    return Key(found["Arn"], json.loads(policy), found["KeyState"] == "Enabled")


def _usable(stack: Deployed, key_id: str) -> bool:
    key = _key(stack, key_id)
    return key is not None and key.enabled


def _image(stack: Deployed, uri: str) -> Image | None:
    """An image of Amazon ECR; one in another account's registry is taken for granted."""
    found = REGISTRY.fullmatch(uri)
    if found is None:
        return None
    account, name, version = found["account"], found["name"], found["version"] or "latest"
    arn = f"arn:{stack.desired.partition}:ecr:{found['region']}:{account}:repository/{name}"
    if account != stack.desired.account:
        return Image(uri, arn, exists=True)
    wanted = {"imageDigest" if version.startswith("sha256:") else "imageTag": version}
    there = _there(lambda: stack.aws.get("ecr", "describe_images", repositoryName=name, imageIds=[wanted]))
    policy = _there(lambda: stack.aws.get("ecr", "get_repository_policy", repositoryName=name)["policyText"])
    return Image(uri, arn, there is not None, json.loads(policy) if policy else None)


def _network(stack: Deployed, configured: Item) -> Network:
    vpc, prefix = stack.vpc["VpcId"], f"arn:{stack.desired.partition}:ec2:{stack.desired.contract.region}"
    acls = stack.in_vpc("describe_network_acls", "NetworkAcls")
    tables = stack.in_vpc("describe_route_tables", "RouteTables")
    gateway = _there(lambda: stack.vpc_endpoint("s3", "Gateway"))
    groups = [group for group in stack.security_groups if group["GroupId"] in configured["SecurityGroupIds"]]
    s3 = stack.prefix_list("s3")
    return Network(
        vpc_arn=f"{prefix}:{stack.desired.account}:vpc/{vpc}",
        subnets=[
            Subnet(subnet, list(_acl(acls, subnet)), _gateway(_of(tables, subnet), gateway))
            for subnet in configured["Subnets"]
        ],
        group_ids=configured["SecurityGroupIds"],
        egress=[rule for group in groups for each in group["IpPermissionsEgress"] for rule in _egress(each)],
        s3=PrefixList(s3["PrefixListId"], s3["Cidrs"]),
    )


def _of(listed: list[Item], subnet: str) -> Item:
    """The route table or network ACL that a subnet is associated with, else the VPC's main or default one."""
    own = [each for each in listed if any(a.get("SubnetId") == subnet for a in each["Associations"])]
    main = [each for each in listed if each.get("IsDefault") or any(a.get("Main") for a in each["Associations"])]
    return [*own, *main][0]


def _acl(acls: list[Item], subnet: str) -> Iterator[AclRule]:
    for entry in _of(acls, subnet)["Entries"]:
        if "CidrBlock" in entry:
            ports = entry.get("PortRange", {})
            yield AclRule(
                number=entry["RuleNumber"],
                egress=entry["Egress"],
                allow=entry["RuleAction"] == "allow",
                protocol=entry["Protocol"],
                cidr=entry["CidrBlock"],
                ports=(ports.get("From", 0), ports.get("To", 65535)),
            )


def _gateway(table: Item, gateway: Item | None) -> Gateway | None:
    if gateway is None or table["RouteTableId"] not in gateway["RouteTableIds"]:
        return None
    return Gateway(gateway["VpcEndpointId"], json.loads(gateway["PolicyDocument"]))


def _egress(permission: Mapping[str, Any]) -> Iterator[EgressRule]:
    ports = (permission.get("FromPort", 0), permission.get("ToPort", 65535))
    peers = [each["CidrIp"] for each in permission.get("IpRanges", [])]
    for peer in [*peers, *(each["PrefixListId"] for each in permission.get("PrefixListIds", []))]:
        yield EgressRule(permission["IpProtocol"], peer, ports)
