"""Amazon Route 53 Resolver."""

import json
from typing import Any

from moto.route53resolver.models import ResolverEndpoint
from moto.route53resolver.responses import Route53ResolverResponse

from private_inference.rehearsal.patches.patch import patch


@patch(Route53ResolverResponse, "create_resolver_endpoint")
def resolver_protocols(original: Any, response: Any) -> str:
    """CreateResolverEndpoint takes protocols and a type of addresses: plain DNS and IPv4, unless others are named.

    Source: https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_CreateResolverEndpoint.html
    """
    identity = json.loads(original(response))["ResolverEndpoint"]["Id"]
    endpoint = response.route53resolver_backend.resolver_endpoints[identity]
    endpoint.protocols = response._get_param("Protocols") or ["Do53"]
    endpoint.address_type = response._get_param("ResolverEndpointType") or "IPV4"
    return json.dumps({"ResolverEndpoint": endpoint.description()})


@patch(ResolverEndpoint, "description")
def resolver_endpoint_description(original: Any, endpoint: Any) -> dict[str, Any]:
    """GetResolverEndpoint tells of both, too (API_route53resolver_ResolverEndpoint)."""
    described: dict[str, Any] = original(endpoint)
    known = {"Protocols": "protocols", "ResolverEndpointType": "address_type"}
    return described | {key: getattr(endpoint, name) for key, name in known.items() if hasattr(endpoint, name)}
