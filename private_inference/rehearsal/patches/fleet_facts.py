"""The facts about a fleet, read from moto's backends."""

import json
from typing import Any
from urllib.parse import unquote, urlparse

from moto.ec2.models import ec2_backends
from moto.ecr.models import ecr_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends

from private_inference.rehearsal.fleet_needs import (
    REGISTRY,
    Artifact,
    Fleet,
    Image,
    Key,
    Network,
    Prefix,
    artifact_uri,
)
from private_inference.rehearsal.iam_decision import Document, Role, Way
from private_inference.rehearsal.model_server import stored_below, stored_object
from private_inference.rehearsal.object_writes import ENCRYPTION, Destination
from private_inference.rehearsal.patches.model_packages import containers_of
from private_inference.rehearsal.s3_path import AclRule, EgressRule, Gateway, PrefixList, Subnet


def fleet_facts(sagemaker: Any, configuration_name: str, variant: dict[str, Any]) -> Fleet:
    """What is so, now, of the fleet of a production variant; `sagemaker` is moto's backend."""
    configuration = sagemaker.endpoint_configs.get(configuration_name)
    model = sagemaker._models.get(variant.get("ModelName"))
    known = {
        "variant": variant["VariantName"],
        "region": sagemaker.region_name,
        "configuration": configuration_name,
        "configuration_exists": configuration is not None,
        "model": variant.get("ModelName") or "",
        "model_exists": model is not None,
        "unusable_volume_key": _unusable(sagemaker, getattr(configuration, "kms_key_id", None)),
    }
    if configuration is not None and not variant.get("ModelName"):
        return Fleet(**known | _of_components(sagemaker, configuration))
    if model is None:
        return Fleet(**known)
    containers = containers_of(sagemaker, model)
    network = model.vpc_config or {}
    unknown = unknown_network(sagemaker, network.get("Subnets", []), network.get("SecurityGroupIds", []))
    return Fleet(
        **known,
        role_arn=model.execution_role_arn or "",
        role=find_role(sagemaker, model.execution_role_arn),
        artifacts=[
            artifact_at(sagemaker, each)
            for item in containers
            if (url := artifact_uri(item))
            for each in stored_below(sagemaker, url)
        ],
        prefixes=[_prefix(sagemaker, url) for item in containers if (url := artifact_uri(item)).endswith("/")],
        images=[image for item in containers if (image := image_at(sagemaker, item.get("Image") or ""))],
        network=None if unknown or not network.get("Subnets") else _network(sagemaker, network),
        unknown_network=unknown,
    )


def _of_components(sagemaker: Any, configuration: Any) -> dict[str, Any]:
    """The facts of a fleet that starts without a model: the configuration has its role and its network."""
    role, network = getattr(configuration, "execution_role_arn", None), getattr(configuration, "vpc_config", None) or {}
    unknown = unknown_network(sagemaker, network.get("Subnets", []), network.get("SecurityGroupIds", []))
    return {
        "model_exists": True,
        "role_arn": role or "",
        "role": find_role(sagemaker, role),
        "network": None if unknown or not network else _network(sagemaker, network),
        "unknown_network": unknown,
    }


def find_role(backend: Any, arn: str | None) -> Role | None:
    """The role of an ARN with all its policies, or None."""
    iam = iam_backends[backend.account_id][backend.partition]
    found = next((role for role in iam.roles.values() if role.arn == arn), None)
    if found is None:
        return None
    boundary = iam.managed_policies.get(found.permissions_boundary_arn or "")
    attached = (iam.managed_policies.get(policy.arn, policy) for policy in found.managed_policies.values())
    return Role(
        arn=found.arn,
        trust=_document(found.assume_role_policy_document),
        policies=tuple(
            _document(text) for text in [*found.policies.values(), *(_default_version(policy) for policy in attached)]
        ),
        boundary=_document(_default_version(boundary)) if boundary else None,
    )


