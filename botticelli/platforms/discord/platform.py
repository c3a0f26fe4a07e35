"""Implements the platform "discord": catalogue, commands and effect lookup over one transport. Stores no effects."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botticelli.errors import PlatformError, PlatformGone, PlatformTransient, PlatformUnknown, SettingsError
from botticelli.platforms.discord.catalogue.catalogue import Entry, catalogue
from botticelli.platforms.discord.commands.effect_lookup import find
from botticelli.platforms.discord.commands.guild_commands import perform
from botticelli.platforms.discord.commands.message_commands import mentions_refused, refused_mentions
from botticelli.platforms.discord.rest.api import Api, Job, Transport, all_shaped, answered, shaped
from botticelli.platforms.discord.rest.request_limits import OPTIONS as LIMITS
from botticelli.platforms.discord.rest.request_limits import GlobalLimits, discord_limits
from botticelli.platforms.discord.rest.timeouts import timeout_seconds
from botticelli.platforms.protocol import (
    ChannelLocation,
    CommandOutput,
    CommandSpec,
    EffectIntent,
    PlatformContext,
    Unknown,
)
from botticelli.platforms.rate_limits import PlatformLimit
from botticelli.settings import UrlFault, did_you_mean, http_url
from botticelli.settings.network import connection_fault, header_fault, secret

if TYPE_CHECKING:
    from botticelli.platforms.discord.rest.rest_client import Client

OPTIONS = ("base_url", "guild_id", "allow_mentions", "timeout_seconds", *LIMITS)
TOKEN = "DISCORD_TOKEN"  # noqa: S105 (the name of a variable)
_WHERE = {
    "channel": "GET /channels/{id}",
    "thread": "GET /channels/{id}",
    "message": "GET /channels/{channel_id}/messages/{id}",
    "role": "GET /guilds/{guild_id}/roles/{id}",
    "event": "GET /guilds/{guild_id}/scheduled-events/{id}",
}
POSTING = ("View Channel", "Send Messages", "Embed Links")
"""Permissions for messages of Botticelli's own."""
_THREADS = (10, 11, 12)
"""Channel types of announcement, public and private threads."""
_PLACES = ("channel_id", "thread_id")


