"""Stacks for tests: the smallest one, and those that the repository ships."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.iam import Account
from components.settings import Settings, parse
from private_inference.runner.project import StackConfig, load_stack
from tests.support.recording import ACCOUNT, REGION, ROOT, stack_config

PROJECT = "private-inference"
HERE = Account(partition="aws", region=REGION, id=ACCOUNT)
BUILT_MODEL = "examples/model/build/model.tar.gz"
"""Where the stacks of the repository find their model once it is built."""


def endpoint(archive: Path, **changes: Any) -> dict[str, Any]:
    """The least that an entry of `endpoints` says."""
    image = {"framework": "xgboost", "version": "3.0-5"}
    model = {"artifact": str(archive), "image": image}
    return {"name": "triage", "model": model, "instanceType": "ml.m5.large"} | changes


def variant(archive: Path, name: str, **changes: Any) -> dict[str, Any]:
    """The least that an entry of an endpoint's `variants` says."""
    return endpoint(archive, name=name) | changes


def component(archive: Path, name: str, **changes: Any) -> dict[str, Any]:
    """The least that an entry of an endpoint's `components` says."""
    return {"name": name, "model": model(archive), "memoryMb": 1024} | changes


def fleet(archive: Path, *components: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An entry of `endpoints` with components, or two of them."""
    several = list(components) or [component(archive, "main"), component(archive, "spare")]
    return {"name": "triage", "instanceType": "ml.m5.xlarge", "components": several} | changes


def model(archive: Path, **changes: Any) -> dict[str, Any]:
    """The model of such an entry."""
    least: dict[str, Any] = endpoint(archive)["model"]
    return least | changes


def minimal(archive: Path, **changes: Any) -> dict[str, Any]:
    """The least that a stack's file says."""
    return {"owner": "ml-platform", "costCenter": "research", "endpoints": [endpoint(archive)]} | changes


DOMAIN = "models.example.internal"
CERTIFICATE = HERE.arn("acm", "certificate/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")
WEB_ACL = HERE.arn("wafv2", "regional/webacl/models/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")


AUTHORIZER = {
    "unsignedBecause": "the devices have tokens and can't sign for AWS",
    "functionArn": HERE.arn("lambda", "function:judge-tokens"),
}


def front_door(**changes: Any) -> dict[str, Any]:
    """The least that `frontDoor` says, with a certificate that exists."""
    return {"domainName": DOMAIN, "certificateArn": CERTIFICATE} | changes


AUTHORITIES = ROOT / "examples/stacks/load-balancer/client-authorities.pem"
FORWARDER = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/forwarder@sha256:{'0a' * 32}"


def balanced(door: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The least that a stack with a load balancer says beside its endpoints; `door` changes its `frontDoor`."""
    balancer = {
        "unsignedBecause": "the devices can't sign for AWS",
        "clientAuthorities": str(AUTHORITIES),
        "forwarder": FORWARDER,
    }
    opened = front_door(loadBalancer=balancer | changes, **(door or {}))
    return {"frontDoor": opened, "privateAccess": {"interfaceEndpoints": ["ecr.api", "ecr.dkr", "logs"]}}


def neighbour(**changes: Any) -> dict[str, Any]:
    """The least that an entry of `callers` says: another VPC of the account."""
    return {"name": "billing", "vpcEndpoints": ["vpce-0b1c2d3e4f5061728"]} | changes


def existing_vpc(**changes: Any) -> dict[str, Any]:
    """The least that `network.existing` says, and what else of `network` goes with it."""
    subnets = {
        tier: [f"subnet-0a1b2c3d4e5f60{letter}0{n}" for n in (1, 2)] for tier, letter in zip(TIERS, "abc", strict=True)
    }
    existing = {"vpcId": "vpc-0a1b2c3d4e5f60718", "subnets": subnets, "routeTables": ["rtb-0a1b2c3d4e5f60718"]}
    return {"existing": existing | changes, "rejectionAlarmOffBecause": "the network team watches its flow logs"}


TIERS = ("app", "access", "model")
OTHERS = "210987654321"


def foreigner(**changes: Any) -> dict[str, Any]:
    """The least that an entry of `callers` says of another account."""
    given = {
        "name": "research",
        "account": OTHERS,
        "principals": [f"arn:aws:iam::{OTHERS}:role/scoring"],
        "externalId": "research-scores-triage",
        "vpcEndpoints": ["vpce-0c1d2e3f405162738"],
        "stsVpcEndpoints": ["vpce-0d1e2f30415263748"],
    }
    return given | changes


def settings(values: Mapping[str, Any]) -> Settings:
    """What the program reads from such a file."""
    return parse(PROJECT, stack_config(values).values)


def shipped(stack: str, archive: Path) -> StackConfig:
    """A stack of the repository, with another model than the one that `make model` builds."""
    config = load_stack(ROOT, stack)
    key = f"{PROJECT}:endpoints"
    assert BUILT_MODEL in config.values[key]
    return replace(config, values={**config.values, key: config.values[key].replace(BUILT_MODEL, str(archive))})
