"""Runs a mail server: SMTP with TLS from the start, by STARTTLS or without; records what it takes."""

from __future__ import annotations

import base64
import datetime
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "mail.test"


@dataclass
class MailServer:
    """`replies` maps the beginning of a command to the reply that takes the place of the usual one."""

    port: int = 0
    replies: Mapping[str, str] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    was_encrypted: bool = False


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, certificate: Path, mode: str) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.mode = mode
        self.made = MailServer(self.server_address[1])
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that refuses the certificate."""


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        if self.server.mode == "tls":
            self._encrypt()
        self._say("220 ready")
        verb = ""
        while verb != "QUIT" and (line := self.rfile.readline().decode().strip()):
            verb = line.split()[0].upper()
            replies = self.server.made.replies.items()
            replaced = next((reply for start, reply in replies if line.upper().startswith(start)), None)
            if replaced is not None:
                self._say(replaced)
            else:
                getattr(self, f"_{verb.lower()}", self._other)(line)

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def _ehlo(self, line: str) -> None:
        starts = self.server.mode == "starttls" and not isinstance(self.request, ssl.SSLSocket)
        self._say("\r\n".join(["250-test", *(["250-STARTTLS"] if starts else []), "250-AUTH PLAIN", "250 8BITMIME"]))

    def _starttls(self, line: str) -> None:
        self._say("220 go")
        self._encrypt()

    def _auth(self, line: str) -> None:
        self.server.made.logins.append(base64.b64decode(line.split()[2]).decode())
        self._say("235 in")

    def _data(self, line: str) -> None:
        self._say("354 go")
        lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
        self.server.made.mails.append("".join(lines))
        self.server.made.was_encrypted = isinstance(self.request, ssl.SSLSocket)
        self._say("250 taken")

    def _quit(self, line: str) -> None:
        self._say("221 bye")

    def _other(self, line: str) -> None:
        self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def _encrypt(self) -> None:
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.setup()


@contextmanager
def mail_server(certificate: Path, mode: Literal["tls", "starttls", "plain"]) -> Iterator[MailServer]:
    with _Server(certificate, mode) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.made
        server.shutdown()
        thread.join()


def make_certificate(file: Path, host: str = HOST) -> Path:
    """Write a certificate of `host` that it has signed itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    formats = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *formats) + certificate)
    return file
