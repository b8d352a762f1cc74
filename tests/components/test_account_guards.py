"""Guards of the account: those that the settings name, and none of them goes with the stack."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.recording import REGION, Recorded, record, stack_config
from tests.support.stacks import minimal

KEY = f"arn:aws:kms:{REGION}:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
GUARDS: dict[str, tuple[Any, dict[str, dict[str, Any]]]] = {
    "vpcBlockPublicAccess": (
        "block-ingress",
        {"VpcBlockPublicAccessOptions": {"internetGatewayBlockMode": "block-ingress"}},
    ),
    "ebsDefaultKeyArn": (KEY, {"DefaultKmsKey": {"keyArn": KEY}, "EncryptionByDefault": {"enabled": True}}),
    "ebsSnapshotBlockPublicAccess": (True, {"SnapshotBlockPublicAccess": {"state": "block-all-sharing"}}),
    "s3BlockPublicAccess": (
        True,
        {
            "AccountPublicAccessBlock": dict.fromkeys(
                ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
            )
        },
    ),
}
TYPES = {kind for _, made in GUARDS.values() for kind in made}


def guards(archive: Path, **settings: Any) -> Recorded:
    return record(stack_config(minimal(archive, accountGuards=settings)))


def found(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """The guards by the last part of their type, with what the program gives them."""
    named = {each.type.rpartition(":")[2]: dict(each.properties) for each in recorded.run.all_resources}
    return {kind: properties for kind, properties in named.items() if kind in TYPES}


def test_by_default_none_is_the_stacks(archive: Path) -> None:
    assert found(guards(archive)) == {}


@pytest.mark.parametrize("setting", GUARDS)
def test_a_setting_makes_its_guard_and_no_other(archive: Path, setting: str) -> None:
    value, made = GUARDS[setting]
    assert found(guards(archive, **{setting: value})) == made


def test_all_of_them_stay_when_the_stack_goes(archive: Path) -> None:
    recorded = guards(archive, **{setting: value for setting, (value, _) in GUARDS.items()})
    made = [each for each in recorded.run.all_resources if each.type.rpartition(":")[2] in TYPES]
    assert len(made) == len(TYPES)
    assert all(each.retain_on_delete for each in made)


def test_no_volume_is_encrypted_with_awss_own_key_meanwhile(archive: Path) -> None:
    recorded = guards(archive, ebsDefaultKeyArn=KEY)
    key, encryption = (recorded.one(kind) for kind in ("DefaultKmsKey", "EncryptionByDefault"))
    assert key.urn in encryption.dependencies
