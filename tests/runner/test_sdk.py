"""The parts of the Pulumi SDK that it doesn't document are as `runner/sdk.py` expects them, and only it uses them."""

import ast
import asyncio
import inspect
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
import pytest
from google.protobuf import struct_pb2
from pulumi import automation
from pulumi.automation import _server
from pulumi.output import Unknown
from pulumi.runtime import _grpc_settings, mocks, rpc, settings, stack
from pulumi.runtime.proto import language_pb2
from pulumi.runtime.sync_await import _ensure_event_loop, _sync_await

from private_inference.runner import sdk
from tests.support.recording import ROOT

PRODUCT = ("__main__.py", "components", "docs", "examples", "policy", "private_inference")


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_functions_of_the_sdk_take_what_they_are_given() -> None:
    assert parameters(mocks.set_mocks)[:6] == ["mocks", "project", "stack", "preview", "logger", "monitor"]
    assert parameters(mocks.MockMonitor.__init__) == ["self", "mocks"]
    assert parameters(mocks.MockMonitor.make_urn) == ["self", "parent", "type_", "name"]
    for method in ("Invoke", "RegisterResource", "ReadResource", "RegisterResourceOutputs"):
        assert parameters(getattr(mocks.MockMonitor, method)) == ["self", "request"]
    assert parameters(rpc.serialize_properties)[:2] == ["inputs", "property_deps"]
    assert parameters(rpc.deserialize_properties)[:2] == ["props_struct", "keep_unknowns"]
    assert parameters(stack.run_in_stack) == ["func"]
    assert parameters(_sync_await) == ["awaitable"]
    assert parameters(_ensure_event_loop) == []


def test_a_stack_of_the_automation_api_is_made_as_it_is_here() -> None:
    assert parameters(automation.Stack.__init__) == ["self", "name", "workspace", "mode"]
    assert automation._stack.StackInitMode.CREATE


def run_without_engine() -> Any:
    """An inline program as it runs when the engine and its monitor have gone: nobody listens on the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        asked = language_pb2.RunRequest(project="p", stack="s", monitor_address=address, args=[address], parallel=1)
        return _server.LanguageServer(lambda: None).Run(asked, None)  # type: ignore[no-untyped-call]


def test_a_program_that_loses_its_engine_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the SDK alone the first of these raises where it tells the engine, and else would count as done."""
    monkeypatch.setattr(_server, "log", pulumi.log)
    with pytest.raises(grpc.RpcError):
        run_without_engine()
    sdk.new_stack(lambda *_: None, "s", None)  # type: ignore[type-var, arg-type]
    assert "monitor has terminated" in run_without_engine().error


