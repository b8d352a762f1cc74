"""Constructs remote components for a Pulumi engine, as the plugins of their packages do."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from private_inference.runner.remote import EXPANSIONS
from private_inference.runner.resource import Outputs, Resource
from private_inference.runner.sdk import LOCAL_SUBCHANNELS, received, sent


def construct(request: Any) -> Any:
    """Register a remote component and what it is made of with the engine that asks for it."""
    with grpc.insecure_channel(request.monitorEndpoint, [LOCAL_SUBCHANNELS]) as channel:
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        component = monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type, name=request.name, parent=request.parent, acceptSecrets=True
            )
        )
        properties = received(request.inputs)
        asked = Resource(
            component.urn, request.type, request.name, request.parent, True, properties, (), {}, remote=True
        )

        def create(
            kind: str, name: str, inputs: Mapping[str, Any], reads: Mapping[str, Sequence[str]]
        ) -> tuple[Resource, Outputs]:
            made = monitor.RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type=kind,
                    name=name,
                    parent=component.urn,
                    custom=True,
                    object=sent(inputs),
                    dependencies=sorted({urn for urns in reads.values() for urn in urns}),
                    propertyDependencies={
                        key: resource_pb2.RegisterResourceRequest.PropertyDependencies(urns=urns)
                        for key, urns in reads.items()
                    },
                    provider=request.providers[kind.split(":")[0]],
                    protect=request.protect,
                    retainOnDelete=request.retainOnDelete,
                    acceptSecrets=True,
                    supportsPartialValues=True,
                )
            )
            return Resource(made.urn, kind, name, component.urn, True, inputs, (), {}, id=made.id), received(
                made.object
            )

        state = sent(EXPANSIONS[request.type](asked, create))
        monitor.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=component.urn, outputs=state))
        return provider_pb2.ConstructResponse(urn=component.urn, state=state)
