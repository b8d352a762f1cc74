"""The account that the embedded AWS is started for."""

import os

from moto.core.models import DEFAULT_ACCOUNT_ID


def own_account() -> str:
    """The account's id, as moto chooses it for requests."""
    return os.environ.get("MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID)


def own_address() -> str:
    """The URL at which this process serves AWS's API."""
    return f"http://127.0.0.1:{os.environ['MOTO_PORT']}"
