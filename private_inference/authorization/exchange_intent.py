"""Who may do what with the requests and answers of an asynchronous endpoint, by the settings.

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

S3, DATA, NOTIFICATIONS = "endpoint s3", "key data", "key notifications"
USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")
READ, WRITE = "s3:GetObject", "s3:PutObject"


def protected(endpoint: EndpointSettings) -> tuple[str, ...]:
    """The resources that an asynchronous endpoint adds, by name."""
    if endpoint.asynchronous is None:
        return ()
    return (_objects(endpoint.name), f"bucket {endpoint.name}-requests", *_topics(endpoint))


def expectations(endpoint: EndpointSettings) -> Iterator[Expectation]:
    """What callers and the execution role have to be able to do with them, and nobody else."""
    name, objects, role = endpoint.name, _objects(endpoint.name), f"role {endpoint.name}"
    callers = f"holders of {name}"
    for action in (READ, WRITE):
        why = "clients put requests and read answers"
        yield Expectation(Expected.REQUIRED, callers, action, objects, S3, why)
        yield Expectation(Expected.PERMITTED, callers, action, objects, "endpoint s3-interface", why)
        yield Expectation(Expected.REQUIRED, role, action, objects, S3, "SageMaker reads requests and writes answers")
        taken = "the role is SageMaker's alone, and from where it does that is up to SageMaker"
        yield Expectation(Expected.PERMITTED, role, action, objects, why=taken)
        held = "whoever has the policy"
        yield Expectation(Expected.PERMITTED, "role *", action, objects, S3, held)
        yield Expectation(Expected.ASSUMED, ADMINISTRATOR, action, objects, S3, _TRUSTED)
    # To decrypt, the role needs the same for the model's artifact.
    for who, action in (*((callers, use) for use in USE_KEY), (role, "kms:GenerateDataKey")):
        yield Expectation(Expected.REQUIRED, who, action, DATA, PUBLIC.name, "requests and answers are encrypted")
        yield Expectation(Expected.PERMITTED, who, action, DATA, why="S3 asks for whoever reads and writes")
    for topic in _topics(endpoint):
        yield Expectation(Expected.REQUIRED, role, "sns:Publish", topic, PUBLIC.name, "outcomes are told")
        yield Expectation(Expected.PERMITTED, role, "sns:Publish", topic, why="from where is up to SageMaker")
        for action in USE_KEY:
            yield Expectation(Expected.REQUIRED, role, action, NOTIFICATIONS, PUBLIC.name, "outcomes are encrypted")
            yield Expectation(Expected.PERMITTED, role, action, NOTIFICATIONS, why="SNS asks for whoever publishes")


_TRUSTED = (
    "an administrator of this account may give anybody of it the right to put requests and read answers through the "
    "S3 endpoint: the account's administrators are trusted"
)


def _objects(endpoint: str) -> str:
    return f"objects of {endpoint}-requests"


def _topics(endpoint: EndpointSettings) -> tuple[str, ...]:
    told = endpoint.asynchronous.notifications if endpoint.asynchronous else ()
    return tuple(f"topic {endpoint.name}-{outcome}" for outcome in told)
