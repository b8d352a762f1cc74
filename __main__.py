"""One stack of private inference: a network without a way out, keys, endpoints, and the contract for their callers."""

import pulumi
import pulumi_aws as aws

from components.artifacts import ArtifactStore, ArtifactStoreArgs
from components.cidr import Tier
from components.contract import PublishedContract, PublishedContractArgs
from components.image_registry import ImageRegistry, ImageRegistryArgs
from components.images import serving_image
from components.inference import VARIANT, InferenceEndpoint, InferenceEndpointArgs
from components.keys import EncryptionKeys, EncryptionKeysArgs
from components.lookups import look_up
from components.monitoring import Monitoring, MonitoringArgs
from components.network import PrivateNetwork, PrivateNetworkArgs, plan_network
from components.private_access import PrivateAccess, PrivateAccessArgs
from components.security_groups import SecurityGroups, SecurityGroupsArgs
from components.settings import load

settings = load()
surroundings = look_up(settings)
plan = plan_network(settings, surroundings)
account = surroundings.account
path = f"/{pulumi.get_project()}/{pulumi.get_stack()}/"

provider = aws.Provider(
    "aws",
    region=settings.region,
    default_tags=aws.ProviderDefaultTagsArgs(
        tags={
            "Project": pulumi.get_project(),
            "Stack": pulumi.get_stack(),
            "Owner": settings.owner,
            "CostCenter": settings.cost_center,
            **settings.tags,
        }
    ),
)
layer = pulumi.ResourceOptions(providers=[provider])

keys = EncryptionKeys(
    "keys",
    EncryptionKeysArgs(
        account=account,
        security=settings.security,
        protect=settings.protect_data,
        retain_data_key=settings.keep_artifacts,
    ),
    layer,
)
network = PrivateNetwork(
    "network",
    PrivateNetworkArgs(
        settings=settings.network,
        account=account,
        plan=plan,
        logs_key_arn=keys.logs.arn,
        log_retention_days=settings.security.log_retention_days,
        protect=settings.protect_data,
    ),
    layer,
)
groups = SecurityGroups(
    "groups",
    SecurityGroupsArgs(
        vpc_id=network.vpc.id,
        allowed=plan.allowed,
        prefix_list_ids={gateway: found.id for gateway, found in surroundings.prefix_lists.items()},
    ),
    layer,
)
store = ArtifactStore(
    "artifacts",
    ArtifactStoreArgs(
        settings=settings.artifacts,
        models=[endpoint.model for endpoint in settings.endpoints],
        account=account,
        key_arn=keys.data.arn,
        protect=settings.protect_data,
        keep=settings.keep_artifacts,
    ),
    layer,
)
registry = ImageRegistry(
    "images",
    ImageRegistryArgs(
        settings=settings.artifacts,
        account=account,
        key_arn=keys.data.arn,
        protect=settings.protect_data,
        keep=settings.keep_artifacts,
    ),
    layer,
)
access = PrivateAccess(
    "access",
    PrivateAccessArgs(
        settings=settings.private_access,
        account=account,
        network=network,
        allowed=plan.allowed,
        service_zones=surroundings.service_zones,
        endpoint_names=[endpoint.name for endpoint in settings.endpoints],
        artifacts=store.artifact_arns(),
        roles=account.roles(path),
        parameters=path,
        security_group_id=groups.access.id,
    ),
    layer,
)
monitoring = Monitoring(
    "monitoring",
    MonitoringArgs(
        account=account,
        key_arn=keys.notifications.arn,
        emails=settings.operators.emails,
        endpoint_names=[endpoint.name for endpoint in settings.endpoints],
        variant=VARIANT,
    ),
    layer,
)
endpoints = {
    endpoint.name: InferenceEndpoint(
        endpoint.name,
        InferenceEndpointArgs(
            settings=endpoint,
            account=account,
            role_path=path,
            artifact=store.artifact_of(endpoint.model),
            image=serving_image(
                endpoint.model.image, account.partition, registry, surroundings.images.get(endpoint.model.image)
            ),
            instance=surroundings.instances[endpoint.instance_type],
            subnet_ids=network.subnet_ids(Tier.MODEL),
            security_group_id=groups.model.id,
            paths=[network, groups, access],
            runtime_endpoint_id=access.runtime.id,
            data_key_arn=keys.data.arn,
            logs_key_arn=keys.logs.arn,
            log_retention_days=settings.security.log_retention_days,
            topic_arn=monitoring.topic.arn,
            protect=settings.protect_data,
        ),
        layer,
    )
    for endpoint in settings.endpoints
}
contract = PublishedContract(
    "contract",
    PublishedContractArgs(
        region=settings.region,
        network=network,
        app_subnet_ids=network.subnet_ids(Tier.APP),
        groups=groups,
        access=access,
        keys=keys,
        monitoring=monitoring,
        endpoints=endpoints,
    ),
    layer,
)
for name, value in contract.outputs.items():
    pulumi.export(name, value)
