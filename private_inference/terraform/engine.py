"""An engine that creates nothing: it answers with Terraform references and records what the program declared."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from private_inference.graph.types import BUILT_IMAGE
from private_inference.runner.resource import Resource
from private_inference.runner.undeployed import Clients, nothing
from private_inference.terraform.data_sources import STACK_REFERENCE, DataSources
from private_inference.terraform.errors import ExportError
from private_inference.terraform.labels import describe, label_of
from private_inference.terraform.names import ARGUMENTS, camel_case, plural, terraform_names
from private_inference.terraform.references import References
from private_inference.terraform.schema import Block, Entry, load_schema

PROVIDER = "pulumi:providers:aws"


ELEMENT = {"list": "{}[{}]", "set": "tolist({})[{}]"}
"""An element of a collection. A set has no order: whoever takes its first knows of one alone, or takes all."""


@dataclass(frozen=True)
class Declared:
    """A Pulumi resource and the Terraform resource that it becomes."""

    resource: Resource
    entry: Entry
    label: str

    @property
    def address(self) -> str:
        return f"{self.entry.type}.{self.label}"


@dataclass
class TerraformEngine:
    """An `Engine` of the runner for the export."""

    references: References
    data_sources: DataSources
    clients: Clients = nothing
    declared: dict[str, Declared] = field(default_factory=dict)
    providers: list[Resource] = field(default_factory=list)
    members: dict[str, list[str]] = field(default_factory=dict)
    """URN → addresses of what the resource became: one, or those of a remote component's children."""
    _remote: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        """A reference for each attribute that the resource will have. Raises ExportError for an unsupported type."""
        with self._lock:
            if resource.type == PROVIDER:
                self.providers.append(resource)
                return resource.name, {}
            if not resource.custom:
                if resource.remote:
                    self.members[resource.urn] = []
                    self._remote.add(resource.urn)
                return None, {}
            if resource.type == STACK_REFERENCE:
                name = resource.properties["name"]
                return name, {"name": name, "outputs": self.data_sources.contract(name), "secretOutputNames": []}
            if resource.id is not None:
                raise ExportError(f"{describe(resource)} is read, not created: the export can't write that yet.")
            outputs = self._declare(resource)
            return outputs.get("id"), outputs  # the provider has types without one

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer to a lookup. Raises ExportError if there is none."""
        return self.data_sources.invoke(token, args)

    def client(self, service: str) -> Any:
        """For what is there already, if there is an account to read. Nothing serves yet."""
        return self.clients(service)

    def _declare(self, resource: Resource) -> Mapping[str, Any]:
        entry = load_schema().resources.get(resource.type)
        if entry is None and resource.type == BUILT_IMAGE:
            raise ExportError(
                f"{describe(resource)} is built with Docker, and the export holds AWS's resources only. Push the image "
                "before, and name it in place of build: by repositoryTag, or by uri with its digest."
            )
        if entry is None:
            raise ExportError(
                f"{describe(resource)}: the type is not in the export's schema. Add it, if the AWS provider has it: "
                f"python -m private_inference.terraform.refresh {resource.type}"
            )
        declared = Declared(resource, entry, label_of(resource.name))
        if other := self.declared.get(declared.address):
            raise ExportError(
                f"{describe(resource)} and {describe(other.resource)} would both be {declared.address}. Rename one."
            )
        self.declared[declared.address] = declared
        self.members[resource.urn] = [declared.address]
        if resource.parent in self._remote:
            self.members[resource.parent].append(declared.address)
        return self._outputs(declared)

    def _outputs(self, declared: Declared) -> dict[str, Any]:
        """A reference for each attribute; lists, numbers and booleans that the program gave stay as they are."""
        entry = declared.entry
        references: dict[str, Any] = {}
        for name, attribute in entry.block.attributes.items():
            answer = self._computed(f"{declared.address}.{name}", attribute.get("type", "string"))
            references |= dict.fromkeys((camel_case(name), camel_case(plural(name))), answer)
        for key, name in ARGUMENTS.get(entry.type, {}).items():
            references[key] = references.get(camel_case(name))
        given = {key: value for key, value in declared.resource.properties.items() if not isinstance(value, str)}
        return references | given | self._filled_in(declared)

    def _filled_in(self, declared: Declared) -> dict[str, Any]:
        """References for the elements of blocks that AWS fills in, such as with an address that it chooses."""
        found: dict[str, Any] = {}
        for name, nested in declared.entry.block.blocks.items():
            key, attributes = camel_case(plural(name)), Block.of(nested["block"]).attributes
            given = declared.resource.properties.get(key)
            chosen = any(one.get("computed") and not one.get("optional") for one in attributes.values())
            if chosen and isinstance(given, list | tuple) and nested["nesting_mode"] in ELEMENT:
                element = ELEMENT[nested["nesting_mode"]]
                places = [element.format(f"{declared.address}.{name}", position) for position in range(len(given))]
                found[key] = [
                    {camel_case(each): self.references.create(f"{place}.{each}") for each in attributes}
                    for place in places
                ]
        return found

    def _computed(self, expression: str, kind: Any) -> Any:
        if isinstance(kind, list) and kind[0] in ELEMENT and isinstance(kind[1], list) and kind[1][0] == "object":
            names, first = terraform_names(kind[1][1]), ELEMENT[kind[0]].format(expression, 0)
            return [{key: self.references.create(f"{first}.{name}") for key, name in names.items()}]
        return self.references.create(expression)
