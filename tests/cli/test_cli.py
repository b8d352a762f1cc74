"""The command line as a user meets it: exit codes, messages, JSON."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from private_inference.runner.project import load_stack
from tests.verification.verified import deployed

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).parent / "private-inference"
ARCHIVE = ROOT / "examples/model/build/model.tar.gz"
MODEL = {"artifact": str(ARCHIVE), "image": {"framework": "xgboost", "version": "3.0-5"}}
ENDPOINT = {"name": "triage", "model": MODEL, "instanceType": "ml.m5.large"}

Result = subprocess.CompletedProcess[str]
Project = Callable[..., Path]


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> Result:
    return subprocess.run(
        [str(COMMAND), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(environment or {})},
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Makes a project folder with the program, and a stack `try` with the given settings over sound ones."""

    def make(*, region: str = "us-east-1", program: str = "", **settings: Any) -> Path:
        shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
        source = (ROOT / "__main__.py").read_text(encoding="utf-8")
        (tmp_path / "__main__.py").write_text(source + program, encoding="utf-8")
        sound = {"owner": "team", "costCenter": "1", "endpoints": [ENDPOINT]}
        config = {f"private-inference:{key}": value for key, value in {**sound, **settings}.items()}
        stack = {"config": {"aws:region": region, **config}}
        (tmp_path / "Pulumi.try.yaml").write_text(yaml.safe_dump(stack), encoding="utf-8")
        return tmp_path

    return make


def endpoint(**changes: Any) -> dict[str, Any]:
    return {**ENDPOINT, **changes}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"endpoints": [endpoint(model={**MODEL, "artifact": "nowhere.tar.gz"})]}, "nowhere.tar.gz"),
        ({"endpoints": [endpoint(model={**MODEL, "artifact": "__main__.py"})]}, "gzip"),
        ({"network": {"cidr": "10.0.0.0/27"}}, "/25 would do"),
        ({"network": {"cidr": "10.0.0.0/16", "deniedCidrs": ["10.0.9.0/24"]}}, "overlaps"),
        ({"region": "us-middle-1"}, "us-middle-1"),
        ({"endpoints": [endpoint(instanceType="ml.m5.lerge")]}, "ml.m5.large"),
        ({"endpoints": [endpoint(instances={"min": 5, "max": 3})]}, "instances.max"),
        ({"endpoints": [ENDPOINT, ENDPOINT]}, "triage"),
        ({"endpoints": [endpoint(name="n" * 64)]}, "64"),
        ({"network": {"zones": ["us-east-1a", "us-east-1z"]}}, "us-east-1z"),
        ({"netwrok": {}}, "network"),
    ],
)
def test_bad_input_is_one_clear_error_and_exit_code_2(project: Project, settings: dict[str, Any], told: str) -> None:
    result = run("rehearse", "--stack", "try", "--project", str(project(**settings)))
    assert result.returncode == 2, result.stderr
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("error ") == 1
    assert result.stdout == ""


def test_malformed_yaml_is_told_with_its_line(project: Project) -> None:
    folder = project()
    (folder / "Pulumi.try.yaml").write_text("config:\n  aws:region: [us-east-1\n", encoding="utf-8")
    result = run("check", "--stack", "try", "--project", str(folder))
    assert result.returncode == 2
    assert "Pulumi.try.yaml" in result.stderr
    assert "line 3" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_stack_is_told_with_those_there_are(project: Project) -> None:
    result = run("check", "--stack", "prud", "--project", str(project()))
    assert result.returncode == 2
    assert "try" in result.stderr


