"""Guards of the account as a whole, for the one stack that owns them.

All are settings of the account, which are there before a stack and after it: to delete one of these resources is to
switch the guard off (https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/, of each type). So
none is deleted with the stack.
"""

import pulumi
import pulumi_aws as aws

from components.settings import AccountGuardsSettings


class AccountGuards(pulumi.ComponentResource):
    """VPC Block Public Access, EBS encryption by default, and blocks of public access to EBS snapshots and S3."""

    def __init__(self, name: str, settings: AccountGuardsSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:account:AccountGuards", name, None, opts)
        stays = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        if settings.vpc_block_public_access:
            aws.ec2.VpcBlockPublicAccessOptions(
                "account", internet_gateway_block_mode=settings.vpc_block_public_access, opts=stays
            )
        if settings.ebs_default_key_arn:
            # The key first: else volumes would be encrypted with AWS's own meanwhile.
            key = aws.ebs.DefaultKmsKey("account", key_arn=settings.ebs_default_key_arn, opts=stays)
            after = pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=[key])
            aws.ebs.EncryptionByDefault("account", enabled=True, opts=after)
        if settings.ebs_snapshot_block_public_access:
            aws.ebs.SnapshotBlockPublicAccess("account", state="block-all-sharing", opts=stays)
        if settings.s3_block_public_access:
            aws.s3.AccountPublicAccessBlock(
                "account",
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
                opts=stays,
            )
        self.register_outputs({})
