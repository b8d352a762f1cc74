"""Whether the AWS provider can be had on this machine. Terraform itself finds out: nothing else knows all the places
that it looks in."""

import fcntl
import json
import os
import re
import textwrap
from pathlib import Path

from private_inference.terraform.configuration import PROVIDER_VERSIONS, TERRAFORM_VERSIONS
from private_inference.terraform.terraform import Terraform, TerraformError

REQUIRED = "REQUIRE_CONFORMANCE"
"""The environment variable that, with the value 1, makes a failure of what else would be skipped."""

TIMEOUT = 180.0
"""Seconds. Where the provider comes over the network, it is downloaded within them, once for all tests."""


def is_required() -> bool:
    """Whether conformance may not be skipped."""
    return os.environ.get(REQUIRED) == "1"


def install(directory: Path, timeout: float = TIMEOUT) -> str:
    """Let Terraform install the provider into `directory`; answers why it can't, in a line, or nothing if it could."""
    required = {"aws": {"source": "hashicorp/aws", "version": PROVIDER_VERSIONS}}
    configuration = {"terraform": {"required_version": TERRAFORM_VERSIONS, "required_providers": required}}
    (directory / "main.tf.json").write_text(json.dumps(configuration))
    try:
        Terraform(directory, timeout=timeout).run("init")
    except TerraformError as error:
        return brief(str(error))
    return ""


def install_once(directory: Path) -> str:
    """As `install`, for all the processes that share `directory`: the first one does it, the others wait for it."""
    answer = directory / "answer"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            answer.write_text(install(directory))
        return answer.read_text()


def installed(directory: Path) -> Path:
    """Where `install` put the provider. The layout is that of a filesystem mirror."""
    return directory / ".terraform" / "providers"


def brief(said: str) -> str:
    """The first error among what Terraform said, without its frame and the advice that follows it."""
    plain = re.sub(r"(?m)^[│╷╵] ?", "", said)
    _, found, error = plain.partition("Error: ")
    paragraphs = re.split(r"\n\s*\n", error if found else plain)
    return textwrap.shorten(": ".join(" ".join(each.split()) for each in paragraphs[:2]), 400, placeholder=" …")
