"""Generated documents, principals and requests, dense enough that statements overlap and conditions differ.

All comes from a `Random`, so that a seed names a situation: hypothesis draws seeds, the benchmark counts through them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from private_inference.authorization.decision import Question
from private_inference.authorization.model import (
    AccessPoint,
    Account,
    Guard,
    Kind,
    Organization,
    Path,
    Policy,
    Principal,
    Resource,
    read_policy,
)
from tests.authorization.concrete import Case, Document, Point

OWN, OTHER = "123456789012", "210987654321"
ROLES = [f"arn:aws:iam::{account}:{name}" for account in (OWN, OTHER) for name in ("role/serving", "user/ann")]
SERVICES = ["sagemaker.amazonaws.com", "logs.amazonaws.com"]
ACTIONS = ["s3:GetObject", "s3:PutObject", "kms:Decrypt", "sagemaker:InvokeEndpoint"]
PROVIDER = f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"
ISSUER = "token.actions.githubusercontent.com"
TAKING = "sts:AssumeRoleWithWebIdentity"
ACTION_PATTERNS = [*ACTIONS, "*", "s3:*", "S3:getobject", "s3:?etObject", "sagemaker:Invoke*", "kms:*crypt"]
RESOURCES = [
    "arn:aws:s3:::models/a/model",
    "arn:aws:s3:::models/b",
    "arn:aws:s3:::logs/a",
    "arn:aws:s3:::models/blue/x",
]
RESOURCE_PATTERNS = [
    *RESOURCES,
    "*",
    "arn:aws:s3:::models/*",
    "arn:aws:s3:::*/a*",
    "arn:aws:s3:::models/?",
    "arn:aws:s3:::models/${aws:PrincipalTag/team}/*",
    "arn:aws:s3:::models/${aws:PrincipalTag/team, 'a'}/*",
    "arn:aws:s3:::models/${*}",
]
POINT = f"arn:aws:s3:us-east-1:{OWN}:accesspoint/models"
POINT_PATTERNS = [f"{POINT}/object/*", f"{POINT}*", "arn:aws:s3:*/a*", f"{POINT}/object/a/model", f"{POINT}/object/b*"]
CAME = {
    "s3:DataAccessPointArn": (["ArnLike", "ArnNotLike", "StringEquals"], [POINT, f"arn:aws:s3:*:{OWN}:accesspoint/*"]),
    "s3:DataAccessPointAccount": (["StringEquals", "StringNotEquals"], [OWN, OTHER]),
    "s3:AccessPointNetworkOrigin": (["StringEquals", "StringNotEquals"], ["VPC", "Internet"]),
}
"""Keys of requests that come through an access point."""
VALUES: dict[str, list[str]] = {
    "aws:SourceVpce": ["vpce-1", "vpce-2"],
    "aws:PrincipalTag/team": ["blue", "Blue", "red"],
    "kms:ViaService": ["s3.us-east-1.amazonaws.com", "ecr.us-east-1.amazonaws.com"],
    "aws:SourceArn": [f"arn:aws:logs:us-east-1:{OWN}:log-group:a:b", f"arn:aws:s3::{OTHER}:models"],
    "s3:TlsVersion": ["1.1", "1.2", "1.3"],
    "aws:CurrentTime": ["2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"],
    "aws:SourceIp": ["10.0.0.1", "10.1.0.1", "192.0.2.1"],
    "aws:SecureTransport": ["true", "false"],
    "aws:TagKeys": ["team", "stage", "owner"],
    "s3:prefix": ["blue/", "red/x", "a"],
    f"{ISSUER}:sub": ["repo:team/app:ref:refs/heads/main", "repo:else/app:ref:refs/heads/main"],
    f"{ISSUER}:aud": ["sts.amazonaws.com", "https://else"],
}
ALWAYS = ("aws:CurrentTime", "aws:SecureTransport")
"""Keys that no request lacks."""

TEXT = [f"String{no}{form}" for no in ("", "Not") for form in ("Equals", "EqualsIgnoreCase", "Like")]
OPERATORS: dict[str, tuple[list[str], list[str]]] = {
    "aws:SourceVpce": (TEXT, ["vpce-1", "vpce-*", "vpce-?", "VPCE-1", "*"]),
    "aws:PrincipalTag/team": (TEXT, ["blue", "b*", "?ed", "BLUE"]),
    "kms:ViaService": (TEXT, ["s3.*.amazonaws.com", "*.amazonaws.com", "s3.us-east-1.amazonaws.com"]),
    "aws:SourceArn": (
        ["ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals", "StringLike"],
        [
            f"arn:aws:logs:*:{OWN}:*",
            "arn:aws:*:*:*:log-group:*",
            f"arn:*:s3:*:{OTHER}:mod?ls",
            "arn:aws:l*:*:log-group:*:*",
        ],
    ),
    "s3:TlsVersion": (
        [
            f"Numeric{name}"
            for name in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
        ],
        ["1.2", "1.25"],
    ),
    "aws:CurrentTime": (
        [
            f"Date{name}"
            for name in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
        ],
        ["2026-06-01T00:00:00Z", "2027-01-01T00:00:00Z", "1767225600"],
    ),
    "aws:SourceIp": (["IpAddress", "NotIpAddress"], ["10.0.0.0/16", "10.0.0.0/8", "192.0.2.1"]),
    "aws:SecureTransport": (["Bool"], ["true", "false"]),
    "aws:TagKeys": (
        [f"{every}:{form}" for every in ("ForAllValues", "ForAnyValue") for form in TEXT],
        ["team", "st*", "owner", "Team"],
    ),
    "s3:prefix": (
        ["StringLike", "StringNotLike", "StringEquals"],
        ["${aws:PrincipalTag/team}/", "${aws:PrincipalTag/team}*", "a", "${$}"],
    ),
    f"{ISSUER}:sub": (TEXT, ["repo:team/*", "repo:*", "repo:team/app:ref:refs/heads/main", "*:ref:refs/heads/*"]),
    f"{ISSUER}:aud": (TEXT, ["sts.amazonaws.com", "https://*"]),
}
PRINCIPALS: list[Any] = [
    "*",
    {"AWS": "*"},
    *({"AWS": arn} for arn in ROLES),
    *({"AWS": [account]} for account in (OWN, f"arn:aws:iam::{OTHER}:root", f"arn:aws:iam::{OWN}:root")),
    *({"Service": name} for name in SERVICES),
]


def some(random: Random, values: Sequence[Any], most: int) -> list[Any]:
    """One to `most` different values."""
    return random.sample(list(values), random.randint(1, min(most, len(values))))


def condition(random: Random, *, point: bool = False) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    keys = {**OPERATORS, **CAME} if point else OPERATORS
    for key in random.sample([*keys, *(CAME if point else ())], random.choice([0, 0, 1, 1, 2])):
        operators, values = keys[key]
        operator = random.choice([*operators, "Null"])
        if operator == "Null":
            wanted: Any = random.choice(["true", "false"])
        else:
            operator += random.choice(["", "", "IfExists"])
            wanted = some(random, values, 2)
        found.setdefault(operator, {})[key] = wanted
    return found


TRUSTED = [{"Federated": PROVIDER}, {"Federated": [f"{PROVIDER}.else", PROVIDER]}, {"Federated": f"{PROVIDER}.else"}]


def document(random: Random, *, named: bool = False, trust: bool = False, point: bool = False) -> dict[str, Any]:
    listed = []
    resources = [*RESOURCE_PATTERNS, "*", *((POINT_PATTERNS + ["*"] * 4) if point else ())]
    actions = [TAKING, "sts:AssumeRole*", "sts:*", "sts:AssumeRole"] if trust else [*ACTION_PATTERNS, "*", "s3:*"]
    principals = [*PRINCIPALS, "*", "*", *(TRUSTED * 8 if trust else ())]
    for _ in range(random.randint(1, 3)):
        no_action, no_resource = random.choice([(False, False)] * 4 + [(True, False), (False, True)])
        statement: dict[str, Any] = {
            "Effect": random.choice(["Allow"] * 3 + ["Deny"]),
            "NotAction" if no_action else "Action": some(random, actions, 2),
            "NotResource" if no_resource else "Resource": some(random, resources, 2),
        }
        if wanted := condition(random, point=point):
            statement["Condition"] = wanted
        if named:
            element = random.choice(["Principal"] * 7 + ["NotPrincipal"])
            statement[element] = random.choice(PRINCIPALS[1:] if element == "NotPrincipal" else principals)
        listed.append(statement)
    return {"Version": "2012-10-17", "Statement": listed}


def context(random: Random) -> dict[str, Any]:
    """The keys of one request."""
    found: dict[str, Any] = {}
    for key, values in VALUES.items():
        if key in ALWAYS or random.random() < 0.7:
            found[key.lower()] = some(random, values, 3) if key == "aws:TagKeys" else random.choice(values)
    return found


@dataclass(frozen=True)
class Situation:
    """Documents around a principal and a resource, in the form of both."""

    case: Case
    account: Account
    question: Question


def situation(random: Random) -> Situation:
    kind = random.choice(["role"] * 4 + ["user"] * 2 + ["service", "anonymous", "federated"])
    mine = [arn for arn in ROLES if f":{kind}/" in arn]
    others = {"service": SERVICES[0], "federated": PROVIDER, "anonymous": ""}
    who, federated = random.choice(mine) if mine else others[kind], kind == "federated"
    account = who.split(":")[4] if mine else ""

    point = kind not in ("service", "federated") and random.random() < 0.25

    def perhaps(likely: float, **more: bool) -> dict[str, Any] | None:
        return document(random, **more, point=point) if random.random() < likely else None

    identity = [document(random, point=point) for _ in range(random.randint(1, 2))] if mine else []
    boundary = perhaps(0.2) if mine else None
    policy, endpoint = perhaps(1 if federated else 0.75, named=True, trust=federated), perhaps(0.2, named=True)
    scps = [[found]] if account == OWN and (found := perhaps(0.2)) else []
    rcps = [[found]] if (found := perhaps(0.1, named=True)) else []
    gateway, needed = random.random() < 0.5, random.random() < 0.3
    actions = [TAKING] if federated else ACTIONS[:2] if point else ACTIONS
    action, resource = random.choice(actions), random.choice(RESOURCES[:2] if point else RESOURCES)
    case = Case(
        kind, who, account, action, resource, {}, identity, boundary, policy, needed, endpoint, gateway, scps, rcps, OWN
    )
    if point:
        vpc = random.choice([None, None, "vpc-1", "vpc-2"])
        owner = random.choice([OWN, OWN, OTHER])
        case = replace(case, needed=False, point=Point(POINT.replace(OWN, owner), owner, perhaps(0.7, named=True), vpc))
    return situation_of(case)


def situation_of(case: Case) -> Situation:
    """A case, and the same for the reasoner."""
    own = case.kind in ("role", "user")
    principal = Principal(
        case.who,
        Kind(case.kind),
        case.who if own or case.kind == "federated" else "",
        case.account,
        tuple(_read(each) for each in case.identity or ()),
        _read(case.boundary) if case.boundary else None,
    )
    policy = _read(case.policy) if case.policy else None
    guard = Guard.NEEDED if case.needed else Guard.EITHER
    thing = Resource("it", case.resource, case.owner, policy, guard, through=_point(case.point) if case.point else None)
    path = Path("endpoint", None, "vpc-1", "", case.gateway, _read(case.endpoint) if case.endpoint else None)
    organization = Organization(
        tuple(tuple(map(_read, level)) for level in case.scps), tuple(tuple(map(_read, level)) for level in case.rcps)
    )
    world = Account(case.owner, "aws", (principal,), (thing,), (path,), organization)
    return Situation(case, world, Question(principal, case.action, thing, path))


def _read(document: Document) -> Policy:
    return read_policy("policy", document)


def _point(point: Point) -> AccessPoint:
    policy = _read(point.policy) if point.policy else None
    return AccessPoint("point", point.arn, point.account, policy, point.vpc)
