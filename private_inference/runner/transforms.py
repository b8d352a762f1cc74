"""Runs a program's transforms, as the engine does, before anything is created or looked up.

A program registers them with the engine, which calls them back for each resource: those of the resource itself, then
those of its parents, then the stack's. https://www.pulumi.com/docs/iac/concepts/resources/options/transforms/ and
pulumi/pulumi, pkg/resource/deploy/source_eval.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import grpc
import pulumi
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from private_inference.runner import sdk
from private_inference.runner.resource import Outputs, Resource

Callback = callback_pb2.Callback
"""A function of the program: the address that it is called at, and its token there."""


class Transforms:
    """The transforms of one program. Called from several threads at once."""

    def __init__(self) -> None:
        self.of_stack: list[Callback] = []
        """Run on every resource."""
        self.of_lookups: list[Callback] = []
        """Run on every lookup."""
        self._of_resources: dict[str, Sequence[Callback]] = {}
        self._parents: dict[str, str] = {}

    def resource(self, resource: Resource, own: Sequence[Callback] = ()) -> Resource:
        """A resource as its own transforms, its parents' and the stack's leave it.

        Raises pulumi.RunError for a transform that fails.
        """
        self._parents[resource.urn] = resource.parent
        self._of_resources[resource.urn] = own
        for callback in self._that_apply(resource.urn):
            request = resource_pb2.TransformRequest(
                type=resource.type,
                name=resource.name,
                custom=resource.custom,
                parent=resource.parent,
                properties=sdk.sent(resource.properties),
                options=_options(resource),
            )
            answer = resource_pb2.TransformResponse.FromString(_call(callback, request, f"{resource.name}'s transform"))
            if answer.HasField("options"):
                resource = _with_options(resource, answer.options)
            resource = replace(resource, properties=sdk.received(answer.properties))
        return resource

    def lookup(self, token: str, args: Mapping[str, Any]) -> Outputs:
        """A lookup's arguments as the stack's transforms leave them. Raises pulumi.RunError for one that fails."""
        for callback in self.of_lookups:
            request = resource_pb2.TransformInvokeRequest(token=token, args=sdk.sent(args))
            answer = _call(callback, request, f"The transform of {token}")
            args = sdk.received(resource_pb2.TransformInvokeResponse.FromString(answer).args)
        return args

    def _that_apply(self, urn: str) -> Iterator[Callback]:
        while urn:
            yield from self._of_resources.get(urn, ())
            urn = self._parents.get(urn, "")
        yield from self.of_stack


def _call(callback: Callback, request: Any, what: str) -> bytes:
    with grpc.insecure_channel(callback.target, [sdk.LOCAL_SUBCHANNELS]) as channel:
        asked = callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString())
        try:
            answer: bytes = callback_pb2_grpc.CallbacksStub(channel).Invoke(asked).response
        except grpc.RpcError as error:
            reason = error.details() if isinstance(error, grpc.Call) else error
            raise pulumi.RunError(f"{what} failed: {reason}") from None
    return answer


def _options(resource: Resource) -> resource_pb2.TransformResourceOptions:
    return resource_pb2.TransformResourceOptions(
        depends_on=resource.dependencies,
        protect=resource.protect,
        ignore_changes=resource.ignore_changes,
        provider="" if resource.remote else resource.provider,
        custom_timeouts=resource_pb2.RegisterResourceRequest.CustomTimeouts(**resource.timeouts),
        retain_on_delete=resource.retain_on_delete,
        delete_before_replace=resource.delete_before_replace,
    )


def _with_options(resource: Resource, options: resource_pb2.TransformResourceOptions) -> Resource:
    return replace(
        resource,
        dependencies=tuple(options.depends_on),
        protect=options.protect,
        ignore_changes=tuple(options.ignore_changes),
        provider=resource.provider if resource.remote else options.provider,
        timeouts=sdk.timeouts(options.custom_timeouts),
        retain_on_delete=options.retain_on_delete,
        delete_before_replace=options.delete_before_replace,
    )
