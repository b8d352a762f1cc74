"""What an application team may put beside the models: none of it public, all of it inside the VPC, all calls by TLS."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import PRIVATE_ONLY, checkov, config, fsbp, hipaa, nist, pci, prowler, security_hub, trivy
from policy.findings import Findings
from policy.iam_documents import Statement, statements_on
from policy.requirements import is_in, is_not_empty, is_not_in, is_set, is_true, require, require_each
from policy.resources import Resource, Stack
from policy.rules import all_of, each_of, resource_rule, stack_rule
from private_inference.graph.iam_documents import as_list
from private_inference.graph.types import DB_INSTANCE, FUNCTION, INSTANCE, LOAD_BALANCER
from private_inference.graph.values import known, pick

PUBLIC_BY_NATURE = {
    "aws:lambda/functionUrl:FunctionUrl": "gives a function an address on the internet",
    "aws:apigatewayv2/api:Api": "is an HTTP or WebSocket API, which can't be private",
    "aws:ecrpublic/repository:Repository": "publishes images to the world",
    "aws:cloudfront/distribution:Distribution": "serves content on the internet",
    "aws:globalaccelerator/accelerator:Accelerator": "has addresses on the internet",
    "aws:amplify/app:App": "is a web site on the internet",
    "aws:lightsail/instance:Instance": "is an instance with a public address",
    "aws:lightsail/containerService:ContainerService": "is a service on the internet",
}


@resource_rule(
    types=PUBLIC_BY_NATURE,
    controls=[nist("AC-4(21)"), checkov("CKV_AWS_258"), *PRIVATE_ONLY],
    severity=Severity.CRITICAL,
    fix="remove it; offer the same through a private API Gateway or an internal load balancer",
)
def nothing_public_by_nature(resource: Resource) -> Findings:
    """Nothing is declared that exists on the internet whatever its arguments are."""
    yield resource.violation(PUBLIC_BY_NATURE[resource.type])


class Switch(NamedTuple):
    """A property that makes a resource public: by this value, or also by being left out."""

    path: str
    public: Any
    by_default: bool = False

    def is_private(self, value: Any) -> bool:
        if value is None:
            return not self.by_default
        return str(known(value)).lower() != str(self.public).lower()


SWITCHES: Mapping[str, Switch] = {
    INSTANCE: Switch("associatePublicIpAddress", True),
    "aws:ec2/launchConfiguration:LaunchConfiguration": Switch("associatePublicIpAddress", True),
    DB_INSTANCE: Switch("publiclyAccessible", True),
    "aws:rds/clusterInstance:ClusterInstance": Switch("publiclyAccessible", True),
    "aws:rds/cluster:Cluster": Switch("publiclyAccessible", True),
    "aws:neptune/clusterInstance:ClusterInstance": Switch("publiclyAccessible", True),
    "aws:redshift/cluster:Cluster": Switch("publiclyAccessible", True),
    "aws:redshiftserverless/workgroup:Workgroup": Switch("publiclyAccessible", True),
    "aws:dms/replicationInstance:ReplicationInstance": Switch("publiclyAccessible", True),
    "aws:mq/broker:Broker": Switch("publiclyAccessible", True),
    "aws:eks/cluster:Cluster": Switch("vpcConfig.endpointPublicAccess", True, by_default=True),
    "aws:ecs/service:Service": Switch("networkConfiguration.assignPublicIp", True),
    "aws:apprunner/service:Service": Switch(
        "networkConfiguration.ingressConfiguration.isPubliclyAccessible", True, by_default=True
    ),
    "aws:transfer/server:Server": Switch("endpointType", "PUBLIC", by_default=True),
    "aws:appsync/graphQLApi:GraphQLApi": Switch("visibility", "GLOBAL", by_default=True),
}
INTERFACE_SWITCH = Switch("associatePublicIpAddress", True)
"""Of each network interface of a launch template."""
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


@resource_rule(
    types=[*SWITCHES, LAUNCH_TEMPLATE],
    controls=[
        fsbp("EC2.9", "RDS.2", "Redshift.1", "EKS.1"),
        checkov("CKV_AWS_17", "CKV_AWS_39", "CKV_AWS_87", "CKV_AWS_88"),
        trivy("AWS-0009", "AWS-0180"),
        *PRIVATE_ONLY,
    ],
    severity=Severity.CRITICAL,
    fix="turn the property off",
)
def nothing_switched_public(resource: Resource) -> Findings:
    """Instances, databases, clusters and services have no public address."""
    if resource.type == LAUNCH_TEMPLATE:
        key, is_private = INTERFACE_SWITCH.path, INTERFACE_SWITCH.is_private
        yield from require_each(resource, "networkInterfaces", key, is_private, "gives its instances public addresses")
    else:
        switch = SWITCHES[resource.type]
        yield from require(resource, switch.path, switch.is_private, "is public")


CLASSIC = "aws:elb/loadBalancer:LoadBalancer"
LOAD_BALANCERS = (LOAD_BALANCER, "aws:alb/loadBalancer:LoadBalancer", CLASSIC)
LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")


@resource_rule(
    types=LOAD_BALANCERS,
    controls=[nist("AC-4(21)"), trivy("AWS-0053"), prowler("elbv2_internet_facing"), pci("1.3.6")],
    severity=Severity.CRITICAL,
    fix="set internal to true",
)
def load_balancers_are_internal(balancer: Resource) -> Findings:
    """Load balancers are internal: AWS's default is one that faces the internet."""
    yield from require(balancer, "internal", is_true, "faces the internet")


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
    elif not _redirects(listener):
        yield listener.violation("takes requests without TLS (protocol)")


