"""The execution roles of models that a later export no longer has: they stay declared for one export more.

SageMaker removes an endpoint's network interfaces some minutes after it, with the execution role's permissions
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html). Under Pulumi a hook waits for that;
Terraform has none, and would delete role and endpoint in one apply.
"""

import json
from collections.abc import Iterator, Mapping

from private_inference.terraform.translate import JsonObject

KEPT = "Removes the network interfaces of a model that is gone. The next export leaves it out."
"""The comment on such a role and its permissions."""

MODEL, ROLE, PERMISSIONS = "aws_sagemaker_model", "aws_iam_role", "aws_iam_role_policy"


def keep_roles(previous: Mapping[str, JsonObject], resources: dict[str, JsonObject]) -> None:
    """Declare, as `previous` did, the roles of its models that `resources` no longer has, and what waits for them."""
    kept: set[str] = set()
    for model in previous.get(MODEL, {}).keys() - resources.get(MODEL, {}).keys():
        for address, body in _role_of(previous[MODEL][model], previous):
            kind, label = address.split(".")
            if label not in resources.setdefault(kind, {}):
                resources[kind][label] = {**body, "//": KEPT}
                kept.add(address)
    for kind, named in resources.items():
        for label, body in named.items():
            awaited = kept & set(previous.get(kind, {}).get(label, {}).get("depends_on", ()))
            if awaited:
                body["depends_on"] = sorted({*body.get("depends_on", ()), *awaited})


def _role_of(model: JsonObject, resources: Mapping[str, JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    """The execution role of a model and its permission to remove network interfaces, with their addresses."""
    for label, role in resources.get(ROLE, {}).items():
        if f"{ROLE}.{label}." in model.get("execution_role_arn", ""):
            yield f"{ROLE}.{label}", role
            for name, permissions in resources.get(PERMISSIONS, {}).items():
                is_its = f"{ROLE}.{label}." in permissions.get("role", "")
                if is_its and "ec2:DeleteNetworkInterface" in json.dumps(permissions.get("policy")):
                    yield f"{PERMISSIONS}.{name}", permissions
