"""One stack of private inference: a network without internet, keys, endpoints, and the contract for their callers."""

from collections import defaultdict

import pulumi
import pulumi_aws as aws

from components import front_door_policies
from components.account_guards import AccountGuards
from components.artifacts import ArtifactStore, ArtifactStoreArgs
from components.attached_perimeter import AttachedPerimeter, AttachedPerimeterArgs
from components.balanced_front_door import BalancedFrontDoorArgs, balanced_front_door
from components.built_images import built_images
from components.caller_table import rule_name
from components.callers import Callers, CallersArgs
from components.cidr import Tier
from components.component_fleet import fleets_of
from components.container_logs import ContainerLogs
from components.contract import PublishedContract, PublishedContractArgs
from components.data_capture import captured_buckets, captures_of
from components.data_perimeter import Readers, decryption
from components.endpoint_services import FRONT_DOOR
from components.exchange import exchanges_of
from components.exchange_policies import notifications_key_use
from components.execution_role import ExecutionRole, ExecutionRoleArgs
from components.existing_network import existing_groups
from components.flow_logs import FlowLogArgs
from components.guarded import guarded_by
from components.image_registry import ImageRegistry
from components.image_scans import image_scans
from components.inbound_resolver import InboundResolver, InboundResolverArgs
from components.inference import InferenceEndpoint, InferenceEndpointArgs
from components.keys import EncryptionKeys, EncryptionKeysArgs
from components.live_endpoints import NOT_DEPLOYED, live_endpoints
from components.lookups import look_up
from components.model_packages import ModelPackages
from components.monitoring import Monitoring, MonitoringArgs
from components.names import stack_name, stack_path
from components.network import network_of, plan_network
from components.outside_calls import OutsideCalls, OutsideCallsArgs, trail_arn
from components.private_access import PrivateAccess, PrivateAccessArgs
from components.private_api import PrivateApi, PrivateApiArgs
from components.private_name import PrivateName, PrivateNameArgs
from components.production_variant import ServedVariant
from components.rejected_flows import RejectedFlowsAlarm, RejectedFlowsAlarmArgs
from components.safeguards import Safeguards
from components.security_groups import SecurityGroups, SecurityGroupsArgs
from components.served_models import reads_of, served_models
from components.settings import load
from components.storage import StorageArgs
from components.trail_policies import trail_key_use
from components.variant import VariantArgs

settings = load()
facts = look_up(settings)
live = defaultdict(lambda: NOT_DEPLOYED, live_endpoints(settings, pulumi.get_project(), pulumi.get_stack()))
scans = image_scans(settings, facts.prebuilt_images, facts.packages)
plan = plan_network(settings, facts)
account = facts.account

