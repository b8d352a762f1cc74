"""The types of single settings. Each says of a wrong value what is wrong and how to write it right.

A validator's message continues «key: value …».
"""

import re
from difflib import get_close_matches
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from components import service_model
from components.ecr import EcrImage

LONGEST_NAME = 55
"""AWS allows an endpoint 63 characters; Pulumi's suffix on the names derived from it takes eight."""

LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

PRIVATE_NETWORKS = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
"""RFC 1918. Python's `is_private` means more: loopback and link-local too, which AWS refuses."""

WIDEST_SITE = 8
"""Prefix length of the largest block that is one organisation's network: a wider route leads to the internet."""

STACK_TAGS = ("Project", "Stack", "Owner", "CostCenter", "Name")
"""Tags that the stack or its resources set."""


def cidr_block(value: str) -> str:
    """The value as AWS writes it. Raises ValueError."""
    try:
        return str(IPv4Network(value))
    except ValueError:
        network = _network_around(value)
        fix = f"write {network}" if network else "write an IPv4 block such as 10.0.0.0/16"
        raise ValueError(f"is not an IPv4 CIDR block; {fix}") from None


def _network_around(address: str) -> str | None:
    """The network of an address with a prefix length (10.0.0.0/16 for 10.0.0.1/16)."""
    try:
        return str(IPv4Network(address, strict=False))
    except ValueError:
        return None


