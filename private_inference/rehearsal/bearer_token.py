"""SageMaker's bearer tokens: a call of the action CallWithBearerToken, signed ahead of time, in Base64.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html (How the token works), and the
generator that AWS names there, `sagemaker.core.token_generator` (https://pypi.org/project/sagemaker-core/).
"""

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

PREFIX, HOST, ACTION = "sagemaker-api-key-", "sagemaker.amazonaws.com", "CallWithBearerToken"
LONGEST = timedelta(hours=12)


class TokenError(Exception):
    """A token that isn't taken; the message says why."""


@dataclass(frozen=True)
class Key:
    """Credentials as AWS knows them, by their id."""

    id: str
    secret: str
    session_token: str


def key_id(token: str) -> str:
    """The id of the credentials that a token was made of. Raises TokenError."""
    return _parsed(token)["X-Amz-Credential"].partition("/")[0]


def check(token: str, region: str, key: Key, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Raises TokenError for a token of another Region, that has expired, or that these credentials have not signed."""
    given = _parsed(token)
    _, day, *place = given["X-Amz-Credential"].split("/")
    if place != [region, "sagemaker", "aws4_request"]:
        raise TokenError(f"the token is for {'/'.join(place)}, not for sagemaker in {region}")
    try:
        made = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lives = timedelta(seconds=int(given["X-Amz-Expires"]))
    except ValueError:
        raise TokenError("the token says no time that it was made at, or none that it lives for") from None
    if not timedelta() < lives <= LONGEST:
        raise TokenError(f"the token lives for {lives}; 12 hours is the most")
    if now() >= made + lives:
        raise TokenError("the token has expired")
    if not hmac.compare_digest(_signature(given, region, key), given["X-Amz-Signature"]) or day != f"{made:%Y%m%d}":
        raise TokenError("the token's signature does not match")


def _parsed(token: str) -> dict[str, str]:
    try:
        url = urlsplit("https://" + base64.b64decode(token.removeprefix(PREFIX), validate=True).decode())
    except ValueError:
        raise TokenError("the token can't be read") from None
    given = {name: values[0] for name, values in parse_qs(url.query).items()}
    wanted = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature"}
    known = (url.netloc, given.get("Action"), given.get("Version"), given.get("X-Amz-SignedHeaders"))
    if not token.startswith(PREFIX) or known != (HOST, ACTION, "1", "host") or not wanted <= given.keys():
        raise TokenError(f"the token is no signed call of {ACTION}")
    if not re.fullmatch(r"[^/]+(/[^/]+){4}", given["X-Amz-Credential"]):
        raise TokenError("the token names no credentials")
    return given


def _signature(given: dict[str, str], region: str, key: Key) -> str:
    """What a key makes of the call that a token is: botocore's own arithmetic. `Version` is added after signing."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    if given.get("X-Amz-Security-Token", "") != key.session_token:
        return ""
    signed = {name: value for name, value in given.items() if name not in ("X-Amz-Signature", "Version")}
    request = AWSRequest("POST", f"https://{HOST}/", {"host": HOST}, params=signed)
    request.context["timestamp"] = given["X-Amz-Date"]
    auth = SigV4QueryAuth(Credentials(key.id, key.secret, key.session_token), "sagemaker", region)
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))
