"""The Terraform configuration of what a program declared: resources, data sources, provider, outputs."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from private_inference.rehearsal.inputs import UnhandledError
from private_inference.runner.project import StackConfig
from private_inference.runner.resource import Resource, Run
from private_inference.terraform.dependencies import depends_on
from private_inference.terraform.engine import Declared, TerraformEngine
from private_inference.terraform.labels import addresses_in, describe
from private_inference.terraform.local_files import LocalFiles
from private_inference.terraform.names import ARGUMENTS, terraform_names
from private_inference.terraform.schema import load_schema
from private_inference.terraform.secrets import Secrets
from private_inference.terraform.translate import JsonObject, Translator

TERRAFORM_VERSIONS = ">= 1.7"
"""`removed` blocks: https://developer.hashicorp.com/terraform/language/block/removed."""

PROVIDER_VERSIONS = ">= 5.100, < 7"

HASHES = {
    "aws_s3_object": ("source_hash", "filesha256"),
    "aws_lambda_function": ("source_code_hash", "filebase64sha256"),
}
"""The argument by which a resource sees that its local file changed, and the function that fills it. An object's `etag`
is no MD5 under a KMS key: https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/s3_object."""

LONGEST_PREFIX = 37
"""Terraform adds 26 characters to a prefix, and the shortest limit of a name is 63."""
SHORTER_PREFIXES = {"aws_lb": 6, "aws_lb_target_group": 6, "aws_lb_trust_store": 6}
"""Names of Elastic Load Balancing have 32 characters.

https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs/resources/lb_target_group (name_prefix)
"""

RETAINED = "Stays in the account when the stack is destroyed."
"""The comment on resources with retainOnDelete, an option that Terraform does not have."""


HELD = ("aws_acm_certificate", "aws_api_gateway_deployment")
"""Types that AWS doesn't delete while something uses them, so that the next one has to be there first.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/api_gateway_deployment and
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/acm_certificate
"""


