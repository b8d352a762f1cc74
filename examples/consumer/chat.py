"""Ask a private language model by the OpenAI-compatible path, and have its words as they come.

`python chat.py --stack openai --endpoint assistant "Once upon a time"` needs what client.py needs: the app subnets with
the client group, and the invoke policy. The platform has to allow the path: `openaiUrl` in the contract. Whoever has
OpenAI's SDK uses that: `OpenAI(base_url=contract.endpoint(NAME).openai_url, api_key=bearer_token(contract.region))`.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
import urllib3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError
from calls import READ_TIMEOUT, CallError, explained
from client import RUNTIME_ADVICE, contract_of, parser_of
from contract import Contract, ContractError
from streaming import lines, printed, unreachable

TOKEN_SECONDS = 60
"""How long a token lives: one is made for each call. AWS takes up to 12 hours."""
HOST = "sagemaker.amazonaws.com"


def bearer_token(region: str, seconds: int = TOKEN_SECONDS) -> str:
    """A token of the credentials that boto3 finds, made without a call. It is a credential: keep and log none.

    The same as `generate_token` of AWS's sagemaker-core, whose install is large:
    https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html. Raises
    NoCredentialsError.
    """
    credentials: Any = boto3.Session().get_credentials()
    if credentials is None:
        raise NoCredentialsError
    request = AWSRequest("POST", f"https://{HOST}/", {"host": HOST}, params={"Action": "CallWithBearerToken"})
    SigV4QueryAuth(credentials.get_frozen_credentials(), "sagemaker", region, expires=seconds).add_auth(request)
    signed = f"{str(request.url).removeprefix('https://')}&Version=1"
    return f"sagemaker-api-key-{base64.b64encode(signed.encode()).decode()}"


def chat(
    contract: Contract,
    endpoint: str,
    messages: Sequence[Mapping[str, str]],
    *,
    max_tokens: int = 128,
    endpoint_url: str | None = None,
    token: str | None = None,
) -> Iterator[str]:
    """What a language model answers to messages (`role` and `content` each), piece by piece. Raises CallError."""
    try:
        target = contract.endpoint(endpoint)
    except ContractError as error:
        raise CallError(str(error)) from None
    if target.openai_url is None:
        raise CallError(f"The endpoint {endpoint} takes no bearer tokens: the platform has to allow openai.")
    base = f"{endpoint_url}/endpoints/{target.name}/openai/v1" if endpoint_url else target.openai_url
    asked = {"model": "", "messages": list(messages), "max_tokens": max_tokens, "stream": True}
    with explained(f"The endpoint {endpoint}", RUNTIME_ADVICE, unreachable(contract)):
        headers = {"Authorization": f"Bearer {token or bearer_token(contract.region)}"}
        headers |= {"Content-Type": "application/json", "Accept": "text/event-stream"}
    try:
        answer = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=3, read=READ_TIMEOUT)).request(
            "POST", f"{base}/chat/completions", headers=headers, body=json.dumps(asked).encode(), preload_content=False
        )
        if answer.status != 200:
            raise CallError(_refused(endpoint, answer.status))
        yield from _words(endpoint, lines(answer.stream()))
    except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
        raise CallError(f"The endpoint {endpoint} can't be reached from here: {unreachable(contract)}") from None
    except urllib3.exceptions.HTTPError as error:
        raise CallError(f"The endpoint {endpoint} broke its answer off: {type(error).__name__}.") from None


def _refused(endpoint: str, status: int) -> str:
    """AWS's own text is left out: it names accounts and identities."""
    if status in (401, 403):
        advice = "use a fresh token, the endpoint's invoke policy, and the VPC's runtime endpoint."
        return f"The endpoint {endpoint} refused the token ({status}): {advice}"
    return f"The endpoint {endpoint} answered {status}."


def _words(endpoint: str, events: Iterator[bytes]) -> Iterator[str]:
    """The texts in server-sent events of Chat Completions, up to the one that says that it is done."""
    for line in events:
        kind, _, data = line.partition(b":")
        if kind != b"data":
            continue
        if data.strip() == b"[DONE]":
            return
        try:
            for choice in json.loads(data)["choices"]:
                if text := choice["delta"].get("content"):
                    yield str(text)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CallError(f"The endpoint {endpoint} did not answer Chat Completions, event by event.") from None
    raise CallError(f"The endpoint {endpoint} broke its answer off before it was done.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the answer as it comes. Returns the exit code: 0, or 1 with the reason on stderr."""
    parser = parser_of("Ask a private language model by the OpenAI-compatible path.")
    parser.add_argument("--max-tokens", type=int, default=128, help="default: %(default)s")
    parser.add_argument("message", help="what the user says")
    given = parser.parse_args(arguments)
    messages = [{"role": "user", "content": given.message}]
    more = {"max_tokens": given.max_tokens, "endpoint_url": given.endpoint_url}
    return printed(lambda: chat(contract_of(given), given.endpoint, messages, **more))


if __name__ == "__main__":
    sys.exit(main())
