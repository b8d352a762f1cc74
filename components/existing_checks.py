"""What keeps a VPC that is there already from serving a stack: each fault by the resource's id, with its remedy."""

from collections.abc import Iterator

from components.cidr import WORKLOADS, Tier
from components.endpoint_services import WITHOUT_PRIVATE_DNS
from components.existing_needs import PLACE, Needs
from components.existing_routes import gateways, refusals, ways_out, ways_to_premises, within
from components.existing_vpc import Item
from components.flows import HTTPS
from components.settings import SettingsError

DNS_OPTIONS = {"enableDnsSupport": "enable-dns-support", "enableDnsHostnames": "enable-dns-hostnames"}


def check_existing(needs: Needs) -> None:
    """Raises SettingsError with every fault of the VPC, of the subnets, and of what decides about their packets."""
    if faults := list(dict.fromkeys(_faults(needs))):
        told = (f"  {fault}." for fault in faults)
        raise SettingsError("\n".join([f"{needs.vpc.id} can't serve this stack as it is:", *told]))


def _faults(needs: Needs) -> Iterator[str]:
    vpc = needs.vpc
    if vpc.vpc is None:
        yield f"{PLACE}.vpcId: {vpc.id!r} doesn't exist in {needs.settings.region}; name one that does"
        return
    for name, on in vpc.dns.items():
        if not on:
            fix = f"aws ec2 modify-vpc-attribute --vpc-id {vpc.id} --{DNS_OPTIONS[name]}"
            yield f"{PLACE}.vpcId: {vpc.id!r} has {name} off, and endpoints' names don't resolve; have it on (`{fix}`)"
    misplaced = list(_misplaced(needs))
    yield from misplaced
    if not misplaced:
        for part in (_zones, ways_out, ways_to_premises, gateways, refusals, _addresses, _reused, _taken, _flow_logs):
            yield from part(needs)


def _misplaced(needs: Needs) -> Iterator[str]:
    """Subnets that aren't in the VPC, or are public."""
    for tier, named in needs.existing.subnets.by_tier.items():
        for position, identity in enumerate(named):
            place, found = f"{PLACE}.subnets.{tier}[{position}]: {identity!r}", needs.vpc.subnets.get(identity)
            if found is None:
                yield f"{place} doesn't exist, or isn't this account's to see; name a subnet of {needs.vpc.id}"
            elif found["VpcId"] != needs.vpc.id:
                yield f"{place} is in {found['VpcId']}; name a subnet of {needs.vpc.id}"
            elif found.get("MapPublicIpOnLaunch") or found.get("AssignIpv6AddressOnCreation"):
                yield f"{place} gives out public addresses; name a private subnet, or have that switched off"


def _zones(needs: Needs) -> Iterator[str]:
    """Subnets that are not one in each of the same zones."""
    wanted = set(needs.vpc.zones)
    for tier in WORKLOADS:
        place, zones = f"{PLACE}.subnets.{tier}", [subnet["AvailabilityZone"] for subnet in needs.vpc.of(tier)]
        for subnet in needs.vpc.of(tier):
            zone, identity = subnet["AvailabilityZone"], subnet["SubnetId"]
            if zones.count(zone) > 1:
                yield f"{place}: {identity!r} is in {zone}, as another one of the tier; name one in each zone"
            elif zone not in wanted:
                known = f"where the access tier has no subnet ({', '.join(sorted(wanted))})"
                yield f"{place}: {identity!r} is in {zone}, {known}; name subnets in the same zones in each tier"
            elif tier == Tier.ACCESS and zone not in needs.runtime_zones:
                offered = f"doesn't offer the SageMaker runtime endpoint; choose from {', '.join(needs.runtime_zones)}"
                yield f"{place}: {identity!r} is in {zone}, which {offered}"
        if lacking := sorted(wanted - set(zones)):
            yield f"{place}: has no subnet in {', '.join(lacking)}; name one there, as in the access tier"


