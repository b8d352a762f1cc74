"""The platform's dev stack in an embedded AWS, with the application team's program on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.runner.resource import Run

ROOT = Path(__file__).parents[3]
CONSUMER = ROOT / "examples/consumer"
BUILD = ROOT / "examples/model/build"


@dataclass(frozen=True)
class Platform:
    """The platform's dev stack in an embedded AWS, its outputs, and the consumer's run on them."""

    aws: EmbeddedAws
    outputs: Mapping[str, Any]
    consumer: Run

    def only(self, kind: str) -> Any:
        return next(resource for resource in self.consumer.resources if resource.type.endswith(f":{kind}"))


@contextmanager
def rehearsed_platform() -> Iterator[Platform]:
    config = load_stack(ROOT, "dev")
    with prepared_aws(settings_of(config)) as aws:
        outputs = run_program(config, MotoEngine(aws)).outputs
        stacks = {"organization/private-inference/dev": outputs}
        consumer = run_program(load_stack(CONSUMER, "dev"), MotoEngine(aws, stacks=stacks))
        yield Platform(aws, outputs, consumer)
