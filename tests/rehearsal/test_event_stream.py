"""AWS's event-stream framing, as botocore reads it."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from botocore.eventstream import EventStream
from botocore.exceptions import EventStreamError
from botocore.parsers import EventStreamJSONParser
from botocore.session import Session

from private_inference.rehearsal.event_stream import framed


class Raw(io.BytesIO):
    """The body of an answer, as urllib3 gives it."""

    def stream(self) -> Iterator[bytes]:
        while piece := self.read(7):
            yield piece


def read(parts: Iterable[bytes]) -> Iterator[Any]:
    """The events that an SDK finds in the answer with these parts."""
    body = b"".join(framed(parts, lambda error: str(error) if isinstance(error, RuntimeError) else None))
    model = Session().get_service_model("sagemaker-runtime").operation_model("InvokeEndpointWithResponseStream")
    shape: Any = model.get_event_stream_output()
    return iter(EventStream(Raw(body), shape, EventStreamJSONParser(), model.name))


def broken() -> Iterator[bytes]:
    yield b"once "
    raise RuntimeError("the model has no more words")


def test_each_part_is_an_event() -> None:
    parts = [b"once ", "upon a tïme".encode(), bytes(range(256)) * 300]
    assert [event["PayloadPart"]["Bytes"] for event in read([parts[0], b"", *parts[1:]])] == parts


def test_a_model_that_breaks_off_is_told_after_what_it_said() -> None:
    events = read(broken())
    assert next(events) == {"PayloadPart": {"Bytes": b"once "}}
    with pytest.raises(EventStreamError, match="the model has no more words") as raised:
        next(events)
    told: Any = raised.value.response
    assert told["Error"]["Code"] == "ModelStreamError"


def test_what_no_model_says_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        list(read(iter(lambda: bytes(1 // 0), b"")))
