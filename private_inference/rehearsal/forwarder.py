"""The repository's forwarder as a process, in the place of a container that Fargate would run."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "forwarder" / "forwarder.py"
HOST = Path(__file__).with_name("task_host.py")


class Forwarder:
    """Started when it is made, with an environment's variables; it ends with this process.

    `port` is the one on loopback that it answers at, or None where it ended before it did; `says` is called with each
    line that it prints afterwards.
    """

    def __init__(self, environment: Mapping[str, str], region: str, url: str, says: Callable[[str], None]) -> None:
        own = {
            "PATH": os.environ.get("PATH", ""),
            "AWS_REGION": region,
            "AWS_ENDPOINT_URL": url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self._process = subprocess.Popen(
            [sys.executable, str(HOST), str(PROGRAM), "--host", "127.0.0.1", "--port", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment, **own},
        )
        said = self._process.stdout.readline() if self._process.stdout else b""
        self.port: int | None = json.loads(said)["listening"] if said else None
        threading.Thread(target=self._hear, args=[says], daemon=True).start()

    def _hear(self, says: Callable[[str], None]) -> None:
        for line in self._process.stdout or ():
            says(line.decode().rstrip())

    def end(self) -> None:
        """End it, and wait until it has ended."""
        self._process.kill()
        self._process.wait()
