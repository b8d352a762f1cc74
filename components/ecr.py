"""The URI of an image in ECR.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html (registry URL) and
https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-pull-ecr-image.html (tag or digest).
"""

import re
from dataclasses import dataclass
from typing import Self

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<repository>[^:@\s]+)[:@].+"
)


@dataclass(frozen=True)
class EcrImage:
    """The registry of an image (an account and a region), and its repository there."""

    account: str
    region: str
    repository: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """The registry and repository that `uri` names. Raises ValueError if it isn't an ECR image's."""
        found = _URI.fullmatch(uri)
        if not found:
            raise ValueError(
                "is not an image in ECR; write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY with :TAG or @DIGEST"
            )
        return cls(found["account"], found["region"], found["repository"])
