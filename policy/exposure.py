"""What an application team may put beside the models: none of it public, all of it inside the VPC, all calls by TLS."""

import re
from typing import Any

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import PRIVATE_ONLY, checkov, config, fsbp, hipaa, nist, pci, prowler, trivy
from policy.findings import Findings, for_each
from policy.given import Given, choices, each_value
from policy.iam_documents import Statement, statements_on
from policy.requirements import is_on, is_true, require, require_each, require_values
from policy.resources import Resource, Stack
from policy.rules import all_of, each_of, resource_rule, stack_rule
from policy.schema import corrections
from private_inference.graph.types import LOAD_BALANCER, REST_API, REST_API_POLICY
from private_inference.graph.values import known, pick

CLASSIC = "aws:elb/loadBalancer:LoadBalancer"
LOAD_BALANCERS = (LOAD_BALANCER, "aws:alb/loadBalancer:LoadBalancer", CLASSIC)
LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")

OPENING = re.compile(
    r"(?i)(?!(block|ignore|restrict|disable|no)\w*)\w*"
    r"(public(?!key)|internet|unauthenticated|anonymous|externalprincipals|customerowned|ipv6address|generatedipv6|primaryipv6)"
)
"""Names of switches that open something when they are on, whatever the type."""
PUBLIC_VALUE = re.compile(
    r"(?i)public|(public|authenticated)[-_](?!key)\w+(-write)?|publicinternetonly|open-access|internet[-_]facing|service_provided_eips"
)
"""Values that say so, whatever the property."""


