"""The guards of the account that the stack owns, and that nothing of the stack is excepted from what others set.

Beyond what the network's description needs, this needs ec2:GetEbsDefaultKmsKeyId, ec2:GetEbsEncryptionByDefault,
ec2:GetSnapshotBlockPublicAccessState, s3:GetAccountPublicAccessBlock and, of the key, kms:DescribeKey.
"""

from collections.abc import Iterator
from functools import partial

from private_inference.verification.checks import Assertion, Result, empty, equal, result, short
from private_inference.verification.controls import AT_REST, BOUNDARY
from private_inference.verification.data import BLOCKED
from private_inference.verification.deployed import Deployed


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """One about exclusions, and one for each guard that the settings name."""
    guards = stack.desired.settings.account_guards
    account = partial(Assertion, "Account", controls=BOUNDARY)
    yield account("no subnet is excluded from VPC Block Public Access", lambda: empty(_excluded(stack)))
    if mode := guards.vpc_block_public_access:
        yield account(f"VPC Block Public Access is {mode}", lambda: _block_mode(stack, mode))
    if key := guards.ebs_default_key_arn:
        yield account(
            f"EBS encrypts by default, with {short(key)}", lambda: _ebs_encryption(stack, key), controls=AT_REST
        )
    if guards.ebs_snapshot_block_public_access:
        yield account("EBS snapshots can't be public", lambda: _snapshots(stack))
    if guards.s3_block_public_access:
        yield account("S3 blocks public access, in all four ways", lambda: _s3(stack))


def _excluded(stack: Deployed) -> Iterator[str]:
    for subnet in stack.network.subnets.values():
        if subnet.exclusion:
            yield f"{subnet.id} by {subnet.exclusion}"


def _block_mode(stack: Deployed, wanted: str) -> Result:
    found = stack.network.vpcs[stack.desired.contract.vpc_id].block_mode
    return equal({"InternetGatewayBlockMode": found}, {"InternetGatewayBlockMode": wanted})


def _ebs_encryption(stack: Deployed, key: str) -> Result:
    on = stack.aws.get("ec2", "get_ebs_encryption_by_default")
    named = stack.aws.get("ec2", "get_ebs_default_kms_key_id")
    wanted = {"EbsEncryptionByDefault": True, "KmsKeyId": key}
    default = equal({**on, **named}, wanted)
    about = stack.aws.get("kms", "describe_key", KeyId=key)["KeyMetadata"]
    usable = equal(about, {"KeyState": "Enabled", "KeyManager": "CUSTOMER"})
    return result(f"{default.seen}, {usable.seen}", [*default.faults, *usable.faults])


def _snapshots(stack: Deployed) -> Result:
    found = stack.aws.get("ec2", "get_snapshot_block_public_access_state")
    return equal(found, {"State": "block-all-sharing"})


def _s3(stack: Deployed) -> Result:
    found = stack.aws.get("s3control", "get_public_access_block", AccountId=stack.desired.account)
    return equal(found["PublicAccessBlockConfiguration"], dict.fromkeys(BLOCKED, True))
