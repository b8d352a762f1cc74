"""What holds for the workflows: pinned, with least permissions, without stored keys, under the policy pack."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
PINNED = re.compile(r"[\w-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

every_file = pytest.mark.parametrize(
    "path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.parent.name + "/" + path.name
)
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def read(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def commands(path: Path) -> Iterator[str]:
    for job in read(path)["jobs"].values():
        yield from (step["run"] for step in job.get("steps", []) if "run" in step)


def test_there_are_workflows() -> None:
    assert {path.name for path in WORKFLOWS} == {"pull-request.yml", "deploy.yml", "deploy-stack.yml"}


@every_file
def test_actions_are_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    assert used
    assert [each for each in used if not each.startswith("./") and not PINNED.fullmatch(each)] == []


@every_file
def test_actions_of_this_repository_exist(path: Path) -> None:
    for used in re.findall(r"uses: \./(.+)", path.read_text(encoding="utf-8")):
        target = ROOT / used
        assert target.is_file() or (target / "action.yml").is_file(), used


@every_file
def test_no_key_is_stored(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    assert "secrets." not in text
    assert "aws-access-key-id" not in text
    assert "pulumi_access_token" not in text


@every_workflow
def test_permissions_are_given_job_by_job(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert set(job["permissions"]) <= {"contents", "id-token"}
        assert job["permissions"]["contents"] == "read"


def test_a_pull_request_creates_nothing_and_gets_credentials_for_the_preview_only() -> None:
    workflow = read(ROOT / ".github" / "workflows" / "pull-request.yml")
    assert [name for name, job in workflow["jobs"].items() if "id-token" in job["permissions"]] == ["preview"]
    assert "pull_request_target" not in str(workflow)
    assert not any("pulumi up" in command for command in commands(ROOT / ".github" / "workflows" / "pull-request.yml"))


@every_workflow
def test_pulumi_runs_under_the_policy_pack_and_its_report_is_in_the_summary(path: Path) -> None:
    for command in commands(path):
        if "pulumi preview" in command or "pulumi up" in command or "make --no-print-directory check" in command:
            assert '"$GITHUB_STEP_SUMMARY"' in command
        if "pulumi preview" in command or "pulumi up" in command:
            assert "--policy-pack policy" in command
            assert "Policy.$STACK.json" in command


def test_every_stack_is_checked_previewed_and_deployed_in_order() -> None:
    stacks = sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))
    jobs = read(ROOT / ".github" / "workflows" / "pull-request.yml")["jobs"]
    for name in ("check", "preview"):
        assert sorted(jobs[name]["strategy"]["matrix"]["stack"]) == stacks
    deployed = read(ROOT / ".github" / "workflows" / "deploy.yml")["jobs"]
    assert {name: job.get("needs") for name, job in deployed.items()} == {
        "dev": None,
        "staging": "dev",
        "prod": "staging",
    }
    assert [job["with"]["stack"] for job in deployed.values()] == list(deployed)


def test_a_deployment_waits_for_its_environment() -> None:
    job = read(ROOT / ".github" / "workflows" / "deploy-stack.yml")["jobs"]["deploy"]
    assert job["environment"] == "${{ inputs.stack }}"
    assert job["concurrency"]["cancel-in-progress"] is False
