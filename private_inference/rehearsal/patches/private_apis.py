"""Amazon API Gateway's private APIs, and their domain names."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from moto.apigateway.models import APIGatewayBackend, DomainName, RestAPI
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.urls import url_paths
from moto.core.exceptions import JsonRESTError
from moto.ec2.models import ec2_backends
from moto.moto_api._internal import mock_random
from moto.route53.models import route53_backends
from moto.route53.responses import Route53
from moto.utilities.utils import get_partition

from private_inference.rehearsal.patches import certificates
from private_inference.rehearsal.patches.patch import patch

ASSOCIATIONS = "{0}/domainnameaccessassociations"
url_paths[f"{ASSOCIATIONS}$"] = url_paths[f"{ASSOCIATIONS}/(?P<arn>.+)$"] = APIGatewayResponse.dispatch
url_paths[r"{0}/tags/(?P<arn>arn:.+)$"] = APIGatewayResponse.dispatch
"""moto lacks these calls, and knows tags of stages alone."""

on_first_name: Callable[[], None] | None = None
"""Makes names answer; set by whoever serves this process."""


@patch(APIGatewayBackend, "create_rest_api")
def binary_media_types(original: Any, backend: Any, *given: Any, **asked: Any) -> Any:
    """CreateRestApi keeps the media types that pass as they are (API_CreateRestApi)."""
    made = original(backend, *given, **asked)
    made.binaryMediaTypes = _parameters().get("binaryMediaTypes") or []
    return made


@patch(Route53, "create_hosted_zone")
def private_zone(original: Any, response: Any) -> Any:
    """CreateHostedZone makes a private zone for a VPC, whether or not it is called one.

    Source: https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html.
    """
    given = response._get_bool_param

    def said(name: str, *default: Any) -> Any:
        return given(name, *default) or (name.endswith("PrivateZone") and bool(response._get_param("VPC.VPCId")))

    response._get_bool_param = said
    return original(response)


@patch(APIGatewayBackend, "create_domain_name")
def private_domain_name(original: Any, backend: Any, *given: Any, **asked: Any) -> Any:
    """CreateDomainName refuses a certificate that is not issued, and keeps a private name's policy (API_DomainName)."""
    made = original(backend, *given, **asked)
    if made.certificate_arn and not certificates.certificate(
        backend.account_id, backend.region_name, made.certificate_arn
    ):
        del backend.domain_names[made.domain_name]
        raise JsonRESTError("BadRequestException", "The provided certificate does not exist or is not issued.")
    if "PRIVATE" in (made.endpoint_configuration or {}).get("types", []):
        made.id = mock_random.get_random_hex(10)
        made.arn = f"arn:{backend.partition}:apigateway:{backend.region_name}:{backend.account_id}:/domainnames/"
        made.arn += f"{made.domain_name}+{made.id}"
        made.policy = _parameters().get("policy")
        _open()
    return made


def _open() -> None:
    global on_first_name
    opening, on_first_name = on_first_name, None
    if opening:
        opening()


@patch(DomainName, "to_json")
def private_domain_name_described(original: Any, domain: Any) -> dict[str, Any]:
    """A private name has an id, an ARN and a policy, and no address of its own (API_DomainName)."""
    told: dict[str, Any] = original(domain)
    if not hasattr(domain, "arn"):
        return told
    public = ("regionalDomainName", "regionalHostedZoneId", "distributionDomainName", "distributionHostedZoneId")
    own = {"domainNameId": domain.id, "domainNameArn": domain.arn, "policy": domain.policy}
    return {key: value for key, value in told.items() if key not in public} | own


def _parameters() -> dict[str, Any]:
    from flask import request

    found: dict[str, Any] = json.loads(request.get_data() or b"{}")
    return found


@patch(RestAPI, "to_dict")
def policy_as_given_back(original: Any, api: Any) -> dict[str, Any]:
    r"""GetRestApi has `\"` for each quotation mark of a policy, as users see it, and as the AWS provider reads it.

    Source: https://github.com/hashicorp/terraform-provider-aws/issues/13619.
    """
    told: dict[str, Any] = original(api)
    return told | {"policy": told["policy"] and told["policy"].replace('"', '\\"')}


def associations(backend: Any) -> dict[str, dict[str, Any]]:
    """The associations of VPC endpoints with private names, by ARN."""
    kept: dict[str, dict[str, Any]] = backend.__dict__.setdefault("access_associations", {})
    return kept


@patch(APIGatewayResponse, "create_domain_name_access_association")
def access_association(original: Any, response: Any) -> Any:
    """CreateDomainNameAccessAssociation; a VPC endpoint leads to one private name of a kind alone."""
    backend, asked = response.backend, _parameters()
    named = re.search(r"/domainnames/(.+)\+", asked["domainNameArn"])
    endpoint = ec2_backends[backend.account_id][backend.region_name].vpc_end_points.get(
        asked["accessAssociationSource"]
    )
    if named is None or named[1] not in backend.domain_names or endpoint is None:
        raise JsonRESTError("NotFoundException", "Invalid domain name or VPC endpoint identifier specified")
    place = (
        f"arn:{backend.partition}:apigateway:{backend.region_name}:{backend.account_id}:/domainnameaccessassociations"
    )
    name = asked["domainNameArn"].partition("/domainnames/")[2]
    arn = f"{place}/domainname/{name}/vpcesource/{endpoint.id}"
    made = {**asked, "domainNameAccessAssociationArn": arn}
    associations(backend)[arn] = made
    return 201, {"status": 201}, json.dumps(made)


