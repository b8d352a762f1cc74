"""Runs the program, or a part of it, against an AWS that answers with plain data, and keeps what was asked of it."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig
from private_inference.runner.resource import Resource, Run

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
REGION = "us-east-1"
ZONES = tuple(f"{REGION}{letter}" for letter in "abcdef")
S3_CIDRS = ("3.5.0.0/20", "3.5.16.0/20", "16.15.176.0/20", "16.15.192.0/18", "52.216.0.0/15", "54.231.0.0/16")
DYNAMODB_CIDRS = ("3.218.180.0/22", "52.94.0.0/22", "52.119.224.0/20")
INSTANCES = {
    "m5.large": (2, False),
    "m5.xlarge": (4, False),
    "c5.xlarge": (4, False),
    "m5d.large": (2, True),
    "g5.xlarge": (4, True),
    "g5.12xlarge": (48, True),
}
"""vCPUs, and whether there is local storage."""
GPUS = {"g5.xlarge": 1, "g5.12xlarge": 4}

LOCAL = f"{REGION}:{ACCOUNT}"
ARNS = {
    "aws:acm/certificate:Certificate": f"arn:aws:acm:{LOCAL}:certificate/{{id}}",
    "aws:apigateway/domainName:DomainName": f"arn:aws:apigateway:{LOCAL}:/domainnames/{{domainName}}+{{id}}",
    "aws:apigateway/stage:Stage": f"arn:aws:apigateway:{REGION}::/restapis/{{restApi}}/stages/{{stageName}}",
    "aws:appautoscaling/policy:Policy": f"arn:aws:autoscaling:{LOCAL}:scalingPolicy:{{id}}",
    "aws:cloudwatch/logGroup:LogGroup": f"arn:aws:logs:{LOCAL}:log-group:{{name}}",
    "aws:cloudwatch/eventRule:EventRule": f"arn:aws:events:{LOCAL}:rule/{{name}}",
    "aws:cloudwatch/metricAlarm:MetricAlarm": f"arn:aws:cloudwatch:{LOCAL}:alarm:{{name}}",
    "aws:ec2/vpcEndpoint:VpcEndpoint": f"arn:aws:ec2:{LOCAL}:vpc-endpoint/{{id}}",
    "aws:iam/policy:Policy": f"arn:aws:iam::{ACCOUNT}:policy{{path}}{{name}}",
    "aws:iam/role:Role": f"arn:aws:iam::{ACCOUNT}:role{{path}}{{name}}",
    "aws:ecs/cluster:Cluster": f"arn:aws:ecs:{LOCAL}:cluster/{{name}}",
    "aws:ecs/taskDefinition:TaskDefinition": f"arn:aws:ecs:{LOCAL}:task-definition/{{family}}:1",
    "aws:kms/key:Key": f"arn:aws:kms:{LOCAL}:key/{{id}}",
    "aws:lb/listener:Listener": f"arn:aws:elasticloadbalancing:{LOCAL}:listener/app/{{id}}",
    "aws:lb/loadBalancer:LoadBalancer": f"arn:aws:elasticloadbalancing:{LOCAL}:loadbalancer/app/{{id}}",
    "aws:lb/targetGroup:TargetGroup": f"arn:aws:elasticloadbalancing:{LOCAL}:targetgroup/{{id}}",
    "aws:lb/trustStore:TrustStore": f"arn:aws:elasticloadbalancing:{LOCAL}:truststore/{{id}}",
    "aws:s3/bucket:Bucket": "arn:aws:s3:::{bucket}",
    "aws:sagemaker/endpoint:Endpoint": f"arn:aws:sagemaker:{LOCAL}:endpoint/{{name}}",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": f"arn:aws:sagemaker:{LOCAL}:endpoint-config/{{name}}",
    "aws:sagemaker/model:Model": f"arn:aws:sagemaker:{LOCAL}:model/{{name}}",
    "aws:sns/topic:Topic": f"arn:aws:sns:{LOCAL}:{{name}}",
}
ID_PREFIXES = {"RouteTable": "rtb", "SecurityGroup": "sg", "NetworkAcl": "acl", "VpcEndpoint": "vpce", "FlowLog": "fl"}
NAMED_BY_ID = {"aws:s3/bucket:Bucket": "bucket"}


class RecordingEngine:
    """An `Engine` of the runner that keeps what it is asked to create and invents ids and ARNs for it.

    `service_zones` says where an endpoint service is offered, `type_zones` where an instance type is; others are
    offered in every zone. `subnets` has the blocks of the app tier's subnets that the stack has already, by zone, and
    `lost` the zones that are not available. Gateways exist.
    """

    def __init__(
        self,
        service_zones: Mapping[str, Sequence[str]] | None = None,
        *,
        type_zones: Mapping[str, Sequence[str]] | None = None,
        subnets: Mapping[str, str] | None = None,
        lost: Sequence[str] = (),
    ) -> None:
        self.created: list[Resource] = []
        self._service_zones = dict(service_zones or {})
        self._type_zones = dict(type_zones or {})
        self._subnets = dict(subnets or {})
        self._lost = lost

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        self.created.append(resource)
        if not resource.custom:
            return None, {}
        return self._made(resource)

    def _made(self, resource: Resource) -> tuple[str, Mapping[str, Any]]:
        kind = resource.type.rpartition(":")[2]
        digest = hashlib.sha256(resource.urn.encode()).hexdigest()
        identity = f"{ID_PREFIXES.get(kind, kind.lower())}-{digest[:17]}"
        named = NAMED_BY_ID.get(resource.type, "name")
        outputs = {named: f"{resource.name}-{digest[:7]}", "path": "/", **resource.properties}
        if resource.type in ARNS:
            outputs["arn"] = ARNS[resource.type].format(id=identity, **outputs)
        outputs |= _answers(resource.type, identity, digest[:17], outputs)
        return identity, outputs

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        answers: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "getCallerIdentity": lambda _: {"accountId": ACCOUNT},
            "getPartition": lambda _: {"partition": "aws"},
            "getAvailabilityZones": lambda _: {"names": [zone for zone in ZONES if zone not in self._lost]},
            "getSubnets": lambda _: {"ids": list(self._subnets)},
            "getSubnet": lambda args: {"availabilityZone": args["id"], "cidrBlock": self._subnets[args["id"]]},
            "getInstanceTypeOfferings": self._type_offerings,
            "getVpnGateway": lambda _: {},
            "getTransitGateway": lambda _: {},
            "getPrefixList": _prefix_list,
            "getVpcEndpointService": self._endpoint_service,
            "getInstanceType": _instance_type,
            "getPrebuiltEcrImage": _prebuilt_image,
        }
        return {"id": "lookup", **answers[token.rpartition(":")[2]](args)}

    def client(self, service: str) -> None:
        return None

    def _endpoint_service(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        service = args["serviceName"].removeprefix(f"com.amazonaws.{REGION}.")
        return {"availabilityZones": list(self._service_zones.get(service, ZONES))}

    def _type_offerings(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        ((kind,),) = [given["values"] for given in args["filters"]]
        return {"locations": list(self._type_zones.get(kind, ZONES))}


def _answers(type_: str, identity: str, digest: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What AWS chooses for a resource, beside its id, name and ARN."""
    repository = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{given.get('name')}"
    proof = {"resourceRecordName": "_a.example", "resourceRecordType": "CNAME", "resourceRecordValue": "_b.aws"}
    chosen: Mapping[str, Mapping[str, Any]] = {
        "aws:kms/key:Key": {"keyId": identity},
        "aws:ecr/repository:Repository": {"repositoryUrl": repository},
        "docker-build:index:Image": {"digest": f"sha256:{digest}"},
        "aws:ec2/vpc:Vpc": {"defaultRouteTableId": f"rtb-{digest}", "defaultNetworkAclId": f"acl-{digest}"},
        "aws:ec2/vpcEndpoint:VpcEndpoint": {
            "dnsEntries": [{"dnsName": f"{identity}.vpce.amazonaws.com", "hostedZoneId": "Z1"}]
        },
        "aws:apigateway/restApi:RestApi": {
            "executionArn": f"arn:aws:execute-api:{LOCAL}:{identity}",
            "rootResourceId": "root",
        },
        "aws:apigateway/domainName:DomainName": {"domainNameId": identity},
        "aws:acm/certificate:Certificate": {"domainValidationOptions": [proof]},
        "aws:lb/loadBalancer:LoadBalancer": {
            "dnsName": f"internal-{identity}.elb.amazonaws.com",
            "zoneId": "Z2",
            "arnSuffix": f"app/{identity}",
        },
        "aws:lb/targetGroup:TargetGroup": {"arnSuffix": f"targetgroup/{identity}"},
        "aws:route53/zone:Zone": {"zoneId": identity},
        "aws:route53/record:Record": {"fqdn": given.get("name")},
    }
    return chosen.get(type_, {})


