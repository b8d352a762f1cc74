"""The stack as AWS shows it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from components.cidr import free_block
from components.settings import Container, ExistingVpcSettings
from private_inference.reachability.from_ec2.describe import describe
from private_inference.reachability.from_ec2.load import load
from private_inference.reachability.intent import Intent, Report, check, completed
from private_inference.reachability.model import ModelError, Network
from private_inference.reachability.stack_intent import PARTS, ROLES, TIERS, intent_from
from private_inference.reachability.traffic import addresses
from private_inference.rehearsal.fleet_needs import artifact_uri
from private_inference.verification.checks import AbsentError, UnreadableError
from private_inference.verification.descriptions import Item, dimensions, grouped, hosted, only
from private_inference.verification.desired import ACCESS, APP, MODEL, Artifact, Desired
from private_inference.verification.needs import Needs
from private_inference.verification.packages import containers
from private_inference.verification.reader import Reader
from private_inference.verification.served import served


class Deployed:
    """What there is of a stack. Every member is read when it is first asked for, and raises as `Reader` does."""

    def __init__(self, desired: Desired, aws: Reader) -> None:
        self.desired = desired
        self.aws = aws

    # Network

    @property
    def existing(self) -> ExistingVpcSettings | None:
        """What the settings say of a VPC that the stack did not make; None for one of its own."""
        return self.desired.settings.network.existing

    @property
    def vpc(self) -> Item:
        """The VPC that the contract names. In one that does not exist, EC2 would list nothing wrong."""
        found: Item = self.aws.all("ec2", "describe_vpcs", "Vpcs", VpcIds=[self.desired.contract.vpc_id])[0]
        return found

    def in_vpc(self, operation: str, member: str, name: str = "vpc-id") -> list[Any]:
        """What EC2 lists for the VPC; `name` is that of the filter."""
        filters = [{"Name": name, "Values": [self.vpc["VpcId"]]}]
        return self.aws.all("ec2", operation, member, Filters=filters)

    @property
    def subnets(self) -> list[Item]:
        return self.in_vpc("describe_subnets", "Subnets")

    @cached_property
    def tiers(self) -> Mapping[str, list[Item]]:
        """Subnets by tier: callers' by the contract, the runtime endpoint's, and all others, which are the models'.

        But for further ones, which the VPC's last quarter is for. In an existing VPC they are as they are set.
        """
        if self.existing:
            subnets = {subnet["SubnetId"]: subnet for subnet in self.subnets}
            named = self.existing.subnets.by_tier
            return {tier: [subnets[each] for each in named[tier] if each in subnets] for tier in TIERS}
        app, access = set(self.desired.contract.app_subnet_ids), set(self.runtime.get("SubnetIds", []))
        further = addresses(free_block(self.desired.settings.network.cidr))
        found: dict[str, list[Item]] = {tier: [] for tier in TIERS}
        for subnet in self.subnets:
            identity = subnet["SubnetId"]
            if identity in app | access or not addresses(subnet["CidrBlock"]) <= further:
                found[APP if identity in app else ACCESS if identity in access else MODEL].append(subnet)
        return found

    def subnet_ids(self, tier: str) -> set[str]:
        return {subnet["SubnetId"] for subnet in self.tiers[tier]}

    @property
    def security_groups(self) -> list[Item]:
        return self.in_vpc("describe_security_groups", "SecurityGroups")

    @cached_property
    def groups(self) -> Mapping[str, str]:
        """Security group by tier: callers' by the contract, the runtime endpoint's, and the stack's for models."""
        endpoint = [group["GroupId"] for group in self.runtime.get("Groups", [])]
        if self.runtime["VpcEndpointId"] in self.desired.reused:
            own = filter(self.of_stack, self.security_groups)
            endpoint = [group["GroupId"] for group in own if _is_named(group, ACCESS)]
        client = self.desired.contract.client_security_group_id
        models = [
            group["GroupId"]
            for group in self.security_groups
            if self.of_stack(group) and group["GroupId"] not in (*endpoint, client) and _is_named(group, MODEL)
        ]
        return {APP: client, ACCESS: only("security group of the access tier", endpoint)} | {
            MODEL: only("security group of the model tier", models)
        }

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """Security group by role of what stands on the load balancer's way; none for a stack without one."""
        own = [group for group in self.security_groups if self.of_stack(group)]
        return {
            role: only(f"security group called {role}", [each["GroupId"] for each in own if _is_named(each, role)])
            for role, _ in (PARTS.values() if self.desired.settings.load_balancer else ())
        }

    def of_stack(self, item: Item) -> bool:
        """Whether it carries the stack's tags."""
        found = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
        return (found.get("Project"), found.get("Stack")) == (self.desired.project, self.desired.stack)

    @cached_property
    def network(self) -> Network:
        """The VPC as the reachability engine sees it.

        The stack's groups are named for their roles, others by their ids: anybody may tag a group as he likes.
        """
        try:
            network = load(describe(self.aws, [self.desired.contract.vpc_id]))
        except ModelError as error:
            raise UnreadableError(f"what EC2 describes doesn't fit together: {error}") from None
        roles = {group: ROLES[tier] for tier, group in self.groups.items()}
        roles |= {group: role for role, group in self.parts.items()}
        named = {key: replace(group, name=roles.get(key, key)) for key, group in network.groups.items()}
        return replace(network, groups=named)

    @cached_property
    def intent(self) -> Intent:
        """What the settings say the network is for."""
        return intent_from(self.desired.settings, self.network)

    @cached_property
    def proof(self) -> Report:
        """The network compared with what it is for."""
        return check(self.network, self.intent)

    @cached_property
    def needs(self) -> Needs:
        """What the network is for, by security group, network ACL and route table."""
        denied = self.desired.settings.network.denied_cidrs
        network = completed(self.network, self.intent)
        reused = [e for e in self.vpc_endpoints if e["VpcEndpointId"] in self.desired.reused]
        parts = self.parts.values()
        groups = {*self.groups.values(), *parts, *(group["GroupId"] for e in reused for group in e.get("Groups", ()))}
        return Needs(network, self.intent, frozenset(groups), addresses(*denied))

    def acls_of(self, tier: str) -> list[str]:
        """The network ACLs in force in a tier."""
        return sorted({self.network.subnets[subnet].acl for subnet in self.subnet_ids(tier)})

    # Private access

    @property
    def vpc_endpoints(self) -> list[Item]:
        found = self.in_vpc("describe_vpc_endpoints", "VpcEndpoints")
        return [endpoint for endpoint in found if endpoint["State"].lower() not in ("deleted", "deleting")]

    @property
    def runtime(self) -> Item:
        """The endpoint that the contract names."""
        identity = self.desired.contract.runtime_endpoint.id
        for endpoint in self.vpc_endpoints:
            if endpoint["VpcEndpointId"] == identity:
                return endpoint
        raise AbsentError(f"the runtime endpoint {identity} is not in the VPC")

    def vpc_endpoint(self, service: str, kind: str) -> Item:
        """The VPC's endpoint of a service, such as `logs`; `kind` is Gateway or Interface."""
        name = self.desired.service(service)
        found = [e for e in self.vpc_endpoints if (e["ServiceName"], e["VpcEndpointType"]) == (name, kind)]
        return found[0] if len(found) == 1 else only(f"{kind} endpoint of {service}", found)

    def prefix_list(self, service: str) -> Item:
        """AWS's list of a service's addresses."""
        named = [{"Name": "prefix-list-name", "Values": [self.desired.service(service)]}]
        found = self.aws.all("ec2", "describe_prefix_lists", "PrefixLists", Filters=named)
        return only(f"prefix list of {service}", found)

    # Data

    def tagged(self, service: str) -> list[str]:
        """ARNs of a service's resources that carry the stack's tags."""
        wanted = {"Project": self.desired.project, "Stack": self.desired.stack}
        found = self.aws.all(
            "resourcegroupstaggingapi",
            "get_resources",
            "ResourceTagMappingList",
            TagFilters=[{"Key": key, "Values": [value]} for key, value in wanted.items()],
            ResourceTypeFilters=[service],
        )
        return [item["ResourceARN"] for item in found]

    @property
    def bucket(self) -> str:
        """Name of the bucket of artifacts: it has the stack's tags.

        So may one that was kept when the stack was destroyed and made anew. The models tell them apart. So may the
        trail's bucket, which the trail names, asynchronous endpoints' buckets, which the contract names, and those of
        captured calls, which configurations name.
        """
        others = {*self.exchanges.values(), *self.captures.values()}
        if self.desired.settings.logs_calls:
            others.add(self.trail["S3BucketName"])
        tagged = [bucket for arn in self.tagged("s3") if (bucket := arn.rpartition(":")[2]) not in others]
        if len(tagged) > 1:
            endpoints = self.desired.settings.endpoints
            local = [e for e in endpoints if any(model.local for model in e.models)]
            used = {uri.split("/")[2] for endpoint in local for uri in self.model_uris(endpoint.name)}
            tagged = [bucket for bucket in tagged if bucket in used]
        return only("bucket with the stack's tags", tagged)

    @cached_property
    def exchanges(self) -> Mapping[str, str]:
        """The buckets of asynchronous endpoints' requests and answers, by endpoint, as the contract names them."""
        promised = self.desired.contract.endpoints
        return {
            name: each.async_locations["inputs"].removeprefix("s3://").partition("/")[0]
            for name, each in promised.items()
            if each.async_locations
        }

    @cached_property
    def captures(self) -> Mapping[str, str]:
        """The buckets of captured calls, by endpoint, as configurations name them: those with the stack's tags."""
        tagged = {arn.rpartition(":")[2] for arn in self.tagged("s3")}
        captured = (each.name for each in self.desired.settings.endpoints if each.data_capture)
        named = {
            name: self.configuration(name).get("DataCaptureConfig", {}).get("DestinationS3Uri", "") for name in captured
        }
        buckets = {name: uri.removeprefix("s3://").partition("/")[0] for name, uri in named.items()}
        return {name: bucket for name, bucket in buckets.items() if bucket in tagged}

    @cached_property
    def trail(self) -> Item:
        """The trail that logs the calls of the endpoints."""
        found: Item = self.aws.get("cloudtrail", "get_trail", Name=self.desired.watch)["Trail"]
        return found

    @property
    def topic(self) -> str:
        """ARN of the topic of alarms: it has the stack's tags, as those have that the contract names for outcomes."""
        promised = self.desired.contract.endpoints.values()
        told = {arn for each in promised for arn in (each.async_topic_arns or {}).values()}
        return only("topic with the stack's tags", [arn for arn in self.tagged("sns") if arn not in told])

    def artifact(self, container: Container) -> Artifact:
        """Where a container should load from."""
        digest = self.desired.digest(container)
        if digest:
            return Artifact(self.bucket, f"models/{digest}/{'' if container.listed else 'model.tar.gz'}", digest)
        bucket, _, key = container.artifact.removeprefix("s3://").partition("/")
        return Artifact(bucket, key, None)

    def readable(self, container: Container) -> str:
        """What has to be readable for a container: all artifacts of the stack, or the one in another bucket."""
        artifact = self.artifact(container)
        own, one = "models/*", f"{artifact.key}{'*' if container.listed else ''}"
        return f"{artifact.bucket}/{own if artifact.digest else one}"

    def objects_of(self, uri: str) -> list[str]:
        """The URIs of the objects that an S3 URI means: itself, or what is below it if it ends in `/`."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not uri.endswith("/"):
            return [uri]
        found = self.aws.all("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
        return [f"s3://{bucket}/{each['Key']}" for each in found]

    # Permissions

    def inline_policies(self, role: str) -> list[Item]:
        """The documents of a role's inline policies, by the role's name."""
        names = self.aws.all("iam", "list_role_policies", "PolicyNames", RoleName=role)
        found = (self.aws.get("iam", "get_role_policy", RoleName=role, PolicyName=name) for name in names)
        return [policy["PolicyDocument"] for policy in found]

    def managed_policy(self, arn: str) -> Item:
        """The document of a managed policy's default version."""
        version = self.aws.get("iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = self.aws.get("iam", "get_policy_version", PolicyArn=arn, VersionId=version)["PolicyVersion"]
        document: Item = found["Document"]
        return document

    # Serving

    def endpoint(self, name: str) -> Item:
        return self.aws.get("sagemaker", "describe_endpoint", EndpointName=name)

    def configuration(self, name: str) -> Item:
        """The configuration that the endpoint of that name is on."""
        wanted = self.endpoint(name)["EndpointConfigName"]
        return self.aws.get("sagemaker", "describe_endpoint_config", EndpointConfigName=wanted)

    def models(self, name: str) -> list[Item]:
        """The models behind an endpoint."""
        names = dict.fromkeys(each["ModelName"] for each in served(self.aws, name, hosted(self.configuration(name))))
        return [self.aws.get("sagemaker", "describe_model", ModelName=model) for model in names]

    def model(self, endpoint: str, variant: str) -> Item:
        """The model behind a variant."""
        variants = hosted(self.configuration(endpoint))
        named = [item["ModelName"] for item in variants if item["VariantName"] == variant]
        return self.aws.get("sagemaker", "describe_model", ModelName=only(f"variant {variant}", named))

    def model_uris(self, name: str) -> list[str]:
        """Where the models behind an endpoint are loaded from."""
        return [artifact_uri(container) for model in self.models(name) for container in containers(self.aws, model)]

    @cached_property
    def vcpus(self) -> Mapping[str, int]:
        """By instance type."""
        return {kind: item["VCpuInfo"]["DefaultVCpus"] for kind, item in self._instance_types.items()}

    @cached_property
    def gpus(self) -> Mapping[str, int]:
        """By instance type."""
        found = {kind: item.get("GpuInfo", {}).get("Gpus", []) for kind, item in self._instance_types.items()}
        return {kind: sum(gpu["Count"] for gpu in gpus) for kind, gpus in found.items()}

    @cached_property
    def _instance_types(self) -> Mapping[str, Item]:
        """What EC2 says of SageMaker's instance types, which are its own with a prefix."""
        endpoints = self.desired.settings.endpoints
        kinds = sorted({kind.removeprefix("ml.") for e in endpoints for kind in e.instance_types})
        found = self.aws.all("ec2", "describe_instance_types", "InstanceTypes", InstanceTypes=kinds)
        return {f"ml.{item['InstanceType']}": item for item in found}

    @cached_property
    def scalable_targets(self) -> Mapping[str, list[Item]]:
        """By resource, such as `endpoint/triage/variant/AllTraffic`."""
        return self._scaling("describe_scalable_targets", "ScalableTargets")

    @cached_property
    def scaling_policies(self) -> Mapping[str, list[Item]]:
        return self._scaling("describe_scaling_policies", "ScalingPolicies")

    def _scaling(self, operation: str, member: str) -> Mapping[str, list[Item]]:
        found = self.aws.all("application-autoscaling", operation, member, ServiceNamespace="sagemaker")
        return grouped(found, lambda item: str(item["ResourceId"]))

    @cached_property
    def alarms(self) -> Mapping[str, list[Item]]:
        """Alarms by the name of their endpoint. Those that target tracking made for itself are left out."""
        found = self.aws.all("cloudwatch", "describe_alarms", "MetricAlarms", AlarmTypes=["MetricAlarm"])
        own = [alarm for alarm in found if not alarm["AlarmName"].startswith("TargetTracking-")]
        return grouped(own, lambda alarm: dimensions(alarm).get("EndpointName", ""))

    @cached_property
    def composite_alarms(self) -> list[Item]:
        """Alarms that sum up others."""
        return self.aws.all("cloudwatch", "describe_alarms", "CompositeAlarms", AlarmTypes=["CompositeAlarm"])

    def event_patterns(self) -> list[Item]:
        """What EventBridge tells the topic of alarms: the patterns of the rules that are in force."""
        names = self.aws.all("events", "list_rule_names_by_target", "RuleNames", TargetArn=self.topic)
        rules = [self.aws.get("events", "describe_rule", Name=name) for name in names]
        return [json.loads(rule.get("EventPattern") or "{}") for rule in rules if rule["State"] == "ENABLED"]

    def log_groups(self, prefix: str) -> Mapping[str, Item]:
        """Log groups by name."""
        found = self.aws.all("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
        return {item["logGroupName"]: item for item in found}

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """SSM parameters with the stack's contract: the value by name."""
        path = f"{self.desired.parameters_path}"
        found = self.aws.all("ssm", "get_parameters_by_path", "Parameters", Path=path)
        return {item["Name"]: item["Value"] for item in found}


def _is_named(group: Item, role: str) -> bool:
    """By the tag that the program gives: a service beside the stack may have groups that carry the stack's tags."""
    return any(tag["Key"] == "Name" and tag["Value"].endswith(f"-{role}") for tag in group.get("Tags", []))
