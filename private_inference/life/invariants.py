"""What has to hold after every AWS call of a life: what serves can heal and scale, paths are right, nothing is lost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from components.live_endpoints import component
from private_inference.life.paths import Paths
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.operations import Operations

DATA_LOSS = {
    "ScheduleKeyDeletion": "what the key encrypts can't be read any more",
    "DeleteBucket": "what it holds is gone: the model artifacts, or the log of calls",
    "DeleteLogGroup": "the logs are gone",
    "DeleteRepository": "the serving images are gone",
}
"""Calls that destroy what holds data, and what that means."""

GUARD_LOSS: Mapping[tuple[str, str], str] = {
    ("ec2", "DisableEbsEncryptionByDefault"): "new volumes of the account are not encrypted by default any more",
    ("ec2", "ResetEbsDefaultKmsKeyId"): "new volumes of the account are under AWS's own key",
    ("ec2", "DisableSnapshotBlockPublicAccess"): "snapshots of the account may be public",
    ("s3control", "DeletePublicAccessBlock"): "buckets of the account may be public",
}
"""Calls that switch off a guard of the whole account, and what that means; a stack's end is no reason for one."""

UNBLOCKED = {"InternetGatewayBlockMode": "off"}
"""What a call sends that lifts VPC Block Public Access."""

PREVENTION = {
    "artifact": "Keep an artifact, and the permission to read it, until nothing serves it.",
    "configuration": "Keep a configuration until the endpoint serves another one.",
    "image": "Keep an image, and the permission to pull it, until nothing serves it.",
    "model": "Keep a model until the endpoint serves another one.",
    "network": "Add what the new fleet needs to the network before removing what the old one uses.",
    "role": "Keep a role and its permissions until nothing serves with it.",
}


@dataclass(frozen=True)
class BrokenInvariant:
    """A broken invariant."""

    step: str
    """The step of the life in which it broke."""
    call: str
    """The AWS call after which it was seen, such as `iam PutRolePolicy triage-1234567`."""
    endpoint: str
    what: str
    prevention: str


