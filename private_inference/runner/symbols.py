"""Ids, names and ARNs that AWS would choose, as symbols: so a preview knows whole documents that name them.

A program run with symbols can be read twice: with them, by what needs to know which resource a document names; and
without them (`without_symbols`), where each value that has one is unknown, as in `pulumi preview`. Only JSON documents
stay whole then: whatever AWS chooses, they say the same of everything else.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from private_inference.runner.aws_facts import partition_of
from private_inference.runner.preview import IDENTITY
from private_inference.runner.resource import Engine, Outputs, Resource, Run
from private_inference.runner.sdk import unknown

_SYMBOL = re.compile(r"~[0-9a-f]{8}~")

_ARN = "arn:{partition}:{service}:{region}:{account}:"
_CHOSEN: Mapping[str, Mapping[str, str]] = {
    "aws:ec2/vpc:Vpc": {"id": "vpc-{symbol}", "arn": _ARN + "vpc/{id}"},
    "aws:ec2/subnet:Subnet": {"id": "subnet-{symbol}", "arn": _ARN + "subnet/{id}"},
    "aws:ec2/securityGroup:SecurityGroup": {"id": "sg-{symbol}", "arn": _ARN + "security-group/{id}"},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"id": "vpce-{symbol}", "arn": _ARN + "vpc-endpoint/{id}"},
    "aws:kms/key:Key": {"keyId": "{symbol}", "id": "{keyId}", "arn": _ARN + "key/{id}"},
    "aws:s3/bucket:Bucket": {"bucket": "{symbol}", "id": "{bucket}", "arn": "arn:{partition}:s3:::{id}"},
    "aws:s3/accessPoint:AccessPoint": {"id": "{account}:{symbol}", "arn": _ARN + "accesspoint/{symbol}"},
    "aws:iam/role:Role": {
        "name": "{symbol}",
        "path": "/",
        "id": "{name}",
        "arn": "arn:{partition}:iam::{account}:role{path}{name}",
    },
    "aws:iam/policy:Policy": {
        "name": "{symbol}",
        "path": "/",
        "arn": "arn:{partition}:iam::{account}:policy{path}{name}",
        "id": "{arn}",
    },
    "aws:apigateway/restApi:RestApi": {
        "id": "{symbol}",
        "arn": "arn:{partition}:apigateway:{region}::/restapis/{id}",
        "executionArn": "arn:{partition}:execute-api:{region}:{account}:{id}",
    },
    "aws:organizations/policy:Policy": {"id": "p-{symbol}"},
    "aws:cloudwatch/logGroup:LogGroup": {
        "name": "{symbol}",
        "id": "{name}",
        "arn": "arn:{partition}:logs:{region}:{account}:log-group:{name}",
    },
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        "name": "{symbol}",
        "id": "{name}",
        "arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}",
    },
    "aws:sns/topic:Topic": {"name": "{symbol}", "arn": _ARN + "{name}", "id": "{arn}"},
    "aws:sqs/queue:Queue": {"name": "{symbol}", "arn": _ARN + "{name}"},
    "aws:lambda/function:Function": {"name": "{symbol}", "id": "{name}", "arn": _ARN + "function:{name}"},
    "aws:secretsmanager/secret:Secret": {"name": "{symbol}", "arn": _ARN + "secret:{name}-{symbol}", "id": "{arn}"},
    "aws:ecr/repository:Repository": {"name": "{symbol}", "id": "{name}", "arn": _ARN + "repository/{name}"},
    "aws:sagemaker/endpoint:Endpoint": {"name": "{symbol}", "id": "{name}", "arn": _ARN + "endpoint/{name}"},
}
"""By type: what AWS chooses unless the program does, each made of what comes before it."""


class SymbolEngine:
    """An `Engine` of the runner around one that creates nothing, which sees values with symbols as unknown.

    It sees documents as they are.
    """

    def __init__(self, engine: Engine, region: str) -> None:
        self._engine = engine
        self._region = region
        self._account = engine.invoke(IDENTITY, {})["accountId"]

    def create(self, resource: Resource) -> tuple[str | None, Outputs]:
        identity, _ = self._engine.create(masked(resource))
        chosen = self._chosen(resource)
        return chosen.pop("id", identity), {**resource.properties, **chosen}

    def invoke(self, token: str, args: Mapping[str, Any]) -> Outputs:
        return self._engine.invoke(token, args)

    def client(self, service: str) -> Any:
        return self._engine.client(service)

    def _chosen(self, resource: Resource) -> dict[str, str]:
        digest = hashlib.sha256(resource.urn.encode()).hexdigest()[:8]
        known = {
            "partition": partition_of(self._region),
            "service": resource.type.split(":")[1].split("/")[0],
            "region": self._region,
            "account": self._account,
            "symbol": f"{resource.name}~{digest}~",
        }
        found: dict[str, str] = {}
        for key, form in _CHOSEN.get(resource.type, {}).items():
            given = resource.properties.get(key)
            if given is not None and not isinstance(given, str):
                break  # the program's choice is not known either
            found[key] = given or form.format(**known, **found)
        return found


def without_symbols(run: Run) -> Run:
    """A run on a `SymbolEngine`, as a preview without symbols knows it."""
    return replace(
        run,
        resources=tuple(map(masked, run.resources)),
        remote_children=tuple(map(masked, run.remote_children)),
    )


def masked(resource: Resource) -> Resource:
    """The resource without what AWS chooses, and unknown each of its values that has a symbol and is no document.

    What follows from the program's own choice, such as the ARN of a role with a name, stays as it is.
    """
    chosen = _CHOSEN.get(resource.type, {})
    outputs = {
        key: _masked(value)
        for key, value in resource.outputs.items()
        if key in resource.properties or key not in chosen or not _has_symbol(value)
    }
    identity = None if chosen else resource.id
    return replace(resource, properties=_masked(resource.properties), outputs=outputs, id=identity)


def _has_symbol(value: Any) -> bool:
    return not isinstance(value, str) or bool(_SYMBOL.search(value))


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        is_document = value.startswith("{")
        return unknown() if _SYMBOL.search(value) and not is_document else value
    if isinstance(value, Mapping):
        return {key: _masked(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    return value
