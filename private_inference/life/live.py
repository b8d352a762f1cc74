"""Lives a life: deploys a stack with a real Pulumi engine, lets each step happen, and watches the invariants."""

import gzip
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from components.settings import Settings, label
from private_inference.life import others
from private_inference.life.engine import Deployment, DeploymentError, deployment
from private_inference.life.invariants import BrokenInvariant, Invariants, endpoints, instances_of
from private_inference.life.life_file import FAILURES, Life, Step, changed
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.idle import idle
from private_inference.rehearsal.operations import Operations
from private_inference.rehearsal.prerequisites import prepared_aws, provide
from private_inference.runner.project import StackConfig, decode, encode, full_key, load_stack, settings_of


@dataclass(frozen=True)
class StepResult:
    """One step of a life, as it went."""

    title: str
    seconds: float
    calls: int
    """AWS calls that changed something."""
    serving: Mapping[str, str]
    """What each endpoint served afterwards: configuration and instances."""
    problem: str
    """Why the step did not go as it should; empty if it did."""
    said: str
    """The engine's error, where it failed as it should."""


@dataclass(frozen=True)
class LifeResult:
    """A life that was lived, to its end or to the first step that went wrong."""

    about: str
    steps: list[StepResult]
    broken: list[BrokenInvariant]

    @property
    def passed(self) -> bool:
        """Whether every step went as it should, and nothing broke."""
        return not self.broken and not any(step.problem for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """The life for machines."""
        return {"passed": self.passed, **asdict(self)}


def live(
    life: Life, project: Path, on_step: Callable[[str], None] = lambda title: None, *, first: Path | None = None
) -> LifeResult:
    """Live a life of the project's program. `first` is the project whose program makes the first deployment.

    Raises NoEngineError where there is no Pulumi engine, LifeError and ProjectError for a change or stack file that
    can't be used.
    """
    config = _with(load_stack(project, life.stack), life.settings)
    with prepared_aws(settings_of(config)) as aws:
        invariants = Invariants(aws)
        aws.on_change(invariants.after)
        with deployment(aws, project) as deployed:
            return _Living(life, config, aws, deployed, invariants, on_step).run(first)


class _Living:
    def __init__(
        self,
        life: Life,
        config: StackConfig,
        aws: EmbeddedAws,
        deployed: Deployment,
        invariants: Invariants,
        on_step: Callable[[str], None],
    ) -> None:
        self._life = life
        self._config = config
        self._aws = aws
        self._deployed = deployed
        self._invariants = invariants
        self._on_step = on_step
        self._operations = Operations(aws.endpoint_url)
        self._models = 0

    def run(self, first: Path | None) -> LifeResult:
        start = self._config if first is None else replace(self._config, directory=first)
        for step in self._life.before:
            self._happen(step)
        title = "first deployment" + (" (fails)" if self._life.fails is not None else "")
        steps = [self._lived(title, lambda: self._deploy(start, self._life.fails))]
        for step in self._life.steps:
            if steps[-1].problem or self._invariants.broken:
                break  # what follows would rest on what is broken, and may wait for it in vain
            steps.append(self._lived(step.title, lambda step=step: self._happen(step)))  # type: ignore[misc]
        return LifeResult(self._life.about, steps, self._invariants.broken)

    def _lived(self, title: str, happen: Callable[[], str]) -> StepResult:
        self._on_step(title)
        self._invariants.step = title
        start, calls = time.perf_counter(), self._invariants.calls
        problem = said = ""
        try:
            said = happen()
        except _WrongError as error:
            problem = str(error)
        self._invariants.after_step()
        seconds = time.perf_counter() - start
        return StepResult(title, round(seconds, 2), self._invariants.calls - calls, self._serving(), problem, said)

    def _happen(self, step: Step) -> str:
        if step.update is not None:
            before, self._config = self._config, self._updated(step.update)
            self._give_up(settings_of(before), settings_of(self._config))
            provide(self._aws, settings_of(self._config))
            calls = self._invariants.calls
            said = self._deploy(self._config, step.fails, refresh=step.refresh)
            if step.changes_nothing and self._invariants.calls > calls:
                raise _WrongError(f"was to change nothing, and {self._invariants.calls - calls} AWS calls did")
            return said
        if step.new_model:
            self._config = _with(self._config, self._retrained())
            return self._deploy(self._config, step.fails)
        if step.destroy:
            self._invariants.destroying = True
            return self._engine(lambda: self._deployed.destroy(self._config), step.fails)
        for name, endpoint in endpoints(self._aws).items():
            self._happen_to(name, endpoint, step)
        self._happen_around(step)
        for name, count in (step.captured or {}).items():
            if (found := others.captured(self._aws, name)) != count:
                raise _WrongError(f"{count} captured calls of {name} were to be in S3, and {found} are")
        return ""

    def _happen_around(self, step: Step) -> None:
        """What happens to no one endpoint."""
        if step.fail is not None:
            for endpoint in settings_of(self._config).endpoints:
                self._operations.fail_next_update(endpoint.name, FAILURES[step.fail])
        self._copies(step.copies or {})
        self._happen_in_region(step)
        if step.gateway_lost is not None:
            self._aws.client("ec2").delete_vpn_gateway(VpnGatewayId=step.gateway_lost)
        if step.repository_deleted is not None:
            self._aws.client("ecr").delete_repository(repositoryName=step.repository_deleted, force=True)
        if step.foreign_endpoint is not None:
            others.deploy_endpoint(self._aws, step.foreign_endpoint)
        if step.attach_invoke_policy is not None:
            others.attach_invoke_policies(self._aws, step.attach_invoke_policy)
        if step.detach_invoke_policy is not None:
            others.detach_invoke_policies(self._aws, step.detach_invoke_policy)

    def _happen_in_region(self, step: Step) -> None:
        """What AWS does without anybody's call."""
        if step.zone_lost is not None:
            self._operations.zone_lost(step.zone_lost)
        if step.prefix_list_grows is not None:
            self._operations.prefix_list_grows(step.prefix_list_grows)
        if step.scans_find is not None:
            repository = f"{self._config.project}-{self._config.stack}".lower()
            self._operations.scans_find(repository, step.scans_find)

    def _happen_to(self, name: str, endpoint: Mapping[str, Any], step: Step) -> None:
        if step.scale is not None:
            running = instances_of(endpoint)
            asked = step.scale if isinstance(step.scale, dict) else dict.fromkeys(running, step.scale)
            for variant in asked.keys() & running.keys():
                self._scale(name, variant, running[variant], asked[variant])
        if step.weights is not None:
            changes = [{"VariantName": variant, "DesiredWeight": weight} for variant, weight in step.weights.items()]
            self._aws.client("sagemaker").update_endpoint_weights_and_capacities(
                EndpointName=name, DesiredWeightsAndCapacities=changes
            )
        if step.calls is not None:
            others.call(self._aws, name, step.calls)
        if step.idle is not None:
            self._idle(name, int(step.idle.removesuffix("h")))
        if step.heal:
            lacking = self._operations.heal(name)
            if lacking:
                raise _WrongError(f"{name} could not heal: {lacking[0].name}: {lacking[0].reason}")

    def _scale(self, name: str, variant: str, running: int, count: int) -> None:
        self._invariants.expect(name, variant, min(count, running))
        counts = self._operations.scale(name, count, variant)
        if counts != {variant: count}:
            raise _WrongError(f"{name} was to scale {variant} to {count}, and has {counts}")
        self._invariants.expect(name, variant, count)

    def _copies(self, asked: Mapping[str, int]) -> None:
        sagemaker = self._aws.client("sagemaker")
        for component, count in asked.items():
            endpoint = sagemaker.describe_inference_component(InferenceComponentName=component)["EndpointName"]
            sagemaker.update_inference_component_runtime_config(
                InferenceComponentName=component, DesiredRuntimeConfig={"CopyCount": count}
            )
            self._invariants.expect(endpoint, component, count)

    def _idle(self, name: str, hours: int) -> None:
        for variant in instances_of(endpoints(self._aws)[name]):
            self._invariants.expect(name, variant, 0)
        variants = idle(self._aws, name, hours)
        for each in variants:
            self._invariants.expect(name, each.name, each.instances)
        for each in variants:
            if each.instances != each.least:
                raise _WrongError(
                    f"{name} was to go down to {each.least} instances without calls, and has {each.instances}: "
                    f"{', '.join(each.held_by)} does not agree"
                )

    def _updated(self, update: str | dict[str, Any]) -> StackConfig:
        if isinstance(update, dict):
            return _with(self._config, update)
        return load_stack(self._config.directory, update)

    def _give_up(self, before: Settings, after: Settings) -> None:
        """What goes takes its logs with it, where the settings give a reason not to protect them."""
        gone = _log_groups(before) - _log_groups(after)
        if not after.protect_data:
            self._invariants.given_up |= gone
            self._invariants.given_up |= {"front-door-*"} if before.private_api and not after.private_api else set()
            self._invariants.given_up |= {"forwarder-*"} if before.load_balancer and not after.load_balancer else set()

    def _retrained(self) -> dict[str, str]:
        """New artifacts in place of the local ones: the same model in other bytes, which makes it another one."""
        changes = {}
        for position, endpoint in enumerate(settings_of(self._config).endpoints):
            for number, model in enumerate(endpoint.models):
                own = f"endpoints.{position}.{endpoint.key(number)}model."
                for key, path in model.local.items():
                    changes[(own + key).replace("[", ".").replace("]", "")] = self._in_other_bytes(path)
        return changes

    def _in_other_bytes(self, artifact: str) -> str:
        self._models += 1
        folder, before = self._deployed.folder / f"model-{self._models}", self._config.directory / artifact
        if artifact.endswith("/"):
            shutil.copytree(before, folder)
            (folder / "retrained").write_text(f"{self._models}\n", encoding="utf-8")
            return f"{folder}/"
        folder.mkdir()
        archive = folder / "model.tar.gz"
        archive.write_bytes(gzip.compress(gzip.decompress(before.read_bytes()), mtime=self._models))
        return str(archive)

    def _deploy(self, config: StackConfig, fails: str | None, *, refresh: bool = False) -> str:
        self._invariants.paths.intend(settings_of(config))
        said = self._engine(lambda: self._deployed.up(config, refresh=refresh), fails)
        if fails is None and self._remaining(config):
            # Once the new fleet serves, a second update narrows the permissions that the old one needed.
            self._engine(lambda: self._deployed.up(config), None)
            if changes := self._remaining(config):
                raise _WrongError(f"a third update would still change something: {changes}")
        if fails is None:
            found = endpoints(self._aws)
            for name in [endpoint.name for endpoint in settings_of(config).endpoints]:
                status = found[name]["EndpointStatus"] if name in found else "not there"
                if status != "InService":
                    raise _WrongError(f"the engine says that {name} is deployed, and it is {status}")
            self._invariants.paths.deployed()
        return said

    def _remaining(self, config: StackConfig) -> dict[str, int]:
        return {kind: count for kind, count in self._deployed.preview(config).items() if kind != "same"}

    def _engine(self, operation: Callable[[], Any], fails: str | None) -> str:
        """Have the engine do something that works, or that fails with an error that matches `fails`."""
        try:
            operation()
        except DeploymentError as error:
            if fails is not None and re.search(fails, str(error)):
                return str(error)
            raise _WrongError(f"the engine failed: {error}") from None
        if fails is not None:
            raise _WrongError(f"it was to fail with {fails!r}, and it went through")
        return ""

    def _serving(self) -> dict[str, str]:
        found = {}
        for name, endpoint in endpoints(self._aws).items():
            shown = "+".join(map(str, instances_of(endpoint).values())) or "no"
            found[name] = f"{endpoint['EndpointConfigName']}, {shown} instances, {endpoint['EndpointStatus']}"
        return found


class _WrongError(Exception):
    """A step did not go as it should."""


def _log_groups(settings: Settings) -> set[str]:
    """Names of the groups that containers log into."""
    endpoints = {f"/aws/sagemaker/Endpoints/{endpoint.name}" for endpoint in settings.endpoints}
    components = [label(endpoint.name, each.name) for endpoint in settings.endpoints for each in endpoint.components]
    return endpoints | {f"/aws/sagemaker/InferenceComponents/{name}" for name in components}


def _with(config: StackConfig, changes: Mapping[str, Any]) -> StackConfig:
    """The configuration with changes of this project's settings, by dotted path."""
    settings = {key.removeprefix(f"{config.project}:"): decode(value) for key, value in config.values.items()}
    values = {full_key(config.project, key): encode(value) for key, value in changed(settings, changes).items()}
    return replace(config, values=values)
