"""Reading of webhooks: handshakes, what identifies a delivery, conditions and variables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botticelli.errors import InvalidInput
from botticelli.settings.sections.webhooks import WebhookKind
from botticelli.webhooks.delivery import Delivery, Malformed, Reply, handshake, read_body, read_delivery
from botticelli.webhooks.mapping import NotThere, WebhookMapping, read_conditions, read_template
from botticelli.webhooks.signatures import Incoming
from tests.support.http.webhook_senders import BODIES, KINDS, sent


def incoming(kind: WebhookKind, body: Any = None, **headers: str) -> Incoming:
    webhook = sent(kind, body).having(**headers)
    return Incoming(webhook.headers, webhook.raw, 0)


def delivery_of(kind: WebhookKind, body: Any = None, **headers: str) -> Delivery:
    request = incoming(kind, body, **headers)
    return read_delivery(kind, request, read_body(kind, request))


@pytest.mark.parametrize(
    ("kind", "body", "headers", "reply"),
    [
        ("github", {"zen": "x"}, {"x_github_event": "ping"}, Reply(200, {"pong": True})),
        ("slack", {"type": "url_verification", "challenge": "3eZb"}, {}, Reply(200, {"challenge": "3eZb"})),
        ("stripe", {"id": "evt_00000000000000", "type": "invoice.paid"}, {}, Reply(200, {"test": True})),
        ("discord", {"type": 1, "id": "1", "token": "x"}, {}, Reply(200, {"type": 1})),
        ("discord", {"type": 0, "version": 1, "application_id": "1"}, {}, Reply(204)),
    ],
)
def test_question_whether_somebody_is_there_is_answered_in_its_form(
    kind: WebhookKind, body: Any, headers: dict[str, str], reply: Reply
) -> None:
    request = incoming(kind, body, **headers)
    assert handshake(kind, request, read_body(kind, request)) == reply


@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_delivery_is_no_handshake(kind: WebhookKind) -> None:
    request = incoming(kind)
    assert handshake(kind, request, read_body(kind, request)) is None


@pytest.mark.parametrize(
    ("kind", "identity", "event"),
    [
        ("standard", "d-1", "issue.opened"),
        ("github", "d-1", "issues"),
        ("stripe", "evt_1Nq", "invoice.paid"),
        ("slack", "Ev1", "app_mention"),
        ("discord", None, "ENTITLEMENT_CREATE"),
    ],
)
def test_delivery_is_named_as_its_sender_names_it(kind: WebhookKind, identity: str | None, event: str) -> None:
    delivery = delivery_of(kind)
    assert (delivery.id == identity or identity is None, delivery.event) == (True, event)
    assert delivery_of(kind).key == delivery.key


def test_copy_of_a_github_body_under_another_id_is_the_same_delivery() -> None:
    copy = delivery_of("github", x_github_delivery="forged")
    assert (copy.id, copy.key) == ("forged", delivery_of("github").key)
    assert delivery_of("github", {**BODIES["github"], "action": "closed"}).key != copy.key


def test_interaction_is_read_without_its_token() -> None:
    body = {"type": 2, "id": "77", "token": "secret-of-the-interaction", "data": {"name": "digest"}}
    delivery = delivery_of("discord", body)
    assert (delivery.id, delivery.event, "token" in delivery.body) == ("77", "digest", False)


def test_slack_command_is_read_from_its_form() -> None:
    webhook = sent("slack", raw=b"command=%2Fdigest&text=caf%C3%A9&trigger_id=1.2").having(
        content_type="application/x-www-form-urlencoded"
    )
    request = Incoming(webhook.headers, webhook.raw, 0)
    delivery = read_delivery("slack", request, read_body("slack", request))
    assert (delivery.event, delivery.body["text"], delivery.id) == ("/digest", "café", "1.2")


@pytest.mark.parametrize(
    ("kind", "body"), [("stripe", {}), ("stripe", {"id": 7}), ("slack", {"type": "x"}), ("discord", {"type": 2})]
)
def test_body_without_an_id_is_malformed(kind: WebhookKind, body: Any) -> None:
    with pytest.raises(Malformed):
        delivery_of(kind, body)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (("{body.action} == opened",), True),
        (("{body.action} != opened",), False),
        (("{body.issue.number} >= 7", "{event} == issues"), True),
        (("{body.issue.number} > 7",), False),
        (("{body.issue.body}",), False),
        (("!{body.pull_request}",), True),
        (("{body.labels.0.name} == bug",), False),
        (("{delivery} == d-1", "{body.action} == closed"), False),
        ((), True),
    ],
)
def test_conditions_decide_on_what_the_body_says(when: tuple[str, ...], expected: bool) -> None:
    assert WebhookMapping(read_conditions(when), {}).matches(delivery_of("github")) is expected


@pytest.mark.parametrize(
    "text", ["", "opened", "{bdy.action}", "{body.action} = opened", "{state.x}", "{event.x}", "${HOME}"]
)
def test_text_that_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_conditions((text,))


def filled(text: str, body: Any) -> str:
    delivery = Delivery("d-1", "k", "issues", body)
    return WebhookMapping((), {"x": read_template(text)}).filled(delivery)["x"]


def test_variables_are_filled_from_the_body() -> None:
    body = {"a": {"b": [1, "two"], "n": None, "t": True}, "id": 5}
    assert (
        filled("{body.a.b.1}: {body.a.b.0}, {body.a.n}{body.a.t} by {event} {delivery}", body)
        == "two: 1, true by issues d-1"
    )
    assert filled("{body.a}", body) == '{"b":[1,"two"],"n":null,"t":true}'
    with pytest.raises(NotThere, match=r"the body has no \{body.c\}"):
        filled("{body.c}", body)


@given(st.text())
def test_text_from_outside_is_never_a_template(text: str) -> None:
    """Whatever it says, it is filled in as it is; only characters that can't be stored are replaced."""
    for attack in (text, f"{{body.secret}}{text}", f"${{HOME}}{{state.x}}{text}"):
        shown = filled("<{body.a}>", {"a": attack, "secret": "hidden"})
        assert shown == f"<{attack}>" or "\0" in attack or not attack.isprintable()
        assert "hidden" not in shown
