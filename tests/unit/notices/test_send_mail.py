"""Notices by e-mail over a real SMTP connection: encrypted, logged in, refused, and never to a private address by mistake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_string, policy
from pathlib import Path
from typing import Any

import pytest

from botticelli.notices import send_mail as module
from botticelli.notices.outcome import Delivered, Failed
from botticelli.notices.send_mail import send_mail
from botticelli.settings.sections.notify import NotifyTarget
from botticelli.store import Notice
from tests.support.servers.mail_server import HOST, MailServer, mail_server, make_certificate

DATA = {"run_id": "run-1", "narrative": "digest\nBcc: x@evil.test", "iterations": 3, "succeeded": 1, "reason": "no key"}
NOTICE = Notice("n1", "run.failed", "run-1", "digest", [], None, DATA, datetime(2026, 11, 29, 3, tzinfo=UTC))
Resolve = Callable[[str, int], list[str]]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = make_certificate(tmp_path / "mail.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


def target(server: MailServer, scheme: str = "smtps", host: str = HOST, **keys: Any) -> NotifyTarget:
    usual = {"name": "mail", "on": ["run.failed"], "kind": "email", "sender": "bot@x.test", "to": ["ada@x.test"]}
    return NotifyTarget.model_validate(
        usual | {"smtp_url": f"{scheme}://{host}:{server.port}", "allow_private": True} | keys
    )


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize(("mode", "scheme"), [("tls", "smtps"), ("starttls", "smtp")])
def test_mail_is_encrypted_and_says_what_why_and_the_command(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, mode: Any, scheme: str
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    with mail_server(certificate, mode) as server:
        login = {"smtp_user": "bot", "smtp_password_env": "MAIL_PASSWORD"}
        outcome = send_mail(target(server, scheme, **login), NOTICE, None, resolve=here)
        assert outcome == Delivered()
        assert server.was_encrypted and server.logins == ["\0bot\0hunter2"]
        (text,) = server.mails
    mail = message_from_string(text, policy=policy.default)
    assert mail["Subject"].strip() == "[botticelli] digest Bcc: x@evil.test has failed: 1 of 3 iterations succeeded"
    assert (mail["To"], mail["Bcc"], mail["Message-ID"]) == ("ada@x.test", None, "<n1@botticelli.invalid>")
    body = mail.get_content()
    assert "no key" in body and "-> botticelli runs why run-1" in body


def test_certificate_of_another_host_is_refused(certificate: Path) -> None:
    with mail_server(certificate, "tls") as server:
        outcome = send_mail(target(server, host="other.test"), NOTICE, None, resolve=here)
        assert outcome == Failed("the mail server can't be used: SSLCertVerificationError")
        assert server.mails == []


def test_server_without_tls_is_used_only_in_ones_own_network(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server(certificate, "plain") as server:
        assert send_mail(target(server, "smtp"), NOTICE, None, resolve=here) == Delivered()
        monkeypatch.setattr(module, "checked_address", lambda *_, **__: "127.0.0.1")
        outcome = send_mail(target(server, "smtp", allow_private=False), NOTICE, None)
        assert isinstance(outcome, Failed) and "offers no TLS; use smtps://" in outcome.error
        assert len(server.mails) == 1


def test_private_address_of_a_mail_server_is_refused(certificate: Path) -> None:
    with mail_server(certificate, "tls") as server:
        outcome = send_mail(target(server, allow_private=False), NOTICE, None, resolve=here)
        assert isinstance(outcome, Failed)
        assert outcome.error.startswith("mail.test: resolves to a private address; set allow_private = true")


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        ({"DATA": "451 later"}, Failed("the mail server answered 451", 451)),
        ({"MAIL": "550 hunter2"}, Failed("the mail server answered 550", 550)),
        ({"RCPT": "550 no"}, Failed("the mail server refused all recipients")),
        ({"RCPT TO:<BOB": "550 no"}, Delivered(note="1 of 2 recipients were refused")),
        ({"EHLO": "500 what", "HELO": "500 what"}, Failed("the mail server answered 500", 500)),
        ({"DATA": "garbage"}, Failed("the mail server answered something unreadable")),
    ],
)
def test_refusal_of_the_server_is_an_outcome(certificate: Path, replies: dict[str, str], outcome: Any) -> None:
    with mail_server(certificate, "tls") as server:
        server.replies = replies
        given = send_mail(target(server, to=["ada@x.test", "bob@x.test"]), NOTICE, None, resolve=here)
    assert given == outcome


def test_server_that_says_nothing_is_cut_off(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    with mail_server(certificate, "plain") as server:
        outcome = send_mail(target(server, "smtps"), NOTICE, None, resolve=here)
    assert isinstance(outcome, Failed)
