"""A name of the stack's own: its certificate, where it leads, who calls it, and who is told before it ends."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from components.settings import EndpointSettings
from components.settings.front_door import FrontDoorSettings
from private_inference.verification import invocation
from private_inference.verification.checks import AbsentError, Result, equal, equal_sets, result, short
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item, dimensions
from private_inference.verification.desired import variants_of
from private_inference.verification.inside import RefusedError


def certificate(stack: Deployed, settings: FrontDoorSettings, arn: str) -> Result:
    """Whether a certificate is issued, for long enough, and the one of the settings if they name one."""
    found: Item = stack.aws.get("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
    faults = [] if found["Status"] == "ISSUED" else [f"it is {found['Status']}"]
    if settings.certificate_arn not in (None, found["CertificateArn"]):
        faults.append("it is not the one of the settings")
    if "NotAfter" in found:
        left = (found["NotAfter"] - datetime.now(UTC)).days
        faults += [f"it ends in {left} days"] if left < settings.expiry_days else []
    return result(f"{short(found['CertificateArn'])} of {found.get('Issuer', 'an unknown issuer')}", faults)


def expiry_alarm(stack: Deployed, settings: FrontDoorSettings, arn: str) -> Result:
    """Whether an alarm tells the stack's topic before a certificate's end."""
    found = [each for each in stack.alarms[""] if dimensions(each) == {"CertificateArn": arn}]
    if not found:
        raise AbsentError("no alarm is on its certificate")
    wanted = {
        "MetricName": "DaysToExpiry",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": float(settings.expiry_days),
    }
    compared = equal(found[0], wanted | {"ActionsEnabled": True})
    untold = [] if stack.topic in found[0].get("AlarmActions", []) else ["it does not tell the topic"]
    return result(compared.seen, [*compared.faults, *untold])


def web_acl(stack: Deployed, wanted: str, resource_arn: str) -> Result:
    """Whether AWS WAF judges calls to a resource by this web ACL."""
    found = stack.aws.get("wafv2", "get_web_acl_for_resource", ResourceArn=resource_arn).get("WebACL")
    if not found:
        raise AbsentError("no web ACL is before it")
    return equal_sets([short(found["ARN"])], [short(wanted)])


def counted(stack: Deployed, log_group: str) -> Result:
    """Whether CloudWatch counts who calls, by what this log group says."""
    name = f"{stack.desired.name}-callers"
    rules = stack.aws.all("cloudwatch", "describe_insight_rules", "InsightRules")
    found = [each for each in rules if each["Name"] == name]
    if not found:
        raise AbsentError(f"CloudWatch has no rule {name}")
    definition = json.loads(found[0]["Definition"])
    read = equal_sets(definition.get("LogGroupNames", []), [log_group])
    faults = [] if found[0]["State"] == "ENABLED" else [f"it is {found[0]['State']}"]
    if "$.caller" not in definition.get("Contribution", {}).get("Keys", []):
        faults.append("it doesn't count by caller")
    return result(f"{name}: {read.seen}", [*faults, *read.faults])


def aliases(stack: Deployed, name: str) -> Iterator[str]:
    """What the VPC's resolver answers for a name: the names that it is an alias of."""
    vpc = {"VPCId": stack.vpc["VpcId"], "VPCRegion": stack.desired.contract.region}
    for zone in stack.aws.get("route53", "list_hosted_zones_by_vpc", **vpc)["HostedZoneSummaries"]:
        listed = stack.aws.all(
            "route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["HostedZoneId"]
        )
        for record in listed:
            if record["Name"].rstrip(".") == name and record["Type"] == "A":
                yield record.get("AliasTarget", {}).get("DNSName", "an address").rstrip(".")


def called(stack: Deployed, endpoint: EndpointSettings, certificate: str, call: Callable[..., bytes]) -> Result:
    """Any of the endpoint's variants may answer.

    The certificate's authority, which may be private, is known from ACM: what the caller has to be given."""
    variants = [variant for variant in variants_of(endpoint) if not variant.shadow]
    calls = [one for variant in variants for one in invocation.calls_of(variant, named=False)]
    sample = invocation.sample(stack, calls[0])
    authority = stack.aws.get("acm", "get_certificate", CertificateArn=certificate).get("CertificateChain", "")
    try:
        answer = call(authority, sample.body, sample.content_type, invocation.ACCEPTED)
    except RefusedError as refused:
        return Result(str(refused), False)
    judged = [invocation.judge(stack, each, answer) for each in calls]
    return next((each for each in judged if each.ok), judged[0])
