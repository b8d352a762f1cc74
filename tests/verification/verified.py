"""A rehearsed stack that a verification looks at, and ways to break it.

Each breakage changes the embedded AWS as someone with a console could, names the checks that have to miss it, and
undoes it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from components.contract import Contract
from components.settings import parse
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig
from private_inference.verification import Check, Desired, Verdict, verify
from tests.support.recording import ACCOUNT, REGION

EVERYWHERE = "0.0.0.0/0"
SOMEWHERE = "198.51.100.0/24"
"""On the internet."""
OPEN_POLICY = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Deployment:
    """A stack in an embedded AWS."""

    aws: EmbeddedAws
    desired: Desired

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    @property
    def ec2(self) -> Any:
        return self.client("ec2")

    def verify(self) -> list[Check]:
        return verify(self.desired, self.client)

    def failures(self) -> list[str]:
        """What was not as asked, as `subject: asked`."""
        return [f"{check.subject}: {check.asked}" for check in self.verify() if check.verdict is not Verdict.OK]

    @property
    def vpc(self) -> str:
        return self.desired.contract.vpc_id

    @property
    def runtime(self) -> str:
        return self.desired.contract.runtime_endpoint.id

    @property
    def key(self) -> str:
        return self.desired.contract.key_arns.data

    @property
    def app_subnets(self) -> tuple[str, ...]:
        return self.desired.contract.app_subnet_ids

    def endpoint(self, service: str) -> dict[str, Any]:
        found = self.ec2.describe_vpc_endpoints(Filters=in_vpc(self))["VpcEndpoints"]
        only: dict[str, Any] = next(
            e for e in found if e["ServiceName"].endswith(f".{service}") and e["State"] == "available"
        )
        return only

    @cached_property
    def bucket(self) -> str:
        return str(self._container("triage")["ModelDataUrl"].split("/")[2])

    def _container(self, endpoint: str) -> dict[str, Any]:
        container: dict[str, Any] = self.model(endpoint)["PrimaryContainer"]
        return container

    def configuration(self, endpoint: str) -> dict[str, Any]:
        sagemaker = self.client("sagemaker")
        name = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        found: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=name)
        return found

    def model(self, endpoint: str) -> dict[str, Any]:
        name = self.configuration(endpoint)["ProductionVariants"][0]["ModelName"]
        found: dict[str, Any] = self.client("sagemaker").describe_model(ModelName=name)
        return found

    def role(self, endpoint: str) -> str:
        return str(self.model(endpoint)["ExecutionRoleArn"].rpartition("/")[2])

    def table(self, subnet: str) -> dict[str, Any]:
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        found: dict[str, Any] = self.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]
        return found

    def acl(self, subnet: str) -> dict[str, Any]:
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        found: dict[str, Any] = self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]
        return found

    def group(self, name: str) -> str:
        found = self.ec2.describe_security_groups(Filters=in_vpc(self))["SecurityGroups"]
        ids = {tag["Value"]: g["GroupId"] for g in found for tag in g.get("Tags", []) if tag["Key"] == "Name"}
        return str(ids[f"{self.desired.name}-{name}"])

    @property
    def topic(self) -> str:
        alarm = self.client("cloudwatch").describe_alarms(AlarmNamePrefix="triage-")["MetricAlarms"][0]
        return str(alarm["AlarmActions"][0])


@contextmanager
def inline_policy(stack: Deployment, role: str, old: str, new: str) -> Iterator[None]:
    """The one inline policy of a role has another text."""
    iam = stack.client("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    before = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
    assert old in before
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=before.replace(old, new))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=before)


@contextmanager
def deployed(config: StackConfig, before: Callable[[EmbeddedAws], Any] = lambda aws: None) -> Iterator[Deployment]:
    """A stack, deployed into an embedded AWS of its own, after what happens there `before`."""
    with chdir(config.directory):
        settings = parse(config.project, config.values)
    with prepared_aws(settings) as aws:
        before(aws)
        outputs = run_program(config, MotoEngine(aws)).outputs
        contract = Contract.model_validate(outputs)
        yield Deployment(aws, Desired(config.project, config.stack, config.directory, settings, contract))


EBS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


def guarding(config: StackConfig) -> StackConfig:
    """The stack as one that owns all guards of its account."""
    guards = {
        "vpcBlockPublicAccess": "block-bidirectional",
        "ebsDefaultKeyArn": EBS_KEY,
        "ebsSnapshotBlockPublicAccess": True,
        "s3BlockPublicAccess": True,
    }
    return replace(config, values={**config.values, f"{config.project}:accountGuards": json.dumps(guards)})


def in_vpc(stack: Deployment, name: str = "vpc-id") -> list[dict[str, Any]]:
    return [{"Name": name, "Values": [stack.vpc]}]


Break = Callable[[Deployment], AbstractContextManager[None]]


@dataclass(frozen=True)
class Breakage:
    """`misses` are how the lines begin that have to say so."""

    name: str
    misses: tuple[str, ...]
    done: Break


BREAKAGES: list[Breakage] = []


def missed_by(*misses: str) -> Callable[[Callable[[Deployment], Iterator[None]]], None]:
    """Registers a breakage: a generator that breaks, yields while it is broken, and mends."""

    def register(function: Callable[[Deployment], Iterator[None]]) -> None:
        BREAKAGES.append(Breakage(function.__name__, misses, contextmanager(function)))

    return register


def _answered(client: Any, operation: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """AWS answers an operation otherwise. For what the embedded AWS can't be made to do."""
    event = f"after-call.{client.meta.service_model.service_name}.{operation}"

    def changed(parsed: dict[str, Any], **_: Any) -> None:
        change(parsed)

    client.meta.events.register(event, changed)
    try:
        yield
    finally:
        client.meta.events.unregister(event, changed)


# Network


@missed_by("VPC: no internet gateway")
def internet_gateway(stack: Deployment) -> Iterator[None]:
    gateway = stack.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    stack.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=stack.vpc)
    yield
    stack.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=stack.vpc)


@missed_by("VPC: no egress-only internet gateway")
def egress_only_gateway(stack: Deployment) -> Iterator[None]:
    made = stack.ec2.create_egress_only_internet_gateway(VpcId=stack.vpc)["EgressOnlyInternetGateway"]
    yield
    identity = made["EgressOnlyInternetGatewayId"]
    stack.ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=identity)


@missed_by("VPC: no NAT gateway")
def nat_gateway(stack: Deployment) -> Iterator[None]:
    made = stack.ec2.create_nat_gateway(SubnetId=stack.app_subnets[0], ConnectivityType="private")["NatGateway"]
    yield
    stack.ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])


@missed_by("VPC: no public address")
def elastic_ip(stack: Deployment) -> Iterator[None]:
    interface = stack.ec2.create_network_interface(SubnetId=stack.app_subnets[0])["NetworkInterface"]
    address = stack.ec2.allocate_address(Domain="vpc")["AllocationId"]
    identity = interface["NetworkInterfaceId"]
    link = stack.ec2.associate_address(AllocationId=address, NetworkInterfaceId=identity)["AssociationId"]
    yield
    stack.ec2.disassociate_address(AssociationId=link)
    stack.ec2.release_address(AllocationId=address)
    stack.ec2.delete_network_interface(NetworkInterfaceId=identity)


