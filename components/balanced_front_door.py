"""The front door with a load balancer: the balancer, and the forwarder behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi

from components.artifacts import ArtifactStore
from components.cidr import Tier
from components.flows import Part
from components.forwarder import Forwarder, ForwarderArgs
from components.iam import Account
from components.inference import InferenceEndpoint
from components.keys import EncryptionKeys
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.names import stack_path
from components.network import Network
from components.private_access import PrivateAccess
from components.security_groups import SecurityGroups
from components.settings import Settings


@dataclass(frozen=True, kw_only=True)
class BalancedFrontDoorArgs:
    """The components that it stands between."""

    settings: Settings
    account: Account
    network: Network
    groups: SecurityGroups
    access: PrivateAccess
    keys: EncryptionKeys
    store: ArtifactStore
    endpoints: Mapping[str, InferenceEndpoint]
    topic_arn: pulumi.Input[str]


def balanced_front_door(name: str, args: BalancedFrontDoorArgs, opts: pulumi.ResourceOptions) -> LoadBalancer | None:
    """The load balancer, if the settings have one, with a forwarder that its clients' calls end at."""
    settings, network = args.settings, args.network
    door, balanced = settings.front_door, settings.load_balancer
    if not door or not balanced:
        return None
    balancer = LoadBalancer(
        name,
        LoadBalancerArgs(
            settings=door,
            balancer=balanced,
            authorities=args.store.authorities(Path(balanced.client_authorities)),
            vpc_id=network.vpc.id,
            subnet_ids=network.subnet_ids(Tier.ACCESS),
            security_group_id=args.groups.parts[Part.BALANCER].id,
            topic_arn=args.topic_arn,
            protect=settings.protect_data,
        ),
        opts,
    )
    reached: Sequence[pulumi.Resource] = [network, args.groups, args.access]
    Forwarder(
        Part.FORWARDER,
        ForwarderArgs(
            settings=balanced,
            account=args.account,
            iam_path=stack_path(),
            endpoints={each: endpoint.endpoint for each, endpoint in args.endpoints.items()},
            streaming=[endpoint.name for endpoint in settings.endpoints if endpoint.streaming],
            vpc_id=network.vpc.id,
            runtime_endpoint_id=args.access.runtime.id,
            subnet_ids=network.subnet_ids(Tier.APP),
            security_group_id=args.groups.parts[Part.FORWARDER].id,
            target_group=balancer.target_group,
            listener=balancer.listener,
            reached=reached,
            count_callers=door.count_callers,
            logs_key_arn=args.keys.logs.arn,
            log_retention_days=settings.security.log_retention_days,
            protect=settings.protect_data,
        ),
        opts,
    )
    return balancer
