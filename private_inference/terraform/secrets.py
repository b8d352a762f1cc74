"""Secret values as sensitive variables, so that a configuration holds no secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from private_inference.runner.sdk import is_secret, revealed
from private_inference.terraform.labels import label_of
from private_inference.terraform.references import References
from private_inference.terraform.translate import JsonObject


@dataclass
class Secrets:
    """Replaces what Pulumi marks as secret by variables, and collects them."""

    references: References
    problems: list[str]
    variables: dict[str, JsonObject] = field(default_factory=dict)

    def as_variables(self, value: Any, name: str, path: str) -> Any:
        """`value`; if it is secret, with a reference to a variable in the place of each text and number in it.

        The variables are named after `name`. References to resources stay: Terraform knows which are sensitive.
        """
        return self._replaced(revealed(value), name, path) if is_secret(value) else value

    def _replaced(self, value: Any, name: str, path: str) -> Any:
        if isinstance(value, Mapping):
            return {key: self._replaced(item, f"{name}_{key}", f"{path}.{key}") for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._replaced(item, f"{name}_{at}", f"{path}[{at}]") for at, item in enumerate(value)]
        if not isinstance(value, str | int | float) or self.references.is_reference(value):
            return value
        if isinstance(value, str) and any(self.references.within(value)):
            self.problems.append(
                f"{path}: a secret is woven into a text with references to resources, and can't be taken out of it. "
                "Make it a value of its own."
            )
            return None
        return self._variable(value, label_of(name), path)

    def _variable(self, value: str | int | float, name: str, path: str) -> str:
        kinds = {bool: "bool", str: "string"}
        self.variables[name] = {
            "description": f"What the program holds secret as {path}.",
            "type": kinds.get(type(value), "number"),
            "sensitive": True,
        }
        return self.references.create(f"var.{name}")
