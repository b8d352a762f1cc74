"""What CloudFormation stacks and Cloud Control resources hold, as resources of the AWS provider.

A type and a property have the provider's name by rule (`AWS::EC2::Subnet` is `aws:ec2/subnet:Subnet`, `CidrBlock` is
`cidrBlock`), and otherwise by cloudformation.json. Whatever has neither is told as unread, by its logical ID and name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from private_inference.graph.cloudformation_names import corrections, node_of, property_name, provider_type
from private_inference.graph.existing import with_existing
from private_inference.graph.resources import R, Resource
from private_inference.graph.schema import Node
from private_inference.graph.templates import TemplateError, parsed
from private_inference.graph.values import Unknown, joined, spread

STACK = "aws:cloudformation/stack:Stack"
CLOUD_CONTROL = "aws:cloudcontrol/resource:Resource"
HOLDING = {STACK: "templateBody", CLOUD_CONTROL: "desiredState"}
"""Types that hold others, and the property that describes these."""

UNDERSTOOD = {"Type", "Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}
"""Attributes of a template's resource. A condition decides whether it is there; others change how it is created."""
ELSEWHERE = "urn:pulumi:elsewhere::elsewhere::pulumi:pulumi:StackReference::elsewhere"
"""What a value was computed from that no resource of the program makes known."""
NO_VALUE = object()
IN_TEXT = re.compile(r"\$\{(!?)([^}]*)\}")
LOOKED_UP = re.compile(r"\{\{resolve:ssm:")
"""A value that is read at deployment, and is no secret: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html"""


def is_held(urn: str) -> bool:
    """Whether a resource is held by another one: what isn't known of it stays so when it is deployed."""
    return any(f"{type_}$" in urn for type_ in HOLDING)


def with_held(resources: Iterable[R]) -> list[R]:
    """All resources, each followed by those that it holds, or finds."""
    return [each for resource in with_existing(resources) for each in (resource, *unpack(resource))]


def unpack(holder: R) -> list[R]:
    """The resources that one holds. Its description is taken off it, and its `unread` says what of that isn't read."""
    key = HOLDING.get(holder.type)
    if key is None or holder.unread is not None:
        return []
    text = holder.get(key)
    holder.properties = {name: value for name, value in holder.properties.items() if name != key}
    if not isinstance(text, str):
        holder.unread = (f"{key} isn't known before deployment: pass what isn't as a parameter",)
        return []
    try:
        template = parsed(text)
    except TemplateError as error:
        holder.unread = (f"{key} {error}",)
        return []
    if holder.type == CLOUD_CONTROL:
        template = {"Resources": {"": {"Type": holder.get("typeName"), "Properties": template}}}
    reading = _Template(holder, template)
    held = list(reading.resources())
    holder.unread = tuple(dict.fromkeys(reading.unread))
    return held


class _Template:
    """A template of a holder. `unread` grows while its resources are read."""

    def __init__(self, holder: Resource, template: Mapping[str, Any]) -> None:
        self.holder = holder
        self.unread: list[str] = []
        self.declared: Mapping[str, Any] = template.get("Resources") or {}
        if not self.declared:
            self.unread.append("has no Resources")
        self.parameters: Mapping[str, Any] = template.get("Parameters") or {}
        self.given = holder.get("parameters")
        if "Transform" in template:
            self.unread.append("is rewritten by a macro (Transform)")

    def resources(self) -> Iterator[Any]:
        for logical, declared in self.declared.items():
            if not isinstance(declared, Mapping) or not isinstance(declared.get("Properties", {}), Mapping):
                self.unread.append(f"{logical} is no resource that can be read")
                continue
            self.unread += [f"{logical} has a {key}" for key in declared if key not in UNDERSTOOD]
            type_name = str(declared.get("Type"))
            properties = {**corrections()["absent"].get(type_name, {}), **declared.get("Properties", {})}
            for name, by in corrections()["parts"].get(type_name, {}).items():
                for path, value in spread(f"{logical}.{name}", properties.pop(name, None)):
                    yield from self._read(path, f"{type_name}.{name}", {name: value, by: {"Ref": logical}})
            yield from self._read(logical, type_name, properties)

    def _read(self, logical: str, type_name: str, properties: Mapping[str, Any]) -> Iterator[Resource]:
        token = provider_type(type_name)
        if token is None:
            self.unread.append(f"{logical} is of type {type_name}, which no rule reads".strip())
            return
        held = _Held(self, logical, token, type_name)
        found = held.block(node_of(type_name, token), properties, "")
        yield type(self.holder)(held.urn, token, held.name, found, held.sources)

    def name_of(self, logical: str) -> str:
        return f"{self.holder.name}.{logical}".rstrip(".")

    def urn_of(self, logical: str) -> str:
        """The URN that a child of the holder would have, named after it and the logical ID."""
        declared = self.declared.get(logical)
        type_ = provider_type(declared.get("Type")) if isinstance(declared, Mapping) else None
        return self.urn(logical, type_ or "")

    def urn(self, logical: str, token: str) -> str:
        start, _, _ = self.holder.urn.rpartition("::")
        return f"{start}${token}::{self.name_of(logical)}"


