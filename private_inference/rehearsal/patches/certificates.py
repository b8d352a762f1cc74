"""AWS Certificate Manager."""

from collections.abc import Iterator
from typing import Any

from moto.acm.models import AWSCertificateManagerBackend, CertBundle, acm_backends
from moto.route53.models import route53_backends

from private_inference.rehearsal.authority import Issued, issue
from private_inference.rehearsal.patches.patch import patch


@patch(CertBundle, "generate_cert")
def issued_by_an_authority(original: Any, domain_name: str, **asked: Any) -> Any:
    """A certificate is signed by an authority, whose own is its chain (API_GetCertificate); moto's sign themselves."""
    private = asked.get("cert_authority_arn")
    kind, status = ("PRIVATE", "ISSUED") if private else ("AMAZON_ISSUED", "PENDING_VALIDATION")
    made = issue(domain_name, asked.get("sans") or ())
    return _bundle(made, asked["account_id"], asked["region"], kind, status, cert_authority_arn=private)


@patch(AWSCertificateManagerBackend, "get_certificate")
def validated_by_its_record(original: Any, backend: Any, arn: str) -> Any:
    """A certificate is issued when its record is in public DNS, which is Route 53's public zones here.

    Source: https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html. moto issues it after a minute.
    """
    found = original(backend, arn)
    if found.status == "PENDING_VALIDATION" and _is_proved(backend, found):
        found.status = "ISSUED"
    return found


def _is_proved(backend: Any, bundle: Any) -> bool:
    options = bundle.describe()["Certificate"].get("DomainValidationOptions", [])
    wanted = [option["ResourceRecord"] for option in options]
    public = set(_public_records(backend))
    return bool(wanted) and all((each["Name"].rstrip("."), each["Value"].rstrip(".")) in public for each in wanted)


def _public_records(backend: Any) -> Iterator[tuple[str, str]]:
    for zone in route53_backends[backend.account_id][backend.partition].zones.values():
        for record in () if zone.private_zone else zone.rrsets:
            for value in record.records:
                yield record.name.rstrip("."), str(value).rstrip(".")


def keep(account: str, region: str, arn: str, domain_name: str) -> None:
    """Give the account an issued certificate under a given ARN, which no AWS call can do."""
    bundle = _bundle(issue(domain_name), account, region, "IMPORTED", "ISSUED", arn=arn)
    acm_backends[account][region]._certificates[arn] = bundle


def _bundle(made: Issued, account: str, region: str, kind: str, status: str, **more: Any) -> Any:
    bundle: Any = CertBundle(
        account_id=account,
        certificate=made.certificate,
        private_key=made.key,
        region=region,
        cert_type=kind,
        cert_status=status,
        **more,
    )
    bundle.chain = made.chain
    return bundle


def certificate(account: str, region: str, arn: str) -> Issued | None:
    """An issued certificate of ACM with its key, by its ARN."""
    found: Any = acm_backends[account][region]._certificates.get(arn)
    return Issued(found.cert, found.key, found.chain) if found and found.status == "ISSUED" else None
