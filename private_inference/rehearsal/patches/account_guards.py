"""Amazon EC2's guards of an account and Region as a whole, which moto has but a part of."""

from typing import Any
from uuid import uuid4

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.responses import EC2Response

from private_inference.rehearsal.patches.patch import patch


def _options(backend: Any) -> dict[str, Any]:
    return getattr(backend, "vpc_block_public_access", {"State": "default-state", "InternetGatewayBlockMode": "off"})


def _exclusions(backend: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = backend.__dict__.setdefault("vpc_block_public_access_exclusions", [])
    return found


@patch(EC2Response, "describe_vpc_block_public_access_options")
def vpc_block_public_access(original: Any, response: Any) -> Any:
    """DescribeVpcBlockPublicAccessOptions tells the mode of the Region: off, unless somebody has set another one.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcBlockPublicAccessOptions.html
    """
    backend = response.ec2_backend
    own = {"AwsAccountId": backend.account_id, "AwsRegion": backend.region_name, "ManagedBy": "account"}
    return ActionResult({"VpcBlockPublicAccessOptions": own | _options(backend)})


@patch(EC2Response, "modify_vpc_block_public_access_options")
def vpc_block_public_access_mode(original: Any, response: Any) -> Any:
    """ModifyVpcBlockPublicAccessOptions sets it. AWS takes some minutes; here it is in force at once."""
    mode = response._get_param("InternetGatewayBlockMode")
    state = {"State": "update-complete", "InternetGatewayBlockMode": mode}
    response.ec2_backend.vpc_block_public_access = state
    return response.describe_vpc_block_public_access_options()


@patch(EC2Response, "create_vpc_block_public_access_exclusion")
def vpc_block_public_access_exclusion(original: Any, response: Any) -> Any:
    """CreateVpcBlockPublicAccessExclusion excludes a VPC or a subnet, and says so by its ARN.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcBlockPublicAccessExclusion.html
    """
    backend, vpc, subnet = response.ec2_backend, response._get_param("VpcId"), response._get_param("SubnetId")
    owner = f"arn:aws:ec2:{backend.region_name}:{backend.account_id}"
    made = {
        "ExclusionId": f"vpcbpa-exclude-{uuid4().hex[:17]}",
        "InternetGatewayExclusionMode": response._get_param("InternetGatewayExclusionMode"),
        "ResourceArn": f"{owner}:vpc/{backend.get_vpc(vpc).id}" if vpc else f"{owner}:subnet/{subnet}",
        "State": "create-complete",
    }
    _exclusions(backend).append(made)
    return ActionResult({"VpcBlockPublicAccessExclusion": made})


@patch(EC2Response, "delete_vpc_block_public_access_exclusion")
def vpc_block_public_access_exclusion_ends(original: Any, response: Any) -> Any:
    """DeleteVpcBlockPublicAccessExclusion ends one, which is described for a while."""
    identity = response._get_param("ExclusionId")
    for each in _exclusions(response.ec2_backend):
        if each["ExclusionId"] == identity:
            each["State"] = "delete-complete"
            return ActionResult({"VpcBlockPublicAccessExclusion": each})
    raise EC2ClientError("InvalidVpcBlockPublicAccessExclusionId.NotFound", f"The ID '{identity}' does not exist")


@patch(EC2Response, "describe_vpc_block_public_access_exclusions")
def vpc_block_public_access_exclusions(original: Any, response: Any) -> Any:
    """DescribeVpcBlockPublicAccessExclusions lists them."""
    return ActionResult({"VpcBlockPublicAccessExclusions": _exclusions(response.ec2_backend)})


@patch(EC2Response, "get_ebs_default_kms_key_id")
def ebs_default_key(original: Any, response: Any) -> Any:
    """GetEbsDefaultKmsKeyId tells the key, which is AWS's own unless somebody has named another one.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetEbsDefaultKmsKeyId.html
    """
    return ActionResult({"KmsKeyId": response.ec2_backend.default_kms_key_id or "alias/aws/ebs"})


@patch(EC2Response, "reset_ebs_default_kms_key_id")
def ebs_default_key_reset(original: Any, response: Any) -> Any:
    """ResetEbsDefaultKmsKeyId makes it AWS's own again."""
    response.ec2_backend.default_kms_key_id = ""
    return response.get_ebs_default_kms_key_id()


@patch(EBSBackend, "modify_ebs_default_kms_key_id")
def ebs_default_key_unseen(original: Any, backend: Any, kms_key_id: str) -> str:
    """ModifyEbsDefaultKmsKeyId takes a key that isn't there: it is looked for afterwards.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyEbsDefaultKmsKeyId.html
    """
    try:
        return str(original(backend, kms_key_id))
    except KeyError:
        backend.default_kms_key_id = kms_key_id
        return kms_key_id


def _snapshots(backend: Any, state: str | None = None) -> Any:
    """Public sharing of snapshots: unblocked, unless somebody has set another state."""
    if state:
        backend.snapshot_block_public_access = state
    return ActionResult({"State": getattr(backend, "snapshot_block_public_access", "unblocked")})


@patch(EC2Response, "get_snapshot_block_public_access_state")
def snapshot_block_public_access(original: Any, response: Any) -> Any:
    """GetSnapshotBlockPublicAccessState, https://docs.aws.amazon.com/ebs/latest/userguide/block-public-access-snapshots.html."""
    return _snapshots(response.ec2_backend)


@patch(EC2Response, "enable_snapshot_block_public_access")
def snapshot_block_public_access_on(original: Any, response: Any) -> Any:
    """EnableSnapshotBlockPublicAccess sets its state."""
    return _snapshots(response.ec2_backend, response._get_param("State"))


@patch(EC2Response, "disable_snapshot_block_public_access")
def snapshot_block_public_access_off(original: Any, response: Any) -> Any:
    """DisableSnapshotBlockPublicAccess, which the provider calls when it deletes the setting."""
    return _snapshots(response.ec2_backend, "unblocked")
