"""What is kept of an endpoint's calls, and where."""

from collections.abc import Iterator
from functools import partial

from components.settings import DataCaptureSettings, EndpointSettings
from private_inference.verification.checks import (
    AbsentError,
    Assertion,
    Result,
    equal,
    equal_sets,
    joined,
    result,
    short,
)
from private_inference.verification.controls import AT_REST, INTEGRITY, LEAST_PRIVILEGE
from private_inference.verification.data import bucket_assertions, expiry
from private_inference.verification.deployed import Deployed
from private_inference.verification.policies import statements

DECRYPT = "kms:Decrypt"
MODES = {"request": "Input", "response": "Output"}
TEXT = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json", "application/jsonlines"]}


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """Configuration and bucket of captured calls; that nothing is captured where nothing was asked for."""
    settings, name = endpoint.data_capture, endpoint.name
    if settings is None:
        yield Assertion(f"Endpoint {name}", "captures no calls", partial(_nothing, stack, name), AT_REST)
        return
    expect = partial(Assertion, f"Endpoint {name}, captured calls", controls=AT_REST)
    kept = " and ".join(f"{part}s" for part in settings.parts)
    yield expect(
        f"{settings.percent} % of the {kept} go into its bucket under the data key",
        partial(_configuration, stack, name, settings),
    )
    if settings.read_policy:
        claim = "whoever reads them has a policy for that alone, from the VPC"
        yield expect(claim, partial(_readers, stack, name), controls=LEAST_PRIVILEGE)
    yield expect("are being captured", partial(_started, stack, name, settings))
    yield from bucket_assertions(stack, expect, partial(bucket_of, stack, name))
    yield expect(
        f"go after {settings.retention_days} days",
        lambda: expiry(stack, bucket_of(stack, name), settings.retention_days),
        controls=INTEGRITY,
    )


def _readers(stack: Deployed, endpoint: str) -> Result:
    """What the policy for whoever reads allows."""
    promised = stack.desired.contract.endpoints[endpoint].captured
    if promised is None:
        raise AbsentError("the contract names none")
    desired, bucket = stack.desired, bucket_of(stack, endpoint)
    arn, key = f"arn:{desired.partition}:s3:::{bucket}", desired.contract.key_arns.data
    wanted = {("s3:GetObject", f"{arn}/*"), ("s3:ListBucket", arn), (DECRYPT, key)}
    allowing = [s for s in statements(stack.managed_policy(promised.read_policy_arn)) if s.allows]
    found = {(action, resource) for s in allowing for action in s.actions for resource in s.resources}
    said = equal_sets(*([f"{action} on {short(resource)}" for action, resource in pairs] for pairs in (found, wanted)))
    through = ("StringEquals", "kms:ViaService", f"s3.{desired.contract.region}.amazonaws.com")
    from_vpc = ("StringEquals", "aws:SourceVpc", desired.contract.vpc_id)
    loose = [s for s in allowing if not s.requires(*(through if DECRYPT in s.actions else from_vpc))]
    faults = [f"{joined(s.actions)} is not bounded to {'S3' if DECRYPT in s.actions else 'the VPC'}" for s in loose]
    return result(short(promised.read_policy_arn), [*said.faults, *faults])


def bucket_of(stack: Deployed, endpoint: str) -> str:
    """The bucket that an endpoint's configuration names, if it has the stack's tags and no other use."""
    bucket = stack.captures.get(endpoint)
    if bucket is None:
        raise AbsentError("its configuration names no bucket of the stack's own")
    return bucket


def _nothing(stack: Deployed, endpoint: str) -> Result:
    found = stack.configuration(endpoint).get("DataCaptureConfig")
    return Result(f"into {found['DestinationS3Uri']}" if found else "none", not found)


def _configuration(stack: Deployed, endpoint: str, settings: DataCaptureSettings) -> Result:
    found = stack.configuration(endpoint).get("DataCaptureConfig", {})
    types = found.get("CaptureContentTypeHeader", {})
    seen = {
        **found,
        "CaptureOptions": sorted(option["CaptureMode"] for option in found.get("CaptureOptions", [])),
        **{key: sorted(types.get(key, [])) for key in TEXT},
    }
    wanted = {
        "EnableCapture": True,
        "InitialSamplingPercentage": settings.percent,
        "DestinationS3Uri": f"s3://{bucket_of(stack, endpoint)}",
        "KmsKeyId": stack.desired.contract.key_arns.data,
        "CaptureOptions": sorted(MODES[part] for part in settings.parts),
    }
    return equal(seen, wanted | TEXT)


def _started(stack: Deployed, endpoint: str, settings: DataCaptureSettings) -> Result:
    found = stack.endpoint(endpoint).get("DataCaptureConfig", {})
    return equal(found, {"CaptureStatus": "Started", "CurrentSamplingPercentage": settings.percent})
