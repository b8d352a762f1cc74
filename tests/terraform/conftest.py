"""Exports of small programs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from private_inference.runner.project import load_stack
from private_inference.terraform.export import export_terraform

ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "123456789012", "id": "123456789012"},
    "aws:index/getRegion:getRegion": {"id": "eu-west-1", "name": "eu-west-1", "region": "eu-west-1"},
    "aws:index/getAvailabilityZones:getAvailabilityZones": {"names": ["eu-west-1b", "eu-west-1a"], "zoneIds": ["x"]},
    "aws:ec2/getInstanceType:getInstanceType": {
        "instanceType": "m5.large",
        "defaultVcpus": 2,
        "instanceStorageSupported": False,
        "memorySize": 16384,
    },
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": {"locations": ["eu-west-1b", "eu-west-1a"]},
    "aws:ec2/getSubnets:getSubnets": {"ids": ["subnet-1"]},
    "aws:ec2/getSubnet:getSubnet": {"availabilityZone": "eu-west-1b", "cidrBlock": "10.0.0.0/21"},
}


def answer(token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
    return ANSWERS[token]


@dataclass(frozen=True)
class Exported:
    """What an export has written."""

    out: Path

    def document(self, name: str) -> Any:
        return json.loads((self.out / name).read_text())

    def resource(self, address: str) -> dict[str, Any]:
        kind, label = address.split(".")
        found: dict[str, Any] = self.document("main.tf.json")["resource"][kind][label]
        return found

    def data(self, address: str) -> dict[str, Any]:
        kind, label = address.split(".")
        found: dict[str, Any] = self.document("main.tf.json")["data"][kind][label]
        return found

    def files(self) -> dict[str, bytes]:
        paths = (path for path in self.out.rglob("*") if path.is_file())
        return {path.relative_to(self.out).as_posix(): path.read_bytes() for path in paths}


class Export(Protocol):
    def __call__(
        self, source: str, *, stack: str = "test", out: str = "out", region: str = "eu-west-1"
    ) -> Exported: ...


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Exports a program, given as its source."""

    def run(source: str, *, stack: str = "test", out: str = "out", region: str = "eu-west-1") -> Exported:
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        (project / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
        (project / f"Pulumi.{stack}.yaml").write_text(f"config:\n  aws:region: {region}\n")
        (project / "__main__.py").write_text(f"import json\nimport pulumi\nimport pulumi_aws as aws\n{source}")
        export_terraform(load_stack(project, stack), tmp_path / out, answer)
        return Exported(tmp_path / out)

    return run
