"""Who is told of calls from outside: the trail that logs all calls, its bucket, and the rule on what it logs."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from private_inference.verification.callers import role_arn
from private_inference.verification.checks import AbsentError, Assertion, Result, equal, equal_sets, result
from private_inference.verification.controls import AUDIT, LEAST_PRIVILEGE, MONITORING
from private_inference.verification.data import BLOCKED
from private_inference.verification.deployed import Deployed
from private_inference.verification.policies import Statement, statements

CLOUDTRAIL = "Service:cloudtrail.amazonaws.com"


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Nothing where the settings don't ask for it: a stack may have been watched before, which harms nobody."""
    if not stack.desired.settings.logs_calls:
        return
    calls = partial(Assertion, "Calls", controls=AUDIT)
    days = stack.desired.settings.security.log_retention_days
    yield calls("a trail logs every call of the endpoints", lambda: _logged(stack))
    yield calls("the trail's files are under the logs key, and can be validated", lambda: _files(stack))
    yield calls(f"they lie in a closed, versioned bucket for {days} days", lambda: _bucket(stack))
    yield calls("the trail alone may write there", lambda: _policy(stack), controls=(*AUDIT, *LEAST_PRIVILEGE))
    told = "one that comes around the runtime endpoint is told to the topic"
    yield calls(told, lambda: _around(stack), controls=MONITORING)
    if _of_roles(stack):
        others = "one through a VPC endpoint of another account that is not by its caller's role is told, too"
        yield calls(others, lambda: _by_others(stack), controls=MONITORING)


def _endpoints(stack: Deployed) -> set[str]:
    """ARNs, as SageMaker gives them and as they were named."""
    given = {endpoint.arn for endpoint in stack.desired.contract.endpoints.values()}
    place = next(iter(given)).rpartition("/")[0]
    return given | {f"{place}/{endpoint.name}" for endpoint in stack.desired.settings.endpoints}


def _logged(stack: Deployed) -> Result:
    arn = stack.trail["TrailARN"]
    status = stack.aws.get("cloudtrail", "get_trail_status", Name=arn)
    faults = [] if status["IsLogging"] else ["it does not log"]
    if error := status.get("LatestDeliveryError"):
        faults.append(f"delivery: {error}")
    found = stack.aws.get("cloudtrail", "get_event_selectors", TrailName=arn)
    logged = {each for selector in found.get("AdvancedEventSelectors") or [] for each in _called(selector)}
    missing = equal_sets(logged & _endpoints(stack), _endpoints(stack))
    return result(missing.seen, [*faults, *missing.faults])


def _called(selector: Any) -> Sequence[str]:
    """The endpoints of which a selector logs all calls."""
    fields = {field["Field"]: field for field in selector["FieldSelectors"]}
    wanted = {"eventCategory": ["Data"], "resources.type": ["AWS::SageMaker::Endpoint"]}
    named = fields.pop("resources.ARN", {})
    exact = {name: field.get("Equals") for name, field in fields.items()} == wanted
    return named.get("Equals", []) if exact else []


def _files(stack: Deployed) -> Result:
    wanted = {"KmsKeyId": stack.desired.contract.key_arns.logs, "LogFileValidationEnabled": True}
    return equal(stack.trail, wanted)


def _bucket(stack: Deployed) -> Result:
    bucket, get = stack.trail["S3BucketName"], partial(stack.aws.get, "s3", Bucket=stack.trail["S3BucketName"])
    blocked = equal(get("get_public_access_block")["PublicAccessBlockConfiguration"], dict.fromkeys(BLOCKED, True))
    versions = equal(get("get_bucket_versioning"), {"Status": "Enabled"})
    rules = [rule for rule in get("get_bucket_lifecycle_configuration")["Rules"] if rule["Status"] == "Enabled"]
    days = [f"{rule['Expiration']['Days']} days" for rule in rules if "Days" in rule.get("Expiration", {})]
    kept = equal_sets(days, [f"{stack.desired.settings.security.log_retention_days} days"])
    return result(f"{bucket}, {kept.seen}", [*blocked.faults, *versions.faults, *kept.faults])