def _default_version(policy: Any) -> Any:
    return next(version.document for version in policy.versions if version.version_id == policy.default_version_id)


def unknown_network(backend: Any, subnets: list[str], groups: list[str]) -> str:
    """What AWS says of the first subnet or security group that does not exist; empty if all do."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for subnet in subnets:
        if not any(subnet in zone for zone in ec2.subnets.values()):
            return f"The subnet ID '{subnet}' does not exist"
    for group in groups:
        if ec2.get_security_group_from_id(group) is None:
            return f"The security group '{group}' does not exist"
    return ""


def _document(text: Any) -> Document:
    """A policy in any form moto keeps one in."""
    if isinstance(text, bytes):
        text = text.decode()
    document: Document = json.loads(text if text.lstrip().startswith("{") else unquote(text))
    return document


def find_key(backend: Any, named: str) -> Any:
    """moto's key by id, ARN or alias, or None."""
    kms = kms_backends[backend.account_id][backend.region_name]
    return kms.keys.get(kms.any_id_to_key_id(named)) if named else None


def _unusable(backend: Any, named: str | None) -> str:
    """The name of a key, if it can't be used."""
    key = find_key(backend, named or "")
    return named if named and not (key and key.key_state == "Enabled") else ""


def artifact_at(backend: Any, uri: str) -> Artifact:
    """The facts about an object in S3, by its URI; `backend` is a moto backend of its account."""
    place, stored = urlparse(uri), stored_object(backend, uri)
    arn = f"arn:{backend.partition}:s3:::{place.netloc}{place.path}"
    if stored is None:
        return Artifact(uri, arn, exists=False)
    bucket = s3_backends[backend.account_id][backend.partition].buckets[place.netloc]
    key_id = stored.kms_key_id if stored.encryption == "aws:kms" else None
    key = find_key(backend, key_id or "")
    return Artifact(
        uri,
        arn,
        exists=True,
        bucket_policy=_document(bucket.policy) if bucket.policy else None,
        key=Key(key.arn, _document(key.policy), key.key_state == "Enabled") if key else None,
        key_missing=bool(key_id) and key is None,
        bucket_key=str(stored.bucket_key_enabled).lower() == "true",
    )


def _prefix(backend: Any, uri: str) -> Prefix:
    bucket = s3_backends[backend.account_id][backend.partition].buckets.get(urlparse(uri).netloc)
    policy = _document(bucket.policy) if bucket and bucket.policy else None
    return Prefix(uri, backend.partition, bool(stored_below(backend, uri)), policy)