@missed_by("VPC: no way to other networks")
def peering(stack: Deployment) -> Iterator[None]:
    other = stack.ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    made = stack.ec2.create_vpc_peering_connection(VpcId=stack.vpc, PeerVpcId=other)["VpcPeeringConnection"]
    identity = made["VpcPeeringConnectionId"]
    stack.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=identity)
    yield
    stack.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=identity)


@missed_by("VPC: no way to other networks")
def vpn_gateway(stack: Deployment) -> Iterator[None]:
    gateway = stack.ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    stack.ec2.attach_vpn_gateway(VpnGatewayId=gateway, VpcId=stack.vpc)
    yield
    stack.ec2.detach_vpn_gateway(VpnGatewayId=gateway, VpcId=stack.vpc)


@missed_by("VPC: no way to other networks", "Paths: no other path")
def transit_gateway(stack: Deployment) -> Iterator[None]:
    gateway = stack.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    made = stack.ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=stack.vpc, SubnetIds=[stack.app_subnets[0]]
    )
    yield
    identity = made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    stack.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=identity)


@missed_by("VPC: private names resolve")
def dns_off(stack: Deployment) -> Iterator[None]:
    stack.ec2.modify_vpc_attribute(VpcId=stack.vpc, EnableDnsHostnames={"Value": False})
    yield
    stack.ec2.modify_vpc_attribute(VpcId=stack.vpc, EnableDnsHostnames={"Value": True})


@missed_by("VPC: its only block is")
def second_block(stack: Deployment) -> Iterator[None]:
    made = stack.ec2.associate_vpc_cidr_block(VpcId=stack.vpc, CidrBlock="10.98.0.0/16")
    yield
    stack.ec2.disassociate_vpc_cidr_block(AssociationId=made["CidrBlockAssociation"]["AssociationId"])


@missed_by("Subnets: no public addresses at launch")
def public_subnet(stack: Deployment) -> Iterator[None]:
    stack.ec2.modify_subnet_attribute(SubnetId=stack.app_subnets[0], MapPublicIpOnLaunch={"Value": True})
    yield
    stack.ec2.modify_subnet_attribute(SubnetId=stack.app_subnets[0], MapPublicIpOnLaunch={"Value": False})


@missed_by("Routes: app:", "Paths: nothing leads where", "Paths: no other path exists")
def default_route(stack: Deployment) -> Iterator[None]:
    interface = stack.ec2.create_network_interface(SubnetId=stack.app_subnets[0])["NetworkInterface"]
    identity, table = interface["NetworkInterfaceId"], stack.table(stack.app_subnets[0])["RouteTableId"]
    stack.ec2.create_route(RouteTableId=table, DestinationCidrBlock=EVERYWHERE, NetworkInterfaceId=identity)
    yield
    stack.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=EVERYWHERE)
    stack.ec2.delete_network_interface(NetworkInterfaceId=identity)


@missed_by("Routes: main table", "Paths: every intended path")
def subnet_left_to_the_main_table(stack: Deployment) -> Iterator[None]:
    subnet, table = stack.app_subnets[0], stack.table(stack.app_subnets[0])
    link = next(link for link in table["Associations"] if link.get("SubnetId") == subnet)
    stack.ec2.disassociate_route_table(AssociationId=link["RouteTableAssociationId"])
    yield
    stack.ec2.associate_route_table(RouteTableId=table["RouteTableId"], SubnetId=subnet)


# Guards of the account


@contextmanager
def _block_mode(stack: Deployment, mode: str) -> Iterator[None]:
    set_ = stack.ec2.modify_vpc_block_public_access_options
    set_(InternetGatewayBlockMode=mode)
    yield
    set_(InternetGatewayBlockMode="block-bidirectional")


@missed_by("Account: VPC Block Public Access is")
def internet_gateways_unblocked(stack: Deployment) -> Iterator[None]:
    with _block_mode(stack, "off"):
        yield


@contextmanager
def _exclusion(stack: Deployment, **what: str) -> Iterator[None]:
    create = stack.ec2.create_vpc_block_public_access_exclusion
    made = create(InternetGatewayExclusionMode="allow-bidirectional", **what)["VpcBlockPublicAccessExclusion"]
    yield
    stack.ec2.delete_vpc_block_public_access_exclusion(ExclusionId=made["ExclusionId"])


@missed_by("Account: no subnet is excluded")
def subnet_excluded(stack: Deployment) -> Iterator[None]:
    with _exclusion(stack, SubnetId=stack.app_subnets[0]):
        yield


@contextmanager
def _way_out(stack: Deployment) -> Iterator[None]:
    """An internet gateway, a route to it, and an ACL rule for that."""
    ec2, subnet = stack.ec2, stack.app_subnets[0]
    gateway, table = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"], stack.table(subnet)
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=stack.vpc)
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=SOMEWHERE, GatewayId=gateway)
    rule = _acl_rule(stack, 30000, SOMEWHERE)
    ec2.create_network_acl_entry(**rule)
    yield
    ec2.delete_network_acl_entry(**{key: rule[key] for key in ("NetworkAclId", "RuleNumber", "Egress")})
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=SOMEWHERE)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=stack.vpc)


WAY_OUT = ("VPC: no internet gateway", "Routes: app:", "Network ACLs: app: one of its own")


@missed_by(*WAY_OUT)
def way_out_that_the_account_blocks(stack: Deployment) -> Iterator[None]:
    with _way_out(stack):
        yield


@missed_by(*WAY_OUT, "Account: VPC Block Public Access is", "Paths: no other path")
def way_out_that_the_account_does_not_block(stack: Deployment) -> Iterator[None]:
    with _way_out(stack), _block_mode(stack, "off"):
        yield


@missed_by(*WAY_OUT, "Account: no subnet is excluded", "Paths: no other path")
def way_out_that_is_excluded(stack: Deployment) -> Iterator[None]:
    with _way_out(stack), _exclusion(stack, SubnetId=stack.app_subnets[0]):
        yield


@missed_by("Account: EBS encrypts by default")
def volumes_in_the_clear(stack: Deployment) -> Iterator[None]:
    stack.ec2.disable_ebs_encryption_by_default()
    yield
    stack.ec2.enable_ebs_encryption_by_default()


@missed_by("Account: EBS encrypts by default")
def volumes_under_awss_own_key(stack: Deployment) -> Iterator[None]:
    stack.ec2.reset_ebs_default_kms_key_id()
    yield
    stack.ec2.modify_ebs_default_kms_key_id(KmsKeyId=EBS_KEY)


