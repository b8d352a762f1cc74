"""A certificate authority of the embedded AWS's own, for what its ACM issues: nobody else trusts it."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = datetime.timedelta(days=395)
"""As long as ACM's own: https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html"""


@dataclass(frozen=True)
class Issued:
    """A certificate, its key and the authority's certificate, as PEM."""

    certificate: bytes
    key: bytes
    chain: bytes


CLIENTS = "Rehearsal's clients"
"""The authority of clients' certificates, which vouches for no server."""


@cache
def _root(common: str = "Rehearsal") -> tuple[Any, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(True, 0), critical=True)
    return key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())


def trusted() -> bytes:
    """The authority's own certificate, as PEM."""
    return _root()[1].public_bytes(serialization.Encoding.PEM)


def of_clients() -> bytes:
    """The certificate of the authority for clients, as PEM."""
    return _root(CLIENTS)[1].public_bytes(serialization.Encoding.PEM)


def issue(name: str, others: Sequence[str] = ()) -> Issued:
    """A certificate for a domain name, and for others."""
    names = x509.SubjectAlternativeName([x509.DNSName(each) for each in dict.fromkeys([name, *others])])
    return _issued(name, names, trusted(), *_root())


def issue_to_client(name: str) -> Issued:
    """A certificate for a client."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return _issued(name, usage, of_clients(), *_root(CLIENTS))


def _issued(name: str, says: x509.ExtensionType, chain: bytes, root_key: Any, root: x509.Certificate) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), root.subject, key).add_extension(says, critical=False)
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    made = builder.add_extension(by, critical=False).sign(root_key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return Issued(
        made.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain),
        chain,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