def _addresses(needs: Needs) -> Iterator[str]:
    """Subnets without room for the models' interfaces, which SageMaker spreads over the zones, or for endpoints'."""
    each = -(-needs.settings.model_interfaces // max(1, len(needs.vpc.of(Tier.MODEL))))
    yield from _too_few(needs, Tier.MODEL, each, "the models (two for each instance, old and new ones in an update)")
    premises = needs.settings.network.on_premises
    resolver = 1 if premises and premises.inbound_resolver else 0
    yield from _too_few(needs, Tier.ACCESS, len(needs.made_interfaces) + resolver, "the stack's endpoints")


def _too_few(needs: Needs, tier: Tier, needed: int, what: str) -> Iterator[str]:
    for subnet in needs.vpc.of(tier):
        identity = subnet["SubnetId"]
        free = subnet["AvailableIpAddressCount"] + needs.vpc.own_interfaces.get(identity, 0)
        if free < needed:
            yield (
                f"{PLACE}.subnets.{tier}: {identity!r} ({subnet['CidrBlock']}) has {free} free addresses, and {what} "
                f"need {needed} there; name a larger subnet, have addresses freed, or lower instances.max"
            )


def _reused(needs: Needs) -> Iterator[str]:
    """Interface endpoints that are to be reused, and can't."""
    for service, identity in needs.existing.interface_endpoints.items():
        place, found = f"{PLACE}.interfaceEndpoints.{service}: {identity!r}", needs.vpc.endpoint(identity)
        if found is None or not needs.is_of(found, needs.service(service), "Interface"):
            yield f"{place} is no interface endpoint of {needs.service(service)} in {needs.vpc.id}; correct it"
            continue
        if not found.get("PrivateDnsEnabled") and service not in WITHOUT_PRIVATE_DNS:
            yield f"{place} has private DNS off, so that clients don't find it; have it switched on"
        for subnet in sorted(set(found.get("SubnetIds", ())) - set(needs.vpc.tiers[Tier.ACCESS])):
            yield f"{place} is in {subnet}, which {PLACE}.subnets.access doesn't name; name it there"
        groups = [group["GroupId"] for group in found.get("Groups", ())]
        callers = [flow.source for flow in needs.flows if flow.destination == Tier.ACCESS and flow.ports == HTTPS]
        for block in dict.fromkeys(block for caller in callers for block in needs.blocks(caller)):
            if not any(_admits(needs.vpc.groups[group], block) for group in groups if group in needs.vpc.groups):
                yield f"{place}: no group of it ({', '.join(groups)}) lets {block} in on tcp 443; have a rule added"


def _admits(group: Item, block: str) -> bool:
    """Whether a group lets a block in on 443, by rules that name blocks."""
    for rule in group["IpPermissions"]:
        protocol, first, last = str(rule["IpProtocol"]), rule.get("FromPort", 0), rule.get("ToPort", 0)
        opened = protocol == "-1" or (protocol in ("tcp", "6") and first <= HTTPS[0] and HTTPS[1] <= last)
        if opened and within(block, [each["CidrIp"] for each in rule.get("IpRanges", ())]):
            return True
    return False


def _taken(needs: Needs) -> Iterator[str]:
    """Endpoints that the stack would make, and whose private DNS name the VPC has already.

    https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
    """
    for service in needs.made_interfaces:
        for other in needs.others(needs.service(service), "Interface"):
            if other.get("PrivateDnsEnabled") and service not in WITHOUT_PRIVATE_DNS:
                yield (
                    f"{PLACE}.interfaceEndpoints: {other['VpcEndpointId']} has the private DNS name of {service} in "
                    f"{needs.vpc.id} already, which AWS gives once; reuse it ({service}: {other['VpcEndpointId']})"
                )


def _flow_logs(needs: Needs) -> Iterator[str]:
    logs = [(log["TrafficType"], log["FlowLogStatus"]) for log in needs.vpc.flow_logs]
    if not needs.existing.flow_logs and ("ALL", "ACTIVE") not in logs:
        yield f"{PLACE}.flowLogs: {needs.vpc.id} has no active flow log of all traffic; set it to true, or make one"