@pytest.mark.parametrize(
    ("program", "resource", "rule"),
    [
        (
            'aws.ec2.InternetGateway("way-out", vpc_id=network.vpc.id, '
            "opts=pulumi.ResourceOptions(provider=provider))\n",
            "way-out",
            "no-ways-out",
        ),
        (
            'aws.vpc.SecurityGroupIngressRule("world", security_group_id=groups.access.id, ip_protocol="tcp", '
            'from_port=443, to_port=443, cidr_ipv4="0.0.0.0/0", description="oops", '
            "opts=pulumi.ResourceOptions(provider=provider))\n",
            "world",
            "ingress",
        ),
        (
            "import json\n"
            "documents = network.vpc.arn.apply(lambda arn: json.dumps({'Version': '2012-10-17', 'Statement': ["
            "{'Effect': 'Allow', 'Action': ['s3:GetObject'], 'Resource': [arn, '*']}]}))\n"
            'aws.iam.Policy("partly-known", policy=documents, opts=pulumi.ResourceOptions(provider=provider))\n',
            "partly-known",
            "no-wildcard-resources",
        ),
        (
            'aws.s3.Bucket("plain", opts=pulumi.ResourceOptions(provider=provider))\n',
            "plain",
            "defaults-are-closed",
        ),
    ],
)
def test_a_newcomers_mistake_is_told_with_rule_resource_reason_and_remedy(
    project: Project, program: str, resource: str, rule: str
) -> None:
    result = run("check", "--stack", "try", "--project", str(project(program=program)), "--json")
    assert result.returncode == 1, result.stderr
    findings = [f for f in json.loads(result.stdout)["policies"]["findings"] if f["level"] == "mandatory"]
    mistaken = [f for f in findings if f["kind"] == "violation" and f["urn"].endswith(f"::{resource}")]
    assert any(rule in finding["rule"] for finding in mistaken), mistaken
    assert all("To fix it" in finding["message"] and finding["why"] for finding in mistaken)


def test_a_forbidden_resource_stops_the_rehearsal_before_it_is_created(project: Project) -> None:
    program = 'aws.ec2.Eip("public", domain="vpc", opts=pulumi.ResourceOptions(provider=provider))\n'
    result = run("rehearse", "--stack", "try", "--project", str(project(program=program)))
    assert result.returncode == 1
    assert "public" in result.stderr
    assert "nothing more was created" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_rehearsal_passes_and_machines_can_read_it(project: Project) -> None:
    result = run("rehearse", "--stack", "try", "--project", str(project()), "--json")
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["passed"]
    assert said["reachability"]["proved"]
    assert said["outputs"]["endpoints"]["triage"]["name"] == "triage"
    assert {check["verdict"] for check in said["checks"]} == {"ok"}


def test_help_is_quick_to_come_because_nothing_heavy_is_loaded() -> None:
    """What the help needs: neither Pulumi nor boto3 nor moto."""
    code = (
        "import sys, private_inference.cli.main;"
        "print([m for m in ('pulumi', 'pulumi_aws', 'boto3', 'botocore', 'moto', 'grpc') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_a_check_loads_nothing_that_it_does_not_need(project: Project) -> None:
    """Each of these takes a tenth of a second and more: AWS's clients, the embedded AWS, the export, JSON schemas."""
    code = (
        "import sys\n"
        "from private_inference.cli.main import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "unneeded = ('boto3', 'botocore', 'urllib3', 'moto', 'docker', 'jsonschema', 'jmespath', 'jinja2',"
        " 'private_inference.rehearsal', 'private_inference.verification', 'private_inference.terraform')\n"
        "print([name for name in unneeded if name in sys.modules], file=sys.stderr)\n"
    )
    asked = ["check", "--stack", "try", "--project", str(project()), "--json"]
    result = subprocess.run([sys.executable, "-c", code, *asked], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stderr.strip() == "[]"


def test_who_may_is_answered_with_reasons(tmp_path: Path) -> None:
    deny = {
        "Effect": "Deny",
        "Action": "sagemaker:*",
        "Resource": "*",
        "Condition": {"Null": {"aws:SourceVpce": "true"}},
    }
    scp = tmp_path / "scp.json"
    scp.write_text(json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "Perimeter", **deny}]}), encoding="utf-8")
    asked = ("who", "--project", str(ROOT), "--action", "sagemaker:invokeendpoint", "--json")
    result = run(*asked, "--principal", "any principal of the account", "--scp", str(scp))
    assert result.returncode == 0, result.stderr
    answers = {each["path"]: each for each in json.loads(result.stdout)}
    assert answers["endpoint sagemaker.runtime"]["state"] == "assumed"
    assert answers["endpoint sagemaker.runtime"]["witness"]["context"]["aws:sourcevpce"]
    assert answers["no VPC endpoint"]["state"] == "denied"
    assert answers["no VPC endpoint"]["deniedBy"] == ["scp.json, statement Perimeter"]


