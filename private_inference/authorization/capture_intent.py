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
READ, DECRYPT = "s3:GetObject", "kms:Decrypt"


def protected(endpoint: EndpointSettings) -> tuple[str, ...]:
    """The resources that an endpoint's capture adds, by name."""
    return (_objects(endpoint.name), f"bucket {endpoint.name}-captured") if endpoint.data_capture else ()


def expectations(endpoint: EndpointSettings) -> Iterator[Expectation]:
    """What the execution role has to be able to do with them; nobody reads them but holders of a policy for that."""
    role, objects, why = f"role {endpoint.name}", _objects(endpoint.name), "SageMaker captures calls"
    yield Expectation(Expected.REQUIRED, role, WRITE, objects, S3, why)
    yield Expectation(Expected.REQUIRED, role, ENCRYPT, DATA, PUBLIC.name, "captured calls are encrypted")
    taken = "the role is SageMaker's alone, and from where it writes is up to SageMaker"
    yield Expectation(Expected.PERMITTED, role, WRITE, objects, why=taken)
    yield Expectation(Expected.PERMITTED, role, ENCRYPT, DATA, why=taken)
    yield Expectation(Expected.ASSUMED, ADMINISTRATOR, WRITE, objects, S3, _TRUSTED)
    if endpoint.data_capture and endpoint.data_capture.read_policy:
        yield from _readers(endpoint.name)


def _readers(endpoint: str) -> Iterator[Expectation]:
    """From the VPC they read, and S3 decrypts for them, from wherever it is."""
    who, objects, why = f"holders of {endpoint}-captured", _objects(endpoint), "whoever looks for drift reads"
    yield Expectation(Expected.REQUIRED, who, READ, objects, S3, why)
    yield Expectation(Expected.PERMITTED, who, READ, objects, "endpoint s3-interface", why)
    yield Expectation(Expected.REQUIRED, who, DECRYPT, DATA, PUBLIC.name, "captured calls are encrypted")
    yield Expectation(Expected.PERMITTED, who, DECRYPT, DATA, why="S3 asks for whoever reads")
    yield Expectation(Expected.PERMITTED, "role *", READ, objects, S3, "whoever has the policy")
    yield Expectation(Expected.ASSUMED, ADMINISTRATOR, READ, objects, S3, _READ_BY_OTHERS)


_TRUSTED = (
    "an administrator of this account may give roles of the stack the right to write captured calls through the S3 "
    "endpoint: the account's administrators are trusted"
)


_READ_BY_OTHERS = (
    "an administrator of this account may give anybody of it the right to read captured calls through the S3 endpoint: "
    "the account's administrators are trusted"
)


def _objects(endpoint: str) -> str:
    return f"objects of {endpoint}-captured"