def _is_classic_tls(protocol: Any) -> bool:
    return str(known(protocol)).lower() in ("https", "ssl")


def _is_modern(policy: Any) -> bool:
    return str(known(policy)).startswith(MODERN_TLS) and not any(version in str(policy) for version in OLD_TLS)


def _redirects(listener: Resource) -> bool:
    actions = listener.entries("defaultActions")
    return bool(actions) and all(
        known(pick(known(action).get("redirect"), "protocol")) == "HTTPS" for _, action in actions
    )


SOURCE_VPC = ("aws:sourcevpc",)
"""Begins aws:SourceVpc and aws:SourceVpce."""

REST_API = "aws:apigateway/restApi:RestApi"
REST_API_POLICY = "aws:apigateway/restApiPolicy:RestApiPolicy"
REST_METHOD = "aws:apigateway/method:Method"
REST_STAGE = "aws:apigateway/stage:Stage"
REST_DOMAIN = "aws:apigateway/domainName:DomainName"


@resource_rule(
    types=[REST_API, REST_DOMAIN],
    controls=[nist("AC-4(21)"), prowler("apigateway_restapi_public"), *PRIVATE_ONLY],
    severity=Severity.CRITICAL,
    fix="set endpointConfiguration.types to PRIVATE, and reach it through an execute-api interface endpoint",
)
def apis_are_private(api: Resource) -> Findings:
    """REST APIs and their domain names are private: edge-optimized, AWS's default, and regional ones are public."""
    yield from require(api, "endpointConfiguration.types", _are_private, "is public")


def _are_private(types: Any) -> bool:
    return types is not None and all(known(each) == "PRIVATE" for each in as_list(types))


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


@resource_rule(
    types=[REST_STAGE],
    controls=[fsbp("APIGateway.1"), checkov("CKV_AWS_76"), trivy("AWS-0001"), hipaa("164.312(b)")],
    severity=Severity.MEDIUM,
    fix="set accessLogSettings to an encrypted log group",
    level=EnforcementLevel.ADVISORY,
)
def api_stages_log(stage: Resource) -> Findings:
    """API stages log who called what, so that misuse can be traced afterwards."""
    yield from require(stage, "accessLogSettings", is_set, "logs no requests")


@resource_rule(
    types=[REST_DOMAIN],
    controls=[pci("4.1"), checkov("CKV_AWS_206"), hipaa("164.312(e)(2)(ii)")],
    severity=Severity.HIGH,
    fix="set securityPolicy to TLS_1_2 or later",
)
def api_domains_use_modern_tls(domain: Resource) -> Findings:
    """Domain names of APIs take TLS 1.2 or later only."""
    yield from require(domain, "securityPolicy", is_not_in(None, "TLS_1_0"), "accepts TLS before 1.2")


