"""What a stack may set for clients of its front door that can't sign for AWS: they show certificates instead."""

import re
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import time
from typing import Annotated

from pydantic import AfterValidator, Field

from components.ecr import EcrImage
from components.settings.fields import Reason
from components.settings.group import SettingsGroup
from components.settings.problems import Problem

FORWARDER_SERVICES = ("ecr.api", "ecr.dkr", "logs")
"""What its tasks reach by interface endpoints; the layers of its image come through the S3 gateway.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-setting-up-vpc-create
"""

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def _by_digest(value: str) -> str:
    EcrImage.parse(value)
    if not re.search(r"@sha256:[0-9a-f]{64}$", value):
        raise ValueError("names no digest, and a tag may lead to another image tomorrow; end it in @sha256:DIGEST")
    return value


def _tls_policy(value: str) -> str:
    if not re.fullmatch(r"ELBSecurityPolicy-TLS13-1-[23]-([A-Za-z0-9]+-)*20\d\d-\d\d", value):
        raise ValueError(
            "is no security policy of TLS 1.2 or later; choose one that begins with ELBSecurityPolicy-TLS13-1-2- or "
            "ELBSecurityPolicy-TLS13-1-3-"
        )
    return value


def _authorities(value: str) -> str:
    path = Path(value)
    if not path.is_file():
        raise ValueError("is no file; name one in the project with the certificates of the clients' CAs, in PEM")
    found = PEM.findall(path.read_text(encoding="utf-8", errors="replace"))
    if not found:
        raise ValueError("holds no certificate; write the CAs' certificates into it, in PEM (BEGIN CERTIFICATE)")
    for position, certificate in enumerate(found, start=1):
        if problem := _no_authority(certificate):
            raise ValueError(f"holds a certificate (number {position}) that {problem}")
    return value


def _no_authority(certificate: str) -> str:
    """Why a certificate is none of a CA that issues today; empty if it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=certificate)
    except ssl.SSLError:
        return "can't be read; write it anew, in PEM"
    loaded = context.get_ca_certs()
    if not loaded:
        return "is no CA's (basicConstraints: CA); name the certificates of those that issue, not of clients"
    ends = str(loaded[0]["notAfter"])
    if ssl.cert_time_to_seconds(ends) < time():
        return f"ended on {ends}, and no client's holds beyond it; replace or remove it"
    return ""


class LoadBalancerSettings(SettingsGroup):
    """An internal Application Load Balancer in place of the API, for clients that show a certificate of their own.

    It passes calls to a forwarder on Fargate, which signs them for SageMaker. docs/front-door.md says whom it suits.
    """

    unsigned_because: Reason
    """Why clients can't sign for AWS: SageMaker and CloudTrail see the forwarder's role, and none of them."""
    client_authorities: Annotated[str, AfterValidator(_authorities)]
    """A file in the project: the certificates of the CAs that issue the clients' certificates, in PEM."""
    forwarder: Annotated[str, AfterValidator(_by_digest)]
    """The forwarder's image, by digest, in a private registry of Amazon ECR in this region.

    forwarder/ in the repository is one.
    """
    timeout_seconds: Annotated[int, Field(ge=1, le=4000)] = 60
    """When the balancer gives up a connection on which nothing passes."""
    tasks: Annotated[int, Field(ge=2, le=100)] = 2
    """How many forwarders run, over the stack's zones."""
    tls_policy: Annotated[str, AfterValidator(_tls_policy)] = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    """The balancer's security policy, of TLS 1.2 or later. The default is the one that AWS recommends.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
    """


def contradictions(
    balancer: LoadBalancerSettings | None, account: str, region: str, services: Sequence[str]
) -> Iterator[Problem]:
    """What of a load balancer can't be in a region, with interface endpoints of these services beside the runtime.

    `account` is the stack's, or empty.
    """
    if balancer is None:
        return
    image = EcrImage.parse(balancer.forwarder)
    place = "frontDoor.loadBalancer"
    if image.region != region:
        message = f"is not in {region}, and a VPC's endpoints lead to the registry of their own region; copy it there"
        yield Problem(f"{place}.forwarder", balancer.forwarder, message)
    if account and image.account != account:
        message = "is of another account, and the stack's endpoints of ECR let its own images pass; copy it there"
        yield Problem(f"{place}.forwarder", balancer.forwarder, message)
    if missing := [service for service in FORWARDER_SERVICES if service not in services]:
        message = (
            f"is not reached by the forwarder, which loads its image and writes its log; add {', '.join(missing)} to "
            "privateAccess.interfaceEndpoints"
        )
        yield Problem(f"{place}.forwarder", ", ".join(missing), message)
