"""Calls from on premises, which only a rehearsal can make: of each endpoint, and by somebody who is not meant to."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from private_inference.rehearsal.operations import Operations
from private_inference.rehearsal.reach import reached_from_premises
from private_inference.verification import Check, Desired
from private_inference.verification.checks import Assertion, Result, evaluate
from private_inference.verification.controls import BOUNDARY
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import variants_of
from private_inference.verification.invocation import ACCEPTED, calls_of, judge, sample
from private_inference.verification.reader import Reader

if TYPE_CHECKING:
    from components.settings import EndpointSettings
    from components.settings.network import OnPremisesSettings
    from private_inference.rehearsal.embedded_aws import EmbeddedAws

ROLES_ANYWHERE = "rolesanywhere.amazonaws.com"
"""Who gives workloads outside AWS a role: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/introduction.html"""
STRANGERS = ("192.168.0.1", "172.16.0.1", "10.0.0.1", "10.255.255.1")
"""One of these is neither in the VPC nor, mostly, on premises."""

Reach = Callable[[], Mapping[str, str]]
"""Looks which VPC endpoints somebody reaches, by service."""


def called_from_premises(desired: Desired, settings: OnPremisesSettings, aws: EmbeddedAws) -> list[Check]:
    """A call of each endpoint from the first block on premises, and one from a block that is not let in."""
    return [evaluate(assertion) for assertion in _assertions(desired, settings, aws)]


def _assertions(desired: Desired, settings: OnPremisesSettings, aws: EmbeddedAws) -> Iterator[Assertion]:
    expect = partial(Assertion, "Call from on premises", controls=BOUNDARY)
    by_name = settings.inbound_resolver
    reach = partial(reached_from_premises, aws.client, desired.contract.vpc_id, by_name=by_name)
    client = str(IPv4Network(settings.cidrs[0])[1])
    how = "the service's name, which the inbound endpoint tells" if by_name else "the VPC endpoint's own name"
    stack = Deployed(desired, Reader(aws.client))
    for endpoint in desired.settings.endpoints:
        called = partial(_call, stack, endpoint, aws, partial(reach, client))
        yield expect(f"{endpoint.name} answers {client} by {how}", called)
    if stranger := _stranger(stack.vpc["CidrBlock"], settings):
        claim = f"{stranger}, which is in no block of theirs, reaches no endpoint"
        yield expect(claim, partial(_kept_out, partial(reach, stranger)))


def _stranger(vpc: str, settings: OnPremisesSettings) -> str | None:
    taken = [IPv4Network(block) for block in (vpc, *settings.cidrs)]
    return next((each for each in STRANGERS if not any(IPv4Network(each).overlaps(block) for block in taken)), None)


def _kept_out(reach: Reach) -> Result:
    reached = reach()
    return Result(", ".join(sorted(reached)) or "none", not reached)


def _call(stack: Deployed, endpoint: EndpointSettings, aws: EmbeddedAws, reach: Reach) -> Result:
    """The first variant's answer to a client with a role that has the endpoint's invoke policy."""
    from botocore.exceptions import ClientError

    called, reached = calls_of(variants_of(endpoint)[0], named=bool(endpoint.variants))[0], reach()
    sent = sample(stack, called)
    if stack.desired.runtime not in reached:
        return Result("the runtime endpoint is not reached", False)
    role = _role(aws, stack.desired.contract.endpoints[endpoint.name].invoke_policy_arn)
    runtime = _runtime(aws, Operations(aws.endpoint_url).credentials(role, ROLES_ANYWHERE, reached))
    body = {"ContentType": sent.content_type, "Accept": ACCEPTED, "Body": sent.body}
    try:
        answer = runtime.invoke_endpoint(EndpointName=endpoint.name, **body, **called.named)
        return judge(stack, called, answer["Body"].read())
    except ClientError as error:
        return Result(f"{error.response['Error']['Code']}: {error.response['Error']['Message']}", False)


def _role(aws: EmbeddedAws, policy: str) -> str:
    """The ARN of a role for clients outside AWS."""
    iam, name = aws.client("iam"), f"on-premises-client-{secrets.token_hex(4)}"
    trust = {"Effect": "Allow", "Principal": {"Service": ROLES_ANYWHERE}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    return str(made["Arn"])


def _runtime(aws: EmbeddedAws, keys: Mapping[str, str]) -> Any:
    import boto3
    from botocore.config import Config

    connect: Any = boto3.client
    return connect(
        "sagemaker-runtime",
        region_name=aws.region,
        endpoint_url=aws.endpoint_url,
        **{name.lower(): value for name, value in keys.items()},
        config=Config(retries={"total_max_attempts": 1}),
    )
