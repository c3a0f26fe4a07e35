"""Says what keeps a target from being told, before anything is sent: a variable that isn't set, an address that is refused."""

from __future__ import annotations

from urllib.parse import urlsplit

from botticelli.errors import BotticelliError
from botticelli.notices.send_web import keys_of, url_of, variable
from botticelli.security.safe_fetch import fault_of_url
from botticelli.settings.definitions import FetchSettings
from botticelli.settings.sections.notify import NotifyTarget

BOT_TOKEN = "DISCORD_TOKEN"  # noqa: S105 (the name of a variable)


def target_problem(target: NotifyTarget) -> str | None:
    """Return what is wrong with a target in this process; None when it can be told. Resolves no name and sends nothing."""
    try:
        if target.kind == "email":
            if target.smtp_password_env is not None:
                variable(target.smtp_password_env)
            return None
        if target.kind == "discord_bot":
            variable(BOT_TOKEN)
            return None
        keys_of(target)
        url = url_of(target)
    except BotticelliError as error:
        return str(error)
    host = (urlsplit(url).hostname or "").lower()
    rules = FetchSettings(allow_http=target.allow_private, allow_hosts=(host,) if target.allow_private else ())
    fault = fault_of_url(url, rules)
    return None if fault is None else f"its address {fault}"
