"""A program's transforms change what is created and looked up here, as they do under the Pulumi CLI."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.output import Unknown

from private_inference.runner.preview import PreviewEngine
from tests.runner.test_program import Making, Thing, by_name, run
from tests.support.recording import REGION


def test_what_reads_a_resource_sees_what_the_transform_made() -> None:
    def renaming(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
        return pulumi.ResourceTransformResult({**args.props, "name": "other"}, args.opts)

    def body() -> None:
        group = aws.cloudwatch.LogGroup("logs", name="mine", opts=pulumi.ResourceOptions(transforms=[renaming]))
        Thing("reader", text=group.name)

    assert by_name(run(body))["reader"].properties == {"text": "other"}


def test_options_pass_and_unknown_values_stay_unknown() -> None:
    def loosening(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
        other = pulumi.ResourceOptions(ignore_changes=["text"], protect=False, retain_on_delete=True)
        return pulumi.ResourceTransformResult(args.props, pulumi.ResourceOptions.merge(args.opts, other))

    def body() -> None:
        options = pulumi.ResourceOptions(
            protect=True, transforms=[loosening], custom_timeouts=pulumi.CustomTimeouts(create="3m")
        )
        Thing("second", options, text=aws.cloudwatch.LogGroup("first").arn)

    found = by_name(run(body, PreviewEngine(REGION), preview=True))["second"]
    assert found.ignore_changes == ("text",)
    assert (found.protect, found.retain_on_delete, found.timeouts) == (False, True, {"create": "3m"})
    assert isinstance(found.properties["text"], Unknown)
    assert [urn.rpartition("::")[2] for urn in found.property_dependencies["text"]] == ["first"]


def test_lookups_are_asked_with_what_their_transforms_leave() -> None:
    def elsewhere(args: pulumi.InvokeTransformArgs) -> pulumi.InvokeTransformResult:
        return pulumi.InvokeTransformResult({**args.args, "size": 4}, args.opts)

    def body() -> None:
        pulumi.runtime.register_invoke_transform(elsewhere)
        Thing("found", size=pulumi.runtime.invoke_output("test:index:find", {"size": 3}).apply(lambda it: it["size"]))

    assert by_name(run(body))["found"].properties == {"size": 4}


def test_a_transform_that_fails_ends_the_program_and_is_told() -> None:
    def failing(args: pulumi.ResourceTransformArgs) -> Any:
        raise ValueError("not this one")

    engine = Making()
    with pytest.raises(pulumi.RunError, match=r"thing's transform failed: .*not this one"):
        run(lambda: Thing("thing", pulumi.ResourceOptions(transforms=[failing])), engine)
    assert engine.asked == []
