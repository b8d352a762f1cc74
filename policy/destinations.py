"""Where data may go: nowhere but to this account, region and network, and to the buckets of this stack."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pulumi_policy import Severity

from policy.addresses import is_private
from policy.controls import hipaa, nist, pci
from policy.findings import Findings, for_each
from policy.given import ARN, REGION, Given, account_of, documents, region_of, values
from policy.iam_documents import Statement, names_callers, readable
from policy.identity import TRUST
from policy.resources import Resource, Stack
from policy.rules import names, resource_rule, stack_rule
from policy.schema import corrections
from private_inference.graph.iam_documents import as_list
from private_inference.graph.types import BUCKET, BUILT_IMAGE, IAM_ROLE, RESOLVER_ENDPOINT
from private_inference.graph.values import Unknown, known
from private_inference.registries import accounts_of_aws

OUTWARD = re.compile(
    r"(?i)destination|output|target|sink|dump|export|artifactstore|backup|replica|failure|s3configuration|s3storage|trail"
    r"|script|checkpoint|artifactpath"
)
"""Types and paths of properties that say where something is written."""
OF_A_BUCKET = re.compile(
    r"(?i)(bucket|bucketname|bucketarn|uri)$|s3(artifact)?(bucket|output|uri|path|location)|destination|output|location$"
)
OF_AN_ACCOUNT = re.compile(r"(?i)account|principal|owner|grantee")
PRIVATE_HOST = re.compile(
    r"(?i)[^.]+|.*\.(internal|local|corp|lan|home\.arpa|amazonaws\.com|amazonaws\.com\.cn|api\.aws|aws\.amazon\.com)"
)
CALLERS = (
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "kms:calleraccount",
)


@dataclass(frozen=True)
class Inside:
    """What counts as inside; buckets by name."""

    accounts: frozenset[str]
    regions: frozenset[str]
    hosts: frozenset[str]
    buckets: frozenset[str]
    callers: frozenset[str]
    """Accounts outside, of which named principals may take roles."""


@stack_rule(
    controls=[nist("AC-4(21)", "SC-7(10)"), pci("1.3.6"), hipaa("164.312(e)(1)")],
    severity=Severity.CRITICAL,
    fix="name what is this stack's; or what is yours elsewhere by accounts, regions, hosts, buckets or callers",
    options={
        "accounts": names("Further accounts that count as inside.", r"^\d{12}$"),
        "regions": names("Further regions that count as inside."),
        "hosts": names("Names of hosts outside the network that may be called."),
        "buckets": names("Names of buckets outside the stack that may be written to."),
        "callers": names(
            "Other accounts of which roles and users, each by its ARN, may take a role: with an external id, and "
            "through VPC endpoints that are named.",
            r"^\d{12}$",
        ),
    },
)
def destinations_are_inside(
    stack: Stack,
    *,
    accounts: Sequence[str],
    regions: Sequence[str],
    hosts: Sequence[str],
    buckets: Sequence[str],
    callers: Sequence[str],
) -> Findings:
    """Nothing goes, or is open, to another account or region, to a URL, or to a bucket that is not this stack's."""
    given = {resource.urn: list(values(resource)) for resource in stack}
    found = Counter(match for each in given.values() for g in each for match in ARN.findall(g.text))
    named = [bucket.get(key) for bucket in stack.all(BUCKET) for key in ("bucket", "id")]
    inside = Inside(
        frozenset([*accounts, *_commonest((account, n) for (_, account), n in found.items())]),
        frozenset([*regions, *_commonest((region, n) for (region, _), n in found.items())]),
        frozenset(hosts),
        frozenset([*buckets, *(name for name in named if isinstance(name, str))]),
        frozenset(callers),
    )
    for resource in stack:
        owned = {
            g.path.rpartition(".")[0]
            for g in given[resource.urn]
            if g.name == BUCKET_OWNER and g.text in inside.accounts
        }
        yield from for_each(given[resource.urn], partial(_leads_outside, resource, inside, owned))
        for path, document in documents(resource):
            if not isinstance(document, Unknown):
                statements = readable(document)
                yield from for_each(statements, partial(_admits_outside, resource, path, inside))
                yield from for_each(statements, partial(_reaches_outside, resource, path, inside))


