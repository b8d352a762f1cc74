"""What calls of a model have in common, whether it answers at once or later."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ReadTimeoutError
from botocore.exceptions import ConnectionError as NoConnectionError

READ_TIMEOUT = 70
"""Seconds. A container may take 60 s to answer, for which API_runtime_InvokeEndpoint asks for this socket timeout."""

CONFIG = Config(connect_timeout=3, read_timeout=READ_TIMEOUT, retries={"mode": "standard", "total_max_attempts": 4})


class CallError(Exception):
    """The call could not be made, or was refused; the message says what to do. It names no account and no key."""


@contextmanager
def explained(what: str, advice: Mapping[str, str], unreachable: str) -> Iterator[None]:
    """Turns boto3's errors into CallError. AWS's own texts are left out where they name accounts and identities."""
    try:
        yield
    except ClientError as error:
        response: Mapping[str, Any] = error.response
        code = response["Error"]["Code"]
        if code == "ModelError":
            status, message = response["OriginalStatusCode"], response["OriginalMessage"].strip()
            raise CallError(f"{what}: the model answered {status}: {message}") from None
        raise CallError(f"{what} was refused ({code}): {advice.get(code, 'see the AWS documentation.')}") from None
    except ReadTimeoutError:
        raise CallError(f"{what} gave no answer within {READ_TIMEOUT} s.") from None
    except (NoConnectionError, HTTPClientError):
        raise CallError(f"{what} can't be reached from here: {unreachable}") from None
    except (BotoCoreError, ValueError) as error:
        # No region, no credentials, an --endpoint-url that isn't a URL: boto3 says so itself, in one sentence.
        raise CallError(f"{what}: {error}") from None


def scores_of(endpoint: str, answer: bytes) -> list[float]:
    """The scores in an answer. Raises CallError."""
    try:
        return [prediction["score"] for prediction in json.loads(answer)["predictions"]]
    except (KeyError, TypeError, ValueError):
        raise CallError(f'The endpoint {endpoint} did not answer {{"predictions": [{{"score": …}}]}}.') from None