def test_who_may_in_the_account_of_a_deployed_stack_is_answered_by_name(project: Project) -> None:
    folder = project()
    with deployed(load_stack(folder, "try")) as deployment:
        iam = deployment.client("iam")
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        for name in ("anna", "bert"):
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(everything))
        asked = ("who", "--stack", "try", "--project", str(folder), "--live", "--json")
        environment = deployment.aws.environment()
        every = run(*asked, "--action", "sagemaker:Invoke*", environment=environment)
        one = run(*asked, "--principal", "user/bert", environment=environment)
        nobody = run(*asked, "--principal", "user/carl", environment=environment)
    assert every.returncode == 1, every.stderr
    assert "unverified: access points" in " ".join(every.stderr.split())
    surplus = [each for each in json.loads(every.stdout) if each["state"] == "surplus"]
    assert {tuple(each["principals"]) for each in surplus} == {("user/anna", "user/bert")}
    berts = [each for each in json.loads(one.stdout) if "mayBecome" not in each]
    assert {tuple(each["principals"]) for each in berts} == {("user/anna", "user/bert")}
    changes = {each["mayBecome"]: each for each in json.loads(one.stdout) if "mayBecome" in each}
    assert {"user/anna", "role triage"} <= set(changes)
    assert changes["user/anna"]["allowedBy"] == ["inline policy all of user bert, statement 0"]
    assert nobody.returncode == 2
    assert "user/anna" in " ".join(nobody.stderr.split())


def test_a_verification_leaves_evidence(project: Project, tmp_path: Path) -> None:
    folder, report = project(), tmp_path / "report"
    with deployed(load_stack(folder, "try")) as deployment:
        asked = ("verify", "--stack", "try", "--project", str(folder), "--report", str(report), "--json")
        result = run(*asked, environment=deployment.aws.environment())
    assert result.returncode == 0, result.stderr
    assert json.loads((report / "evidence.json").read_text())["checks"] == json.loads(result.stdout)["checks"]
    assert (report / "evidence.html").exists()