class _Held:
    """A resource that is being read: its provider's properties, and what each was computed from."""

    def __init__(self, template: _Template, logical: str, token: str, type_name: str) -> None:
        self.template, self.logical, self.type_name = template, logical, type_name
        self.urn, self.name = template.urn(logical, token), template.name_of(logical)
        self.sources: dict[str, list[str]] = {}
        self._found: list[str] = []

    def block(self, node: Node, properties: Mapping[str, Any], path: str) -> dict[str, Any]:
        """The provider's properties of a block."""
        made: dict[str, Any] = {}
        without_meaning = corrections()["no matter"].get(self.type_name, {})
        for name, raw in properties.items():
            place = joined(path, name)
            if place in without_meaning:
                continue
            key = property_name(node, self.type_name, place)
            if key == "" and isinstance(raw, Mapping):
                found = self.block(node, raw, place)
            elif key:
                value = self._value(node[key], raw, place)
                if isinstance(node[key], Mapping) and isinstance(value, list) and len(value) == 1 and key[-1] != "s":
                    [value] = value  # the provider calls a block that stands alone by a singular
                found = {} if value is NO_VALUE else {key: value}
            else:
                found = self._cannot(place, {})
            made |= found
            if not path:
                self.sources |= dict.fromkeys(found, self._found)
                self._found = []
        return made

    def _cannot(self, place: str, instead: Any) -> Any:
        self.template.unread.append(f"{self.logical} has {place}, which no rule reads".strip())
        return instead

    def _value(self, kind: Any, raw: Any, place: str) -> Any:
        if _is_function(raw):
            raw = self.evaluated(raw, place)
        if isinstance(raw, list):
            return [each for each in (self._value(kind, one, place) for one in raw) if each is not NO_VALUE]
        if isinstance(raw, Unknown) or raw is NO_VALUE:
            return raw
        if isinstance(kind, Mapping):
            return self.block(kind, raw, place) if isinstance(raw, Mapping) else self._cannot(place, None)
        if isinstance(raw, Mapping):
            document = kind == "s" and "Statement" in raw
            written = document or kind == "m" or place.lower().endswith("policy")  # the provider takes it as JSON text
            return self._deep(raw, place, whole=document) if written else self._cannot(place, None)
        return self._scalar(kind, raw, place)

    def _scalar(self, kind: str, raw: Any, place: str) -> Any:
        text = str(raw).lower() if isinstance(raw, bool) else str(raw)
        if LOOKED_UP.search(text):
            return self._later(place)
        if kind == "b":
            return text.lower() == "true" if text.lower() in ("true", "false") else self._cannot(place, None)
        if kind == "n":
            return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else self._cannot(place, None)
        return text

    def _deep(self, raw: Any, place: str, *, whole: bool) -> Any:
        """A structure with its functions evaluated; in a policy document (`whole`), references get names to go by."""
        if _is_function(raw):
            return self.evaluated(raw, place, whole=whole)
        if isinstance(raw, Mapping):
            deep = {key: self._deep(each, joined(place, key), whole=whole) for key, each in raw.items()}
            return {key: value for key, value in deep.items() if value is not NO_VALUE}
        if isinstance(raw, list):
            return [v for each in raw if (v := self._deep(each, place, whole=whole)) is not NO_VALUE]
        return self._later(place) if isinstance(raw, str) and LOOKED_UP.search(raw) else raw

    def _later(self, place: str) -> Unknown:
        """A value that is decided when the stack is deployed, by what is outside of the program."""
        self._found.append(ELSEWHERE)
        return Unknown(self.urn, place)

    def evaluated(self, function: Mapping[str, Any], place: str, *, whole: bool = False) -> Any:
        """What a function results in: a value, or an Unknown whose sources are noted."""
        [(name, argument)] = function.items()
        if name == "Ref":
            return self._named(str(argument), "", place, whole=whole)
        if name == "Fn::GetAtt":
            logical, _, attribute = (argument if isinstance(argument, str) else ".".join(map(str, argument))).partition(
                "."
            )
            return self._named(logical, attribute, place, whole=whole)
        if name == "Fn::Sub":
            text, names = argument if isinstance(argument, list) else (argument, {})
            parts = re.split(r"(\$\{[^}]*\})", str(text))
            return self._text([self._part(part, names, place, whole=whole) for part in parts], "")
        if name == "Fn::Join" and isinstance(argument[1], list):
            return self._text([self._deep(part, place, whole=whole) for part in argument[1]], str(argument[0]))
        return self._cannot(f"{place} by {name}", None)

    def _part(self, part: str, names: Mapping[str, Any], place: str, *, whole: bool) -> Any:
        found = IN_TEXT.fullmatch(part)
        if not found:
            return part
        if found[1]:
            return f"${{{found[2]}}}"
        if found[2] in names:
            return self._deep(names[found[2]], place, whole=whole)
        logical, _, attribute = found[2].strip().partition(".")
        return self._named(logical, attribute, place, whole=whole)

    def _text(self, parts: list[Any], between: str) -> Any:
        unknown = [part for part in parts if isinstance(part, Unknown)]
        held = [part for part in unknown if part.urn == self.urn]
        return (held or unknown)[0] if unknown else between.join(str(part) for part in parts if part is not NO_VALUE)

    def _named(self, logical: str, attribute: str, place: str, *, whole: bool) -> Any:
        if logical in self.template.declared:
            return self.reference(logical, attribute, place, whole=whole)
        if logical in self.template.parameters:
            return self._parameter(logical, place)
        if logical == "AWS::StackName" and isinstance(name := self.template.holder.get("name"), str):
            return name
        return NO_VALUE if logical == "AWS::NoValue" else self._later(place)

    def reference(self, logical: str, attribute: str = "", place: str = "", *, whole: bool = False) -> Any:
        """What refers to another resource of the template: unknown, or, in a document, a name that is its own."""
        self._found.append(self.template.urn_of(logical))
        name = joined(self.template.name_of(logical), attribute) if attribute else self.template.name_of(logical)
        if whole:
            return f"arn:aws:cloudformation:::{name}" if attribute.endswith("Arn") else name
        return Unknown(self.urn, place)

    def _parameter(self, name: str, place: str) -> Any:
        given, declared = self.template.given, self.template.parameters[name]
        if str(declared.get("Type")).startswith("AWS::SSM"):
            return self._later(place)
        holder = self.template.holder
        value = given if isinstance(given, Unknown) else (given or {}).get(name, declared.get("Default"))
        if isinstance(value, Unknown):
            self._found += holder.sources.get("parameters") or [ELSEWHERE]
            return value
        if value is None:
            return self._cannot(f"{place} by the parameter {name}, which has no value", None)
        listed = "List" in str(declared.get("Type"))
        return [each.strip() for each in str(value).split(",")] if listed else value


def _is_function(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) == 1 and str(next(iter(value))).startswith(("Ref", "Fn::"))
