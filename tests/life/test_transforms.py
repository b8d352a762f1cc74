"""The Pulumi engine runs a program's transforms in the order in which the runner does, on the same resources."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from private_inference.life.engine import deployment
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, load_stack, settings_of
from tests.support.recording import REGION, ROOT

PROGRAM = textwrap.dedent(
    """
    import pulumi
    import pulumi_aws as aws
    import pulumi_awsx as awsx

    def marking(mark):
        def transform(args):
            if args.type_ not in ("aws:cloudwatch/logGroup:LogGroup", "aws:ecr/repository:Repository"):
                return None
            tags = {"marks": args.props.get("tags", {}).get("marks", "") + mark}
            return pulumi.ResourceTransformResult({**args.props, "tags": tags}, args.opts)

        return transform

    class Group(pulumi.ComponentResource):
        def __init__(self, name, **options):
            super().__init__("test:index:Group", name, None, pulumi.ResourceOptions(**options))

    pulumi.runtime.register_resource_transform(marking("s"))
    outer = Group("outer", transforms=[marking("o")])
    inner = Group("inner", parent=outer, transforms=[marking("i")])
    aws.cloudwatch.LogGroup("deep", opts=pulumi.ResourceOptions(parent=inner, transforms=[marking("d")]))
    aws.cloudwatch.LogGroup("alone")
    awsx.ecr.Repository("images", opts=pulumi.ResourceOptions(parent=outer))
    """
)

pytestmark = pytest.mark.xdist_group("life")


def test_marks_of_transforms_come_in_one_order(engine: None, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    config = StackConfig("shop", "dev", tmp_path, {"aws:region": REGION})
    with prepared_aws(settings_of(load_stack(ROOT, "dev"))) as aws, deployment(aws, ROOT) as deployed:
        deployed.up(config)
        state = deployed.resources(config)
    there = {(each["type"], each["urn"].rpartition("::")[2], marks(each.get("inputs", {}))) for each in state}
    run = run_program(config, PreviewEngine(REGION), preview=True)
    here = {(each.type, each.name, marks(each.properties)) for each in run.all_resources}
    assert {each for each in here if each[2]} == {each for each in there if each[2]}
    assert {each[2] for each in here} == {"", "dios", "os", "s"}


def marks(properties: Mapping[str, Any]) -> str:
    return str(properties.get("tags", {}).get("marks", ""))
