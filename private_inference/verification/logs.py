"""Log groups, and the flow logs of the VPC."""

from collections.abc import Iterator, Mapping
from functools import partial

from components.settings import label
from private_inference.verification.checks import AbsentError, Assertion, Result, equal, result, short
from private_inference.verification.controls import AUDIT
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item

ENDPOINTS = "/aws/sagemaker/Endpoints/"
"""https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html"""
COMPONENTS = "/aws/sagemaker/InferenceComponents/"
"""As SageMaker names them; its documentation lists none of components."""


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Flow logs and their group, then the groups of each endpoint and of its inference components."""
    days = stack.desired.settings.security.log_retention_days
    logs = partial(Assertion, "Logs", controls=AUDIT)
    kept = f"under the logs key, kept {days} days"
    if stack.existing and not stack.existing.flow_logs:
        yield logs("the VPC's owner has flow logs of all its traffic", lambda: _owners_flow_logs(stack))
    else:
        yield logs("flow logs of all the VPC's traffic are delivered", lambda: _flow_logs(stack))
        yield logs(f"flow logs: {kept}", lambda: _kept(stack, _flow_log_group(stack)))
    for endpoint in stack.desired.settings.endpoints:
        yield logs(f"{endpoint.name}: {kept}", partial(_container_group, stack, ENDPOINTS, endpoint.name))
        for component in endpoint.components:
            name = label(endpoint.name, component.name)
            yield logs(f"{name}: {kept}", partial(_container_group, stack, COMPONENTS, name))


def flow_log(stack: Deployed) -> Item:
    """The stack's flow log of its VPC."""
    found = stack.in_vpc("describe_flow_logs", "FlowLogs", "resource-id")
    own = [item for item in found if stack.of_stack(item)]
    if not own:
        raise AbsentError("the VPC has no flow log with the stack's tags")
    first: Item = own[0]
    return first


def _owners_flow_logs(stack: Deployed) -> Result:
    found = stack.in_vpc("describe_flow_logs", "FlowLogs", "resource-id")
    whole = [log["FlowLogId"] for log in found if (log["TrafficType"], log["FlowLogStatus"]) == ("ALL", "ACTIVE")]
    return result(", ".join(whole), [] if whole else ["there is none that is active and of all traffic"])


def _flow_logs(stack: Deployed) -> Result:
    found = flow_log(stack)
    status = found.get("DeliverLogsStatus", "SUCCESS")  # AWS leaves it out until the first delivery
    faults = [] if status == "SUCCESS" else [f"delivery: {status} {found.get('DeliverLogsErrorMessage', '')}"]
    active = equal(found, {"FlowLogStatus": "ACTIVE", "TrafficType": "ALL", "LogDestinationType": "cloud-watch-logs"})
    return result(f"{active.seen}, into {flow_log_group_name(found)}", [*faults, *active.faults])


def flow_log_group_name(flow_log: Item) -> str:
    """Name of the log group that a flow log is delivered to."""
    destination = short(flow_log.get("LogDestination", "")).removeprefix("log-group:").removesuffix(":*")
    name: str = flow_log.get("LogGroupName") or destination
    return name


def _flow_log_group(stack: Deployed) -> Item:
    name = flow_log_group_name(flow_log(stack))
    return _named(stack.log_groups(name), name)


def _container_group(stack: Deployed, place: str, name: str) -> Result:
    return _kept(stack, _named(stack.log_groups(place), f"{place}{name}"))


def _named(groups: Mapping[str, Item], name: str) -> Item:
    if name not in groups:
        raise AbsentError(f"there is no log group {name}")
    return groups[name]


def _kept(stack: Deployed, group: Item) -> Result:
    days = stack.desired.settings.security.log_retention_days
    return equal(group, {"kmsKeyId": stack.desired.contract.key_arns.logs, "retentionInDays": days})