@missed_by("Account: EBS encrypts by default")
def volumes_under_a_disabled_key(stack: Deployment) -> Iterator[None]:
    kms, key = stack.client("kms"), EBS_KEY.rpartition("/")[2]
    kms.disable_key(KeyId=key)
    yield
    kms.enable_key(KeyId=key)


@missed_by("Account: EBS snapshots can't be public")
def snapshots_may_be_public(stack: Deployment) -> Iterator[None]:
    stack.ec2.disable_snapshot_block_public_access()
    yield
    stack.ec2.enable_snapshot_block_public_access(State="block-all-sharing")


@missed_by("Account: S3 blocks public access")
def buckets_may_be_public(stack: Deployment) -> Iterator[None]:
    _block_buckets(stack, *WAYS[:3])
    yield
    _block_buckets(stack, *WAYS)


@missed_by("Account: S3 blocks public access")
def buckets_without_a_word(stack: Deployment) -> Iterator[None]:
    stack.client("s3control").delete_public_access_block(AccountId=ACCOUNT)
    yield
    _block_buckets(stack, *WAYS)


WAYS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _block_buckets(stack: Deployment, *ways: str) -> None:
    block = stack.client("s3control").put_public_access_block
    block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=dict.fromkeys(ways, True))


# Security groups and network ACLs


def _permission(**peer: Any) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **peer}]


@missed_by("Security groups: the default one", "Paths: no other path")
def default_group_opened(stack: Deployment) -> Iterator[None]:
    group, everything = stack.group("locked"), _permission(IpRanges=[{"CidrIp": EVERYWHERE}])
    made = stack.ec2.create_network_interface(SubnetId=stack.app_subnets[0], Groups=[group])["NetworkInterface"]
    stack.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=everything)
    yield
    stack.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
    stack.ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"])


@missed_by("Security groups: access:")
def access_group_opened_to_a_block(stack: Deployment) -> Iterator[None]:
    group, block = stack.group("access"), _permission(IpRanges=[{"CidrIp": "172.16.0.0/12"}])
    stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=block)
    yield
    stack.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=block)


@missed_by("Security groups: client:")
def client_group_opened_over_ipv6(stack: Deployment) -> Iterator[None]:
    group, block = stack.group("client"), _permission(Ipv6Ranges=[{"CidrIpv6": "::/0"}])
    made = stack.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=block)["SecurityGroupRules"]
    yield
    stack.ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])


@missed_by("Paths: every intended path")
def client_group_cut_off(stack: Deployment) -> Iterator[None]:
    group = stack.group("client")
    filters = [{"Name": "group-id", "Values": [group]}]
    rules = stack.ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    rule = next(rule for rule in rules if "ReferencedGroupInfo" in rule)
    stack.ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    yield
    peer = {"GroupId": rule["ReferencedGroupInfo"]["GroupId"], "Description": rule["Description"]}
    stack.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=_permission(UserIdGroupPairs=[peer]))


def _acl_rule(stack: Deployment, number: int, block: str, **changes: Any) -> dict[str, Any]:
    rule = {
        "NetworkAclId": stack.acl(stack.app_subnets[0])["NetworkAclId"],
        "RuleNumber": number,
        "Egress": True,
        "Protocol": "6",
        "RuleAction": "allow",
        "CidrBlock": block,
        "PortRange": {"From": 443, "To": 443},
    }
    return rule | changes


def _without_rule(stack: Deployment, rule: dict[str, Any]) -> None:
    stack.ec2.delete_network_acl_entry(**{key: rule[key] for key in ("NetworkAclId", "RuleNumber", "Egress")})


@missed_by("Network ACLs: app: one of its own")
def acl_opened_to_everywhere(stack: Deployment) -> Iterator[None]:
    rule = _acl_rule(stack, 32000, EVERYWHERE)
    stack.ec2.create_network_acl_entry(**rule)
    yield
    _without_rule(stack, rule)


@missed_by("Network ACLs: app: one of its own")
def acl_opened_on_another_port(stack: Deployment) -> Iterator[None]:
    access = stack.ec2.describe_subnets(SubnetIds=stack.endpoint("sagemaker.runtime")["SubnetIds"])["Subnets"]
    rule = _acl_rule(stack, 32000, access[0]["CidrBlock"], PortRange={"From": 22, "To": 22})
    stack.ec2.create_network_acl_entry(**rule)
    yield
    _without_rule(stack, rule)


@missed_by("Network ACLs: app: 203.0.113.0/24 refused")
def allowed_before_denied(stack: Deployment) -> Iterator[None]:
    access = stack.ec2.describe_subnets(SubnetIds=stack.endpoint("sagemaker.runtime")["SubnetIds"])["Subnets"]
    rule = _acl_rule(stack, 50, access[0]["CidrBlock"])
    stack.ec2.create_network_acl_entry(**rule)
    yield
    _without_rule(stack, rule)


@missed_by(
    "Network ACLs: model: every block",
    "Paths: every intended path",
    "Endpoint triage: what serves can be started again",
    "Endpoint triage-features: what serves can be started again",
)
def prefix_list_extended(stack: Deployment) -> Iterator[None]:
    """S3 gets addresses in a first octet of their own, and the network ACL doesn't know them yet."""

    def extend(answer: dict[str, Any]) -> None:
        for found in answer["PrefixLists"]:
            if found["PrefixListName"].endswith(".s3"):
                found["Cidrs"].append("16.182.0.0/16")

    yield from _answered(stack.ec2, "DescribePrefixLists", extend)


def _removed(stack: Deployment, action: str, egress: bool) -> Iterator[None]:
    acl = stack.acl(stack.app_subnets[0])
    found = [e for e in acl["Entries"] if (e["RuleAction"], e["Egress"]) == (action, egress)]
    entry = min(found, key=lambda each: each["RuleNumber"])
    _without_rule(stack, {"NetworkAclId": acl["NetworkAclId"], **entry})
    yield
    stack.ec2.create_network_acl_entry(NetworkAclId=acl["NetworkAclId"], **entry)


@missed_by("Network ACLs: app: 203.0.113.0/24 refused")
def deny_rule_removed(stack: Deployment) -> Iterator[None]:
    yield from _removed(stack, "deny", egress=False)


@missed_by("Paths: every intended path")
def answers_refused(stack: Deployment) -> Iterator[None]:
    yield from _removed(stack, "allow", egress=False)


@missed_by("Network ACLs: the default one")
def default_acl_open(stack: Deployment) -> Iterator[None]:
    acls = stack.ec2.describe_network_acls(Filters=in_vpc(stack))["NetworkAcls"]
    default = next(acl["NetworkAclId"] for acl in acls if acl["IsDefault"])
    rule = _acl_rule(stack, 100, EVERYWHERE, NetworkAclId=default, Protocol="-1")
    stack.ec2.create_network_acl_entry(**rule)
    yield
    _without_rule(stack, rule)


