"""Errors in provider bodies of every shape that has been met."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers.reading.error_bodies import in_words, read_error_body

GOOGLE = {"error": {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "x"}, 5]}}


@pytest.mark.parametrize(
    ("body", "message", "status"),
    [
        (GOOGLE, "Quota.", 429),
        ([GOOGLE], "Quota.", 429),
        ([[GOOGLE]], "Quota.", 429),
        ({"error": "no such model"}, "no such model", None),
        ({"error": {"code": "429"}}, "", 429),
        ({"code": 503, "message": "Busy."}, "Busy.", 503),
        ({"detail": "Not today."}, "Not today.", None),
        ({"detail": [{"loc": ["body", "model"], "msg": "field required"}]}, "body.model: field required", None),
        ({"detail": {"error": {"message": "deep"}}}, "deep", None),
        ({"errors": ["first", {"message": "second"}]}, "first; second", None),
        ({"errors": [{"code": 402, "message": "pay"}]}, "pay", 402),
        ({"message": "only this"}, "only this", None),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "Overloaded", 529),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None}, "rate limit", None),
        (
            {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": '{"error": "boom"}'}}},
            "Provider returned error: boom",
            502,
        ),
        (b'[{"error": {"message": "in bytes", "code": 500}}]', "in bytes", 500),
        ("upstream connect error", "upstream connect error", None),
        (
            "<!DOCTYPE html><html><head><title>502 Bad\n Gateway</title></head><body>x</body></html>",
            "502 Bad Gateway",
            None,
        ),
        ("<html><style>a{}</style><body><p>Log in</p></body></html>", "Log in", None),
        (
            {"error": {"message": "a\0b\ud800c", "code": True}},
            "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c",
            None,
        ),
        ({"error": {"message": ["x"] * 9, "code": 1e30}}, "x; x; x", None),
        (None, "", None),
        (5, "", None),
        ([], "", None),
        ({}, "", None),
        ({"error": None}, "", None),
        ({"error": {"error": {"error": {"error": {"error": {"error": {"error": "deep"}}}}}}}, "", None),
        (b"", "", None),
        (b'\xef\xbb\xbf{"error": {"message": "behind a mark"}}', "behind a mark", None),
        ('{"error": {"message": "wide"}}'.encode("utf-16"), "wide", None),
        ('{"error": {"message": "wide"}}'.encode("utf-16-le"), "wide", None),
        (b'data: {"error": {"message": "streamed", "code": 429}}\n\n', "streamed", 429),
        ('event: error\ndata: {"type": "error", "error": {"message": "named"}}\n\n', "named", None),
        ({"Message": "in capitals", "Code": "ThrottlingError"}, "in capitals", None),
        ({"Error": {"Message": "in capitals", "StatusCode": 503}}, "in capitals", 503),
        ({"fault": {"faultstring": "Spike arrest", "detail": {"errorcode": "x"}}}, "Spike arrest", None),
        ({"error": {"message": {"text": "in an object"}}}, "in an object", None),
        ({"error": {"message": '{"error": {"message": "JSON in a text"}}'}}, "JSON in a text", None),
        ({"error": {"message": "{no JSON}", "type": "RateLimitError"}}, "{no JSON}", 429),
        ({"message": "m", "type": "NotFoundError"}, "m", 404),
        (b"\x8b\xff\xfe", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}", None),
    ],
)
def test_error_body_of_any_shape_gives_message_and_status(body: Any, message: str, status: int | None) -> None:
    error = read_error_body(body)
    assert (error.message, error.status) == (message, status)


def test_google_error_in_a_list_keeps_code_details_and_body() -> None:
    error = read_error_body([GOOGLE])
    assert error.code == "RESOURCE_EXHAUSTED"
    assert error.details == ({"@type": "x"},)
    assert error.body == GOOGLE


def test_body_without_a_known_name_is_shown_as_it_is() -> None:
    shown = [in_words(read_error_body(body)) for body in ({"model": ["unknown"]}, {"message": "m"}, {}, [], b"")]
    assert shown == ['{"model": ["unknown"]}', "m", "", "", ""]


def test_deep_json_is_read_without_an_exception() -> None:
    assert read_error_body("[" * 100_000).message.startswith("[[")
    assert read_error_body({"detail": "[" * 50}).message == "[" * 50
