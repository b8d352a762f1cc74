"""Records what a program creates, and has it look at an embedded AWS: what it asks, and what it reads of EC2."""

from typing import Any

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from tests.support.recording import RecordingEngine


class LookingUp(RecordingEngine):
    """An `Engine` of the runner that creates nothing in the AWS that it looks at."""

    def __init__(self, aws: EmbeddedAws) -> None:
        super().__init__()
        self.invoke = MotoEngine(aws).invoke  # type: ignore[method-assign]
        self._aws = aws

    def client(self, service: str) -> Any:
        return self._aws.client(service) if service == "ec2" else None