class DiscordPlatform:
    """Performs commands through Discord's HTTP API; `transport` replaces the network in rehearsals and tests."""

    is_rehearsal = False

    def __init__(self, name: str, options: Mapping[str, Any], transport: Transport | None = None) -> None:
        self.name = name
        unknown = sorted(options.keys() - set(OPTIONS))
        if unknown:
            path = ("platforms", name, "options", unknown[0])
            do = did_you_mean(unknown[0], list(OPTIONS)) or f"known: {', '.join(OPTIONS)}"
            raise SettingsError(f"unknown setting {'.'.join(path)}", path=path, do=do)
        self._limits = discord_limits(options, name)
        self._options = dict(options)
        self._transport = transport
        self._require_usable(options)
        self._api: Api | None = None
        self._http: Client | None = None
        self._place: PlatformContext | None = None
        self._lock = threading.Lock()
        self._guilds: dict[str, str] = {}

    def _require_usable(self, options: Mapping[str, Any]) -> None:
        """Raise SettingsError for an unusable URL or timeout."""
        try:
            http_url(str(options["base_url"])) if options.get("base_url") else None
        except UrlFault as fault:
            raise SettingsError(f"base_url {fault}", where=f"[platforms.{self.name}.options]") from None
        if self._transport is None:
            timeout_seconds(options)

    def configure(self, place: PlatformContext) -> None:
        self._place = place

    def missing_requirement(self) -> tuple[str, str] | None:
        if self._transport is not None:
            return None
        fault = header_fault(os.environ, [TOKEN])
        if fault is not None:
            return fault.what, fault.do
        if secret(os.environ, TOKEN):
            return None
        do = f"set {TOKEN} to the bot's token, or rehearse offline with --rehearse"
        return f"commands of {self.name} need a token", do

    def platform_limits(self) -> tuple[PlatformLimit, ...]:
        return () if self._transport is not None else self._limits

    def default_guild(self) -> str | None:
        guild = self._options.get("guild_id")
        return None if guild is None else str(guild)

    def commands(self) -> Mapping[str, CommandSpec]:
        return {name: entry.spec for name, entry in catalogue().entries.items()}

    def suggestion(self, command: str) -> str | None:
        return catalogue().suggestion(command)

    def spec(self, command: str) -> CommandSpec | None:
        entry = catalogue().entries.get(command)
        return entry.spec if entry else None

    def execute(
        self, command: str, args: Mapping[str, Any], key: str, *, announced: EffectIntent | None = None
    ) -> CommandOutput:
        job = self._job(command, args, key, announced)
        try:
            with foreign_shapes(job.entry.spec.writes):
                data = perform(job, job.entry.steps) if job.entry.steps else self._by_route(job)
        except PlatformGone:
            if not (job.repeated and _deletes(job.entry)):
                raise
            data = answered(job.entry.answer, args, {}) if isinstance(job.entry.answer, Mapping) else {"success": True}
        return self._output(job, data)

    def resolve(self, announced: EffectIntent) -> CommandOutput | Unknown | None:
        job = self._job(announced.command, announced.args, announced.key, announced)
        with foreign_shapes(writes=True):
            outcome = find(job)
        return self._output(job, outcome) if isinstance(outcome, dict) else outcome

    def exists(self, kind: str, identity: str, metadata: Mapping[str, Any]) -> bool:
        route = _WHERE.get(kind)
        try:
            if route is None or not identity.isdigit():
                return True
            self._made_api().call(route, {**metadata, "id": identity})
        except PlatformGone:
            return False
        except (PlatformError, KeyError):
            return True
        return True

    def locate(self, identity: str) -> ChannelLocation | None:
        api = self._made_api()
        with foreign_shapes(writes=False):
            channel = api.call("GET /channels/{channel_id}", {"channel_id": identity})
            guild = None if channel.get("guild_id") is None else str(channel["guild_id"])
            if channel.get("type") in _THREADS and channel.get("parent_id"):
                channel = api.call("GET /channels/{channel_id}", {"channel_id": str(channel["parent_id"])})
            return ChannelLocation(guild, str(channel["id"]), channel.get("name"))

    def post_message(self, channel_id: str, body: Mapping[str, Any], nonce: str) -> str:
        """Write a message of Botticelli's own and return its id."""
        route, sent = "POST /channels/{channel_id}/messages", {**body, "nonce": nonce, "enforce_nonce": True}
        with foreign_shapes(writes=True):
            answer = self._made_api().call(route, {"channel_id": channel_id}, body=sent, needs=POSTING)
            return str(answer["id"])

    def edit_message(self, channel_id: str, message_id: str, body: Mapping[str, Any]) -> bool:
        """Change a message; False when it, or its channel, does not exist any more."""
        place = {"channel_id": channel_id, "message_id": message_id}
        try:
            self._made_api().call("PATCH /channels/{channel_id}/messages/{message_id}", place, body=body, needs=POSTING)
        except PlatformGone:
            return False
        return True

    def _job(self, command: str, args: Mapping[str, Any], key: str, announced: EffectIntent | None) -> Job:
        entry = catalogue().entries.get(command)
        if entry is None:
            raise PlatformError(f"{self.name} has no command {command!r}")
        return Job(self._made_api(), entry, args, key, announced, self._allow_mentions)

    def _made_api(self) -> Api:
        with self._lock:
            if self._api is None:
                self._api = Api(self._transport or self._client())
            return self._api

    def _client(self) -> Transport:
        from botticelli.platforms.discord.rest.rest_client import Client

        lack = self.missing_requirement()
        if lack is not None:
            raise PlatformError(lack[0], do=lack[1])
        fault = connection_fault()
        if fault is not None:
            raise PlatformError(f"no request can be sent: {fault.where}: {fault.what}", do=fault.do)
        global_limits = GlobalLimits(self._place.limiter if self._place else None, self._options, self.name)
        self._http = Client(lambda: secret(os.environ, TOKEN), self._options, self._place, global_limits)
        return self._http

    def violation(self, args: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """Return the mentions that the settings don't let a narrative allow."""
        allowed_mentions = args.get("allowed_mentions")
        allowed = self._allow_mentions
        if not isinstance(allowed_mentions, list) or not refused_mentions(allowed_mentions, allowed):
            return None
        return "allowed_mentions", *mentions_refused(allowed_mentions, allowed)

    @property
    def _allow_mentions(self) -> tuple[str, ...]:
        return tuple(map(str, self._options.get("allow_mentions", ())))

    def close(self) -> None:
        with self._lock:
            client, self._api, self._http = self._http, None, None
        if client is not None:
            client.close()

    def _by_route(self, job: Job) -> Any:
        entry, args = job.entry, job.args
        assert entry.route is not None
        query = {there: args[here] for there, here in entry.query.items() if here in args} | dict(entry.query_all)
        body = {there: args[here] for there, here in entry.body.items() if here in args} | dict(entry.body_all)
        value = job.call(entry.route, body=body or None, query=query)
        if isinstance(entry.answer, str):
            shape, is_list = entry.answer.strip("[]"), entry.answer.startswith("[")
            if not isinstance(value, list if is_list else dict):
                raise TypeError(type(value).__name__)
            return all_shaped(shape, value) if is_list else shaped(shape, value)
        return answered(entry.answer or {}, args, value)

    def _output(self, job: Job, data: Any) -> CommandOutput:
        spec = job.entry.spec
        deleted = tuple(data.pop("deleted_ids", ())) if isinstance(data, dict) else ()
        if job.entry.deletes:
            deleted = (str(job.args[job.entry.deletes]),)
        identity = self._identity(spec, data)
        return CommandOutput(
            True,
            f"{spec.name} done",
            {f"{spec.captures}_id": str(identity)} if identity else {},
            data,
            guild_id=self._guild(job, data) if identity else None,
            name=job.args.get("name") or (data.get("name") if spec.captures else None),
            metadata=job.given("channel_id") if spec.captures == "message" else {},
            deleted_ids=deleted,
        )

    def _identity(self, spec: CommandSpec, data: Any) -> str | None:
        """Return the created id. Raises PlatformUnknown if the answer to a write names none, since it can't be captured."""
        if not spec.captures:
            return None
        names = ("id", f"{spec.captures}_id")
        identity = next((data[name] for name in names if data.get(name)), None) if isinstance(data, dict) else None
        if spec.writes and not re.fullmatch(r"\d{1,20}", str(identity)):
            raise PlatformUnknown(f"Discord's answer to {spec.name} names no id")
        return None if identity is None else str(identity)

    def _guild(self, job: Job, data: Mapping[str, Any]) -> str | None:
        """Return the guild of the command: the one that was named, else that of the channel; None if unknown."""
        named = job.args.get("guild_id") or data.get("guild_id")
        if named:
            return str(named)
        channel = next((str(job.args[place]) for place in _PLACES if place in job.args), None)
        if channel is None:
            return None
        if channel not in self._guilds:
            try:
                with foreign_shapes(writes=False):
                    guild_id = job.api.call("GET /channels/{channel_id}", {"channel_id": channel}).get("guild_id")
            except (PlatformError, PlatformTransient, PlatformUnknown):
                return None
            if guild_id:
                self._guilds[channel] = str(guild_id)
        return self._guilds.get(channel)


@contextmanager
def foreign_shapes(writes: bool) -> Iterator[None]:
    """Turn an answer of an unexpected shape into an error: the outcome of a write is unknown, a read has failed."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        what = f"Discord's answer doesn't have the documented form ({type(error).__name__})"
        raise (PlatformUnknown if writes else PlatformError)(what) from None


def _deletes(entry: Entry) -> bool:
    """Return whether the command deletes, so that "it doesn't exist" is a success."""
    return (entry.route or "").startswith("DELETE ") or entry.steps == "remove_reaction"
