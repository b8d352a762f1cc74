"""What an application team may put beside the models: none of it public, all of it inside the VPC, all calls by TLS."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pulumi_policy import EnforcementLevel, Severity

from policy.controls import checkov, config, fsbp, hipaa, nist, pci, prowler, security_hub, trivy
from policy.findings import Findings, each, guarded
from policy.iam_documents import Statement, readable
from policy.resources import Resource, Stack
from policy.rules import resource_rule, stack_rule
from private_inference.graph.values import Unknown, known, pick

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
    controls=[nist("AC-4(21)"), checkov("CKV_AWS_258"), pci("1.3.6"), hipaa("164.312(e)(1)")],
    severity=Severity.CRITICAL,
    fix="remove it; offer the same through a private API Gateway or an internal load balancer",
)
def nothing_public_by_nature(resource: Resource) -> Findings:
    """Nothing is declared that exists on the internet whatever its arguments are."""
    yield resource.violation(PUBLIC_BY_NATURE[resource.type])


class Switch(NamedTuple):
    """A property that makes a resource public: by this value, or also by being left out."""

    path: Sequence[str]
    public: Any
    by_default: bool = False


SWITCHES: Mapping[str, Switch] = {
    "aws:ec2/instance:Instance": Switch(["associatePublicIpAddress"], True),
    "aws:ec2/launchConfiguration:LaunchConfiguration": Switch(["associatePublicIpAddress"], True),
    "aws:rds/instance:Instance": Switch(["publiclyAccessible"], True),
    "aws:rds/clusterInstance:ClusterInstance": Switch(["publiclyAccessible"], True),
    "aws:rds/cluster:Cluster": Switch(["publiclyAccessible"], True),
    "aws:neptune/clusterInstance:ClusterInstance": Switch(["publiclyAccessible"], True),
    "aws:redshift/cluster:Cluster": Switch(["publiclyAccessible"], True),
    "aws:redshiftserverless/workgroup:Workgroup": Switch(["publiclyAccessible"], True),
    "aws:dms/replicationInstance:ReplicationInstance": Switch(["publiclyAccessible"], True),
    "aws:mq/broker:Broker": Switch(["publiclyAccessible"], True),
    "aws:eks/cluster:Cluster": Switch(["vpcConfig", "endpointPublicAccess"], True, by_default=True),
    "aws:ecs/service:Service": Switch(["networkConfiguration", "assignPublicIp"], True),
    "aws:apprunner/service:Service": Switch(
        ["networkConfiguration", "ingressConfiguration", "isPubliclyAccessible"], True, by_default=True
    ),
    "aws:transfer/server:Server": Switch(["endpointType"], "PUBLIC", by_default=True),
    "aws:appsync/graphQLApi:GraphQLApi": Switch(["visibility"], "GLOBAL", by_default=True),
}
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


@resource_rule(
    types=[*SWITCHES, LAUNCH_TEMPLATE],
    controls=[
        fsbp("EC2.9"),
        fsbp("RDS.2"),
        fsbp("Redshift.1"),
        fsbp("EKS.1"),
        checkov("CKV_AWS_17"),
        checkov("CKV_AWS_39"),
        checkov("CKV_AWS_87"),
        checkov("CKV_AWS_88"),
        trivy("AWS-0009"),
        trivy("AWS-0180"),
        pci("1.3.6"),
        hipaa("164.312(e)(1)"),
    ],
    severity=Severity.CRITICAL,
    fix="turn the property off",
)
def nothing_switched_public(resource: Resource) -> Findings:
    """Instances, databases, clusters and services have no public address."""
    if resource.type == LAUNCH_TEMPLATE:
        yield from each(resource, resource.entries("networkInterfaces"), _public_interface)
        return
    switch = SWITCHES[resource.type]
    value = resource.get(*switch.path)
    public = switch.by_default if value is None else str(known(value)).lower() == str(switch.public).lower()
    if public:
        yield resource.violation(f"is public ({'.'.join(switch.path)})")


def _public_interface(path: str, interface: Mapping[str, Any]) -> str | None:
    value = str(known(interface.get("associatePublicIpAddress"))).lower()
    return f"gives its instances public addresses ({path}.associatePublicIpAddress)" if value == "true" else None


LOAD_BALANCERS = (
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:alb/loadBalancer:LoadBalancer",
    "aws:elb/loadBalancer:LoadBalancer",
)
LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")


@resource_rule(
    types=LOAD_BALANCERS,
    controls=[nist("AC-4(21)"), trivy("AWS-0053"), prowler("elbv2_internet_facing"), pci("1.3.6")],
    severity=Severity.CRITICAL,
    fix="set internal to true",
)
def load_balancers_are_internal(balancer: Resource) -> Findings:
    """Load balancers are internal: AWS's default is one that faces the internet."""
    internal = balancer.get("internal")
    if internal is None or not internal:
        yield balancer.violation("faces the internet (internal)")