def _commonest(counted: Iterable[tuple[str, int]]) -> list[str]:
    """The value that is named most often: the stack names its own account and region all over."""
    total: Counter[str] = Counter()
    for value, times in counted:
        total[value] += times if value else 0
    return [value for value, times in total.most_common(1) if times]


REGISTRY = re.compile(r"(?:(\d{12})\.dkr\.ecr\.|(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?/)")
"""The registry that an image's name begins with; of ECR its account."""
PUSHED = re.compile(
    r"tags\.|(exports|cacheTo)\.\d+\.(raw$|gha|.*\.(names\.\d+|name|ref|bucket|accountUrl|endpointUrl)$)"
)
"""What says where an image or its cache goes; a name without a registry is Docker Hub's.

https://www.pulumi.com/registry/packages/docker-build/api-docs/image/
"""
OF_AN_IMAGE = re.compile(r"(?i)(\w*_)?image(_?(uri|name|identifier))?")
ACROSS_REGIONS = re.compile(r"(?i)cross_?region")
BUCKET_NAME = re.compile(r"(?:s3://|arn:aws[^:]*:s3:::)?([a-z0-9][a-z0-9.-]{1,62})(?:/.*)?")
BUCKET_OWNER = "expectedBucketOwner"
"""The account that the bucket beside it has to be in: AWS refuses any other."""


def _leads_outside(resource: Resource, inside: Inside, owned: Collection[str], given: Given) -> Findings:
    registry = REGISTRY.match(given.text)
    of_an_image = registry and (registry[1] or OF_AN_IMAGE.fullmatch(given.name))
    if registry and of_an_image and inside.accounts and registry[1] not in inside.accounts | accounts_of_aws():
        yield resource.violation(f"takes an image from another account or registry ({given.path})")
    pushed = resource.type == BUILT_IMAGE and PUSHED.match(given.path) and given.text
    if pushed and not (registry and registry[1] in inside.accounts):
        yield resource.violation(f"pushes an image, or its cache, elsewhere than to this account ({given.path})")
    if ACROSS_REGIONS.search(given.path) and known(given.value) not in (False, "", "DISABLED"):
        yield resource.violation(f"works in other regions, too ({given.path})")
    if inside.accounts and _bears_another_account(given, inside):
        yield resource.violation(f"names a bucket that bears another account's number ({given.path})")
        return
    exempt = corrections()["destinations"]["not outside"]
    if f"{resource.type} {given.path}" in exempt or any(part in exempt for part in given.path.split(".")):
        return
    place = given.path.rpartition(".")[0]
    outward = (
        place not in owned
        and OUTWARD.search(f"{resource.type.rpartition(':')[2]}.{given.path}")
        and OF_A_BUCKET.search(given.name)
    )
    if outward and isinstance(given.value, Unknown):
        if resource.comes_from_elsewhere(given.path):
            yield resource.unverified(given.path)
        return
    bucket = BUCKET_NAME.fullmatch(given.text) if outward else None
    if bucket and bucket[1] not in inside.buckets and any(account in bucket[1] for account in inside.accounts):
        yield resource.unverified(given.path)  # by its name a bucket of this account, which a name can't prove
        return
    for what in _outside(given, bucket[1] if bucket else "", inside):
        yield resource.violation(f"{what} ({given.path})")


def _bears_another_account(given: Given, inside: Inside) -> bool:
    """Whether a bucket, whoever reads or writes it, is another account's by its name."""
    of_a_bucket = given.text.startswith("s3://") or OF_A_BUCKET.search(given.name)
    bucket = BUCKET_NAME.fullmatch(given.text) if of_a_bucket else None
    numbers = set(re.findall(r"(?<!\d)\d{12}(?!\d)", bucket[1])) if bucket else set()
    return bool(numbers) and not numbers & (inside.accounts | accounts_of_aws())


