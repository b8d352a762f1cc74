"""The program's lookups as Terraform data sources.

Text becomes a reference. Numbers, booleans and the lists below shape the program's graph, so the program gets the
answer itself, and a postcondition of the data source refuses an account with another one.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.contract import parameter_name
from private_inference.terraform.errors import ExportError
from private_inference.terraform.labels import label_of
from private_inference.terraform.names import ARGUMENTS, terraform_names
from private_inference.terraform.references import References
from private_inference.terraform.schema import Entry, load_schema
from private_inference.terraform.translate import JsonObject, Translator

STACK_REFERENCE = "pulumi:pulumi:StackReference"

Lookup = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Answers a token such as `aws:ec2/getPrefixList:getPrefixList` and its arguments, as `Engine.invoke` does.

For STACK_REFERENCE and `{"name": "ORGANIZATION/PROJECT/STACK"}`, the answer is the contract of that stack."""

LISTS = {
    "aws_availability_zones": {"names"},
    "aws_ec2_instance_type_offerings": {"locations"},
    "aws_prefix_list": {"cidr_blocks"},
    "aws_vpc_endpoint_service": {"availability_zones"},
}
"""The lists that a program gets, by data source. It gets no others: a list that differs between accounts without
shaping the stack, such as the zones' ids, would refuse an account for no reason."""


HARDWARE = {"aws_ec2_instance_type": {"gpus"}}
"""Lists that are the same in every account: a program gets them, and nothing has to compare them."""