@resource_rule(
    types=LOAD_BALANCERS,
    controls=[
        fsbp("ELB.4"),
        fsbp("ELB.5"),
        fsbp("ELB.6"),
        checkov("CKV_AWS_91"),
        checkov("CKV_AWS_131"),
        checkov("CKV_AWS_150"),
    ],
    severity=Severity.LOW,
    fix="set dropInvalidHeaderFields and enableDeletionProtection to true, and accessLogs to a bucket",
    level=EnforcementLevel.ADVISORY,
)
def load_balancers_are_hardened(balancer: Resource) -> Findings:
    """Load balancers log their requests; application and network ones refuse deletion, and drop malformed headers."""
    logged = balancer.get("accessLogs")
    if logged is None or not pick(logged, "bucket"):
        yield balancer.violation("logs no requests (accessLogs)")
    if balancer.type == LOAD_BALANCERS[2]:
        return
    if not balancer.get("enableDeletionProtection"):
        yield balancer.violation("can be deleted by accident (enableDeletionProtection)")
    kind = balancer.get("loadBalancerType")
    if (kind is None or kind == "application") and not balancer.get("dropInvalidHeaderFields"):
        yield balancer.violation("passes malformed headers on (dropInvalidHeaderFields)")


MODERN_TLS = ("ELBSecurityPolicy-TLS13-", "ELBSecurityPolicy-TLS-1-2-", "ELBSecurityPolicy-FS-1-2-")
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"""
OLD_TLS = ("-1-0-", "-1-1-")


@resource_rule(
    types=[*LISTENERS, LOAD_BALANCERS[2]],
    controls=[
        fsbp("ELB.1"),
        fsbp("ELB.3"),
        checkov("CKV_AWS_2"),
        checkov("CKV_AWS_103"),
        trivy("AWS-0054"),
        trivy("AWS-0047"),
        pci("4.1"),
        hipaa("164.312(e)(2)(ii)"),
    ],
    severity=Severity.HIGH,
    fix="set protocol to HTTPS or TLS and sslPolicy to one of TLS 1.2 or later, or redirect to HTTPS",
)
def listeners_use_tls(listener: Resource) -> Findings:
    """Listeners take TLS 1.2 or later only: inside a VPC, too, traffic can be read by who gets into its path."""
    if listener.type == LOAD_BALANCERS[2]:
        yield from each(listener, listener.entries("listeners"), _classic_plaintext)
        return
    protocol = listener.get("protocol")
    if protocol is None or protocol not in ("HTTPS", "TLS"):
        if not _redirects(listener):
            yield listener.violation("takes requests without TLS (protocol)")
        return
    policy = listener.get("sslPolicy")
    old = policy is None or not str(known(policy)).startswith(MODERN_TLS) or any(v in str(policy) for v in OLD_TLS)
    if old:
        yield listener.violation("accepts TLS before 1.2 (sslPolicy)")


def _redirects(listener: Resource) -> bool:
    actions = listener.entries("defaultActions")
    return bool(actions) and all(
        known(pick(known(action).get("redirect"), "protocol")) == "HTTPS" for _, action in actions
    )


def _classic_plaintext(path: str, listener: Mapping[str, Any]) -> str | None:
    protocol = str(known(listener.get("lbProtocol"))).lower()
    return None if protocol in ("https", "ssl") else f"takes requests without TLS ({path}.lbProtocol)"


SOURCE_VPC = ("aws:sourcevpc",)
"""Begins aws:SourceVpc and aws:SourceVpce."""

REST_API = "aws:apigateway/restApi:RestApi"
REST_API_POLICY = "aws:apigateway/restApiPolicy:RestApiPolicy"
REST_METHOD = "aws:apigateway/method:Method"
REST_STAGE = "aws:apigateway/stage:Stage"
REST_DOMAIN = "aws:apigateway/domainName:DomainName"


@resource_rule(
    types=[REST_API, REST_DOMAIN],
    controls=[nist("AC-4(21)"), prowler("apigateway_restapi_public"), pci("1.3.6"), hipaa("164.312(e)(1)")],
    severity=Severity.CRITICAL,
    fix="set endpointConfiguration.types to PRIVATE, and reach it through an execute-api interface endpoint",
)
def apis_are_private(api: Resource) -> Findings:
    """REST APIs and their domain names are private: edge-optimized, AWS's default, and regional ones are public."""
    types = api.get("endpointConfiguration", "types")
    named = types if isinstance(types, list) else [types]
    if types is None or any(known(each) != "PRIVATE" for each in named):
        yield api.violation("is public (endpointConfiguration.types)")