@patch(APIGatewayResponse, "get_domain_name_access_associations")
def access_associations(original: Any, response: Any) -> str:
    """GetDomainNameAccessAssociations lists the account's own."""
    return json.dumps({"item": list(associations(response.backend).values())})


@patch(APIGatewayResponse, "delete_domain_name_access_association")
def access_association_deleted(original: Any, response: Any) -> Any:
    """DeleteDomainNameAccessAssociation."""
    arn = unquote(response.path.partition("/domainnameaccessassociations/")[2])
    if associations(response.backend).pop(arn, None) is None:
        raise JsonRESTError("NotFoundException", "Invalid domain name access association identifier specified")
    return 202, {"status": 202}, ""


def names_in(account: str, region: str, vpc: str) -> list[str]:
    """The names that resolve in a VPC to an interface endpoint for private APIs there."""
    endpoints = ec2_backends[account][region].vpc_end_points.values()
    addresses = {
        entry["dns_name"]
        for endpoint in endpoints
        if endpoint.vpc_id == vpc and endpoint.service_name.endswith(".execute-api") and endpoint.state == "available"
        for entry in endpoint.dns_entries or ()
    }
    seen = [
        zone
        for zone in route53_backends[account][get_partition(region)].zones.values()
        if zone.private_zone and vpc in {each["vpc_id"] for each in zone.vpcs}
    ]
    return [
        record.name.rstrip(".")
        for zone in seen
        for record in zone.rrsets
        if record.type == "A" and (record.alias_target or {}).get("DNSName", "").rstrip(".") in addresses
    ]


@patch(APIGatewayResponse, "update_integration")
def integration_updated(original: Any, response: Any) -> str:
    """UpdateIntegration changes an integration and leaves its responses, which PutIntegration makes anew.

    Source: https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html.
    """
    _, _, api, _, resource, _, method, _ = response.path.split("/")
    found = response.backend.get_integration(api, resource, method)
    names = {"/timeoutInMillis": "timeout_in_millis", "/uri": "uri"}
    for change in _parameters()["patchOperations"]:
        value = change["value"]
        setattr(found, names[change["path"]], int(value) if value.isdigit() else value)
    return json.dumps(found.to_json())


@patch(APIGatewayResponse, "update_method")
def method_updated(original: Any, response: Any) -> str:
    """UpdateMethod changes who authorizes calls.

    Source: https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html.
    """
    _, _, api, _, resource, _, method, *_ = response.path.split("/")
    found = response.backend.get_method(api, resource, method)
    names = {"/authorizationType": "authorization_type", "/authorizerId": "authorizer_id"}
    for change in _parameters()["patchOperations"]:
        setattr(found, names[change["path"]], change.get("value"))
    return json.dumps(found.to_json())


@patch(APIGatewayResponse, "update_domain_name")
def domain_name_updated(original: Any, response: Any) -> str:
    """UpdateDomainName changes a name's certificate, its versions of TLS and its policy."""
    found = response.backend.get_domain_name(response.path.rpartition("/")[2])
    names = {"/certificateArn": "certificate_arn", "/securityPolicy": "security_policy", "/policy": "policy"}
    for change in _parameters()["patchOperations"]:
        setattr(found, names[change["path"]], change["value"])
    return json.dumps(found.to_json())


def _tags(response: Any) -> dict[str, str]:
    """The tags of what a call for tags names by its ARN, to be changed in place.

    ARNs: https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
    """
    backend, arn = response.backend, unquote(response.path.partition("/tags/")[2])
    if arn in associations(backend):
        kept: dict[str, str] = associations(backend)[arn].setdefault("tags", {})
        return kept
    kind, name, *stage = arn.rpartition(":/")[2].split("/")
    if kind == "domainnames":
        found = backend.get_domain_name(name.partition("+")[0])
    else:
        found = backend.get_stage(name, stage[1]) if stage else backend.get_rest_api(name)
    found.tags = found.tags or {}
    of_it: dict[str, str] = found.tags
    return of_it


@patch(APIGatewayResponse, "get_tags")
def tags(original: Any, response: Any) -> str:
    """GetTags, of all that has tags."""
    return json.dumps({"tags": _tags(response)})


@patch(APIGatewayResponse, "tag_resource")
def tagged(original: Any, response: Any) -> str:
    """TagResource, likewise."""
    _tags(response).update(_parameters()["tags"])
    return "{}"


@patch(APIGatewayResponse, "untag_resource")
def untagged(original: Any, response: Any) -> str:
    """UntagResource, likewise."""
    kept = _tags(response)
    for key in response.querystring.get("tagKeys", []):
        kept.pop(key, None)
    return "{}"
