"""The exceptions of Botticelli: each says what happened, where, and what to do. Expected outcomes are values, not these.

BotticelliError
├── InvalidInput                exit code 2: somebody has to change a file, a flag or a setting
│   ├── NarrativeError          one or more Problems in a narrative file
│   ├── SettingsError           botticelli.toml, an environment variable or a flag
│   └── NotFound                a run, a key, a narrative that does not exist
├── ServiceUnavailable          Postgres or Redis can't be reached, or can't be used as it is
│   ├── DatabaseBehind          the schema of a configured database is not the one this version needs
│   ├── DatabaseUnfit           the database can't hold what is to be stored: its encoding is not UTF8
│   ├── RedisUnfit              the server evicts keys, is too old, or refuses commands to this user
│   └── Unwritable              Postgres takes no writes: its disk is full, or it is read-only
├── DriverError                 a model provider's answer, translated; carries no key and no SDK object
│   ├── DriverTransient         may pass: 429, 5xx, dropped connection; retry_after_seconds when known
│   ├── DriverTerminal          will not pass by itself: bad key, billing, bad request
│   └── DriverUnknown           the request may have been served (timeout, connection lost after sending)
├── PlatformError               a bot command that failed
│   ├── PlatformGone            what it is about doesn't exist (any more) on the platform
│   ├── PlatformTransient       was not done, and may be tried again; retry_after_seconds when known
│   └── PlatformUnknown         may have been done: the answer was lost
├── FetchError                  a URL that may not be fetched, or that brought nothing that can be used
├── TemplateError               a reference that could not be resolved while an iteration was performed
└── Stale                       another worker holds this iteration now: write nothing, send nothing
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botticelli.telemetry.masking import masked


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one place of a file. `line` and `column` count from 1; 0 means the file as a whole."""

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
    """The root. `what` happened, `where` (file:line, table, key, URL without secrets), and what to `do` about it."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        """Whoever raises it may quote what others said: secrets are taken out here, for rows, events and logs alike."""
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
    exit_code = 2


class NarrativeError(InvalidInput):
    """A narrative that can't be performed, with all the `problems` that were found; `what` is a line for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (NarrativeError, (self.problems,))


class SettingsError(InvalidInput):
    """A setting that is wrong.

    `path` is the setting that is wrong (`("drivers", "echo", "errors")`), where whoever raises it doesn't know its
    source: `placed` gives it one.
    """

    def __init__(self, what: str, *, where: str = "", do: str = "", path: Sequence[str | int] = ()) -> None:
        super().__init__(what, where=where, do=do)
        self.path = tuple(path)

    def placed(self, where: Callable[..., str]) -> SettingsError:
        """The same error with its source; `where` is that of the settings."""
        return SettingsError(self.what, where=where(*self.path), do=self.do) if self.path else self


class NotFound(InvalidInput):
    pass


class ServiceUnavailable(BotticelliError):
    pass


class DatabaseBehind(ServiceUnavailable):
    pass


class DatabaseUnfit(ServiceUnavailable):
    pass


class RedisUnfit(ServiceUnavailable):
    pass


class Unwritable(ServiceUnavailable):
    pass


class DriverError(BotticelliError):
    """A call that failed.

    `served_tokens` are input and output of an answer that was begun before it failed: they are charged. `was_sent`
    False: the request certainly never left this machine, and nothing is charged.
    """

    served_tokens: tuple[int, int] = (0, 0)
    was_sent: bool = True

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), dict(vars(self)))


class DriverTransient(DriverError):
    """A failure after which the call may be tried again.

    `retry_after_seconds` is the provider's own figure (a floor for the next try), or None. `limited`: a rate limit or a
    quota is used up, the server itself is well.
    """

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
    """`elsewhere`: another model may well answer what this one will not (its key, its account, its size)."""

    def __init__(self, what: str, *, where: str = "", do: str = "", elsewhere: bool = False) -> None:
        super().__init__(what, where=where, do=do)
        self.elsewhere = elsewhere


class DriverUnknown(DriverError):
    pass


class PlatformError(BotticelliError):
    pass


class PlatformGone(PlatformError):
    """`kind` is what doesn't exist: channel, message, role, ..."""

    def __init__(self, what: str, *, where: str = "", do: str = "", kind: str = "") -> None:
        super().__init__(what, where=where, do=do)
        self.kind = kind

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"kind": self.kind})


class PlatformTransient(PlatformError):
    """`retry_after_seconds` is the platform's own figure (a floor for the next try), or None."""

    def __init__(self, what: str, *, where: str = "", do: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(what, where=where, do=do)
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"retry_after_seconds": self.retry_after_seconds})


class PlatformUnknown(PlatformError):
    pass


class FetchError(BotticelliError):
    pass


class TemplateError(BotticelliError):
    pass


class Stale(BotticelliError):
    pass