@dataclass
class DataSources:
    """Answers the program's lookups, and collects a data source for each."""

    answer: Lookup
    references: References
    translator: Translator
    data: dict[str, dict[str, JsonObject]] = field(default_factory=dict)
    _recorded: list[JsonObject] = field(default_factory=list)
    _literals: dict[str, str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer for the program. Raises ExportError for a lookup that has no data source."""
        key = json.dumps([token, args], sort_keys=True)
        with self._lock:
            if key not in self._answers:
                self._answers[key] = self._invoke(token, args)
            return self._answers[key]

    def _invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        real_args = {name: self._known(value, f"{token}.{name}") for name, value in args.items()}
        if _asks_about_the_stack(args):
            found = self.answer(token, real_args)
            self._recorded.append({"token": token, "arguments": real_args, "answer": dict(found)})
            return found
        entry = load_schema().lookups.get(token)
        if entry is None:
            raise ExportError(
                f"The lookup {token} is not in the export's schema. Add it: "
                f"python -m private_inference.terraform.refresh {token}"
            )
        given = self._declare(token, entry, args, self.answer(token, real_args))
        self._recorded.append({"token": token, "arguments": real_args, "answer": given})
        return given

    def record(self) -> list[JsonObject]:
        """The content of lookups.json. Text that the export used only by reference is left empty."""
        record = [{**entry, "answer": self._without_unused(entry["answer"])} for entry in self._recorded]
        return sorted(record, key=lambda entry: json.dumps(entry, sort_keys=True))

    def _without_unused(self, answer: Mapping[str, Any]) -> JsonObject:
        return {
            key: self._literals[value] * (value in self._used) if self.references.is_reference(value) else value
            for key, value in answer.items()
        }

    def contract(self, name: str) -> Mapping[str, Any]:
        """The outputs of another stack. They are values, not references, because a program may take them apart.

        The data sources are the SSM parameters in which this project's stacks keep their contract, one an endpoint.
        """
        _, project, stack = name.split("/")
        with self._lock:
            contract = self.answer(STACK_REFERENCE, {"name": name})
            self._recorded.append({"token": STACK_REFERENCE, "arguments": {"name": name}, "answer": dict(contract)})
            for endpoint, promised in contract["endpoints"].items():
                parameter = {**contract, "endpoints": {endpoint: promised}}
                self.data.setdefault("aws_ssm_parameter", {})[label_of(f"{stack}-{endpoint}")] = {
                    "name": parameter_name(project, stack, endpoint),
                    "lifecycle": {"postcondition": [self._same_contract(parameter, f"the contract of {name}")]},
                }
        return contract

    def _same_contract(self, contract: Mapping[str, Any], what: str) -> JsonObject:
        written = json.dumps(self.translator.text(json.dumps(contract, sort_keys=True), what))
        return {
            "condition": f"${{jsondecode(self.insecure_value) == jsondecode({written})}}",
            "error_message": f"The stack was exported for another state of {what}. Export it again, with --live.",
        }

    def _declare(
        self, token: str, entry: Entry, args: Mapping[str, Any], answer: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        label = self._label(entry, args)
        renamed = ARGUMENTS.get(entry.type, {})
        body = self.translator.block(entry.block, args, token, renamed)
        names = terraform_names((*entry.block.attributes, *entry.block.blocks), renamed)
        given: dict[str, Any] = {}
        conditions: list[JsonObject] = []
        for key, value in sorted(answer.items()):
            attribute = names.get(key, "")
            if key in args:
                given[key] = value
            elif isinstance(value, str) and attribute in entry.block.attributes:
                given[key] = self.references.create(f"data.{entry.type}.{label}.{attribute}")
                self._literals[given[key]] = value
            elif attribute in HARDWARE.get(entry.type, ()):
                given[key] = value
            elif condition := _condition(entry.type, attribute, value):
                given[key] = value
                conditions.append(condition)
        if conditions:
            body["lifecycle"] = {"postcondition": conditions}
        self.data.setdefault(entry.type, {})[label] = body
        return given

    def _label(self, entry: Entry, args: Mapping[str, Any]) -> str:
        """A label made of the lookup's text arguments. Raises ExportError if another lookup has the same."""
        words = [self._known(value, name) for name, value in sorted(args.items()) if isinstance(value, str)]
        if entry.type == "aws_ec2_instance_type_offerings":  # which differ in their filters only
            words = [value for given in args.get("filters", ()) for value in given["values"]]
        label = label_of(re.sub(r"\W+", "_", "_".join(words)).lower() or "current")
        if label in self.data.get(entry.type, {}):
            raise ExportError(f"Two lookups of {entry.type} differ only in {', '.join(args)}: they need one name each.")
        return label

    def _known(self, value: Any, path: str) -> Any:
        """`value` with the answers of earlier lookups in place of their references."""
        if isinstance(value, Mapping):
            return {key: self._known(item, f"{path}.{key}") for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._known(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        for expression in self.references.within(value):
            reference = f"${{{expression}}}"
            if reference not in self._literals:
                raise ExportError(f"{path}: the lookup needs {expression}, which is known only when Terraform applies.")
            self._used.add(reference)
            value = value.replace(reference, self._literals[reference])
        return value


def _asks_about_the_stack(args: Mapping[str, Any]) -> bool:
    """Whether it is about what carries the stack's own tags.

    That is no condition on the account: the first plan finds nothing, and every later one what the first has made.
    """
    return {"Project", "Stack"} <= set(args.get("tags", {}))


def _condition(kind: str, attribute: str, value: Any) -> JsonObject | None:
    """A postcondition: the account's answer is the one that the configuration was written for."""
    found = f"self.{attribute}"
    if isinstance(value, bool | int | float):
        expected = json.dumps(value)
        if not value:  # what the provider leaves null is 0 or false in Pulumi
            found = f"coalesce({found}, {expected})"
    elif attribute in LISTS.get(kind, ()):
        expected, found = json.dumps(" ".join(sorted(value))), f'join(" ", sort({found}))'
    else:
        return None
    return {
        "condition": f"${{{found} == {expected}}}",
        "error_message": f"The stack was exported for {attribute} = {expected.strip(chr(34))}, and here it is "
        f"${{{found}}}. Export it again, with --live.",
    }
