"""How Pulumi names what Terraform has: the rules of Pulumi's bridge, read backwards.

The bridge derives Pulumi's names from the provider's: snake_case becomes camelCase, and what may hold several values
becomes plural (`TerraformToPulumiNameV2` in https://github.com/pulumi/pulumi-terraform-bridge). Names that pulumi-aws
chose itself are listed here; the tests hold each of them against pulumi-aws and the provider's schema.
"""

import re
from collections.abc import Iterable, Mapping

MODULES = {"ec2transitgateway": "ec2_transit_gateway", "apigateway": "api_gateway"}
"""Pulumi modules whose name is not the provider's prefix."""

TYPES = {
    "aws:cloudtrail/trail:Trail": "aws_cloudtrail",
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:ec2transitgateway/getTransitGateway:getTransitGateway": "aws_ec2_transit_gateway",
}
"""Types that pulumi-aws renamed."""

IN_API = {"restApi": "rest_api_id"}
ARGUMENTS = {
    "aws_api_gateway_authorizer": IN_API,
    "aws_api_gateway_base_path_mapping": {"restApi": "api_id"},
    "aws_api_gateway_deployment": IN_API,
    "aws_api_gateway_integration": IN_API,
    "aws_api_gateway_integration_response": IN_API,
    "aws_api_gateway_method": IN_API,
    "aws_api_gateway_method_response": IN_API,
    "aws_api_gateway_method_settings": IN_API,
    "aws_api_gateway_resource": IN_API,
    "aws_api_gateway_stage": {**IN_API, "deployment": "deployment_id"},
    "aws_cloudwatch_metric_alarm": {"name": "alarm_name"},
    "aws_lambda_function": {"code": "filename", "name": "function_name"},
    "aws_region": {"name": "id", "region": "id"},
    "aws_sns_topic_subscription": {"topic": "topic_arn"},
}
"""Properties that pulumi-aws renamed, by Terraform type. The region's `name` is deprecated in provider 6 and its
`region` is missing in 5: `id` holds the same in both."""


def terraform_types(token: str) -> tuple[str, ...]:
    """The Terraform types that a Pulumi token may stand for, the likeliest first.

    `aws:iam/role:Role` → `aws_iam_role`; `aws:ec2/vpc:Vpc` → `aws_vpc`; `aws:index/getRegion:getRegion` → `aws_region`.
    """
    if token in TYPES:
        return (TYPES[token],)
    _, module, name = token.split(":")
    module = module.split("/")[0]
    words = snake_case(name).removeprefix("get_")
    return f"aws_{MODULES.get(module, module)}_{words}", f"aws_{words}"


def terraform_names(names: Iterable[str], renamed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Pulumi property → Terraform name, for the arguments and blocks `names` of one type or nested block.

    Each name has its singular and its plural key; a name that exists in itself wins over another's plural.
    """
    names = tuple(names)
    plurals = {camel_case(plural(name)): name for name in names}
    return plurals | {camel_case(name): name for name in names} | dict(renamed or {})


def snake_case(name: str) -> str:
    """`vpcConfig` → `vpc_config`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel_case(name: str) -> str:
    """`vpc_config` → `vpcConfig`."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def plural(name: str) -> str:
    """`dns_entry` → `dns_entries`, `address` → `addresses`, `rule` → `rules`."""
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + ("es" if re.search(r"(s|x|z|ch|sh)$", name) else "s")
