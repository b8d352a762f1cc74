"""Runs a policy pack in a process of its own and asks it as the Pulumi engine does, over the Analyzer protocol.

Sources: pulumi/pulumi, proto/pulumi/analyzer.proto; pkg/resource/plugin/analyzer_plugin.go (starting, levels);
pkg/resource/deploy/step_generator.go (what is asked when: each resource's inputs before it is created, the outputs of
all at the end).
"""

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from private_inference.runner.policy_config import PolicyPackError, reconcile
from private_inference.runner.policy_findings import PolicyFinding, Rule, findings_in, rule_of
from private_inference.runner.resource import Resource
from private_inference.runner.sdk import wire

PACK = Path(__file__).parents[2] / "policy"
"""The policy pack of this product."""

STARTS_WITHIN = 30
"""Seconds that a pack may take to print its port."""

LARGEST_MESSAGE = 400 * 1024 * 1024
"""Bytes; the engine's own limit."""

# What `python -m pulumi.policy DIRECTORY` does for the engine; and the pack ends when the process that asks it does.
_HOST = """
import os, runpy, sys, threading

def until_closed():
    while os.read(0, 1):
        pass
    os._exit(0)

threading.Thread(target=until_closed, daemon=True).start()
runpy.run_path(sys.argv[1], run_name="__main__")
"""


class PolicyPack:
    """A pack, running while the context is open. It starts at once; the first question waits until it is ready.

    `config` has the form of `pulumi up --policy-pack-config`: a level, or options and `enforcementLevel`, by rule.
    """

    def __init__(self, directory: Path, config: Mapping[str, Any] | None = None) -> None:
        self._directory = directory.resolve()
        self._config = config or {}
        self._starting = threading.RLock()

    def __enter__(self) -> Self:
        if not (self._directory / "PulumiPolicy.yaml").exists():
            raise PolicyPackError(f"{self._directory.name} is no policy pack: PulumiPolicy.yaml was not found there.")
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", _HOST, str(self._directory)],
            cwd=self._directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if "_channel" in vars(self):
            self._channel.close()
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.communicate()
        self._stderr.close()

    def analyze(self, resource: Resource) -> list[PolicyFinding]:
        """What the resource rules say of a resource, by its inputs."""
        request = analyze_request(resource)
        response = self._ask(lambda: self._stub.Analyze(request))
        # The engine, too, takes the URN of the resource whatever the rule says.
        return [replace(f, urn=f.urn or resource.urn) for d in response.diagnostics for f in self._findings(d)]

    def analyze_stack(self, resources: Iterable[Resource]) -> list[PolicyFinding]:
        """What the stack rules say of all resources, by their outputs."""
        request = stack_request(resources)
        response = self._ask(lambda: self._stub.AnalyzeStack(request))
        return [finding for diagnostic in response.diagnostics for finding in self._findings(diagnostic)]

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The pack's rules by name, in their order, at the levels that the pack gives them."""
        with self._starting:
            return self._rules

    @cached_property
    def _rules(self) -> Mapping[str, Rule]:
        return {policy.name: rule_of(policy) for policy in self._info.policies}

    @cached_property
    def _info(self) -> analyzer_pb2.AnalyzerInfo:
        info: analyzer_pb2.AnalyzerInfo = analyzer_pb2_grpc.AnalyzerStub(self._channel).GetAnalyzerInfo(
            empty_pb2.Empty()
        )
        return info

    @property
    def _stub(self) -> analyzer_pb2_grpc.AnalyzerStub:
        """The pack, configured. Whoever asks first waits for it, in whatever thread."""
        with self._starting:
            return self._configured

    @cached_property
    def _configured(self) -> analyzer_pb2_grpc.AnalyzerStub:
        stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)
        config = reconcile(self._info.policies, self._config)
        stub.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=config))
        return stub

    @cached_property
    def _channel(self) -> grpc.Channel:
        limits = [
            ("grpc.max_send_message_length", LARGEST_MESSAGE),
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
        ]
        return grpc.insecure_channel(f"127.0.0.1:{self._port()}", limits)

    def _port(self) -> int:
        output = self._process.stdout
        assert output is not None  # noqa: S101 - it is a pipe
        with ThreadPoolExecutor(1) as reader:
            line = reader.submit(output.readline)
            try:
                return int(line.result(STARTS_WITHIN))
            except (TimeoutError, ValueError):
                self._process.kill()
                raise PolicyPackError(f"The policy pack did not start: {self._last_error_line()}") from None

    def _ask(self, question: Any) -> analyzer_pb2.AnalyzeResponse:
        try:
            response: analyzer_pb2.AnalyzeResponse = question()
        except grpc.RpcError as error:
            raise PolicyPackError(
                f"The policy pack failed: {error.details()} {self._last_error_line()}".strip()
            ) from None
        return response

    def _last_error_line(self) -> str:
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output on standard error."

    def _findings(self, diagnostic: analyzer_pb2.AnalyzeDiagnostic) -> Iterable[PolicyFinding]:
        return findings_in(diagnostic, self.rules[diagnostic.policyName])


def analyze_request(resource: Resource) -> analyzer_pb2.AnalyzeRequest:
    """The question about one resource: its inputs."""
    return analyzer_pb2.AnalyzeRequest(
        type=resource.type,
        properties=_struct(resource.properties),
        urn=resource.urn,
        name=resource.name,
        options=_options(resource),
    )


def stack_request(resources: Iterable[Resource]) -> analyzer_pb2.AnalyzeStackRequest:
    """The question about all resources: their outputs, and what each property was computed from."""
    return analyzer_pb2.AnalyzeStackRequest(resources=[_stack_resource(resource) for resource in resources])


def _stack_resource(resource: Resource) -> analyzer_pb2.AnalyzerResource:
    identity = {"id": resource.id} if resource.id else {}
    return analyzer_pb2.AnalyzerResource(
        type=resource.type,
        properties=_struct({**resource.outputs, **identity}),
        urn=resource.urn,
        name=resource.name,
        options=_options(resource),
        parent=resource.parent,
        dependencies=resource.dependencies,
        propertyDependencies={
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
            for key, urns in resource.property_dependencies.items()
            if urns
        },
    )


def _options(resource: Resource) -> analyzer_pb2.AnalyzerResourceOptions:
    return analyzer_pb2.AnalyzerResourceOptions(
        protect=resource.protect, ignoreChanges=resource.ignore_changes, parent=resource.parent
    )


def _struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(wire(properties))
    return struct