@missed_by(
    "Network ACLs: app: one of",
    "Network ACLs: app: 203.0.113.0/24 refused",
    "Network ACLs: app: every block",
    "Paths: every intended path",
)
def subnet_under_the_default_acl(stack: Deployment) -> Iterator[None]:
    acls = stack.ec2.describe_network_acls(Filters=in_vpc(stack))["NetworkAcls"]
    default = next(acl["NetworkAclId"] for acl in acls if acl["IsDefault"])
    own = stack.acl(stack.app_subnets[0])
    link = next(link for link in own["Associations"] if link["SubnetId"] == stack.app_subnets[0])
    moved = stack.ec2.replace_network_acl_association(
        AssociationId=link["NetworkAclAssociationId"], NetworkAclId=default
    )
    yield
    stack.ec2.replace_network_acl_association(AssociationId=moved["NewAssociationId"], NetworkAclId=own["NetworkAclId"])


# Private access


def _policy_replaced(stack: Deployment, service: str, document: dict[str, Any]) -> Iterator[None]:
    found = stack.endpoint(service)
    change = partial(stack.ec2.modify_vpc_endpoint, VpcEndpointId=found["VpcEndpointId"])
    change(PolicyDocument=json.dumps(document))
    yield
    change(PolicyDocument=found["PolicyDocument"])


@missed_by("Private access: sagemaker.runtime: its policy")
def runtime_policy_opened(stack: Deployment) -> Iterator[None]:
    yield from _policy_replaced(stack, "sagemaker.runtime", OPEN_POLICY)


@missed_by("Private access: s3 gateway: its policy")
def gateway_policy_opened(stack: Deployment) -> Iterator[None]:
    yield from _policy_replaced(stack, "s3", OPEN_POLICY)


@missed_by("Private access: logs: its policy")
def service_policy_for_any_account(stack: Deployment) -> Iterator[None]:
    document = json.loads(stack.endpoint("logs")["PolicyDocument"])
    del document["Statement"][0]["Condition"]
    yield from _policy_replaced(stack, "logs", document)


@missed_by("Private access: endpoints:", "Paths: every intended path")
def further_endpoint(stack: Deployment) -> Iterator[None]:
    made = stack.ec2.create_vpc_endpoint(
        VpcId=stack.vpc,
        ServiceName="com.amazonaws.us-east-1.ec2",
        VpcEndpointType="Interface",
        SubnetIds=[stack.app_subnets[0]],
    )["VpcEndpoint"]
    yield
    stack.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])


@missed_by("Private access: logs: available")
def endpoint_in_fewer_zones(stack: Deployment) -> Iterator[None]:
    found = stack.endpoint("logs")
    change = partial(stack.ec2.modify_vpc_endpoint, VpcEndpointId=found["VpcEndpointId"])
    change(RemoveSubnetIds=found["SubnetIds"][:1])
    yield
    change(AddSubnetIds=found["SubnetIds"][:1])


@missed_by("Private access: logs: available")
def endpoint_behind_another_group(stack: Deployment) -> Iterator[None]:
    found = stack.endpoint("logs")
    change = partial(stack.ec2.modify_vpc_endpoint, VpcEndpointId=found["VpcEndpointId"])
    change(AddSecurityGroupIds=[stack.group("client")])
    yield
    change(RemoveSecurityGroupIds=[stack.group("client")])


@missed_by("Private access: logs: available")
def private_dns_off(stack: Deployment) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        for endpoint in answer["VpcEndpoints"]:
            endpoint["PrivateDnsEnabled"] &= not endpoint["ServiceName"].endswith(".logs")

    yield from _answered(stack.ec2, "DescribeVpcEndpoints", change)


@missed_by(
    "Paths: every intended path",
    "Endpoint triage: what serves can be started again",
    "Endpoint triage-features: what serves can be started again",
)
def gateway_out_of_the_routes(stack: Deployment) -> Iterator[None]:
    found = stack.endpoint("s3")
    table = found["RouteTableIds"][0]
    change = partial(stack.ec2.modify_vpc_endpoint, VpcEndpointId=found["VpcEndpointId"])
    change(RemoveRouteTableIds=[table])
    yield
    change(AddRouteTableIds=[table])


# Keys


@missed_by("Keys: logs: new material")
def rotation_off(stack: Deployment) -> Iterator[None]:
    key = stack.desired.contract.key_arns.logs
    stack.client("kms").disable_key_rotation(KeyId=key)
    yield
    stack.client("kms").enable_key_rotation(KeyId=key, RotationPeriodInDays=365)


@missed_by("Keys: logs: new material")
def rotation_seldom(stack: Deployment) -> Iterator[None]:
    change = partial(stack.client("kms").enable_key_rotation, KeyId=stack.desired.contract.key_arns.logs)
    change(RotationPeriodInDays=2000)
    yield
    change(RotationPeriodInDays=365)


@missed_by("Keys: notifications: customer managed and enabled")
def key_disabled(stack: Deployment) -> Iterator[None]:
    key = stack.desired.contract.key_arns.notifications.rpartition("/")[2]
    stack.client("kms").disable_key(KeyId=key)
    yield
    stack.client("kms").enable_key(KeyId=key)


@missed_by("Keys: data: known as")
def alias_gone(stack: Deployment) -> Iterator[None]:
    alias = f"alias/{stack.desired.name}-data"
    stack.client("kms").delete_alias(AliasName=alias)
    yield
    stack.client("kms").create_alias(AliasName=alias, TargetKeyId=stack.key)


@missed_by("Keys: data: its policy")
def key_policy_opened(stack: Deployment) -> Iterator[None]:
    before = stack.client("kms").get_key_policy(KeyId=stack.key, PolicyName="default")["Policy"]
    change = partial(stack.client("kms").put_key_policy, KeyId=stack.key, PolicyName="default")
    document = json.loads(before)
    document["Statement"].append({"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"})
    change(Policy=json.dumps(document))
    yield
    change(Policy=before)


# Data


@missed_by("Artifacts: public access is blocked")
def public_access_unblocked(stack: Deployment) -> Iterator[None]:
    s3, flags = (
        stack.client("s3"),
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
    )
    change = partial(s3.put_public_access_block, Bucket=stack.bucket)
    change(PublicAccessBlockConfiguration=dict.fromkeys(flags, True) | {"BlockPublicPolicy": False})
    yield
    change(PublicAccessBlockConfiguration=dict.fromkeys(flags, True))


@missed_by("Artifacts: public access is blocked")
def public_access_block_deleted(stack: Deployment) -> Iterator[None]:
    s3 = stack.client("s3")
    before = s3.get_public_access_block(Bucket=stack.bucket)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=stack.bucket)
    yield
    s3.put_public_access_block(Bucket=stack.bucket, PublicAccessBlockConfiguration=before)


@missed_by("Artifacts: encrypted with the data key")
def bucket_under_amazons_key(stack: Deployment) -> Iterator[None]:
    s3 = stack.client("s3")
    before = s3.get_bucket_encryption(Bucket=stack.bucket)["ServerSideEncryptionConfiguration"]
    change = partial(s3.put_bucket_encryption, Bucket=stack.bucket)
    change(
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        }
    )
    yield
    change(ServerSideEncryptionConfiguration=before)