class Invariants:
    """Watches the calls to an embedded AWS. What is broken stays in `broken`, each finding once."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws = aws
        self._operations = Operations(aws.endpoint_url)
        self.paths = Paths(aws)
        self._least: dict[str, dict[str, int]] = {}
        """Instances that each variant serves with, at least, by endpoint."""
        self.step = ""
        self.destroying = False
        self.given_up: set[str] = set()
        """Names of what holds data and may go, or patterns of them."""
        self.calls = 0
        """AWS calls that changed something."""
        self.broken: list[BrokenInvariant] = []

    def after(self, service: str, operation: str, sent: Mapping[str, Any]) -> None:
        """Check everything after a call that changes something; a listener of the embedded AWS."""
        self.calls += 1
        call = f"{service} {operation} {_named(sent)}".strip()
        named = [value for value in sent.values() if isinstance(value, str)]
        given_up = any(fnmatchcase(value, pattern) for value in named for pattern in self.given_up)
        if operation in DATA_LOSS and not self.destroying and not given_up:
            prevention = "Protect it, and keep it on destroy unless the settings give a reason."
            self._break(call, "", DATA_LOSS[operation], prevention)
        if lost := GUARD_LOSS.get((service, operation)) or (
            "internet gateways of the account are not blocked any more" if sent.items() >= UNBLOCKED.items() else ""
        ):
            self._break(call, "", lost, "Keep the account's guards on destroy, and when a stack gives them up.")
        self._check_endpoints(call)
        if service == "ec2" and not self.destroying:
            self.paths.after(call)
        for interface in self._operations.stranded():
            prevention = "Keep an execution role and its permissions until its network interfaces are gone."
            self._break(call, "", f"the network interface {interface} can't be removed any more", prevention)

    def _scaled(self, endpoint: str, variant: Mapping[str, Any]) -> set[str]:
        """What has to be registered for scaling: a variant, or the inference components that share its fleet."""
        sagemaker = self._aws.client("sagemaker")
        listed = sagemaker.list_inference_components(EndpointNameEquals=endpoint)["InferenceComponents"]
        shared = {f"inference-component/{each['InferenceComponentName']}" for each in listed}
        return shared or {f"endpoint/{endpoint}/variant/{variant['VariantName']}"}

    def expect(self, endpoint: str, variant: str, instances: int) -> None:
        """So many instances of a variant, or copies of a component, serve an endpoint from now on, at least."""
        self._least[endpoint][variant] = instances

    def after_step(self) -> None:
        """What has to hold when a step is done, and was to hold in it: scaling is registered, and paths are right."""
        if not self.destroying:
            for call, wrong in self.paths.judge():
                prevention = "Add what new settings need to the network before removing what the old ones use."
                self._break(call, "", f"the network is not what it is for: {wrong}", prevention)
        scaling = self._aws.client("application-autoscaling")
        registered = {
            target["ResourceId"]
            for target in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        }
        for name, endpoint in self._serving().items():
            for variant in endpoint["ProductionVariants"]:
                resources = self._scaled(name, variant)
                if not resources <= registered:
                    prevention = "Register the variant again when its update is over, also when it failed."
                    self._break("the end of the step", name, "is not registered for scaling", prevention)

    def _check_endpoints(self, call: str) -> None:
        for name, endpoint in self._serving().items():
            for lacking in self._operations.needs(name):
                kind = lacking.name.partition(" ")[0]
                prevention = PREVENTION.get(kind, PREVENTION["role"])
                self._break(call, name, f"could not heal or scale: {lacking.name}: {lacking.reason}", prevention)
            for variant, reason in self._operations.uncaptured(name).items():
                prevention = "Keep the permission to write captured calls as long as an endpoint captures them."
                self._break(call, name, f"can't keep the calls of {variant}: {reason}", prevention)
            least = self._least.setdefault(name, {})
            serving = instances_of(endpoint)
            serving |= self._copies(least.keys() - serving.keys())
            for variant in least.keys() - serving.keys():
                del least[variant]  # the settings have it no more, and the others serve on
            for variant, instances in serving.items():
                if instances < least.setdefault(variant, instances):
                    prevention = "Start an update with the instances that serve, and let only scaling lower them."
                    what = f"serves {variant} with {instances} {_counted(endpoint, variant)}, {least[variant]} before"
                    self._break(call, name, what, prevention)

    def _copies(self, names: Iterable[str]) -> dict[str, int]:
        """Copies of those of the names that are inference components."""
        sagemaker = self._aws.client("sagemaker")
        found = {name: component(sagemaker, name) for name in names}
        return {name: each["RuntimeConfig"]["DesiredCopyCount"] for name, each in found.items() if each}

    def _serving(self) -> Mapping[str, Mapping[str, Any]]:
        found = endpoints(self._aws)
        return {name: each for name, each in found.items() if each["EndpointStatus"] == "InService"}

    def _break(self, call: str, endpoint: str, what: str, prevention: str) -> None:
        known = {(each.step, each.endpoint, each.what) for each in self.broken}
        if (self.step, endpoint, what) not in known:
            self.broken.append(BrokenInvariant(self.step, call, endpoint, what, prevention))


def endpoints(aws: EmbeddedAws) -> dict[str, Mapping[str, Any]]:
    """DescribeEndpoint's answers, by the endpoint's name."""
    sagemaker = aws.client("sagemaker")
    names = [each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]]
    return {name: sagemaker.describe_endpoint(EndpointName=name) for name in names}


def instances_of(endpoint: Mapping[str, Any]) -> dict[str, int]:
    """How many instances each variant has, a shadow included."""
    hosted = [*endpoint.get("ProductionVariants", []), *endpoint.get("ShadowProductionVariants", [])]
    return {each["VariantName"]: int(each["CurrentInstanceCount"]) for each in hosted}


def _named(sent: Mapping[str, Any]) -> str:
    """The first names or ids in a call's parameters."""
    names = [
        str(value) for key, value in sent.items() if isinstance(value, str) and key.endswith(("Name", "Id", "Arn"))
    ]
    return " ".join(names[:2])


def _counted(endpoint: Mapping[str, Any], name: str) -> str:
    return "instances" if name in instances_of(endpoint) else "copies"
