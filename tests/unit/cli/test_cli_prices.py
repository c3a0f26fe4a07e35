"""Updating the price list: it is checked before it replaces anything, and what changes is said."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from botticelli.pricing import Catalogue
from botticelli.pricing.price_catalogue import FETCHED
from botticelli.pricing.price_update import store

Call = Callable[..., Result]
SIZE = 1_500
NOW = datetime.now(UTC).isoformat(timespec="seconds")


def provider(name: str, models: dict[str, tuple[float, float]]) -> dict[str, Any]:
    items = [
        {"id": model, "match": {"equals": model}, "prices": {"input_mtok": rates[0], "output_mtok": rates[1]}}
        for model, rates in models.items()
    ]
    return {"id": name, "name": name, "api_pattern": f"https://{name}", "models": items}


def price_data(**models: tuple[float, float]) -> list[dict[str, Any]]:
    """A list that is large enough, with these models of OpenAI."""
    named = {name.replace("_", "-"): rates for name, rates in models.items()}
    return [provider("openai", named), provider("filler", {f"m{number}": (1, 2) for number in range(SIZE)})]


@pytest.fixture
def site() -> Iterator[Callable[[int, bytes], str]]:
    servers: list[ThreadingHTTPServer] = []

    def serve(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/data.json"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_update_stores_list_and_says_what_changes(call: Call, home: Path, site: Callable[[int, bytes], str]) -> None:
    url = site(200, json.dumps(price_data(gpt_6_luna=(0.2, 0.5), gpt_9_nova=(3, 9))).encode())
    result = call("prices", "update", "--set", f"prices.list_url={url}")
    assert result.exit_code == 0, result.output
    assert f"price list updated from {url}" in result.output
    after = call("prices", "update", "--set", f"prices.list_url={url}")
    assert "no price changes" in after.output
    changed = json.loads(call("prices", "list", "openai/gpt-6-luna", "--json").output)
    assert (changed[0]["input"], changed[0]["source"][:23]) == ("0.2", "price list fetched on 2")
    assert "openai/gpt-9-nova" in call("prices", "list", "nova").output


def test_changes_are_new_gone_and_different_models(call: Call, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps(price_data(alpha=(1, 2), beta=(1, 2), gamma=(1, 2))))
    assert call("prices", "update", "--from", str(file)).exit_code == 0
    file.write_text(json.dumps(price_data(alpha=(1, 2), beta=(1.5, 2), delta=(7, 8))))
    result = call("prices", "update", "--from", str(file), "--json")
    changes = {change["model"]: change for change in json.loads(result.output)["changes"]}
    assert {name: change["kind"] for name, change in changes.items()} == {
        "beta": "changed",
        "delta": "new",
        "gamma": "gone",
    }
    assert (changes["beta"]["before"]["input"], changes["beta"]["after"]["input"]) == ("1", "1.5")
    file.write_text(json.dumps(price_data(alpha=(1, 3))))
    lines = call("prices", "update", "--from", str(file)).output.splitlines()
    assert "  openai/alpha: output 2 -> 3" in lines
    assert "  openai/delta: gone, 7 in, 8 out" in lines
    assert lines[0].endswith("3 prices change") and lines[-1] == "restart workers, so that they use it"


BROKEN = {
    "html": b"<html>Sign in</html>",
    "no JSON": b"{",
    "empty": b"",
    "another shape": b'{"providers": []}',
    "no providers": b"[]",
    "a truncated list": json.dumps([provider("openai", {"gpt-6-luna": (1, 2)})]).encode(),
    "a text as price": json.dumps([provider("openai", {"m": ("dear", 2)})]).encode(),  # type: ignore[dict-item]
    "hours without an end": json.dumps(
        [
            {
                **provider("openai", {}),
                "models": [
                    {
                        "id": "m",
                        "match": {"equals": "m"},
                        "prices": [{"constraint": {"start_time": "x"}, "prices": {"input_mtok": 1, "output_mtok": 1}}],
                    }
                ],
            }
        ]
    ).encode(),
    "infinite numbers": b'[{"id": NaN}]',
    "deep nesting": b"[" * 100_000,
    "not utf-8": b"[\xff\xfe]",
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A list that is stored."""
    return store(tmp_path_factory.mktemp("prices"), price_data(gpt_6_luna=(0.3, 0.5)), NOW).read_bytes()


@pytest.fixture(params=BROKEN.values(), ids=list(BROKEN))
def body(request: pytest.FixtureRequest) -> bytes:
    return bytes(request.param)