@missed_by("Artifacts: versioned")
def versioning_suspended(stack: Deployment) -> Iterator[None]:
    change = partial(stack.client("s3").put_bucket_versioning, Bucket=stack.bucket)
    change(VersioningConfiguration={"Status": "Suspended"})
    yield
    change(VersioningConfiguration={"Status": "Enabled"})


@missed_by("Artifacts: refuses what is not TLS")
def bucket_policy_deleted(stack: Deployment) -> Iterator[None]:
    s3 = stack.client("s3")
    before = s3.get_bucket_policy(Bucket=stack.bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=stack.bucket)
    yield
    s3.put_bucket_policy(Bucket=stack.bucket, Policy=before)


@missed_by("Artifacts: no access lists")
def access_lists_on(stack: Deployment) -> Iterator[None]:
    change = partial(stack.client("s3").put_bucket_ownership_controls, Bucket=stack.bucket)
    change(OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    yield
    change(OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})


@missed_by("Artifacts: replaced versions go")
def lifecycle_deleted(stack: Deployment) -> Iterator[None]:
    s3 = stack.client("s3")
    before = s3.get_bucket_lifecycle_configuration(Bucket=stack.bucket)["Rules"]
    s3.delete_bucket_lifecycle(Bucket=stack.bucket)
    yield
    s3.put_bucket_lifecycle_configuration(Bucket=stack.bucket, LifecycleConfiguration={"Rules": before})


def _another_artifact(stack: Deployment, body: bytes, **encryption: str) -> Iterator[None]:
    s3, place = stack.client("s3"), stack.model("triage")["PrimaryContainer"]["ModelDataUrl"].split("/", 3)
    put = partial(s3.put_object, Bucket=place[2], Key=place[3], ServerSideEncryption="aws:kms")
    before = s3.get_object(Bucket=place[2], Key=place[3])["Body"].read()
    put(Body=body or before, **encryption)
    yield
    put(Body=before, SSEKMSKeyId=stack.key)


@missed_by(
    "Artifacts: ",
    "Endpoint triage: what serves can be started again",
    "Endpoint triage-features: what serves can be started again",
)
def artifact_under_another_key(stack: Deployment) -> Iterator[None]:
    s3 = stack.client("s3")
    policy = s3.get_bucket_policy(Bucket=stack.bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=stack.bucket)  # it would refuse such a key
    broken = contextmanager(_another_artifact)(stack, b"", SSEKMSKeyId=stack.desired.contract.key_arns.logs)
    with broken:
        s3.put_bucket_policy(Bucket=stack.bucket, Policy=policy)
        yield


@missed_by("Artifacts: ")  # the instances that run have loaded it
def artifact_overwritten(stack: Deployment) -> Iterator[None]:
    yield from _another_artifact(stack, b"not the model", SSEKMSKeyId=stack.key)


@missed_by(
    "Endpoint triage: what serves can be started again",
    "Endpoint triage-features: what serves can be started again",  # it serves the same archive
    "Artifacts: ",
)
def artifact_deleted(stack: Deployment) -> Iterator[None]:
    s3, place = stack.client("s3"), stack.model("triage")["PrimaryContainer"]["ModelDataUrl"].split("/", 3)
    marker = s3.delete_object(Bucket=place[2], Key=place[3])["VersionId"]
    yield
    s3.delete_object(Bucket=place[2], Key=place[3], VersionId=marker)


@missed_by("Endpoint triage: what serves can be started again", "Endpoint triage: its role reaches what it serves")
def artifact_unreadable(stack: Deployment) -> Iterator[None]:
    """The role's own permission: what runs keeps running, and no instance can be started."""
    iam, role = stack.client("iam"), stack.role("triage")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    (name,) = [name for name, policy in policies.items() if "s3:GetObject" in json.dumps(policy)]
    kept = [each for each in policies[name]["Statement"] if "s3:GetObject" not in each["Action"]]
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policies[name] | {"Statement": kept}))
    yield
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policies[name]))


@missed_by("Registry: immutable tags")
def no_scan_on_push(stack: Deployment) -> Iterator[None]:
    change = partial(stack.client("ecr").put_image_scanning_configuration, repositoryName=stack.desired.name)
    change(imageScanningConfiguration={"scanOnPush": False})
    yield
    change(imageScanningConfiguration={"scanOnPush": True})


@missed_by("Registry: immutable tags")
def mutable_tags(stack: Deployment) -> Iterator[None]:
    change = partial(stack.client("ecr").put_image_tag_mutability, repositoryName=stack.desired.name)
    change(imageTagMutability="MUTABLE")
    yield
    change(imageTagMutability="IMMUTABLE")


@missed_by("Registry: untagged images go")
def images_kept_for_ever(stack: Deployment) -> Iterator[None]:
    ecr, name = stack.client("ecr"), stack.desired.name
    before = ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
    ecr.delete_lifecycle_policy(repositoryName=name)
    yield
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=before)


# Logs


@missed_by("Logs: triage:")
def logs_kept_a_week(stack: Deployment) -> Iterator[None]:
    change = partial(stack.client("logs").put_retention_policy, logGroupName="/aws/sagemaker/Endpoints/triage")
    change(retentionInDays=7)
    yield
    change(retentionInDays=365)


@missed_by("Logs: triage:")
def logs_without_key(stack: Deployment) -> Iterator[None]:
    logs, name = stack.client("logs"), "/aws/sagemaker/Endpoints/triage"
    logs.delete_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=365)
    yield
    logs.delete_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=name, kmsKeyId=stack.desired.contract.key_arns.logs)
    logs.put_retention_policy(logGroupName=name, retentionInDays=365)


@missed_by(
    "Logs: flow logs of all", "Logs: flow logs: under", "Rejected flows: 1 in five", "Rejected flows: connections"
)
def no_flow_logs(stack: Deployment) -> Iterator[None]:
    found = stack.ec2.describe_flow_logs(Filter=in_vpc(stack, "resource-id"))["FlowLogs"][0]
    stack.ec2.delete_flow_logs(FlowLogIds=[found["FlowLogId"]])
    yield
    kept = (
        "TrafficType", "LogDestinationType", "LogDestination", "LogFormat", "DeliverLogsPermissionArn",
        "MaxAggregationInterval",
    )  # fmt: skip
    again = {key: found[key] for key in kept if key in found}
    tags = [{"ResourceType": "vpc-flow-log", "Tags": found["Tags"]}]
    stack.ec2.create_flow_logs(ResourceIds=[stack.vpc], ResourceType="VPC", TagSpecifications=tags, **again)


@missed_by("Logs: flow logs of all")
def flow_logs_of_rejections_only(stack: Deployment) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        answer["FlowLogs"][0]["TrafficType"] = "REJECT"

    yield from _answered(stack.ec2, "DescribeFlowLogs", change)


