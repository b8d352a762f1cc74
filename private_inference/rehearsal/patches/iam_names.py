"""What a request about names asks of IAM: to API Gateway, AWS Certificate Manager, Route 53 and its Resolver.

API Gateway's actions are the methods of HTTP, on ARNs that have the request's path; child resources have the tags of
their API. Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html and, for the
names of records, https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from moto.acm.models import acm_backends
from moto.cloudformation.models import cloudformation_backends
from moto.route53resolver.models import route53resolver_backends

from private_inference.rehearsal.iam_decision import Request
from private_inference.rehearsal.patches.iam_resources import Named, Parameters, arn_of
from private_inference.rehearsal.patches.private_apis import associations

GATEWAY = "apigateway"
RECORDS = "route53:changeresourcerecordsetsnormalizedrecordnames"


def gateway_requests(response: Any, operation: str, asked: Parameters, tagged: Mapping[str, str]) -> Iterator[Request]:
    """The requests that a call of API Gateway is; `tagged` are condition keys of the tags that it puts on something."""
    arn, tags = _called(response)
    context = {**{f"aws:resourcetag/{key}".lower(): value for key, value in tags.items()}, **tagged}
    yield Request(f"{GATEWAY}:{response.method}", arn, context)
    changed = {each["path"] for each in asked.get("patchOperations") or ()} | {f"/{key}" for key in asked}
    if "/policy" in changed:
        kind = "DomainName" if "/domainnames" in arn else "RestApi"
        yield Request(f"{GATEWAY}:Update{kind}Policy", arn, context)
    if operation == "CreateDomainNameAccessAssociation":
        yield Request(f"{GATEWAY}:CreateAccessAssociation", asked["domainNameArn"])
    if tagged and operation != "TagResource":
        yield Request(f"{GATEWAY}:PUT", _arn(response, f"/tags/{quote(f'{arn}/new', safe='')}"), tagged)
    for role in filter(None, (asked.get("credentials"), asked.get("authorizerCredentials"))):
        yield Request("iam:PassRole", role, {"iam:passedtoservice": "apigateway.amazonaws.com"})


def _called(response: Any) -> tuple[str, Mapping[str, str]]:
    """The ARN that a call is about, and the tags that count for it."""
    path = unquote(response.path).rstrip("/")
    _, kind, *rest = path.split("/")
    if kind == "tags":
        return _arn(response, f"/tags/{quote(path.removeprefix('/tags/'), safe='')}"), {}
    if kind == "domainnameaccessassociations":
        if not rest:
            return arn_of(response, GATEWAY, path), {}
        arn = path.removeprefix("/domainnameaccessassociations/")
        return arn, associations(response.backend).get(arn, {}).get("tags", {})
    if kind == "domainnames" and rest:
        identity = (response.querystring.get("domainNameId") or [""])[0]
        rest[0] += f"+{identity}" if identity else ""
        path = f"/{kind}/{'/'.join(rest)}"
        return (arn_of(response, GATEWAY, path) if identity and len(rest) == 1 else _arn(response, path)), {}
    api = response.backend.apis.get(rest[0]) if kind == "restapis" and rest else None
    return _arn(response, path), dict(api.tags or {}) if api else {}


def _arn(response: Any, path: str) -> str:
    return f"arn:{response.partition}:{GATEWAY}:{response.region}::{path}"


def _certificates(response: Any, operation: str, asked: Parameters) -> Named:
    arn = asked.get("CertificateArn")
    found = acm_backends[response.current_account][response.region]._certificates.get(arn) if arn else None
    yield arn or "*", {key: value or "" for key, value in found.tags.items()} if found else {}


def _zones(response: Any, operation: str, asked: Parameters) -> Named:
    found = re.search(r"/(hostedzone|change)/([^/?]+)", response.path)
    yield f"arn:{response.partition}:route53:::{found[1]}/{found[2]}" if found else "*", {}


def _resolver(response: Any, operation: str, asked: Parameters) -> Named:
    place = arn_of(response, "route53resolver", "resolver-endpoint/")
    identity = asked.get("ResolverEndpointId")
    arn = asked.get("ResourceArn") or f"{place}{identity or 'new'}"
    tags = route53resolver_backends[response.current_account][response.region].tagger.get_tag_dict_for_resource(arn)
    yield arn, tags


def _stacks(response: Any, operation: str, asked: Parameters) -> Named:
    """A stack's ARN ends in an id that its name doesn't say. What it holds is made without a further request here."""
    name = asked.get("StackName", "")
    backend = cloudformation_backends[response.current_account][response.region]
    found = [
        each
        for each in (*backend.stacks.values(), *backend.deleted_stacks.values())
        if name in (each.name, each.stack_id)
    ]
    yield (found[0].stack_id, found[0].tags) if found else (arn_of(response, "cloudformation", f"stack/{name}/new"), {})


RESOURCES: Mapping[str, Callable[[Any, str, Parameters], Named]] = {
    "acm": _certificates,
    "cloudformation": _stacks,
    "route53": _zones,
    "route53resolver": _resolver,
}


def records(response: Any, operation: str) -> Mapping[str, str]:
    """The name of the record that a request changes. Raises ValueError for several."""
    if operation != "ChangeResourceRecordSets":
        return {}
    body = response.body if isinstance(response.body, str) else response.body.decode()
    names = {found.rstrip(".").lower() for found in re.findall(r"<Name>([^<]+)</Name>", body)}
    if len(names) != 1:
        raise ValueError(f"it changes {len(names)} names")
    return {RECORDS: names.pop()}