def _prefix_list(args: Mapping[str, Any]) -> Mapping[str, Any]:
    service = args["name"].rpartition(".")[2]
    return {"id": f"pl-{service}", "cidrBlocks": list({"s3": S3_CIDRS, "dynamodb": DYNAMODB_CIDRS}[service])}


def _instance_type(args: Mapping[str, Any]) -> Mapping[str, Any]:
    vcpus, local_storage = INSTANCES[args["instanceType"]]
    gpus = [{"count": GPUS[args["instanceType"]], "name": "A10G"}] if args["instanceType"] in GPUS else []
    return {
        "defaultVcpus": vcpus,
        "gpuses": gpus,
        "instanceStorageSupported": local_storage,
        "memorySize": 16384,
    }


def _prebuilt_image(args: Mapping[str, Any]) -> Mapping[str, Any]:
    path = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/{args['repositoryName']}:{args['imageTag']}"
    return {"registryId": "683313688378", "registryPath": path}


class PlanningEngine(RecordingEngine):
    """Answers as in `pulumi preview`: nothing is known of a resource but what the program says of it."""

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        self.created.append(resource)
        return None, resource.properties


@dataclass(frozen=True)
class Recorded:
    """What a program registered, with the questions that tests ask of it."""

    run: Run

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        return {resource.urn: resource for resource in self.run.resources}

    @property
    def resources(self) -> Sequence[Resource]:
        return self.run.resources

    @property
    def outputs(self) -> Mapping[str, Any]:
        return self.run.outputs

    @cached_property
    def warnings(self) -> str:
        return "\n".join(self.run.warnings)

    def all(self, type_: str) -> list[Resource]:
        """Resources of a type, by its last part (`VpcEndpoint`) or, where that is not clear, whole."""
        return [r for r in self.resources if type_ in (r.type, r.type.rpartition(":")[2])]

    def one(self, type_: str, name: str | None = None) -> Resource:
        """The only resource of a type, or of a type and name. Fails if there is not exactly one."""
        found = [resource for resource in self.all(type_) if name in (None, resource.name)]
        assert len(found) == 1, f"{len(found)} resources of type {type_} named {name}"
        return found[0]

    def depends_on(self, resource: Resource) -> set[str]:
        """URNs of everything that must exist before `resource`, near and far."""
        seen: set[str] = set()
        waiting = list(resource.dependencies)
        while waiting:
            urn = waiting.pop()
            if urn not in seen:
                seen.add(urn)
                waiting += self.by_urn[urn].dependencies if urn in self.by_urn else []
        return seen