@missed_by("Logs: flow logs of all")
def flow_logs_undelivered(stack: Deployment) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        answer["FlowLogs"][0] |= {"DeliverLogsStatus": "FAILED", "DeliverLogsErrorMessage": "Access error"}

    yield from _answered(stack.ec2, "DescribeFlowLogs", change)


# Rejected flows


def _filters(stack: Deployment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.client("logs").describe_metric_filters()["metricFilters"]
    return sorted(found, key=lambda each: str(each["filterName"]))


def _filter_changed(stack: Deployment, filter_number: int, **changes: Any) -> Iterator[None]:
    before, change = _filters(stack)[filter_number], stack.client("logs").put_metric_filter
    change(**before | changes)
    yield
    change(**before)


@missed_by("Rejected flows: connections", "Rejected flows: 1 in five")
def rejected_connections_uncounted(stack: Deployment) -> Iterator[None]:
    before = _filters(stack)[0]
    stack.client("logs").delete_metric_filter(logGroupName=before["logGroupName"], filterName=before["filterName"])
    yield
    stack.client("logs").put_metric_filter(**before)


@missed_by("Rejected flows: connections", "Rejected flows: 1 in five")
def accepted_connections_counted(stack: Deployment) -> Iterator[None]:
    accepted = _filters(stack)[0]["filterPattern"].replace("REJECT", "ACCEPT")
    yield from _filter_changed(stack, 0, filterPattern=accepted)


@missed_by("Rejected flows: connections", "Rejected flows: 1 in five")
def rejections_of_two_kinds_in_two_metrics(stack: Deployment) -> Iterator[None]:
    (metric,) = _filters(stack)[1]["metricTransformations"]
    yield from _filter_changed(stack, 1, metricTransformations=[metric | {"metricName": "Other"}])


@missed_by("Rejected flows: connections", "Rejected flows: 1 in five")
def rejections_that_count_for_nothing(stack: Deployment) -> Iterator[None]:
    (metric,) = _filters(stack)[1]["metricTransformations"]
    yield from _filter_changed(stack, 1, metricTransformations=[metric | {"metricValue": "0"}])


@missed_by("Rejected flows: connections", "Rejected flows: 1 in five")
def flow_logs_in_another_format(stack: Deployment) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        log = answer["FlowLogs"][0]
        log["LogFormat"] = log["LogFormat"].replace("${action} ${log-status}", "${log-status} ${action}")

    yield from _answered(stack.ec2, "DescribeFlowLogs", change)


def _rejection_alarm(stack: Deployment) -> dict[str, Any]:
    found = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix="rejected-")["MetricAlarms"]
    return _alarm_settings(found[0])


def _rejection_alarm_changed(stack: Deployment, **changes: Any) -> Iterator[None]:
    before, change = _rejection_alarm(stack), stack.client("cloudwatch").put_metric_alarm
    change(**before | changes)
    yield
    change(**before)


@missed_by("Rejected flows: 1 in five")
def rejections_raise_no_alarm(stack: Deployment) -> Iterator[None]:
    before = _rejection_alarm(stack)
    stack.client("cloudwatch").delete_alarms(AlarmNames=[before["AlarmName"]])
    yield
    stack.client("cloudwatch").put_metric_alarm(**before)


@missed_by("Rejected flows: 1 in five")
def rejections_that_tell_nobody(stack: Deployment) -> Iterator[None]:
    yield from _rejection_alarm_changed(stack, AlarmActions=[])


@missed_by("Rejected flows: 1 in five")
def rejections_that_tell_late(stack: Deployment) -> Iterator[None]:
    yield from _rejection_alarm_changed(stack, Threshold=500.0)


@missed_by("Rejected flows: 1 in five")
def silence_that_raises_the_alarm_on_rejections(stack: Deployment) -> Iterator[None]:
    yield from _rejection_alarm_changed(stack, TreatMissingData="breaching")


# Alarms


def _alarm(stack: Deployment, metric: str) -> dict[str, Any]:
    found = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix="triage-")["MetricAlarms"]
    names = {"EndpointName": "triage"}
    return next(
        alarm
        for alarm in found
        if alarm.get("MetricName") == metric
        and names.items() <= {item["Name"]: item["Value"] for item in alarm["Dimensions"]}.items()
    )


def _alarm_settings(alarm: dict[str, Any]) -> dict[str, Any]:
    state = {"AlarmArn", "AlarmConfigurationUpdatedTimestamp"}
    return {key: value for key, value in alarm.items() if value and key not in state and not key.startswith("State")}


def _alarm_changed(stack: Deployment, **changes: Any) -> Iterator[None]:
    before = _alarm(stack, "ModelLatency")
    given = _alarm_settings(before)
    stack.client("cloudwatch").put_metric_alarm(**given | changes)
    yield
    stack.client("cloudwatch").put_metric_alarm(**given)


@missed_by("Endpoint triage: alarms on")
def alarm_at_another_threshold(stack: Deployment) -> Iterator[None]:
    yield from _alarm_changed(stack, Threshold=9e9)


@missed_by("Endpoint triage: its alarms tell")
def alarm_that_tells_nobody(stack: Deployment) -> Iterator[None]:
    yield from _alarm_changed(stack, AlarmActions=[])


def _composite(stack: Deployment) -> dict[str, Any]:
    found = stack.client("cloudwatch").describe_alarms(AlarmNames=["triage-any"], AlarmTypes=["CompositeAlarm"])
    kept = ("AlarmName", "AlarmRule", "AlarmActions", "OKActions", "AlarmDescription")
    return {key: found["CompositeAlarms"][0][key] for key in kept}


@missed_by("Endpoint triage: one alarm sums up")
def sum_that_lacks_an_alarm(stack: Deployment) -> Iterator[None]:
    before, change = _composite(stack), stack.client("cloudwatch").put_composite_alarm
    change(**before | {"AlarmRule": before["AlarmRule"].split(" OR ", 1)[1]})
    yield
    change(**before)


@missed_by("Endpoint triage: its alarms tell")
def sum_that_tells_nobody(stack: Deployment) -> Iterator[None]:
    before, change = _composite(stack), stack.client("cloudwatch").put_composite_alarm
    change(**before | {"AlarmActions": []})
    yield
    change(**before)


@missed_by("Endpoint triage: alarms on")
def alarm_that_takes_silence_for_trouble(stack: Deployment) -> Iterator[None]:
    yield from _alarm_changed(stack, TreatMissingData="breaching")


@missed_by("Alarms: their topic is told")
def state_changes_untold(stack: Deployment) -> Iterator[None]:
    events = stack.client("events")
    (name,) = events.list_rule_names_by_target(TargetArn=stack.topic)["RuleNames"]
    events.disable_rule(Name=name)
    yield
    events.enable_rule(Name=name)


@missed_by("Alarms: this account's alarms")
def topic_open_to_alarms_of_any_account(stack: Deployment) -> Iterator[None]:
    document = json.loads(stack.client("sns").get_topic_attributes(TopicArn=stack.topic)["Attributes"]["Policy"])
    (alarms,) = [each for each in document["Statement"] if each["Sid"] == "AlarmsPublish"]
    del alarms["Condition"]
    yield from _topic_changed(stack, "Policy", json.dumps(document))


