"""A TLS port on loopback, which presents the certificate of the name that a client asks for."""

import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from private_inference.rehearsal.authority import Issued

Certificates = Callable[[str], Issued | None]
"""The certificate for a domain name, if there is one."""


class TlsPort:
    """Serves a WSGI application by TLS from when it is made, to clients that ask for a name.

    `authorities` are those that clients' certificates have to be from (PEM), as they are at each connection; None:
    clients need no certificate. `lowest` is the first version of TLS that is taken.
    """

    def __init__(
        self,
        host: str,
        application: Any,
        handler: Any,
        certificates: Certificates,
        *,
        authorities: Callable[[], str] | None = None,
        lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    ) -> None:
        from werkzeug.serving import make_server

        self._certificates, self._authorities, self._lowest = certificates, authorities, lowest
        context = self._context()
        context.sni_callback = self._chosen
        server = make_server(host, 0, application, threaded=True, request_handler=handler, ssl_context=context)
        self.port = server.port
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def _chosen(self, connection: Any, name: str | None, _: ssl.SSLContext) -> int | None:
        issued = self._certificates(name or "")
        if issued is None:
            return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
        connection.context = self._context(issued)
        return None

    def _context(self, issued: Issued | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._lowest
        if self._authorities:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self._authorities())
        if issued:
            with tempfile.TemporaryDirectory() as folder:  # Python's ssl takes files alone
                file = Path(folder) / "certificate.pem"
                file.write_bytes(issued.key + issued.certificate + issued.chain)
                context.load_cert_chain(file)
        return context
