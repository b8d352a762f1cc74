"""How each Pulumi type is deleted: the AWS calls that the AWS provider makes, from a resource's id and outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from private_inference.life import load_balancer
from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import select
from private_inference.rehearsal.handlers.ec2 import filters

State = Mapping[str, Any]
"""A resource's outputs, with its `id`."""

Delete = Callable[[Account, State], None]


@dataclass(frozen=True)
class Call:
    """A `Delete` of one AWS call. `parameters` are JMESPath expressions over the state; without a value, left out."""

    service: str
    operation: str
    parameters: Mapping[str, str]

    def __call__(self, account: Account, state: State) -> None:
        given = {key: value for key, value in select(self.parameters, state).items() if value is not None}
        getattr(account.client(self.service), self.operation)(**given)


def kept(account: Account, state: State) -> None:
    """Nothing to do: the provider leaves a VPC's own defaults where they are, and so do settings without a deletion."""


@dataclass(frozen=True)
class Unblocked:
    """A `Delete` that is tried again while something else of AWS's is in the way, as the provider does for minutes."""

    delete: Call

    def __call__(self, account: Account, state: State) -> None:
        for _ in range(ATTEMPTS):
            try:
                return self.delete(account, state)
            except ClientError as error:
                if error.response["Error"]["Code"] != "DependencyViolation":
                    raise
        return self.delete(account, state)


@dataclass(frozen=True)
class Absent:
    """A `Delete` of what may have gone with something else: then the provider takes it for deleted.

    https://github.com/hashicorp/terraform-provider-aws/tree/main/internal/service/appautoscaling
    """

    delete: Call
    code: str
    """AWS's error for what is not there."""

    def __call__(self, account: Account, state: State) -> None:
        try:
            self.delete(account, state)
        except ClientError as error:
            if error.response["Error"]["Code"] != self.code:
                raise


ATTEMPTS = 5
"""The embedded AWS removes interfaces after a few looks at them, not after minutes."""


def network_acl(account: Account, state: State) -> None:
    """An ACL's subnets go back to the VPC's default ACL first, as with the provider."""
    ec2 = account.client("ec2")
    default = ec2.describe_network_acls(Filters=filters(vpc_id=state["vpcId"], default="true"))["NetworkAcls"][0]
    (acl,) = ec2.describe_network_acls(NetworkAclIds=[state["id"]])["NetworkAcls"]
    for association in acl["Associations"]:
        ec2.replace_network_acl_association(
            AssociationId=association["NetworkAclAssociationId"], NetworkAclId=default["NetworkAclId"]
        )
    ec2.delete_network_acl(NetworkAclId=state["id"])


def bucket(account: Account, state: State) -> None:
    """With `forceDestroy` its objects go first, with all their versions."""
    if state.get("forceDestroy"):
        _delete_versions(account, state["id"], "")
    account.client("s3").delete_bucket(Bucket=state["id"])


def bucket_object(account: Account, state: State) -> None:
    """All its versions: https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/s3_object."""
    _delete_versions(account, state["bucket"], state["key"])


def _delete_versions(account: Account, name: str, prefix: str) -> None:
    s3 = account.client("s3")
    listed = s3.list_object_versions(Bucket=name, Prefix=prefix)
    for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])


