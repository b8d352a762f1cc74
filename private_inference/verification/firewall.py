"""Security groups and network ACLs: what a reviewer looks for in each, beside the proof of paths."""

from collections.abc import Iterator
from functools import partial

from private_inference.reachability.intent import ANSWERS, HTTPS
from private_inference.reachability.stack_intent import PARTS, ROLES, TIERS
from private_inference.reachability.traffic import ALL_TRAFFIC, addresses
from private_inference.verification.checks import AbsentError, Assertion, Result, joined, result
from private_inference.verification.controls import BOUNDARY
from private_inference.verification.deployed import Deployed


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """The default group and ACL, and a group and an ACL for each tier; in an existing VPC the stack's groups alone."""
    groups = partial(Assertion, "Security groups", controls=BOUNDARY)
    if not stack.existing:
        yield groups("the default one lets nothing through", lambda: _default_group(stack))
    for tier in TIERS:
        yield groups(f"{ROLES[tier]}: no rule but for intended paths", partial(_group, stack, tier))
    for role, _ in PARTS.values() if stack.desired.settings.load_balancer else ():
        yield groups(f"{role}: no rule but for intended paths", partial(_group, stack, role))
    acls = partial(Assertion, "Network ACLs", controls=BOUNDARY)
    if not stack.existing:
        yield acls("the default one lets nothing through", lambda: _default_acl(stack))
    for tier in TIERS if not stack.existing else ():  # else they are the VPC owner's
        if denied := stack.desired.settings.network.denied_cidrs:
            text = f"{tier}: {', '.join(denied)} refused before anything is allowed"
            yield acls(text, partial(_denied_first, stack, tier))
        yield acls(f"{tier}: one of its own, no rule but for intended paths", partial(_acl, stack, tier))
    for tier, service in stack.desired.through_gateways:
        text = f"{tier}: every block that {service}'s prefix list has today is let out on 443 and answered"
        yield acls(text, partial(_listed, stack, tier, service))


def _default_group(stack: Deployed) -> Result:
    default = [group for group in stack.security_groups if group["GroupName"] == "default"]
    if not default:
        raise AbsentError("the VPC shows no default group")
    directions = {"in": "IpPermissions", "out": "IpPermissionsEgress"}
    open_ways = [f"it has rules for traffic {way}" for way, member in directions.items() if default[0][member]]
    return result("no rules", open_ways)


def _default_acl(stack: Deployed) -> Result:
    """A subnet that is made beside this stack falls to it."""
    default = [acl for acl in stack.in_vpc("describe_network_acls", "NetworkAcls") if acl["IsDefault"]]
    if not default:
        raise AbsentError("the VPC shows no default network ACL")
    allowed = [entry for entry in default[0]["Entries"] if entry["RuleAction"] == "allow"]
    ways = sorted({"out" if entry["Egress"] else "in" for entry in allowed})
    return result("no rules", [f"it has rules for traffic {way}" for way in ways])


def _group(stack: Deployed, name: str) -> Result:
    """`name` is a tier, or a role on the load balancer's way."""
    group = stack.network.groups[{**stack.groups, **stack.parts}[name]]
    return result(f"{group.id}: {len(group.ingress) + len(group.egress)} rules", stack.needs.beyond_group(group.id))


def _denied_first(stack: Deployed, tier: str) -> Result:
    faults, numbers = [], []
    for key in stack.acls_of(tier):
        acl = stack.network.acls[key]
        for way, rules in (("in", acl.ingress), ("out", acl.egress)):
            first_allow = min((rule.number for rule in rules if rule.allow), default=1 << 15)
            before = [rule for rule in rules if rule.number < first_allow and rule.services == ALL_TRAFFIC]
            refused = addresses(*(rule.block for rule in before))
            numbers += [f"{way} {rule.number}" for rule in before]
            faults += [
                f"{block} {way} is not refused before rule {first_allow} of {key}"
                for block in stack.desired.settings.network.denied_cidrs
                if not addresses(block) <= refused
            ]
    return result(f"rules {', '.join(numbers)}", faults)


def _listed(stack: Deployed, tier: str, service: str) -> Result:
    """AWS extends its prefix lists: groups and routes follow by themselves, network ACLs at the next update."""
    denied, listed = addresses(*stack.desired.settings.network.denied_cidrs), stack.prefix_list(service)["Cidrs"]
    faults = []
    for key in stack.acls_of(tier):
        acl = stack.network.acls[key]
        for way, rules, asked in (("out", acl.egress, HTTPS), ("back in", acl.ingress, ANSWERS)):
            opened = addresses(*(rule.block for rule in rules if rule.allow and asked <= rule.services))
            faults += [
                f"{block} is not let {way} by {key}: run `pulumi up`"
                for block in listed
                if not addresses(block) - denied <= opened
            ]
    return result(f"{len(listed)} blocks", faults)


def _acl(stack: Deployed, tier: str) -> Result:
    default = {acl["NetworkAclId"] for acl in stack.in_vpc("describe_network_acls", "NetworkAcls") if acl["IsDefault"]}
    own = stack.acls_of(tier)
    faults = [f"{key} is the VPC's default one" for key in own if key in default]
    if len(own) != 1:
        faults.append(f"the tier has {len(own)} ACLs")
    faults += [fault for key in own for fault in stack.needs.beyond_acl(key)]
    return result(joined(own), faults)
