"""What this team reads of the platform's contract for it: `/private-inference/STACK/callers/NAME`, one caller's alone.

The platform may add fields within a version, so what isn't known here is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

SUPPORTED_VERSION = "1"
Document = dict[str, Any]


class ContractError(Exception):
    """The contract can't be used; the message says why and what to do."""


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore")


class Endpoint(_Document):
    """What can be called."""

    name: str


class CallersRole(_Document):
    """The role in the platform's account that this team takes, and the policies that it attaches to do so."""

    arn: str
    external_id: str
    sts_vpc_endpoint_ids: list[str]
    identity_policy: Document
    sts_endpoint_policy: Document


class Contract(_Document):
    """The platform's side of the agreement, version 1: a policy to attach, or, from another account, a role to take."""

    endpoints: dict[str, Endpoint]
    vpc_endpoint_ids: list[str]
    runtime_endpoint_policy: Document
    invoke_policy_arn: str | None = None
    role: CallersRole | None = None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Check a contract's version, then its fields. Raises ContractError."""
        version = document.get("contractVersion")
        if version != SUPPORTED_VERSION:
            raise ContractError(f"contractVersion is {version!r}, this program knows {SUPPORTED_VERSION!r}")
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
            raise ContractError(f"it lacks these fields, or they are not as agreed: {fields}") from None

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name. Raises ContractError."""
        if name not in self.endpoints:
            raise ContractError(
                f"The platform has no endpoint {name!r} for this caller; it has: {', '.join(self.endpoints)}"
            )
        return self.endpoints[name]

    @property
    def endpoint_policies(self) -> dict[str, Document]:
        """What the team's own VPC endpoints let pass, by their ids: they are for this model alone."""
        sts = dict.fromkeys(self.role.sts_vpc_endpoint_ids, self.role.sts_endpoint_policy) if self.role else {}
        return {**dict.fromkeys(self.vpc_endpoint_ids, self.runtime_endpoint_policy), **sts}