def policy(account: Account, state: State) -> None:
    """A managed policy's other versions go first."""
    iam = account.client("iam")
    for version in iam.list_policy_versions(PolicyArn=state["arn"])["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=state["arn"], VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=state["arn"])


def role(account: Account, state: State) -> None:
    """The inline policies that the resource itself declares go with it."""
    iam = account.client("iam")
    for inline in state.get("inlinePolicies") or []:
        iam.delete_role_policy(RoleName=state["id"], PolicyName=inline["name"])
    for arn in state.get("managedPolicyArns") or []:
        iam.detach_role_policy(RoleName=state["id"], PolicyArn=arn)
    iam.delete_role(RoleName=state["id"])


def versioning(account: Account, state: State) -> None:
    """Versioning can be suspended, not removed."""
    suspended = {"Status": "Suspended"}
    account.client("s3").put_bucket_versioning(Bucket=state["bucket"], VersioningConfiguration=suspended)


def logging(account: Account, state: State) -> None:
    account.client("s3").put_bucket_logging(Bucket=state["bucket"], BucketLoggingStatus={})


def record(account: Account, state: State) -> None:
    """Route 53 deletes a record by all that it says."""
    said: dict[str, Any] = {"Name": state["name"], "Type": state["type"]}
    if state.get("aliases"):
        (alias,) = state["aliases"]
        target = {"DNSName": alias["name"], "HostedZoneId": alias["zoneId"]}
        said["AliasTarget"] = target | {"EvaluateTargetHealth": alias["evaluateTargetHealth"]}
    else:
        said |= {"TTL": state["ttl"], "ResourceRecords": [{"Value": value} for value in state["records"]]}
    changes = [{"Action": "DELETE", "ResourceRecordSet": said}]
    account.client("route53").change_resource_record_sets(
        HostedZoneId=state["zoneId"], ChangeBatch={"Changes": changes}
    )


def zone_association(account: Account, state: State) -> None:
    place = {"VPCId": state["vpcId"], "VPCRegion": state["vpcRegion"]}
    account.client("route53").disassociate_vpc_from_hosted_zone(HostedZoneId=state["zoneId"], VPC=place)


_METHOD = {"restApiId": "restApi", "resourceId": "resourceId", "httpMethod": "httpMethod"}
_RULE = {"GroupId": "securityGroupId", "SecurityGroupRuleIds": "[id]"}
_BUCKET = {"Bucket": "bucket"}
NO_OBJECT = "ObjectNotFoundException"
_SCALABLE = {
    "ServiceNamespace": "serviceNamespace",
    "ResourceId": "resourceId",
    "ScalableDimension": "scalableDimension",
}

DELETIONS: Mapping[str, Delete] = {
    "aws:acm/certificate:Certificate": Call("acm", "delete_certificate", {"CertificateArn": "id"}),
    "aws:acm/certificateValidation:CertificateValidation": kept,
    "aws:apigateway/authorizer:Authorizer": Call(
        "apigateway", "delete_authorizer", {"restApiId": "restApi", "authorizerId": "id"}
    ),
    "aws:apigateway/basePathMapping:BasePathMapping": Call(
        "apigateway",
        "delete_base_path_mapping",
        {"domainName": "domainName", "domainNameId": "domainNameId", "basePath": "basePath || '(none)'"},
    ),
    "aws:apigateway/deployment:Deployment": Call(
        "apigateway", "delete_deployment", {"restApiId": "restApi", "deploymentId": "id"}
    ),
    "aws:apigateway/domainName:DomainName": Call(
        "apigateway", "delete_domain_name", {"domainName": "domainName", "domainNameId": "domainNameId"}
    ),
    "aws:apigateway/domainNameAccessAssociation:DomainNameAccessAssociation": Call(
        "apigateway", "delete_domain_name_access_association", {"domainNameAccessAssociationArn": "id"}
    ),
    "aws:apigateway/integration:Integration": Call("apigateway", "delete_integration", _METHOD),
    "aws:apigateway/integrationResponse:IntegrationResponse": Call(
        "apigateway", "delete_integration_response", {**_METHOD, "statusCode": "statusCode"}
    ),
    "aws:apigateway/method:Method": Call("apigateway", "delete_method", _METHOD),
    "aws:apigateway/methodResponse:MethodResponse": Call(
        "apigateway", "delete_method_response", {**_METHOD, "statusCode": "statusCode"}
    ),
    # They go with the stage, and the policy with its API.
    "aws:apigateway/methodSettings:MethodSettings": kept,
    "aws:apigateway/resource:Resource": Call(
        "apigateway", "delete_resource", {"restApiId": "restApi", "resourceId": "id"}
    ),
    "aws:apigateway/restApi:RestApi": Call("apigateway", "delete_rest_api", {"restApiId": "id"}),
    "aws:apigateway/restApiPolicy:RestApiPolicy": kept,
    "aws:apigateway/stage:Stage": Call(
        "apigateway", "delete_stage", {"restApiId": "restApi", "stageName": "stageName"}
    ),
    "aws:appautoscaling/policy:Policy": Absent(
        Call("application-autoscaling", "delete_scaling_policy", {"PolicyName": "name", **_SCALABLE}), NO_OBJECT
    ),
    "aws:appautoscaling/target:Target": Absent(
        Call("application-autoscaling", "deregister_scalable_target", _SCALABLE), NO_OBJECT
    ),
    "aws:cloudtrail/trail:Trail": Call("cloudtrail", "delete_trail", {"Name": "arn"}),
    "aws:cloudwatch/contributorInsightRule:ContributorInsightRule": Call(
        "cloudwatch", "delete_insight_rules", {"RuleNames": "[id]"}
    ),
    "aws:cloudwatch/dashboard:Dashboard": Call("cloudwatch", "delete_dashboards", {"DashboardNames": "[id]"}),
    "aws:cloudwatch/logGroup:LogGroup": Call("logs", "delete_log_group", {"logGroupName": "id"}),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Call(
        "logs", "delete_metric_filter", {"logGroupName": "logGroupName", "filterName": "id"}
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Call("cloudwatch", "delete_alarms", {"AlarmNames": "[id]"}),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Call("cloudwatch", "delete_alarms", {"AlarmNames": "[id]"}),
    "aws:cloudwatch/eventRule:EventRule": Call("events", "delete_rule", {"Name": "name"}),
    "aws:cloudwatch/eventTarget:EventTarget": Call("events", "remove_targets", {"Rule": "rule", "Ids": "[targetId]"}),
    "aws:ebs/defaultKmsKey:DefaultKmsKey": Call("ec2", "reset_ebs_default_kms_key_id", {}),
    "aws:ebs/encryptionByDefault:EncryptionByDefault": Call("ec2", "disable_ebs_encryption_by_default", {}),
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": Call(
        "ec2", "disable_snapshot_block_public_access", {}
    ),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": kept,
    "aws:ec2/defaultRouteTable:DefaultRouteTable": kept,
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": kept,
    "aws:ec2/flowLog:FlowLog": Call("ec2", "delete_flow_logs", {"FlowLogIds": "[id]"}),
    "aws:ec2/networkAcl:NetworkAcl": network_acl,
    "aws:ec2/networkAclRule:NetworkAclRule": Call(
        "ec2",
        "delete_network_acl_entry",
        {"NetworkAclId": "networkAclId", "RuleNumber": "ruleNumber", "Egress": "egress"},
    ),
    "aws:ec2/route:Route": Call(
        "ec2", "delete_route", {"RouteTableId": "routeTableId", "DestinationCidrBlock": "destinationCidrBlock"}
    ),
    "aws:ec2/routeTable:RouteTable": Call("ec2", "delete_route_table", {"RouteTableId": "id"}),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Call(
        "ec2", "disassociate_route_table", {"AssociationId": "id"}
    ),
    "aws:ec2/securityGroup:SecurityGroup": Unblocked(Call("ec2", "delete_security_group", {"GroupId": "id"})),
    "aws:ec2/subnet:Subnet": Unblocked(Call("ec2", "delete_subnet", {"SubnetId": "id"})),
    "aws:ec2/vpc:Vpc": Call("ec2", "delete_vpc", {"VpcId": "id"}),
    "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions": Call(
        "ec2", "modify_vpc_block_public_access_options", {"InternetGatewayBlockMode": "'off'"}
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Call("ec2", "delete_vpc_endpoints", {"VpcEndpointIds": "[id]"}),
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment": Call(
        "ec2", "detach_vpn_gateway", {"VpcId": "vpcId", "VpnGatewayId": "vpnGatewayId"}
    ),
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": Call(
        "ec2", "delete_transit_gateway_vpc_attachment", {"TransitGatewayAttachmentId": "id"}
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Call("ecr", "delete_lifecycle_policy", {"repositoryName": "id"}),
    "aws:ecr/repository:Repository": Call("ecr", "delete_repository", {"repositoryName": "id", "force": "forceDelete"}),
    "aws:ecs/cluster:Cluster": Call("ecs", "delete_cluster", {"cluster": "arn"}),
    "aws:ecs/service:Service": load_balancer.service_deleted,
    "aws:ecs/taskDefinition:TaskDefinition": Call("ecs", "deregister_task_definition", {"taskDefinition": "arn"}),
    "aws:iam/policy:Policy": policy,
    "aws:iam/role:Role": role,
    "aws:iam/rolePolicy:RolePolicy": Call("iam", "delete_role_policy", {"RoleName": "role", "PolicyName": "name"}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Call(
        "iam", "detach_role_policy", {"RoleName": "role", "PolicyArn": "policyArn"}
    ),
    "aws:kms/alias:Alias": Call("kms", "delete_alias", {"AliasName": "id"}),
    "aws:kms/key:Key": Call(
        "kms", "schedule_key_deletion", {"KeyId": "id", "PendingWindowInDays": "deletionWindowInDays"}
    ),
    "aws:lambda/function:Function": Call("lambda", "delete_function", {"FunctionName": "id"}),
    "aws:lb/listener:Listener": Call("elbv2", "delete_listener", {"ListenerArn": "id"}),
    "aws:lb/loadBalancer:LoadBalancer": Call("elbv2", "delete_load_balancer", {"LoadBalancerArn": "id"}),
    "aws:lb/targetGroup:TargetGroup": Call("elbv2", "delete_target_group", {"TargetGroupArn": "id"}),
    "aws:lb/trustStore:TrustStore": Call("elbv2", "delete_trust_store", {"TrustStoreArn": "id"}),
    "aws:organizations/policy:Policy": Call("organizations", "delete_policy", {"PolicyId": "id"}),
    "aws:organizations/policyAttachment:PolicyAttachment": Call(
        "organizations", "detach_policy", {"PolicyId": "policyId", "TargetId": "targetId"}
    ),
    "aws:route53/record:Record": record,
    "aws:route53/resolverEndpoint:ResolverEndpoint": Call(
        "route53resolver", "delete_resolver_endpoint", {"ResolverEndpointId": "id"}
    ),
    "aws:route53/zone:Zone": Call("route53", "delete_hosted_zone", {"Id": "id"}),
    "aws:route53/zoneAssociation:ZoneAssociation": zone_association,
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": Call(
        "s3control", "delete_public_access_block", {"AccountId": "id"}
    ),
    "aws:s3/bucket:Bucket": bucket,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Call("s3", "delete_bucket_lifecycle", _BUCKET),
    "aws:s3/bucketLogging:BucketLogging": logging,
    "aws:s3/bucketObjectv2:BucketObjectv2": bucket_object,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Call("s3", "delete_bucket_ownership_controls", _BUCKET),
    "aws:s3/bucketPolicy:BucketPolicy": Call("s3", "delete_bucket_policy", _BUCKET),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Call("s3", "delete_public_access_block", _BUCKET),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Call(
        "s3", "delete_bucket_encryption", _BUCKET
    ),
    "aws:s3/bucketVersioning:BucketVersioning": versioning,
    "aws:sagemaker/endpoint:Endpoint": Call("sagemaker", "delete_endpoint", {"EndpointName": "id"}),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": Call(
        "sagemaker", "delete_endpoint_config", {"EndpointConfigName": "id"}
    ),
    "aws:sagemaker/model:Model": Call("sagemaker", "delete_model", {"ModelName": "id"}),
    "aws:sns/topic:Topic": Call("sns", "delete_topic", {"TopicArn": "id"}),
    # The topic itself goes with it, and a topic can't be without a policy.
    "aws:sns/topicPolicy:TopicPolicy": kept,
    "aws:sns/topicSubscription:TopicSubscription": Call("sns", "unsubscribe", {"SubscriptionArn": "id"}),
    "aws:cloudformation/stack:Stack": Call("cloudformation", "delete_stack", {"StackName": "id"}),
    "aws:ssm/parameter:Parameter": Call("ssm", "delete_parameter", {"Name": "id"}),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Call("ec2", "revoke_security_group_egress", _RULE),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Call("ec2", "revoke_security_group_ingress", _RULE),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Call(
        "wafv2", "disassociate_web_acl", {"ResourceArn": "resourceArn"}
    ),
    "docker-build:index:Image": kept,  # what was pushed stays in the registry
}
