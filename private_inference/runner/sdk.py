"""Everything that depends on what the Pulumi SDK doesn't document: how it runs in process, and its wire forms.

Read in pulumi 3.272.0: `pulumi/runtime/mocks.py` (the monitor and its registrations), `stack.py` (the root resource and
the exports), `settings.py`, `sync_await.py` (event loops of gRPC threads), `rpc.py` (the wire forms of secrets, assets
and references to resources), `pulumi/_types.py` (classes of arguments), `pulumi/automation/_stack.py`, `_server.py`
(how an inline program ends), `pulumi/runtime/_grpc_settings.py`.
`tests/runner/test_sdk.py` fails when one of these parts changes.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi.output import Unknown
from pulumi.runtime import mocks, rpc, settings, stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.proto import callback_pb2, resource_pb2
from pulumi.runtime.sync_await import _ensure_event_loop, _sync_await

from private_inference.runner.project import StackConfig
from private_inference.runner.resource import Outputs, Resource

if TYPE_CHECKING:
    from pulumi import automation

StackKind = TypeVar("StackKind", bound="automation.Stack")

PARALLEL = 8
"""Resources that are created at the same time, at most."""

STACK = "pulumi:pulumi:Stack"
GET_RESOURCE = "pulumi:pulumi:getResource"
"""The lookup by which the SDK follows a reference to a resource."""


class Handler(Protocol):
    """Receives what a program asks of the resource monitor. Called from several threads at once."""

    def register(self, resource: Resource, transforms: Sequence[callback_pb2.Callback]) -> tuple[str | None, Outputs]:
        """The id and the outputs of a resource that has these transforms."""

    def read(self, resource: Resource) -> Outputs:
        """The outputs of a resource that is there already."""

    def invoke(self, token: str, args: Mapping[str, Any]) -> Outputs:
        """The answer to a lookup."""

    def state(self, urn: str) -> tuple[str | None, Outputs]:
        """The id and the outputs of a resource that was created before."""

    def transform_resources(self, callback: callback_pb2.Callback) -> None:
        """A transform of every resource comes into force."""

    def transform_lookups(self, callback: callback_pb2.Callback) -> None:
        """A transform of every lookup comes into force."""


def execute(
    program: Callable[[], None], handler: Handler, config: StackConfig, *, preview: bool
) -> tuple[Outputs, list[str]]:
    """Run a program to its end; its stack outputs and its warnings.

    Raises what the program and the handler raise. Run it in a context (`contextvars`) of its own.
    """
    return asyncio.run(_execute(program, handler, config, preview))


async def _execute(
    program: Callable[[], None], handler: Handler, config: StackConfig, preview: bool
) -> tuple[Outputs, list[str]]:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(PARALLEL))
    # Whatever waited for a resource that failed fails with it; asyncio would print each of these, one after another.
    loop.set_exception_handler(lambda *_: None)
    settings.SETTINGS.rpc_manager.clear()
    settings.SETTINGS.outputs.clear()
    warnings = _Warnings()
    monitor = Monitor(handler)
    set_all_config(dict(config.values))
    settings.ROOT.set(None)
    pulumi.runtime.set_mocks(_NoMocks(), config.project, config.stack, preview, logger=warnings.logger, monitor=monitor)
    settings.ROOT.set(None)  # the mocks' own root stack: run_in_stack makes the one that takes the exports
    await stack.run_in_stack(program)
    return monitor.stack_outputs, warnings.messages


class _Warnings(logging.Handler):
    """Keeps the messages of `pulumi.warn` and `pulumi.error`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self.logger = logging.Logger("program")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class _NoMocks(mocks.Mocks):
    """The SDK requires mocks; `Monitor` answers before it calls them."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise NotImplementedError

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise NotImplementedError


class Monitor(mocks.MockMonitor):
    """The resource monitor that the SDK talks to: passes each registration, whole, to the handler."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(_NoMocks())
        self.stack_outputs: dict[str, Any] = {}
        self._handler = handler

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        kind = parent.split("::")[2] if parent else ""
        if kind and kind != STACK:
            type_ = f"{kind}${type_}"
        return f"urn:pulumi:{settings.get_stack()}::{settings.get_project()}::{type_}::{name}"

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        _ensure_event_loop()  # type: ignore[no-untyped-call]
        args = rpc.deserialize_properties(request.args)
        if request.tok == GET_RESOURCE:
            identity, state = self._handler.state(args["urn"])
            # Empty where it isn't known yet: without the key the SDK would wait for ever.
            answer: Outputs = {"urn": args["urn"], "id": identity or "", "state": state}
        else:
            answer = self._handler.invoke(request.tok, args)
        return resource_pb2.ResourceInvokeResponse(**{"return": _serialized(answer)})

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        _ensure_event_loop()  # type: ignore[no-untyped-call]
        identity, outputs = self._handler.register(
            Resource(
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
                timeouts=timeouts(request.customTimeouts),
                remote=request.remote,
            ),
            request.transforms,
        )
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity or "", object=_serialized(outputs))

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        _ensure_event_loop()  # type: ignore[no-untyped-call]
        urn = self.make_urn(request.parent, request.type, request.name)
        known = rpc.deserialize_properties(request.properties, keep_unknowns=True)
        outputs = self._handler.read(
            Resource(urn, request.type, request.name, request.parent, True, known, (), {}, id=request.id)
        )
        return resource_pb2.ReadResourceResponse(urn=urn, properties=_serialized(outputs))

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        if request.urn.split("::")[2] == STACK:
            # The mocks' own root stack says that it has none, sooner or later than the program's.
            self.stack_outputs |= rpc.deserialize_properties(request.outputs, keep_unknowns=True)
        return empty_pb2.Empty()

    def RegisterStackTransform(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        self._handler.transform_resources(request)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, request: Any) -> Any:  # noqa: N802 - named by the protocol
        self._handler.transform_lookups(request)
        return empty_pb2.Empty()


