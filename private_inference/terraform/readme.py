"""The README beside an exported configuration."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from private_inference.runner.project import StackConfig
from private_inference.terraform.configuration import RETAINED
from private_inference.terraform.roles_of_removed_models import KEPT

TEMPLATE = Path(__file__).with_name("README.md.j2")


def readme(config: StackConfig, documents: Mapping[str, Any]) -> str:
    """What the configuration is, how to apply it, and what Terraform does otherwise than Pulumi."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - Markdown
    resources = [
        (f"{kind}.{label}", body)
        for kind, named in documents["main.tf.json"]["resource"].items()
        for label, body in named.items()
    ]
    retained = [address for address, body in resources if body.get("//") == RETAINED]
    protected = [address for address, body in resources if body.get("lifecycle", {}).get("prevent_destroy")]
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        project=config.project,
        stack=config.stack,
        count=len(resources),
        answered=documents["lookups.json"],
        variables=documents["variables.tf.json"].get("variable", {}),
        outputs=sorted(documents["outputs.tf.json"]["output"]),
        retained=[shlex.quote(address) for address in retained],
        kept_roles=[address for address, body in resources if body.get("//") == KEPT],
        protected=[address for address in protected if address not in retained],
    )
