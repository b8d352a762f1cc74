"""Reads a Pulumi project and one of its stacks from disk, as the Pulumi CLI would before it runs the program.

Source: https://www.pulumi.com/docs/iac/concepts/projects/project-file/ (defaults of project-level configuration)
and https://www.pulumi.com/docs/iac/concepts/config/ (namespaces, encrypted values).
"""

import json
import re
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from components.settings import Settings


class ProjectError(Exception):
    """The project or stack file can't be used; the message says which file, what is wrong and the fix."""


@dataclass(frozen=True)
class StackConfig:
    """One stack of a project: what the Pulumi CLI would hand to the program.

    `values` maps full keys (`aws:region`) to strings; whatever is not a string is JSON, as in PULUMI_CONFIG.
    """

    project: str
    stack: str
    directory: Path
    values: Mapping[str, str]


def load_stack(directory: Path, stack: str) -> StackConfig:
    """The configuration of `stack`: its file over the defaults that Pulumi.yaml declares.

    Instead of a name, `stack` may be the path of such a file elsewhere, such as `examples/stacks/…/Pulumi.….yaml`.
    Raises ProjectError for a missing file, malformed YAML and encrypted values.
    """
    directory = directory.resolve()
    project = _read_mapping(directory / "Pulumi.yaml")
    name = project.get("name")
    if not isinstance(name, str):
        raise ProjectError("Pulumi.yaml has no `name`. Give the project a name.")
    stack_file = directory / (stack if stack.endswith(".yaml") else f"Pulumi.{stack}.yaml")
    named = re.fullmatch(r"Pulumi\.(.+)\.yaml", stack_file.name)
    if named is None:
        raise ProjectError(f"{stack_file.name!r} is not named as a stack's file is: Pulumi.STACK.yaml. Rename it.")
    stack = named[1]
    if not stack_file.exists():
        known = sorted(p.name.split(".")[1] for p in directory.glob("Pulumi.*.yaml"))
        raise ProjectError(f"There is no stack {stack!r}: {stack_file.name} was not found. Stacks: {', '.join(known)}.")
    values = _project_defaults(name, project.get("config") or {})
    values |= _stack_values(name, stack_file)
    return StackConfig(name, stack, directory, values)


def settings_of(config: StackConfig) -> "Settings":
    """The stack's settings, without running the program. Raises SettingsError."""
    from components.settings import parse

    with chdir(config.directory):
        return parse(config.project, config.values)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(f"{path.name} was not found. Run this in the project's folder.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        problem = getattr(error, "problem", None) or "not YAML"
        raise ProjectError(f"{path.name} is not valid YAML: {where}: {problem}. Correct that line.") from None
    except UnicodeDecodeError:
        raise ProjectError(f"{path.name} is not UTF-8 text. Save it as UTF-8.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ProjectError(f"{path.name} holds a {type(content).__name__}; a mapping of keys to values is needed.")
    return content


def _project_defaults(project: str, declared: Mapping[str, Any]) -> dict[str, str]:
    defaults = {}
    for key, declaration in declared.items():
        value = declaration
        if isinstance(declaration, dict):
            value = declaration.get("default", declaration.get("value"))
        if value is not None:
            defaults[full_key(project, key)] = encode(value)
    return defaults


def _stack_values(project: str, path: Path) -> dict[str, str]:
    config = _read_mapping(path).get("config") or {}
    if not isinstance(config, dict):
        raise ProjectError(f"{path.name}: `config` holds a {type(config).__name__}; a mapping is needed.")
    values = {}
    for key, value in config.items():
        if isinstance(value, dict) and value.keys() == {"secure"}:
            raise ProjectError(
                f"{path.name}: {key} is encrypted, and only the Pulumi CLI can decrypt it. "
                "Rehearse and check a stack file whose values are plain."
            )
        if value is None:  # a key with nothing behind it sets nothing
            continue
        try:
            values[full_key(project, str(key))] = encode(value)
        except TypeError as error:
            raise ProjectError(f"{path.name}: {key} can't be read: {error}. Put dates in quotes.") from None
    return values


def full_key(project: str, key: str) -> str:
    """A key with its namespace: the project's, where it has none."""
    return key if ":" in key else f"{project}:{key}"


def encode(value: Any) -> str:
    """A value as the engine hands it to programs and providers: what is not a string is JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def decode(value: Any) -> Any:
    """The value that `encode` wrote; what is no JSON stays as it is."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value
