"""What a program registers and looks up, what answers it, and the record of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Outputs = Mapping[str, Any]
"""Property values by their camelCase names."""


@dataclass(frozen=True)
class Resource:
    """A resource as the program registered it, and what the engine made of it.

    `properties` are the inputs as sent over the wire: camelCase, with a `pulumi.output.Unknown` where a preview can't
    know the value;
    `custom` is false for the program's own components; a `remote` component's children are not the program's;
    `provider` is its reference (`URN::ID`), of a remote component the one that it hands on to what it is made of;
    `outputs` and `id` are the engine's answer; `property_dependencies` maps a top-level input to the URNs it reads;
    `timeouts` maps `create`, `update` and `delete` to durations such as `60m`.
    """

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    properties: Mapping[str, Any]
    dependencies: Sequence[str]
    property_dependencies: Mapping[str, Sequence[str]]
    provider: str = ""
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    ignore_changes: Sequence[str] = ()
    timeouts: Mapping[str, str] = field(default_factory=dict)
    remote: bool = False
    id: str | None = None
    outputs: Outputs = field(default_factory=dict)


@dataclass(frozen=True)
class Lookup:
    """A lookup of the program, such as `aws:index/getRegion:getRegion`, with its arguments and the engine's answer."""

    token: str
    args: Mapping[str, Any]
    answer: Outputs


class Engine(Protocol):
    """Creates a program's resources and answers its lookups."""

    def create(self, resource: Resource) -> tuple[str | None, Outputs]:
        """The id and the outputs (inputs included) of a resource. Called from several threads at once.

        A component has no id. What a remote component is made of comes one by one, as resources of their own.
        """

    def invoke(self, token: str, args: Mapping[str, Any]) -> Outputs:
        """The answer to a lookup. Called from several threads at once."""

    def client(self, service: str) -> Any:
        """The boto3 client through which the program reads a service; None where there is no account to read."""


@dataclass(frozen=True)
class Run:
    """What a program did.

    `resources` are those that the program registered, in the order in which they were created; `remote_children` those
    that its remote components are made of, which the program itself never sees; `lookups` come in the order of their
    answers; `warnings` are the messages of `pulumi.warn` and `pulumi.error`.
    """

    resources: Sequence[Resource]
    remote_children: Sequence[Resource]
    lookups: Sequence[Lookup]
    outputs: Outputs
    warnings: Sequence[str]

    @property
    def all_resources(self) -> Sequence[Resource]:
        """Everything that was created."""
        return [*self.resources, *self.remote_children]
