"""Keys, proxies and certificates of the environment: what is wrong is named by its variable, before anything is sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from botticelli.drivers import Drivers
from botticelli.drivers.openai import OpenAIDriver
from botticelli.errors import DriverTerminal, SettingsError
from botticelli.settings.network import certificates_fault, connection_fault, file_fault, header_fault, secret

BAD_KEYS = [
    "“sk-abc”",
    "sk\nabc",
    "sk\r\nabc",
    "sk\0abc",
    "ключ",
    "sk-é",
    "\ufeffsk-abc",
    "sk\u200babc",
    "sk\tabc",
    "sk\x7f",
]
KEYS = [
    ("gemini", "GEMINI_API_KEY"),
    ("anthropic", "ANTHROPIC_API_KEY"),
    ("openai", "OPENAI_API_KEY"),
    ("openai-compatible", "OPENAI_COMPATIBLE_API_KEY"),
]
PROXY_NAMES = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (
        *PROXY_NAMES,
        "no_proxy",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
    )
    for name in (*names, *(name for _, name in KEYS)):
        monkeypatch.delenv(name, raising=False)


def prepared(driver: str, **options: str) -> None:
    Drivers({driver: options}).get(driver).prepare()  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", [key for key in BAD_KEYS if "\0" not in key])
@pytest.mark.parametrize(("driver", "name"), KEYS)
def test_key_that_no_header_carries_ends_the_preparation(
    monkeypatch: pytest.MonkeyPatch, driver: str, name: str, key: str
) -> None:
    monkeypatch.setenv(name, key)
    with pytest.raises(DriverTerminal) as caught:
        prepared(driver)
    said = str(caught.value)
    assert f"the key in {name} has characters that a header can't carry" in said
    assert caught.value.elsewhere and "sk" not in said and "\n" not in said


@pytest.mark.parametrize("key", BAD_KEYS)
def test_every_unsendable_character_is_found(key: str) -> None:
    assert header_fault({"K": key}, ["K"]) is not None


@pytest.mark.parametrize("key", ["sk-abc\n", "sk-abc\r\n", "  sk-abc ", "\tsk-abc\n\n"])
@pytest.mark.parametrize(("driver", "name"), KEYS)
def test_white_space_around_a_key_is_stripped(
    monkeypatch: pytest.MonkeyPatch, driver: str, name: str, key: str
) -> None:
    monkeypatch.setenv(name, key)
    prepared(driver)
    assert secret({name: key}, name) == "sk-abc"


@pytest.mark.parametrize("name", ["OPENAI_ORG_ID", "OPENAI_PROJECT_ID"])
def test_header_that_an_sdk_takes_from_the_environment_is_judged_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abc")
    monkeypatch.setenv(name, "org-“x”")
    with pytest.raises(DriverTerminal, match=name):
        prepared("openai")
    monkeypatch.setenv(name, "org-x\n")
    prepared("openai")


@pytest.mark.parametrize("name", PROXY_NAMES)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("socks5://127.0.0.1:1080", "the package socksio"),
        ("socks5h://127.0.0.1:1080", "the package socksio"),
        ("socks4://127.0.0.1:1080", "must be a http://, https://, socks5:// or socks5h:// URL"),
        ("nonsense://127.0.0.1", "must be a http://"),
        ("http://user:hun#ter2@proxy:3128", "is not a valid URL"),
        ("http://user:hunter2@proxy:port", "port is not a number"),
        ("http://user:hunter2@proxy:99999", "port is not a number"),
        ("http://[::1", "is not a valid URL"),
        ("http://", "names no host"),
        ("proxy:port", "port is not a number"),
        (" http://proxy:1", "blanks around it"),
    ],
)
def test_proxy_that_no_request_passes_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, words: str
) -> None:
    monkeypatch.setattr("botticelli.settings.network.find_spec", lambda package: None)
    monkeypatch.setenv(name, url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abc")
    with pytest.raises(DriverTerminal) as caught:
        prepared("openai")
    said = str(caught.value)
    assert f"{name}: " in said and words in said
    assert "hun" not in said and "ter2" not in said


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTPS_PROXY": "http://user:p%23w@proxy:3128"},
        {"HTTPS_PROXY": "proxy:3128"},
        {"HTTPS_PROXY": "socks4://x", "https_proxy": ""},
        {"HTTPS_PROXY": "socks4://x", "https_proxy": "http://proxy"},
        {"ALL_PROXY": "socks4://x", "NO_PROXY": "*"},
        {"HTTP_PROXY": "socks4://x", "REQUEST_METHOD": "GET"},
        {"FTP_PROXY": "socks4://x"},
        {},
    ],
)
def test_proxy_that_is_usable_or_not_used_is_no_fault(environ: dict[str, str]) -> None:
    assert connection_fault(environ) is None


def test_certificates_that_are_none_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, half = tmp_path / "text.pem", tmp_path / "half.pem"
    text.write_text("no certificate")
    half.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    for path, words in [
        (tmp_path / "none.pem", "there is no file"),
        (tmp_path, "is not a readable file"),
        (text, "holds no certificate"),
        (half, "holds no readable certificate"),
    ]:
        fault = connection_fault({"SSL_CERT_FILE": str(path)})
        assert fault is not None and fault.where == "SSL_CERT_FILE" and words in fault.what
        assert str(path) in fault.what
    for folder in (tmp_path / "none", tmp_path, text):
        fault = connection_fault({"SSL_CERT_DIR": str(folder)})
        assert fault is not None and fault.where == "SSL_CERT_DIR"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-abc")
    with pytest.raises(DriverTerminal, match=r"SSL_CERT_FILE: there is no file .*none\.pem"):
        prepared("anthropic")


def test_log_of_keys_that_can_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import certifi

    path = tmp_path / "none" / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(path))
    fault = connection_fault({"SSL_CERT_FILE": certifi.where(), "SSLKEYLOGFILE": str(path)})
    assert fault is not None and (fault.where, fault.what) == ("SSLKEYLOGFILE", f"{path} can't be written")
    assert connection_fault({"SSLKEYLOGFILE": str(tmp_path / "keys.log")}) is None


def test_certificate_that_can_be_read_is_no_fault(tmp_path: Path) -> None:
    import certifi

    trusted = certifi.where()
    assert certificates_fault("SSL_CERT_FILE", trusted) is None
    assert file_fault("sslcert", trusted) is None
    (tmp_path / "0a1b2c3d.0").write_text(Path(trusted).read_text())
    assert connection_fault({"SSL_CERT_DIR": str(tmp_path)}) is None


@pytest.mark.parametrize("url", ["http://h:abc", "http://[::1", "https://u:hunter2@h", "ftp://h", "h", "http://"])
@pytest.mark.parametrize("driver", ["gemini", "anthropic", "openai", "openai-compatible"])
def test_base_url_that_is_none_is_a_settings_error(driver: str, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Drivers({driver: {"base_url": url}}).get(driver)
    assert f"drivers.{driver}.base_url" in str(caught.value) and "hunter2" not in str(caught.value)


def test_url_in_a_variable_of_the_sdk_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abc")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://h:abc")
    with pytest.raises(DriverTerminal, match=r"port is not a number.*; correct OPENAI_BASE_URL"):
        prepared("openai")


def test_sdk_that_is_installed_and_fails_to_load_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abc")

    class Half(OpenAIDriver):
        def _make(self, key: str, http: httpx2.Client) -> OpenAI:
            raise ImportError("no module", name="a_part")

    with pytest.raises(DriverTerminal, match="its SDK can't be loaded: a_part is missing"):
        Half().prepare()


def test_doctor_shows_a_proxy_that_can_not_be_used(tmp_path: Path) -> None:
    code = (
        "from botticelli.cli.system.doctor_checks import CHECKS\n"
        "print([(f.state, f.detail) for f in CHECKS['network'](None)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"ALL_PROXY": "socks4://user:hunter2@proxy", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "fail" in done.stdout and "ALL_PROXY" in done.stdout and "hunter2" not in done.stdout