def test_an_rpc_that_fails_in_a_program_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unavailable(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNAVAILABLE

    async def lost(program: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(stack, "run_in_stack", lost)
    monkeypatch.setattr(_server, "run_in_stack", lost)
    monkeypatch.setattr(_server, "log", SimpleNamespace(debug=lambda _: None, error=lambda _: None))
    assert run_without_engine().error == ""  # as if it were done
    sdk.new_stack(lambda *_: None, "s", None)  # type: ignore[type-var, arg-type]
    assert "could not be reached" in run_without_engine().error


@pytest.mark.parametrize(("options", "reached"), [([], False), ([sdk.LOCAL_SUBCHANNELS], True)])
def test_a_port_that_another_engine_had_is_reached(options: list[tuple[str, int]], reached: bool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with grpc.insecure_channel(address, options) as before, grpc.insecure_channel(address, options) as after:
        with pytest.raises(grpc.RpcError):
            before.unary_unary("/a/b")(b"")  # type: ignore[arg-type]
        server = grpc.server(ThreadPoolExecutor(1))
        answer: Any = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a", {"b": answer}),))
        assert server.add_insecure_port(address)
        server.start()
        try:
            assert after.unary_unary("/a/b")(b"x") == b"x"  # type: ignore[arg-type]
            assert reached
        except grpc.RpcError:
            assert not reached
        finally:
            server.stop(None).wait()


def test_the_sdk_s_channels_have_the_option() -> None:
    sdk.new_stack(lambda *_: None, "s", None)  # type: ignore[type-var, arg-type]
    assert vars(settings)["_GRPC_CHANNEL_OPTIONS"] is _grpc_settings._GRPC_CHANNEL_OPTIONS
    assert _grpc_settings._GRPC_CHANNEL_OPTIONS.count(sdk.LOCAL_SUBCHANNELS) == 1


def test_classes_of_arguments_say_what_they_take() -> None:
    assert "cidrBlock" in (sdk.argument_types(aws.ec2.VpcArgs) or {})
    assert sdk.argument_types(dict) is None


def test_the_state_that_is_reset_exists() -> None:
    assert callable(settings.SETTINGS.rpc_manager.clear)
    assert callable(settings.SETTINGS.outputs.clear)
    assert callable(settings.ROOT.set)


def sent(value: Any) -> Any:
    """A value as the SDK sends it."""

    async def serialize() -> struct_pb2.Struct:
        return await rpc.serialize_properties({"value": value}, {})

    return asyncio.run(serialize())["value"]


def received(value: Any) -> Any:
    """A value in its wire form as the SDK reads it."""
    struct = struct_pb2.Struct()
    struct.update({"value": value})
    return rpc.deserialize_properties(struct, keep_unknowns=True)["value"]


@pytest.mark.parametrize("kind", [pulumi.FileAsset, pulumi.FileArchive])
def test_files_travel(kind: Any) -> None:
    form = sdk.wire(kind("model.tar.gz"))
    assert form == dict(sent(kind("model.tar.gz")))
    back = received(form)
    assert isinstance(back, kind)
    assert back.path == "model.tar.gz"


def test_unknowns_travel() -> None:
    assert isinstance(received(sdk.wire(sdk.unknown())), Unknown)


def test_secrets_are_unwrapped() -> None:
    assert sdk.plain({"a": [rpc.wrap_rpc_secret(3.0)]}) == {"a": [3]}


def test_references_to_resources_travel() -> None:
    urn = "urn:pulumi:dev::shop::none:index:Thing::one"
    reference = sdk.resource_reference(urn, "id-1")
    assert received(reference) == "id-1"  # of a package that is not installed
    assert isinstance(received(sdk.resource_reference(urn, "")), Unknown)
    assert sdk.wire(reference) == "id-1"


def product() -> Iterator[Path]:
    for name in PRODUCT:
        yield from [ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py")


def private_uses(tree: ast.AST) -> Iterator[str]:
    """The names that a module takes from what the SDK doesn't document: `pulumi.runtime`, and what begins with `_`."""
    taken: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("pulumi", "pulumi_policy"):
            for alias in node.names:
                taken.add(alias.asname or alias.name)
                whole = f"{node.module}.{alias.name}"
                if "._" in whole or any(
                    f"runtime.{part}" in whole for part in ("rpc", "mocks", "settings", "stack", "sync")
                ):
                    yield whole
        if isinstance(node, ast.Import):
            taken |= {alias.asname or alias.name for alias in node.names if alias.name.split(".")[0] == "pulumi"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in taken:
                yield f"{root.id}…{node.attr}"


def test_nobody_else_uses_what_the_sdk_keeps_to_itself() -> None:
    used = {
        str(path.relative_to(ROOT)): found
        for path in product()
        if (found := list(private_uses(ast.parse(path.read_text(encoding="utf-8")))))
    }
    of_the_pack = used.pop("policy/configuration.py")
    assert of_the_pack == ["pulumi_policy.policy._PolicyAnalyzerServicer"]  # held to the protocol by test_configuration
    assert set(used) == {"private_inference/runner/sdk.py"}, used
