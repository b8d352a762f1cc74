"""A Pulumi program in this process: what it registers reaches the engine whole, and the engine's answers reach it."""

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.output import Unknown

from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig
from private_inference.runner.resource import Resource
from tests.support.recording import ROOT, RecordingEngine, inline

INLINE = ROOT / "tests" / "support" / "inline"


class Thing(pulumi.CustomResource):
    made: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, **inputs: Any) -> None:
        super().__init__("test:index:Thing", name, {"made": None, **inputs}, opts)


class Group(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Group", name, None, opts)


class Making:
    """An engine whose things have one output; `failing` names those that can't be made."""

    def __init__(self, failing: tuple[str, ...] = ()) -> None:
        self.asked: list[str] = []
        self._failing = failing

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        self.asked.append(resource.name)
        if resource.name in self._failing:
            raise ValueError(f"{resource.name} can't be made")
        if not resource.custom:
            return None, {}
        return resource.id or f"id-{resource.name}", {**resource.properties, "made": f"made-{resource.name}"}

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"token": token, **args}

    def client(self, service: str) -> None:
        return None


def run(body: Any, engine: Any = None, *, preview: bool = False, **values: str) -> Any:
    token = inline.set(body)
    try:
        config = StackConfig("shop", "dev", INLINE, {f"shop:{key}": value for key, value in values.items()})
        return run_program(config, engine or Making(), preview=preview)
    finally:
        inline.reset(token)


def by_name(result: Any) -> dict[str, Resource]:
    return {resource.name: resource for resource in result.resources}


def test_outputs_of_a_resource_reach_those_that_read_them() -> None:
    def body() -> None:
        first = Thing("first", size=3)
        Thing("second", text=pulumi.Output.concat("after ", first.made), link=first.id)

    resources = by_name(run(body))
    assert resources["first"].properties == {"size": 3}
    assert resources["second"].properties == {"text": "after made-first", "link": "id-first"}


def test_what_a_resource_reads_is_made_first_and_recorded() -> None:
    def body() -> None:
        first = Thing("first")
        Thing("third", opts=pulumi.ResourceOptions(depends_on=[Thing("second", text=first.made)]))

    result = run(body)
    resources = by_name(result)
    assert [resource.name for resource in result.resources] == ["first", "second", "third"]
    assert resources["second"].dependencies == (resources["first"].urn,)
    assert resources["second"].property_dependencies == {"text": (resources["first"].urn,)}
    assert resources["third"].dependencies == (resources["second"].urn,)
    assert resources["third"].property_dependencies == {}


def test_independent_resources_are_made_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=30)

    class Meeting(Making):
        def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
            together.wait()  # broken, and an error, unless three are here at once
            return super().create(resource)

    assert len(run(lambda: [Thing(name) for name in "abc"], Meeting()).resources) == 3


def test_parents_and_the_types_of_urns() -> None:
    def body() -> None:
        group = Group("group")
        Thing("inside", opts=pulumi.ResourceOptions(parent=group))
        Thing("outside")

    resources = by_name(run(body))
    assert resources["inside"].parent == resources["group"].urn
    assert resources["inside"].urn == "urn:pulumi:dev::shop::test:index:Group$test:index:Thing::inside"
    assert resources["outside"].urn == "urn:pulumi:dev::shop::test:index:Thing::outside"
    assert not resources["group"].custom


def test_options_are_recorded() -> None:
    def body() -> None:
        options = pulumi.ResourceOptions(
            protect=True,
            retain_on_delete=True,
            delete_before_replace=True,
            ignore_changes=["size"],
            custom_timeouts=pulumi.CustomTimeouts(delete="60m"),
        )
        Thing("one", options)
        Thing("other")

    resources = by_name(run(body))
    one, other = resources["one"], resources["other"]
    assert (one.protect, one.retain_on_delete, one.delete_before_replace) == (True, True, True)
    assert (one.ignore_changes, one.timeouts) == (("size",), {"delete": "60m"})
    assert (other.protect, other.retain_on_delete, other.delete_before_replace) == (False, False, False)
    assert (other.ignore_changes, other.timeouts) == ((), {})


def test_resources_and_remote_components_know_their_provider() -> None:
    def body() -> None:
        provider = pulumi.ProviderResource("test", "mine", {})
        group = Group("group", pulumi.ResourceOptions(providers=[provider]))
        Thing("inside", pulumi.ResourceOptions(parent=group))
        pulumi.ComponentResource("test:index:Remote", "remote", {}, pulumi.ResourceOptions(parent=group), remote=True)

    resources = by_name(run(body))
    reference = f"{resources['mine'].urn}::id-mine"
    assert resources["inside"].provider == reference
    assert resources["remote"].provider == reference
    assert resources["remote"].custom


