"""Security groups and network ACLs: what is let through is what the stack's flows need."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from netaddr import IPNetwork, IPSet

from private_inference.verification.checks import AbsentError, Finding, Question, exactly, listed, nothing, sound
from private_inference.verification.deployed import Deployed, Item, associated
from private_inference.verification.desired import ACCESS, APP, EPHEMERAL, GATEWAYS, HTTPS, MODEL, TIERS

GROUP_NAMES = {APP: "client", ACCESS: "access", MODEL: "model"}
TCP, ALL = "6", "-1"
PROTOCOLS = {TCP: "tcp", ALL: "all"}
Ports = tuple[int, int]


def questions(stack: Deployed) -> Iterator[Question]:
    """The default group, a group and an ACL for each tier."""
    groups = partial(Question, "Security groups")
    yield groups("the default one lets nothing through", lambda: nothing(_default_rules(stack)))
    for tier in TIERS:
        wanted = sorted(_wanted_rules(stack, tier))
        yield groups(f"{GROUP_NAMES[tier]}: {listed(wanted)}", partial(_group, stack, tier, wanted))
    acls = partial(Question, "Network ACLs")
    for tier in TIERS:
        denied = stack.desired.settings.network.denied_cidrs
        if denied:
            asked = f"{tier}: {', '.join(denied)} refused before anything is allowed"
            yield acls(asked, partial(_denied_first, stack, tier))
        asked = f"{tier}: opens {_peers(stack.desired.opens(tier))}, admits {_peers(stack.desired.admits(tier))}"
        yield acls(f"{asked}, with answers; nothing else", partial(_acl, stack, tier))


def _peers(peers: Iterable[str]) -> str:
    return listed(peers).replace("none", "nothing")


# Security groups


def _default_rules(stack: Deployed) -> list[str]:
    default = [group["GroupId"] for group in stack.security_groups if group["GroupName"] == "default"]
    if not default:
        raise AbsentError("the VPC shows no default group")
    return [_rule(rule, {}) for rule in stack.group_rules if rule["GroupId"] in default]


def _wanted_rules(stack: Deployed, tier: str) -> set[str]:
    out = {f"to {GROUP_NAMES.get(peer, peer)} tcp/443" for peer in stack.desired.opens(tier)}
    return out | {f"from {GROUP_NAMES.get(peer, peer)} tcp/443" for peer in stack.desired.admits(tier)}


def _group(stack: Deployed, tier: str, wanted: Iterable[str]) -> Finding:
    names = {group: GROUP_NAMES[of] for of, group in stack.groups.items()}
    names |= {item["PrefixListId"]: gateway for gateway, item in stack.prefix_lists.items()}
    own = [rule for rule in stack.group_rules if rule["GroupId"] == stack.groups[tier]]
    return exactly((_rule(rule, names) for rule in own), wanted)


def _rule(rule: Item, names: Mapping[str, str]) -> str:
    """A rule in words, such as `to s3 tcp/443`; `names` are those of groups and prefix lists."""
    referenced = rule.get("ReferencedGroupInfo", {}).get("GroupId")
    peer = rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId") or referenced or "?"
    first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
    ports = f"{first}" if first == last else f"{first}-{last}"
    traffic = "all" if rule["IpProtocol"] == ALL else f"{rule['IpProtocol']}/{ports}"
    return f"{'to' if rule['IsEgress'] else 'from'} {names.get(peer, peer)} {traffic}"


# Network ACLs


def _entries(stack: Deployed, tier: str, *, egress: bool) -> list[Item]:
    """The tier's rules in one direction, by number, without AWS's own last one, which denies what is left."""
    acls = stack.in_vpc("describe_network_acls", "NetworkAcls")
    own = [acl for acl in acls if associated(acl) & stack.subnet_ids(tier)]
    entries = [entry for acl in own for entry in acl["Entries"] if entry["Egress"] == egress]
    return sorted((entry for entry in entries if entry["RuleNumber"] < 32767), key=lambda entry: entry["RuleNumber"])


def _denied_first(stack: Deployed, tier: str) -> Finding:
    wrong, numbers = [], []
    for egress in (False, True):
        entries = _entries(stack, tier, egress=egress)
        first_allow = min((e["RuleNumber"] for e in entries if e["RuleAction"] == "allow"), default=32767)
        before = [e for e in entries if e["RuleAction"] == "deny" and e["RuleNumber"] < first_allow]
        blocks = IPSet(e["CidrBlock"] for e in before if e["Protocol"] == ALL and "CidrBlock" in e)
        numbers += [f"{'out' if egress else 'in'} {e['RuleNumber']}" for e in before]
        wrong += [
            f"{block} {'out' if egress else 'in'} is not refused before rule {first_allow}"
            for block in stack.desired.settings.network.denied_cidrs
            if not blocks.issuperset(IPSet([block]))
        ]
    return sound(f"rules {', '.join(numbers)}", wrong)


def _acl(stack: Deployed, tier: str) -> Finding:
    acls = stack.in_vpc("describe_network_acls", "NetworkAcls")
    own = [acl for acl in acls if associated(acl) & stack.subnet_ids(tier)]
    wrong = [f"{acl['NetworkAclId']} is the VPC's default one" for acl in own if acl.get("IsDefault")]
    if len(own) != 1:
        wrong.append(f"{len(own)} ACLs share the tier")
    count = 0
    for egress in (False, True):
        entries = _entries(stack, tier, egress=egress)
        count += sum(entry["RuleAction"] == "allow" for entry in entries)
        wrong += _differences(stack, tier, entries, egress=egress)
    return sound(f"{', '.join(acl['NetworkAclId'] for acl in own)}: {count} allow rules", wrong)


def _differences(stack: Deployed, tier: str, entries: list[Item], *, egress: bool) -> Iterator[str]:
    """What the rules of one direction let through too much, and what too little."""
    outgoing, incoming = (HTTPS, EPHEMERAL) if egress else (EPHEMERAL, HTTPS)
    peers = {outgoing: stack.desired.opens(tier), incoming: stack.desired.admits(tier)}
    to = "to" if egress else "from"
    denied = IPSet(stack.desired.settings.network.denied_cidrs)
    for ports, of in peers.items():
        missing = IPSet(block for peer in of for block in _addresses(stack, peer)) - denied - passing(entries, ports)
        yield from (f"{to} {block} tcp/{_ports(ports)} is refused" for block in missing.iter_cidrs())
    for entry in entries:
        if entry["RuleAction"] == "allow" and not _tolerated(stack, entry, peers):
            block = entry.get("CidrBlock") or entry.get("Ipv6CidrBlock")
            protocol = PROTOCOLS.get(entry["Protocol"], entry["Protocol"])
            yield f"rule {entry['RuleNumber']} lets through {to} {block} {protocol}/{_ports(_range(entry))}"


def passing(entries: list[Item], ports: Ports) -> IPSet:
    """Addresses whose TCP traffic on all of the ports the rules let through. The first rule that matches decides."""
    passing, decided = IPSet(), IPSet()
    for entry in entries:
        first, last = _range(entry)
        if entry["Protocol"] not in (TCP, ALL) or "CidrBlock" not in entry:
            continue
        if entry["RuleAction"] == "allow" and first <= ports[0] and ports[1] <= last:
            passing |= IPSet([entry["CidrBlock"]]) - decided
        if first <= ports[1] and ports[0] <= last:
            decided.add(IPNetwork(entry["CidrBlock"]))
    return passing


def _tolerated(stack: Deployed, entry: Item, peers: Mapping[Ports, set[str]]) -> bool:
    """Whether a rule lets through no more than the tier's flows in that direction need."""
    of = peers.get(_range(entry), set()) if entry["Protocol"] == TCP and "CidrBlock" in entry else set()
    room = IPSet(block for peer in of for block in _room(stack, peer))
    return bool(of) and room.issuperset(IPSet([entry["CidrBlock"]]))


def _room(stack: Deployed, peer: str) -> list[str]:
    """What a rule may name for a peer. For a tier, that is all of the VPC that is not another tier's."""
    if peer not in TIERS:
        return _addresses(stack, peer)
    others = IPSet(block for tier in TIERS if tier != peer for block in _addresses(stack, tier))
    return [str(block) for block in (IPSet([stack.desired.settings.network.cidr]) - others).iter_cidrs()]


def _addresses(stack: Deployed, peer: str) -> list[str]:
    """The addresses of a tier's subnets, of a gateway's service, or of a block itself."""
    if peer in TIERS:
        return [subnet["CidrBlock"] for subnet in stack.tiers[peer]]
    return list(stack.prefix_lists[peer]["Cidrs"]) if peer in GATEWAYS else [peer]


def _range(entry: Item) -> Ports:
    ports = entry.get("PortRange", {})
    return ports.get("From", 0), ports.get("To", 65535)


def _ports(ports: Ports) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
