"""The URI of an image in ECR.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html (registry URL) and
https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-pull-ecr-image.html (tag or digest).
"""

import re
from dataclasses import dataclass
from typing import Self

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<repository>[^:@\s]+)"
    r"(?=[:@].)(:(?P<tag>[^@]+))?(@(?P<digest>.+))?"
)


@dataclass(frozen=True)
class EcrImage:
    """The registry of an image (an account and a region), its repository there, and which one of that it is."""

    account: str
    region: str
    repository: str
    tag: str = ""
    digest: str = ""
    """Such as `sha256:…`. What has tag and digest is the image of that digest."""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """The image that `uri` names. Raises ValueError if it isn't one in ECR."""
        found = _URI.fullmatch(uri)
        if not found:
            raise ValueError(
                "is not an image in ECR; write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY with :TAG or @DIGEST"
            )
        return cls(found["account"], found["region"], found["repository"], found["tag"] or "", found["digest"] or "")