@resource_rule(
    types=None,
    controls=[
        fsbp("EC2.9", "EC2.15", "RDS.2", "Redshift.1", "EKS.1", "S3.8", "SageMaker.1", "SageMaker.2", "Lambda.1"),
        checkov("CKV_AWS_17", "CKV_AWS_39", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV_AWS_87"),
        checkov("CKV_AWS_88", "CKV_AWS_122", "CKV_AWS_130", "CKV_AWS_307"),
        trivy("AWS-0009", "AWS-0053", "AWS-0086", "AWS-0087", "AWS-0091", "AWS-0093", "AWS-0164", "AWS-0180"),
        prowler("elbv2_internet_facing", "apigateway_restapi_public"),
        prowler("sagemaker_training_jobs_network_isolation_enabled"),
        config("sagemaker-notebook-no-direct-internet-access", "sagemaker-domain-in-vpc"),
        nist("AC-4(21)"),
        *PRIVATE_ONLY,
    ],
    severity=Severity.CRITICAL,
    fix="give the property its private value",
)
def nothing_switched_public(resource: Resource) -> Findings:
    """Nothing has a public address, faces the internet or leaves the VPC, by a switch or by AWS's default."""
    required = corrections()["private values"]["of a type"].get(resource.type, {})
    yield from require_values(resource, "private values", "is public, or beside the VPC")
    yield from each_value(resource, _opens, (given for given in choices(resource) if given.path not in required))


def _opens(given: Given) -> str | None:
    value = known(given.value) if OPENING.match(given.name) else None
    switched_on = value is True or str(value).lower() in ("true", "enabled") or ("ipv6" in given.name.lower() and value)
    return "is public" if switched_on or _means_everyone(given.text, given.name) else None


def _means_everyone(text: str, name: str) -> bool:
    """Whether a value says so, or is a block of all addresses where no rule of its own reads it."""
    block = name in ("cidr", "publicAccessCidrs") and re.fullmatch(r"0\.0\.0\.0/[0-7]|::/\d", text)
    return bool(block or PUBLIC_VALUE.fullmatch(text))


@resource_rule(
    types=LOAD_BALANCERS,
    controls=[fsbp("ELB.4", "ELB.5", "ELB.6"), checkov("CKV_AWS_91", "CKV_AWS_131", "CKV_AWS_150")],
    severity=Severity.LOW,
    fix="set dropInvalidHeaderFields and enableDeletionProtection to true, and accessLogs to a bucket",
    level=EnforcementLevel.ADVISORY,
)
def load_balancers_are_hardened(balancer: Resource) -> Findings:
    """Load balancers log their requests; application and network ones refuse deletion, and drop malformed headers."""
    yield from require(balancer, "accessLogs", lambda logs: is_true(pick(logs, "bucket")), "logs no requests")
    if balancer.type == CLASSIC:
        return
    yield from require(balancer, "enableDeletionProtection", is_true, "can be deleted by accident")
    if balancer.get("loadBalancerType") in (None, "application"):
        yield from require(balancer, "dropInvalidHeaderFields", is_true, "passes malformed headers on")


MODERN_TLS = ("ELBSecurityPolicy-TLS13-", "ELBSecurityPolicy-TLS-1-2-", "ELBSecurityPolicy-FS-1-2-")
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"""
OLD_TLS = ("-1-0-", "-1-1-")


@resource_rule(
    types=[*LISTENERS, CLASSIC],
    controls=[
        fsbp("ELB.1", "ELB.3"),
        checkov("CKV_AWS_2", "CKV_AWS_103"),
        trivy("AWS-0054", "AWS-0047"),
        pci("4.1"),
        hipaa("164.312(e)(2)(ii)"),
    ],
    severity=Severity.HIGH,
    fix="set protocol to HTTPS or TLS and sslPolicy to one of TLS 1.2 or later, or redirect to HTTPS",
)
def listeners_use_tls(listener: Resource) -> Findings:
    """Listeners take TLS 1.2 or later only: inside a VPC, too, traffic can be read by who gets into its path."""
    if listener.type == CLASSIC:
        yield from require_each(listener, "listeners", "lbProtocol", _is_classic_tls, "takes requests without TLS")
    elif listener.get("protocol") in ("HTTPS", "TLS"):
        yield from require(listener, "sslPolicy", _is_modern, "accepts TLS before 1.2")
    elif not (_redirects(listener) or _passes_tls(listener)):
        yield listener.violation("takes requests without TLS (protocol)")


def _is_classic_tls(protocol: Any) -> bool:
    return str(known(protocol)).lower() in ("https", "ssl")


def _is_modern(policy: Any) -> bool:
    return str(known(policy)).startswith(MODERN_TLS) and not any(version in str(policy) for version in OLD_TLS)


def _passes_tls(listener: Resource) -> bool:
    """Whether a network load balancer hands connections on as they are, on the port of TLS: the target ends them."""
    return listener.get("protocol") == "TCP" and listener.get("port") in (443, 8443)


def _redirects(listener: Resource) -> bool:
    actions = listener.entries("defaultActions")
    return bool(actions) and all(
        known(pick(known(action).get("redirect"), "protocol")) == "HTTPS" for _, action in actions
    )


TRUST_STORE = "aws:lb/trustStore:TrustStore"
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html"""


@stack_rule(
    controls=[nist("IA-3(1)", "AC-6"), pci("8.3")],
    severity=Severity.HIGH,
    fix="give the listener a mutualAuthentication of mode verify with the trust store, and let no certificate outlive "
    "its end",
)
def client_certificates_are_verified(stack: Stack) -> Findings:
    """Listeners that ask clients for certificates verify them, and each trust store has a listener that does."""
    yield from for_each(stack.all(*LISTENERS), _takes_any_certificate)
    yield from for_each(stack.all(TRUST_STORE), lambda store: _verifies_nobody(stack, store))


def _takes_any_certificate(listener: Resource) -> Findings:
    asks = listener.get("mutualAuthentication")
    if known(pick(asks, "mode")) == "passthrough":
        yield listener.violation("takes any client's certificate (mutualAuthentication.mode)")
    if is_on(pick(asks, "ignoreClientCertificateExpiry")):
        yield listener.violation(
            "takes certificates that have ended (mutualAuthentication.ignoreClientCertificateExpiry)"
        )


def _verifies_nobody(stack: Stack, store: Resource) -> Findings:
    asking = stack.referring(LISTENERS, ["mutualAuthentication", "trustStoreArn"], store)
    if not any(known(listener.get("mutualAuthentication", "mode")) == "verify" for listener in asking):
        yield store.violation("verifies no client: no listener asks it")


SOURCE_VPC = ("aws:sourcevpc",)
"""Begins aws:SourceVpc and aws:SourceVpce."""

REST_METHOD = "aws:apigateway/method:Method"


@stack_rule(
    controls=[nist("AC-6"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="give the API a resource policy that requires aws:SourceVpce (or aws:SourceVpc)",
)
@each_of(all_of(REST_API))
def private_apis_name_endpoints(stack: Stack, api: Resource) -> Findings:
    """Private APIs say which VPC endpoints may call them: without that any VPC of any account can try."""
    statements = list(statements_on(stack, api, REST_API_POLICY, "restApiId"))
    allowing = [statement for statement in statements if statement.allows]
    bound = all(statement.requires(SOURCE_VPC) for statement in allowing)
    if not allowing or not (bound or any(_denies_others(statement) for statement in statements)):
        yield api.violation("may be called from any VPC endpoint (policy)")


def _denies_others(statement: Statement) -> bool:
    """Whether a statement denies what comes through other endpoints than the ones it names."""
    return not statement.allows and any(
        operator.startswith("stringnot") and key.startswith(SOURCE_VPC) for operator, key, _ in statement.tests
    )


@resource_rule(
    types=[REST_METHOD],
    controls=[nist("AC-6"), checkov("CKV_AWS_59"), trivy("AWS-0004"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="set authorization to AWS_IAM, or to an authorizer",
)
def api_methods_authorize(method: Resource) -> Findings:
    """Every method of an API asks who calls: being inside the network is no authorization."""
    if method.get("authorization") in (None, "NONE") and method.get("httpMethod") != "OPTIONS":
        yield method.violation("lets anyone call it (authorization)")