def stack_config(values: Mapping[str, Any], *, stack: str = "test", region: str | None = REGION) -> StackConfig:
    """A stack of this project with the values of its file given as a dict, over the defaults of Pulumi.yaml."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    defaults = {key: declared["default"] for key, declared in project["config"].items() if "default" in declared}
    encoded = {
        f"{project['name']}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in {**defaults, **values}.items()
    }
    return StackConfig(project["name"], stack, ROOT, ({"aws:region": region} if region else {}) | encoded)


def record(config: StackConfig, engine: RecordingEngine | None = None, *, preview: bool = False) -> Recorded:
    """Runs the real program with the configuration of a stack."""
    return Recorded(run_program(config, engine or RecordingEngine(), preview=preview))


inline: ContextVar[Callable[[], None]] = ContextVar("inline")
"""The body of the program in `tests/support/inline`."""


def record_part(
    program: Callable[[], None], engine: RecordingEngine | None = None, *, preview: bool = False
) -> Recorded:
    """Runs a function as a whole Pulumi program of its own."""
    token = inline.set(program)
    try:
        config = StackConfig("private-inference", "test", Path(__file__).parent / "inline", {"aws:region": REGION})
        return Recorded(run_program(config, engine or RecordingEngine(), preview=preview))
    finally:
        inline.reset(token)
