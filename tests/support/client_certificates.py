"""Authorities that issue clients' certificates, and connections to this machine that show one."""

import datetime
from http.client import HTTPSConnection
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM, PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()
VALID = datetime.timedelta(days=1)


class Authority:
    """A CA that no AWS knows of."""

    def __init__(self, name: str, *, issues: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(issues, None)
        self.certificate = self._builder(self.name, self.key).add_extension(basic, critical=True)
        self.pem = self.certificate.sign(self.key, hashes.SHA256()).public_bytes(PEM)

    def _builder(self, subject: x509.Name, key: Any, ends: datetime.timedelta = VALID) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_after(now + ends)
        return made.not_valid_before(now - datetime.timedelta(days=2))

    def client(self, ends: datetime.timedelta = VALID) -> bytes:
        """A client's certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [(NameOID.COMMON_NAME, "infusion-pump-7"), (NameOID.ORGANIZATION_NAME, "Ward 3")]
        subject = x509.Name([x509.NameAttribute(*each) for each in parts])
        made = self._builder(subject, key, ends).sign(self.key, hashes.SHA256())
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, PLAIN)
        return made.public_bytes(PEM) + private


class Loopback(HTTPSConnection):
    """A connection to this machine for a name, which is the only one that TLS hears of."""

    def connect(self) -> None:
        name, self.host = self.host, "127.0.0.1"
        super(HTTPSConnection, self).connect()
        self.host = name
        self.sock = self._context.wrap_socket(self.sock, server_hostname=name)  # type: ignore[attr-defined]
