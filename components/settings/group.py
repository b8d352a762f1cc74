"""What all groups of settings have in common."""

from collections.abc import Iterator
from typing import Self

from pydantic import ConfigDict, model_validator

from components.camel_case import CamelCaseModel
from components.settings.problems import Problem, raise_if_any


class SettingsGroup(CamelCaseModel):
    """Settings that belong together. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        raise_if_any(self._contradictions())
        return self

    def _contradictions(self) -> Iterator[Problem]:
        """Problems between settings that are each valid by themselves."""
        return iter(())
