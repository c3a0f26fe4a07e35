"""The exceptions of Botticelli: each says what happened, where, and what to do. Expected outcomes are values instead.

BotticelliError
├── InvalidInput                exit code 2: a file, a flag or a setting must be corrected
│   ├── NarrativeError          one or more Problems in a narrative file
│   ├── SettingsError           botticelli.toml, an environment variable or a flag
│   ├── NotFound                a run, a key, a narrative that does not exist
│   ├── NotHere                 a valid narrative that the settings of this installation refuse to run
│   └── WebhookRejected         a webhook whose signature, time or form is wrong
│       └── WebhookOutdated     its time is too far away: an old copy, perhaps
├── ServiceUnavailable          Postgres or Redis can't be reached, or can't be used as it is
│   ├── DatabaseBehind          the schema of a configured database is not the one this version needs
│   ├── DatabaseUnfit           the database can't hold what is to be stored: its encoding is not UTF8
│   ├── RedisUnfit              the server evicts keys, is too old, or denies this user a command
│   └── Unwritable              Postgres accepts no writes: its disk is full, or it is read-only
├── DriverError                 a failed model call; carries no key and no SDK object
│   ├── DriverTransient         may pass: 429, 5xx, dropped connection; retry_after_seconds when known
│   ├── DriverTerminal          will not pass without a change: bad key, billing, bad request
│   │   └── DriverSpendCap      the provider's own spend limit is reached; passes at a date, `until`
│   └── DriverUnknown           the request may have been served (timeout, connection lost after sending)
├── PlatformError               a bot command that failed
│   ├── PlatformGone            its channel, message, role, ... doesn't exist on the platform
│   ├── PlatformTransient       was not performed and may be retried; retry_after_seconds when known
│   └── PlatformUnknown         may have been performed: the response was lost
├── FetchError                  a URL that must not be fetched, or that returned nothing usable
├── TemplateError               a reference that could not be resolved during an iteration
└── Stale                       another worker holds this iteration's lease: write and send nothing
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from botticelli.telemetry.masking import masked


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake at one place of a file. `line` and `column` count from 1; line 0 means the file as a whole."""

    file: str
    line: int
    column: int
    table: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        name = " ".join(part for part in (f"[{self.table}]" if self.table else "", self.key) if part)
        text = f"{place}: {name}: {self.message}" if name else f"{place}: {self.message}"
        return f"{text}; {self.hint}" if self.hint else text


class BotticelliError(Exception):
    """The base of all errors: `what` happened, `where` (file:line, table, key, masked URL), and what to `do` about it."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        """Mask secrets in all three texts, which may quote servers and users and end up in rows, events and logs."""
        what, where, do = masked(what), masked(where), masked(do)
        super().__init__(what, where, do)
        self.what = what
        self.where = where
        self.do = do

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}; {self.do}" if self.do else line

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.do))


def _rebuild(kind: type[BotticelliError], what: str, where: str, do: str) -> BotticelliError:
    return kind(what, where=where, do=do)


class InvalidInput(BotticelliError):
    """Wrong input: a file, a flag, an argument or a setting must be corrected."""

    exit_code = 2


class NarrativeError(InvalidInput):
    """A narrative that can't be performed, with all its `problems`; `what` has a line for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (NarrativeError, (self.problems,))


class SettingsError(InvalidInput):
    """A setting that is wrong.

    `path` names the setting (`("drivers", "echo", "errors")`) when its source is not known where this is raised: `placed`
    adds the source.
    """

    def __init__(self, what: str, *, where: str = "", do: str = "", path: Sequence[str | int] = ()) -> None:
        super().__init__(what, where=where, do=do)
        self.path = tuple(path)

    def placed(self, where: Callable[..., str]) -> SettingsError:
        """Return the same error with its source; `where` maps a setting's path to its source."""
        return SettingsError(self.what, where=where(*self.path), do=self.do) if self.path else self


class NotFound(InvalidInput):
    """A run, an effect, a key or a narrative that does not exist."""