def _vpc_cidr(value: str) -> str:
    network = IPv4Network(cidr_block(value))
    if not 16 <= network.prefixlen <= 28:
        raise ValueError(f"is a /{network.prefixlen}; a VPC is a /16 to a /28. Choose one such as 10.0.0.0/16")
    if not any(network.subnet_of(private) for private in PRIVATE_NETWORKS):
        raise ValueError("is not a private block; choose one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    return str(network)


def _distinct_cidrs(values: tuple[str, ...]) -> tuple[str, ...]:
    networks = [IPv4Network(value) for value in values]
    for position, network in enumerate(networks):
        for other in networks[:position]:
            if network.overlaps(other):
                raise ValueError(f"has {network} and {other}, which overlap; keep the larger one only")
    return values


def _site_cidrs(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if IPv4Network(value).prefixlen < WIDEST_SITE:
            raise ValueError(
                f"has {value}, which is more than a /{WIDEST_SITE}; name the blocks of the sites themselves"
            )
    return values


def _known(value: str, known: frozenset[str], kind: str) -> str:
    if value not in known:
        closest = " or ".join(get_close_matches(value, sorted(known), n=2, cutoff=0)) or "another one"
        raise ValueError(f"is not {kind}; did you mean {closest}?")
    return value


def _region(value: str) -> str:
    return _known(value, service_model.regions(), "a region of SageMaker")


def _instance_type(value: str) -> str:
    _known(value, service_model.instance_types(), "an instance type of SageMaker endpoints")
    if value.startswith("ml.t2."):
        raise ValueError(
            "is burstable, and such a variant can't be scaled automatically; choose one such as ml.m5.large"
        )
    return value


def _endpoint_name(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise ValueError(f"has {len(value)} characters; at most {LONGEST_NAME} are allowed. Choose a shorter name")
    if not re.fullmatch(service_model.text("EndpointName").pattern, value):
        raise ValueError("may hold letters, digits and inner hyphens only; rename it, such as credit-risk")
    return value


def _container_name(value: str) -> str:
    if not re.fullmatch(service_model.container_name_pattern(), value):
        raise ValueError("may hold 63 letters, digits and inner hyphens at most; rename it, such as features")
    return value


def _variant_name(value: str) -> str:
    if not re.fullmatch(service_model.text("VariantName").pattern, value):
        raise ValueError("may hold 63 letters, digits and inner hyphens at most; rename it, such as canary")
    return value


def _retention(value: int) -> int:
    if value not in LOG_RETENTION_DAYS:
        raise ValueError(
            f"is not a retention of CloudWatch Logs; choose one of {', '.join(map(str, LOG_RETENTION_DAYS))}"
        )
    return value


def _tags(tags: dict[str, str]) -> dict[str, str]:
    for key in tags:
        if key in STACK_TAGS:
            raise ValueError(f"sets {key}, which the stack sets itself; remove it")
        if key.lower().startswith("aws:"):
            raise ValueError(f"sets {key}, and AWS keeps what begins with aws: for itself; rename it")
        for what, text, form in (("key", key, "TagKey"), ("value", tags[key], "TagValue")):
            longest = service_model.text(form).longest
            if len(text) > longest:
                raise ValueError(f"has a {what} of {len(text)} characters; at most {longest} are allowed. Shorten it")
            if not re.fullmatch(r"[\w\s.:/=+@-]*", text):
                raise ValueError(f"has {text!r}, and a tag takes letters, digits, spaces and _.:/=+-@ only; rename it")
    most = service_model.largest("TagList") - len(STACK_TAGS)
    if len(tags) > most:
        raise ValueError(f"has {len(tags)} tags; beside the stack's own {most} are allowed. Remove some")
    return tags


def _ecr_uri(value: str) -> str:
    EcrImage.parse(value)
    return value


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names one twice; name each once")
    return values


def _matching(pattern: str, expected: str) -> AfterValidator:
    """Takes strings that match `pattern` whole; `expected` describes them and says how to write one."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"is not {expected}")
        return value

    return AfterValidator(check)


Cidr = Annotated[str, AfterValidator(cidr_block)]
Cidrs = Annotated[tuple[Cidr, ...], AfterValidator(_distinct_cidrs)]
SiteCidrs = Annotated[Cidrs, AfterValidator(_site_cidrs), Field(min_length=1)]
VpcCidr = Annotated[str, AfterValidator(_vpc_cidr)]
AccountId = Annotated[str, _matching(r"(\d{12})?", "an AWS account's id; write its twelve digits, in quotes")]
GatewayId = Annotated[
    str, _matching(r"(vgw|tgw)-[0-9a-f]{8,17}", "the id of a gateway; write one such as vgw-0a1b2c3d or tgw-0a1b2c3d")
]
Region = Annotated[str, AfterValidator(_region)]
InstanceType = Annotated[str, AfterValidator(_instance_type)]
EndpointName = Annotated[str, AfterValidator(_endpoint_name)]
VariantName = Annotated[str, AfterValidator(_variant_name)]
ContainerName = Annotated[str, AfterValidator(_container_name)]
SpecificationName = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}",
        "the name of an inference specification; write 63 letters, digits and inner hyphens at most",
    ),
]
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html (of the same name)"""
TargetName = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
        "a model's name, which calls have with .tar.gz; write 63 letters, digits, hyphens and underscores at most",
    ),
]
LogRetentionDays = Annotated[int, AfterValidator(_retention)]
EcrUri = Annotated[str, AfterValidator(_ecr_uri)]
ImageTag = Annotated[
    str, _matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "an image's tag; write letters, digits, and . _ - inside")
]
RepositoryName = Annotated[
    str,
    _matching(
        r"[a-z0-9]+([._/-][a-z0-9]+)*",
        "the name of a repository in ECR; write it in lower case and without its registry, such as sagemaker-xgboost",
    ),
]
FindingId = Annotated[
    str, _matching(r"[A-Z][A-Za-z0-9]*(-[A-Za-z0-9.:_]+)+", "a finding's id; write one such as CVE-2024-3094")
]
KeyArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/.+",
        "a key's ARN; write arn:aws:kms:REGION:ACCOUNT:key/ID (an alias won't do)",
    ),
]
PrincipalArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:iam::(\d{12}|\*):(role|user)/[^*?\s]\S*",
        "the ARN of a role or a user, or a pattern whose name begins with no wildcard; write one such as "
        "arn:aws:iam::ACCOUNT:role/deployer* (of a session, its role's)",
    ),
]
AdministratorArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:iam::(\d{12}:root|(\d{12}|\*):(role|user)/[^*?\s]\S*)",
        "the ARN of a role or a user, or a pattern whose name begins with no wildcard, or the root of another account, "
        "which stands for whoever is in it; write one such as arn:aws:iam::ACCOUNT:role/admin*",
    ),
]
CallerArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[^*?\s]+",
        "the ARN of a role or a user; write one such as arn:aws:iam::ACCOUNT:role/scoring (no pattern, and no account)",
    ),
]
CallerName = Annotated[
    str,
    _matching(
        r"[a-z][a-z0-9-]{0,22}[a-z0-9]", "a caller's name; write 2 to 24 lower-case letters, digits and inner hyphens"
    ),
]
"""A role's name, PROJECT-STACK-caller-NAME, may have 64 characters."""
ExternalId = Annotated[
    str,
    _matching(r"[\w+=,.@:/-]{2,1224}", "an external id; write 2 to 1224 letters, digits, and any of _ + = , . @ : / -"),
]
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (ExternalId)"""
VpcEndpointId = Annotated[
    str, _matching(r"vpce-[0-9a-f]{8,17}", "the id of a VPC endpoint; write one such as vpce-0a1b2c3d4e5f60718")
]
VpcEndpointIds = Annotated[tuple[VpcEndpointId, ...], AfterValidator(_each_once)]
VpcId = Annotated[str, _matching(r"vpc-[0-9a-f]{8,17}", "the id of a VPC; write one such as vpc-0a1b2c3d4e5f60718")]
SubnetId = Annotated[
    str, _matching(r"subnet-[0-9a-f]{8,17}", "the id of a subnet; write one such as subnet-0a1b2c3d4e5f60718")
]
SubnetIds = Annotated[tuple[SubnetId, ...], AfterValidator(_each_once)]
RouteTableId = Annotated[
    str, _matching(r"rtb-[0-9a-f]{8,17}", "the id of a route table; write one such as rtb-0a1b2c3d4e5f60718")
]
RouteTableIds = Annotated[tuple[RouteTableId, ...], AfterValidator(_each_once)]
CertificateArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+",
        "a certificate of ACM; write arn:aws:acm:REGION:ACCOUNT:certificate/ID",
    ),
]
KvCachePercent = Annotated[int, Field(ge=10, le=99)]
"""Two digits, which a filter pattern tells from others."""
FunctionArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]{1,64}(:[\w$-]{1,128})?",
        "a function of AWS Lambda; write arn:aws:lambda:REGION:ACCOUNT:function:NAME, with an alias or without",
    ),
]
HeaderName = Annotated[
    str, _matching(r"[A-Za-z][A-Za-z0-9-]{0,63}", "the name of a header; write letters, digits and hyphens")
]
WebAclArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/[\w-]{1,128}/[0-9a-f-]{36}",
        "a regional web ACL of AWS WAF; write arn:aws:wafv2:REGION:ACCOUNT:regional/webacl/NAME/ID",
    ),
]
"""https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html (WebACLArn)"""
CaArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:acm-pca:[a-z0-9-]+:\d{12}:certificate-authority/[0-9a-f-]+",
        "a private CA; write arn:aws:acm-pca:REGION:ACCOUNT:certificate-authority/ID",
    ),
]
DomainName = Annotated[
    str,
    _matching(
        r"(?=.{4,64}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]",
        "a domain name of 64 characters at most; write one in lower case such as models.example.internal",
    ),
]
"""ACM takes 64: https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html (DomainName)"""
ZoneId = Annotated[
    str, _matching(r"Z[A-Z0-9]{1,31}", "the id of a Route 53 hosted zone; write one such as Z0123456789ABC")
]
EmailAddress = Annotated[
    str, _matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an email address; write one such as team@example.com")
]
TagValue = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
Tags = Annotated[dict[str, str], AfterValidator(_tags)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=200)]
"""Why a default is loosened: a sentence for the reviewer."""
