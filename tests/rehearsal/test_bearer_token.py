"""Bearer tokens of SageMaker's: which are taken, and what is said of those that are not."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import botocore.auth
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from private_inference.rehearsal.bearer_token import Key, TokenError, check, key_id

KEY, NOW, REGION = Key("AKIAEXAMPLE", "sec/ret+x", "session/token+="), datetime(2026, 12, 1, 4, tzinfo=UTC), "eu-west-1"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: NOW.replace(tzinfo=None))


def token(seconds: int = 60, action: str = "CallWithBearerToken") -> str:
    host = "sagemaker.amazonaws.com"
    request = AWSRequest("POST", f"https://{host}/", {"host": host}, params={"Action": action})
    keys = Credentials(KEY.id, KEY.secret, KEY.session_token)
    SigV4QueryAuth(keys, "sagemaker", REGION, expires=seconds).add_auth(request)
    signed = f"{str(request.url).removeprefix('https://')}&Version=1"
    return f"sagemaker-api-key-{base64.b64encode(signed.encode()).decode()}"


def refusal(given: str, key: Key = KEY, region: str = REGION, after: float = 0) -> str:
    with pytest.raises(TokenError) as refused:
        check(given, region, key, lambda: NOW + timedelta(seconds=after))
    return str(refused.value)


def test_a_token_is_taken_until_it_expires() -> None:
    assert key_id(token()) == KEY.id
    check(token(), REGION, KEY, lambda: NOW + timedelta(seconds=59))
    assert "expired" in refusal(token(), after=60)


def test_a_token_is_of_its_region_and_credentials() -> None:
    assert "not for sagemaker in us-east-1" in refusal(token(), region="us-east-1")
    for other in (replace(KEY, secret="sec/ret+y"), replace(KEY, session_token="another")):
        assert "signature does not match" in refusal(token(), other)


def test_a_token_lives_for_twelve_hours_at_most() -> None:
    check(token(43200), REGION, KEY, lambda: NOW)
    assert "12 hours is the most" in refusal(token(43201))


def test_what_is_no_token_is_told() -> None:
    for given in ("", "x", "sagemaker-api-key-", token(action="ListEndpoints"), token()[18:]):
        assert "the token" in refusal(given)
