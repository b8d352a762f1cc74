"""The load balancer in front of the models: who gets through it, the forwarder behind it, and a real call."""

import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from components.settings import EndpointSettings
from components.settings.front_door import FrontDoorSettings
from components.settings.load_balancer import PEM, LoadBalancerSettings
from private_inference.verification import own_name
from private_inference.verification.checks import (
    AbsentError,
    Assertion,
    Result,
    SkippedError,
    UnreadableError,
    equal,
    equal_sets,
    joined,
    result,
    short,
)
from private_inference.verification.controls import (
    AUDIT,
    AVAILABILITY,
    BOUNDARY,
    INTEGRITY,
    LEAST_PRIVILEGE,
    MONITORING,
    TRANSMISSION,
)
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item, dimensions, only
from private_inference.verification.inside import InsideCaller
from private_inference.verification.policies import statements

ELB, ECS = "elbv2", "ecs"
CALLS = {"sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"}
ALARMS = {
    "HealthyHostCount",
    "HTTPCode_ELB_5XX_Count",
    "HTTPCode_Target_5XX_Count",
    "ClientTLSNegotiationErrorCount",
}
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html"""


def assertions(stack: Deployed, inside: InsideCaller | None, shown: str) -> Iterator[Assertion]:
    """Nothing for a stack without one. `shown` is a client's certificate with its key, for the call from inside."""
    settings = stack.desired.settings.front_door
    balancer = settings.load_balancer if settings else None
    if settings is None or balancer is None:
        return
    name, days = settings.domain_name, settings.expiry_days
    kept, runs = stack.desired.settings.security.log_retention_days, f"{balancer.tasks} forwarders"

    def expect(text: str, look: Callable[..., Result], controls: Any, *given: Any) -> Assertion:
        return Assertion("Load balancer", text, partial(look, stack, *given), controls)

    yield expect("it is internal, in two zones or more, and drops malformed requests", _balancer, BOUNDARY, balancer)
    yield expect(f"it takes {balancer.tls_policy}, of clients with a certificate", _listener, TRANSMISSION, balancer)
    yield expect(f"it trusts the authorities of {balancer.client_authorities}", _authorities, LEAST_PRIVILEGE, balancer)
    yield expect(f"{name} has an issued certificate for {days} days or more", _certificate, TRANSMISSION, settings)
    yield expect(f"{name} resolves in the VPC to it", _leads, BOUNDARY, settings)
    yield expect(f"{runs} answer its health check, over HTTPS", _targets, AVAILABILITY, balancer)
    yield expect(f"{runs} run the image of the settings, without privileges", _forwarder, INTEGRITY, balancer)
    yield expect("they call this stack's models only, through the runtime endpoint only", _role, LEAST_PRIVILEGE)
    yield expect(f"they log calls under the logs key, for {kept} days", _logs, AUDIT)
    if settings.web_acl_arn:
        yield expect("calls pass the web ACL of the settings first", _web_acl, BOUNDARY, settings.web_acl_arn)
    if settings.count_callers:
        yield expect("it is counted who calls how often, by that log", _counted, MONITORING)
    yield expect(f"the operators are told of {joined(ALARMS)}", _alarms, MONITORING)
    yield expect(f"the operators are told {days} days before its certificate ends", _ends, MONITORING, settings)
    for endpoint in stack.desired.settings.endpoints if inside else ():
        claim = f"{endpoint.name} answers {name} for a client's certificate, from the app subnets"
        yield expect(claim, _call, TRANSMISSION, endpoint, inside, shown)


# The balancer


def _promised(stack: Deployed) -> Any:
    if stack.desired.contract.load_balancer is None:
        raise AbsentError("the contract names none")
    return stack.desired.contract.load_balancer


def _read(stack: Deployed, operation: str, member: str, **parameters: Any) -> list[Any]:
    return stack.aws.all(ELB, operation, member, **parameters)


def _described(stack: Deployed) -> Item:
    arns = [_promised(stack).arn]
    found: Item = only("load balancer", _read(stack, "describe_load_balancers", "LoadBalancers", LoadBalancerArns=arns))
    return found


def _attributes(stack: Deployed) -> dict[str, str]:
    arn = _promised(stack).arn
    found = _read(stack, "describe_load_balancer_attributes", "Attributes", LoadBalancerArn=arn)
    return {each["Key"]: each["Value"] for each in found}


def _balancer(stack: Deployed, settings: LoadBalancerSettings) -> Result:
    found = _described(stack)
    state = {**found, "State": found["State"]["Code"]}
    told = equal(state, {"Scheme": "internal", "Type": "application", "State": "active"})
    wanted = {
        "idle_timeout.timeout_seconds": str(settings.timeout_seconds),
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "strictest",
        "deletion_protection.enabled": str(stack.desired.settings.protect_data).lower(),
    }
    chosen = equal(_attributes(stack), wanted)
    groups = equal_sets(found["SecurityGroups"], [stack.parts["balancer"]])
    faults = [*told.faults, *chosen.faults, *groups.faults]
    zones = {each["ZoneName"] for each in found["AvailabilityZones"]}
    return result(f"{told.seen}, in {joined(zones)}", [*faults, *([] if len(zones) > 1 else ["it is in one zone"])])