@dataclass
class Configuration:
    """Writes the parts of a configuration; problems go to the translator's list."""

    stack: StackConfig
    engine: TerraformEngine
    translator: Translator
    secrets: Secrets
    files: LocalFiles

    def main(self) -> JsonObject:
        """Resources and data sources."""
        bodies = {address: self._resource(declared) for address, declared in sorted(self.engine.declared.items())}
        referred = {address: self._referred(body) & bodies.keys() for address, body in bodies.items()}
        awaited = {address: self._awaited(declared) for address, declared in self.engine.declared.items()}
        resources: dict[str, JsonObject] = {}
        for address, addresses in depends_on(referred, awaited).items():
            kind, label = address.split(".")
            extra = {"depends_on": addresses} if addresses else {}
            resources.setdefault(kind, {})[label] = bodies[address] | extra
        lookups = self.engine.data_sources.data
        return {**({"data": lookups} if lookups else {}), "resource": resources}

    def providers(self) -> JsonObject:
        """The versions, and the provider with its default tags."""
        required = {"aws": {"source": "hashicorp/aws", "version": PROVIDER_VERSIONS}}
        return {
            "terraform": {"required_version": TERRAFORM_VERSIONS, "required_providers": required},
            "provider": {"aws": self._provider()},
        }

    def outputs(self, run: Run) -> JsonObject:
        """The program's exports, under their own names."""
        outputs = {}
        for name, value in run.outputs.items():
            path = f"output {name}"
            replaced = self.secrets.as_variables(value, f"output_{name}", path)
            sensitive = {"sensitive": True} if replaced is not value else {}
            outputs[name] = {"value": self.translator.expression(replaced, path), **sensitive}
        return {"output": outputs}

    # Resources

    def _resource(self, declared: Declared) -> JsonObject:
        resource, entry = declared.resource, declared.entry
        self._check_provider(resource)
        path = describe(resource)
        properties = {key: value for key, value in resource.properties.items() if key != "region"}
        properties = {
            key: self.secrets.as_variables(value, f"{declared.label}_{key}", f"{path}.{key}")
            for key, value in properties.items()
        }
        assets = {key: properties.pop(key) for key, value in [*properties.items()] if _is_asset(value)}
        timeouts = {"timeouts": dict(resource.timeouts)} if resource.timeouts else {}
        body = self.translator.block(entry.block, properties | timeouts, path, ARGUMENTS.get(entry.type))
        body |= self._local_files(declared, assets)
        renewed = self._name(declared, body) or entry.type in HELD
        lifecycle = self._lifecycle(declared, create_before_destroy=renewed and not resource.delete_before_replace)
        comment = {"//": RETAINED} if resource.retain_on_delete else {}
        return comment | body | ({"lifecycle": lifecycle} if lifecycle else {})

    def _local_files(self, declared: Declared, assets: Mapping[str, Any]) -> JsonObject:
        written: JsonObject = {}
        for key, asset in assets.items():
            path = f"{describe(declared.resource)}.{key}"
            if declared.entry.type not in HASHES:
                self.translator.problems.append(f"{path}: {declared.entry.type} takes no local file.")
                continue
            try:
                file = "${path.module}/" + self.files.add(asset, declared.label)
            except (UnhandledError, OSError) as error:
                self.translator.problems.append(f"{path}: {error}.")
                continue
            hashed, function = HASHES[declared.entry.type]
            argument = ARGUMENTS.get(declared.entry.type, {}).get(key, key)
            written |= {argument: file, hashed: f'${{{function}("{file}")}}'}
        return written

    def _name(self, declared: Declared, body: JsonObject) -> bool:
        """Add a name where Pulumi would make one; returns whether a replacement will have another name.

        A prefix where the provider takes one, nothing where the provider makes a name of its own, else the Pulumi name
        with a suffix that only this stack has. https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming
        """
        block = declared.entry.block
        name = ARGUMENTS.get(declared.entry.type, {}).get("name", "name")
        if "bucket_prefix" in block.attributes:
            name = "bucket"
        prefix = f"{name}_prefix"
        settable = block.settable()
        if name not in settable or name in body or prefix in body:
            return False
        if prefix in settable:
            longest = SHORTER_PREFIXES.get(declared.entry.type, LONGEST_PREFIX)
            body[prefix] = f"{declared.resource.name[: longest - 1]}-"
            return True
        if block.attributes[name].get("computed"):
            return True
        identity = f"{self.stack.project}/{self.stack.stack}/{declared.address}"
        body[name] = f"{declared.resource.name}-{hashlib.sha256(identity.encode()).hexdigest()[:7]}"
        return False

    def _lifecycle(self, declared: Declared, *, create_before_destroy: bool) -> JsonObject:
        resource = declared.resource
        names = terraform_names(declared.entry.block.settable(), ARGUMENTS.get(declared.entry.type))
        ignored = sorted(names.get(key, key) for key in resource.ignore_changes)
        return {
            **({"create_before_destroy": True} if create_before_destroy else {}),
            **({"ignore_changes": ignored} if ignored else {}),
            **({"prevent_destroy": True} if resource.protect or resource.retain_on_delete else {}),
        }

    def _referred(self, body: JsonObject) -> set[str]:
        references = self.translator.references
        return addresses_in(expression for text in _texts(body) for expression in references.within(text))

    def _awaited(self, declared: Declared) -> set[str]:
        members = (self.engine.members.get(urn, ()) for urn in declared.resource.dependencies)
        return {address for addresses in members for address in addresses} - {declared.address}

    # Provider

    def _provider(self) -> JsonObject:
        given = {key.removeprefix("aws:"): value for key, value in self.stack.values.items() if key.startswith("aws:")}
        for provider in self.engine.providers:
            given |= provider.properties
        if len(self.engine.providers) > 1:
            names = ", ".join(sorted(provider.name for provider in self.engine.providers))
            self.translator.problems.append(f"The export knows one AWS provider, and the program has {names}.")
        block = load_schema().provider
        texts = {key for key, name in terraform_names(block.settable()).items() if self._is_text(name)}
        # A provider's properties arrive as text: JSON, where they are more than that.
        properties = {key: value if key in texts else json.loads(value) for key, value in given.items()}
        return self.translator.block(block, self._with_region(properties), "provider aws")

    def _is_text(self, name: str) -> bool:
        return load_schema().provider.attributes.get(name, {}).get("type") == "string"

    def _with_region(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Provider 5 has one region, where provider 6 has one for each resource: all must be the same."""
        named = {declared.resource.properties.get("region") for declared in self.engine.declared.values()}
        regions = {properties.get("region"), *named} - {None}
        if len(regions) > 1:
            self.translator.problems.append(
                f"The program's resources lie in several regions ({', '.join(sorted(map(str, regions)))}), and the AWS "
                "provider 5 has one. Export a stack for each."
            )
        return {**properties, **({"region": regions.pop()} if regions else {})}

    def _check_provider(self, resource: Resource) -> None:
        inherited = resource.parent in self.engine.members  # a remote component passes its providers on by itself
        if self.engine.providers and not resource.provider and not inherited:
            self.translator.problems.append(
                f"{describe(resource)} has the default provider beside the program's own, and would not have its "
                "settings. Pass it the program's provider."
            )


def _is_asset(value: object) -> bool:
    return isinstance(value, pulumi.Asset | pulumi.Archive)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
