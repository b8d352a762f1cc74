"""Handlers for the guards of an account as a whole. Their ids are what `pulumi import` takes for each type."""

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Call, Created, Handler, call
from private_inference.rehearsal.inputs import Inputs


def vpc_block_public_access(account: Account, inputs: Inputs) -> Created:
    call(account, "ec2", "modify_vpc_block_public_access_options", inputs)
    return Created(account.region, {"awsAccountId": account.id, "awsRegion": account.region})


def encryption_by_default(account: Account, inputs: Inputs) -> Created:
    operation = "enable" if inputs.get("enabled", True) else "disable"
    getattr(account.client("ec2"), f"{operation}_ebs_encryption_by_default")()
    return Created("default", defaults={"enabled": True})


def s3_block_public_access(account: Account, inputs: Inputs) -> Created:
    owner = inputs.get("accountId", account.id)
    ways = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    blocked = {way: inputs.get(way, False) for way in ways}
    configuration = {way[0].upper() + way[1:]: value for way, value in blocked.items()}
    account.client("s3control").put_public_access_block(AccountId=owner, PublicAccessBlockConfiguration=configuration)
    return Created(owner, defaults={"accountId": owner, **blocked})


HANDLERS = {
    "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions": Handler(vpc_block_public_access, taggable=False),
    "aws:ebs/defaultKmsKey:DefaultKmsKey": Handler(
        Call("ec2", "modify_ebs_default_kms_key_id", id="KmsKeyId", renamed={"keyArn": "kmsKeyId"}), taggable=False
    ),
    "aws:ebs/encryptionByDefault:EncryptionByDefault": Handler(encryption_by_default, taggable=False),
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": Handler(
        Call("ec2", "enable_snapshot_block_public_access", id="account.region"), taggable=False
    ),
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": Handler(s3_block_public_access, taggable=False),
}
