"""AWS WAF: web ACLs, and what they are in front of."""

from typing import Any

from moto.wafv2.models import FakeWebACL, WAFV2Backend, wafv2_backends

from private_inference.rehearsal.patches.patch import patch


@patch(WAFV2Backend, "associate_web_acl")
def one_web_acl(original: Any, backend: Any, web_acl_arn: str, resource_arn: str) -> Any:
    """A resource has one web ACL, so another takes its place; moto keeps both.

    https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-associating.html
    """
    if web_acl_arn in backend.wacls:
        backend.disassociate_web_acl(resource_arn)
    return original(backend, web_acl_arn, resource_arn)


def keep(account: str, region: str, arn: str) -> None:
    """Give the account a web ACL under a given ARN, which no AWS call can do: WAF makes up the id in it."""
    name, identity = arn.split("/")[-2:]
    measured = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": True, "MetricName": name}
    backend = wafv2_backends[account][region]
    backend.wacls.setdefault(arn, FakeWebACL(name, account, arn, identity, measured, {"Allow": {}}, None, None))
