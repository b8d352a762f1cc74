"""Reads a stack's settings from its Pulumi configuration."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pydantic import ValidationError

from components.settings.models import PROVIDER_KEYS, Settings
from components.settings.problems import explain


class SettingsError(pulumi.RunError):
    """The configuration can't be used. Pulumi prints the message without a traceback."""


def load() -> Settings:
    """The settings of the running stack. Raises SettingsError that lists every problem."""
    # pulumi.Config can't list its keys, and an unknown key must not be overlooked.
    from pulumi.runtime import config

    return parse(pulumi.get_project(), config.get_config_env() | config.CONFIG.get())


def parse(project: str, values: Mapping[str, str]) -> Settings:
    """The settings in a stack's configuration. Raises SettingsError that lists every problem.

    `values` maps full keys (`aws:region`) to strings; lists and mappings are JSON, as in PULUMI_CONFIG.
    """
    own = {key.removeprefix(f"{project}:"): value for key, value in values.items() if key.startswith(f"{project}:")}
    providers = {key: values[key] for key in PROVIDER_KEYS if key in values}
    try:
        return Settings.model_validate(providers | {key: _decode(value) for key, value in own.items()})
    except ValidationError as error:
        problems = explain(error, Settings, project)
        raise SettingsError(
            "\n".join([f"The configuration of this stack has {len(problems)} problem(s):", *problems])
        ) from None


def _decode(value: str) -> Any:
    if value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
