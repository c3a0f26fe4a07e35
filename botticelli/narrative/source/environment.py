"""Decides which environment variables a narrative may read with `${NAME}`. Reads no environment itself.

A narrative that arrives over the wire may read almost none of them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

OPEN_PREFIX = "BOTTICELLI_VAR_"
PLACEHOLDER = str(secrets.randbelow(9 * 10**17) + 10**17)
"""Stands in for an unset variable: valid as text, number and Discord id, and random per process so that no file has it."""

_SECRET_NAME = re.compile(
    r"KEY(?!WORD|NOTE|BOARD)|TOKEN|SECRET|PASS(?!ENGER|AGE|ION)|PWD|CRED|AUTH(?!ORS?(?:_|$))|DSN|PRIVATE|COOKIE|SESSION|JWT|BEARER"
    r"|SIGNING|SIGNATURE|SALT|(?<!CON)CERT(?!AIN)|WEBHOOK|CONNECTION|CONN_?STR"
    r"|(?:DATABASE|POSTGRES(?:QL)?|PG|DB|REDIS|VALKEY|MONGO(?:DB)?|MYSQL|AMQP|RABBITMQ|BROKER|BACKEND|PROXY|SENTRY|SMTP)_?UR[LI]"
    r"|_PROXY$",
    re.IGNORECASE,
)
_ID_NAME = re.compile(r"(?!.*(?:SESSION|PASS|SECRET|PRIVATE|COOKIE|PWD)).*_IDS?", re.IGNORECASE | re.DOTALL)
_ID_VALUE = re.compile(r"\d{0,20}", re.ASCII)
_SECRET_VALUE = re.compile(r"://[^/\s]*@|-----BEGIN |^(?:sk-|ghp_|gho_|github_pat_|glpat-|xox[a-z]-|AIza|AKIA|eyJ)")


@dataclass(frozen=True, slots=True)
class Environment:
    """Holds the variables of the process that loads a file, and which of them `${NAME}` may read.

    Names in `allow` and names that begin with BOTTICELLI_VAR_ may always be read; with `is_local`, so may any other
    whose name and value don't look like a secret. The default holds no variable at all.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow: frozenset[str] = frozenset()
    is_local: bool = False
    missing: list[str] = field(default_factory=list, compare=False)
    """Names that a placeholder replaced, in the order in which they were read."""

    @classmethod
    def for_local_files(cls, values: Mapping[str, str], allow: Collection[str] = ()) -> Self:
        """Build the environment for a file of the operator's own machine, loaded by the local CLI."""
        return cls(values, frozenset(allow), is_local=True)

    @classmethod
    def for_wire(cls, values: Mapping[str, str], allow: Collection[str] = ()) -> Self:
        """Build the environment for text from the wire: only the names in `allow`, and BOTTICELLI_VAR_*."""
        return cls(values, frozenset(allow), is_local=False)

    def may_read(self, name: str) -> bool:
        if name in self.allow or name.startswith(OPEN_PREFIX):
            return True
        return self.is_local and not _looks_secret(name, self.values.get(name, ""))

    def with_placeholders(self) -> Placeholders:
        """Return a copy in which every name that may be read has a value; names without one are noted in `missing`."""
        return Placeholders(self.values, self.allow, self.is_local)

    def get(self, name: str) -> str | None:
        """Return the value of a name; None when it is not set or may not be read."""
        return self.values.get(name) if self.may_read(name) else None


def _looks_secret(name: str, value: str) -> bool:
    """Tell whether a name or a value looks like a secret; a number under the name of an id never does."""
    if _ID_NAME.fullmatch(name) and _ID_VALUE.fullmatch(value):
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


@dataclass(frozen=True, slots=True)
class Placeholders(Environment):
    """Fills unset variables with a placeholder, so that a check of a narrative also finds its other problems."""

    def get(self, name: str) -> str | None:
        if self.may_read(name) and name not in self.values:
            if name not in self.missing:
                self.missing.append(name)
            return PLACEHOLDER
        return self.values.get(name) if self.may_read(name) else None
