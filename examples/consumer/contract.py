"""What this team reads of the platform's contract.

The platform exports it as its stack's outputs, and stores it in an SSM parameter an endpoint for those without Pulumi.
It may add fields within a version, so what isn't known here is ignored; a field that is renamed or removed makes a new
version, which is refused until someone has read what changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

SUPPORTED_VERSION = "1"


class ContractError(Exception):
    """The contract can't be used; the message says why and what to do."""


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore")


class RuntimeEndpoint(_Document):
    """The interface endpoint of SageMaker Runtime. `dns_name` is its own, for clients without private DNS."""

    dns_name: str


class Endpoint(_Document):
    """What can be called: `mode` says how, `invoke_policy_arn` is the IAM policy that allows it.

    Calls are split between its `variants`, unless they name one. They have to name one of its `target_models`,
    `target_containers` or `components`, if it has any. With `streaming` answers may come in parts. An asynchronous one
    takes requests from `inputs` of its `async_locations`, by InvokeEndpointAsync with its `async_parameters`.
    """

    name: str
    arn: str
    variants: list[str]
    invoke_policy_arn: str
    mode: str
    streaming: bool = False
    openai_url: str | None = None
    target_models: list[str] = []
    target_containers: list[str] = []
    components: dict[str, str] | None = None
    async_locations: dict[str, str] | None = None
    async_parameters: dict[str, int] | None = None

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1]

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]


class Contract(_Document):
    """The platform's side of the agreement, version 1."""

    region: str
    app_subnet_ids: list[str]
    client_security_group_id: str
    runtime_endpoint: RuntimeEndpoint
    endpoints: dict[str, Endpoint]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Check a contract's version, then its fields. Raises ContractError."""
        version = document.get("contractVersion")
        if version != SUPPORTED_VERSION:
            raise ContractError(
                f"contractVersion is {version!r}, this program knows {SUPPORTED_VERSION!r}: "
                "read what changed in the platform's contract, then adapt contract.py."
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
            raise ContractError(f"The contract lacks these fields, or they are not as agreed: {fields}.") from None

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name. Raises ContractError."""
        if name not in self.endpoints:
            known = ", ".join(sorted(self.endpoints)) or "none"
            raise ContractError(f"The platform has no endpoint {name!r}; it has: {known}.")
        return self.endpoints[name]