@missed_by("Endpoint triage: its updates are")
def updates_that_nothing_rolls_back(stack: Deployment) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        if answer["EndpointName"] == "triage":
            del answer["LastDeploymentConfig"]["AutoRollbackConfiguration"]

    yield from _answered(stack.client("sagemaker"), "DescribeEndpoint", change)


@missed_by("Endpoint triage: its alarms tell")
def alarm_actions_off(stack: Deployment) -> Iterator[None]:
    name = _alarm(stack, "ModelLatency")["AlarmName"]
    stack.client("cloudwatch").disable_alarm_actions(AlarmNames=[name])
    yield
    stack.client("cloudwatch").enable_alarm_actions(AlarmNames=[name])


@missed_by("Endpoint triage: alarms on", "Endpoint triage: one alarm sums up")
def alarm_deleted(stack: Deployment) -> Iterator[None]:
    alarm = _alarm(stack, "OverheadLatency")
    stack.client("cloudwatch").delete_alarms(AlarmNames=[alarm["AlarmName"]])
    yield
    stack.client("cloudwatch").put_metric_alarm(**_alarm_settings(alarm))


def _topic_changed(stack: Deployment, attribute: str, value: str) -> Iterator[None]:
    before = stack.client("sns").get_topic_attributes(TopicArn=stack.topic)["Attributes"][attribute]
    change = partial(stack.client("sns").set_topic_attributes, TopicArn=stack.topic, AttributeName=attribute)
    change(AttributeValue=value)
    yield
    change(AttributeValue=before)


@missed_by("Alarms: their topic is under")
def topic_under_amazons_key(stack: Deployment) -> Iterator[None]:
    yield from _topic_changed(stack, "KmsMasterKeyId", "alias/aws/sns")


@missed_by("Alarms: this account's alarms")
def topic_opened(stack: Deployment) -> Iterator[None]:
    yield from _topic_changed(stack, "Policy", json.dumps(OPEN_POLICY))


@missed_by("Alarms: subscribed")
def someone_else_subscribed(stack: Deployment) -> Iterator[None]:
    sns = stack.client("sns")
    made = sns.subscribe(TopicArn=stack.topic, Protocol="email", Endpoint="a@b.example", ReturnSubscriptionArn=True)
    yield
    sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])


@missed_by("Alarms: the stack has a dashboard")
def dashboard_deleted(stack: Deployment) -> Iterator[None]:
    cloudwatch, name = stack.client("cloudwatch"), stack.desired.name
    body = cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]
    cloudwatch.delete_dashboards(DashboardNames=[name])
    yield
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)


# Services that work for the stack


@missed_by("Logs: flow logs of all the VPC's traffic are delivered")
def flow_logs_without_permissions(stack: Deployment) -> Iterator[None]:
    iam = stack.client("iam")
    (log,) = stack.ec2.describe_flow_logs(Filters=in_vpc(stack, "resource-id"))["FlowLogs"]
    role = log["DeliverLogsPermissionArn"].rpartition("/")[2]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    before = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=name)
    yield
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(before))


@missed_by("Logs: flow logs of all the VPC's traffic are delivered")
def flow_logs_role_for_another_account(stack: Deployment) -> Iterator[None]:
    iam = stack.client("iam")
    (log,) = stack.ec2.describe_flow_logs(Filters=in_vpc(stack, "resource-id"))["FlowLogs"]
    role = log["DeliverLogsPermissionArn"].rpartition("/")[2]
    before = json.dumps(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])
    change = partial(iam.update_assume_role_policy, RoleName=role)
    change(PolicyDocument=before.replace(stack.desired.account, "210987654321"))
    yield
    change(PolicyDocument=before)


# Serving


def _replaced(stack: Deployment, configuration: dict[str, Any]) -> Iterator[None]:
    """Another configuration under the name of that which `triage` serves; the instances that run don't care."""
    sagemaker, before = stack.client("sagemaker"), stack.configuration("triage")
    named = {"EndpointConfigName": before["EndpointConfigName"]}
    kept = {key: before[key] for key in ("KmsKeyId", "ProductionVariants")}
    variant = before["ProductionVariants"][0] | configuration.pop("variant", {})
    given = kept | {"ProductionVariants": [variant]} | configuration
    sagemaker.delete_endpoint_config(**named)
    sagemaker.create_endpoint_config(**named, **{key: value for key, value in given.items() if value is not None})
    yield
    sagemaker.delete_endpoint_config(**named)
    sagemaker.create_endpoint_config(**named, **kept)


def _replaced_model(stack: Deployment, **changes: Any) -> Iterator[None]:
    """Another model under the name of that which `triage` serves; the instances that run don't care."""
    sagemaker, before = stack.client("sagemaker"), stack.model("triage")
    fields = ("ModelName", "PrimaryContainer", "ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")
    kept = {key: before[key] for key in fields}
    sagemaker.delete_model(ModelName=before["ModelName"])
    sagemaker.create_model(**kept | changes)
    yield
    sagemaker.delete_model(ModelName=before["ModelName"])
    sagemaker.create_model(**kept)


@missed_by("Endpoint triage: in service")
def update_rolled_back(stack: Deployment) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        if answer["EndpointName"] == "triage":
            answer |= {"EndpointStatus": "UpdateRollbackFailed", "FailureReason": "Not enough capacity"}

    yield from _answered(stack.client("sagemaker"), "DescribeEndpoint", change)


@missed_by("Endpoint triage: 2 to 10 instances run")
def one_instance_left(stack: Deployment) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        if answer["EndpointName"] == "triage":
            answer["ProductionVariants"][0]["CurrentInstanceCount"] = 1

    yield from _answered(stack.client("sagemaker"), "DescribeEndpoint", change)


@missed_by("Endpoint triage: on a configuration with")
def another_instance_type(stack: Deployment) -> Iterator[None]:
    yield from _replaced(stack, {"variant": {"InstanceType": "ml.c5.large"}})


@missed_by("Endpoint triage: volumes under the data key")
def unencrypted_volumes(stack: Deployment) -> Iterator[None]:
    yield from _replaced(stack, {"KmsKeyId": None})


@missed_by("Endpoint triage: its containers have no network")
def model_with_a_network(stack: Deployment) -> Iterator[None]:
    yield from _replaced_model(stack, EnableNetworkIsolation=False)


@missed_by("Endpoint triage: its model lies in", "Endpoint triage: what serves can be started again")
def model_in_the_app_subnets(stack: Deployment) -> Iterator[None]:
    vpc = {"Subnets": list(stack.app_subnets), "SecurityGroupIds": [stack.group("model")]}
    yield from _replaced_model(stack, VpcConfig=vpc)


@missed_by("Endpoint triage: its model lies in", "Endpoint triage: what serves can be started again")
def model_in_the_clients_group(stack: Deployment) -> Iterator[None]:
    vpc = {**stack.model("triage")["VpcConfig"], "SecurityGroupIds": [stack.group("client")]}
    yield from _replaced_model(stack, VpcConfig=vpc)


