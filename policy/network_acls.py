"""Network ACLs: narrow, on every subnet, and with an answer for each request."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pulumi_policy import Severity

from policy.addresses import is_everyone, within
from policy.controls import BOUNDARY, checkov, cis, fsbp, nist, trivy
from policy.findings import Findings, each
from policy.resources import Resource, Stack
from policy.rules import resource_rule, stack_rule
from private_inference.findings import Unverified
from private_inference.graph.existing import exists
from private_inference.graph.network_acls import AclEntry, entries_of
from private_inference.graph.types import (
    DEFAULT_NETWORK_ACL,
    NETWORK_ACL,
    NETWORK_ACL_ASSOCIATION,
    NETWORK_ACL_RULE,
    SUBNET,
    TRANSIT_GATEWAY_ATTACHMENT,
)
from private_inference.graph.values import UnverifiableError, known
from private_inference.reachability.model import LINUX_PORTS
from private_inference.reachability.traffic import protocol_number

ALL_PORTS = (0, 65535)
FIRST_CLIENT_PORT = 1024


@resource_rule(
    types=[NETWORK_ACL, DEFAULT_NETWORK_ACL, NETWORK_ACL_RULE],
    controls=[
        fsbp("EC2.21"),
        checkov("CKV_AWS_229", "CKV_AWS_230", "CKV_AWS_231", "CKV_AWS_232", "CKV_AWS_352"),
        trivy("AWS-0105"),
        cis("5.1"),
        *BOUNDARY,
    ],
    severity=Severity.HIGH,
    fix="allow the blocks of the networks and services that take part, a /8 at most, and no others",
)
def network_acls_are_narrow(resource: Resource) -> Findings:
    """Network ACLs allow the blocks of known networks only, so that a mistaken security group meets a closed door.

    A gateway endpoint's service may be a /8: AWS extends its prefix list, which groups and routes name and ACLs can't.
    """
    yield from each(resource, [(entry.path, entry) for entry in entries_of(resource)], _allows_everyone)


def _allows_everyone(_: str, entry: AclEntry) -> str | None:
    if known(entry.action) == "allow":
        for path, block in entry.blocks:
            if is_everyone(block):
                return f"allows everyone ({path})"
    return None


@stack_rule(
    controls=[fsbp("EC2.16"), checkov("CKV2_AWS_1"), *BOUNDARY],
    severity=Severity.MEDIUM,
    fix="name every subnet in the subnetIds of one NetworkAcl, and remove ACLs that no subnet uses",
)
def network_acls_cover_subnets(stack: Stack) -> Findings:
    """Every subnet has a network ACL of this stack: the default one allows everything. And no ACL guards nothing."""
    guarded_by = {acl.urn: subnets_of(stack, acl) for acl in stack.all(NETWORK_ACL)}
    covered = {subnet.urn for subnets in guarded_by.values() for subnet in subnets}
    for subnet in stack.all(SUBNET):
        if subnet.urn not in covered:
            yield subnet.violation("has the VPC's default network ACL, which allows everything")
    for acl in stack.all(NETWORK_ACL):
        if not guarded_by[acl.urn] and not acl.get("subnetIds"):
            yield acl.violation("guards no subnet")


def subnets_of(stack: Stack, acl: Resource) -> list[Resource]:
    """The subnets of this stack that a network ACL guards."""
    own = [] if acl.get("subnetIds") is None else stack.targets(acl, "subnetIds", type_=SUBNET)
    associations = stack.referring([NETWORK_ACL_ASSOCIATION], ["networkAclId"], acl)
    return own + [subnet for each in associations for subnet in stack.targets(each, "subnetId", type_=SUBNET)]


@stack_rule(
    controls=[nist("AC-4(21)"), *BOUNDARY],
    severity=Severity.HIGH,
    fix="give each allowed request its answer (ports 32768-65535 in the other direction), on both sides, and "
    "number the denies below every allow",
)
def network_acls_are_symmetric(stack: Stack) -> Findings:
    """Network ACLs are stateless: a request without its answer is an outage, an answer without a request a hole."""
    sides = []
    attached = [
        s for each in stack.all(TRANSIT_GATEWAY_ATTACHMENT) for s in stack.targets(each, "subnetIds", type_=SUBNET)
    ]
    for acl in stack.all(NETWORK_ACL):
        if exists(acl):  # its owner may mean more by it; that the stack's requests are answered is proved
            continue
        try:
            side = AclSide(acl, acl_entries(stack, acl), [known(s.get("cidrBlock")) for s in subnets_of(stack, acl)])
        except UnverifiableError as unknown:
            yield Unverified(unknown.urn, unknown.property)
            continue
        sides.append(side)
        yield from side.late_denies()
        yield from side.one_way_rules()
    for here, there in itertools.permutations(sides, 2):
        if not all(subnet in attached for subnet in subnets_of(stack, here.acl)):  # else requests are other networks'
            yield from here.unmatched_by(there)


@dataclass(frozen=True)
class KnownEntry:
    """A numbered entry of a network ACL, all of it known, and the resource that declares it."""

    declared_by: Resource
    path: str
    egress: bool
    number: int
    allow: bool
    block: str
    ports: tuple[int, int]
    protocol: int | None
    """None for all."""

    @property
    def asks(self) -> bool:
        """Whether it is about requests to a service, not (only) about answers to clients' ports."""
        return self.ports[0] < FIRST_CLIENT_PORT or not self.answers

    @property
    def answers(self) -> bool:
        """Whether it covers the ports that Linux clients are answered on."""
        return self.ports[0] <= LINUX_PORTS[0] and self.ports[1] >= LINUX_PORTS[1]

    def is_of_protocol(self, protocol: int | None) -> bool:
        return None in (protocol, self.protocol) or protocol == self.protocol

    def covers(self, block: str) -> bool:
        return within(block, [self.block])


