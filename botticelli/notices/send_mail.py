"""Delivers a notice by e-mail over SMTP with TLS, to a mail server whose address was checked."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from botticelli.errors import BotticelliError
from botticelli.notices.outcome import Delivered, Failed, Outcome
from botticelli.notices.send_web import variable
from botticelli.notices.wording.message_text import message_text
from botticelli.security.safe_fetch import Resolver, checked_address
from botticelli.settings.sections.notify import PORTS, NotifyTarget
from botticelli.store.notices.outbox import Notice

TIMEOUT_SECONDS = 15.0
"""Limit for each answer of the server."""
DEADLINE_SECONDS = 30.0
"""Limit for the whole conversation, after which the connection is cut."""


def send_mail(target: NotifyTarget, notice: Notice, output: Any, *, resolve: Resolver | None = None) -> Outcome:
    """Send a notice once. Its Message-ID is that of the notice, so that a mail that arrives twice is recognised."""
    message = mail_of(target, notice, output)
    try:
        with _connection(target, resolve) as server:
            _log_in(server, target)
            refused = server.send_message(message)
    except BotticelliError as error:
        return Failed(str(error))
    except smtplib.SMTPResponseException as error:
        code = error.smtp_code if error.smtp_code > 0 else None
        return Failed(f"the mail server answered {code or 'something unreadable'}", code)
    except smtplib.SMTPRecipientsRefused:
        return Failed("the mail server refused all recipients")
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Failed(f"the mail server can't be used: {type(error).__name__}")
    return Delivered(note=f"{len(refused)} of {len(target.to)} recipients were refused" if refused else None)


def mail_of(target: NotifyTarget, notice: Notice, output: Any) -> EmailMessage:
    """Write the mail: the title as its subject, then why, and the command that helps."""
    text = message_text(notice, output)
    mail = EmailMessage()
    mail["Subject"] = f"[botticelli] {text.title}"
    mail["From"] = target.sender
    mail["To"] = ", ".join(target.to)
    mail["Date"] = format_datetime(notice.created_at)
    mail["Message-ID"] = f"<{notice.id}@botticelli.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join([*text.lines, f"event {notice.type}, id {notice.id}"]) + "\n")
    return mail


@contextlib.contextmanager
def _connection(target: NotifyTarget, resolve: Resolver | None) -> Iterator[smtplib.SMTP]:
    """Connect, with TLS from the start or by STARTTLS; without either only if the target allows it."""
    parts = urlsplit(target.smtp_url or "")
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    address = checked_address(host, port, allow_private=target.allow_private, resolve=resolve)
    context = ssl.create_default_context()
    server = _SecureMail(address, context) if parts.scheme == "smtps" else _Mail(address)
    cut = threading.Timer(DEADLINE_SECONDS, server.cut)
    cut.daemon = True
    cut.start()
    try:
        server.connect(host, port)
        if parts.scheme == "smtp":
            _start_tls(server, context, target)
        yield server
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        cut.cancel()
        server.close()


def _start_tls(server: smtplib.SMTP, context: ssl.SSLContext, target: NotifyTarget) -> None:
    server.ehlo_or_helo_if_needed()
    if server.has_extn("starttls"):
        server.starttls(context=context)
    elif not target.allow_private:
        do = "use smtps://, or allow_private = true for a server in your own network"
        raise BotticelliError("the mail server offers no TLS", do=do)


def _log_in(server: smtplib.SMTP, target: NotifyTarget) -> None:
    if target.smtp_user is not None:
        server.login(target.smtp_user, variable(target.smtp_password_env or ""))


class _Mail(smtplib.SMTP):
    """Connects to the address that was checked; TLS still checks the name of the host."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__(timeout=TIMEOUT_SECONDS)

    def connect(self, host: str = "", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        self._host = host  # the name that starttls checks the certificate for
        return super().connect(host, port, source_address)

    def cut(self) -> None:
        """End the conversation from another thread."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self._address, port), timeout)


class _SecureMail(_Mail):
    """The same with TLS from the start."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        self._tls = context
        super().__init__(address)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._tls.wrap_socket(super()._get_socket(host, port, timeout), server_hostname=host)
