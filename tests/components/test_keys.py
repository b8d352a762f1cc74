"""Customer keys: one for each purpose, rotated, and not lost by accident."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.keys import EncryptionKeys, EncryptionKeysArgs
from tests.support.recording import Recorded, record_part
from tests.support.stacks import HERE, minimal, settings

PURPOSES = ["data", "logs", "notifications"]


def keys(
    archive: Path, security: Mapping[str, Any] | None = None, *, protect: bool = True, retain: bool = True
) -> Recorded:
    read = settings(minimal(archive, security=security or {}))

    def program() -> None:
        args = EncryptionKeysArgs(account=HERE, settings=read.security, protect=protect, retain_data_key=retain)
        EncryptionKeys("keys", args)

    return record_part(program)


@pytest.fixture(scope="module")
def strict(archive: Path) -> Recorded:
    return keys(archive)


def test_there_is_a_key_and_an_alias_for_each_purpose(strict: Recorded) -> None:
    for purpose in PURPOSES:
        key, alias = strict.one("Key", purpose), strict.one("Alias", purpose)
        assert alias.properties["targetKeyId"] == key.outputs["keyId"]
        assert alias.properties["name"] == f"alias/private-inference-test-{purpose}"
    assert len(strict.all("Key")) == len(PURPOSES)


def test_keys_rotate_every_year_and_can_be_recovered_for_a_month(strict: Recorded) -> None:
    for key in strict.all("Key"):
        assert key.properties["enableKeyRotation"] is True
        assert key.properties["rotationPeriodInDays"] == 365
        assert key.properties["deletionWindowInDays"] == 30


def test_settings_change_the_periods(archive: Path) -> None:
    for key in keys(archive, {"keyRotationDays": 90, "keyDeletionDays": 7}).all("Key"):
        assert key.properties["enableKeyRotation"] is True
        assert key.properties["rotationPeriodInDays"] == 90
        assert key.properties["deletionWindowInDays"] == 7


def test_keys_are_protected_where_data_is(strict: Recorded, archive: Path) -> None:
    assert all(key.protect for key in strict.all("Key"))
    assert not any(key.protect for key in keys(archive, protect=False).all("Key"))


def test_the_data_key_stays_as_long_as_what_it_encrypts(strict: Recorded, archive: Path) -> None:
    assert {key.name: key.retain_on_delete for key in strict.all("Key")} == {
        "data": True,
        "logs": False,
        "notifications": False,
    }
    assert not any(key.retain_on_delete for key in keys(archive, retain=False).all("Key"))
