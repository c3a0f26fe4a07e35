"""Fetches the current price list, checks it, says what changes, and stores it in the data directory."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botticelli.errors import BotticelliError, InvalidInput, ServiceUnavailable
from botticelli.pricing.price_catalogue import FETCHED
from botticelli.pricing.price_file import price_file
from botticelli.pricing.price_list import PriceList, installed_version, parsed_list
from botticelli.pricing.rates import RATE_NAMES, Rates, plain_decimal
from botticelli.untrusted.bounded_body import Unreadable, strict_json, unpacked

MAX_BYTES = 50_000_000
TIMEOUT_SECONDS = 20.0
LEAST_PART = 2
"""A list with fewer than one in two of the models known before is taken for a broken one."""


@dataclass(frozen=True, slots=True)
class PriceChange:
    """One model whose price is new, gone or different; `before` and `after` are None where there is none."""

    provider: str
    model: str
    before: Rates | None
    after: Rates | None

    @property
    def kind(self) -> str:
        return "new" if self.before is None else "gone" if self.after is None else "changed"

    def as_json(self) -> dict[str, Any]:
        rates = {name: getattr(self, name) for name in ("before", "after")}
        shown = {name: None if rate is None else rate.as_json() for name, rate in rates.items()}
        return {"provider": self.provider, "model": self.model, "kind": self.kind, **shown}

    def __str__(self) -> str:
        known = self.after or self.before
        assert known is not None, "a change has one of them"
        if self.before is None or self.after is None:
            return f"{self.provider}/{self.model}: {self.kind}, {known.input:f} in, {known.output:f} out"
        differences = (
            f"{name} {plain_decimal(old)} -> {plain_decimal(new)}"
            for name in RATE_NAMES
            if (old := getattr(self.before, name)) != (new := getattr(self.after, name))
        )
        return f"{self.provider}/{self.model}: {', '.join(differences) or 'other conditions'}"


def published_url() -> str:
    """Return where genai-prices publishes its list."""
    from genai_prices.update_prices import DEFAULT_UPDATE_URL

    return DEFAULT_UPDATE_URL


def fetch(url: str) -> Any:
    """Return the JSON of the list at `url`. Raises ServiceUnavailable."""
    import httpx2

    headers = {"accept-encoding": "gzip, deflate"}
    try:
        with httpx2.stream("GET", url, timeout=TIMEOUT_SECONDS, headers=headers, follow_redirects=True) as response:
            response.raise_for_status()
            encoding = response.headers.get("content-encoding", "")
            return strict_json(b"".join(unpacked(response.iter_raw(), encoding, MAX_BYTES)))
    except httpx2.HTTPStatusError as error:
        problem = f"the server answered {error.response.status_code}"
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        problem = f"the server can't be reached ({type(error).__name__})"
    except Unreadable as error:
        problem = f"the answer {error}"
    raise ServiceUnavailable(
        f"no price list was fetched: {problem}",
        where=url,
        do="the known prices stay in use; check the network, set [prices] list_url, or pass --from FILE",
    )


def read_list(file: Path) -> Any:
    """Return the JSON of a list that was fetched elsewhere. Raises InvalidInput."""
    try:
        return strict_json(file.read_bytes())
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", where=str(file), do="name a readable file") from None
    except Unreadable as error:
        raise InvalidInput(f"the file {error}", where=str(file), do=_REMEDY) from None


_REMEDY = "the known prices stay in use; take data.json of genai-prices"


def checked_list(raw: Any, before: PriceList, origin: str) -> PriceList:
    """Return the list when every price in it can be read and it is no smaller than half of `before`. InvalidInput else."""
    try:
        new = parsed_list(raw, "", datetime.now(UTC).isoformat(timespec="seconds"))
        new.check()
        known, listed = len(before.rates_now), len(new.rates_now)
    except Exception as error:  # whatever the library makes of strange data
        problem = f"this is not a price list that this version can read ({type(error).__name__})"
        raise InvalidInput(problem, where=origin, do=_REMEDY) from None
    if listed * LEAST_PART < known:
        problem = f"the list has prices of {listed:,} models only; {known:,} are known now"
        raise InvalidInput(problem, where=origin, do=_REMEDY)
    return new


def changes(before: PriceList, after: PriceList) -> list[PriceChange]:
    """List the models whose standard rates of today differ."""
    old, new = before.rates_now, after.rates_now
    names = {table.list: name for name, table in price_file().providers.items() if table.list}
    return [
        PriceChange(names.get(provider, provider), model, old.get((provider, model)), new.get((provider, model)))
        for provider, model in sorted(old.keys() | new.keys())
        if old.get((provider, model)) != new.get((provider, model))
    ]


def store(home: Path, raw: Any, fetched_at: str) -> Path:
    """Write the list to the data directory, whole or not at all. Raises BotticelliError."""
    file = home / FETCHED
    content = {"fetched_at": fetched_at, "package": installed_version(), "providers": raw}
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=home, prefix=f".{FETCHED}.", delete=False, encoding="utf-8"
        ) as output:
            temporary = output.name
            output.write(json.dumps(content))  # json.dump is twenty times slower
        os.replace(temporary, file)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        problem = f"the price list can't be stored: {error.strerror}"
        raise BotticelliError(problem, where=str(file), do="make room, or make the directory writable") from None
    return file
