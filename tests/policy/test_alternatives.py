"""What is right in more than one way is right in each: the rules ask for what holds, not for how it is written."""

import json

import pytest

from tests.policy.graph import Graph, Ref
from tests.policy.judge import judge
from tests.policy.mutants import TWO_WAY
from tests.policy.neighbours import ARN, CLIENT_GROUP, TRUST, allow

pytestmark = pytest.mark.xdist_group("policy")

API = "arn:aws:execute-api:us-east-1:123456789012"
TLS_ONLY = json.dumps(
    {
        "Statement": {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": False}},
        }
    }
)
ENDPOINT_ONLY = json.dumps(
    {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "execute-api:Invoke",
                "Resource": "execute-api:/*",
                "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}},
            },
        ]
    }
)


def test_a_bucket_may_carry_its_policy_itself(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.remove("aws:s3/bucketPolicy:BucketPolicy", "artifacts")
    assert not judge("buckets-require-tls", graph).silent
    graph.set("aws:s3/bucket:Bucket", "artifacts", "policy", TLS_ONLY)
    assert judge("buckets-require-tls", graph).silent


def test_rules_of_groups_may_be_of_any_of_three_kinds(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.remove("SecurityGroupIngressRule", "access-from-client")
    rule = {"securityGroupId": Ref("SecurityGroup", "access"), "protocol": "tcp", "fromPort": 443, "toPort": 443}
    graph.add(TWO_WAY, "access", {**rule, "type": "ingress", "sourceSecurityGroupId": CLIENT_GROUP})
    for name in ("endpoint-groups-admit-https", "no-public-ingress", "paths-are-as-intended"):
        assert judge(name, graph).silent

    graph.remove(TWO_WAY, "access")
    inline = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "securityGroups": [CLIENT_GROUP]}
    graph.set("SecurityGroup", "access", "ingress", [inline])
    for name in ("endpoint-groups-admit-https", "no-public-ingress", "paths-are-as-intended"):
        assert judge(name, graph).silent


def test_acl_rules_may_be_inline(deployed: Graph) -> None:
    graph = deployed.copy()
    moved = []
    for name in ("model-ingress-11007", "model-ingress-11105", "model-ingress-11109"):
        rule = graph.remove("NetworkAclRule", name).properties
        moved.append({**{key: rule[key] for key in ("protocol", "fromPort", "toPort", "cidrBlock")}, "action": "allow"})
        moved[-1]["ruleNo"] = rule["ruleNumber"]
    assert not judge("network-acls-are-symmetric", graph).silent
    graph.set("NetworkAcl", "model", "ingress", moved)
    assert judge("network-acls-are-symmetric", graph).silent
    assert judge("network-acls-are-narrow", graph).silent


def test_acls_and_route_tables_may_be_associated_from_outside(deployed: Graph) -> None:
    graph = deployed.copy()
    subnets = [Ref("Subnet", "model-us-east-1a"), Ref("Subnet", "model-us-east-1b")]
    graph.drop("NetworkAcl", "model", "subnetIds")
    assert not judge("network-acls-cover-subnets", graph).silent
    for subnet in subnets:
        acl = {"networkAclId": Ref("NetworkAcl", "model"), "subnetId": subnet}
        graph.add("aws:ec2/networkAclAssociation:NetworkAclAssociation", subnet.name, acl)
    assert judge("network-acls-cover-subnets", graph).silent

    graph.drop("VpcEndpoint", "s3", "routeTableIds")
    assert not judge("s3-gateway-covers-model-subnets", graph).silent
    association = {"vpcEndpointId": Ref("VpcEndpoint", "s3"), "routeTableId": Ref("RouteTable", "model")}
    graph.add("aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation", "model", association)
    assert judge("s3-gateway-covers-model-subnets", graph).silent


@pytest.mark.parametrize("preview", [False, True])
def test_the_main_route_table_counts_where_no_other_is_associated(
    preview: bool, deployed: Graph, previewed: Graph
) -> None:
    graph = (previewed if preview else deployed).copy()
    for zone in "ab":
        graph.remove("RouteTableAssociation", f"model-us-east-1{zone}")
    main = {"vpcId": Ref("Vpc", "network"), "routeTableId": Ref("RouteTable", "model")}
    assert not judge("s3-gateway-covers-model-subnets", graph).silent
    graph.add("aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation", "main", main)
    assert judge("s3-gateway-covers-model-subnets", graph).silent
    assert judge("routes-are-this-stacks", graph).silent


@pytest.mark.parametrize("preview", [False, True])
def test_a_subnet_may_follow_the_adopted_main_table(preview: bool, deployed: Graph, previewed: Graph) -> None:
    graph = (previewed if preview else deployed).copy()
    graph.remove("RouteTableAssociation", "app-us-east-1a")
    assert judge("routes-are-this-stacks", graph).silent
    graph.remove("DefaultRouteTable", "network-locked")
    assert graph.one("Subnet", "app-us-east-1a").urn in judge("routes-are-this-stacks", graph).named


def test_a_private_api_may_deny_other_endpoints_instead(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.drop("RestApi", "scoring", "policy")
    policy = {"restApiId": Ref("RestApi", "scoring"), "policy": ENDPOINT_ONLY}
    graph.add("aws:apigateway/restApiPolicy:RestApiPolicy", "scoring", policy)
    assert judge("private-apis-name-endpoints", graph).silent


def test_a_listener_may_redirect_to_tls(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.set("Listener", "front", "protocol", "HTTP")
    assert not judge("listeners-use-tls", graph).silent
    redirect = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
    graph.set("Listener", "front", "defaultActions", [redirect])
    assert judge("listeners-use-tls", graph).silent


def test_an_asymmetric_key_is_not_rotated(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.drop("Key", "data", "enableKeyRotation")
    assert not judge("keys-rotate", graph).silent
    graph.set("Key", "data", "customerMasterKeySpec", "RSA_2048")
    assert judge("keys-rotate", graph).silent


SERVERLESS = {"memorySizeInMb": 2048, "maxConcurrency": 5}
FIPS = "com.amazonaws.us-east-1.sagemaker.runtime-fips"


def test_the_fips_runtime_is_a_runtime(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.set("VpcEndpoint", "sagemaker.runtime", "serviceName", FIPS)
    assert judge("required-endpoints-exist", graph).silent


def test_double_encryption_is_encryption(deployed: Graph) -> None:
    graph = deployed.copy()
    repository = "aws:ecr/repository:Repository"
    graph.set(repository, "images", "encryptionConfigurations.0.encryptionType", "KMS_DSSE")
    assert judge("stores-are-encrypted", graph).silent


def test_a_fips_endpoint_has_no_policy(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.drop("VpcEndpoint", "sagemaker.runtime", "policy")
    assert not judge("endpoint-policies-are-bounded", graph).silent
    graph.set("VpcEndpoint", "sagemaker.runtime", "serviceName", FIPS)
    assert judge("endpoint-policies-are-bounded", graph).silent


def test_calls_that_nobody_signs_pass_to_apis_that_are_named(deployed: Graph) -> None:
    """Who makes them is for the API to ask: a rule of its own."""
    graph = deployed.copy()
    for action, arn, silent in (
        ("execute-api:Invoke", f"{API}:a1b2c3/*", True),
        ("execute-api:Invoke", f"{API}:/domainnames/models.example.internal+*", True),
        ("execute-api:Invoke", f"{API}:*", False),
        ("execute-api:Invoke", "*", False),
        ("execute-api:*", f"{API}:a1b2c3/*", False),
        ("s3:GetObject", f"{API}:a1b2c3/*", False),
    ):
        statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": [action], "Resource": [arn]}
        graph.set("VpcEndpoint", "sagemaker.runtime", "policy", json.dumps({"Statement": [statement]}))
        assert judge("endpoint-policies-are-bounded", graph).silent == silent, (action, arn)


def test_a_serverless_variant_has_no_instances_to_count_or_scale(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.remove("aws:appautoscaling/target:Target", "triage")
    graph.drop("EndpointConfiguration", "triage-*", "productionVariants.0.initialInstanceCount")
    for rule in ("variants-are-scaled", "two-instances-serve"):
        assert not judge(rule, graph).silent
    graph.set("EndpointConfiguration", "triage-*", "productionVariants.0.serverlessConfig", SERVERLESS)
    for rule in ("variants-are-scaled", "two-instances-serve"):
        assert judge(rule, graph).silent


def test_what_is_asked_later_waits_for_an_instance(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.set("aws:appautoscaling/target:Target", "triage", "minCapacity", 0)
    graph.set("EndpointConfiguration", "triage-*", "productionVariants.0.initialInstanceCount", 1)
    assert not judge("two-instances-serve", graph).silent
    answers = {"outputConfig": {"s3OutputPath": Ref("aws:s3/bucket:Bucket", "artifacts"), "kmsKeyId": "x"}}
    graph.set("EndpointConfiguration", "triage-*", "asyncInferenceConfig", answers)
    assert judge("two-instances-serve", graph).silent


def test_a_shadow_may_be_scaled_or_not(deployed: Graph) -> None:
    graph = deployed.copy()
    scaled = graph.one("aws:appautoscaling/target:Target", "triage").properties
    target = {**scaled, "resourceId": "endpoint/triage/variant/shadow"}
    graph.add("aws:appautoscaling/target:Target", "triage-shadow", target)
    assert not judge("variants-are-scaled", graph).silent
    served = graph.one("EndpointConfiguration", "triage-*").properties["productionVariants"][0]
    shadow = {**served, "variantName": "shadow"}
    graph.set("EndpointConfiguration", "triage-*", "shadowProductionVariants", [shadow])
    assert judge("variants-are-scaled", graph).silent
    graph.remove("aws:appautoscaling/target:Target", "triage-shadow")
    assert judge("variants-are-scaled", graph).silent


def test_a_key_outside_the_stack_may_be_named(deployed: Graph) -> None:
    arn = "arn:aws:kms:us-east-1:123456789012:key/0f7a3c1e-1111-2222-3333-444455556666"
    graph = deployed.copy()
    graph.set("LogGroup", "triage", "kmsKeyId", arn)
    assert not judge("keys-are-this-stacks", graph).silent
    assert judge("keys-are-this-stacks", graph, {"keys": [arn]}).silent


def test_a_bucket_outside_the_stack_may_be_named(deployed: Graph) -> None:
    graph = deployed.copy()
    own = {"Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}}
    graph.set("VpcEndpoint", "s3", "policy", allow("s3:GetObject", "arn:aws:s3:::approved/*", Principal="*", **own))
    assert not judge("s3-gateway-reaches-own-buckets", graph).silent
    assert judge("s3-gateway-reaches-own-buckets", graph, {"buckets": ["approved"]}).silent


def test_a_key_may_admit_a_service_through_the_account(deployed: Graph) -> None:
    graph = deployed.copy()
    account = {"AWS": "arn:aws:iam::123456789012:root"}
    graph.set("Key", "logs", "policy", allow("kms:*", "*", Principal=account))
    assert judge("keys-are-this-stacks", graph).silent
    via = {"Condition": {"StringEquals": {"kms:ViaService": ["s3.us-east-1.amazonaws.com"]}}}
    graph.set("Key", "logs", "policy", allow("kms:*", "*", Principal=account, **via))
    assert not judge("keys-are-this-stacks", graph).silent


def test_a_load_balancer_is_an_application_one_unless_it_says_otherwise(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.drop("LoadBalancer", "front", "loadBalancerType")
    graph.drop("LoadBalancer", "front", "dropInvalidHeaderFields")
    assert not judge("load-balancers-are-hardened", graph).silent
    graph.set("LoadBalancer", "front", "loadBalancerType", "network")
    assert judge("load-balancers-are-hardened", graph).silent


def test_a_last_rule_that_denies_everything_is_no_denied_block(deployed: Graph) -> None:
    graph = deployed.copy()
    rule = {"networkAclId": Ref("NetworkAcl", "access"), "ruleNumber": 32766, "egress": False, "ruleAction": "deny"}
    graph.add(
        "aws:ec2/networkAclRule:NetworkAclRule",
        "last",
        {**rule, "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlock": "0.0.0.0/0"},
    )
    for name in ("paths-are-as-intended", "network-acls-are-symmetric", "network-acls-are-narrow"):
        assert judge(name, graph).silent


def test_a_domain_name_that_names_no_tls_policy_is_not_taken_for_modern(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.drop("DomainName", "scoring", "securityPolicy")
    assert not judge("connections-use-tls", graph).silent


def test_a_bucket_that_refuses_tls_does_not_refuse_plaintext(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.remove("aws:s3/bucketPolicy:BucketPolicy", "artifacts")
    graph.set("aws:s3/bucket:Bucket", "artifacts", "policy", TLS_ONLY.replace("false", "true"))
    assert not judge("buckets-require-tls", graph).silent


def test_one_action_that_takes_no_resource_does_not_free_the_others(deployed: Graph) -> None:
    graph = deployed.copy()
    graph.set("RolePolicy", "team", "policy", allow("ecr:GetAuthorizationToken", "*"))
    assert judge("no-wildcard-resources", graph).silent
    graph.set("RolePolicy", "team", "policy", allow(["ecr:GetAuthorizationToken", "s3:GetObject"], "*"))
    assert not judge("no-wildcard-resources", graph).silent


def test_a_function_in_a_vpc_may_have_the_policy_that_aws_publishes_for_it(deployed: Graph) -> None:
    graph = deployed.copy()
    published = [f"ec2:{does}NetworkInterface" for does in ("Create", "Delete")]
    graph.set("RolePolicy", "team", "policy", allow([*published, "ec2:DescribeNetworkInterfaces"], "*"))
    assert judge("no-wildcard-resources", graph).silent
    graph.set("RolePolicy", "team", "policy", allow([*published, "ec2:CreateNetworkInterfacePermission"], "*"))
    assert not judge("no-wildcard-resources", graph).silent


BY_API_GATEWAY = TRUST.replace("sagemaker.amazonaws.com", "apigateway.amazonaws.com")


@pytest.mark.parametrize("preview", [False, True])
def test_a_role_that_api_gateway_alone_takes_may_call_models_for_an_api(
    preview: bool, deployed: Graph, previewed: Graph
) -> None:
    rule, graph = "models-are-called-from-inside", (previewed if preview else deployed).copy()
    call = allow("sagemaker:InvokeEndpoint", ARN.format("sagemaker", "endpoint/triage"))
    graph.add("aws:iam/role:Role", "door", {"assumeRolePolicy": BY_API_GATEWAY})
    graph.add("aws:iam/rolePolicy:RolePolicy", "door", {"role": Ref("Role", "door"), "policy": call})
    policy = graph.one("RolePolicy", "door").urn
    assert policy in judge(rule, graph).named  # no API uses it
    integration = {"restApi": Ref("RestApi", "scoring"), "credentials": Ref("Role", "door", "arn")}
    graph.add("aws:apigateway/integration:Integration", "door", integration)
    assert policy not in judge(rule, graph).named
    for trust in (TRUST, BY_API_GATEWAY.replace("SourceAccount", "userid"), allow("sts:AssumeRole", "*")):
        graph.set("Role", "door", "assumeRolePolicy", trust)
        assert policy in judge(rule, graph).named


def test_a_transit_gateways_subnets_let_in_requests_of_other_networks(deployed: Graph) -> None:
    """Their ACL judges what comes from elsewhere. Answers are of the requests' protocol."""
    graph, vpc, access = deployed.copy(), Ref("Vpc", "network"), "10.0.64.0/18"
    zone, block = graph.one("Subnet", "access-us-east-1a").properties["availabilityZone"], "10.0.255.128/28"
    graph.add("aws:ec2/subnet:Subnet", "transit", {"vpcId": vpc, "availabilityZone": zone, "cidrBlock": block})
    entry = {"action": "allow", "cidrBlock": access, "protocol": "tcp"}
    ingress = [entry | {"ruleNo": 100, "fromPort": 1024, "toPort": 65535}]
    egress = [entry | {"ruleNo": 100, "fromPort": 443, "toPort": 443}]
    own = {"vpcId": vpc, "subnetIds": [Ref("Subnet", "transit")], "ingress": ingress, "egress": egress}
    graph.add("aws:ec2/networkAcl:NetworkAcl", "transit", own)
    symmetric, proof = "network-acls-are-symmetric", "paths-are-as-intended"
    assert not judge(symmetric, graph).silent
    attached = {"vpcId": vpc, "transitGatewayId": "tgw-0a1b2c3d4e5f60718", "subnetIds": [Ref("Subnet", "transit")]}
    graph.add("aws:ec2transitgateway/vpcAttachment:VpcAttachment", "transit", attached)
    assert judge(symmetric, graph).silent
    assert judge(proof, graph).silent
    graph.set("NetworkAcl", "transit", "ingress", [ingress[0] | {"protocol": "udp"}])
    assert not judge(symmetric, graph).silent
