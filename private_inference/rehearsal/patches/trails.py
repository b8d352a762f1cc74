"""AWS CloudTrail, and what it hands to Amazon EventBridge."""

import copy
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from moto.cloudtrail.models import CloudTrailBackend, Trail, cloudtrail_backends
from moto.core.exceptions import JsonRESTError
from moto.core.utils import iso_8601_datetime_without_milliseconds, utcnow
from moto.events.models import EventPattern, Rule, events_backends
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse
from moto.sns.models import sns_backends

from private_inference.graph.endpoint_services import RUNTIMES
from private_inference.rehearsal.patches.callers import caller_and_way, role_arn_of
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.patches.services import topic_of, used_key
from private_inference.rehearsal.refused import RefusedError
from private_inference.rehearsal.service_needs import rule_tells, trail_refusal

TIMED_OUT = 504


@patch(CloudTrailBackend, "create_trail")
def undeliverable_trails(original: Any, backend: Any, name: str, bucket_name: str, *given: Any, **asked: Any) -> Any:
    """CreateTrail refuses a bucket, or a key, whose policy doesn't let CloudTrail deliver (API_CreateTrail)."""
    made = original(backend, name, bucket_name, *given, **asked)
    bucket = s3_backends[backend.account_id][backend.partition].buckets[bucket_name]
    policy = json.loads(bucket.policy or "{}")
    code = trail_refusal(made.arn, bucket.arn, policy, used_key(backend, made.kms_key_id))
    if code:
        del backend.trails[name]
        raise JsonRESTError(code, f"Incorrect policy is detected for trail {name}")
    return made


@patch(Trail, "description")
def custom_selectors(original: Any, trail: Any, include_region: bool = False) -> Any:
    """DescribeTrails says whether a trail has event selectors of its own (API_Trail: HasCustomEventSelectors)."""
    own = bool(trail.event_selectors or trail.advanced_event_selectors)
    return original(trail, include_region) | {"HasCustomEventSelectors": own}


@patch(CloudTrailBackend, "delete_trail")
def deletion_by_arn(original: Any, backend: Any, name: str) -> None:
    """DeleteTrail takes a trail's name or its ARN, and refuses one that isn't there (API_DeleteTrail)."""
    original(backend, backend.get_trail(name).trail_name)


@patch(SageMakerRuntimeResponse, "call_action")
def logged_calls(original: Any, response: Any) -> Any:
    """A trail that asks for them logs calls of endpoints, refused ones too, and EventBridge is told of what it logs.

    Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/logging-using-cloudtrail.html (data events) and
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html. The files that CloudTrail
    delivers into the trail's bucket are not written.
    """
    try:
        answer = original(response)
    except RefusedError as refused:
        if refused.status != TIMED_OUT:  # it never came to AWS
            _log(response, {"errorCode": refused.code.removesuffix("Exception"), "errorMessage": str(refused)})
        raise
    _log(response, {})
    return answer


def _log(response: Any, error: dict[str, Any]) -> None:
    record = _record(response) | error
    trails = cloudtrail_backends[response.current_account][response.region].trails.values()
    if any(trail.status.is_logging and _selects(trail, record) for trail in trails):
        event = {"Source": "aws.sagemaker", "DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps(record)}
        events_backends[response.current_account][response.region].put_events([event])


def _record(response: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html."""
    account, region, name = response.current_account, response.region, unquote(response.path.split("/")[2])
    known = sagemaker_backends[account][region].endpoints.get(name)
    arn = known.arn if known else f"arn:{response.partition}:sagemaker:{region}:{account}:endpoint/{name}"
    caller, way = caller_and_way(response, RUNTIMES)
    through = {"vpcEndpointId": way.endpoint, "vpcEndpointAccountId": way.vpc_arn.split(":")[4]} if way else {}
    role = role_arn_of(response)
    issued = {"sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}}} if role else {}
    return {
        "eventVersion": "1.11",
        "userIdentity": {"arn": caller, "accountId": account, **issued},
        "eventTime": iso_8601_datetime_without_milliseconds(utcnow()),
        "eventSource": "sagemaker.amazonaws.com",
        "eventName": response._get_action(),
        "awsRegion": region,
        "requestParameters": None,  # InvokeEndpoint's are not logged
        "responseElements": None,
        "eventID": str(mock_random.uuid4()),
        "resources": [{"accountId": account, "type": "AWS::SageMaker::Endpoint", "ARN": arn}],
        "eventType": "AwsApiCall",
        "managementEvent": False,
        "recipientAccountId": account,
        "eventCategory": "Data",
        **through,
    }


def _selects(trail: Any, record: Mapping[str, Any]) -> bool:
    """Whether an advanced event selector is about a call. Those with another operator than Equals never are, here.

    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
    """
    (called,) = record["resources"]
    found = {
        "eventCategory": record["eventCategory"],
        "eventName": record["eventName"],
        "resources.type": called["type"],
        "resources.ARN": called["ARN"],
    }
    return any(
        all(found.get(field["Field"]) in field.get("Equals", []) for field in selector["FieldSelectors"])
        for selector in trail.advanced_event_selectors
    )


@patch(EventPattern, "matches_event")
def arrays_of_objects(original: Any, pattern: Any, event: Any) -> Any:
    """A pattern's field is compared with that field of each object in an array.

    Source: https://github.com/aws/event-ruler#json-array-matching. Whether several fields are of the same object is not
    told apart here.
    """
    return original(pattern, _merged(event))


def _merged(value: Any) -> Any:
    """The value with each array of objects as one object, whose fields are arrays of what they have in each."""
    if isinstance(value, dict):
        return {key: _merged(each) for key, each in value.items()}
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        keys = dict.fromkeys(key for each in value for key in each)
        return {key: [each[key] for each in value if key in each] for key in keys}
    return value


@patch(Rule, "send_to_targets")
def told_topics(original: Any, rule: Any, event: Any, transform_input: bool = True) -> None:
    """A rule that is enabled publishes to topics, where they and their keys let EventBridge.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
    """
    if rule.state == "DISABLED":
        return
    others = copy.copy(rule)
    others.targets = [target for target in rule.targets if ":sns:" not in target["Arn"]]
    original(others, event, transform_input)
    topics = sns_backends[rule.account_id][rule.region_name]
    for target in rule.targets if rule.event_pattern.matches_event(event) else ():
        if rule_tells(topic_of(topics, target["Arn"])):
            topics.publish(json.dumps(event), arn=target["Arn"])