NOTEBOOK = "aws:sagemaker/notebookInstance:NotebookInstance"
STUDIO = "aws:sagemaker/domain:Domain"


@resource_rule(
    types=[NOTEBOOK],
    controls=[
        fsbp("SageMaker.1", "SageMaker.2"),
        checkov("CKV_AWS_122"),
        config("sagemaker-notebook-no-direct-internet-access"),
        prowler("sagemaker_notebook_instance_without_direct_internet_access_configured"),
        *PRIVATE_ONLY,
    ],
    severity=Severity.CRITICAL,
    fix="set directInternetAccess to Disabled and subnetId to a subnet of the app tier",
)
def notebooks_are_private(notebook: Resource) -> Findings:
    """Notebook instances are in the VPC and have no internet of their own: AWS's default gives them one."""
    yield from require(notebook, "directInternetAccess", is_in("Disabled"), "has direct access to the internet")
    yield from require(notebook, "subnetId", is_set, "is not in the VPC")


@resource_rule(
    types=[NOTEBOOK],
    controls=[fsbp("SageMaker.3"), checkov("CKV_AWS_307")],
    severity=Severity.MEDIUM,
    fix="set rootAccess to Disabled",
    level=EnforcementLevel.ADVISORY,
)
def notebooks_have_no_root(notebook: Resource) -> Findings:
    """Notebook users are not root: root can undo whatever the instance was set up with."""
    yield from require(notebook, "rootAccess", is_in("Disabled"), "makes its users root")


@resource_rule(
    types=[STUDIO],
    controls=[nist("AC-4(21)"), config("sagemaker-domain-in-vpc"), *PRIVATE_ONLY],
    severity=Severity.CRITICAL,
    fix="set appNetworkAccessType to VpcOnly",
)
def studio_stays_in_the_vpc(domain: Resource) -> Findings:
    """Studio domains send their traffic through the VPC: AWS's default gives them a way to the internet beside it."""
    what = "has access to the internet beside the VPC"
    yield from require(domain, "appNetworkAccessType", is_in("VpcOnly"), what)


JOBS = {
    "aws:sagemaker/trainingJob:TrainingJob": "",
    "aws:sagemaker/hyperParameterTuningJob:HyperParameterTuningJob": "trainingJobDefinition.",
    "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition": "networkConfig.",
}
"""SageMaker's jobs, and the beginning of the property paths of each one's network configuration."""


@resource_rule(
    types=JOBS,
    controls=[
        nist("AC-4(21)"),
        prowler("sagemaker_training_jobs_network_isolation_enabled", "sagemaker_training_jobs_vpc_settings_configured"),
        *PRIVATE_ONLY,
    ],
    severity=Severity.CRITICAL,
    fix="set vpcConfig to subnets of this stack, and enableNetworkIsolation to true",
)
def jobs_are_isolated(job: Resource) -> Findings:
    """Training and monitoring jobs are attached to the VPC and isolated: by default they run with internet access."""
    prefix = JOBS[job.type]
    yield from require(job, f"{prefix}enableNetworkIsolation", is_true, "gives its containers the network")
    yield from require(job, f"{prefix}vpcConfig", is_set, "is not attached to the VPC")


@resource_rule(
    types=[FUNCTION],
    controls=[
        hipaa("164.312(e)(1)"),
        security_hub("Lambda.3"),
        checkov("CKV_AWS_117"),
        prowler("awslambda_function_inside_vpc"),
        pci("1.3.6"),
    ],
    severity=Severity.HIGH,
    fix="set vpcConfig to the app subnets and the client security group",
)
def functions_are_in_the_vpc(function: Resource) -> Findings:
    """Functions run in the VPC: outside it they have the internet, and no way to the private endpoint."""
    yield from require(function, "vpcConfig", lambda vpc: is_not_empty(pick(vpc, "subnetIds")), "is not in the VPC")