def _policy(stack: Deployed) -> Result:
    bucket = f"arn:{stack.desired.partition}:s3:::{stack.trail['S3BucketName']}"
    found = statements(stack.aws.get("s3", "get_bucket_policy", Bucket=stack.trail["S3BucketName"])["Policy"])
    allowing = [each for each in found if each.allows]
    faults = [f"it allows {', '.join(sorted(s.principals))}" for s in allowing if s.principals != {CLOUDTRAIL}]
    faults += ["another trail may use it" for s in allowing if not _of_trail(s, stack.trail["TrailARN"])]
    if not any("s3:PutObject" in s.actions for s in allowing):
        faults.append("it lets nothing be delivered")
    whole = [s for s in found if not s.allows and "*" in s.principals and {bucket, f"{bucket}/*"} <= s.resources]
    if not any("s3:*" in s.actions and s.requires("Bool", "aws:SecureTransport", "false") for s in whole):
        faults.append("nothing refuses what is not TLS")
    return result(f"{len(allowing)} statements let the trail", faults)


def _of_trail(statement: Statement, trail: str) -> bool:
    return statement.requires("StringEquals", "aws:SourceArn", trail)


def _around(stack: Deployed) -> Result:
    desired = stack.desired
    elsewhere = [each for caller in desired.settings.callers for each in caller.vpc_endpoints]
    meant = list(dict.fromkeys([desired.contract.runtime_endpoint.id, *elsewhere]))
    role = f"arn:{desired.partition}:iam::{desired.account}:role{desired.iam_path}{desired.name}-front-door"
    through = [{"exists": False}, {"anything-but": meant}]
    return _told(stack, desired.watch, through, [role] if desired.settings.private_api else [])


def _of_roles(stack: Deployed) -> list[str]:
    """The VPC endpoints of callers of other accounts, which no caller of the account shares."""
    callers = stack.desired.settings.callers
    own = {each for caller in callers if not caller.account for each in caller.vpc_endpoints}
    theirs = (each for caller in callers if caller.account for each in caller.vpc_endpoints)
    return list(dict.fromkeys(each for each in theirs if each not in own))


def _by_others(stack: Deployed) -> Result:
    roles = [role_arn(stack, caller) for caller in stack.desired.settings.callers if caller.account]
    return _told(stack, f"{stack.desired.watch}-by-others", _of_roles(stack), roles)


def _told(stack: Deployed, name: str, through: Sequence[Any], but_for: Sequence[str]) -> Result:
    """Whether a rule tells of calls through what `vpcEndpointId` has to be, by others than some roles."""
    get = partial(stack.aws.get, "events")
    rule = get("describe_rule", Name=name)
    targets = get("list_targets_by_rule", Rule=name)["Targets"]
    if stack.topic not in {target["Arn"] for target in targets}:
        raise AbsentError("its rule does not name the topic")
    faults = [] if rule["State"] == "ENABLED" else [f"its rule is {rule['State']}"]
    asked = json.loads(rule.get("EventPattern") or "{}")
    detail = asked.get("detail", {})
    if detail.get("vpcEndpointId") != through:
        faults.append(f"its rule asks for vpcEndpointId {json.dumps(detail.get('vpcEndpointId'))}")
    about = {
        "source": [{"prefix": "aws."}],
        "detail-type": ["AWS API Call via CloudTrail"],
        "eventName": [{"prefix": "InvokeEndpoint"}],
    }
    seen = {name: value for name, value in (asked | detail).items() if name in about}
    faults += [f"its rule asks for {key} {json.dumps(seen.get(key))}" for key in about if seen.get(key) != about[key]]
    by = {}
    if but_for:
        others = [{"exists": False}, {"anything-but": list(but_for)}]
        by = {"userIdentity": {"sessionContext": {"sessionIssuer": {"arn": others}}}}
        if detail.get("userIdentity") != by["userIdentity"]:
            faults.append(f"its rule asks for userIdentity {json.dumps(detail.get('userIdentity'))}")
    if more := sorted({*asked, *detail} - {*about, *by, "detail", "resources", "vpcEndpointId"}):
        faults.append(f"its rule asks for more: {', '.join(more)}")
    named = set(detail.get("resources", {}).get("ARN", []))
    missing = equal_sets(named & _endpoints(stack), _endpoints(stack))
    return result(f"{name} is {rule['State']}", [*faults, *missing.faults])
