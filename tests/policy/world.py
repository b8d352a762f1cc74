"""Ways to break the promise, by class, and what ordinary teams put beside the stack: written without looking at rules.

Each case is its title and changes to the compliant stack: (type, properties) adds a resource named `added`;
(type, name, path, value) changes one that is there. A case of a class is caught if a mandatory rule reports it;
a neighbour passes if none does. The first half of each class was written before the general rules, the second after;
the files of `cases/` by others, who had not seen the rules.
"""

import json
from typing import Any

from tests.policy.graph import Ref
from tests.policy.neighbours import APP_SUBNETS, ARN, CLIENT_GROUP, DATA_KEY, VPC_CONFIG, allow

Change = tuple[Any, ...]
Case = tuple[str, list[Change]]

VPC = Ref("Vpc", "network")
APP = APP_SUBNETS[0]
BUCKET = Ref("aws:s3/bucket:Bucket", "artifacts")
FOREIGN = "444455556666"
STRANGER = f"arn:aws:iam::{FOREIGN}:root"
FARGATE = {"subnets": APP_SUBNETS, "securityGroups": [CLIENT_GROUP]}
EC2_ALL = {"ipProtocol": "-1", "securityGroupId": CLIENT_GROUP, "description": "All"}


def sealed(principal: Any, action: str, resource: str, **more: Any) -> str:
    return allow(action, resource, Principal=principal, **more)


WAYS_OUT: list[Case] = [
    ("accelerator", [("aws:globalaccelerator/accelerator:Accelerator", {"name": "x"})]),
    (
        "transit gateway route to everywhere",
        [
            (
                "aws:ec2/route:Route",
                {
                    "routeTableId": Ref("RouteTable", "app"),
                    "destinationCidrBlock": "0.0.0.0/0",
                    "transitGatewayId": "tgw-0123456789abcdef0",
                },
            )
        ],
    ),
    (
        "client VPN endpoint",
        [
            (
                "aws:ec2clientvpn/endpoint:Endpoint",
                {
                    "serverCertificateArn": ARN.format("acm", "certificate/x"),
                    "clientCidrBlock": "172.31.0.0/16",
                    "splitTunnel": True,
                },
            )
        ],
    ),
    (
        "peering with another account",
        [
            (
                "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
                {"vpcId": VPC, "peerVpcId": "vpc-0aaaaaaaaaaaaaaaa", "peerOwnerId": FOREIGN},
            )
        ],
    ),
    (
        "DHCP options with a public resolver",
        [("aws:ec2/vpcDhcpOptions:VpcDhcpOptions", {"domainNameServers": ["8.8.8.8"]})],
    ),
    (
        "resolver rule that forwards everything",
        [
            (
                "aws:route53/resolverRule:ResolverRule",
                {"domainName": ".", "ruleType": "FORWARD", "targetIps": [{"ip": "198.51.100.7"}]},
            )
        ],
    ),
    (
        "private zone over AWS's names",
        [("aws:route53/zone:Zone", {"name": "runtime.sagemaker.us-east-1.amazonaws.com", "vpcs": [{"vpcId": VPC}]})],
    ),
    (
        "site-to-site VPN",
        [
            (
                "aws:ec2/vpnConnection:VpnConnection",
                {"customerGatewayId": "cgw-0123", "transitGatewayId": "tgw-0123", "type": "ipsec.1"},
            )
        ],
    ),
]

SHARING: list[Case] = [
    (
        "image for everyone",
        [("aws:ec2/amiLaunchPermission:AmiLaunchPermission", {"imageId": "ami-0123", "group": "all"})],
    ),
    (
        "snapshot for another account",
        [
            (
                "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission",
                {"snapshotId": "snap-0123", "accountId": FOREIGN},
            )
        ],
    ),
    ("resource share", [("aws:ram/resourceShare:ResourceShare", {"name": "x", "allowExternalPrincipals": True})]),
    (
        "share for another account",
        [
            (
                "aws:ram/principalAssociation:PrincipalAssociation",
                {"principal": FOREIGN, "resourceShareArn": ARN.format("ram", "resource-share/x")},
            )
        ],
    ),
    (
        "database snapshot for all",
        [
            (
                "aws:rds/snapshot:Snapshot",
                {"dbInstanceIdentifier": "features", "dbSnapshotIdentifier": "x", "sharedAccounts": ["all"]},
            )
        ],
    ),
    (
        "grant to another account",
        [("aws:kms/grant:Grant", {"keyId": DATA_KEY, "granteePrincipal": STRANGER, "operations": ["Decrypt"]})],
    ),
    (
        "bucket for another account",
        [
            (
                "aws:s3/bucketPolicy:BucketPolicy",
                {"bucket": "b", "policy": sealed({"AWS": STRANGER}, "s3:GetObject", "arn:aws:s3:::b/*")},
            )
        ],
    ),
    (
        "endpoint service",
        [("aws:ec2/vpcEndpointService:VpcEndpointService", {"acceptanceRequired": False, "allowedPrincipals": ["*"]})],
    ),
]

