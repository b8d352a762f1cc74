"""Call a private model with boto3: `python client.py --stack dev --endpoint triage sample.csv`.

It must run where the platform's client security group lets it: in the app subnets (an EC2 instance, a container), or on
premises behind the platform's on-premises client CIDRs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from calls import CONFIG, CallError, explained, scores_of
from contract import Contract, ContractError, Endpoint
from later import MAX_REQUEST_BYTES, score_later

MAX_BODY_BYTES = 6_291_456
"""The most that InvokeEndpoint carries (API_runtime_InvokeEndpoint)."""

SSM_ADVICE = {
    "ParameterNotFound": "is the endpoint deployed by that stack, in this account and region?",
    "AccessDeniedException": "this identity needs ssm:GetParameter on it.",
}
RUNTIME_ADVICE = {
    "AccessDeniedException": "attach the contract's invokePolicyArn to this identity, and call through the VPC's "
    "runtime endpoint: the policy allows no other way.",
    "ValidationError": "it is not in service under that name, or runs no copy right now, which this call has had "
    "started: try again in some minutes, or ask the platform team.",
    "ThrottlingException": "it is at its limit; try later, or send more rows a request.",
    "ServiceUnavailable": "it has no capacity right now; try later.",
}


def contract_from_file(path: Path) -> Contract:
    """Raises CallError."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise CallError(f"The contract {path} can't be read: {error.strerror}.") from None
    except ValueError:
        raise CallError(f"The contract {path} is not JSON.") from None
    return read_document(document, str(path))


def contract_from_parameter(stack: str, endpoint: str, region: str | None) -> Contract:
    """The contract of one endpoint, which its stack keeps in SSM. Raises CallError."""
    name = f"/private-inference/{stack}/contract/{endpoint}"
    unreachable = "a private network needs the platform's `ssm` interface endpoint; or pass the contract as --contract."
    with explained(f"The parameter {name}", SSM_ADVICE, unreachable):
        answer = boto3.client("ssm", region_name=region, config=CONFIG).get_parameter(Name=name)
    return read_document(json.loads(answer["Parameter"]["Value"]), name)


def read_document(document: Any, source: str) -> Contract:
    if not isinstance(document, dict):
        raise CallError(f"{source}: the contract is not a JSON object.")
    try:
        return Contract.read(document)
    except ContractError as error:
        raise CallError(f"{source}: {error}") from None


def read_rows(path: Path, most: int = MAX_BODY_BYTES) -> bytes:
    """The file as the body of a request of at most so many bytes. Raises CallError."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise CallError(f"{path} can't be read: {error.strerror}.") from None
    if not body.strip():
        raise CallError(f"{path} has no rows.")
    if len(body) > most:
        raise CallError(f"{path} has {len(body):,} bytes, a request carries {most:,}: split it.")
    return body


def named(target: Endpoint, variant: str | None, component: str | None) -> dict[str, str]:
    """The parameters of a call that say which of an endpoint's models answers. Raises CallError."""
    if target.components:
        if component not in target.components or variant is not None:
            known = ", ".join(target.components)
            raise CallError(f"A call of {target.name} names one of its components (--component): {known}.")
        return {"InferenceComponentName": target.components[component]}
    if component is not None:
        raise CallError(f"The endpoint {target.name} has no components; call it without one.")
    if variant is not None and variant not in target.variants:
        raise CallError(f"The endpoint {target.name} has no variant {variant!r}; it has: {', '.join(target.variants)}.")
    return {"TargetVariant": variant} if variant else {}