def _listening(stack: Deployed) -> Item:
    found = _read(stack, "describe_listeners", "Listeners", LoadBalancerArn=_promised(stack).arn)
    one: Item = only("listener", found)
    return one


def _listener(stack: Deployed, settings: LoadBalancerSettings) -> Result:
    found = _listening(stack)
    asks = {"Mode": "verify", "IgnoreClientCertificateExpiry": False}
    taken = equal(found, {"Protocol": "HTTPS", "Port": 443, "SslPolicy": settings.tls_policy})
    shown = equal(found.get("MutualAuthentication", {}), asks)
    kinds = equal_sets((each["Type"] for each in found["DefaultActions"]), ["forward"])
    rules = _read(stack, "describe_rules", "Rules", ListenerArn=found["ListenerArn"])
    more = [] if all(each["IsDefault"] for each in rules) else ["it has further rules"]
    faults = [*taken.faults, *shown.faults, *kinds.faults, *more]
    return result(f"{taken.seen}, {shown.seen}", faults)


def _web_acl(stack: Deployed, wanted: str) -> Result:
    return own_name.web_acl(stack, wanted, _promised(stack).arn)


def _authorities(stack: Deployed, settings: LoadBalancerSettings) -> Result:
    arn = _listening(stack).get("MutualAuthentication", {}).get("TrustStoreArn")
    if not arn:
        raise AbsentError("its listener has no trust store")
    store = only("trust store", _read(stack, "describe_trust_stores", "TrustStores", TrustStoreArns=[arn]))
    place = stack.aws.get(ELB, "get_trust_store_ca_certificates_bundle", TrustStoreArn=arn)["Location"]
    try:
        with urllib.request.urlopen(place, timeout=10) as answer:  # noqa: S310 - where AWS says that the bundle is
            trusted = answer.read().decode()
    except OSError as error:
        raise UnreadableError(f"the trust store's bundle can't be read: {error}") from None
    wanted = set(_certificates(Path(settings.client_authorities).read_text(encoding="utf-8")))
    found = set(_certificates(trusted))
    faults = [f"{len(found - wanted)} certificates are in it that the settings don't name"] if found - wanted else []
    faults += [f"{len(wanted - found)} certificates of the settings are not in it"] if wanted - found else []
    faults += equal(store, {"Status": "ACTIVE"}).faults
    return result(f"{short(arn)}: {len(found)} certificates", faults)


def _certificates(text: str) -> list[str]:
    return ["".join(each.split()) for each in PEM.findall(text)]


# Its name


def _certificate_arn(stack: Deployed) -> str:
    return str(only("certificate", _listening(stack).get("Certificates", []))["CertificateArn"])


def _certificate(stack: Deployed, settings: FrontDoorSettings) -> Result:
    return own_name.certificate(stack, settings, _certificate_arn(stack))


def _ends(stack: Deployed, settings: FrontDoorSettings) -> Result:
    return own_name.expiry_alarm(stack, settings, _certificate_arn(stack))


def _leads(stack: Deployed, settings: FrontDoorSettings) -> Result:
    """Route 53 and ELB write a balancer's name in letters of either case, and with `dualstack.` before it or not."""
    found = (each.lower().removeprefix("dualstack.") for each in own_name.aliases(stack, settings.domain_name))
    return equal_sets(found, [str(_described(stack)["DNSName"]).lower()])


# What stands behind


def _group(stack: Deployed) -> Item:
    arns = [each["TargetGroupArn"] for each in _listening(stack)["DefaultActions"] if "TargetGroupArn" in each]
    found: Item = only("target group", _read(stack, "describe_target_groups", "TargetGroups", TargetGroupArns=arns))
    return found


def _targets(stack: Deployed, settings: LoadBalancerSettings) -> Result:
    group = _group(stack)
    checked = {"Protocol": "HTTPS", "HealthCheckProtocol": "HTTPS", "HealthCheckPath": "/ping"}
    found = _read(stack, "describe_target_health", "TargetHealthDescriptions", TargetGroupArn=group["TargetGroupArn"])
    states = [each["TargetHealth"]["State"] for each in found]
    healthy = states.count("healthy")
    faults = [] if healthy >= settings.tasks else [f"{healthy} of {settings.tasks} are healthy"]
    told = [
        each["TargetHealth"].get("Description", "") for each in found if each["TargetHealth"]["State"] == "unhealthy"
    ]
    return result(f"{healthy} healthy", [*faults, *filter(None, told), *equal(group, checked).faults])