@pytest.fixture(params=[True, False], ids=["file", "site"])
def source(request: pytest.FixtureRequest, home: Path, body: bytes, site: Callable[[int, bytes], str]) -> list[str]:
    """Options that name the broken list."""
    if not request.param:
        return ["--set", f"prices.list_url={site(200, body)}"]
    Path("bad.json").write_bytes(body)
    return ["--from", "bad.json"]


def test_broken_list_replaces_nothing(call: Call, home: Path, good: bytes, source: list[str]) -> None:
    home.mkdir()
    (home / FETCHED).write_bytes(good)
    result = call("prices", "update", *source)
    assert result.exit_code == (1 if source[0] == "--set" and result.output.count("no price list was fetched") else 2)
    assert result.output.count("\n") == 1 and "known prices stay in use" in result.output
    assert (home / FETCHED).read_bytes() == good
    assert [file.name for file in home.iterdir()] == [FETCHED]


def test_absent_network_is_one_clear_line(call: Call, home: Path) -> None:
    result = call("prices", "update", "--set", "prices.list_url=http://127.0.0.1:9/data.json")
    assert result.exit_code == 1
    assert "http://127.0.0.1:9/data.json: no price list was fetched: the server can't be reached" in result.output
    assert "--from FILE" in result.output


@pytest.mark.parametrize("status", [404, 403, 500])
def test_answer_of_server_without_list_is_said(
    call: Call, home: Path, site: Callable[[int, bytes], str], status: int
) -> None:
    result = call("prices", "update", "--set", f"prices.list_url={site(status, b'no')}")
    assert result.exit_code == 1 and f"the server answered {status}" in result.output


def test_missing_file_is_said(call: Call, home: Path) -> None:
    result = call("prices", "update", "--from", "none.json")
    assert result.exit_code == 2 and "none.json: can't be read: No such file" in result.output


@pytest.mark.parametrize("stored", [b"", b"[]", b"{}", b'{"fetched_at": "2027", "package": "0", "providers": []}'])
def test_stored_list_that_can_not_be_used_leaves_the_installed_one(tmp_path: Path, stored: bytes) -> None:
    (tmp_path / FETCHED).write_bytes(stored)
    catalogue = Catalogue(tmp_path)
    assert catalogue.fetched is None
    assert catalogue.price("openai", "gpt-6-luna") is not None


def test_fetched_list_wins_over_shipped_file_only_for_models_that_it_has(
    call: Call, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps([*price_data()[1:], provider("openai", {"gpt-6.2-sol": (1, 2)})]))
    assert call("prices", "update", "--from", str(file)).exit_code == 0
    newer, prices = (Catalogue(home).price("openai", name) for name in ("gpt-6.2-sol", "gpt-6.2-astra"))
    assert newer is not None and newer.source.startswith("price list fetched")
    assert prices is not None and prices.source.startswith("price pages of the providers")


def test_price_of_model_shows_settings_services_and_next_change(call: Call) -> None:
    table = '{"default_tier": "t", "tiers": {"t": {"models": {"gemini-4-argon": {"usd_per_million_input": "1"}}}}}'
    result = call("--set", f"providers.gemini={table}", "prices", "list", "gemini/gemini-4-argon")
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert lines[1:3] == ["input 1", "input read from a cache 0.05"]
    assert "flex 0.5 in, 0.025 cached, 5 out" in lines
    assert any(line.startswith("source settings, else genai-prices ") for line in lines)


def test_prices_of_all_models_is_a_table_and_a_list(call: Call) -> None:
    lines = call("prices").output.splitlines()
    assert lines[0].split()[:3] == ["model", "in", "cached"]
    models = json.loads(call("prices", "--json").output)
    assert len(lines) > len(models) > 100
    assert {"openai/gpt-6.2-astra", "anthropic/claude-opus-5-5", "gemini/gemini-4-carbon"} <= {
        m["model"] for m in models
    }
    [luna] = json.loads(call("prices", "list", "openai/gpt-6-luna", "--json").output)
    assert (luna["known"], luna["cache_write"], luna["services"]["flex"]["output"]) == (True, "0.125", "0.25")
    assert luna["long_context"][0]["over_tokens"] == 272_000


@pytest.mark.parametrize("name", ["openai/gpt-9", "nothing", "openai-compatible/own", "../etc", "%"])
def test_model_without_price_is_one_clear_line(call: Call, name: str) -> None:
    result = call("prices", "list", name)
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert (
        f"no price of {name!r} is known; run `botticelli prices update`, or set usd_per_million_input" in result.output
    )
