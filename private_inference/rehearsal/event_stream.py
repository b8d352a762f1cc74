"""The answer of InvokeEndpointWithResponseStream: parts of a model's answer in AWS's event-stream framing.

A message is its length and that of its headers, a checksum of both, the headers, a payload, and a checksum of all:
https://smithy.io/2.0/aws/amazon-eventstream.html. The events are those of
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_ResponseStream.html.
"""

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
"""The type of a header's value that is text."""
BROKEN = "StreamBroken"
"""ErrorCode of a ModelStreamError whose model stopped before its answer's end."""


def framed(parts: Iterable[bytes], failure: Callable[[Exception], str | None]) -> Iterator[bytes]:
    """A message for each part, as it comes. `failure` says why an error of the model's broke its answer off.

    Then the last message is a ModelStreamError. Raises what `failure` has no words for.
    """
    try:
        for part in parts:
            if part:
                yield _message(
                    {":message-type": "event", ":event-type": "PayloadPart"}, part, "application/octet-stream"
                )
    except Exception as error:
        told = failure(error)
        if told is None:
            raise
        payload = json.dumps({"Message": told, "ErrorCode": BROKEN}).encode()
        kind = {":message-type": "exception", ":exception-type": "ModelStreamError"}
        yield _message(kind, payload, "application/json")


def _message(headers: Mapping[str, str], payload: bytes, content_type: str) -> bytes:
    packed = b"".join(_header(*each) for each in [*headers.items(), (":content-type", content_type)])
    # Two lengths and their checksum come before, one checksum after.
    lengths = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    checked = lengths + struct.pack(">I", crc32(lengths)) + packed + payload
    return checked + struct.pack(">I", crc32(checked))


def _header(name: str, value: str) -> bytes:
    key, content = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", STRING, len(content)) + content