provider = aws.Provider(
    "aws",
    region=settings.region,
    allowed_account_ids=[settings.account] if settings.account else None,
    use_fips_endpoint=settings.fips_endpoints or None,
    use_dualstack_endpoint=settings.dual_stack_endpoints or None,
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
options = pulumi.ResourceOptions(providers=[provider])
safeguards = Safeguards(settings.region)
if settings.account_guards.owned:
    AccountGuards("account", settings.account_guards, options)

keys = EncryptionKeys(
    "keys",
    EncryptionKeysArgs(
        account=account,
        settings=settings.security,
        protect=settings.protect_data,
        retain_data_key=settings.keep_artifacts,
        data_refusals=[decryption(account)] if settings.perimeter.data_through_vpc else [],
        notifications_use=[notifications_key_use(account)] if settings.asynchronous else [],
        logs_use=trail_key_use(account, trail_arn(account)) if settings.logs_calls else [],
    ),
    options,
)
flow_logs = FlowLogArgs(
    account=account,
    logs_key_arn=keys.logs.arn,
    log_retention_days=settings.security.log_retention_days,
    protect=settings.protect_data,
)
network = network_of("network", settings, facts, plan, flow_logs, options)
roles = {
    endpoint.name: ExecutionRole(
        endpoint.name,
        ExecutionRoleArgs(
            endpoint_name=endpoint.name,
            account=account,
            iam_path=stack_path(),
            vpc_id=network.vpc.id,
            unscoped_interfaces=settings.security.network_interfaces_unscoped_because is not None,
        ),
        options,
    )
    for endpoint in settings.endpoints
}
groups = SecurityGroups(
    "groups",
    SecurityGroupsArgs(
        vpc_id=network.vpc.id,
        allowed=(*plan.allowed, *plan.balanced),
        own_endpoints=not facts.service_zones.keys() <= network.endpoints.keys(),
        existing_groups=existing_groups(network.endpoints),
        prefix_list_ids={gateway: found.id for gateway, found in facts.prefix_lists.items()},
        outlived_by=list(roles.values()),
    ),
    options,
)
readers = Readers(vpc=network.vpc.id, roles=account.roles(stack_path()), deployers=settings.perimeter.deployers)
storage = StorageArgs(
    settings=settings.artifacts,
    account=account,
    key_arn=keys.data.arn,
    protect=settings.protect_data,
    keep=settings.keep_artifacts,
)
store = ArtifactStore(
    "artifacts",
    ArtifactStoreArgs(
        storage=storage,
        containers=settings.containers,
        hooks=safeguards.artifact,
        readers=readers if settings.perimeter.data_through_vpc else None,
    ),
    options,
)
exchanges = exchanges_of(settings, storage, roles, keys.notifications.arn, readers, options)
captures = captures_of(settings, storage, readers, stack_path(), safeguards.invoke_policy, options)
captured = captured_buckets(captures, live, account)
registry = ImageRegistry("images", storage, options)
built = built_images(settings, {kind: found.architecture for kind, found in facts.instances.items()}, registry)
models = served_models(
    settings.endpoints, store, registry, account, {**facts.prebuilt_images, **built}, facts.packages, scans
)
if facts.packages:
    ModelPackages("packages", facts.packages)
served = {
    endpoint.name: [
        ServedVariant(
            variant=VariantArgs(
                endpoint=endpoint.name,
                settings=variant,
                vcpus=facts.instances[variant.instance_type].vcpus,
                gpus=facts.instances[variant.instance_type].gpus,
            ),
            containers=each.containers,
        )
        for variant, each in zip(endpoint.hosted_variants, models[endpoint.name], strict=False)
    ]
    for endpoint in settings.endpoints
}
fleets = fleets_of(settings, models, facts.instances)
reads = {name: reads_of(each, live[name], store, account) for name, each in models.items()}
access = PrivateAccess(
    "access",
    PrivateAccessArgs(
        settings=settings.private_access,
        account=account,
        network=network,
        allowed=plan.allowed,
        service_zones=facts.service_zones,
        endpoint_names=[endpoint.name for endpoint in settings.endpoints],
        bearer_tokens=any(endpoint.openai for endpoint in settings.endpoints),
        component_names=[component.component_name for fleet in fleets.values() for component in fleet.components],
        artifacts=[arn for each in reads.values() for arn in each.artifacts],
        listed_artifacts=[arn for each in reads.values() for arn in each.listed],
        exchanges=[exchange.bucket.arn for exchange in exchanges.values()],
        captures=list(captured.values()),
        readable_captures=[each.bucket.arn for each in captures.values() if each.read_policy],
        iam_path=stack_path(),
        parameter_prefix=stack_path(),
        security_group_id=groups.access.id,
        runtime_hooks=safeguards.runtime_endpoint,
    ),
    options,
)
resolver: InboundResolver | None = None
if plan.resolving:
    queried = InboundResolverArgs(
        vpc_id=network.vpc.id, subnet_ids=network.subnet_ids(Tier.ACCESS), queries=plan.resolving
    )
    resolver = InboundResolver("resolver", queried, options)
monitoring = Monitoring(
    "monitoring",
    MonitoringArgs(
        account=account,
        key_arn=keys.notifications.arn,
        emails=settings.operators.emails,
        variants={name: [each.name for each in variants] for name, variants in served.items()},
        asynchronous=exchanges,
        loading=[endpoint.name for endpoint in settings.endpoints if endpoint.target_models],
        components={
            name: [component.component_name for component in fleet.components] for name, fleet in fleets.items()
        },
        caller_rule=rule_name() if settings.front_door and settings.front_door.count_callers else None,
    ),
    options,
)
if network.flow_log_group and settings.network.rejection_alarm_off_because is None:
    RejectedFlowsAlarm(
        "rejected-flows",
        RejectedFlowsAlarmArgs(
            log_group=network.flow_log_group.name,
            topic_arn=monitoring.topic.arn,
            limit=settings.network.rejected_flows,
        ),
        options,
    )
front_doors_role = front_door_policies.role_arn(account, stack_path(), stack_name()) if settings.private_api else None
outside_calls = None
if settings.logs_calls:
    outside_calls = OutsideCalls(
        "calls",
        OutsideCallsArgs(
            account=account,
            endpoint_names=[endpoint.name for endpoint in settings.endpoints],
            runtime_endpoint_id=access.runtime.id,
            front_door=front_doors_role,
            callers=settings.callers,
            topic_arn=monitoring.topic.arn,
            key_arn=keys.logs.arn,
            retention_days=settings.security.log_retention_days,
            access_log_bucket=settings.artifacts.access_log_bucket,
            protect=settings.protect_data,
        ),
        options,
    )
logs = ContainerLogs(
    key_arn=keys.logs.arn,
    days=settings.security.log_retention_days,
    topic_arn=monitoring.topic.arn,
    protect=settings.protect_data,
)
endpoints = {
    endpoint.name: InferenceEndpoint(
        endpoint.name,
        InferenceEndpointArgs(
            settings=endpoint,
            account=account,
            iam_path=stack_path(),
            execution_role=roles[endpoint.name],
            variants=served[endpoint.name],
            reads=reads[endpoint.name],
            subnet_ids=network.subnet_ids(Tier.MODEL),
            zones=facts.zones,
            security_group_id=groups.model.id,
            unscoped_interfaces=settings.security.network_interfaces_unscoped_because is not None,
            artifact_dependencies=[network, groups, access],
            runtime_endpoint_id=access.runtime.id,
            vpc_id=network.vpc.id,
            exchange=exchanges.get(endpoint.name),
            capture=captures.get(endpoint.name),
            captured=captured.get(endpoint.name),
            fleet=fleets.get(endpoint.name),
            data_key_arn=keys.data.arn,
            logs=logs,
            topic_arn=monitoring.topic.arn,
            live=live[endpoint.name],
            safeguards=safeguards,
        ),
        options,
    )
    for endpoint in settings.endpoints
}
door: tuple[PrivateApi, PrivateName] | None = None
if settings.private_api:
    api = PrivateApi(
        "front-door",
        PrivateApiArgs(
            settings=settings.private_api,
            account=account,
            iam_path=stack_path(),
            endpoints={name: each.endpoint for name, each in endpoints.items()},
            vpc_id=network.vpc.id,
            subnet_ids=[network.subnets[Tier.ACCESS][zone].id for zone in facts.service_zones[FRONT_DOOR]],
            security_group_id=groups.access.id,
            logs_key_arn=keys.logs.arn,
            log_retention_days=settings.security.log_retention_days,
            hooks=safeguards.invoke_policy,
            protect=settings.protect_data,
        ),
        options,
    )
    args = PrivateNameArgs(
        settings=settings.private_api, api=api, vpc_id=network.vpc.id, topic_arn=monitoring.topic.arn
    )
    door = api, PrivateName("front-door", args, options)
balancer = balanced_front_door(
    "front-door",
    BalancedFrontDoorArgs(
        settings=settings,
        account=account,
        network=network,
        groups=groups,
        access=access,
        keys=keys,
        store=store,
        endpoints=endpoints,
        topic_arn=monitoring.topic.arn,
    ),
    options,
)
if settings.perimeter.attach:
    AttachedPerimeter(
        "perimeter",
        AttachedPerimeterArgs(
            kinds=settings.perimeter.attach,
            account_id=account.id,
            guarded=guarded_by(settings, account, pulumi.get_project(), pulumi.get_stack()),
            runtime_endpoint=access.runtime.id,
            vpc=network.vpc.id,
            bucket=store.bucket.arn,
            call_log=outside_calls.bucket.arn if outside_calls else None,
            keys=[keys.data.arn, keys.logs.arn, keys.notifications.arn],
            api=door[0].api.id if door else None,
        ),
        options,
    )
contract = PublishedContract(
    "contract",
    PublishedContractArgs(
        region=settings.region,
        network=network,
        groups=groups,
        access=access,
        keys=keys,
        monitoring=monitoring,
        endpoints=endpoints,
        front_door=door,
        balancer=balancer,
        resolver=resolver,
        hooks=safeguards.contract,
    ),
    options,
)
for name, value in contract.outputs.items():
    pulumi.export(name, value)
if settings.callers:
    elsewhere = CallersArgs(
        settings=settings.callers, account=account, endpoints=endpoints, contract=contract, safeguards=safeguards
    )
    pulumi.export("callers", Callers("callers", elsewhere, options).contracts)
