"""Settings that no parser likes: each is one line that names its source, whatever limit of Python it runs into."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from botticelli.errors import SettingsError
from botticelli.settings import Settings, load_settings

DEEP = 20_000
KUBERNETES = {
    "BOTTICELLI_PORT": "tcp://10.0.0.5:5555",
    "BOTTICELLI_SERVICE_HOST": "10.0.0.5",
    "BOTTICELLI_SERVICE_PORT": "5555",
    "BOTTICELLI_SERVICE_PORT_HTTP": "5555",
    "BOTTICELLI_PORT_5555_TCP": "tcp://10.0.0.5:5555",
    "BOTTICELLI_PORT_5555_TCP_PROTO": "tcp",
    "BOTTICELLI_PORT_5555_TCP_PORT": "5555",
    "BOTTICELLI_PORT_5555_TCP_ADDR": "10.0.0.5",
    "BOTTICELLI_PORT_53_UDP": "udp://[fd00::5]:53",
    "BOTTICELLI_REDIS_SERVICE_HOST": "fd00::5",
    "BOTTICELLI_REDIS_PORT": "tcp://10.0.0.6:6379",
    "BOTTICELLI_REDIS_PORT_6379_TCP_ADDR": "10.0.0.6",
    "BOTTICELLI_FLOWER_UI_SERVICE_PORT_HTTP_ALT": "80",
}


def said(tmp_path: Path, *, file: bytes = b"", environ: dict[str, str] | None = None, **flags: str) -> str:
    """The message of the error; it has to be one line of a bearable length."""
    (tmp_path / "botticelli.toml").write_bytes(file)
    dotted = {key.replace("__", "."): value for key, value in flags.items()}
    with pytest.raises(SettingsError) as caught:
        load_settings(dotted, environ=environ or {}, cwd=tmp_path)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    assert caught.value.exit_code == 2
    return message


@pytest.mark.parametrize(
    "text", ["[" * DEEP, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, '{"a":' * 40 + "1" + "}" * 40]
)
def test_deep_json_in_variable_or_flag_is_refused(tmp_path: Path, text: str) -> None:
    assert "BOTTICELLI_WORKER" in said(tmp_path, environ={"BOTTICELLI_WORKER": text})
    assert "--set drivers.echo" in said(tmp_path, drivers__echo=text)


@pytest.mark.parametrize("dots", [8, 3_000, 200_000])
def test_key_with_many_dots_is_unknown(tmp_path: Path, dots: int) -> None:
    key = ".".join(["a"] * (dots + 1))
    assert "unknown setting a.a" in said(tmp_path, **{key: "1"})
    assert "BOTTICELLI_A__A" in said(tmp_path, environ={"BOTTICELLI_" + "__".join(["A"] * (dots + 1)): "1"})
    assert "more than 8 parts" in said(tmp_path, file=f"{key} = 1\n".encode())


@pytest.mark.parametrize("digits", [20, 4_000, 5_000, 100_000])
def test_integer_of_many_digits_is_refused(tmp_path: Path, digits: int) -> None:
    number = "9" * digits
    assert "botticelli.toml" in said(tmp_path, file=f"[worker]\nthreads = {number}\n".encode())
    assert "--set worker.threads" in said(tmp_path, worker__threads=number)
    assert "BOTTICELLI_WORKER" in said(tmp_path, environ={"BOTTICELLI_WORKER": f'{{"threads": {number}}}'})


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e999", "1e300", "1e10"])
def test_number_of_seconds_that_no_clock_has_is_refused(tmp_path: Path, text: str) -> None:
    assert "worker.lease_seconds" in said(tmp_path, worker__lease_seconds=text)
    as_json = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)
    assert "worker.lease_seconds" in said(tmp_path, environ={"BOTTICELLI_WORKER": f'{{"lease_seconds": {as_json}}}'})


@pytest.mark.parametrize(
    "text", ["[worker]\nthreads = true", "[worker]\nlease_seconds = false", "[security]\nmax_iterations = true"]
)
def test_truth_value_in_the_place_of_a_number_is_refused(tmp_path: Path, text: str) -> None:
    assert "must be a number, not true or false" in said(tmp_path, file=text.encode())


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1e30"])
def test_price_that_is_no_figure_is_refused(tmp_path: Path, price: str) -> None:
    table = f'{{"openai": {{"tiers": {{"t": {{"usd_per_million_input": "{price}"}}}}}}}}'
    assert "usd_per_million_input" in said(tmp_path, environ={"BOTTICELLI_PROVIDERS": table})


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"x = " + b"[" * DEEP, "nested more than 32 levels"),
        (b"x = " + b"{a=" * DEEP, "nested more than 32 levels"),
        (b'[redis]\nurl = "redis://h"\nprefix = "caf\xe9"\n', "is not UTF-8 text (line 3)"),
        (codecs.BOM_UTF16_LE + "default_model = 'echo/x'".encode("utf-16-le"), "is UTF-16 text, not UTF-8"),
        (codecs.BOM_UTF16_BE + "default_model = 'echo/x'".encode("utf-16-be"), "is UTF-16 text, not UTF-8"),
        (codecs.BOM_UTF32_LE + "default_model = 'echo/x'".encode("utf-32-le"), "is UTF-32 text, not UTF-8"),
        ("default_model = 'echo/x'".encode("utf-16-le"), "holds a NUL byte"),
        (b"default_model = 'echo/x\0'", "holds a NUL byte"),
        (b"# " + b"x" * 1_048_576, "is larger than"),
        (b"x = 'never ends", "no closing quote"),
        (b"x = 1\nx = 2\n", "is not valid TOML"),
    ],
)
def test_file_that_is_not_toml_is_named(tmp_path: Path, file: bytes, words: str) -> None:
    message = said(tmp_path, file=file)
    assert "botticelli.toml" in message and words in message


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_byte_order_mark_and_foreign_line_ends_are_read(tmp_path: Path, ends: str) -> None:
    (tmp_path / "botticelli.toml").write_bytes(
        codecs.BOM_UTF8 + f'default_model = "echo/é"{ends}[worker]{ends}threads = 3{ends}'.encode()
    )
    settings = load_settings(environ={}, cwd=tmp_path)
    assert (settings.default_model, settings.worker.threads) == ("echo/é", 3)


def test_variables_of_kubernetes_services_are_no_settings(tmp_path: Path) -> None:
    plain = load_settings(environ={}, cwd=tmp_path)
    assert load_settings(environ=KUBERNETES, cwd=tmp_path) == plain


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOTTICELLI_REDIS_URLL", "redis://h"),
        ("BOTTICELLI_PORT", "5555"),
        ("BOTTICELLI_PORT_5555_TCP", "5555"),
        ("BOTTICELLI_SERVICE_HOST", "not an address"),
        ("BOTTICELLI_SERVICE_PORT", "http"),
        ("BOTTICELLI_WORKER__PORT", "tcp://10.0.0.5:1"),
        ("BOTTICELLI_PORTS", "tcp://10.0.0.5:1"),
    ],
)
def test_variable_that_is_misspelt_stays_an_error(tmp_path: Path, name: str, value: str) -> None:
    assert f"environment variable {name}" in said(tmp_path, environ={name: value})


@pytest.mark.parametrize("name", ["DATABASE_URL", "BOTTICELLI_DATABASE_URL", "BOTTICELLI_DATABASE__URL"])
def test_error_names_the_variable_that_was_read(tmp_path: Path, name: str) -> None:
    others = {"DATABASE_URL", "BOTTICELLI_DATABASE_URL", "BOTTICELLI_DATABASE__URL"} - {name}
    message = said(tmp_path, environ={name: "sqlite:///x.db"})
    assert f"environment variable {name}:" in message
    assert not [other for other in others if f" {other}:" in message]


def test_error_in_a_table_given_as_json_names_its_variable(tmp_path: Path) -> None:
    table = json.dumps({"url": "redis://:hun#ter2@h"})
    message = said(tmp_path, file=b'[redis]\nprefix = "b"\n', environ={"BOTTICELLI_REDIS": table})
    assert "environment variable BOTTICELLI_REDIS:" in message and "hun" not in message


def test_settings_made_by_hand_show_no_value_of_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"home": tmp_path, "base": tmp_path, "redis": {"url": "redis://:hun#ter2@h"}})
    assert "hun" not in str(caught.value)


@pytest.mark.parametrize("kind", ["folder", "dangling link", "loop"])
def test_settings_file_that_is_no_file_is_refused_and_not_passed_over(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "botticelli.toml"
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere.toml" if kind == "dangling link" else path)
    with pytest.raises(SettingsError, match=r"botticelli\.toml: can't be read: ") as caught:
        load_settings({}, environ={}, cwd=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("threads = 2", "did you mean worker.threads?"),
        ("thread = 2", "did you mean worker.threads?"),
        ("worker_threads = 2", "did you mean worker.threads?"),
        ("url = 2", "did you mean database.url or redis.url?"),
        ("model = 2", "see docs/reference/settings.md"),
        ("default_modle = 2", "did you mean default_model?"),
        ("[worker]\nthred = 2", "did you mean threads?"),
        ('[providers.gemini]\ndefault_tir = "x"', "did you mean default_tier?"),
        ("[providers.gemini.tiers.free]\nrmp = 2", "did you mean rpm?"),
        ("[budgets.narratives.x]\nrpmm = 2", "did you mean rpm?"),
        ("homes = 2", "see docs/reference/settings.md"),
    ],
)
def test_unknown_key_suggests_only_settings_that_it_may_mean(tmp_path: Path, text: str, meant: str) -> None:
    assert said(tmp_path, file=text.encode()).endswith(f"; {meant}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WORKER_THREADS", "BOTTICELLI_WORKER__THREADS"),
        ("WORKER___THREADS", "BOTTICELLI_WORKER__THREADS"),
        ("WORKER_THREDS", "BOTTICELLI_WORKER__THREADS"),
        ("THREADS", "BOTTICELLI_WORKER__THREADS"),
        ("DEFAULT__MODEL", "BOTTICELLI_DEFAULT_MODEL"),
        ("SECURITY__REQUIRE__CONFIRMATION", "BOTTICELLI_SECURITY__REQUIRE_CONFIRMATION"),
        ("DRIVERS_OPENAI_COMPATIBLE_BASE_URL", "BOTTICELLI_DRIVERS__OPENAI_COMPATIBLE__BASE_URL"),
        ("PLATFORMS_DISCORD_IMPLEMENTATION", "BOTTICELLI_PLATFORMS__DISCORD__IMPLEMENTATION"),
        ("HOMEE", "BOTTICELLI_HOME"),
    ],
)
def test_variable_with_wrong_underscores_suggests_the_right_name(tmp_path: Path, name: str, meant: str) -> None:
    message = said(tmp_path, environ={f"BOTTICELLI_{name}": "2"})
    assert message.startswith(f"environment variable BOTTICELLI_{name}: ") and f"did you mean {meant}?" in message


@pytest.mark.parametrize(
    ("value", "key"), [('"perhaps"', ""), ("3", ""), ('["a b"]', ""), ("[1]", ".0"), ('["messages.send", 1]', ".1")]
)
def test_message_names_the_setting_and_no_kind_of_it(tmp_path: Path, value: str, key: str) -> None:
    message = said(tmp_path, file=f"[security]\nrequire_confirmation = {value}\n".encode())
    what = message.partition("security.require_confirmation")[2].partition(" input")[0]
    assert what.startswith((f"{key}:", f"{key} ")) and "bool" not in message.replace("boolean", "")


@pytest.mark.parametrize("key", ["home", "base", "left_out"])
def test_setting_that_is_found_can_not_be_written(tmp_path: Path, key: str) -> None:
    assert f"{key} can't be set here" in said(tmp_path, file=f'{key} = "x"\n'.encode())
    assert f"{key} can't be set here" in said(tmp_path, **{key: "x"})


@pytest.mark.parametrize("text", ["perhaps", "", "null", "2", "messages.*", '{"a": 1}'])
def test_confirmation_that_is_neither_truth_nor_list_names_both(tmp_path: Path, text: str) -> None:
    message = said(tmp_path, security__require_confirmation=text)
    assert message.endswith("security.require_confirmation must be true, false, or a list of commands")


@pytest.mark.parametrize("text", ["perhaps", "", "null", "2", "[]"])
def test_text_in_the_place_of_a_truth_value_asks_for_true_or_false(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, fetch__allow_http=text).endswith("fetch.allow_http must be true or false")


@pytest.mark.parametrize("name", ["a b", "TOKEN=t9Kx4Wq7", "", "1A", "Ä", "A\n", "${A}", "*", "A\0", "A.B", "A-B"])
def test_name_that_no_variable_has_is_refused_without_being_shown(tmp_path: Path, name: str) -> None:
    message = said(tmp_path, environment__allow=json.dumps(["GOOD_1", name]))
    assert "environment.allow.1 is not the name of a variable" in message and "t9Kx4Wq7" not in message


def test_names_of_variables_are_allowed(tmp_path: Path) -> None:
    settings = load_settings({"environment.allow": '["GUILD_ID", "_x", "a1"]'}, environ={}, cwd=tmp_path)
    assert settings.environment.allow == ("GUILD_ID", "_x", "a1")


@pytest.mark.parametrize("text", ["soon", "2 minutes", "1h 30m", "-5m", "0s"])
def test_duration_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    assert "worker.lease_seconds" in said(tmp_path, worker__lease_seconds=text)
    assert "botticelli.toml" in said(tmp_path, file=f'[worker]\nlease_seconds = "{text}"\n'.encode())
