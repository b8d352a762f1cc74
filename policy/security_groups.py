"""Security groups: what they let in and out, and that they say why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_policy import EnforcementLevel, Severity

from policy.addresses import PRIVATE_BLOCKS, public
from policy.controls import BOUNDARY, checkov, cis, fsbp, nist, pci, security_hub, trivy
from policy.findings import Findings, each
from policy.resources import Resource, Stack
from policy.rules import resource_rule
from private_inference.graph.security_groups import Direction, SecurityGroupRule, rules_of
from private_inference.graph.types import (
    EGRESS_RULE,
    INGRESS_RULE,
    PREFIX_LIST,
    PREFIX_LIST_ENTRY,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
)
from private_inference.graph.values import Unknown, joined, known, pick


@dataclass(frozen=True)
class GroupRule:
    """One permission of a security group, all of it known, and the resource that declares it.

    `groups` are the peers in this stack; `peers` counts all of its blocks, prefix lists and groups.
    """

    declared_by: Resource
    https_only: bool
    blocks: tuple[str, ...]
    prefix_lists: tuple[Any, ...]
    groups: tuple[Resource, ...]
    peers: int


def group_rules(stack: Stack, group: Resource, direction: Direction) -> Iterator[GroupRule]:
    """The rules of a group in a direction, inline and stand-alone. Raises UnverifiableError where one isn't known."""
    for rule in rules_of(group):
        if rule.direction == direction:
            yield _known_rule(stack, group, rule)
    one_way = INGRESS_RULE if direction == "ingress" else EGRESS_RULE
    for declared in stack.all(one_way, SECURITY_GROUP_RULE):
        if group in stack.targets(declared, "securityGroupId", type_=SECURITY_GROUP):
            for rule in rules_of(declared):
                if known(rule.direction) == direction:
                    yield _known_rule(stack, declared, rule)


def _known_rule(stack: Stack, declared: Resource, rule: SecurityGroupRule) -> GroupRule:
    known(rule.properties)
    first, last = rule.ports
    https_only = known(rule.protocol) in ("tcp", "6") and (int(known(first) or 0), int(known(last) or 0)) == (443, 443)
    key = rule.groups[0][0].partition(".")[0] if rule.groups else ""
    groups = stack.resolve(declared, key, [group for _, group in rule.groups], SECURITY_GROUP)
    return GroupRule(
        declared,
        https_only,
        tuple(known(block) for _, block in rule.blocks),
        tuple(value for _, value in rule.prefix_lists),
        tuple(groups),
        len(rule.blocks) + len(rule.prefix_lists) + len(rule.groups),
    )


def _public_blocks(resource: Resource, direction: Direction, private: Sequence[str], verb: str) -> Findings:
    """The blocks that a group or a rule opens in a direction, and that aren't private."""
    rules = [rule for rule in rules_of(resource) if known(rule.direction) == direction]
    opened = [entry for rule in rules for entry in rule.blocks]
    yield from each(resource, opened, lambda path, block: public(path, block, private, verb))


@resource_rule(
    types=[SECURITY_GROUP, SECURITY_GROUP_RULE, INGRESS_RULE],
    controls=[
        fsbp("EC2.18"),
        security_hub("EC2.13", "EC2.14"),
        fsbp("EC2.19"),
        checkov("CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260", "CKV_AWS_277"),
        trivy("AWS-0107"),
        cis("5.2", "5.3"),
        *BOUNDARY,
    ],
    severity=Severity.CRITICAL,
    fix="name a security group as the source, or the private block that the clients call from",
    options=PRIVATE_BLOCKS,
)
def no_public_ingress(resource: Resource, *, blocks: Sequence[str]) -> Findings:
    """Security groups let in private addresses only: a public source is a way in as soon as anything routes it."""
    yield from _public_blocks(resource, "ingress", blocks, "lets in")


@resource_rule(
    types=[SECURITY_GROUP, SECURITY_GROUP_RULE, EGRESS_RULE, PREFIX_LIST, PREFIX_LIST_ENTRY],
    controls=[nist("AC-4(21)"), checkov("CKV_AWS_382"), trivy("AWS-0104"), pci("1.2.1")],
    severity=Severity.CRITICAL,
    fix="name a security group, a prefix list or a private block as the destination",
    options=PRIVATE_BLOCKS,
)
def no_public_egress(resource: Resource, *, blocks: Sequence[str]) -> Findings:
    """Security groups let traffic out to private addresses and lists of them only: data leaves by what is open."""
    if resource.type in (PREFIX_LIST, PREFIX_LIST_ENTRY):
        listed = [(joined(path, "cidr"), pick(entry, "cidr")) for path, entry in resource.entries("entries")]
        named = [*listed, *resource.entries("cidr")]
        yield from each(resource, named, lambda path, block: public(path, block, blocks, "lists"))
    else:
        yield from _public_blocks(resource, "egress", blocks, "lets traffic out to")


@resource_rule(
    types=[SECURITY_GROUP, SECURITY_GROUP_RULE, INGRESS_RULE, EGRESS_RULE],
    controls=[checkov("CKV_AWS_23"), trivy("AWS-0099", "AWS-0124")],
    severity=Severity.LOW,
    fix="say in a description who needs the access, and for what",
    level=EnforcementLevel.ADVISORY,
)
def firewall_rules_are_described(resource: Resource) -> Findings:
    """Security groups and their rules say what they are for, so that a reviewer can tell which one is too many."""
    described = [("description", resource.get("description"))] if resource.type == SECURITY_GROUP else []
    described += [
        (joined(rule.path, "description"), pick(rule.properties, "description")) for rule in rules_of(resource)
    ]
    for path, text in described:
        if text is None or (
            not isinstance(text, Unknown) and text in ("", "Managed by Pulumi", "Managed by Terraform")
        ):
            yield resource.violation(f"is not described ({path})")