EXPOSURE: list[Case] = [
    ("broker", [("aws:mq/broker:Broker", {"brokerName": "b", "engineType": "RabbitMQ", "publiclyAccessible": True})]),
    (
        "public task on a schedule",
        [
            (
                "aws:scheduler/schedule:Schedule",
                {
                    "scheduleExpression": "rate(1 hour)",
                    "flexibleTimeWindow": {"mode": "OFF"},
                    "target": {
                        "arn": ARN.format("ecs", "cluster/c"),
                        "roleArn": ARN.format("iam", "role/r"),
                        "ecsParameters": {
                            "taskDefinitionArn": ARN.format("ecs", "task-definition/t:1"),
                            "networkConfiguration": {"assignPublicIp": True, "subnets": APP_SUBNETS},
                        },
                    },
                },
            )
        ],
    ),
    (
        "identity pool for guests",
        [("aws:cognito/identityPool:IdentityPool", {"identityPoolName": "p", "allowUnauthenticatedIdentities": True})],
    ),
    (
        "search domain outside the VPC",
        [
            (
                "aws:opensearch/domain:Domain",
                {"domainName": "d", "encryptAtRest": {"enabled": True, "kmsKeyId": DATA_KEY}},
            )
        ],
    ),
    (
        "streams cluster",
        [
            (
                "aws:msk/cluster:Cluster",
                {
                    "clusterName": "c",
                    "encryptionInfo": {"encryptionAtRestKmsKeyArn": DATA_KEY},
                    "brokerNodeGroupInfo": {
                        "clientSubnets": APP_SUBNETS,
                        "securityGroups": [CLIENT_GROUP],
                        "connectivityInfo": {"publicAccess": {"type": "SERVICE_PROVIDED_EIPS"}},
                    },
                },
            )
        ],
    ),
    (
        "graph",
        [
            (
                "aws:neptunegraph/graph:Graph",
                {"provisionedMemory": 16, "publicConnectivity": True, "kmsKeyIdentifier": DATA_KEY},
            )
        ],
    ),
    (
        "classic load balancer",
        [
            (
                "aws:elb/loadBalancer:LoadBalancer",
                {
                    "subnets": APP_SUBNETS,
                    "listeners": [
                        {"lbProtocol": "https", "lbPort": 443, "instancePort": 443, "instanceProtocol": "https"}
                    ],
                },
            )
        ],
    ),
    (
        "public build project",
        [
            (
                "aws:codebuild/project:Project",
                {"name": "p", "projectVisibility": "PUBLIC_READ", "encryptionKey": DATA_KEY, "vpcConfig": VPC_CONFIG},
            )
        ],
    ),
]

SINKS: list[Case] = [
    (
        "captured data for another bucket",
        [
            (
                "EndpointConfiguration",
                "triage-*",
                "dataCaptureConfig",
                {
                    "enableCapture": True,
                    "initialSamplingPercentage": 100,
                    "kmsKeyId": DATA_KEY,
                    "destinationS3Uri": "s3://somebody-elses-bucket/x",
                    "captureOptions": [{"captureMode": "Input"}],
                },
            )
        ],
    ),
    (
        "asynchronous answers for another bucket",
        [
            (
                "EndpointConfiguration",
                "triage-*",
                "asyncInferenceConfig",
                {"outputConfig": {"s3OutputPath": "s3://somebody-elses-bucket/x", "kmsKeyId": DATA_KEY}},
            )
        ],
    ),
    (
        "replication",
        [
            (
                "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
                {
                    "bucket": BUCKET,
                    "role": ARN.format("iam", "role/r"),
                    "rules": [
                        {
                            "status": "Enabled",
                            "destination": {"bucket": "arn:aws:s3:::somebody-elses", "account": FOREIGN},
                        }
                    ],
                },
            )
        ],
    ),
    (
        "web hook",
        [
            (
                "aws:sns/topicSubscription:TopicSubscription",
                {"topic": ARN.format("sns", "alarms"), "protocol": "https", "endpoint": "https://hooks.example.com/x"},
            )
        ],
    ),
    (
        "delivery stream to a URL",
        [
            (
                "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
                {
                    "destination": "http_endpoint",
                    "serverSideEncryption": {"enabled": True, "keyType": "CUSTOMER_MANAGED_CMK", "keyArn": DATA_KEY},
                    "httpEndpointConfiguration": {
                        "url": "https://collector.example.com",
                        "s3Configuration": {"bucketArn": "arn:aws:s3:::x", "roleArn": ARN.format("iam", "role/r")},
                    },
                },
            )
        ],
    ),
    (
        "log subscription of another account",
        [
            (
                "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
                {
                    "logGroup": "/aws/sagemaker/x",
                    "filterPattern": "",
                    "destinationArn": f"arn:aws:logs:us-east-1:{FOREIGN}:destination:d",
                },
            )
        ],
    ),
    (
        "link",
        [
            (
                "aws:oam/link:Link",
                {
                    "labelTemplate": "$AccountName",
                    "resourceTypes": ["AWS::Logs::LogGroup"],
                    "sinkIdentifier": f"arn:aws:oam:us-east-1:{FOREIGN}:sink/s",
                },
            )
        ],
    ),
    (
        "core dumps for another bucket",
        [
            (
                "EndpointConfiguration",
                "triage-*",
                "productionVariants.0.coreDumpConfig",
                {"destinationS3Uri": "s3://somebody-elses-bucket/dumps", "kmsKeyId": DATA_KEY},
            )
        ],
    ),
]

ENCRYPTION: list[Case] = [
    ("table", [("aws:dynamodb/table:Table", {"hashKey": "k", "attributes": [{"name": "k", "type": "S"}]})]),
    ("stream", [("aws:kinesis/stream:Stream", {"shardCount": 1})]),
    ("file system", [("aws:efs/fileSystem:FileSystem", {"encrypted": True})]),
    (
        "cache",
        [
            (
                "aws:elasticache/replicationGroup:ReplicationGroup",
                {"description": "c", "atRestEncryptionEnabled": True, "transitEncryptionEnabled": True},
            )
        ],
    ),
    ("secret", [("aws:secretsmanager/secret:Secret", {"name": "s"})]),
    (
        "search domain with AWS's key",
        [
            (
                "aws:opensearch/domain:Domain",
                {"domainName": "d", "encryptAtRest": {"enabled": True}, "vpcOptions": {"subnetIds": APP_SUBNETS}},
            )
        ],
    ),
    ("replica key", [("aws:kms/replicaKey:ReplicaKey", {"primaryKeyArn": ARN.format("kms", "key/mrk-1")})]),
    ("external key", [("aws:kms/externalKey:ExternalKey", {"keyMaterialBase64": "AAAA"})]),
    (
        "template's volumes",
        [
            (
                "aws:ec2/launchTemplate:LaunchTemplate",
                {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 10}}]},
            )
        ],
    ),
]

