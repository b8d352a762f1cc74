"""What a stack should be, from its settings and its contract alone.

Nothing here comes from the components: who talks to whom is said a second time, tier by tier, so that a mistake in the
one is seen by the other.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.settings import EndpointSettings, Settings

if TYPE_CHECKING:
    from components.contract import Contract

APP, ACCESS, MODEL = "app", "access", "model"
TIERS = (APP, ACCESS, MODEL)
S3, DYNAMODB = "s3", "dynamodb"
GATEWAYS = (S3, DYNAMODB)
VARIANT = "AllTraffic"
HTTPS = (443, 443)
EPHEMERAL = (1024, 65535)
"""https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports"""


@dataclass(frozen=True)
class Artifact:
    """A model archive in S3. `digest` is the SHA-256 of a local one, which its key is named for."""

    bucket: str
    key: str
    digest: str | None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Desired:
    """One stack: its project and name, the project's folder, what was set and what was promised."""

    project: str
    stack: str
    directory: Path
    settings: Settings
    contract: "Contract"

    @property
    def name(self) -> str:
        """What the names of this stack's resources begin with."""
        return f"{self.project}-{self.stack}"

    @property
    def path(self) -> str:
        """IAM path of the stack's roles and policies."""
        return f"/{self.project}/{self.stack}/"

    @property
    def partition(self) -> str:
        return self.contract.key_arns.data.split(":")[1]

    @property
    def account(self) -> str:
        return self.contract.key_arns.data.split(":")[4]

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.contract.region}:{self.account}:{resource}"

    def service(self, name: str) -> str:
        """The full name of an endpoint service."""
        return f"com.amazonaws.{self.contract.region}.{name}"

    @property
    def runtime(self) -> str:
        """The endpoint service that clients call models through."""
        return "sagemaker.runtime-fips" if self.settings.private_access.fips else "sagemaker.runtime"

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Services with an interface endpoint."""
        return (self.runtime, *self.settings.private_access.interface_endpoints)

    @property
    def gateways(self) -> tuple[str, ...]:
        """Services with a gateway endpoint."""
        return tuple(gateway for gateway in GATEWAYS if any(gateway in self.opens(tier) for tier in TIERS))

    @property
    def on_premises(self) -> Mapping[str, str]:
        """Gateway by block of on-premises clients."""
        premises = self.settings.network.on_premises
        return dict.fromkeys(premises.cidrs, premises.gateway_id) if premises else {}

    def opens(self, tier: str) -> set[str]:
        """Tiers and gateways that a tier opens connections to."""
        pulls_images = "ecr.dkr" in self.settings.private_access.interface_endpoints
        if tier == APP:
            gateways = ({DYNAMODB} if self.settings.private_access.dynamodb else set()) | (
                {S3} if pulls_images else set()
            )
            return {ACCESS} | gateways
        if tier == MODEL:
            return {S3} | (set() if self._isolated else {ACCESS})
        return set()

    def admits(self, tier: str) -> set[str]:
        """Tiers and blocks that open connections to a tier."""
        if tier != ACCESS:
            return set()
        return {APP, *self.on_premises} | (set() if self._isolated else {MODEL})

    @property
    def _isolated(self) -> bool:
        return all(endpoint.model.isolated for endpoint in self.settings.endpoints)

    def digest(self, endpoint: EndpointSettings) -> str | None:
        """SHA-256 of an endpoint's local archive."""
        local = endpoint.model.local_artifact
        return self._digests[local] if local else None

    @cached_property
    def _digests(self) -> Mapping[Path, str]:
        local = {endpoint.model.local_artifact for endpoint in self.settings.endpoints} - {None}
        return {path: _sha256(self.directory / path) for path in local if path}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
