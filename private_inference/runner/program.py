"""Runs a Pulumi program in this process, against an engine of ours instead of the Pulumi CLI's.

The program is the unchanged `__main__.py`. Every consumer of the program's graph (the rehearsal, the check, the
export, the tests) gives an `Engine` that says what becomes of a resource and what a lookup answers.
"""

import asyncio
import contextlib
import contextvars
import logging
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime import mocks, rpc, settings, stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.sync_await import _ensure_event_loop, _sync_await

from private_inference.runner.project import StackConfig

PARALLEL = 8
"""Resources that are created at the same time, at most."""


@dataclass(frozen=True)
class Resource:
    """A resource as the program registered it, and what the engine made of it.

    `properties` are the inputs as sent over the wire: camelCase, with a `pulumi.output.Unknown` where a preview can't
    know the value;
    `provider` is its reference (`URN::ID`), of a remote component the one that it hands on to what it is made of;
    `outputs` and `id` are the engine's answer; `property_dependencies` maps a top-level input to the URNs it reads;
    `timeouts` maps `create`, `update` and `delete` to durations such as `60m`.
    """

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    properties: Mapping[str, Any]
    dependencies: Sequence[str]
    property_dependencies: Mapping[str, Sequence[str]]
    provider: str = ""
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    ignore_changes: Sequence[str] = ()
    timeouts: Mapping[str, str] = field(default_factory=dict)
    id: str | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """What stands behind the program."""

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        """The id and the outputs (inputs included) of a resource. Called from several threads at once."""

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer to a lookup such as `aws:index/getRegion:getRegion`."""


@dataclass(frozen=True)
class Run:
    """What a program did: its resources in the order in which they were created, exports and log messages."""

    resources: Sequence[Resource]
    outputs: Mapping[str, Any]
    warnings: Sequence[str]


def run_program(config: StackConfig, engine: Engine, *, preview: bool = False) -> Run:
    """Run the program of `config` to its end and say what it registered.

    With `preview`, outputs that the engine leaves out are unknown, as they are in `pulumi preview`.
    Raises what the program or the engine raised; after the first failure nothing more is created.
    """
    context = contextvars.copy_context()
    with contextlib.chdir(config.directory), _import_path(str(config.directory)):
        return context.run(lambda: asyncio.run(_run(config, engine, preview)))


async def _run(config: StackConfig, engine: Engine, preview: bool) -> Run:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(PARALLEL))
    # Whatever waited for a resource that failed fails with it; asyncio would print each of these, one after another.
    loop.set_exception_handler(lambda *_: None)
    settings.SETTINGS.rpc_manager.clear()
    settings.SETTINGS.outputs.clear()
    warnings = _Warnings()
    monitor = _Monitor(engine)
    set_all_config(dict(config.values))
    settings.ROOT.set(None)
    pulumi.runtime.set_mocks(_NoMocks(), config.project, config.stack, preview, logger=warnings.logger, monitor=monitor)
    settings.ROOT.set(None)  # the mocks' own root stack: run_in_stack makes the one that takes the exports
    monitor.resources.clear()
    try:
        await stack.run_in_stack(lambda: _execute(config))
    except Exception:
        # The SDK wraps an engine's error in those of all that waited for it. The first one is the one to be told.
        if monitor.failure is not None:
            raise monitor.failure from None
        raise
    return Run(tuple(monitor.created), monitor.stack_outputs, tuple(warnings.messages))


def _execute(config: StackConfig) -> None:
    runpy.run_path(str(config.directory / "__main__.py"), run_name="__main__")


@contextlib.contextmanager
def _import_path(directory: str) -> Iterator[None]:
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        sys.path.remove(directory)


class _Warnings(logging.Handler):
    """Keeps what the program says through `pulumi.warn` and `pulumi.error`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self.logger = logging.Logger("program")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class _NoMocks(mocks.Mocks):
    """The SDK wants mocks; `_Monitor` answers before they are asked."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise NotImplementedError

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise NotImplementedError


class _Monitor(mocks.MockMonitor):
    """The resource monitor that the SDK talks to: hands each registration, whole, to the engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(_NoMocks())
        self.engine = engine
        self.created: list[Resource] = []
        self.stack_outputs: dict[str, Any] = {}
        self.failure: Exception | None = None

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        kind = parent.split("::")[2] if parent else ""
        if kind and kind != "pulumi:pulumi:Stack":
            type_ = f"{kind}${type_}"
        return f"urn:pulumi:{settings.get_stack()}::{settings.get_project()}::{type_}::{name}"

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        _ensure_event_loop()  # type: ignore[no-untyped-call]
        answer = self.engine.invoke(request.tok, rpc.deserialize_properties(request.args))
        struct = _sync_await(rpc.serialize_properties(dict(answer), {}))
        return resource_pb2.ResourceInvokeResponse(**{"return": struct})  # type: ignore[arg-type]

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        _ensure_event_loop()  # type: ignore[no-untyped-call]
        if self.failure is not None:
            raise StoppedError(f"{request.name} was not created, because an earlier resource failed.")
        asked = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom or request.remote,
            properties=rpc.deserialize_properties(request.object, keep_unknowns=True),
            dependencies=tuple(request.dependencies),
            property_dependencies={key: tuple(deps.urns) for key, deps in request.propertyDependencies.items()},
            provider=request.provider or next(iter(request.providers.values()), ""),
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace,
            ignore_changes=tuple(request.ignoreChanges),
            timeouts=_timeouts(request.customTimeouts),
        )
        return self._create(asked)

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        _ensure_event_loop()  # type: ignore[no-untyped-call]
        urn = self.make_urn(request.parent, request.type, request.name)
        known = rpc.deserialize_properties(request.properties, keep_unknowns=True)
        read = Resource(urn, request.type, request.name, request.parent, True, known, (), {}, id=request.id)
        response = self._create(read)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=response.object)

    def _create(self, asked: Resource) -> Any:
        try:
            identity, outputs = self.engine.create(asked)
        except Exception as error:
            self.failure = self.failure or error
            raise
        made = Resource(**{**vars(asked), "id": identity, "outputs": outputs})
        self.created.append(made)
        self.resources[asked.urn] = mocks.MockMonitor.ResourceRegistration(asked.urn, identity or "", dict(outputs))
        struct = _sync_await(rpc.serialize_properties(dict(outputs), {}))
        return resource_pb2.RegisterResourceResponse(urn=asked.urn, id=identity or "", object=struct)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            # The mocks' own root stack says that it has none, sooner or later than the program's.
            self.stack_outputs |= rpc.deserialize_properties(request.outputs, keep_unknowns=True)
        return empty_pb2.Empty()


def _timeouts(message: Any) -> dict[str, str]:
    return {kind: given for kind in ("create", "update", "delete") if (given := getattr(message, kind))}


class StoppedError(Exception):
    """Nothing more is created after a failure."""
