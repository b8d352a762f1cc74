"""Runs a Pulumi program in this process, against an engine of ours instead of the Pulumi CLI's.

The program is the unchanged `__main__.py`. Every consumer of the program's graph (the rehearsal, the check, the
export, the tests) brings an `Engine` that creates the resources and answers the lookups.
"""

import contextlib
import contextvars
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from components import clients
from private_inference.runner import sdk
from private_inference.runner.project import StackConfig
from private_inference.runner.remote import EXPANSIONS
from private_inference.runner.resource import Engine, Lookup, Outputs, Resource, Run
from private_inference.runner.transforms import Callback, Transforms


class StoppedError(Exception):
    """Nothing more is created after a failure."""


def run_program(config: StackConfig, engine: Engine, *, preview: bool = False) -> Run:
    """Run the program of `config` to its end and record it.

    With `preview`, outputs that the engine leaves out are unknown, as they are in `pulumi preview`.
    Raises what the program or the engine raised; after the first failure nothing more is created.
    """
    recorder = _Recorder(engine)

    def execute() -> tuple[Outputs, list[str]]:
        return sdk.execute(lambda: run_main(config), recorder, config, preview=preview)

    try:
        with working_in(config.directory), clients.using(engine.client):
            outputs, warnings = contextvars.copy_context().run(execute)
    except Exception:
        # The SDK wraps an engine's error in those of all that waited for it; the first one says what went wrong.
        if recorder.failure is not None:
            raise recorder.failure from None
        raise
    return Run(
        tuple(recorder.created), tuple(recorder.remote_children), tuple(recorder.lookups), outputs, tuple(warnings)
    )


def run_main(config: StackConfig) -> None:
    """Run the program itself, in a process that the SDK has been prepared in."""
    runpy.run_path(str(config.directory / "__main__.py"), run_name="__main__")


@contextlib.contextmanager
def working_in(directory: Path) -> Iterator[None]:
    """Where the program finds its files and imports."""
    sys.path.insert(0, str(directory))
    try:
        with contextlib.chdir(directory):
            yield
    finally:
        sys.path.remove(str(directory))


class _Recorder:
    """Passes a program's resources and lookups to the engine, and keeps a record.

    On the way transforms are run and remote components are expanded.
    """

    def __init__(self, engine: Engine) -> None:
        self.created: list[Resource] = []
        self.remote_children: list[Resource] = []
        self.lookups: list[Lookup] = []
        self.failure: Exception | None = None
        self._engine = engine
        self._made: dict[str, Resource] = {}
        self._transforms = Transforms()

    def transform_resources(self, callback: Callback) -> None:
        self._transforms.of_stack.append(callback)

    def transform_lookups(self, callback: Callback) -> None:
        self._transforms.of_lookups.append(callback)

    def invoke(self, token: str, args: Mapping[str, Any]) -> Outputs:
        args = self._transforms.lookup(token, args)
        answer = self._engine.invoke(token, args)
        self.lookups.append(Lookup(token, args, answer))
        return answer

    def state(self, urn: str) -> tuple[str | None, Outputs]:
        made = self._made[urn]
        return made.id, made.outputs

    def register(self, resource: Resource, transforms: Sequence[Callback]) -> tuple[str | None, Outputs]:
        with self._stopping(resource):
            resource = self._transforms.resource(resource, transforms)
            made = self._expand(resource) if resource.type in EXPANSIONS else self._create(resource)
            self.created.append(made)
        return made.id, made.outputs

    def read(self, resource: Resource) -> Outputs:
        with self._stopping(resource):
            made = self._create(resource)
            self.created.append(made)
        return made.outputs

    @contextlib.contextmanager
    def _stopping(self, resource: Resource) -> Iterator[None]:
        """Nothing more happens after a failure."""
        if self.failure is not None:
            raise StoppedError(f"{resource.name} was not created, because an earlier resource failed.")
        try:
            yield
        except Exception as error:
            self.failure = self.failure or error
            raise

    def _create(self, resource: Resource) -> Resource:
        identity, outputs = self._engine.create(resource)
        made = replace(resource, id=identity, outputs=outputs)
        self._made[resource.urn] = made
        return made

    def _expand(self, component: Resource) -> Resource:
        """Create what a remote component is made of; the component, with references to that as its outputs.

        A remote component registers itself without inputs; its children take over its options.
        """
        self._create(replace(component, custom=False, properties={}, property_dependencies={}))

        def create(
            kind: str, name: str, properties: Mapping[str, Any], reads: Mapping[str, Sequence[str]]
        ) -> tuple[Resource, Outputs]:
            child = replace(
                component,
                urn=f"{component.urn.rpartition('::')[0]}${kind}::{name}",
                type=kind,
                name=name,
                parent=component.urn,
                properties=properties,
                property_dependencies=reads,
                remote=False,
            )
            made = self._create(self._transforms.resource(child))
            self.remote_children.append(made)
            return made, made.outputs

        made = replace(component, outputs=EXPANSIONS[component.type](component, create))
        self._made[component.urn] = made
        return made
