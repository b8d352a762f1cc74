"""Call a private language model, and have its words as they come.

`python streaming.py --stack llm --endpoint assistant "Once upon a time"` needs what client.py needs: the app subnets
with the client group, and the invoke policy. The platform has to allow answers in parts: `streaming` in the contract.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import EventStreamError
from calls import CONFIG, CallError, explained
from client import RUNTIME_ADVICE, contract_of, parser_of
from contract import Contract, ContractError
from urllib3.exceptions import HTTPError


def stream(
    contract: Contract,
    endpoint: str,
    body: bytes,
    *,
    content_type: str = "application/json",
    accept: str = "application/jsonlines",
    endpoint_url: str | None = None,
) -> Iterator[bytes]:
    """The answer to one request, part by part; where a part ends means nothing. Raises CallError, also in between.

    SageMaker may be silent for calls.READ_TIMEOUT seconds between two parts.
    """
    try:
        target = contract.endpoint(endpoint)
    except ContractError as error:
        raise CallError(str(error)) from None
    if not target.streaming:
        raise CallError(f"The endpoint {endpoint} answers whole only: the platform has to allow streaming.")
    with explained(f"The endpoint {endpoint}", RUNTIME_ADVICE, unreachable(contract)), whole(endpoint):
        runtime: Any = boto3.client(
            "sagemaker-runtime", region_name=contract.region, endpoint_url=endpoint_url, config=CONFIG
        )
        answer = runtime.invoke_endpoint_with_response_stream(
            EndpointName=target.name, ContentType=content_type, Accept=accept, Body=body
        )
        for event in answer["Body"]:
            yield event["PayloadPart"]["Bytes"]


def unreachable(contract: Contract) -> str:
    """What to do where no way leads to the runtime endpoint."""
    return (
        "run in the app subnets with the client security group; where private DNS names don't resolve, "
        f"pass --endpoint-url https://{contract.runtime_endpoint.dns_name}"
    )


@contextmanager
def whole(endpoint: str) -> Iterator[None]:
    """Says of an answer that breaks off in between why: AWS tells it as an event, the connection by ending."""
    try:
        yield
    except EventStreamError as error:
        told: Any = error.response["Error"]
        raise CallError(f"The endpoint {endpoint} broke its answer off ({told['Code']}): {told['Message']}") from None
    except HTTPError as error:
        raise CallError(f"The endpoint {endpoint} broke its answer off: {type(error).__name__}.") from None


def lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of an answer, each when it is whole: SageMaker cuts parts anywhere."""
    rest = b""
    for part in parts:
        *ended, rest = (rest + part).split(b"\n")
        yield from ended
    if rest:
        yield rest


def generate(
    contract: Contract, endpoint: str, prompt: str, *, max_new_tokens: int = 128, endpoint_url: str | None = None
) -> Iterator[str]:
    """What a language model goes on to say, piece by piece as it says it. Raises CallError.

    The request and the lines of the answer are those of AWS's LMI containers:
    https://docs.djl.ai/master/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html
    """
    request = {"inputs": prompt, "parameters": {"max_new_tokens": max_new_tokens}, "stream": True}
    for line in lines(stream(contract, endpoint, json.dumps(request).encode(), endpoint_url=endpoint_url)):
        if not line.strip():
            continue
        try:
            yield str(json.loads(line)["token"]["text"])
        except (ValueError, KeyError, TypeError):
            raise CallError(
                f'The endpoint {endpoint} did not answer {{"token": {{"text": …}}}} on each line.'
            ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the text as it comes. Returns the exit code: 0, or 1 with the reason on stderr."""
    parser = parser_of("Have a private language model go on with a text.")
    parser.add_argument("--max-new-tokens", type=int, default=128, help="default: %(default)s")
    parser.add_argument("prompt", help="what the text begins with")
    given = parser.parse_args(arguments)
    more = {"max_new_tokens": given.max_new_tokens, "endpoint_url": given.endpoint_url}
    return printed(lambda: generate(contract_of(given), given.endpoint, given.prompt, **more))


def printed(answer: Callable[[], Iterator[str]]) -> int:
    """Print an answer's pieces as they come. Returns the exit code: 0, or 1 with the reason on stderr."""
    try:
        for piece in answer():
            sys.stdout.write(piece)
            sys.stdout.flush()
    except CallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
