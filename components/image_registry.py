"""The ECR repository of a stack's own serving images."""

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.names import repository_name
from components.storage import StorageArgs


class ImageRegistry(pulumi.ComponentResource):
    """A private repository: customer key, immutable tags, scan on push, expiry of untagged images.

    It has a fixed name, because whoever pushes images calls it by name.
    """

    arn: str
    url: pulumi.Output[str]
    """What the URIs of its images begin with."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:ImageRegistry", name, None, opts)
        self.arn = args.account.arn("ecr", f"repository/{repository_name()}")
        repository = awsx.ecr.Repository(
            name,
            name=repository_name(),
            force_delete=not args.keep,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key_arn)
            ],
            lifecycle_policy=awsx.ecr.LifecyclePolicyArgs(
                rules=[
                    awsx.ecr.LifecyclePolicyRuleArgs(
                        description="Untagged images expire",
                        tag_status=awsx.ecr.LifecycleTagStatus.UNTAGGED,
                        maximum_age_limit=args.settings.untagged_image_days,
                    )
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, retain_on_delete=args.keep),
        )
        self.url = repository.url
        self.register_outputs({"url": self.url})