IDENTITY: list[Case] = [
    (
        "exclusive attachment",
        [
            (
                "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
                {"roleName": "r", "policyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
            )
        ],
    ),
    (
        "permission set",
        [
            (
                "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
                {
                    "instanceArn": "arn:aws:sso:::instance/i",
                    "permissionSetArn": "arn:aws:sso:::permissionSet/i/p",
                    "managedPolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
                },
            )
        ],
    ),
    (
        "job-function policy",
        [
            (
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                {"role": "r", "policyArn": "arn:aws:iam::aws:policy/job-function/DatabaseAdministrator"},
            )
        ],
    ),
    (
        "read-only policy",
        [
            (
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                {"role": "r", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
            )
        ],
    ),
    ("access key", [("aws:iam/accessKey:AccessKey", {"user": "u"})]),
    (
        "wildcard that is not only *",
        [("aws:iam/rolePolicy:RolePolicy", {"role": "r", "policy": allow("s3:GetObject", "?*")})],
    ),
    (
        "trust of another account",
        [
            (
                "aws:iam/role:Role",
                {"assumeRolePolicy": sealed({"AWS": STRANGER}, "sts:AssumeRole", "*").replace(', "Resource": "*"', "")},
            )
        ],
    ),
    (
        "federation without subject",
        [
            (
                "aws:iam/role:Role",
                {
                    "assumeRolePolicy": sealed(
                        {"Federated": ARN.format("iam", "oidc-provider/token.actions.githubusercontent.com")},
                        "sts:AssumeRoleWithWebIdentity",
                        "*",
                    ).replace(', "Resource": "*"', "")
                },
            )
        ],
    ),
]

SAGEMAKER: list[Case] = [
    (
        "Studio on the internet",
        [
            (
                "aws:sagemaker/domain:Domain",
                {
                    "domainName": "d",
                    "authMode": "IAM",
                    "vpcId": VPC,
                    "subnetIds": APP_SUBNETS,
                    "kmsKeyId": DATA_KEY,
                    "appNetworkAccessType": "PublicInternetOnly",
                },
            )
        ],
    ),
    (
        "monitoring schedule for another bucket",
        [
            (
                "aws:sagemaker/monitoringSchedule:MonitoringSchedule",
                {
                    "monitoringScheduleConfig": {
                        "monitoringType": "DataQuality",
                        "monitoringJobDefinition": {
                            "monitoringOutputConfig": {
                                "monitoringOutputs": {"s3Output": {"localPath": "/x", "s3Uri": "s3://somebody-elses/x"}}
                            }
                        },
                    }
                },
            )
        ],
    ),
    (
        "feature group",
        [
            (
                "aws:sagemaker/featureGroup:FeatureGroup",
                {
                    "featureGroupName": "f",
                    "recordIdentifierFeatureName": "i",
                    "eventTimeFeatureName": "t",
                    "roleArn": ARN.format("iam", "role/r"),
                    "featureDefinitions": [{"featureName": "i", "featureType": "String"}],
                    "onlineStoreConfig": {"enableOnlineStore": True},
                },
            )
        ],
    ),
    (
        "tracking server",
        [
            (
                "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer",
                {
                    "trackingServerName": "t",
                    "artifactStoreUri": "s3://somebody-elses/x",
                    "roleArn": ARN.format("iam", "role/r"),
                },
            )
        ],
    ),
    (
        "work team of a vendor",
        [
            (
                "aws:sagemaker/workforce:Workforce",
                {"workforceName": "w", "cognitoConfig": {"clientId": "c", "userPool": "p"}},
            )
        ],
    ),
    (
        "shared package group",
        [
            (
                "aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy",
                {
                    "modelPackageGroupName": "g",
                    "resourcePolicy": sealed({"AWS": STRANGER}, "sagemaker:DescribeModelPackage", "*"),
                },
            )
        ],
    ),
    (
        "edge fleet",
        [
            (
                "aws:sagemaker/deviceFleet:DeviceFleet",
                {
                    "deviceFleetName": "f",
                    "roleArn": ARN.format("iam", "role/r"),
                    "outputConfig": {"s3OutputLocation": "s3://somebody-elses/x"},
                },
            )
        ],
    ),
]

ENGINE: list[Case] = [
    ("provider without certificate checks", [("pulumi:providers:aws", {"region": "us-east-1", "insecure": "true"})]),
    (
        "provider with other endpoints",
        [("pulumi:providers:aws", {"region": "us-east-1", "endpoints": '[{"s3": "https://s3.example.com"}]'})],
    ),
    ("provider of another region", [("pulumi:providers:aws", {"region": "eu-west-1"})]),
    (
        "provider of another account",
        [
            (
                "pulumi:providers:aws",
                {"region": "us-east-1", "assumeRoles": json.dumps([{"roleArn": f"arn:aws:iam::{FOREIGN}:role/x"}])},
            )
        ],
    ),
    (
        "CloudFormation",
        [
            (
                "aws:cloudformation/stack:Stack",
                {"templateBody": json.dumps({"Resources": {"g": {"Type": "AWS::EC2::InternetGateway"}}})},
            )
        ],
    ),
    (
        "Cloud Control",
        [("aws:cloudcontrol/resource:Resource", {"typeName": "AWS::EC2::InternetGateway", "desiredState": "{}"})],
    ),
    ("another provider", [("aws-native:ec2:InternetGateway", {})]),
    ("dynamic provider", [("pulumi-python:dynamic:Resource", {"__provider": "gASV"})]),
    ("command", [("command:local:Command", {"create": "aws ec2 create-internet-gateway"})]),
    ("catalog product", [("aws:servicecatalog/provisionedProduct:ProvisionedProduct", {"productName": "p"})]),
]

CLASSES: dict[str, list[Case]] = {
    "ways out": WAYS_OUT,
    "sharing": SHARING,
    "exposure": EXPOSURE,
    "sinks": SINKS,
    "encryption": ENCRYPTION,
    "identity": IDENTITY,
    "SageMaker": SAGEMAKER,
    "engine": ENGINE,
}

ROLE = {
    "assumeRolePolicy": sealed({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole", "*").replace(
        ', "Resource": "*"', ""
    )
}
# Written after the rules, without looking at them.
WAYS_OUT += [
    ("internet gateway of the VPC", [("aws:ec2/internetGateway:InternetGateway", {"vpcId": VPC})]),
    ("address", [("aws:ec2/eip:Eip", {"domain": "vpc"})]),
    (
        "instance connect endpoint",
        [("aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint", {"subnetId": APP})],
    ),
    (
        "direct connect interface",
        [("aws:directconnect/publicVirtualInterface:PublicVirtualInterface", {"connectionId": "dxcon-1", "vlan": 1})],
    ),
    (
        "lattice of services",
        [
            (
                "aws:vpclattice/serviceNetworkVpcAssociation:ServiceNetworkVpcAssociation",
                {"serviceNetworkIdentifier": "sn-1", "vpcIdentifier": VPC},
            )
        ],
    ),
    ("verified access", [("aws:verifiedaccess/endpoint:Endpoint", {"endpointType": "load-balancer"})]),
    (
        "egress to everyone by a prefix list",
        [
            (
                "aws:ec2/managedPrefixList:ManagedPrefixList",
                {"addressFamily": "IPv4", "maxEntries": 1, "name": "all", "entries": [{"cidr": "0.0.0.0/0"}]},
            )
        ],
    ),
    (
        "mirror of the traffic",
        [
            (
                "aws:ec2/trafficMirrorTarget:TrafficMirrorTarget",
                {"networkLoadBalancerArn": ARN.format("elasticloadbalancing", "loadbalancer/net/x/1")},
            )
        ],
    ),
    ("IPv6 for the VPC", [("Vpc", "network", "assignGeneratedIpv6CidrBlock", True)]),
    (
        "customer gateway",
        [
            (
                "aws:ec2/customerGateway:CustomerGateway",
                {"bgpAsn": "65000", "ipAddress": "198.51.100.9", "type": "ipsec.1"},
            )
        ],
    ),
]
SHARING += [
    (
        "repository for another account",
        [
            (
                "aws:ecr/repositoryPolicy:RepositoryPolicy",
                {
                    "repository": "r",
                    "policy": sealed({"AWS": FOREIGN}, "ecr:BatchGetImage", "*").replace(', "Resource": "*"', ""),
                },
            )
        ],
    ),
    (
        "registry replication",
        [
            (
                "aws:ecr/replicationConfiguration:ReplicationConfiguration",
                {
                    "replicationConfiguration": {
                        "rules": [{"destinations": [{"region": "eu-west-1", "registryId": FOREIGN}]}]
                    }
                },
            )
        ],
    ),
    (
        "key policy for a stranger by condition",
        [
            (
                "aws:kms/keyPolicy:KeyPolicy",
                {
                    "keyId": "k",
                    "policy": sealed(
                        {"AWS": "*"}, "kms:Decrypt", "*", Condition={"StringEquals": {"kms:CallerAccount": FOREIGN}}
                    ),
                },
            )
        ],
    ),
    (
        "layer for everyone",
        [
            (
                "aws:lambda/layerVersionPermission:LayerVersionPermission",
                {
                    "layerName": "l",
                    "versionNumber": 1,
                    "principal": "*",
                    "action": "lambda:GetLayerVersion",
                    "statementId": "s",
                },
            )
        ],
    ),
    (
        "secret for another account",
        [
            (
                "aws:secretsmanager/secretPolicy:SecretPolicy",
                {"secretArn": "s", "policy": sealed({"AWS": STRANGER}, "secretsmanager:GetSecretValue", "*")},
            )
        ],
    ),
    (
        "function for another account",
        [
            (
                "aws:lambda/permission:Permission",
                {"action": "lambda:InvokeFunction", "function": "f", "principal": FOREIGN},
            )
        ],
    ),
    (
        "access point of another account",
        [("aws:s3/accessPoint:AccessPoint", {"bucket": "b", "bucketAccountId": FOREIGN, "name": "a"})],
    ),
    ("clean room", [("aws:cleanrooms/collaboration:Collaboration", {"name": "c"})]),
    (
        "data share",
        [
            (
                "aws:redshift/dataShareAuthorization:DataShareAuthorization",
                {
                    "consumerIdentifier": FOREIGN,
                    "dataShareArn": "arn:aws:redshift:us-east-1:123456789012:datashare:n/s",
                },
            )
        ],
    ),
    (
        "event bus for another account",
        [("aws:cloudwatch/eventPermission:EventPermission", {"principal": FOREIGN, "statementId": "s"})],
    ),
]
EXPOSURE += [
    (
        "database",
        [
            (
                "aws:rds/clusterInstance:ClusterInstance",
                {
                    "clusterIdentifier": "c",
                    "instanceClass": "db.r6g.large",
                    "engine": "aurora-postgresql",
                    "publiclyAccessible": True,
                },
            )
        ],
    ),
    (
        "fleet with public addresses",
        [("aws:ec2/launchTemplate:LaunchTemplate", {"networkInterfaces": [{"associatePublicIpAddress": "true"}]})],
    ),
    ("API key service", [("aws:apigatewayv2/api:Api", {"name": "a", "protocolType": "HTTP"})]),
    (
        "cluster's public end",
        [
            (
                "aws:eks/cluster:Cluster",
                {"roleArn": ARN.format("iam", "role/r"), "vpcConfig": {"subnetIds": APP_SUBNETS}},
            )
        ],
    ),
    (
        "data warehouse",
        [
            (
                "aws:redshiftserverless/workgroup:Workgroup",
                {"workgroupName": "w", "namespaceName": "n", "publiclyAccessible": True},
            )
        ],
    ),
    (
        "workflows' web server",
        [
            (
                "aws:mwaa/environment:Environment",
                {
                    "name": "e",
                    "kmsKey": DATA_KEY,
                    "webserverAccessMode": "PUBLIC_ONLY",
                    "dagS3Path": "d",
                    "executionRoleArn": ARN.format("iam", "role/r"),
                    "sourceBucketArn": "arn:aws:s3:::b",
                },
            )
        ],
    ),
    ("GraphQL", [("aws:appsync/graphQLApi:GraphQLApi", {"authenticationType": "API_KEY", "name": "g"})]),
    (
        "replication instance",
        [
            (
                "aws:dms/replicationInstance:ReplicationInstance",
                {
                    "replicationInstanceClass": "c",
                    "replicationInstanceId": "r",
                    "kmsKeyArn": DATA_KEY,
                    "publiclyAccessible": True,
                },
            )
        ],
    ),
    (
        "public object",
        [("aws:s3/bucketObject:BucketObject", {"bucket": "b", "key": "k", "acl": "public-read", "content": "x"})],
    ),
    (
        "search collection",
        [
            (
                "aws:opensearch/serverlessSecurityPolicy:ServerlessSecurityPolicy",
                {"name": "n", "type": "network", "policy": '[{"AllowFromPublic": true}]'},
            )
        ],
    ),
]
SINKS += [
    (
        "text messages",
        [
            (
                "aws:sns/topicSubscription:TopicSubscription",
                {"topic": ARN.format("sns", "t"), "protocol": "sms", "endpoint": "+15555550100"},
            )
        ],
    ),
    (
        "queue of another account",
        [("aws:cloudwatch/eventTarget:EventTarget", {"rule": "r", "arn": f"arn:aws:sqs:us-east-1:{FOREIGN}:q"})],
    ),
    (
        "API destination",
        [
            (
                "aws:cloudwatch/eventApiDestination:EventApiDestination",
                {"invocationEndpoint": "https://example.com", "httpMethod": "POST", "connectionArn": "c"},
            )
        ],
    ),
    (
        "metric stream",
        [
            (
                "aws:cloudwatch/metricStream:MetricStream",
                {
                    "firehoseArn": f"arn:aws:firehose:us-east-1:{FOREIGN}:deliverystream/d",
                    "outputFormat": "json",
                    "roleArn": ARN.format("iam", "role/r"),
                },
            )
        ],
    ),
    (
        "trail for another bucket",
        [("aws:cloudtrail/trail:Trail", {"s3BucketName": "somebody-elses", "kmsKeyId": DATA_KEY})],
    ),
    (
        "function's failures",
        [
            (
                "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
                {
                    "functionName": "f",
                    "destinationConfig": {"onFailure": {"destination": f"arn:aws:sns:us-east-1:{FOREIGN}:t"}},
                },
            )
        ],
    ),
    (
        "inventory",
        [
            (
                "aws:s3/inventory:Inventory",
                {
                    "bucket": BUCKET,
                    "destination": {"bucket": {"bucketArn": "arn:aws:s3:::somebody-elses", "format": "CSV"}},
                },
            )
        ],
    ),
    (
        "global table",
        [
            (
                "aws:dynamodb/table:Table",
                {
                    "hashKey": "k",
                    "serverSideEncryption": {"enabled": True, "kmsKeyArn": DATA_KEY},
                    "replicas": [{"regionName": "eu-west-1"}],
                },
            )
        ],
    ),
    (
        "backups abroad",
        [
            (
                "aws:backup/plan:Plan",
                {
                    "name": "p",
                    "rules": [
                        {
                            "ruleName": "r",
                            "targetVaultName": "v",
                            "copyActions": [
                                {"destinationVaultArn": f"arn:aws:backup:eu-west-1:{FOREIGN}:backup-vault:v"}
                            ],
                        }
                    ],
                },
            )
        ],
    ),
    (
        "flow logs for another bucket",
        [
            (
                "aws:ec2/flowLog:FlowLog",
                {
                    "vpcId": VPC,
                    "trafficType": "ALL",
                    "logDestinationType": "s3",
                    "logDestination": "arn:aws:s3:::somebody-elses",
                },
            )
        ],
    ),
]
ENCRYPTION += [
    (
        "warehouse",
        [("aws:redshift/cluster:Cluster", {"clusterIdentifier": "c", "nodeType": "ra3.large", "encrypted": "false"})],
    ),
    ("volume with AWS's key", [("aws:ebs/volume:Volume", {"availabilityZone": "us-east-1a", "encrypted": True})]),
    ("graph cluster", [("aws:neptune/cluster:Cluster", {"storageEncrypted": False, "kmsKeyArn": DATA_KEY})]),
    (
        "firehose",
        [
            (
                "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
                {"destination": "extended_s3", "serverSideEncryption": {"enabled": True, "keyType": "AWS_OWNED_CMK"}},
            )
        ],
    ),
    ("topic with AWS's key", [("aws:sns/topic:Topic", {"kmsMasterKeyId": "alias/aws/sns"})]),
    (
        "disabled key",
        [
            (
                "aws:kms/key:Key",
                {
                    "isEnabled": False,
                    "enableKeyRotation": True,
                    "policy": sealed({"AWS": "arn:aws:iam::123456789012:root"}, "kms:*", "*"),
                },
            )
        ],
    ),
    ("cache in memory", [("aws:memorydb/cluster:Cluster", {"aclName": "a", "nodeType": "db.t4g.small"})]),
    ("vault", [("aws:backup/vault:Vault", {"name": "v"})]),
    ("shared file system", [("aws:fsx/lustreFileSystem:LustreFileSystem", {"subnetIds": APP})]),
    ("parameter with AWS's key", [("aws:ssm/parameter:Parameter", {"type": "SecureString", "value": "x"})]),
]
IDENTITY += [
    (
        "administrator by another name",
        [("aws:iam/rolePolicy:RolePolicy", {"role": "r", "policy": allow("?*:*", "arn:aws:s3:::x")})],
    ),
    ("user with a password", [("aws:iam/userLoginProfile:UserLoginProfile", {"user": "u"})]),
    (
        "trust of everyone",
        [
            (
                "aws:iam/role:Role",
                {"assumeRolePolicy": sealed("*", "sts:AssumeRole", "*").replace(', "Resource": "*"', "")},
            )
        ],
    ),
    (
        "identity provider",
        [
            (
                "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
                {"url": "https://idp.example.com", "clientIdLists": ["x"]},
            )
        ],
    ),
    (
        "all roles passed",
        [("aws:iam/policy:Policy", {"policy": allow("iam:PassRole", "arn:aws:iam::123456789012:role/*")})],
    ),
    ("cluster's admin", [("aws:eks/accessEntry:AccessEntry", {"clusterName": "c", "principalArn": STRANGER})]),
    (
        "roles anywhere",
        [("aws:rolesanywhere/trustAnchor:TrustAnchor", {"name": "t", "source": {"sourceType": "CERTIFICATE_BUNDLE"}})],
    ),
    (
        "security audit",
        [("aws:iam/role:Role", {**ROLE, "managedPolicyArns": ["arn:aws:iam::aws:policy/SecurityAudit"]})],
    ),
    (
        "inline administrator",
        [("aws:iam/role:Role", {**ROLE, "inlinePolicies": [{"name": "i", "policy": allow("*", "*")}]})],
    ),
    (
        "all keys",
        [("aws:iam/policy:Policy", {"policy": allow("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/*")})],
    ),
]
SAGEMAKER += [
    (
        "notebook with internet",
        [
            (
                "aws:sagemaker/notebookInstance:NotebookInstance",
                {
                    "instanceType": "ml.t3.medium",
                    "roleArn": ARN.format("iam", "role/r"),
                    "kmsKeyId": DATA_KEY,
                    "subnetId": APP,
                },
            )
        ],
    ),
    (
        "training outside",
        [
            (
                "aws:sagemaker/trainingJob:TrainingJob",
                {
                    "trainingJobName": "t",
                    "roleArn": ARN.format("iam", "role/r"),
                    "enableNetworkIsolation": True,
                    "outputDataConfig": {"s3OutputPath": BUCKET, "kmsKeyId": DATA_KEY},
                },
            )
        ],
    ),
    (
        "model outside",
        [
            (
                "aws:sagemaker/model:Model",
                {"executionRoleArn": ARN.format("iam", "role/r"), "enableNetworkIsolation": True},
            )
        ],
    ),
    ("shell on instances", [("EndpointConfiguration", "triage-*", "productionVariants.0.enableSsmAccess", True)]),
    ("foreign model", [("EndpointConfiguration", "triage-*", "productionVariants.0.modelName", "not-of-this-stack")]),
    ("labelling job", [("aws:sagemaker/labelingJob:LabelingJob", {"labelingJobName": "l"})]),
    ("hub", [("aws:sagemaker/hub:Hub", {"hubName": "h", "hubDescription": "x"})]),
    ("flow of humans", [("aws:sagemaker/flowDefinition:FlowDefinition", {"flowDefinitionName": "f"})]),
    ("no key", [("EndpointConfiguration", "triage-*", "kmsKeyArn", "alias/aws/sagemaker")]),
    (
        "answers to a topic abroad",
        [
            (
                "EndpointConfiguration",
                "triage-*",
                "asyncInferenceConfig",
                {
                    "outputConfig": {
                        "s3OutputPath": BUCKET,
                        "kmsKeyId": DATA_KEY,
                        "notificationConfig": {"successTopic": f"arn:aws:sns:us-east-1:{FOREIGN}:t"},
                    }
                },
            )
        ],
    ),
]
ENGINE += [
    (
        "provider behind a proxy",
        [("pulumi:providers:aws", {"region": "us-east-1", "httpProxy": "http://198.51.100.1:3128"})],
    ),
    ("provider with keys", [("pulumi:providers:aws", {"accessKey": "AKIAIOSFODNN7EXAMPLE", "secretKey": "x"})]),
    ("resource in another region", [("aws:sqs/queue:Queue", {"kmsMasterKeyId": DATA_KEY, "region": "eu-central-1"})]),
    ("stack set", [("aws:cloudformation/stackSet:StackSet", {"templateUrl": "https://s3.amazonaws.com/x/t.json"})]),
    ("Kubernetes", [("kubernetes:core/v1:Service", {"spec": {"type": "LoadBalancer"}})]),
    ("remote component", [("awsx:ecs:FargateService", {"assignPublicIp": True})]),
    ("resource of GitHub", [("github:index/repository:Repository", {"visibility": "public"})]),
    (
        "secret in an environment",
        [
            (
                "aws:lambda/function:Function",
                {
                    "role": ARN.format("iam", "role/r"),
                    "vpcConfig": VPC_CONFIG,
                    "environment": {"variables": {"DB_PASSWORD": "hunter2"}},
                },
            )
        ],
    ),
    (
        "secret in a container",
        [
            (
                "aws:ecs/taskDefinition:TaskDefinition",
                {
                    "family": "t",
                    "containerDefinitions": json.dumps(
                        [{"name": "c", "environment": [{"name": "API_KEY", "value": "abcdefgh"}]}]
                    ),
                },
            )
        ],
    ),
    (
        "database's password",
        [
            (
                "aws:rds/instance:Instance",
                {
                    "instanceClass": "db.t4g.medium",
                    "storageEncrypted": True,
                    "kmsKeyId": DATA_KEY,
                    "password": "hunter2",
                },
            )
        ],
    ),
]

NEIGHBOURS: list[Case] = [
    (
        "function",
        [
            (
                "aws:lambda/function:Function",
                {
                    "role": ARN.format("iam", "role/r"),
                    "vpcConfig": VPC_CONFIG,
                    "runtime": "python3.12",
                    "handler": "a.b",
                    "environment": {"variables": {"ENDPOINT": "triage"}},
                },
            )
        ],
    ),
    ("role of a function", [("aws:iam/role:Role", ROLE)]),
    ("container cluster", [("aws:ecs/cluster:Cluster", {"name": "apps"})]),
    (
        "container service",
        [
            (
                "aws:ecs/service:Service",
                {
                    "cluster": ARN.format("ecs", "cluster/apps"),
                    "taskDefinition": ARN.format("ecs", "task-definition/t:1"),
                    "launchType": "FARGATE",
                    "networkConfiguration": {**FARGATE, "assignPublicIp": False},
                },
            )
        ],
    ),
    (
        "task definition",
        [
            (
                "aws:ecs/taskDefinition:TaskDefinition",
                {
                    "family": "t",
                    "networkMode": "awsvpc",
                    "containerDefinitions": json.dumps(
                        [
                            {
                                "name": "c",
                                "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/apps:1",
                                "environment": [{"name": "ENDPOINT", "value": "triage"}],
                                "secrets": [
                                    {"name": "PASSWORD", "valueFrom": ARN.format("secretsmanager", "secret:db")}
                                ],
                            }
                        ]
                    ),
                },
            )
        ],
    ),
    (
        "database",
        [
            (
                "aws:rds/instance:Instance",
                {
                    "instanceClass": "db.t4g.medium",
                    "engine": "postgres",
                    "storageEncrypted": True,
                    "kmsKeyId": DATA_KEY,
                    "manageMasterUserPassword": True,
                    "username": "app",
                },
            )
        ],
    ),
    ("database subnets", [("aws:rds/subnetGroup:SubnetGroup", {"subnetIds": APP_SUBNETS})]),
    ("queue", [("aws:sqs/queue:Queue", {"kmsMasterKeyId": DATA_KEY})]),
    (
        "table",
        [
            (
                "aws:dynamodb/table:Table",
                {
                    "hashKey": "k",
                    "attributes": [{"name": "k", "type": "S"}],
                    "billingMode": "PAY_PER_REQUEST",
                    "serverSideEncryption": {"enabled": True, "kmsKeyArn": DATA_KEY},
                },
            )
        ],
    ),
    (
        "state machine",
        [
            (
                "aws:sfn/stateMachine:StateMachine",
                {
                    "roleArn": ARN.format("iam", "role/r"),
                    "definition": json.dumps({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}}),
                },
            )
        ],
    ),
    (
        "alarm",
        [
            (
                "aws:cloudwatch/metricAlarm:MetricAlarm",
                {
                    "comparisonOperator": "GreaterThanThreshold",
                    "evaluationPeriods": 1,
                    "namespace": "AWS/SQS",
                    "metricName": "ApproximateAgeOfOldestMessage",
                    "alarmActions": [Ref("Topic", "alarms", "arn")],
                },
            )
        ],
    ),
    ("schedule", [("aws:cloudwatch/eventRule:EventRule", {"scheduleExpression": "rate(1 day)"})]),
    (
        "schedule's target",
        [
            (
                "aws:cloudwatch/eventTarget:EventTarget",
                {"rule": "nightly", "arn": ARN.format("lambda", "function:nightly")},
            )
        ],
    ),
    (
        "target group",
        [("aws:lb/targetGroup:TargetGroup", {"port": 443, "protocol": "HTTPS", "vpcId": VPC, "targetType": "ip"})],
    ),
    (
        "internal load balancer",
        [
            (
                "aws:lb/loadBalancer:LoadBalancer",
                {
                    "internal": True,
                    "loadBalancerType": "network",
                    "subnets": APP_SUBNETS,
                    "securityGroups": [CLIENT_GROUP],
                },
            )
        ],
    ),
    (
        "TLS passthrough",
        [
            (
                "aws:lb/listener:Listener",
                {
                    "loadBalancerArn": ARN.format("elasticloadbalancing", "loadbalancer/net/x/1"),
                    "port": 443,
                    "protocol": "TCP",
                    "defaultActions": [{"type": "forward", "targetGroupArn": ARN.format("elasticloadbalancing", "t")}],
                },
            )
        ],
    ),
    ("file system", [("aws:efs/fileSystem:FileSystem", {"encrypted": True, "kmsKeyId": DATA_KEY})]),
    (
        "mount target",
        [
            (
                "aws:efs/mountTarget:MountTarget",
                {"fileSystemId": "fs-1", "subnetId": APP, "securityGroups": [CLIENT_GROUP]},
            )
        ],
    ),
    ("access point of a file system", [("aws:efs/accessPoint:AccessPoint", {"fileSystemId": "fs-1"})]),
    ("secret", [("aws:secretsmanager/secret:Secret", {"kmsKeyId": DATA_KEY})]),
    ("parameter", [("aws:ssm/parameter:Parameter", {"type": "String", "name": "/app/x", "value": "1"})]),
    (
        "log group",
        [("aws:cloudwatch/logGroup:LogGroup", {"kmsKeyId": Ref("Key", "logs", "arn"), "retentionInDays": 365})],
    ),
    ("dashboard", [("aws:cloudwatch/dashboard:Dashboard", {"dashboardName": "d", "dashboardBody": '{"widgets": []}'})]),
    (
        "registry of images",
        [
            (
                "aws:ecr/repository:Repository",
                {
                    "imageTagMutability": "IMMUTABLE",
                    "imageScanningConfiguration": {"scanOnPush": True},
                    "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": DATA_KEY}],
                },
            )
        ],
    ),
    ("security group", [("aws:ec2/securityGroup:SecurityGroup", {"vpcId": VPC, "description": "Batch"})]),
    (
        "cache",
        [
            (
                "aws:elasticache/replicationGroup:ReplicationGroup",
                {
                    "description": "c",
                    "atRestEncryptionEnabled": True,
                    "transitEncryptionEnabled": True,
                    "kmsKeyId": DATA_KEY,
                },
            )
        ],
    ),
    (
        "scaling of a service",
        [
            (
                "aws:appautoscaling/target:Target",
                {
                    "serviceNamespace": "ecs",
                    "scalableDimension": "ecs:service:DesiredCount",
                    "resourceId": "service/apps/t",
                    "minCapacity": 2,
                    "maxCapacity": 4,
                },
            )
        ],
    ),
    ("instance profile", [("aws:iam/instanceProfile:InstanceProfile", {"role": "r"})]),
    (
        "policy with actions that take no resource",
        [
            (
                "aws:iam/rolePolicy:RolePolicy",
                {
                    "role": "r",
                    "policy": allow(
                        [
                            "logs:CreateLogDelivery",
                            "logs:ListLogDeliveries",
                            "ec2:DescribeRouteTables",
                            "sagemaker:ListModels",
                        ],
                        "*",
                    ),
                },
            )
        ],
    ),
    (
        "event source",
        [
            (
                "aws:lambda/eventSourceMapping:EventSourceMapping",
                {"eventSourceArn": ARN.format("sqs", "answers"), "functionName": "f"},
            )
        ],
    ),
    (
        "key",
        [
            (
                "aws:kms/key:Key",
                {"enableKeyRotation": True, "policy": sealed({"AWS": "arn:aws:iam::123456789012:root"}, "kms:*", "*")},
            )
        ],
    ),
    ("alias of a key", [("aws:kms/alias:Alias", {"name": "alias/app", "targetKeyId": DATA_KEY})]),
    ("random id", [("random:index/randomId:RandomId", {"byteLength": 4})]),
    ("private zone", [("aws:route53/zone:Zone", {"name": "apps.example.internal", "vpcs": [{"vpcId": VPC}]})]),
    (
        "name in it",
        [
            (
                "aws:route53/record:Record",
                {
                    "zoneId": "Z1",
                    "name": "db.apps.example.internal",
                    "type": "CNAME",
                    "ttl": 60,
                    "records": ["x.internal"],
                },
            )
        ],
    ),
    ("component", [("acme:apps:Worker", {})]),
]


