"""What a request to AWS WAF asks of IAM: on the web ACL, on what it is in front of, and of that one's own service.

Source: https://docs.aws.amazon.com/waf/latest/developerguide/security_iam_service-with-iam.html (Actions that require
additional permissions settings).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.elbv2.models import elbv2_backends
from moto.wafv2.models import wafv2_backends

from private_inference.rehearsal.iam_decision import Request
from private_inference.rehearsal.patches.iam_resources import Parameters

SERVICE = "wafv2"
SETTING = ("AssociateWebACL", "DisassociateWebACL")


def requests(response: Any, operation: str, asked: Parameters) -> Iterator[Request]:
    """The requests that a call about an association is."""
    resource = asked["ResourceArn"]
    for arn in filter(None, (asked.get("WebACLArn"), resource)):
        yield Request(f"{SERVICE}:{operation}", arn)
    if operation in SETTING:
        context = {f"aws:resourcetag/{key}".lower(): value for key, value in _tags(response, resource).items()}
        yield Request(f"{resource.split(':')[2]}:SetWebACL", resource, context)
    elif found := wafv2_backends[response.current_account][response.region].get_web_acl_for_resource(resource):
        yield Request(f"{SERVICE}:GetWebACL", found.arn)


def _tags(response: Any, arn: str) -> Mapping[str, str]:
    if ":loadbalancer/" in arn:
        tagging = elbv2_backends[response.current_account][response.region].tagging_service
        return dict(tagging.get_tag_dict_for_resource(arn))
    api = apigateway_backends[response.current_account][response.region].apis[arn.split("/")[2]]
    return dict(api.tags or {})