def timeouts(message: Any) -> dict[str, str]:
    """A message's durations, by what is to take no longer: `create`, `update`, `delete`."""
    return {kind: given for kind in ("create", "update", "delete") if (given := getattr(message, kind))}


def _serialized(properties: Outputs) -> Any:
    return _sync_await(rpc.serialize_properties(dict(properties), {}))


def unknown() -> Unknown:
    """A value that a preview can't know."""
    return Unknown()  # type: ignore[no-untyped-call]


def resource_reference(urn: str, identity: str | None) -> dict[str, Any]:
    """A resource as a property's value: how components hand out their children."""
    return {rpc._special_sig_key: rpc._special_resource_sig, "urn": urn, "id": identity, "packageVersion": ""}


def is_secret(value: Any) -> bool:
    """Whether a value is a secret in its wire form."""
    return bool(rpc.is_rpc_secret(value))


def is_asset(value: Any) -> bool:
    """Whether a mapping is an asset or archive in its wire form."""
    return rpc._special_sig_key in value and value[rpc._special_sig_key] in (
        rpc._special_asset_sig,
        rpc._special_archive_sig,
    )


def revealed(secret: Any) -> Any:
    """The value of a secret in its wire form."""
    return rpc.unwrap_rpc_secret(secret)


def plain(value: Any) -> Any:
    """A property as the program wrote it: on the wire secrets are wrapped, and every number is a double."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        if is_secret(value):
            return plain(revealed(value))
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value


def wire(value: Any) -> Any:
    """A property as the engine sends it to a policy pack: unknowns and assets in their wire form, no internal keys."""
    if isinstance(value, Unknown):
        return rpc.UNKNOWN
    if isinstance(value, pulumi.FileAsset | pulumi.FileArchive):
        asset = isinstance(value, pulumi.FileAsset)
        signature = rpc._special_asset_sig if asset else rpc._special_archive_sig
        return {rpc._special_sig_key: signature, "path": str(value.path)}
    if isinstance(value, Mapping):
        if value.get(rpc._special_sig_key) == rpc._special_resource_sig:
            return value.get("id") or value.get("urn")
        return {key: wire(inner) for key, inner in value.items() if not key.startswith("__") and inner is not None}
    if isinstance(value, list | tuple):
        return [wire(inner) for inner in value]
    return value if isinstance(value, str | bool | int | float) or value is None else str(type(value).__name__)


def received(message: Any) -> dict[str, Any]:
    """The properties of a message of the engine's protocols; `Unknown` where the engine doesn't know a value yet."""
    properties: dict[str, Any] = rpc.deserialize_properties(message, keep_unknowns=True)
    return properties


def sent(properties: Outputs) -> Any:
    """Properties as a message of the engine's protocols."""
    _ensure_event_loop()  # type: ignore[no-untyped-call]
    return _serialized(properties)


def argument_types(arguments: type) -> Mapping[str, Any] | None:
    """The annotations of a class of arguments by the names that Pulumi sends; None for any other class."""
    from pulumi._types import input_type_types, is_input_type

    return input_type_types(arguments) if is_input_type(arguments) else None


def new_stack(kind: type[StackKind], name: str, workspace: "automation.Workspace") -> StackKind:
    """A stack of the Automation API that isn't there yet."""
    from pulumi.automation._stack import StackInitMode

    _mend_inline_programs()
    return kind(name, workspace, StackInitMode.CREATE)


LOCAL_SUBCHANNELS = ("grpc.use_local_subchannel_pool", 1)
"""An option of gRPC channels: what other channels of this process know of an address doesn't count.

The SDK leaves its channels open when an engine has ended. gRPC remembers that nobody listens there any more, and
refuses a later engine that got the same port: https://grpc.github.io/grpc/core/group__grpc__arg__keys.html.
"""


def _mend_inline_programs() -> None:
    """Have programs reach their own engine, fail if they don't, and end well when it has gone before them.

    A program that loses its engine counts as one that is done, in the SDK: the engine would delete what it had yet to
    declare. And the engine ends as soon as a program has signalled that it is done, but the SDK still tells it how many
    tasks it cancels: if the engine is quicker, as on a busy machine, that fails a deployment that succeeded.
    """
    from pulumi.automation import _server
    from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS

    async def run_in_stack(program: Callable[[], None]) -> None:
        try:
            await stack.run_in_stack(program)
        except grpc.RpcError as error:
            raise pulumi.RunError(f"the engine could not be reached: {error}") from None

    def tell(log: Callable[[str], None]) -> Callable[[str], None]:
        def told(message: str) -> None:
            with contextlib.suppress(grpc.RpcError):
                log(message)

        return told

    if LOCAL_SUBCHANNELS not in _GRPC_CHANNEL_OPTIONS:
        _GRPC_CHANNEL_OPTIONS.append(LOCAL_SUBCHANNELS)
    log = SimpleNamespace(debug=tell(pulumi.log.debug), error=tell(pulumi.log.error))
    vars(_server).update(run_in_stack=run_in_stack, log=log)
