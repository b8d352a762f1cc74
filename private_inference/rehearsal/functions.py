"""Runs a Python function of AWS Lambda in a process of its own, with its role's credentials and what it can reach.

There is no sandbox: the code runs as whoever runs the embedded AWS, which is for the code of its own user.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from private_inference.graph.endpoint_services import FRONT_DOOR
from private_inference.rehearsal.embedded_aws import clients_at
from private_inference.rehearsal.operations import Operations
from private_inference.rehearsal.reach import reached_endpoints, reached_names
from private_inference.rehearsal.refused import RefusedError

INITIALISATION = 10
"""Seconds that a function's start may take beside its own time limit.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""
HOST = Path(__file__).with_name("function_host.py")
FIPS = "AWS_USE_FIPS_ENDPOINT"
"""The SDK refuses it beside AWS_ENDPOINT_URL."""


@dataclass(frozen=True)
class Outcome:
    """What an invocation answers: its payload, whether the function failed, and what it printed."""

    payload: bytes
    failed: bool
    log: str


def invoke(url: str, configuration: Mapping[str, Any], code: bytes, event: bytes) -> Outcome:
    """Run a function once in the embedded AWS at `url`; `configuration` is what `lambda:GetFunction` tells of it.

    Raises RefusedError where it has no Python runtime, or Lambda may not assume its role.
    """
    if not configuration["Runtime"].startswith("python"):
        told = f"The rehearsal runs Python functions only, and this is {configuration['Runtime']}."
        raise RefusedError(502, "InvalidRuntimeException", told)
    with tempfile.TemporaryDirectory(prefix="function-") as folder, zipfile.ZipFile(io.BytesIO(code)) as packed:
        task = Path(folder) / "task"
        packed.extractall(task)  # what its user made
        region, account = configuration["FunctionArn"].split(":")[3:5]
        reached = reached_endpoints(clients_at(url, region, account), configuration)
        environment = _environment(url, configuration, reached) | _resolving(url, configuration, reached, Path(folder))
        return _run(environment, configuration, task, event)


def _environment(url: str, configuration: Mapping[str, Any], reached: Mapping[str, str] | None) -> dict[str, str]:
    region = configuration["FunctionArn"].split(":")[3]
    given = configuration.get("Environment", {}).get("Variables", {})
    return {
        **{name: value for name, value in given.items() if name != FIPS},
        **Operations(url).credentials(configuration["Role"], "lambda.amazonaws.com", reached),
        "PATH": os.environ.get("PATH", ""),
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _resolving(
    url: str, configuration: Mapping[str, Any], reached: Mapping[str, str] | None, folder: Path
) -> dict[str, str]:
    """How the function's process finds the private names that it reaches, and whom it trusts to vouch for them."""
    vpc, happen = (configuration.get("VpcConfig") or {}).get("VpcId"), Operations(url)
    names = happen.names(vpc) if vpc and reached and FRONT_DOOR in reached else {}
    if vpc and (balanced := happen.balanced_names(vpc)):
        region, account = configuration["FunctionArn"].split(":")[3:5]
        placed = {name: interfaces for name, (_, interfaces) in balanced.items()}
        answering = reached_names(clients_at(url, region, account), configuration, placed)
        names |= {name: balanced[name][0] for name in answering}
    if not names:
        return {}
    from private_inference.rehearsal.authority import trusted

    authority = folder / "authority.pem"
    authority.write_bytes(trusted())
    return {"REHEARSAL_NAMES": json.dumps(names), "SSL_CERT_FILE": str(authority)}


def _run(environment: Mapping[str, str], configuration: Mapping[str, Any], task: Path, event: bytes) -> Outcome:
    answer = task.with_name("answer")
    command = [sys.executable, str(HOST), configuration["Handler"], str(answer)]
    limit = configuration["Timeout"]
    try:
        ran = subprocess.run(
            command,
            input=event or b"{}",
            cwd=task,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INITIALISATION + limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _failure("Sandbox.Timedout", f"Task timed out after {limit}.00 seconds", "")
    log = ran.stdout.decode(errors="replace")
    if not answer.exists():
        return _failure("Runtime.ExitError", f"Runtime exited with error: exit status {ran.returncode}", log)
    return Outcome(answer.read_bytes(), ran.returncode != 0, log)


def _failure(kind: str, message: str, log: str) -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), True, log)
