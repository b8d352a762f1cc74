"""Every name in the schema is held against pulumi-aws's own classes: what Pulumi can say has a Terraform name."""

import importlib
import inspect
import json
import sys
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi import _types

from private_inference.terraform.configuration import HASHES
from private_inference.terraform.names import ARGUMENTS, snake_case, terraform_names
from private_inference.terraform.schema import FILE, VERSION, Block, load_schema

PROVIDER_6_ONLY = {
    "aws_acm_certificate.options.export",
    "aws_acm_certificate.privateKeyWo",
    "aws_acm_certificate.privateKeyWoVersion",
    "aws_api_gateway_domain_name.endpointAccessMode",
    "aws_api_gateway_domain_name.routingMode",
    "aws_api_gateway_integration.integrationTarget",
    "aws_api_gateway_integration.responseTransferMode",
    "aws_api_gateway_rest_api.endpointAccessMode",
    "aws_api_gateway_rest_api.securityPolicy",
    "aws_appautoscaling_policy.predictiveScalingPolicyConfiguration",
    "aws_cloudwatch_log_group.deletionProtectionEnabled",
    "aws_cloudwatch_log_metric_filter.applyOnTransformedLogs",
    "aws_cloudwatch_metric_alarm.evaluationCriteria",
    "aws_cloudwatch_metric_alarm.evaluationInterval",
    "aws_cloudwatch_metric_alarm.evaluationWindow",
    "aws_cloudwatch_metric_alarm.warmUpConfiguration",
    "aws_ecr_repository.imageTagMutabilityExclusionFilters",
    "aws_ecs_service.deploymentConfiguration",
    "aws_ecs_service.loadBalancers.advancedConfiguration",
    "aws_ecs_service.serviceConnectConfiguration.accessLogConfiguration",
    "aws_ecs_service.serviceConnectConfiguration.services.clientAlias.testTrafficRules",
    "aws_ecs_service.sigintRollback",
    "aws_ecs_task_definition.volumes.s3filesVolumeConfiguration",
    "aws_flow_log.regionalNatGatewayId",
    "aws_flow_log.tagFieldSpecifications",
    "aws_iam_policy.delayAfterPolicyCreationInMs",
    "aws_lambda_function.capacityProviderConfig",
    "aws_lambda_function.durableConfig",
    "aws_lambda_function.publishTo",
    "aws_lambda_function.sourceKmsKeyArn",
    "aws_lambda_function.tenancyConfig",
    "aws_lambda_function.useResourceTimeoutForPropagation",
    "aws_lb.enablePrefixForIpv6SourceNat",
    "aws_lb.healthCheckLogs",
    "aws_lb.secondaryIpsAutoAssignedPerSubnet",
    "aws_lb_listener.defaultActions.jwtValidation",
    "aws_lb_target_group.targetControlPort",
    "aws_route.odbNetworkArn",
    "aws_route53_zone.enableAcceleratedRecovery",
    "aws_s3_bucket.bucketNamespace",
    "aws_s3_bucket.serverSideEncryptionConfiguration.rule.blockedEncryptionTypes",
    "aws_s3_bucket_public_access_block.skipDestroy",
    "aws_route53_resolver_endpoint.rniEnhancedMetricsEnabled",
    "aws_route53_resolver_endpoint.targetNameServerMetricsEnabled",
    "aws_s3_bucket_server_side_encryption_configuration.rules.blockedEncryptionTypes",
    "aws_sagemaker_endpoint_configuration.executionRoleArn",
    "aws_sagemaker_endpoint_configuration.productionVariants.capacityReservationConfig",
    "aws_sagemaker_endpoint_configuration.shadowProductionVariants.capacityReservationConfig",
    "aws_sagemaker_model.containers.additionalModelDataSources",
    "aws_sagemaker_model.primaryContainer.additionalModelDataSources",
    "aws_sns_topic.maximumMessageSize",
    "aws_subnet.ipv4IpamPoolId",
    "aws_subnet.ipv4NetmaskLength",
    "aws_subnet.ipv6IpamPoolId",
    "aws_subnet.ipv6NetmaskLength",
    "aws_vpc_endpoint.dnsOptions.privateDnsPreference",
    "aws_vpc_endpoint.dnsOptions.privateDnsSpecifiedDomains",
}
"""Arguments that came with provider 6, besides each resource's `region`: the export refuses them."""

