"""Reads AWS: each call once, whoever asks for it, to its last page."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from private_inference.verification.checks import AbsentError, UnreadableError

ABSENT = ("NoSuch", "NotFound", "NotFoundException", "DoesNotExist", "Malformed")
"""Parts of the error codes with which AWS says that something is not there."""


UNANSWERED = ("ModelError", "ModelStreamError", "ModelNotReadyException", "InternalDependencyException")
"""Error codes with which SageMaker Runtime says that a model did not answer.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_ResponseStream.html
"""


class Reader:
    """The reads of one verification. `client` gives the boto3 client of a service; each is asked for once.

    Every method raises AbsentError where AWS says that there is no such thing, and UnreadableError where it does not
    let us see: access denied, throttled, not reachable.
    """

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = cache(client)
        self._answers: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of a service, for what is no read. Its own errors are raised."""
        return self._client(service)

    def get(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """The answer to one call."""
        answer: Mapping[str, Any] = self._once(service, operation, parameters, lambda call: call(**parameters))
        return answer

    def all(self, service: str, operation: str, member: str, **parameters: Any) -> list[Any]:
        """What an answer lists under `member`, over all its pages."""

        def pages(call: Callable[..., Any]) -> list[Any]:
            client = self._client(service)
            if not client.can_paginate(operation):
                return _all_pages(call, member, parameters)
            found = client.get_paginator(operation).paginate(**parameters)
            return [item for page in found for item in page.get(member, [])]

        listed: list[Any] = self._once(service, operation, parameters, pages)
        return listed

    def stream(self, service: str, operation: str, member: str, size: int, **parameters: Any) -> Iterator[bytes]:
        """A body, in pieces of at most `size` bytes. It is not kept."""
        try:
            yield from getattr(self._client(service), operation)(**parameters)[member].iter_chunks(size)
        except (ClientError, BotoCoreError) as error:
            raise explain(error) from None

    def events(self, service: str, operation: str, member: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """An event stream, as it comes. It is not kept."""
        try:
            yield from getattr(self._client(service), operation)(**parameters)[member]
        except (ClientError, BotoCoreError) as error:
            raise explain(error) from None

    def _once(
        self, service: str, operation: str, parameters: Mapping[str, Any], read: Callable[[Callable[..., Any]], Any]
    ) -> Any:
        key = json.dumps([service, operation, parameters], sort_keys=True)
        if key not in self._answers:
            try:
                self._answers[key] = read(getattr(self._client(service), operation))
            except (ClientError, BotoCoreError) as error:
                self._answers[key] = explain(error)
        found = self._answers[key]
        if isinstance(found, Exception):
            raise found
        return found


def _all_pages(call: Callable[..., Any], member: str, parameters: Mapping[str, Any]) -> list[Any]:
    """What the pages list of an operation that the SDK has no paginator for."""
    page = call(**parameters)
    listed = list(page.get(member, []))
    while token := page.get("NextToken"):
        page = call(**parameters, NextToken=token)
        listed += page.get(member, [])
    return listed


def explain(error: ClientError | BotoCoreError) -> AbsentError | UnreadableError:
    """What an error of AWS means for a question."""
    if isinstance(error, BotoCoreError):
        return UnreadableError(f"AWS could not be asked: {error}")
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    said = f"{error.operation_name}: {code}"
    # SageMaker says it in the message: "Could not find endpoint …", "Endpoint … of account … not found."
    in_words = code.startswith("Validation") and ("Could not find" in message or "not found" in message)
    if in_words or code == "404" or any(part in code for part in ABSENT):
        return AbsentError(f"does not exist ({said})")
    if code in UNANSWERED:
        return AbsentError(f"no answer ({said})")
    return UnreadableError(f"could not be read ({said})")
