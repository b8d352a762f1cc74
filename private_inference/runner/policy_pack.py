"""Runs a policy pack in a process of its own and asks it as the Pulumi engine does, over the Analyzer protocol.

Sources: pulumi/pulumi, proto/pulumi/analyzer.proto; pkg/resource/plugin/analyzer_plugin.go (starting, levels) and
analyzer_config.go (defaults and validation of the configuration); pkg/resource/deploy/step_generator.go (what is asked
when: each resource's inputs before it is created, the outputs of all at the end).
"""

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import grpc
import pulumi
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from private_inference.runner.preview import children
from private_inference.runner.program import Engine, Resource

PACK = Path(__file__).parents[2] / "policy"
"""The policy pack of this product."""

Kind = Literal["violation", "unverified", "exception"]
Level = Literal["advisory", "mandatory", "disabled", "remediate"]

LEVELS: Mapping[int, Level] = {
    analyzer_pb2.ADVISORY: "advisory",
    analyzer_pb2.MANDATORY: "mandatory",
    analyzer_pb2.DISABLED: "disabled",
    analyzer_pb2.REMEDIATE: "remediate",
}
SEVERITIES = {
    analyzer_pb2.POLICY_SEVERITY_UNSPECIFIED: "",
    analyzer_pb2.POLICY_SEVERITY_LOW: "low",
    analyzer_pb2.POLICY_SEVERITY_MEDIUM: "medium",
    analyzer_pb2.POLICY_SEVERITY_HIGH: "high",
    analyzer_pb2.POLICY_SEVERITY_CRITICAL: "critical",
}

STARTS_WITHIN = 30
"""Seconds that a pack may take to say its port."""

LARGEST_MESSAGE = 400 * 1024 * 1024
"""Bytes; the engine's own limit."""

EXCEPTIONS = "exceptions-in-force"
"""The rule by which our pack lists what exceptions kept it from reporting."""

_NOT_VERIFIED = re.compile(r"^cannot be verified before deployment: (\S+) of (.+)$", re.MULTILINE)
_NOT_RUN = "can't run policy"
"""How the SDK begins what it says instead of a verdict."""

# What `python -m pulumi.policy DIRECTORY` does for the engine; and the pack ends when whoever asks it does.
_HOST = """
import os, runpy, sys, threading

def until_closed():
    while os.read(0, 1):
        pass
    os._exit(0)

threading.Thread(target=until_closed, daemon=True).start()
runpy.run_path(sys.argv[1], run_name="__main__")
"""


class PolicyPackError(Exception):
    """The pack can't be run or configured; the message says why and what to do."""


class PolicyViolationError(Exception):
    """A mandatory rule forbids a resource. `findings` are all that was found about it."""

    def __init__(self, findings: list["Finding"]) -> None:
        super().__init__("\n".join(finding.message for finding in findings if finding.blocks))
        self.findings = findings


@dataclass(frozen=True)
class Rule:
    """What a pack says of one of its rules."""

    name: str
    description: str
    level: Level
    severity: str
    controls: tuple[str, ...]
    remediation: str
    of_stack: bool
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """What a rule found out about a resource (or, with an empty URN, about the stack).

    `kind` is "violation"; "unverified" for a property that must be known and isn't before deployment; or "exception"
    for what would be a violation. `message` says what is wrong and how to fix it, `why` what the rule is for.
    """

    rule: str
    kind: Kind
    level: Level
    severity: str
    urn: str
    message: str
    why: str

    @property
    def blocks(self) -> bool:
        """Whether a deployment with this finding is refused."""
        return self.kind == "violation" and self.level == "mandatory"


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
        self._said = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", _HOST, str(self._directory)],
            cwd=self._directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if "_channel" in vars(self):
            self._channel.close()
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.communicate()
        self._said.close()

    def analyze(self, resource: Resource) -> list[Finding]:
        """What the resource rules say of a resource, by its inputs."""
        request = analyze_request(resource)
        response = self._ask(lambda: self._stub.Analyze(request))
        # The engine, too, takes the URN of the resource whatever the rule says.
        return [replace(f, urn=f.urn or resource.urn) for d in response.diagnostics for f in self._findings(d)]

    def analyze_stack(self, resources: Iterable[Resource]) -> list[Finding]:
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
        return {policy.name: _rule(policy) for policy in self._info.policies}

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
                raise PolicyPackError(f"The policy pack did not start: {self._last_words()}") from None

    def _ask(self, question: Any) -> analyzer_pb2.AnalyzeResponse:
        try:
            response: analyzer_pb2.AnalyzeResponse = question()
        except grpc.RpcError as error:
            raise PolicyPackError(f"The policy pack failed: {error.details()} {self._last_words()}".strip()) from None
        return response

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing."

    def _findings(self, diagnostic: analyzer_pb2.AnalyzeDiagnostic) -> Iterator[Finding]:
        rule = self.rules[diagnostic.policyName]
        text = diagnostic.message.removeprefix(diagnostic.description).strip()
        kind: Kind = "exception" if rule.name == EXCEPTIONS else "violation"
        level = LEVELS[diagnostic.enforcementLevel]
        finding = Finding(rule.name, kind, level, rule.severity, diagnostic.urn, text, rule.description)
        if not text.startswith(_NOT_RUN):
            yield finding
            return
        for found in _NOT_VERIFIED.finditer(text):
            yield replace(finding, kind="unverified", urn=found[2], message=found[0].rpartition(" of ")[0])
        if not _NOT_VERIFIED.search(text):
            yield replace(finding, kind="unverified", message=text)


