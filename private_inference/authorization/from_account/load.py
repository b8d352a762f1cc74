"""Builds an account's principals, resources and paths from what AWS described.

What isn't described, and what can't be read, stays in the account as a gap, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from private_inference.authorization.access_points import ways_to
from private_inference.authorization.elsewhere import elsewhere
from private_inference.authorization.escalation import of_stack
from private_inference.authorization.from_account.described import Described, Endpoint, Guarded, Item
from private_inference.authorization.from_account.identities import Identities
from private_inference.authorization.model import (
    OTHER_ENDPOINT,
    PUBLIC,
    AccessPoint,
    Account,
    Guard,
    Path,
    Policy,
    Resource,
    component_on,
    read_policy,
)
from private_inference.authorization.principal_keys import TAGS, inserted, tested
from private_inference.graph.endpoint_services import short_service


def load(described: Described) -> Account:
    """The account that was described."""
    identities = Identities(described, {each.arn: each.name for each in described.resources if each.kind == "role"})
    found = Account(
        described.account,
        described.partition,
        identities.all(),
        tuple(_resources(described)),
        (*map(_path, described.endpoints), OTHER_ENDPOINT, PUBLIC),
        gaps=(*described.gaps, *_service_grants(described)),
        complete=True,
    )
    found = replace(found, paths=(*found.paths, *elsewhere(_of_stack(found), found.paths)))
    read = {key for policy in found.documents for each in policy.statements for key in (*tested(each), *inserted(each))}
    tags = {key for key in read if key.startswith(TAGS)}
    return replace(found, principals=tuple(identities.tagged(found.principals, tags)))


def _of_stack(account: Account) -> Iterator[Policy]:
    """The documents of the stack's resources, and of its roles and whoever holds what it hands out."""
    yield from (policy for each in account.resources for policy in each.policies)
    yield from (policy for each in of_stack(account) for policy in each.identity or ())


def _resources(described: Described) -> Iterator[Resource]:
    trusts = {role["Arn"]: role["AssumeRolePolicyDocument"] for role in described.roles}
    account = described.account
    for each in described.resources:
        policy = _policy(each)
        if each.kind == "bucket":
            name = f"objects of {each.name.removeprefix('bucket ')}"
            objects = Resource(name, f"{each.arn}/*", account, policy, kind="objects")
            yield from ways_to(objects, _access_points(each, account), described.partition)
        if each.kind == "role":
            yield Resource(each.name, each.arn, account, _trust(each, trusts), Guard.NEEDED, "trust")
        guard = Guard.NEEDED if each.kind == "key" else Guard.EITHER
        found = Resource(each.name, each.arn, account, policy, guard, each.kind)
        yield found
        yield from (component_on(found, name) for name in each.components)
    for endpoint in described.endpoints:
        yield Resource(f"VPC {endpoint.name}", endpoint.arn, account, kind="VPC endpoint")


def _access_points(bucket: Guarded, account: str) -> Iterator[AccessPoint]:
    for each, document in bucket.access_points:
        name, vpc = f"access point {each['Name']}", (each.get("VpcConfiguration") or {}).get("VpcId")
        policy = read_policy(f"policy of {name}", document) if document else None
        yield AccessPoint(name, each["AccessPointArn"], account, policy, vpc)


def _trust(role: Guarded, trusts: Mapping[str, Any]) -> Policy:
    name = f"trust of {role.name}"
    return read_policy(name, trusts[role.arn]) if role.arn in trusts else Policy(name, gap=f"{name} is not described")


def _policy(guarded: Guarded) -> Policy | None:
    """Everything that guards a resource as one policy, whose statements add up."""
    name = f"policy of {guarded.name}"
    found = [read_policy(name, document) for document in guarded.policies]
    found += [_grant(grant) for grant in guarded.grants if not _is_service(grant)]
    gaps = [guarded.gap, *(each.gap for each in found)]
    if not found and not guarded.gap:
        return None
    statements = tuple(statement for each in found for statement in each.statements)
    return Policy(name, statements, any(each.variables for each in found), "; ".join(filter(None, gaps)))


def _grant(grant: Item) -> Policy:
    """A grant allows operations to a principal, as a statement of the key's policy does.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html: with either constraint a request
    carries at least these pairs.
    """
    constraints = grant.get("Constraints", {})
    pairs = {**constraints.get("EncryptionContextSubset", {}), **constraints.get("EncryptionContextEquals", {})}
    statement: dict[str, Any] = {
        "Sid": f"grant {grant['GrantId']}",
        "Effect": "Allow",
        "Principal": {"AWS": grant["GranteePrincipal"]},
        "Action": [f"kms:{operation}" for operation in grant.get("Operations", ())],
        "Resource": "*",
    }
    if pairs:
        statement["Condition"] = {"StringEquals": {f"kms:EncryptionContext:{key}": pairs[key] for key in sorted(pairs)}}
    return read_policy(f"grant {grant['GrantId']}", {"Version": "2012-10-17", "Statement": [statement]})


def _is_service(grant: Item) -> bool:
    return str(grant["GranteePrincipal"]).endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _service_grants(described: Described) -> Iterator[str]:
    """Grants to AWS's services, which may stand for several principals.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantListEntry.html
    """
    for each in described.resources:
        services = sorted({str(grant["GranteePrincipal"]) for grant in each.grants if _is_service(grant)})
        if services:
            yield f"what {', '.join(services)} may do with {each.name} by grants is not told apart"


def _path(endpoint: Endpoint) -> Path:
    described = endpoint.described
    document = described.get("PolicyDocument")
    return Path(
        endpoint.name,
        described["VpcEndpointId"],
        described["VpcId"],
        short_service(str(described["ServiceName"])),
        described["VpcEndpointType"] == "Gateway",
        read_policy(f"policy of {endpoint.name}", document) if document else None,
    )
