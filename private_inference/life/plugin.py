"""The AWS plugin of a Pulumi engine, backed by the embedded AWS: the provider protocol over the rehearsal's handlers.

Source of the protocol: https://pulumi-developer-docs.readthedocs.io/latest/docs/_generated/proto/provider.html. The
engine is told of a plugin that runs already by PULUMI_DEBUG_PROVIDERS.
"""

from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from private_inference.life import updates
from private_inference.life.deletions import DELETIONS
from private_inference.life.remote import construct
from private_inference.rehearsal import lookups
from private_inference.rehearsal.account import Account, account_of
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import RehearsalError, all_tags, apply, auto_name, explained
from private_inference.rehearsal.handler import Handler
from private_inference.rehearsal.handlers import HANDLERS
from private_inference.rehearsal.inputs import FailedError
from private_inference.runner.project import decode
from private_inference.runner.sdk import is_asset, plain, received, sent
from private_inference.terraform.replacements import UnknownReplacementError, replacing

PACKAGES = ("aws", "awsx", "docker-build")
"""The plugins that this one stands for."""

DELETE_FIRST = frozenset(
    {
        "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    }
)
"""Types of which the old one goes before the new one comes, whatever it is called: `DeleteBeforeReplace` in
https://github.com/pulumi/pulumi-aws/blob/master/provider/resources.go."""


@contextmanager
def serve(aws: EmbeddedAws) -> Iterator[str]:
    """The plugin, on the loopback address, for as long as the block lasts: the value of PULUMI_DEBUG_PROVIDERS."""
    server = grpc.server(futures.ThreadPoolExecutor(32))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsPlugin(aws), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield ",".join(f"{package}:{port}" for package in PACKAGES)
    finally:
        server.stop(grace=None).wait()


class AwsPlugin(provider_pb2_grpc.ResourceProviderServicer):
    """Checks, compares, creates, updates, reads and deletes resources in an embedded AWS."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws = aws
        self._default_tags: Mapping[str, str] = {}

    @cached_property
    def _account(self) -> Account:
        return account_of(self._aws)

    # The plugin itself

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        changed = _changed(MessageToDict(request.old_inputs), MessageToDict(request.news))
        return _difference(changed)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        # The default provider, which answers lookups, has no tags; the program's own has.
        given = decode(MessageToDict(request.args).get("defaultTags"))
        if given:
            self._default_tags = given.get("tags") or {}
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    # Resources

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keep an automatic name, or make one up."""
        handler = _handler(request.type)
        if handler.auto_name and handler.auto_name not in request.news:
            known = MessageToDict(request.olds).get(handler.auto_name)
            request.news[handler.auto_name] = known or auto_name(request.type, request.name, handler)
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        before, after = MessageToDict(request.old_inputs), MessageToDict(request.news)
        changed = _changed(before, after) - set(request.ignoreChanges)
        handler = _handler(request.type)
        tags = all_tags(handler, after, self._default_tags)
        with _refusals(context, f"{request.type.split(':')[-1]} {request.name!r}"):
            replaced = replacing(request.type, changed)
        if handler.taggable and tags != (MessageToDict(request.olds).get("tagsAll") or {}):
            changed |= {"tagsAll"}
        # A resource that keeps the name which the program gave it can't exist twice.
        named = handler.auto_name in before and before[handler.auto_name] == after[handler.auto_name]
        fixed = named and not str(after[handler.auto_name]).startswith(f"{request.name}-")
        return _difference(changed, replaced, delete_first=bool(replaced) and (fixed or request.type in DELETE_FIRST))

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        with _refusals(context, f"{request.type.split(':')[-1]} {request.name!r}"):
            handler = _handler(request.type)
            properties = plain(received(request.properties))
            identity, outputs = apply(self._account, handler, handler.create, properties, self._default_tags)
            return provider_pb2.CreateResponse(id=identity, properties=sent(outputs))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        with _refusals(context, f"{request.type.split(':')[-1]} {request.name!r}"):
            state = _state(request.id, request.olds)
            operation = updates.operation(request.type, state)
            if operation is None:
                raise RehearsalError(f"{request.type} can't be updated in place here.")
            properties = plain(received(request.news))
            _, outputs = apply(self._account, _handler(request.type), operation, properties, self._default_tags)
            return provider_pb2.UpdateResponse(properties=sent({**state, **outputs}))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What a refresh finds. Only what AWS itself may change is read: which configuration an endpoint serves."""
        properties, inputs = request.properties, request.inputs
        for key in [key for key, value in properties.items() if _is_asset(value)]:
            del properties[key]  # it comes without its content, and the program has it
        if request.type == "aws:sagemaker/endpoint:Endpoint":
            endpoint = self._aws.client("sagemaker").describe_endpoint(EndpointName=request.id)
            properties["endpointConfigName"] = inputs["endpointConfigName"] = endpoint["EndpointConfigName"]
        return provider_pb2.ReadResponse(id=request.id, properties=properties, inputs=inputs)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _refusals(context, f"{request.type.split(':')[-1]} {request.name!r}"):
            DELETIONS[request.type](self._account, _state(request.id, request.properties))
        return empty_pb2.Empty()

    # Functions and remote components

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _refusals(context, f"The lookup {request.tok.split(':')[-1]}"):
            answer = lookups.answer(self._account, request.tok, plain(received(request.args)))
            return provider_pb2.InvokeResponse(**{"return": sent(answer)})

    def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802
        return construct(request)


def _handler(kind: str) -> Handler:
    if kind not in HANDLERS:
        raise RehearsalError(f"The rehearsal has no handler for {kind}.")
    return HANDLERS[kind]


def _state(identity: str, properties: Any) -> dict[str, Any]:
    """A resource's outputs with its id. An asset comes back from the engine's state without its content."""
    return {**plain(MessageToDict(properties)), "id": identity}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    keys = {key for key in before.keys() | after.keys() if not key.startswith("__")}
    return {key for key in keys if _comparable(before.get(key)) != _comparable(after.get(key))}


def _comparable(value: Any) -> Any:
    """An asset is what it holds, wherever it comes from."""
    return value["hash"] if _is_asset(value) and "hash" in value else value


def _is_asset(value: Any) -> bool:
    return isinstance(value, Mapping | Struct) and is_asset(value)


def _difference(
    changed: set[str], replacing: set[str] | frozenset[str] = frozenset(), delete_first: bool = False
) -> Any:
    kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=kind, diffs=sorted(changed), replaces=sorted(replacing), deleteBeforeReplace=delete_first
    )


@contextmanager
def _refusals(context: grpc.ServicerContext, subject: str) -> Iterator[None]:
    """What AWS or the rehearsal refuses, as the protocol's error."""
    try:
        with explained(subject):
            yield
    except (RehearsalError, UnknownReplacementError) as error:
        if isinstance(error.__cause__, FailedError):
            context.set_trailing_metadata((("grpc-status-details-bin", _failed(str(error), error.__cause__)),))
        context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _failed(message: str, failed: FailedError) -> bytes:
    """The status that has the engine keep a resource whose creation failed, as pulumi-aws does.

    https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto (ErrorResourceInitFailed)
    """
    details = any_pb2.Any()
    details.Pack(
        provider_pb2.ErrorResourceInitFailed(id=failed.identity, properties=sent(failed.outputs), reasons=[message])
    )
    code: int = grpc.StatusCode.UNKNOWN.value[0]
    return bytes(status_pb2.Status(code=code, message=message, details=[details]).SerializeToString())
