"""Artifacts are read through the VPC: what the bucket and its key refuse, and that SageMaker's download still works."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from private_inference.rehearsal.fleet_needs import reading
from private_inference.rehearsal.iam_decision import Document, Request, Role, may, may_with_key
from tests.support.recording import ACCOUNT, REGION, Recorded, record, stack_config
from tests.support.stacks import minimal

DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/deployer"


@pytest.fixture(scope="module")
def bounded(archive: Path) -> Recorded:
    return record(stack_config(minimal(archive, perimeter={"deployers": [f"{DEPLOYER}*"], "dataThroughVpc": True})))


def policy(stack: Recorded, kind: str, name: str) -> Document:
    found: Document = json.loads(stack.one(kind, name).properties["policy"])
    return found


def role(stack: Recorded, arn: str = "") -> Role:
    """The execution role, or another principal that may read everything."""
    anything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    return Role(arn or stack.one("Role", "triage").outputs["arn"], {"Statement": []}, (anything,))


def reads(stack: Recorded, who: Role, **way: str) -> bool:
    request = reading(who, f"{stack.one('Bucket').outputs['arn']}/models/1/model.tar.gz", None)
    context = {"aws:viaawsservice": "false"} | {f"aws:{key}": value for key, value in way.items()}
    return may(
        who, replace(request, context={**request.context, **context}), policy(stack, "BucketPolicy", "artifacts")
    )


def test_sagemaker_and_the_deployers_read(bounded: Recorded) -> None:
    assert reads(bounded, role(bounded), sourcevpc=bounded.one("Vpc").id or "")
    assert reads(bounded, role(bounded), viaawsservice="true")
    assert reads(bounded, role(bounded, f"{DEPLOYER}-ci"))


def test_nobody_else_reads_from_elsewhere(bounded: Recorded) -> None:
    admin = role(bounded, f"arn:aws:iam::{ACCOUNT}:role/admin")
    assert reads(bounded, admin, sourcevpc=bounded.one("Vpc").id or "")
    assert not reads(bounded, role(bounded))
    assert not reads(bounded, role(bounded), sourcevpc="vpc-2")
    assert not reads(bounded, admin)
    assert not reads(bounded, admin, viaawsservice="true")


def test_the_data_key_decrypts_through_services_whatever_grants_there_are(bounded: Recorded) -> None:
    key = bounded.one("Key", "data")
    statements = [*policy(bounded, "Key", "data")["Statement"]]
    granted = {"Effect": "Allow", "Principal": {"AWS": role(bounded).arn}, "Action": "kms:Decrypt", "Resource": "*"}

    def decrypts(**context: str) -> bool:
        carried = {"kms:calleraccount": ACCOUNT, **{f"kms:{name}": value for name, value in context.items()}}
        asked = Request("kms:Decrypt", key.outputs["arn"], carried)
        return may_with_key(role(bounded), asked, {"Statement": [*statements, granted]})

    assert decrypts(viaservice=f"s3.{REGION}.amazonaws.com")
    assert not decrypts()


def test_by_default_nothing_of_it_is_there(least: Recorded) -> None:
    for kind, name in (("BucketPolicy", "artifacts"), ("Key", "data")):
        sids = {statement["Sid"] for statement in policy(least, kind, name)["Statement"]}
        assert not {sid for sid in sids if "Through" in sid} - {"UseThroughServices"}