def destination_at(backend: Any, uri: str, encryption: str | None, key: str | None) -> Destination:
    """The facts about an object to be written to S3, by its URI, with the encryption and key that the request names."""
    place = urlparse(uri)
    bucket = s3_backends[backend.account_id][backend.partition].buckets.get(place.netloc)
    rule = (bucket.encryption or {}).get("Rule", {}) if bucket else {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    named = find_key(backend, key or default.get("KMSMasterKeyID") or "")
    asked = {ENCRYPTION: encryption, f"{ENCRYPTION}-aws-kms-key-id": named.arn if key and named else key}
    return Destination(
        f"arn:{backend.partition}:s3:::{place.netloc}{place.path}",
        bucket_policy=_document(bucket.policy) if bucket and bucket.policy else None,
        key=Key(named.arn, _document(named.policy), named.key_state == "Enabled") if named else None,
        bucket_key=str(rule.get("BucketKeyEnabled")).lower() == "true",
        asked={name: value for name, value in asked.items() if value},
    )


def image_at(backend: Any, uri: str) -> Image | None:
    """An image of Amazon ECR. What an account other than this one has in its registry is taken for granted.

    A repository without any image stands for one that images are pushed to outside of the rehearsal.
    """
    found = REGISTRY.fullmatch(uri)
    if found is None:
        return None
    account, name, version = found["account"], found["name"], found["version"]
    arn = f"arn:{backend.partition}:ecr:{found['region']}:{account}:repository/{name}"
    if account != backend.account_id:
        return Image(uri, arn, exists=True)
    repository = ecr_backends[account][found["region"]].repositories.get(name)
    if repository is None:
        return Image(uri, arn, exists=False)
    versions = {tag for image in repository.images for tag in [*image.image_tags, image.get_image_digest()]}
    policy = _document(repository.policy) if repository.policy else None
    return Image(uri, arn, not versions or (version or "latest") in versions, policy)


def _network(backend: Any, configured: dict[str, Any]) -> Network:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    subnets = [ec2.get_subnet(subnet) for subnet in configured["Subnets"]]
    vpc = subnets[0].vpc_id
    s3 = s3_prefix_list(ec2)
    groups: list[Any] = [ec2.get_security_group_from_id(group) for group in configured["SecurityGroupIds"]]
    return Network(
        vpc_arn=f"arn:{backend.partition}:ec2:{backend.region_name}:{backend.account_id}:vpc/{vpc}",
        subnets=[Subnet(subnet.id, _acl(ec2, subnet), _gateway(ec2, subnet)) for subnet in subnets],
        group_ids=configured["SecurityGroupIds"],
        egress=[rule for group in groups for moto_rule in group.egress_rules for rule in _egress(moto_rule)],
        s3=PrefixList(s3.id, [entry["Cidr"] for entry in next(reversed(s3.entries.values()))]),
    )


def way_to_s3(backend: Any, subnets: list[str]) -> Way | None:
    """The S3 gateway that instances in these subnets go through; None where there is none."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for subnet in map(ec2.get_subnet, subnets):
        if gateway := _gateway(ec2, subnet):
            vpc = f"arn:{backend.partition}:ec2:{backend.region_name}:{backend.account_id}:vpc/{subnet.vpc_id}"
            return Way(gateway.id, vpc, gateway.policy, gateway=True)
    return None


def s3_prefix_list(ec2: Any) -> Any:
    """moto's prefix list of S3 in the region."""
    name = f"com.amazonaws.{ec2.region_name}.s3"
    return next(item for item in ec2.managed_prefix_lists.values() if item.prefix_list_name == name)


def _acl(ec2: Any, subnet: Any) -> list[AclRule]:
    acls = [acl for acl in ec2.network_acls.values() if acl.vpc_id == subnet.vpc_id]
    bound = next((acl for acl in acls if any(item.subnet_id == subnet.id for item in acl.associations)), None)
    entries = bound.entries if bound else []
    return [
        AclRule(
            number=int(entry.rule_number),
            egress=str(entry.egress).lower() == "true",
            allow=entry.rule_action == "allow",
            protocol="6" if entry.protocol == "tcp" else str(entry.protocol),
            cidr=entry.cidr_block,
            ports=(int(entry.port_range_from or 0), int(entry.port_range_to or 65535)),
        )
        for entry in entries
        if entry.cidr_block
    ]


def _gateway(ec2: Any, subnet: Any) -> Gateway | None:
    tables = [table for table in ec2.route_tables.values() if table.vpc_id == subnet.vpc_id]
    own = next((table for table in tables if subnet.id in table._associations.values()), None)
    table = own or next((table for table in tables if table.main_association_id), None)
    for endpoint in ec2.vpc_end_points.values():
        serves = endpoint.service_name.endswith(".s3") and endpoint.vpc_endpoint_type == "Gateway"
        if table and serves and endpoint.state == "available" and table.id in endpoint.route_table_ids:
            return Gateway(endpoint.id, dict(_document(endpoint.policy_document)))
    return None


def _egress(rule: Any) -> list[EgressRule]:
    ports = (int(rule.from_port or 0), int(rule.to_port or 65535))
    peers = [rule.ip_range.get("CidrIp"), rule.prefix_list_id]
    return [EgressRule(rule.ip_protocol, peer, ports) for peer in peers if peer]