def _tier(*, own_acl: bool) -> list[Change]:
    """A further private subnet with a route table, an ACL and a group of its own."""
    subnet = {"vpcId": VPC, "cidrBlock": "10.0.240.0/24", "availabilityZone": "us-east-1a"}
    ours = {"protocol": "tcp", "cidrBlock": "10.0.240.0/24", "fromPort": 5432, "toPort": 5432, "action": "allow"}
    back = {**ours, "fromPort": 1024, "toPort": 65535}
    rules = {"ingress": [{**ours, "ruleNo": 100}, {**back, "ruleNo": 110}]}
    rules["egress"] = rules["ingress"]
    acl = {"vpcId": VPC, "subnetIds": [Ref("Subnet", "added")], **rules}
    return [
        ("aws:ec2/subnet:Subnet", subnet),
        ("aws:ec2/routeTable:RouteTable", {"vpcId": VPC}),
        (
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            {"subnetId": Ref("Subnet", "added"), "routeTableId": Ref("RouteTable", "added")},
        ),
        *([("aws:ec2/networkAcl:NetworkAcl", acl)] if own_acl else []),
    ]


NEIGHBOURS += [
    ("further private subnet with its own table and ACL", _tier(own_acl=True)),
    (
        "further interface endpoint",
        [
            (
                "aws:ec2/vpcEndpoint:VpcEndpoint",
                {
                    "vpcId": VPC,
                    "serviceName": "com.amazonaws.us-east-1.sqs",
                    "vpcEndpointType": "Interface",
                    "privateDnsEnabled": True,
                    "subnetIds": [Ref("Subnet", "access-us-east-1a"), Ref("Subnet", "access-us-east-1b")],
                    "securityGroupIds": [Ref("SecurityGroup", "access")],
                    "policy": sealed(
                        {"AWS": "arn:aws:iam::123456789012:root"}, "sqs:SendMessage", ARN.format("sqs", "jobs")
                    ),
                },
            )
        ],
    ),
    (
        "gateway endpoint of tables",
        [
            (
                "aws:ec2/vpcEndpoint:VpcEndpoint",
                {
                    "vpcId": VPC,
                    "serviceName": "com.amazonaws.us-east-1.dynamodb",
                    "vpcEndpointType": "Gateway",
                    "routeTableIds": [Ref("RouteTable", "app")],
                    "policy": sealed(
                        {"AWS": "arn:aws:iam::123456789012:root"}, "dynamodb:GetItem", ARN.format("dynamodb", "table/x")
                    ),
                },
            )
        ],
    ),
    (
        "second flow log",
        [
            (
                "aws:ec2/flowLog:FlowLog",
                {
                    "vpcId": VPC,
                    "trafficType": "REJECT",
                    "logDestination": ARN.format("logs", "log-group:rejected"),
                    "iamRoleArn": ARN.format("iam", "role/flow-logs"),
                },
            )
        ],
    ),
    (
        "group of a database",
        [
            ("aws:ec2/securityGroup:SecurityGroup", {"vpcId": VPC, "description": "Database"}),
            (
                "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
                {
                    "securityGroupId": Ref("SecurityGroup", "added"),
                    "referencedSecurityGroupId": CLIENT_GROUP,
                    "ipProtocol": "tcp",
                    "fromPort": 5432,
                    "toPort": 5432,
                    "description": "Clients",
                },
            ),
        ],
    ),
    (
        "Studio",
        [
            (
                "aws:sagemaker/domain:Domain",
                {
                    "domainName": "d",
                    "authMode": "IAM",
                    "vpcId": VPC,
                    "subnetIds": APP_SUBNETS,
                    "kmsKeyId": DATA_KEY,
                    "appNetworkAccessType": "VpcOnly",
                    "defaultUserSettings": {"executionRole": ARN.format("iam", "role/r")},
                },
            )
        ],
    ),
    (
        "cluster",
        [
            (
                "aws:eks/cluster:Cluster",
                {
                    "roleArn": ARN.format("iam", "role/r"),
                    "vpcConfig": {
                        "subnetIds": APP_SUBNETS,
                        "endpointPublicAccess": False,
                        "endpointPrivateAccess": True,
                    },
                },
            )
        ],
    ),
]
