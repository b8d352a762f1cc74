"""The registry of serving images."""

from pathlib import Path

import pulumi
import pytest

from components.image_registry import ImageRegistry
from components.storage import StorageArgs
from tests.support.recording import Recorded, record_part
from tests.support.stacks import HERE, minimal, settings

KEY = HERE.arn("kms", "key/data")


def registry(archive: Path, *, keep: bool = True) -> Recorded:
    read = settings(minimal(archive, artifacts={"untaggedImageDays": 14}))

    def program() -> None:
        args = StorageArgs(settings=read.artifacts, account=HERE, key_arn=KEY, protect=keep, keep=keep)
        made = ImageRegistry("images", args)
        pulumi.export("arn", made.arn)
        pulumi.export("url", made.url)

    return record_part(program)


@pytest.fixture(scope="module")
def kept(archive: Path) -> Recorded:
    return registry(archive)


def test_images_are_encrypted_with_the_stacks_key(kept: Recorded) -> None:
    assert kept.one("Repository").properties["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": KEY}]


def test_tags_are_immutable_and_images_are_scanned_when_pushed(kept: Recorded) -> None:
    properties = kept.one("Repository").properties
    assert properties["imageTagMutability"] == "IMMUTABLE"
    assert properties["imageScanningConfiguration"] == {"scanOnPush": True}


def test_untagged_images_expire_after_the_set_days(kept: Recorded) -> None:
    (rule,) = kept.one("Repository").properties["lifecyclePolicy"]["rules"]
    assert rule["tagStatus"] == "untagged"
    assert rule["maximumAgeLimit"] == 14


def test_whoever_pushes_images_knows_the_name(kept: Recorded) -> None:
    name = kept.one("Repository").properties["name"]
    assert name == "private-inference-test"
    assert kept.outputs["arn"] == HERE.arn("ecr", f"repository/{name}")
    assert kept.outputs["url"].endswith(f"/{name}")


@pytest.mark.parametrize("keep", [True, False])
def test_destroy_leaves_the_registry_unless_the_stack_says_otherwise(keep: bool, archive: Path) -> None:
    repository = registry(archive, keep=keep).one("Repository")
    assert repository.retain_on_delete == keep
    assert repository.protect == keep
    assert repository.properties["forceDelete"] is not keep