class GuardedEngine:
    """An engine that asks the pack before each creation. With `enforce`, a mandatory violation stops the program.

    A remote component's own resources are judged with it, before any of them is created.
    """

    def __init__(self, engine: Engine, pack: PolicyPack, *, enforce: bool = True) -> None:
        self._engine = engine
        self._pack = pack
        self._enforce = enforce
        self.findings: list[Finding] = []

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        """Raises PolicyViolationError, and what the engine raises."""
        asked = [replace(resource, properties={}), *inner] if (inner := children(resource)) else [resource]
        found = [finding for each in asked for finding in self._pack.analyze(each)]
        self.findings.extend(found)
        if self._enforce and any(finding.blocks for finding in found):
            raise PolicyViolationError(found)
        return self._engine.create(resource)

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._engine.invoke(token, args)


def read_config(path: Path) -> Mapping[str, Any]:
    """A file for `pulumi up --policy-pack-config`. Raises PolicyPackError for what isn't one."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyPackError(f"{path.name} was not found. Name an existing policy configuration.") from None
    except ValueError as error:
        raise PolicyPackError(f"{path.name} is not JSON: {error}. Correct it.") from None
    if not isinstance(config, dict):
        raise PolicyPackError(f"{path.name} must be an object with the configuration by rule.")
    return config


def reconcile(
    policies: Iterable[analyzer_pb2.PolicyInfo], config: Mapping[str, Any]
) -> dict[str, analyzer_pb2.PolicyConfig]:
    """The configuration of every rule: what is given over `all` over the rule's own level and defaults.

    Raises PolicyPackError for unknown rules (which the engine ignores without a word), levels and options.
    """
    by_name = {policy.name: policy for policy in policies}
    given = {name: _given(name, value) for name, value in config.items()}
    unknown = sorted(set(given) - set(by_name) - {"all"})
    if unknown:
        raise PolicyPackError(f"The policy configuration names rules that the pack doesn't have: {', '.join(unknown)}.")
    everywhere, _ = given.get("all", (None, {}))
    return {name: _policy_config(policy, everywhere, *given.get(name, (None, {}))) for name, policy in by_name.items()}


def _given(name: str, value: Any) -> tuple[int | None, dict[str, Any]]:
    options = {"enforcementLevel": value} if isinstance(value, str) else dict(value)
    level = options.pop("enforcementLevel", None)
    numbers = {text: number for number, text in LEVELS.items()}
    if level is not None and level not in numbers:
        raise PolicyPackError(f"{name}: {level!r} is not a level; choose one of {', '.join(numbers)}.")
    return (None if level is None else numbers[level]), options


def _policy_config(
    policy: analyzer_pb2.PolicyInfo, everywhere: int | None, level: int | None, options: Mapping[str, Any]
) -> analyzer_pb2.PolicyConfig:
    import jsonschema

    schemas = MessageToDict(policy.configSchema.properties)
    values = {name: schema["default"] for name, schema in schemas.items() if "default" in schema} | dict(options)
    # Unlike the engine, which takes what no schema names, a mistyped option is an error here.
    whole = {"type": "object", "properties": schemas, "additionalProperties": False}
    problem = next(iter(jsonschema.Draft7Validator(whole).iter_errors(values)), None)
    if problem:
        where = ".".join(map(str, problem.absolute_path))
        raise PolicyPackError(f"The policy configuration of {policy.name} is wrong: {where}: {problem.message}.")
    chosen = next(each for each in (level, everywhere, policy.enforcementLevel) if each is not None)
    return analyzer_pb2.PolicyConfig(enforcementLevel=chosen, properties=_struct(values))  # type: ignore[arg-type]


def _rule(policy: analyzer_pb2.PolicyInfo) -> Rule:
    framework = f"{policy.framework.name} {policy.framework.reference}".strip()
    return Rule(
        name=policy.name,
        description=policy.description,
        level=LEVELS[policy.enforcementLevel],
        severity=SEVERITIES[policy.severity],
        controls=tuple(filter(None, [framework, *policy.tags])),
        remediation=policy.remediation_steps,
        of_stack=policy.policy_type == analyzer_pb2.POLICY_TYPE_STACK,
        options={
            name: schema
            for name, schema in MessageToDict(policy.configSchema.properties).items()
            if name != "exceptions"
        },
    )


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


def wire(value: Any) -> Any:
    """A property as the engine sends it to a pack: unknowns and assets in their wire form, no internal keys."""
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