def test_a_lookup_is_answered_by_the_engine() -> None:
    def body() -> None:
        answer = pulumi.runtime.invoke("test:index:lookup", {"name": "x"}).value
        pulumi.export("answer", answer)

    assert run(body).outputs == {"answer": {"token": "test:index:lookup", "name": "x"}}


def test_exports_are_resolved() -> None:
    def body() -> None:
        pulumi.export("text", pulumi.Output.concat("the ", Thing("first").made))
        pulumi.export("list", [1, {"a": True}])

    assert run(body).outputs == {"text": "the made-first", "list": [1, {"a": True}]}


def test_exports_are_never_lost() -> None:
    """The SDK's mocks register outputs of their own, none, at a time that differs from run to run."""

    def body() -> None:
        pulumi.export("answer", pulumi.runtime.invoke("test:index:lookup", {"name": "x"}).value["name"])

    assert [run(body).outputs for _ in range(100)] == [{"answer": "x"}] * 100


def test_what_the_program_warns_of_is_kept() -> None:
    def body() -> None:
        pulumi.warn("take care")
        pulumi.info("by the way")

    assert run(body).warnings == ("take care",)


def test_the_program_reads_the_configuration_of_its_stack() -> None:
    def body() -> None:
        pulumi.export("is", [pulumi.get_project(), pulumi.get_stack(), pulumi.Config().require("colour")])

    assert run(body, colour="red").outputs == {"is": ["shop", "dev", "red"]}


def test_runs_know_nothing_of_each_other() -> None:
    def body() -> None:
        Thing("first")
        pulumi.warn(str(pulumi.Config().get("colour")))
        pulumi.export("colour", pulumi.Config().get("colour"))

    run(body, colour="red")
    again = run(body)
    assert len(again.resources) == 1
    assert again.warnings == ("None",)
    assert again.outputs.get("colour") is None


def test_the_error_of_the_program_is_raised() -> None:
    def body() -> None:
        raise KeyError("missing")

    with pytest.raises(KeyError, match="missing"):
        run(body)


def test_the_error_of_the_engine_is_raised_and_nothing_more_is_made() -> None:
    def body() -> None:
        first = Thing("first")
        second = Thing("second", text=first.made)
        third = Thing("third", text=second.made)
        Thing("fourth", text=third.made)

    engine = Making(failing=("second",))
    with pytest.raises(ValueError, match="second can't be made"):
        run(body, engine)
    assert engine.asked == ["first", "second"]


def test_what_does_not_depend_on_the_failure_is_not_made_after_it_either() -> None:
    def body() -> None:
        failing = Thing("failing")

        async def after_the_failure() -> str:
            with contextlib.suppress(Exception):
                await failing.made.future()
            return "too late"

        Thing("late", text=pulumi.Output.from_input(after_the_failure()))

    engine = Making(failing=("failing",))
    with pytest.raises(ValueError, match="failing can't be made"):
        run(body, engine)
    assert engine.asked == ["failing"]


def test_in_a_preview_what_the_engine_leaves_out_is_unknown() -> None:
    class Planning(Making):
        def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
            return None, resource.properties

    applied: list[str] = []

    def body() -> None:
        first = Thing("first", size=3)
        first.made.apply(applied.append)
        Thing("second", text=first.made, link=first.id, whole={"text": first.made})
        pulumi.export("made", first.made)

    result = run(body, Planning(), preview=True)
    second = by_name(result)["second"].properties
    assert isinstance(second["text"], Unknown)
    assert isinstance(second["link"], Unknown)
    assert isinstance(second["whole"]["text"], Unknown)
    assert isinstance(result.outputs["made"], Unknown)
    assert applied == []


def test_a_resource_that_exists_is_read_by_its_id() -> None:
    def body() -> None:
        Thing("found", pulumi.ResourceOptions(id="id-7"))

    (found,) = run(body).resources
    assert (found.name, found.id, found.custom) == ("found", "id-7", True)


def test_a_program_is_run_in_its_own_folder_and_imports_from_it(tmp_path: Path) -> None:
    (tmp_path / "its_own_module.py").write_text("WHERE = __file__\n")
    (tmp_path / "note.txt").write_text("here")
    (tmp_path / "__main__.py").write_text(
        "import pulumi\n"
        "from pathlib import Path\n"
        "from its_own_module import WHERE\n"
        "pulumi.export('said', [Path('note.txt').read_text(), Path(WHERE).parent.name])\n"
    )
    here = Path.cwd()
    result = run_program(StackConfig("shop", "dev", tmp_path, {}), RecordingEngine())
    assert result.outputs == {"said": ["here", tmp_path.name]}
    assert Path.cwd() == here
