"""What hides other resources, so that neither a rule nor a proof sees them."""

from collections.abc import Iterator

from private_inference.graph.cloudformation import HOLDING
from private_inference.graph.resources import Resource

HIDING = {
    "aws:cloudformation/": "creates what a template says",
    "aws:serverlessrepository/": "creates what an application's template says",
    "aws:servicecatalog/": "creates what a product's template says",
    "aws:cloudcontrol/": "is a resource of any type",
    "aws-native:": "is a resource of another provider",
    "awscc:": "is a resource of another provider",
    "awsx:": "is made of resources that aren't seen before deployment",
    "command:": "runs a command, which may do anything",
    "pulumi-python:": "is made by code, which may do anything",
    "pulumi-nodejs:": "is made by code, which may do anything",
}
EXPANDED = ("awsx:ecr:Repository",)
"""Remote components whose resources `private-inference check` sees, too."""


def hidden_by(resource: Resource) -> Iterator[str]:
    """What a resource hides, as the end of a sentence that begins with its name: nothing, if all it holds is read."""
    if resource.type in HOLDING:
        yield from (f"holds what can't be read: {what}" for what in resource.unread or ())
    elif resource.type not in EXPANDED:
        found = next((what for beginning, what in HIDING.items() if resource.type.startswith(beginning)), None)
        if found:
            yield f"{found}, so that no rule sees it"