def score(
    contract: Contract,
    endpoint: str,
    rows: bytes,
    endpoint_url: str | None = None,
    variant: str | None = None,
    model: str | None = None,
    container: str | None = None,
    component: str | None = None,
) -> list[float]:
    """The score for each row of a CSV body, in order; of one variant, if it is named. Raises CallError.

    Where the endpoint has several models in one container, several containers or components, one has to be named.
    """
    try:
        target = contract.endpoint(endpoint)
    except ContractError as error:
        raise CallError(str(error)) from None
    if target.mode != "real-time":
        raise CallError(f"The endpoint {endpoint} is {target.mode}: call it by later.score_later.")
    chosen = named(target, variant, component)
    chosen |= choice(endpoint, "TargetModel", target.target_models, model)
    chosen |= choice(endpoint, "TargetContainerHostname", target.target_containers, container)
    unreachable = (
        "run in the app subnets with the client security group; where private DNS names don't resolve, "
        f"pass --endpoint-url https://{contract.runtime_endpoint.dns_name}"
    )
    with explained(f"The endpoint {endpoint}", RUNTIME_ADVICE, unreachable):
        runtime = boto3.client(
            "sagemaker-runtime", region_name=contract.region, endpoint_url=endpoint_url, config=CONFIG
        )
        response = runtime.invoke_endpoint(
            EndpointName=target.name,
            ContentType="text/csv",
            Accept="application/json",
            Body=rows,
            **chosen,
        )
        answer = response["Body"].read()
    return scores_of(endpoint, answer)


def choice(endpoint: str, parameter: str, offered: Sequence[str], chosen: str | None) -> dict[str, str]:
    """What a call has to name of what an endpoint offers, as InvokeEndpoint takes it. Raises CallError."""
    if chosen is None and not offered:
        return {}
    if chosen not in offered:
        wrong = f"has no {chosen!r}" if chosen else "has to be told which one to ask"
        raise CallError(f"The endpoint {endpoint} {wrong}; there are: {', '.join(offered) or 'none to choose from'}.")
    return {parameter: str(chosen)}


def asked(contract: Contract, given: argparse.Namespace) -> list[float]:
    """The scores that a command asks for, at once or later, as the endpoint answers. Raises CallError."""
    target = contract.endpoints.get(given.endpoint)
    if target and target.mode == "asynchronous":
        if given.variant or given.model or given.container or given.component:
            raise CallError(
                f"The endpoint {given.endpoint} is asynchronous: its requests name no variant, nor a model."
            )
        rows = read_rows(given.rows, MAX_REQUEST_BYTES)
        return score_later(contract, given.endpoint, rows, wait=given.wait, endpoint_url=given.endpoint_url)
    rows, names = read_rows(given.rows), (given.variant, given.model, given.container, given.component)
    return score(contract, given.endpoint, rows, given.endpoint_url, *names)


def parser_of(description: str) -> argparse.ArgumentParser:
    """A command's arguments that say which endpoint of which stack it calls."""
    parser = argparse.ArgumentParser(description=description)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--stack", help="read the contract of this stack from SSM")
    source.add_argument("--contract", type=Path, metavar="FILE", help="read the contract from a JSON file")
    parser.add_argument("--endpoint", required=True, help="the endpoint's name in the contract")
    parser.add_argument("--region", help="where the contract's parameter is; default: the AWS configuration's")
    parser.add_argument("--endpoint-url", metavar="URL", help="the runtime endpoint's own URL; default: private DNS")
    return parser


def contract_of(given: argparse.Namespace) -> Contract:
    """The contract that a command's arguments name. Raises CallError."""
    if given.contract:
        return contract_from_file(given.contract)
    return contract_from_parameter(given.stack, given.endpoint, given.region)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one score a line. Returns the exit code: 0, or 1 with the reason on stderr."""
    parser = parser_of("Score CSV rows with a private model.")
    parser.add_argument(
        "--variant", help="the model to ask, where the endpoint has several; default: as they are weighed"
    )
    parser.add_argument("--component", help="the model to ask, where several share the endpoint's fleet")
    parser.add_argument(
        "--model", help="which of the models in one container, such as triage.tar.gz, where there are any"
    )
    parser.add_argument("--container", help="which of several containers, where there are any to choose from")
    parser.add_argument(
        "--wait", type=float, default=900, metavar="SECONDS", help="for an answer that comes later; default: 900"
    )
    parser.add_argument("rows", type=Path, metavar="CSV", help="one row a line, no header, no label")
    given = parser.parse_args(arguments)
    try:
        scores = asked(contract_of(given), given)
    except CallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{value}\n" for value in scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
