"""Whether ACM's certificate for the front door can be used, before anything is declared."""

from collections.abc import Sequence

from components import clients
from components.settings import SettingsError
from components.settings.front_door import FrontDoorSettings

REMEDIES = {
    "PENDING_VALIDATION": "Publish the DNS records that ACM asks for, or answer its mail, and wait until it is issued",
    "EXPIRED": "Import or request another one",
    "REVOKED": "Import or request another one",
    "INACTIVE": "Request another one",
    "VALIDATION_TIMED_OUT": "Request another one, and publish its DNS records within 72 hours",
    "FAILED": "Request another one; ACM says why this one failed (`aws acm describe-certificate`)",
}
"""By status: https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html"""

API_KEYS = ("RSA_2048", "EC_prime256v1", "EC_secp384r1")
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-custom-domains.html"""
BALANCER_KEYS = ("RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1")
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html"""


def check_certificate(settings: FrontDoorSettings, region: str) -> None:
    """Raises SettingsError if the certificate that the settings name is not issued, or nothing for their name.

    Nothing where they name none, or there is no account to ask.
    """
    acm = clients.client("acm", region) if settings.certificate_arn else None
    if acm is None:
        return
    from botocore.exceptions import BotoCoreError, ClientError

    short = (settings.certificate_arn or "").rpartition("/")[2]
    try:
        found = acm.describe_certificate(CertificateArn=settings.certificate_arn)["Certificate"]
    except (BotoCoreError, ClientError) as error:
        reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else str(error)
        raise SettingsError(
            f"frontDoor.certificateArn: {short!r} can't be looked up in ACM: {reason}. Correct it, or the access."
        ) from None
    if found["Status"] != "ISSUED":
        remedy = REMEDIES.get(found["Status"], "Name one that is issued")
        raise SettingsError(f"frontDoor.certificateArn: {short!r} is {found['Status']}, not issued. {remedy}.")
    key = found.get("KeyAlgorithm", API_KEYS[0]).replace("-", "_")
    taker, keys = ("load balancers", BALANCER_KEYS) if settings.load_balancer else ("private names", API_KEYS)
    if key not in keys:
        raise SettingsError(
            f"frontDoor.certificateArn: {short!r} has a key of {key}, and {taker} take {', '.join(keys)}. "
            "Name a certificate with such a key."
        )
    names = [found["DomainName"], *found.get("SubjectAlternativeNames", [])]
    if not covered(settings.domain_name, names):
        raise SettingsError(
            f"frontDoor.certificateArn: {short!r} is for {', '.join(sorted(set(names)))}, not for "
            f"{settings.domain_name}. Name a certificate for it."
        )


def covered(name: str, names: Sequence[str]) -> bool:
    """Whether a certificate for some names, of which a wildcard stands for one label, is for a name (RFC 6125)."""
    return name in names or f"*.{name.partition('.')[2]}" in names
