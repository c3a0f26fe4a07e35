"""Checks what the environment says about outgoing connections: keys, proxies, certificates. Opens no connection.

A library meets such a mistake in the middle of a request, where it looks like a lost answer. Reported here, before
anything is drawn or announced, it is one line that names the variable.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from botticelli.errors import SettingsError
from botticelli.settings import UrlFault, checked_url
from botticelli.settings.sources.secret_values import read_secret
from botticelli.settings.urls import ESCAPES

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
SOCKS_PACKAGE = "socksio"
SENDABLE = re.compile(r"[\x20-\x7e]*")
HASHED = re.compile(r"[0-9a-f]{8}\.\d+", re.IGNORECASE)
"""File names that OpenSSL requires in a folder of certificates."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A wrong variable or parameter: `where`, `what` is wrong, what to `do`. Holds no value."""

    where: str
    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.do}"


def secret(environ: Mapping[str, str], name: str) -> str:
    """Return a key from its variable or its file; "" where there is none, and where `header_fault` says why.

    White space and line ends, which files and shells put around it, are removed.
    """
    try:
        return read_secret(environ, name)
    except SettingsError:
        return ""


def header_fault(environ: Mapping[str, str], names: Iterable[str], lines: Iterable[str] = ()) -> Fault | None:
    """Return the first variable whose text can't be sent in a header; those in `lines` hold one header per line."""
    try:
        texts = [(name, read_secret(environ, name)) for name in names]
        texts += [(name, read_secret(environ, name).replace("\n", " ")) for name in lines]
    except SettingsError as error:
        return Fault(error.where, error.what, error.do)
    return next(filter(None, (unsendable(name, text) for name, text in texts)), None)


def unsendable(name: str, text: str) -> Fault | None:
    """Return what keeps the key in `name` from being sent in a header."""
    match = SENDABLE.match(text)
    sendable = match.end() if match else 0
    if sendable == len(text):
        return None
    problem = f"the key in {name} has characters that a header can't carry (character {sendable + 1})"
    return Fault(name, problem, "copy it again, without typographic quotes, line ends or invisible characters")


def url_fault(environ: Mapping[str, str], names: Iterable[str]) -> Fault | None:
    """Return the first variable that should be an http URL and is not."""
    for name in names:
        try:
            if environ.get(name):
                checked_url(environ[name], ("http", "https"))
        except UrlFault as fault:
            return Fault(name, str(fault), f"correct {name}, or unset it")
    return None


def connection_fault(environ: Mapping[str, str] | None = None) -> Fault | None:
    """Return what blocks every HTTPS request; None when nothing does."""
    environ = os.environ if environ is None else environ
    faults: Iterator[Fault | None] = iter((_proxy_fault(environ), trust_fault(environ), _log_fault(environ)))
    return next((fault for fault in faults if fault is not None), None)


def file_fault(name: str, path: str) -> Fault | None:
    """Return why a file of certificates or of a key can't be used.

    `name` is the variable or the parameter that names the file.
    """
    do = f"correct {name}, or unset it"
    if not os.path.exists(path):
        return Fault(name, f"there is no file {_shown(path)}", do)
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        return Fault(name, f"{_shown(path)} is not a readable file", do)
    if b"-----BEGIN " not in Path(path).read_bytes():
        return Fault(name, f"{_shown(path)} holds no certificate or key in PEM form", do)
    return None


def certificates_fault(name: str, path: str) -> Fault | None:
    """Return why a file of trusted certificates can't be used, like `file_fault`."""
    fault = file_fault(name, path)
    if fault is not None:
        return fault
    if not _holds_certificates(path, os.stat(path).st_mtime_ns):
        return Fault(name, f"{_shown(path)} holds no readable certificate", f"correct {name}, or unset it")
    return None


@lru_cache(maxsize=8)
def _holds_certificates(path: str, _changed_ns: int) -> bool:
    """Read the file, which takes 25 ms for a system's certificates, once for each of its states."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError):
        return False
    return True


def trust_fault(environ: Mapping[str, str]) -> Fault | None:
    """Check the variables of OpenSSL, which httpx2 reads: the file before the folder."""
    if file := environ.get("SSL_CERT_FILE"):
        return certificates_fault("SSL_CERT_FILE", file)
    folder = environ.get("SSL_CERT_DIR")
    if not folder:
        return None
    try:
        is_usable = any(HASHED.fullmatch(name) for part in folder.split(os.pathsep) for name in os.listdir(part))
        problem = f"{_shown(folder)} holds no certificates under their hashes"
    except OSError as error:
        is_usable, problem = False, f"{_shown(folder)} is not a readable folder ({error.strerror})"
    return None if is_usable else Fault("SSL_CERT_DIR", problem, "run `openssl rehash` on it, correct it, or unset it")


def _log_fault(environ: Mapping[str, str]) -> Fault | None:
    """Check the log of TLS keys: Python opens it for each new context, and without it no connection is possible."""
    path = environ.get("SSLKEYLOGFILE")
    if not path or os.access(path if os.path.exists(path) else os.path.dirname(path) or ".", os.W_OK):
        return None
    return Fault("SSLKEYLOGFILE", f"{_shown(path)} can't be written", "correct SSLKEYLOGFILE, or unset it")


def _proxy_fault(environ: Mapping[str, str]) -> Fault | None:
    if secret(environ, "no_proxy") == "*" or secret(environ, "NO_PROXY") == "*":
        return None
    for name in _proxy_names(environ):
        text = environ[name]
        url = text if "://" in text else f"http://{text}"
        try:
            checked = checked_url(url, PROXY_SCHEMES)
        except UrlFault as fault:
            return Fault(name, f"the proxy {fault}", f"correct {name}, or unset it")
        if checked.text.rstrip("/").casefold() != url.rstrip("/").casefold():
            problem = (
                f"the proxy is not a valid URL: it has blanks around it, or a login that is not encoded; {ESCAPES}"
            )
            return Fault(name, problem, f"correct {name}, or unset it")
        if checked.scheme.startswith("socks") and find_spec(SOCKS_PACKAGE) is None:
            problem = f"a SOCKS proxy needs the package {SOCKS_PACKAGE}, which is not installed"
            return Fault(name, problem, f"run `pip install {SOCKS_PACKAGE}`, or unset {name}")
    return None


def _proxy_names(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the variables that count: of each, the lower-case spelling before any other, as Python's library does."""
    for proxy in PROXIES:
        spellings = sorted((name for name in environ if name.lower() == proxy), key=lambda name: name != proxy)
        if spellings and not (proxy == "http_proxy" and spellings[0] != proxy and "REQUEST_METHOD" in environ):
            yield from (name for name in spellings[:1] if environ[name])


def _shown(path: str) -> str:
    plain = "".join(letter if letter.isprintable() else "?" for letter in path)
    return plain if len(plain) <= 120 else f"{plain[:117]}..."
