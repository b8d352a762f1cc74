"""CloudFormation templates as text: JSON or YAML, with the short forms of functions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any


class TemplateError(ValueError):
    """A text that is no template; the message says why."""


@cache
def parsed(text: str) -> Mapping[str, Any]:
    """A template (or other JSON object) with every function in its long form. Raises TemplateError."""
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except ValueError as error:
        raise TemplateError(f"is neither JSON nor YAML ({type(error).__name__})") from None
    if not isinstance(found, Mapping):
        raise TemplateError("is no object")
    return found


def _yaml(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads `!Ref` and the like, and takes no text for a date."""

    def function(loader: Any, suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            argument: Any = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            argument = loader.construct_sequence(node, deep=True)
        else:
            argument = loader.construct_mapping(node, deep=True)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}

    Loader.add_multi_constructor("!", function)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)
    try:
        return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(type(error).__name__) from None
