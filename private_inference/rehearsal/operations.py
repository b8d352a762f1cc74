"""What can happen to a serving stack without a call of its owner's, for an embedded AWS: there is no AWS API for these.

They go over loopback to the server's own process, beside AWS's API (patches/operations.py).
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HEALTH_CHECK = (
    "The primary container for production variant {variant} did not pass the ping health check. Please check "
    "CloudWatch logs for this endpoint."
)
"""https://github.com/aws/amazon-sagemaker-examples/issues/210"""
INTERFACES = (
    "The role of production variant {variant} is not authorized to perform ec2:CreateNetworkInterface. Please ensure "
    "that the role has the permissions that a VpcConfig needs."
)
IMAGE = "The image of production variant {variant} can not be pulled."
ALARM = "An alarm of the auto-rollback configuration went off for production variant {variant}."
"""What AWS says of these three is not published."""


class OperationError(Exception):
    """An operation on what is not there; the message says what, and what there is."""


@dataclass(frozen=True)
class Lacking:
    """One thing that keeps an instance of a variant from starting."""

    variant: str
    name: str
    """Such as `artifact s3://bucket/model.tar.gz`."""
    reason: str
    """What AWS would say."""


class Operations:
    """Events in the embedded AWS at `endpoint_url`. Each method raises OperationError."""

    def __init__(self, endpoint_url: str) -> None:
        self._url = endpoint_url

    def needs(self, endpoint: str) -> list[Lacking]:
        """What keeps the endpoint from replacing an instance or scaling out now; nothing if it could."""
        return [Lacking(**item) for item in self._do("needs", endpoint=endpoint)]

    def uncaptured(self, endpoint: str) -> dict[str, str]:
        """Why calls that the endpoint's configuration captures can't be kept now, by variant."""
        reasons: dict[str, str] = self._do("uncaptured", endpoint=endpoint)
        return reasons

    def stranded(self) -> list[str]:
        """Network interfaces that stay for good: their endpoint is gone, and no role may delete them any more."""
        interfaces: list[str] = self._do("stranded")
        return interfaces

    def heal(self, endpoint: str) -> list[Lacking]:
        """An instance of each variant is replaced. What it lacks is the answer; then there is one instance less."""
        return [Lacking(**item) for item in self._do("heal", endpoint=endpoint)]

    def scale(self, endpoint: str, count: int, variant: str | None = None) -> dict[str, int]:
        """Automatic scaling asks for `count` instances of each registered variant, or of one, within its bounds.

        The answer is how many there are then, by variant: as many as before if new ones can't start.
        """
        counts: dict[str, int] = self._do("scale", endpoint=endpoint, count=count, variant=variant)
        return counts

    def fail_next_update(self, endpoint: str, reason: str) -> None:
        """The next creation or update of the endpoint fails at its start with this FailureReason.

        `{variant}` in it is replaced. An empty one is a rollback that DescribeEndpoint says nothing of, as users have
        seen: https://github.com/hashicorp/terraform-provider-aws/pull/49020.
        """
        self._do("fail_next_update", endpoint=endpoint, reason=reason)

    def prefix_list_grows(self, cidr: str) -> list[str]:
        """S3 gets more addresses in this region; the answer is its whole prefix list."""
        cidrs: list[str] = self._do("prefix_list_grows", cidr=cidr)
        return cidrs

    def scans_find(self, repository: str, findings: Mapping[str, str], status: str = "COMPLETE") -> None:
        """What the scans of all images of a repository find from now on: severities by ids such as CVE-2024-3094.

        Another `status` is that of scans which get no further, such as FAILED.
        """
        self._do("scans_find", repository=repository, findings=findings, status=status)

    def zone_lost(self, zone: str) -> None:
        """A zone is impaired; the instances there are lost, and replaced in other zones if they can start."""
        self._do("zone_lost", zone=zone)

    def credentials(self, role: str, service: str, reached: Mapping[str, str] | None) -> dict[str, str]:
        """What an AWS service, such as `lambda.amazonaws.com`, gives a workload: credentials of a role, by its ARN.

        They are the environment variables that AWS's clients read. Requests signed with them come through the VPC
        endpoints in `reached` (ids by service, such as `sagemaker.runtime`); None: from outside of any VPC.
        """
        made: dict[str, str] = self._do("credentials", role=role, service=service, reached=reached)
        return made

    def called_by(self, arn: str) -> None:
        """Who calls S3 from now on, to the policies of buckets; until then the caller has no ARN. No event, but a fact.

        The embedded AWS takes any credentials, so it can't tell from those.
        """
        self._do("called_by", arn=arn)

    def model_package(self, made: str, arn: str) -> None:
        """A version of a model package group gets an ARN of somebody's choice, in place of its own."""
        self._do("model_package", made=made, arn=arn)

    def has_key(self, arn: str) -> None:
        """The account has a customer managed key with this ARN. No event, but a fact."""
        self._do("has_key", arn=arn)

    def certificate(self, arn: str, name: str) -> None:
        """ACM has an issued certificate for a domain name, under an ARN of somebody's choice."""
        self._do("certificate", arn=arn, name=name)

    def web_acl(self, arn: str) -> None:
        """AWS WAF has a web ACL under an ARN of somebody's choice. It has no rules, and lets everything through."""
        self._do("web_acl", arn=arn)

    def zone(self, identity: str, name: str, private: bool) -> None:
        """Route 53 has a hosted zone under an id of somebody's choice."""
        self._do("zone", identity=identity, name=name, private=private)

    def next_id(self, identity: str) -> None:
        """The next VPC, subnet, route table or VPC endpoint that is made gets an id of somebody's choice."""
        self._do("next_id", identity=identity)

    def names(self, vpc: str) -> dict[str, int]:
        """The private APIs' names that resolve in a VPC, and the port on loopback that answers for each by TLS."""
        found: dict[str, int] = self._do("names", vpc=vpc)
        return found

    def balanced_names(self, vpc: str) -> dict[str, tuple[int, list[str]]]:
        """The names that resolve in a VPC to a load balancer: a port on loopback, as above, and its interfaces' ids."""
        found: dict[str, tuple[int, list[str]]] = self._do("balanced_names", vpc=vpc)
        return found

    def client_certificate(self, name: str) -> dict[str, str]:
        """A certificate with its key, for a client: `certificate` and `key`, in PEM.

        Load balancers take it beside those of their trust stores, for nobody here has the keys of these.
        """
        made: dict[str, str] = self._do("client_certificate", name=name)
        return made

    def _do(self, operation: str, **parameters: Any) -> Any:
        asked = urllib.request.Request(  # noqa: S310 - the embedded AWS's own loopback address
            f"{self._url}/_operations/{operation}", json.dumps(parameters).encode(), method="POST"
        )
        try:
            with NO_PROXY.open(asked) as answered:
                return json.load(answered)
        except urllib.error.HTTPError as error:
            told = json.load(error)
            raise OperationError(f"{operation}: {told.get('error') or told.get('message')}") from None


NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