def _outside(given: Given, bucket: str, inside: Inside) -> Iterator[str]:
    """What leads outside; `bucket` is the name of the one that is written to, or empty."""
    account, region = account_of(given.text), region_of(given.text)
    host = re.match(r"(?i)(?:\w+:)?\w+://(?:[^/@]*@)?([^/:?#]+)", given.text)
    if account and inside.accounts and account not in inside.accounts:
        if given.text.startswith("arn:") or OF_AN_ACCOUNT.search(given.name):
            yield "names another account"
    elif region and inside.regions and region not in inside.regions:
        yield "names another region"
    elif bucket and bucket not in inside.buckets:
        if given.text.startswith(("s3://", "arn:")) or "bucket" in given.name.lower():
            yield "names a bucket that is not this stack's"
    elif host and not given.text.startswith("s3:") and not _is_inside(host[1], inside):
        yield "leads to a host outside"
    elif re.fullmatch(r"\+\d{7,15}", given.text) and given.name == "endpoint":
        yield "leads to a telephone"


def _is_inside(host: str, inside: Inside) -> bool:
    if re.fullmatch(r"[\d.]+", host):
        return is_private(host)
    region = REGION.search(host)
    elsewhere = region is not None and bool(inside.regions) and region[0] not in inside.regions
    return host in inside.hosts or (PRIVATE_HOST.fullmatch(host) is not None and not elsewhere)


def _admits_outside(resource: Resource, path: str, inside: Inside, statement: Statement) -> Findings:
    if not statement.allows or not (statement.principals or statement.not_principals) or not inside.accounts:
        return
    tested = [each for _, key, value in statement.tests if key in CALLERS for each in as_list(value)]
    of_callers = resource.type == IAM_ROLE and path == TRUST and names_callers(statement)
    for who in [*statement.principals, *tested]:
        account = account_of(str(known(who)))
        if account and account not in inside.accounts and not (of_callers and account in inside.callers):
            yield resource.violation(f"lets another account in ({path}, {statement.label})")
            return
        issuer = re.search(r":oidc-provider/([^/]+)", str(known(who)))
        if issuer and not _is_inside(issuer[1], inside):
            yield resource.violation(f"lets in who signs in at a host outside ({path}, {statement.label})")
            return


def _reaches_outside(resource: Resource, path: str, inside: Inside, statement: Statement) -> Findings:
    accounts = [account_of(each) for each in statement.resources if isinstance(each, str)]
    if statement.allows and inside.accounts and {*filter(None, accounts)} - inside.accounts - accounts_of_aws():
        yield resource.violation(f"grants what is another account's ({path}, {statement.label})")


AWS_NAMES = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws", "aws.amazon.com", "sagemaker.aws")
NAMING = {
    "aws:route53/zone:Zone": "name",
    "aws:route53/record:Record": "name",
    "aws:route53/resolverRule:ResolverRule": "domainName",
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": "name",
}
RESOLVER_DIRECTIONS = ("INBOUND", "INBOUND_DELEGATION")
DHCP_OPTIONS = "aws:ec2/vpcDhcpOptions:VpcDhcpOptions"


@resource_rule(
    types=[*NAMING, DHCP_OPTIONS, RESOLVER_ENDPOINT],
    controls=[nist("SC-20", "SC-22")],
    severity=Severity.CRITICAL,
    fix="use a name of your own, and the VPC's resolver",
)
def names_of_aws_are_its_own(resource: Resource) -> Findings:
    """No zone, record, rule or resolver answers for AWS's names: who answers for them gets what is sent to AWS.

    Endpoints of Route 53 Resolver answer other networks, and ask them nothing.
    """
    servers = resource.entries("domainNameServers") if resource.type == DHCP_OPTIONS else []
    if any(known(server) != "AmazonProvidedDNS" for _, server in servers):
        yield resource.violation("has names resolved by others than the VPC's resolver (domainNameServers)")
    if resource.type == RESOLVER_ENDPOINT and known(resource.get("direction")) not in RESOLVER_DIRECTIONS:
        yield resource.violation("has names resolved by other networks (direction)")
    key = NAMING.get(resource.type)
    if key and _is_of_aws(str(known(resource.get(key)) or "?")):
        yield resource.violation(f"answers for names of AWS ({key})")
    for path, target in resource.entries("targetIps"):
        if not is_private(str(known(target.get("ip")))):
            yield resource.violation(f"has names resolved by a public address ({path})")


def _is_of_aws(name: str) -> bool:
    name = name.rstrip(".").lower()
    return any(aws == name or name.endswith(f".{aws}") or not name or aws.endswith(f".{name}") for aws in AWS_NAMES)