def test_administrators_that_are_declared_are_told_as_such_and_whoever_becomes_one_is_surplus(project: Project) -> None:
    why = "sets the account up"
    named = [{"principal": f"arn:aws:iam::*:user/{name}", "because": why} for name in ("anna", "gone")]
    folder = project(perimeter={"administrators": named})
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    keys = {"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "arn:aws:iam::*:user/a*"}
    with deployed(load_stack(folder, "try")) as deployment:
        iam = deployment.client("iam")
        iam.create_user(UserName="anna")
        iam.put_user_policy(UserName="anna", PolicyName="all", PolicyDocument=json.dumps(everything))
        asked = ("who", "--stack", "try", "--project", str(folder), "--live")
        environment = deployment.aws.environment()
        alone, shown = run(*asked, "--json", environment=environment), run(*asked, environment=environment)
        iam.create_user(UserName="bert")
        document = json.dumps({**everything, "Statement": [keys]})
        iam.put_user_policy(UserName="bert", PolicyName="keys", PolicyDocument=document)
        beside = run(*asked, "--json", environment=environment)
    assert (alone.returncode, shown.returncode, beside.returncode) == (0, 0, 1), alone.stderr
    declared = [each for each in json.loads(alone.stdout) if each["state"] == "declared"]
    assert {tuple(each["principals"]) for each in declared} == {("user/anna",)}
    assert {each["why"] for each in declared} == {why}
    assert f"declared: user/anna: {why}" in " ".join(shown.stdout.split())
    assert "user/gone, and nobody of the account is called so" in " ".join(alone.stderr.split())
    becomes = [each for each in json.loads(beside.stdout) if each["state"] == "surplus"]
    assert {(each["principal"], each["mayBecome"]) for each in becomes} == {("user/bert", "user/anna")}


def test_an_account_that_cant_be_read_is_told(project: Project) -> None:
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    nowhere |= {"AWS_MAX_ATTEMPTS": "1"}
    result = run("who", "--stack", "try", "--project", str(project()), "--live", environment=nowhere)
    assert result.returncode == 2
    assert "could not be read" in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_the_perimeter_that_is_written_closes_what_the_account_leaves_open(tmp_path: Path, project: Project) -> None:
    folder, out = project(perimeter={"deployers": ["arn:aws:iam::123456789012:role/deployer"]}), tmp_path / "perimeter"
    written = run("perimeter", "--stack", "try", "--project", str(folder), "--out", str(out))
    assert written.returncode == 0, written.stderr
    assert {file.name for file in out.iterdir()} == {"scp.json", "rcp.json", "boundary.json"}
    shown = run("perimeter", "--stack", "try", "--project", str(folder), "--json")
    unknown = json.loads(shown.stdout)["unknown"]
    assert "the id of the runtime endpoint" in unknown.values()
    assert all(symbol in "".join(file.read_text() for file in out.iterdir()) for symbol in unknown)
    asked = ("who", "--stack", "try", "--project", str(folder), "--action", "sagemaker:Invoke*", "--json")
    result = run(*asked, "--principal", "any principal of the account", "--scp", str(out / "scp.json"))
    states = {(each["path"], each["state"]) for each in json.loads(result.stdout)}
    assert ("endpoint sagemaker.runtime", "assumed") in states
    assert {state for path, state in states if path != "endpoint sagemaker.runtime"} == {"denied"}


def test_a_name_that_nobody_has_is_told_with_those_that_there_are() -> None:
    result = run("who", "--project", str(ROOT), "--resource", "key dta")
    assert result.returncode == 2
    assert "key data" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_permission_that_nobody_asked_for_fails_the_check(project: Project) -> None:
    program = """
policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sagemaker:Invoke*", "Resource": "*"}]}'
aws.iam.RolePolicy("more", role=roles["triage"].role.name, policy=policy, opts=options)
"""
    folder = project(program=program)
    result = run("check", "--stack", "try", "--project", str(folder), "--json")
    found = json.loads(result.stdout)["authorization"]
    assert result.returncode == 1
    assert any("role triage → sagemaker:InvokeEndpoint" in each for each in found["problems"])
    assert any("administrator" in each for each in found["assumptions"])


def test_quotas_compares_with_the_defaults_and_fails_for_what_exceeds_them(project: Project) -> None:
    flows = [
        {"from": "clients", "to": f"10.0.{192 + number}.0/24", "ports": [5432], "because": "A further service"}
        for number in range(25)
    ]
    changed = project(network={"flows": flows, "naclRuleQuota": 40})
    result = run("quotas", "--stack", "try", "--json", "--project", str(changed))
    assert result.returncode == 1, result.stdout + result.stderr
    (exceeded,) = [each for each in json.loads(result.stdout)["quotas"] if each["verdict"] == "exceeds"]
    assert exceeded["name"] == "Rules per network ACL"
    assert f"--desired-value {exceeded['needed']}" in exceeded["remedy"]


def test_a_local_command_finds_the_embedded_aws_and_no_other() -> None:
    asks = "print(boto3.client('sts').get_caller_identity()['Account'], os.environ['PULUMI_BACKEND_URL'])"
    code = f"import boto3, os; {asks}; raise SystemExit(3)"
    real = {"AWS_PROFILE": "production", "AWS_ENDPOINT_URL": "https://nowhere.example.com"}
    result = run("local", "--stack", "dev", "--", sys.executable, "-c", code, environment=real)
    assert result.returncode == 3, result.stderr
    assert result.stdout.startswith("123456789012 file://")
