"""The quotas that a stack counts against, as AWS publishes them: published.json, whose defaults `refresh` writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from private_inference.runner.aws_facts import partition_of

FILE = Path(__file__).with_name("published.json")
ON_ENDPOINTS = " for endpoint usage"
"""What SageMaker's quota of an instance type is called, after the type."""


@dataclass(frozen=True)
class Quota:
    """A quota of an account in a Region.

    code: its code in Service Quotas (`L-…`); a name of ours for one that isn't listed there; empty for one that is
        found by its name.
    default: None where AWS gives accounts different values, as SageMaker does for instances.
    whole_account: whether everything in the account counts against it, not what one VPC, group or role has.
    """

    service: str
    code: str
    name: str
    default: float | None
    adjustable: bool
    whole_account: bool

    @property
    def listed(self) -> bool:
        """Whether Service Quotas knows it."""
        return not self.code or self.code.startswith("L-")

    def asked_in(self, region: str) -> str:
        """The Region in which Service Quotas has it. IAM's are the same in all Regions, and kept in one.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        """
        return "us-east-1" if self.service == "iam" and partition_of(region) == "aws" else region


@cache
def read() -> Mapping[str, Any]:
    """The file."""
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


@cache
def _quotas() -> Mapping[str, Quota]:
    return {each["code"]: Quota(**each) for each in read()["quotas"]}


def quota(code: str) -> Quota:
    """A quota by its code."""
    return _quotas()[code]


def instances_of(instance_type: str) -> Quota:
    """The quota of an instance type on all endpoints together.

    Its default differs by account: https://docs.aws.amazon.com/sagemaker/latest/dg/regions-quotas.html
    """
    return Quota("sagemaker", "", f"{instance_type}{ON_ENDPOINTS}", None, adjustable=True, whole_account=True)
