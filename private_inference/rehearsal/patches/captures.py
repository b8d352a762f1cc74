"""Data capture: what SageMaker keeps of calls in S3, and what DescribeEndpoint tells of it.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html (place and form of the
files, and what is in a line) and https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataCaptureConfig.html
(share, key, types that are kept as text). AWS collects calls for minutes; here each has a file at once. Which way they
take to S3 is not published: here it is that of the model's artifact, from the instance through its VPC. Nobody is told
of calls that could not be kept.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlparse
from weakref import WeakKeyDictionary

from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends

from private_inference.rehearsal.object_writes import write_refusal
from private_inference.rehearsal.patches.fleet_facts import destination_at, find_role, way_to_s3
from private_inference.rehearsal.routing import next_in_turn

KEPT, LET_GO = "kept", "let go"

_credits: WeakKeyDictionary[Any, dict[str, float]] = WeakKeyDictionary()
"""What the capture of each endpoint (moto's) has coming to it."""


def is_kept(backend: Any, endpoint: Any) -> bool:
    """Whether it is the turn of a call of an endpoint (moto's) to be captured."""
    configured = _configured(backend, endpoint)
    share = configured.get("InitialSamplingPercentage", 0) / 100
    if not configured.get("EnableCapture", True) or not share:
        return False
    return next_in_turn({KEPT: share, LET_GO: 1 - share}, _credits.setdefault(endpoint, {})) == KEPT


def keep(backend: Any, endpoint: Any, fleet: Any, request: Any, answer: tuple[str, bytes]) -> None:
    """Write a call of a variant, and the type and body of its answer, into S3, if the execution role may."""
    configured, now = _configured(backend, endpoint), datetime.now(UTC)
    key, uri = configured.get("KmsKeyId"), _uri(configured, endpoint, fleet, now)
    if _refusal(backend, fleet, uri, key):
        return
    line = json.dumps(_line(configured, request, answer, now), separators=(",", ":"))
    where = urlparse(uri)
    s3_backends[backend.account_id][backend.partition].put_object(
        where.netloc,
        where.path.lstrip("/"),
        f"{line}\n".encode(),
        encryption="aws:kms" if key else None,
        kms_key_id=key,
    )


def refusal(backend: Any, endpoint: Any, fleet: Any) -> str:
    """Why the calls of a variant can't be kept now, in a few words; empty if they can, or nothing is to be kept."""
    configured = _configured(backend, endpoint)
    if not configured.get("EnableCapture", bool(configured)):
        return ""
    return _refusal(backend, fleet, _uri(configured, endpoint, fleet, datetime.now(UTC)), configured.get("KmsKeyId"))


def summary(configured: dict[str, Any]) -> dict[str, Any]:
    """What DescribeEndpoint tells of a configuration's capture (API_DataCaptureConfigSummary)."""
    enabled = configured.get("EnableCapture", True)
    told = {key: configured[key] for key in ("DestinationS3Uri", "KmsKeyId") if key in configured}
    status = {"EnableCapture": enabled, "CaptureStatus": "Started" if enabled else "Stopped"}
    return status | {"CurrentSamplingPercentage": configured["InitialSamplingPercentage"]} | told


def _configured(backend: Any, endpoint: Any) -> dict[str, Any]:
    """The DataCaptureConfig of the configuration that an endpoint is on."""
    configuration = backend.endpoint_configs.get(endpoint.endpoint_config_name)
    found: dict[str, Any] = getattr(configuration, "data_capture_config", None) or {}
    return found


def _uri(configured: dict[str, Any], endpoint: Any, fleet: Any, now: datetime) -> str:
    place = (
        f"{endpoint.endpoint_name}/{fleet.variant['VariantName']}/{now:%Y/%m/%d/%H/%M-%S}-{now.microsecond // 1000:03}"
    )
    return f"{configured['DestinationS3Uri'].rstrip('/')}/{place}-{mock_random.uuid4()}.jsonl"


def _refusal(backend: Any, fleet: Any, uri: str, key: str | None) -> str:
    role = find_role(backend, fleet.role_arn)
    if role is None:
        return f"the role {fleet.role_arn} is not there"
    to = destination_at(backend, uri, "aws:kms" if key else None, key)
    return write_refusal(backend.region_name, role, to, way_to_s3(backend, fleet.subnets))


def _line(configured: dict[str, Any], request: Any, answer: tuple[str, bytes], now: datetime) -> dict[str, Any]:
    modes = {option["CaptureMode"] for option in configured["CaptureOptions"]}
    parts = {}
    if modes & {"Input", "InputAndOutput"}:
        kind = request.headers.get("Content-Type", "")
        parts["endpointInput"] = _part(configured, "INPUT", kind, request.data)
    if modes & {"Output", "InputAndOutput"}:
        parts["endpointOutput"] = _part(configured, "OUTPUT", *answer)
    named = request.headers.get("X-Amzn-SageMaker-Inference-Id")
    event = {"eventId": str(mock_random.uuid4())} | ({"inferenceId": named} if named else {})
    return {
        "captureData": parts,
        "eventMetadata": event | {"inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"},
        "eventVersion": "0",
    }


def _part(configured: dict[str, Any], mode: str, kind: str, body: bytes) -> dict[str, str]:
    types = configured.get("CaptureContentTypeHeader") or {}
    text = {"CSV": types.get("CsvContentTypes", []), "JSON": types.get("JsonContentTypes", [])}
    encoding = next((name for name, kinds in text.items() if kind.partition(";")[0].strip() in kinds), "BASE64")
    data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode(errors="replace")
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}