def _service(stack: Deployed) -> Item:
    """The service that has the target group, of any cluster."""
    group = _group(stack)["TargetGroupArn"]
    for cluster in stack.aws.all(ECS, "list_clusters", "clusterArns"):
        names = stack.aws.all(ECS, "list_services", "serviceArns", cluster=cluster)
        for start in range(0, len(names), 10):  # as many as DescribeServices takes
            some = names[start : start + 10]
            for each in stack.aws.get(ECS, "describe_services", cluster=cluster, services=some)["services"]:
                if group in {one["targetGroupArn"] for one in each.get("loadBalancers", [])}:
                    service: Item = each
                    return service
    raise AbsentError("no service has its target group")


def _definition(stack: Deployed) -> Item:
    wanted = _service(stack)["taskDefinition"]
    found: Item = stack.aws.get(ECS, "describe_task_definition", taskDefinition=wanted)["taskDefinition"]
    return found


def _container(stack: Deployed) -> Item:
    found: Item = only("container", _definition(stack)["containerDefinitions"])
    return found


def _forwarder(stack: Deployed, settings: LoadBalancerSettings) -> Result:
    service, container = _service(stack), _container(stack)
    runs = equal(service, {"status": "ACTIVE", "desiredCount": settings.tasks, "runningCount": settings.tasks})
    placed = service["networkConfiguration"]["awsvpcConfiguration"]
    subnets = equal_sets(placed["subnets"], stack.desired.contract.app_subnet_ids)
    groups = equal_sets(placed["securityGroups"], [stack.parts["forwarder"]])
    public = equal({"assignPublicIp": "DISABLED", **placed}, {"assignPublicIp": "DISABLED"})
    is_it = equal(container, {"image": settings.forwarder, "readonlyRootFilesystem": True})
    more = ["it is privileged"] if container.get("privileged") else []
    more += ["commands can be run in it"] if service.get("enableExecuteCommand") else []
    breaker = service.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
    back = equal(breaker, {"enable": True, "rollback": True})
    parts = (runs, subnets, groups, public, is_it, back)
    return result(f"{runs.seen}, {is_it.seen}", [*(fault for each in parts for fault in each.faults), *more])


def _role(stack: Deployed) -> Result:
    definition, desired = _definition(stack), stack.desired
    name = str(definition.get("taskRoleArn", "none")).rpartition("/")[2]
    trust = statements(stack.aws.get("iam", "get_role", RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    principals = equal_sets((p for s in trust for p in s.principals), ["Service:ecs-tasks.amazonaws.com"])
    faults = principals.faults
    if not all(s.requires("StringEquals", "aws:SourceAccount", desired.account) for s in trust):
        faults.append("it is not bounded to this account")
    if stack.aws.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        faults.append("it has managed policies")
    allowing = [s for document in stack.inline_policies(name) for s in statements(document) if s.allows]
    more = {action for s in allowing for action in s.actions} - CALLS
    faults += [f"it may {joined(more)}"] if more else []
    wanted = (each.arn for each in desired.contract.endpoints.values())
    resources = equal_sets((short(r) for s in allowing for r in s.resources), map(short, wanted))
    runtime = desired.contract.runtime_endpoint.id
    if not all(s.requires("StringEquals", "aws:SourceVpce", runtime) for s in allowing):
        faults.append(f"it may call by another way than {runtime}")
    return result(f"{name}: {resources.seen}", [*faults, *resources.faults])


def _log_group(stack: Deployed) -> str:
    """Its name; empty where there is none."""
    told = _container(stack).get("logConfiguration", {})
    return str(told.get("options", {}).get("awslogs-group", ""))


def _counted(stack: Deployed) -> Result:
    return own_name.counted(stack, _log_group(stack))


def _logs(stack: Deployed) -> Result:
    name = _log_group(stack)
    group = stack.log_groups(name).get(name) if name else None
    if group is None:
        raise AbsentError("its forwarder logs into no group")
    days = stack.desired.settings.security.log_retention_days
    kept = equal(group, {"kmsKeyId": stack.desired.contract.key_arns.logs, "retentionInDays": days})
    return result(f"{name}: {kept.seen}", kept.faults)


def _alarms(stack: Deployed) -> Result:
    own = _promised(stack).arn.partition(":loadbalancer/")[2]
    found = [each for each in stack.alarms[""] if dimensions(each).get("LoadBalancer") == own]
    metrics = equal_sets((each["MetricName"] for each in found), ALARMS)
    silent = [each["AlarmName"] for each in found if not each["ActionsEnabled"]]
    untold = [each["AlarmName"] for each in found if stack.topic not in each.get("AlarmActions", [])]
    faults = [f"{each} does not tell the topic" for each in {*silent, *untold}]
    return result(f"{len(found)} alarms", [*metrics.faults, *faults])


# Calls


def _call(stack: Deployed, endpoint: EndpointSettings, inside: InsideCaller, shown: str) -> Result:
    if not shown:
        raise SkippedError("not called: no client certificate was given (--client-certificate)")
    url = f"{_promised(stack).url}/endpoints/{endpoint.name}/invocations"
    return own_name.called(stack, endpoint, _certificate_arn(stack), partial(inside.call_by_name, url, shown=shown))
