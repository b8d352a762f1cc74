"""A stack under Terraform: exported, planned and applied against an embedded AWS."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.runner.project import StackConfig
from private_inference.terraform.configuration import RETAINED
from private_inference.terraform.export import export_terraform
from private_inference.terraform.lookup_sources import from_clients
from private_inference.terraform.terraform import Terraform

FOR_THE_EMBEDDED_AWS = {
    "s3_use_path_style": True,
    "skip_credentials_validation": True,
    "skip_metadata_api_check": "true",
}
"""What an endpoint on this machine needs, and nothing else in the configuration knows of:
https://developer.hashicorp.com/terraform/language/files/override."""

PARALLEL = "-parallelism=20"

Actions = dict[str, str]
"""Address → what a plan does to it. What it leaves as it is, and what it reads, is left out.
The words: https://developer.hashicorp.com/terraform/internals/machine-readable-ui#planned-change."""

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Event:
    """Something that `terraform apply` said of a resource, such as `apply_start` or `apply_complete`."""

    kind: str
    address: str
    action: str


@dataclass(frozen=True)
class Change:
    """What a deployment planned, and what Terraform said as it did that, in its order."""

    planned: Actions
    events: Sequence[Event]


class Deployment:
    """A Terraform working directory with the export of a stack, and the AWS that it is applied to."""

    def __init__(self, directory: Path, aws: EmbeddedAws) -> None:
        self.directory = directory
        self.aws = aws
        self.terraform = Terraform(directory, aws.environment())

    def export(self, config: StackConfig) -> None:
        """Write the configuration; the first time, also prepare the directory."""
        export_terraform(config, self.directory, from_clients(self.aws), self.aws.client)
        if not (self.directory / ".terraform").exists():
            override = self.directory / "embedded_override.tf.json"
            override.write_text(json.dumps({"provider": {"aws": FOR_THE_EMBEDDED_AWS}}))
            self.terraform.run("init")

    def plan(self) -> dict[str, Any]:
        """A plan, kept for `apply`: https://developer.hashicorp.com/terraform/internals/json-format#plan-representation."""
        self.terraform.run("plan", "-out=plan")
        content: dict[str, Any] = json.loads(self.terraform.run("show", "-json", "plan"))
        return content

    def apply(self) -> None:
        """Carry out the plan that was kept."""
        self.terraform.run("apply", PARALLEL, "plan")

    def deploy(self, *options: str) -> Change:
        """Plan and carry it out in one: each command that starts the provider takes seconds of a core."""
        messages = self._told("apply", "-auto-approve", PARALLEL, *options)
        hooks = [message for message in messages if "hook" in message]
        return Change(
            _planned(messages),
            [Event(m["type"], m["hook"]["resource"]["addr"], m["hook"].get("action", "")) for m in hooks],
        )

    def pending(self, *options: str) -> Actions:
        """What a plan would do, to outputs too, which stand as `output.NAME`."""
        messages = self._told("plan", *options)
        outputs: Mapping[str, Any] = next((each["outputs"] for each in messages if each["type"] == "outputs"), {})
        changed = {f"output.{name}": output["action"] for name, output in outputs.items() if output["action"] != "noop"}
        return _planned(messages) | changed

    def _told(self, command: str, *options: str) -> Messages:
        return [json.loads(line) for line in self.terraform.run(command, "-json", *options).splitlines()]

    def outputs(self) -> dict[str, Any]:
        """The values of the outputs."""
        return {name: output["value"] for name, output in json.loads(self.terraform.run("output", "-json")).items()}

    def retained(self) -> Sequence[str]:
        """What the README tells the user to take out of the state before a destroy."""
        configuration = json.loads((self.directory / "main.tf.json").read_text())
        return [
            f"{kind}.{label}"
            for kind, named in configuration["resource"].items()
            for label, body in named.items()
            if body.get("//") == RETAINED
        ]

    def addresses(self) -> Sequence[str]:
        """The resources in the state, data sources left out."""
        return [line for line in self.terraform.run("state", "list").split() if not line.startswith("data.")]


def _planned(messages: Messages) -> Actions:
    changes = (message["change"] for message in messages if message["type"] == "planned_change")
    return {each["resource"]["addr"]: each["action"] for each in changes if each["action"] not in ("noop", "read")}
