"""Which calls the embedded AWS captures."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from private_inference.rehearsal.patches.captures import is_kept


@dataclass(eq=False)
class Endpoint:
    """What is known of an endpoint here: its configuration's name."""

    endpoint_config_name: str = "c"


@pytest.mark.parametrize(("percent", "kept"), [(100, 10), (50, 5), (10, 1)])
def test_it_keeps_its_share_of_calls(percent: int, kept: int) -> None:
    configuration = SimpleNamespace(data_capture_config={"InitialSamplingPercentage": percent})
    backend, endpoint = SimpleNamespace(endpoint_configs={"c": configuration}), Endpoint()
    assert sum(is_kept(backend, endpoint) for _ in range(10)) == kept


def test_a_capture_that_is_off_keeps_none() -> None:
    configuration = SimpleNamespace(data_capture_config={"InitialSamplingPercentage": 100, "EnableCapture": False})
    assert not is_kept(SimpleNamespace(endpoint_configs={"c": configuration}), Endpoint())