@missed_by("Endpoint triage: serves")
def another_environment(stack: Deployment) -> Iterator[None]:
    container = stack.model("triage")["PrimaryContainer"] | {"Environment": {"DEBUG": "1"}}
    yield from _replaced_model(stack, PrimaryContainer=container)


@missed_by("Endpoint triage: its role can be taken")
def role_for_any_account(stack: Deployment) -> Iterator[None]:
    iam, role = stack.client("iam"), stack.role("triage")
    before = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    statement = {key: value for key, value in before["Statement"][0].items() if key != "Condition"}
    change = partial(iam.update_assume_role_policy, RoleName=role)
    change(PolicyDocument=json.dumps(before | {"Statement": [statement]}))
    yield
    change(PolicyDocument=json.dumps(before))


@missed_by("Endpoint triage: its role reaches")
def role_with_more(stack: Deployment) -> Iterator[None]:
    iam, role = stack.client("iam"), stack.role("triage")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=json.dumps(document))
    yield
    iam.delete_role_policy(RoleName=role, PolicyName="more")


@missed_by("Endpoint triage: its role reaches")
def role_with_an_attached_policy(stack: Deployment) -> Iterator[None]:
    iam, role, policy = stack.client("iam"), stack.role("triage"), "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    yield
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)


@missed_by("Endpoint triage: its role reaches", "Endpoint triage: what serves can be started again")
def role_that_can_not_clean_up_in_subnets_left_behind(stack: Deployment) -> Iterator[None]:
    iam, role = stack.client("iam"), stack.role("triage")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    (name,) = [each for each in names if each.startswith("triage-interfaces-")]
    before = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    changed = json.loads(json.dumps(before))
    (manage,) = [statement for statement in changed["Statement"] if statement["Sid"] == "ManageInterfaces"]
    manage["Condition"] = {"ArnEquals": {"ec2:Subnet": "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1"}}
    change = partial(iam.put_role_policy, RoleName=role, PolicyName=name)
    change(PolicyDocument=json.dumps(changed))
    yield
    change(PolicyDocument=json.dumps(before))


@missed_by("Endpoint triage: its callers' policy")
def callers_from_anywhere(stack: Deployment) -> Iterator[None]:
    iam, arn = stack.client("iam"), stack.desired.contract.endpoints["triage"].invoke_policy_arn
    before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=before)["PolicyVersion"]["Document"]
    del document["Statement"][0]["Condition"]
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
    yield
    iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
    iam.delete_policy_version(PolicyArn=arn, VersionId=made["PolicyVersion"]["VersionId"])


SCALED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/triage/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@missed_by("Endpoint triage: scales between")
def scaled_from_one(stack: Deployment) -> Iterator[None]:
    change = partial(stack.client("application-autoscaling").register_scalable_target, **SCALED)
    change(MinCapacity=1)
    yield
    change(MinCapacity=2)


@missed_by("Endpoint triage: scales between")
def scaling_suspended(stack: Deployment) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        for target in answer["ScalableTargets"]:
            if target["ResourceId"] == SCALED["ResourceId"]:
                target["SuspendedState"] = {"DynamicScalingOutSuspended": True}

    yield from _answered(stack.client("application-autoscaling"), "DescribeScalableTargets", change)


@missed_by("Endpoint triage: scales between", "Endpoint triage: scales to")
def not_scaled(stack: Deployment) -> Iterator[None]:
    with scaling_kept(stack):
        stack.client("application-autoscaling").deregister_scalable_target(**SCALED)
        yield


@contextmanager
def scaling_kept(stack: Deployment) -> Iterator[None]:
    """Register `triage` and put its policies again afterwards: both go with its target, and with itself."""
    scaling = stack.client("application-autoscaling")
    policies = scaling.describe_scaling_policies(**SCALED)["ScalingPolicies"]
    yield
    scaling.register_scalable_target(**SCALED, MinCapacity=2, MaxCapacity=10)
    for policy in policies:
        _put_policy(stack, policy)


def _scaling_policy(stack: Deployment, kind: str) -> dict[str, Any]:
    scaling = stack.client("application-autoscaling")
    found = scaling.describe_scaling_policies(**SCALED)["ScalingPolicies"]
    return next(p for p in found if kind in json.dumps(p["TargetTrackingScalingPolicyConfiguration"]))


def _put_policy(stack: Deployment, policy: dict[str, Any], **changes: Any) -> None:
    configuration = policy["TargetTrackingScalingPolicyConfiguration"] | changes
    stack.client("application-autoscaling").put_scaling_policy(
        PolicyName=policy["PolicyName"],
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
        **SCALED,
    )


@missed_by("Endpoint triage: scales to")
def scaling_policy_deleted(stack: Deployment) -> Iterator[None]:
    policy = _scaling_policy(stack, "PredefinedMetricSpecification")
    stack.client("application-autoscaling").delete_scaling_policy(PolicyName=policy["PolicyName"], **SCALED)
    yield
    _put_policy(stack, policy)


@missed_by("Endpoint triage: scales to")
def cpu_target_of_one_vcpu(stack: Deployment) -> Iterator[None]:
    policy = _scaling_policy(stack, "CPUUtilization")
    _put_policy(stack, policy, TargetValue=60.0)
    yield
    _put_policy(stack, policy)


@missed_by("Endpoint triage: scales to")
def silence_that_keeps_all_instances(stack: Deployment) -> Iterator[None]:
    policy = _scaling_policy(stack, "FILL")
    (raw, filled) = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Metrics"]
    queries = [raw, filled | {"Expression": "FILL(invocations, REPEAT)"}]
    _put_policy(stack, policy, CustomizedMetricSpecification={"Metrics": queries})
    yield
    _put_policy(stack, policy)


# Contract


@missed_by("Contract: /private-inference/staging/contract/triage says")
def parameter_of_another_vpc(stack: Deployment) -> Iterator[None]:
    ssm, name = stack.client("ssm"), "/private-inference/staging/contract/triage"
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=json.dumps(json.loads(before) | {"vpcId": "vpc-0"}), Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=before, Overwrite=True)


@missed_by("Contract: /private-inference/staging/contract/triage says")
def parameter_deleted(stack: Deployment) -> Iterator[None]:
    ssm, name = stack.client("ssm"), "/private-inference/staging/contract/triage"
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    yield
    ssm.put_parameter(Name=name, Value=before, Type="String")


# The call


@missed_by("Endpoint triage: answers", "Endpoint triage-features: answers")
def other_predictions(stack: Deployment) -> Iterator[None]:
    expected = Path(stack.desired.settings.containers[0].artifact).with_name("expected.json")
    before = expected.read_text()
    predictions = json.loads(before)
    predictions["predictions"][0]["score"] += 0.01
    expected.write_text(json.dumps(predictions))
    yield
    expected.write_text(before)
