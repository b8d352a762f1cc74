"""Who may do what with captured calls, by the settings.

Like the rest of the intent, without the code that writes the documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from private_inference.authorization.everyone import ADMINISTRATOR
from private_inference.authorization.intent import Expectation, Expected
from private_inference.authorization.model import PUBLIC

if TYPE_CHECKING:
    from components.settings.endpoints import EndpointSettings

S3, DATA = "endpoint s3", "key data"
WRITE, ENCRYPT = "s3:PutObject", "kms:GenerateDataKey"


def protected(endpoint: EndpointSettings) -> tuple[str, ...]:
    """The resources that an endpoint's capture adds, by name."""
    return (_objects(endpoint.name), f"bucket {endpoint.name}-captured") if endpoint.data_capture else ()


def expectations(endpoint: EndpointSettings) -> Iterator[Expectation]:
    """What the execution role has to be able to do with them. Nobody reads them by what the stack gives."""
    role, objects, why = f"role {endpoint.name}", _objects(endpoint.name), "SageMaker captures calls"
    yield Expectation(Expected.REQUIRED, role, WRITE, objects, S3, why)
    yield Expectation(Expected.REQUIRED, role, ENCRYPT, DATA, PUBLIC.name, "captured calls are encrypted")
    taken = "the role is SageMaker's alone, and from where it writes is up to SageMaker"
    yield Expectation(Expected.PERMITTED, role, WRITE, objects, why=taken)
    yield Expectation(Expected.PERMITTED, role, ENCRYPT, DATA, why=taken)
    yield Expectation(Expected.ASSUMED, ADMINISTRATOR, WRITE, objects, S3, _TRUSTED)


_TRUSTED = (
    "an administrator of this account may give roles of the stack the right to write captured calls through the S3 "
    "endpoint: the account's administrators are trusted"
)


def _objects(endpoint: str) -> str:
    return f"objects of {endpoint}-captured"
