"""A project and its stacks, read as the Pulumi CLI would."""

from pathlib import Path

import pytest

from private_inference.runner.project import ProjectError, load_stack

PROJECT = """
name: shop
config:
  size: {type: integer, default: 3}
  layout:
    type: object
    default: {rows: 2}
  colour:
    type: string
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    return tmp_path


def stack(project: Path, text: str, name: str = "dev") -> dict[str, str]:
    (project / f"Pulumi.{name}.yaml").write_text(text)
    return dict(load_stack(project, name).values)


def refused(project: Path, name: str = "dev") -> str:
    with pytest.raises(ProjectError) as caught:
        load_stack(project, name)
    return str(caught.value)


def test_the_projects_defaults_hold_where_the_stack_says_nothing(project: Path) -> None:
    assert stack(project, "") == {"shop:size": "3", "shop:layout": '{"rows": 2}'}


def test_the_stacks_values_replace_the_defaults(project: Path) -> None:
    assert stack(project, "config: {shop:size: 5, shop:colour: red}") == {
        "shop:size": "5",
        "shop:colour": "red",
        "shop:layout": '{"rows": 2}',
    }


def test_a_stack_file_elsewhere_is_named_by_its_path(project: Path) -> None:
    (project / "stacks").mkdir()
    (project / "stacks" / "Pulumi.small.yaml").write_text("config: {shop:size: 1}")
    read = load_stack(project, "stacks/Pulumi.small.yaml")
    assert (read.stack, read.directory, read.values["shop:size"]) == ("small", project.resolve(), "1")
    assert "There is no stack 'large': Pulumi.large.yaml was not found" in refused(project, "stacks/Pulumi.large.yaml")
    assert "'small.yaml' is not named as a stack's file is: Pulumi.STACK.yaml" in refused(project, "stacks/small.yaml")


def test_keys_of_other_namespaces_stay_and_short_ones_are_the_projects(project: Path) -> None:
    values = stack(project, "config: {aws:region: eu-west-1, colour: red}")
    assert values["aws:region"] == "eu-west-1"
    assert values["shop:colour"] == "red"


def test_what_is_not_text_is_json(project: Path) -> None:
    values = stack(project, "config: {shop:layout: [1, {a: true}], shop:size: 5, shop:colour: '5'}")
    assert values == {"shop:layout": '[1, {"a": true}]', "shop:size": "5", "shop:colour": "5"}


def test_a_key_with_nothing_behind_it_sets_nothing(project: Path) -> None:
    assert stack(project, "config:\n  shop:colour:\n  shop:size:\n") == stack(project, "")


def test_the_stack_knows_its_project_name_and_folder(project: Path) -> None:
    stack(project, "", "prod")
    config = load_stack(project, "prod")
    assert (config.project, config.stack, config.directory) == ("shop", "prod", project.resolve())


def test_an_unknown_stack_gets_the_list_of_stacks(project: Path) -> None:
    stack(project, "", "dev")
    stack(project, "", "prod")
    assert refused(project, "test") == ("There is no stack 'test': Pulumi.test.yaml was not found. Stacks: dev, prod.")


def test_a_folder_without_a_project_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path) == "Pulumi.yaml was not found. Run this in the project's folder."


def test_a_project_without_a_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("runtime: python")
    assert refused(tmp_path) == "Pulumi.yaml has no `name`. Give the project a name."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"config:\n  shop:size: [1\n", "Pulumi.dev.yaml is not valid YAML: line 3, column 1"),
        (b"config:\n\tshop:size: 1\n", "Pulumi.dev.yaml is not valid YAML: line 2, column 1"),
        (b"config: {shop:colour: '\xff'}", "Pulumi.dev.yaml is not UTF-8 text. Save it as UTF-8."),
        (b"- config", "Pulumi.dev.yaml holds a list; a mapping of keys to values is needed."),
        (b"config: [1]", "Pulumi.dev.yaml: `config` holds a list; a mapping is needed."),
        (
            b"config: {shop:colour: {secure: AAAB}}",
            "Pulumi.dev.yaml: shop:colour is encrypted, and only the Pulumi CLI",
        ),
        (b"config: {shop:colour: 2026-01-31}", "Pulumi.dev.yaml: shop:colour can't be read"),
        (b"config: {shop:layout: {since: 2026-01-31}}", "Pulumi.dev.yaml: shop:layout can't be read"),
    ],
)
def test_a_file_that_can_not_be_used_is_told_by_name_and_place(content: bytes, said: str, project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_bytes(content)
    assert refused(project).startswith(said)


def test_an_encrypted_value_is_not_shown(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: {shop:colour: {secure: AAABc2VjcmV0}}")
    assert "AAABc2VjcmV0" not in refused(project)
