"""Tells which environment variables are settings, and which only look like them. Converts no value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from botticelli.settings.origins import PREFIX, SHORT_NAMES
from botticelli.settings.published_limits import published_providers
from botticelli.settings.sources.secret_values import FILE_SUFFIX, read_secret

TIER = "_TIER"
"""Suffix of `<PROVIDER>_TIER`, which names a provider's tier; it has no effect for a provider that is not used."""
SECRET_NAMES = SHORT_NAMES | {f"{PREFIX}DATABASE__URL": "database.url", f"{PREFIX}REDIS__URL": "redis.url"}
"""Variables whose value may be given as a file, by `NAME_FILE`."""
NOT_SETTINGS = ("BOTTICELLI_HOME", "BOTTICELLI_CONFIG", "BOTTICELLI_FAILPOINTS")
NOT_SETTINGS_PREFIXES = ("BOTTICELLI_VAR_", "BOTTICELLI_TEST_")
_SERVICE_LINKS = (
    (re.compile(r"BOTTICELLI(_[A-Z0-9]+)*_SERVICE_HOST"), re.compile(r"[0-9a-fA-F.:]+|None")),
    (re.compile(r"BOTTICELLI(_[A-Z0-9]+)*_SERVICE_PORT(_[A-Z0-9]+)*"), re.compile(r"\d{1,5}")),
    (re.compile(r"BOTTICELLI(_[A-Z0-9]+)*_PORT(_\d+_(TCP|UDP|SCTP))?"), re.compile(r"(tcp|udp|sctp)://\S*")),
    (re.compile(r"BOTTICELLI(_[A-Z0-9]+)*_PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)"), re.compile(r"\S*")),
)
"""Names and values of the variables that Kubernetes (and Docker's links) make for a Service called botticelli or
botticelli-something. Source: Kubernetes' documentation, "Service: environment variables"."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting in the environment: its dotted key, its text, and the name of its variable."""

    key: str
    text: str
    name: str


def variables(environ: Mapping[str, str]) -> Iterator[Variable]:
    """Yield all settings of the environment, the general names (DATABASE_URL) first so that ours win.

    Raises SettingsError for the file of a secret that can't be read.
    """
    for name in sorted(environ, key=lambda name: (name.startswith(PREFIX), name)):
        secret_name = name.removesuffix(FILE_SUFFIX)
        if name.endswith(FILE_SUFFIX) and secret_name in SECRET_NAMES:
            if environ[name].strip():
                yield Variable(SECRET_NAMES[secret_name], read_secret(environ, secret_name), name)
            continue
        key = _key_of(name, environ[name])
        if key is not None:
            yield Variable(key, environ[name], name)


def is_service_link(name: str, value: str) -> bool:
    """Whether a container platform made this variable for a Service whose name begins like ours."""
    return any(names.fullmatch(name) and values.fullmatch(value) for names, values in _SERVICE_LINKS)


def _key_of(name: str, value: str) -> str | None:
    """Return the setting that a variable sets; None when it sets none."""
    if name in SHORT_NAMES:
        return SHORT_NAMES[name] if value.strip() else None
    if not name.startswith(PREFIX):
        return f"providers.{_provider(name)}.default_tier" if name.endswith(TIER) and value else None
    if name in NOT_SETTINGS or name.startswith(NOT_SETTINGS_PREFIXES) or is_service_link(name, value):
        return None
    return _dotted(name)


def _dotted(variable: str) -> str:
    """Return the dotted key of a variable.

    `BOTTICELLI_DRIVERS__OPENAI_COMPATIBLE__BASE_URL` is drivers.openai-compatible.base_url.
    """
    parts = variable.removeprefix(PREFIX).lower().split("__")
    if parts[0] in ("drivers", "providers") and len(parts) > 1:
        parts[1] = _provider(parts[1])
    return ".".join(parts)


def _provider(variable: str) -> str:
    """Return the provider: `GEMINI_TIER` is about gemini, `OPENAI_COMPATIBLE_TIER` about openai-compatible."""
    name = variable.lower().removesuffix(TIER.lower())
    dashed = name.replace("_", "-")
    return dashed if dashed in published_providers() else name
