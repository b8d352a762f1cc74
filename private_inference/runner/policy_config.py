"""The configuration of a policy pack: levels, options and exceptions by rule.

Source: pulumi/pulumi, pkg/resource/plugin/analyzer_config.go (defaults and validation).
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import analyzer_pb2

Level = Literal["advisory", "mandatory", "disabled", "remediate"]

LEVELS: Mapping[int, Level] = {
    analyzer_pb2.ADVISORY: "advisory",
    analyzer_pb2.MANDATORY: "mandatory",
    analyzer_pb2.DISABLED: "disabled",
    analyzer_pb2.REMEDIATE: "remediate",
}


class PolicyPackError(Exception):
    """The pack can't be run or configured; the message says why and what to do."""


def read_config(path: Path) -> Mapping[str, Any]:
    """A file for `pulumi up --policy-pack-config`. Raises PolicyPackError for what isn't one."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyPackError(f"{path.name} was not found. Name an existing policy configuration.") from None
    except ValueError as error:
        raise PolicyPackError(f"{path.name} is not JSON: {error}. Correct it.") from None
    if not isinstance(config, dict):
        raise PolicyPackError(f"{path.name} must be an object with the configuration by rule.")
    return config


def reconcile(
    policies: Iterable[analyzer_pb2.PolicyInfo], config: Mapping[str, Any]
) -> dict[str, analyzer_pb2.PolicyConfig]:
    """The configuration of every rule: what is given over `all` over the rule's own level and defaults.

    Raises PolicyPackError for unknown rules (which the engine ignores without a word), levels and options.
    """
    by_name = {policy.name: policy for policy in policies}
    given = {name: _given(name, value) for name, value in config.items()}
    unknown = sorted(set(given) - set(by_name) - {"all"})
    if unknown:
        raise PolicyPackError(f"The policy configuration names rules that the pack doesn't have: {', '.join(unknown)}.")
    everywhere, _ = given.get("all", (None, {}))
    return {name: _policy_config(policy, everywhere, *given.get(name, (None, {}))) for name, policy in by_name.items()}


def _given(name: str, value: Any) -> tuple[int | None, dict[str, Any]]:
    options = {"enforcementLevel": value} if isinstance(value, str) else dict(value)
    level = options.pop("enforcementLevel", None)
    numbers = {text: number for number, text in LEVELS.items()}
    if level is not None and level not in numbers:
        raise PolicyPackError(f"{name}: {level!r} is not a level; choose one of {', '.join(numbers)}.")
    return (None if level is None else numbers[level]), options


def _policy_config(
    policy: analyzer_pb2.PolicyInfo, everywhere: int | None, level: int | None, options: Mapping[str, Any]
) -> analyzer_pb2.PolicyConfig:
    schemas = MessageToDict(policy.configSchema.properties)
    defaults = {name: schema["default"] for name, schema in schemas.items() if "default" in schema}
    if options:
        _validate(policy.name, schemas, defaults | dict(options))
    chosen = next(each for each in (level, everywhere, policy.enforcementLevel) if each is not None)
    properties = struct_pb2.Struct()
    properties.update(defaults | dict(options))
    return analyzer_pb2.PolicyConfig(enforcementLevel=chosen, properties=properties)  # type: ignore[arg-type]


def _validate(rule: str, schemas: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raises PolicyPackError. Unlike the engine, which takes what no schema names, a mistyped option is an error."""
    import jsonschema  # a tenth of a second, for configurations with options only

    whole = {"type": "object", "properties": schemas, "additionalProperties": False}
    problem = next(iter(jsonschema.Draft7Validator(whole).iter_errors(values)), None)
    if problem:
        where = ".".join(map(str, problem.absolute_path))
        raise PolicyPackError(f"The policy configuration of {rule} is wrong: {where}: {problem.message}.")