@stack_rule(
    controls=[nist("AC-6"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="give the API a resource policy that requires aws:SourceVpce (or aws:SourceVpc)",
)
def private_apis_name_endpoints(stack: Stack) -> Findings:
    """Private APIs say which VPC endpoints may call them: without that any VPC of any account can try."""
    for api in stack.all(REST_API):
        yield from guarded(_names_endpoints(stack, api))


def _names_endpoints(stack: Stack, api: Resource) -> Findings:
    documents = [policy.get("policy") for policy in stack.referring([REST_API_POLICY], ["restApiId"], api)]
    inline = api.get("policy")
    documents += [] if not isinstance(inline, Unknown) and not inline else [inline]
    statements = [statement for document in documents for statement in readable(document)]
    allowing = [statement for statement in statements if statement.allows]
    bound = all(statement.requires(SOURCE_VPC) for statement in allowing)
    if not allowing or not (bound or any(_denies_others(statement) for statement in statements)):
        yield api.violation("may be called from any VPC endpoint (policy)")


def _denies_others(statement: Statement) -> bool:
    """Whether a statement denies what comes through other endpoints than the ones it names."""
    tests = [tests for operator, tests in statement.condition.items() if operator.lower().startswith("stringnot")]
    return not statement.allows and any(key.lower().startswith(SOURCE_VPC) for each in tests for key in each)


@resource_rule(
    types=[REST_METHOD],
    controls=[nist("AC-6"), checkov("CKV_AWS_59"), trivy("AWS-0004"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="set authorization to AWS_IAM, or to an authorizer",
)
def api_methods_authorize(method: Resource) -> Findings:
    """Every method of an API asks who calls: being inside the network is no authorization."""
    authorization = method.get("authorization")
    preflight = method.get("httpMethod")
    if (authorization is None or authorization == "NONE") and preflight != "OPTIONS":
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
    if stage.get("accessLogSettings") is None:
        yield stage.violation("logs no requests (accessLogSettings)")


@resource_rule(
    types=[REST_DOMAIN],
    controls=[pci("4.1"), checkov("CKV_AWS_206"), hipaa("164.312(e)(2)(ii)")],
    severity=Severity.HIGH,
    fix="set securityPolicy to TLS_1_2 or later",
)
def api_domains_use_modern_tls(domain: Resource) -> Findings:
    """Domain names of APIs take TLS 1.2 or later only."""
    policy = domain.get("securityPolicy")
    if policy is None or policy == "TLS_1_0":
        yield domain.violation("accepts TLS before 1.2 (securityPolicy)")


NOTEBOOK = "aws:sagemaker/notebookInstance:NotebookInstance"
STUDIO = "aws:sagemaker/domain:Domain"


@resource_rule(
    types=[NOTEBOOK],
    controls=[
        fsbp("SageMaker.1"),
        fsbp("SageMaker.2"),
        checkov("CKV_AWS_122"),
        config("sagemaker-notebook-no-direct-internet-access"),
        prowler("sagemaker_notebook_instance_without_direct_internet_access_configured"),
        pci("1.3.6"),
        hipaa("164.312(e)(1)"),
    ],
    severity=Severity.CRITICAL,
    fix="set directInternetAccess to Disabled and subnetId to a subnet of the app tier",
)
def notebooks_are_private(notebook: Resource) -> Findings:
    """Notebook instances are in the VPC and have no internet of their own: AWS's default gives them one."""
    access = notebook.get("directInternetAccess")
    if access is None or access != "Disabled":
        yield notebook.violation("has direct access to the internet (directInternetAccess)")
    if notebook.get("subnetId") is None:
        yield notebook.violation("is not in the VPC (subnetId)")


@resource_rule(
    types=[NOTEBOOK],
    controls=[fsbp("SageMaker.3"), checkov("CKV_AWS_307")],
    severity=Severity.MEDIUM,
    fix="set rootAccess to Disabled",
    level=EnforcementLevel.ADVISORY,
)
def notebooks_have_no_root(notebook: Resource) -> Findings:
    """Notebook users are not root: root can undo whatever the instance was set up with."""
    root = notebook.get("rootAccess")
    if root is None or root != "Disabled":
        yield notebook.violation("makes its users root (rootAccess)")


@resource_rule(
    types=[STUDIO],
    controls=[nist("AC-4(21)"), config("sagemaker-domain-in-vpc"), pci("1.3.6"), hipaa("164.312(e)(1)")],
    severity=Severity.CRITICAL,
    fix="set appNetworkAccessType to VpcOnly",
)
def studio_stays_in_the_vpc(domain: Resource) -> Findings:
    """Studio domains send their traffic through the VPC: AWS's default gives them a way to the internet beside it."""
    access = domain.get("appNetworkAccessType")
    if access is None or access != "VpcOnly":
        yield domain.violation("has access to the internet beside the VPC (appNetworkAccessType)")


JOBS: Mapping[str, Sequence[str]] = {
    "aws:sagemaker/trainingJob:TrainingJob": [],
    "aws:sagemaker/hyperParameterTuningJob:HyperParameterTuningJob": ["trainingJobDefinition"],
    "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition": ["networkConfig"],
}
"""SageMaker's jobs, and where each says what network it has."""


@resource_rule(
    types=JOBS,
    controls=[
        nist("AC-4(21)"),
        prowler("sagemaker_training_jobs_network_isolation_enabled"),
        prowler("sagemaker_training_jobs_vpc_settings_configured"),
        pci("1.3.6"),
        hipaa("164.312(e)(1)"),
    ],
    severity=Severity.CRITICAL,
    fix="set vpcConfig to subnets of this stack, and enableNetworkIsolation to true",
)
def jobs_are_isolated(job: Resource) -> Findings:
    """Training and monitoring jobs are attached to the VPC and isolated: by default they run with internet access."""
    where = JOBS[job.type]
    isolated = job.get(*where, "enableNetworkIsolation")
    if isolated is None or not isolated:
        yield job.violation(f"gives its containers the network ({'.'.join([*where, 'enableNetworkIsolation'])})")
    if job.get(*where, "vpcConfig") is None:
        yield job.violation(f"is not attached to the VPC ({'.'.join([*where, 'vpcConfig'])})")


FUNCTION = "aws:lambda/function:Function"


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
    subnets = function.get("vpcConfig", "subnetIds")
    if subnets is None or not len(subnets):
        yield function.violation("is not in the VPC (vpcConfig)")


RULES = (
    nothing_public_by_nature,
    nothing_switched_public,
    load_balancers_are_internal,
    load_balancers_are_hardened,
    listeners_use_tls,
    apis_are_private,
    private_apis_name_endpoints,
    api_methods_authorize,
    api_stages_log,
    api_domains_use_modern_tls,
    notebooks_are_private,
    notebooks_have_no_root,
    studio_stays_in_the_vpc,
    jobs_are_isolated,
    functions_are_in_the_vpc,
)