class NotHere(InvalidInput):
    """Says that a narrative is valid, but the settings of this installation refuse to run it."""


class WebhookRejected(InvalidInput):
    """A webhook that must not be trusted: its signature, its time or its form is wrong."""


class WebhookOutdated(WebhookRejected):
    """A webhook whose time is too far from this machine's clock: a copy that somebody kept, or a clock that is wrong."""


class ServiceUnavailable(BotticelliError):
    """Postgres, Redis or an embedded service that can't be reached or used."""


class DatabaseBehind(ServiceUnavailable):
    """A configured database whose schema is not the one that this version needs."""


class DatabaseUnfit(ServiceUnavailable):
    """A database that can't store every character: its encoding is not UTF8."""


class RedisUnfit(ServiceUnavailable):
    """A Redis server that evicts keys, is too old, or denies this user a command."""


class DatabaseUnwritable(ServiceUnavailable):
    """A Postgres that accepts no writes for now; work continues by itself once it does."""


class DriverError(BotticelliError):
    """A model call that failed.

    `served_tokens` are the token counts of a response that failed after it began, in the order of `Usage` (input and
    output first): they are charged. If
    `was_sent` is False, the request certainly never left this machine and nothing is charged.
    """

    served_tokens: tuple[int, ...] = (0, 0)
    was_sent: bool = True

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), dict(vars(self)))


class DriverTransient(DriverError):
    """A model call that may be retried.

    `retry_after_seconds` is the provider's figure, the minimum wait before the next attempt, or None. `limited` means
    that a rate limit or quota is used up, not that the server is in trouble; `too_steep`, that the rate rose too fast;
    `no_capacity`, that the service tier flex has no room now: nothing was charged, and the account's limits are not used up.
    """

    too_steep: bool = False
    no_capacity: bool = False

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        do: str = "",
        retry_after_seconds: float | None = None,
        limited: bool = False,
    ) -> None:
        super().__init__(what, where=where, do=do)
        self.retry_after_seconds = retry_after_seconds
        self.limited = limited


class DriverTerminal(DriverError):
    """A model call that retrying can't mend.

    `elsewhere`: another model may succeed (other key, account or size limit). `refused_key`: the provider refused the key.
    """

    refused_key: bool = False

    def __init__(self, what: str, *, where: str = "", do: str = "", elsewhere: bool = False) -> None:
        super().__init__(what, where=where, do=do)
        self.elsewhere = elsewhere


class DriverSpendCap(DriverTerminal):
    """A model call that the provider refused because a spend limit of the account is reached, `until` a date."""

    def __init__(self, what: str, *, where: str = "", do: str = "", until: datetime | None = None) -> None:
        super().__init__(what, where=where, do=do, elsewhere=True)
        self.until = until or datetime.now(UTC)


class DriverUnknown(DriverError):
    """A model call that may have been served (and charged): its response was lost."""


class PlatformError(BotticelliError):
    """A bot command that failed."""


class PlatformGone(PlatformError):
    """A bot command on something that doesn't exist; `kind` says what: channel, message, role, ..."""

    def __init__(self, what: str, *, where: str = "", do: str = "", kind: str = "") -> None:
        super().__init__(what, where=where, do=do)
        self.kind = kind

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"kind": self.kind})


class PlatformTransient(PlatformError):
    """A bot command that may be retried; `retry_after_seconds` is the platform's minimum wait, or None."""

    def __init__(self, what: str, *, where: str = "", do: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(what, where=where, do=do)
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"retry_after_seconds": self.retry_after_seconds})


class PlatformUnknown(PlatformError):
    """A bot command that may have been performed: its response was lost."""


class FetchError(BotticelliError):
    """A URL that must not be fetched, or that returned nothing usable."""


class TemplateError(BotticelliError):
    """A reference in a prompt that could not be resolved."""


class StaleLease(BotticelliError):
    """A lost lease: another worker holds this iteration, so this one writes and sends nothing more."""