def acl_entries(stack: Stack, acl: Resource) -> list[KnownEntry]:
    """The entries of a network ACL by number, inline and stand-alone. Raises UnverifiableError if one isn't known."""
    declaring = [acl, *stack.referring([NETWORK_ACL_RULE], ["networkAclId"], acl)]
    entries = [_known_entry(resource, entry) for resource in declaring for entry in entries_of(resource)]
    return sorted(entries, key=lambda entry: entry.number)


def _known_entry(declared: Resource, entry: AclEntry) -> KnownEntry:
    blocks = [known(block) for _, block in entry.blocks]
    return KnownEntry(
        declared,
        entry.path,
        bool(entry.egress),
        int(known(entry.number)),
        known(entry.action) == "allow",
        str(blocks[0] if blocks else None),
        ALL_PORTS if known(entry.protocol) in ("-1", "all") else _ports(entry),
        protocol_number(str(known(entry.protocol))),
    )


def _ports(entry: AclEntry) -> tuple[int, int]:
    first, last = map(known, entry.ports)
    return (int(first or 0), int(last or 0)) if first is not None else ALL_PORTS


@dataclass(frozen=True)
class AclSide:
    """A network ACL with its entries and the blocks of the subnets that it guards."""

    acl: Resource
    rules: Sequence[KnownEntry]
    blocks: Sequence[str]

    def late_denies(self) -> Findings:
        for rule in self.rules:
            overruled = [
                other
                for other in self.rules
                if other.allow and other.egress == rule.egress and other.number < rule.number
            ]
            if not rule.allow and overruled and not is_everyone(rule.block):
                yield rule.declared_by.violation(f"denies after rule {overruled[0].number} has allowed{_at(rule)}")

    def one_way_rules(self) -> Findings:
        for rule in self.rules:
            if rule.allow and not self._has_counterpart(rule):
                missing = "answer" if rule.asks else "request"
                yield rule.declared_by.violation(f"allows what has no {missing} in the other direction{_at(rule)}")

    def _has_counterpart(self, rule: KnownEntry) -> bool:
        back = [o for o in self.rules if o.allow and o.egress != rule.egress and o.is_of_protocol(rule.protocol)]
        return any(other.covers(rule.block) and (other.answers if rule.asks else other.asks) for other in back)

    def unmatched_by(self, there: "AclSide") -> Findings:
        """Requests that this side lets out to the other's subnets, and that the other doesn't let in."""
        for rule in self.rules:
            local = any(
                rule.covers(block) for block in self.blocks
            )  # the VPC's block, say: it means no one in particular
            reached = [block for block in there.blocks if rule.covers(block) and not local]
            if rule.allow and rule.egress and rule.asks and reached and not there._lets_in(self.blocks, rule.ports):
                yield rule.declared_by.violation(
                    f"lets requests out that the network ACL {there.acl.name} does not let in{_at(rule)}"
                )

    def _lets_in(self, blocks: Sequence[str], ports: tuple[int, int]) -> bool:
        opened = [
            rule
            for rule in self.rules
            if rule.allow and not rule.egress and rule.ports[0] <= ports[0] and ports[1] <= rule.ports[1]
        ]
        return all(any(rule.covers(block) for rule in opened) for block in blocks)


def _at(rule: KnownEntry) -> str:
    return f" ({rule.path})" if rule.path else ""