COMPUTED = {
    "aws_lambda_function.codeSha256",
    "aws_lambda_function.snapStart.optimizationStatus",
    "aws_lb.subnetMappings.outpostId",
    "aws_lambda_function.vpcConfig.vpcId",
    "aws_route53_resolver_endpoint.ipAddresses.ipId",
    "aws_s3_bucket_logging.targetGrants.grantee.displayName",
}
"""What pulumi-aws's classes list among the inputs, and the provider only answers."""


def test_the_file_says_which_provider_it_is_of() -> None:
    assert json.loads(FILE.read_text())["version"] == VERSION


def pulumi_module(token: str) -> Any:
    """`aws:s3/bucketLogging:BucketLogging` → pulumi_aws.s3.bucket_logging."""
    package, module, member = token.split(":")
    folder = module.split("/")[0]
    names = {"index": [], "lambda": ["lambda_"]}.get(folder, [folder])
    # Read as a program reads it: pulumi_aws loads its modules late, and an import of their parts would break that.
    found: Any = importlib.import_module(f"pulumi_{package}")
    for name in names:
        found = getattr(found, name)
    public = getattr(found, member, None) or getattr(found, snake_case(member))
    return sys.modules[public.__module__]


def arguments_of(token: str) -> Any:
    """The resource's arguments; they are called InitArgs where a nested type has taken the name."""
    module, name = pulumi_module(token), token.split(":")[-1]
    return getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args")


def nested_class(kind: Any) -> type | None:
    """The args class inside `Sequence[Union[Args, Awaitable[Args], …]]`, if there is one."""
    if inspect.isclass(kind) and _types.is_input_type(kind):
        return kind
    return next((found for inner in typing.get_args(kind) if (found := nested_class(inner))), None)


def unnamed(arguments: type, block: Block, path: str, renamed: dict[str, str] | None = None) -> Iterator[str]:
    """Paths of the arguments, nested ones included, for which `block` has no name."""
    names = terraform_names(block.settable(), renamed)
    for key, kind in _types.input_type_types(arguments).items():
        inner = nested_class(kind)
        if key not in names:
            yield f"{path}.{key}"
        elif inner and names[key] in block.blocks:
            yield from unnamed(inner, Block.of(block.blocks[names[key]]["block"]), f"{path}.{key}")


@pytest.mark.parametrize("token", load_schema().resources)
def test_each_argument_of_a_pulumi_resource_has_a_terraform_name(token: str) -> None:
    entry = load_schema().resources[token]
    missing = set(unnamed(arguments_of(token), entry.block, entry.type, ARGUMENTS.get(entry.type)))
    assert missing - {f"{entry.type}.region"} <= PROVIDER_6_ONLY | COMPUTED


def test_what_is_listed_as_missing_is_missing() -> None:
    missing: set[str] = set()
    for token, entry in load_schema().resources.items():
        missing |= set(unnamed(arguments_of(token), entry.block, entry.type, ARGUMENTS.get(entry.type)))
    assert missing >= PROVIDER_6_ONLY | COMPUTED


@pytest.mark.parametrize("token", load_schema().resources)
def test_what_the_export_adds_is_in_provider_6_too(token: str) -> None:
    """pulumi-aws 7 is provider 6. The program's arguments come through it; these the export writes by itself."""
    entry = load_schema().resources[token]
    provider_6 = {snake_case(key) for key in _types.input_type_types(arguments_of(token))}
    added = {name for name in entry.block.settable() if name in ("name_prefix", "bucket_prefix")}
    added |= {HASHES[entry.type][0]} if entry.type in HASHES else set()
    assert added <= provider_6


@pytest.mark.parametrize("token", load_schema().lookups)
def test_each_answer_of_a_pulumi_lookup_has_a_terraform_name(token: str) -> None:
    entry = load_schema().lookups[token]
    result = getattr(pulumi_module(token), f"Get{token.split(':')[-1].removeprefix('get')}Result")
    names = terraform_names((*entry.block.attributes, *entry.block.blocks), ARGUMENTS.get(entry.type))
    assert set(_types.output_type_types(result)) - names.keys() <= {
        "region",
        "serviceRegion",
        "encryptionSupport",
    }  # of provider 6
