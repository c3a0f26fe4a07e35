"""The drivers of the three SDKs against servers that speak the real wire protocols: what is sent, counted and raised."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from botticelli.drivers import Driver, GenerateRequest, Media, Message, Usage
from botticelli.drivers.openai import CompatibleDriver
from botticelli.errors import DriverError, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.testing.drivers import DriverConformance
from botticelli.testing.providers import JSON, FakeProvider, Limits
from tests.support.fleet.ports import refusing
from tests.support.servers.sdks import ALL, CANARY, MODELS, driver_for, request
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("keys", "closed")
PNG = Media(kind="image", mime="image/png", data=b"\x89PNG")
PDF = Media(kind="document", mime="application/pdf", data=b"%PDF-1.7")


def failure(server: FakeProvider, *words: str, **options: Any) -> DriverError:
    server.play(*words)
    with pytest.raises(DriverError) as caught:
        driver_for(server, **options).generate(request(server.wire))
    return caught.value


class Conformance(DriverConformance):
    secret = CANARY
    wire: Any = ""
    stream = True

    @pytest.fixture(autouse=True)
    def _server(self, keys: None) -> Iterator[None]:
        self.model = MODELS[self.wire]
        with FakeProvider(self.wire, cached_tokens=3, reasoning_tokens=2, limits=Limits(100, 10_000)) as made:
            self.server = made
            yield

    def make_driver(self) -> Driver:
        return driver_for(self.server, stream=self.stream, estimate="count")

    def failing_driver(self) -> Driver:
        self.server.echo_headers = ("authorization", "x-goog-api-key", "x-api-key")
        self.server.play("401")
        return self.make_driver()


class TestGemini(Conformance):
    wire = "gemini"


class TestAnthropic(Conformance):
    wire = "anthropic"


class TestOpenAI(Conformance):
    wire = "openai"
    stream = False


@ALL
@pytest.mark.parametrize("stream", [True, False])
def test_everything_that_was_counted_arrives(wire: Any, stream: bool) -> None:
    with FakeProvider(wire, output_tokens=40, cached_tokens=7, reasoning_tokens=11) as server:
        driver, pieces = driver_for(server, stream=stream), list[str]()
        response = driver.stream(request(wire, "four" * 10), pieces.append)
        assert response.usage == Usage(10, 40, 7, 11)
        assert response.usage.total_tokens == server.counted_tokens
        assert ("".join(pieces), len(pieces) > 1) == (response.text, stream)
        assert response.finish_reason == "stop" and response.warnings == ()


@ALL
@pytest.mark.parametrize("stream", [True, False])
def test_cache_writes_and_service_of_answer_arrive(wire: Any, stream: bool) -> None:
    counts = {"cached_tokens": 70, "cache_write_tokens": 30, "cache_write_long_tokens": 12}
    service = "batch" if wire == "anthropic" else "flex"
    with FakeProvider(wire, output_tokens=40, reasoning_tokens=11, service=service, **counts) as server:
        driver = driver_for(server, stream=stream)
        response = driver.stream(request(wire, "four" * 110), lambda piece: None)
        written, long = (0, 0) if wire == "gemini" else (30, 12)
        assert response.usage == Usage(110, 40, 70, 11, written, long)
        assert (response.service, response.warnings) == (service, ())


@ALL
def test_a_missing_count_is_estimated_and_said(wire: Any, server: FakeProvider) -> None:
    server.play("no-usage")
    response = driver_for(server).generate(request(wire, system="Be short."))
    assert response.usage.input_tokens > 4 and response.usage.output_tokens > 4
    assert "didn't say what the call used" in response.warnings[0]


def test_gemini_gets_the_whole_request() -> None:
    with FakeProvider("gemini") as server:
        sampled = dict(temperature=0, max_tokens=9, stop=("END",), json=True, system="Be brief.")
        driver_for(server).generate(request("gemini", model="gemini-2.5-flash", **sampled))
        turns = (Message("user", "a", (PNG, PDF)), Message("assistant", "b"), Message("user", "c"))
        driver_for(server, api_version="v1").generate(GenerateRequest(model="gemini-x", messages=turns))
    first, second = server.received
    assert first.path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert first.headers["x-goog-api-key"] == CANARY
    config = first.body["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"], config["stopSequences"]) == (0, 9, ["END"])
    assert config["responseMimeType"] == "application/json"
    assert first.body["systemInstruction"]["parts"][0]["text"] == "Be brief."
    assert second.path == "/v1/models/gemini-x:generateContent"
    assert [content["role"] for content in second.body["contents"]] == ["user", "model", "user"]
    inline = [part["inlineData"] for part in second.body["contents"][0]["parts"][:2]]
    kinds = [media_part.get("mimeType") or media_part["mime_type"] for media_part in inline]
    assert kinds == ["image/png", "application/pdf"]


def test_large_media_are_uploaded_to_gemini_once() -> None:
    film = Media(kind="video", mime="video/mp4", data=b"x" * 16_000_000)
    with FakeProvider("gemini") as server:
        driver = driver_for(server, timeout_seconds=60)
        whole_request = GenerateRequest(model="gemini-x", messages=(Message("user", "a", (film,)),))
        driver.generate(whole_request)
        driver.generate(whole_request)
    uploads = [exchange.body["bytes"] for exchange in server.received if exchange.word == "upload"]
    assert sum(uploads) >= 16_000_000 and len(uploads) <= 4
    calls = [exchange.body for exchange in server.received if exchange.word == "ok"]
    parts = [call["contents"][0]["parts"][0]["fileData"] for call in calls]
    assert [part.get("fileUri") or part["file_uri"] for part in parts] == ["https://files.example/one"] * 2


def test_anthropic_gets_the_whole_request() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "additionalProperties": False}
    by_url = Media(kind="image", mime="image/png", url="https://example.org/a.png")
    with FakeProvider("anthropic") as server:
        whole_request = request(
            "anthropic",
            model="claude-sonnet-5-5",
            temperature=0.5,
            stop=("END",),
            json=True,
            json_schema=schema,
            system="Be brief.",
        )
        response = driver_for(server).generate(whole_request)
        older = driver_for(server, legacy_temperature=True, max_tokens=77).generate(whole_request)
        with_media = GenerateRequest(model="claude-x", messages=(Message("user", "a", (PNG, PDF, by_url)),))
        driver_for(server).generate(with_media)
    first, second, third = server.received
    assert (first.path, first.headers["authorization"]) == ("/v1/messages", f"Bearer {CANARY}")
    assert (first.body["max_tokens"], second.body["max_tokens"]) == (4096, 77)
    assert first.body["system"] == "Be brief." and first.body["stop_sequences"] == ["END"]
    sent = first.body["output_config"]["format"]["schema"]
    assert sent == {**schema, "properties": {"a": {"type": "integer", "description": "minimum: 1"}}}
    assert "temperature" not in first.body and "temperature was not sent" in response.warnings[0]
    assert second.body["temperature"] == 0.5 and older.warnings == ()
    assert second.headers["anthropic-version"] == "2023-06-01"
    sources = [(block["type"], block.get("source", {}).get("type")) for block in third.body["messages"][0]["content"]]
    assert sources == [("image", "base64"), ("document", "base64"), ("image", "url"), ("text", None)]


def test_openai_gets_the_whole_request() -> None:
    sound = Media(kind="audio", mime="audio/mpeg", data=b"ID3")
    by_url = Media(kind="image", mime="image/png", url="https://example.org/a.png")
    with FakeProvider("openai") as server:
        driver = driver_for(server)
        sampled = dict(temperature=0.5, max_tokens=9, stop=("END",), json=True, system="Be brief.")
        driver.generate(request("openai", model="gpt-4.1", **sampled))
        thinking = driver.generate(request("openai", model="o3-mini", temperature=0.5, max_tokens=9))
        turns = (Message("user", "a", (PNG, PDF, sound, by_url)),)
        driver.generate(GenerateRequest(model="gpt-x", messages=turns, json=True, json_schema={"type": "object"}))
        driver.generate(request("openai", json=True, json_schema=OPTIONAL))
    first, second, third, fourth = (exchange.body for exchange in server.received)
    assert first["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (first["temperature"], first["max_tokens"], first["stop"]) == (0.5, 9, ["END"])
    assert first["response_format"] == {"type": "json_object"}
    assert second["max_completion_tokens"] == 9
    assert {"max_tokens", "temperature"}.isdisjoint(second) and "temperature was not sent" in thinking.warnings[0]
    kinds = [part["type"] for part in third["messages"][0]["content"]]
    assert kinds == ["image_url", "file", "input_audio", "image_url", "text"]
    assert third["response_format"]["json_schema"] == {"name": "answer", "strict": False, "schema": {"type": "object"}}
    strict = fourth["response_format"]["json_schema"]
    assert strict["strict"] is True
    assert strict["schema"]["properties"] == {"a": {"type": ["string", "null"]}} and strict["schema"]["required"] == [
        "a"
    ]


def test_schema_of_typed_answer_is_sent_to_gemini_and_to_servers_that_take_it() -> None:
    with FakeProvider("gemini") as gemini, FakeProvider("openai") as server:
        driver_for(gemini).generate(request("gemini", json=True, json_schema=OPTIONAL))
        for options in ({}, {"json_schema": False}):
            driver = CompatibleDriver({"base_url": server.url, **options})
            driver.generate(request("openai", json=True, json_schema=OPTIONAL))
            driver.close()
    config = gemini.received[0].body["generationConfig"]
    sent = config.get("responseJsonSchema") or config["response_json_schema"]
    closed = {**OPTIONAL, "additionalProperties": False}
    assert sent == closed
    formats = [call.body["response_format"] for call in server.received]
    assert formats == [
        {"type": "json_schema", "json_schema": {"name": "answer", "schema": closed}},
        {"type": "json_object"},
    ]


OPTIONAL = {"type": "object", "properties": {"a": {"type": "string"}}}


@ALL
def test_why_an_answer_ended(wire: Any, server: FakeProvider) -> None:
    server.play("length", "refusal", "empty")
    driver = driver_for(server)
    answers = [driver.generate(request(wire)) for _ in range(3)]
    assert [answer.finish_reason for answer in answers] == ["length", "refused", "stop"]
    assert answers[2].text == ""


@ALL
@pytest.mark.parametrize(
    ("word", "wait_seconds"),
    [
        ("429:2.5", 2.5),
        ("429-bare", None),
        ("500", None),
        ("503", 3.0),
        ("529", None),
        ("408", None),
        ("400-again", None),
        ("not-json", None),
    ],
)
def test_temporary_failure_is_transient(wire: Any, server: FakeProvider, word: str, wait_seconds: float | None) -> None:
    error = failure(server, word)
    assert isinstance(error, DriverTransient), error
    assert error.retry_after_seconds == wait_seconds
    assert len(server.received) == 1


@ALL
def test_a_limit_that_says_only_when_it_is_whole_again(wire: Any, server: FakeProvider) -> None:
    error = failure(server, "429-resets:600")
    assert isinstance(error, DriverTransient)
    assert error.retry_after_seconds == pytest.approx(600, abs=100)


def test_a_quota_of_the_day_waits_for_midnight_in_california() -> None:
    with FakeProvider("gemini") as server:
        error = failure(server, "429-day")
    assert isinstance(error, DriverTransient)
    assert error.retry_after_seconds is not None and 7 < error.retry_after_seconds <= 25 * 3600


@ALL
@pytest.mark.parametrize(
    ("word", "do"),
    [
        ("429-money", "billing"),
        ("429-final", "not to try again"),
        ("400", "change what"),
        ("too-long", "shorten"),
        ("content", "change the prompt"),
        ("401", "_API_KEY"),
        ("402", "billing"),
        ("403", "_API_KEY"),
        ("404", "model's name"),
        ("413", "shorten"),
    ],
)
def test_permanent_failure_is_terminal(wire: Any, server: FakeProvider, word: str, do: str) -> None:
    server.echo_headers = ("authorization", "x-goog-api-key")
    error = failure(server, word)
    assert isinstance(error, DriverTerminal), error
    assert do in error.do
    assert "\n" not in str(error)
    for text in (str(error), repr(error), repr(pickle.loads(pickle.dumps(error)).args)):
        assert CANARY not in text
    assert error.__cause__ is None and error.__context__ is None


@ALL
@pytest.mark.parametrize("word", ["slow:20", "drip:0.05", "drop", "drop-midway"])
def test_lost_answer_is_unknown(wire: Any, server: FakeProvider, word: str) -> None:
    error = failure(server, word, timeout_seconds=0.4)
    assert isinstance(error, DriverUnknown), error
    assert CANARY not in str(error) and error.__context__ is None
    wait_until(lambda: server.received, "the server to have seen the request")
    assert len(server.received) == 1


@ALL
def test_a_stream_that_breaks_off_is_no_answer(wire: Any, server: FakeProvider) -> None:
    server.play("truncated")
    with pytest.raises(DriverUnknown):
        driver_for(server, stream=True).stream(request(wire), lambda text: None)


@ALL
def test_a_server_that_is_not_there_was_sent_nothing(wire: Any) -> None:
    with FakeProvider(wire) as server:
        driver, port = driver_for(server), server.port
    with refusing(port), pytest.raises(DriverTransient, match="can't be reached"):
        driver.generate(request(wire))


@ALL
def test_limits_are_learned_from_headers(wire: Any) -> None:
    with FakeProvider(wire, limits=Limits(50, 40_000)) as server:
        driver = driver_for(server)
        driver.generate(request(wire))
        expected = {} if wire == "gemini" else {MODELS[wire]: {"rpm": 50, "tpm": 40_000}}
        assert driver.learned_limits() == expected


@ALL
def test_json_arrives_as_it_was_written(wire: Any, server: FakeProvider) -> None:
    assert driver_for(server).generate(request(wire, "As JSON.", json=True)).text == JSON
