"""Defines every setting with its default and its unit. Reads no file and no environment."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr

from botticelli.settings.origins import Origins
from botticelli.settings.seconds import Seconds
from botticelli.settings.section import Section
from botticelli.settings.sections.http import HttpSettings
from botticelli.settings.sections.notify import NotifyTarget
from botticelli.settings.sections.ramp import Ramp
from botticelli.settings.sections.traces import TracesSettings
from botticelli.settings.sections.webhooks import WebhookName, WebhookSettings
from botticelli.settings.urls import UrlFault, checked_url, http_url

POSTGRES_SCHEMES = ("postgresql", "postgres")
REDIS_SCHEMES = ("redis", "rediss", "unix")
DriverOptions = dict[str, Any]
Multiplier = Annotated[float, Field(gt=0, le=1)]


def _psycopg2_url(url: SecretStr) -> SecretStr:
    """Return the URL for psycopg2, whatever its spelling: SQLAlchemy 2.1 reads `postgresql://` as psycopg 3."""
    scheme, separator, rest = url.get_secret_value().strip().partition("://")
    plain = scheme.lower().split("+")[0] if separator else scheme
    checked = checked_url(f"{plain}{separator}{rest}", POSTGRES_SCHEMES, needs_host=False)
    return SecretStr(checked.text.replace(f"{checked.scheme}://", "postgresql+psycopg2://", 1))


def _redis_url(url: SecretStr) -> SecretStr:
    checked = checked_url(url.get_secret_value(), REDIS_SCHEMES, needs_host=False)
    if checked.scheme == "unix":
        if checked.host or checked.path in ("", "/"):
            raise UrlFault("is not a valid URL: write unix:///path/to/redis.sock, with three slashes")
    elif not checked.host:
        raise UrlFault("is not a valid URL: it names no host; write redis://localhost:6379/0 for this machine's")
    elif not re.fullmatch(r"(/\d{0,5})?", checked.path):
        raise UrlFault("is not a valid URL: its path must be the number of a database, such as /0")
    return SecretStr(checked.text)


class DatabaseSettings(Section):
    url: Annotated[SecretStr, AfterValidator(_psycopg2_url)] | None = None
    """URL of a Postgres server; unset: the embedded one of the data directory."""
    pool_size: int = Field(default=20, ge=1)
    statement_timeout_seconds: Seconds = Field(default=30, gt=0)


class RedisSettings(Section):
    url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    """URL of a Redis 6.2+ or Valkey server; unset: the embedded one of the data directory."""
    prefix: str = Field(default="botticelli", pattern=r"^[A-Za-z0-9_.-]+$")
    """Prefix of every key of Botticelli, so that one server can serve several installations."""


class NarrativesSettings(Section):
    path: tuple[str, ...] = ("narratives",)
    """Folders searched for a narrative by name, relative to botticelli.toml or the working directory."""


class ContextSettings(Section):
    path: tuple[str, ...] = ()
    """Folders searched for `file = "..."` after the narrative's own folder; relative like those of narratives."""


def _variable_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("is not the name of a variable: write letters, digits and _")
    return name


class EnvironmentSettings(Section):
    allow: tuple[Annotated[str, AfterValidator(_variable_name)], ...] = ()
    """Names that `${NAME}` in a narrative may read, beside those that begin with BOTTICELLI_VAR_."""


def _table_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not TABLE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a table name that can be allowed")
    return names


TABLE_NAME = re.compile(r"(?!pg_|information_schema)[a-z_][a-z0-9_]{0,62}(?:\.(?!pg_)[a-z_][a-z0-9_]{0,62})?")
TableNames = Annotated[tuple[str, ...], AfterValidator(_table_names)]


def _globs(globs: tuple[str, ...]) -> tuple[str, ...]:
    for glob in globs:
        if not COMMAND_GLOB.fullmatch(glob):
            raise ValueError(f"{glob!r} is not the name of a command, such as messages.send or messages.*")
    return globs


COMMAND_GLOB = re.compile(r"[A-Za-z0-9_.*]{1,128}")
CommandGlobs = Annotated[tuple[str, ...], AfterValidator(_globs)]


def _discord_ids(ids: tuple[str, ...]) -> tuple[str, ...]:
    for identity in ids:
        if not re.fullmatch(r"[0-9]{1,20}", identity):
            raise ValueError(f"{identity!r} is not an id of Discord: write its digits as a text")
    return ids


DiscordIds = Annotated[tuple[str, ...], AfterValidator(_discord_ids)]


class MediaSettings(Section):
    max_file_mb: int = Field(default=20, ge=1)
    """Limit for one picture, sound, film or document."""
    max_total_mb: int = Field(default=50, ge=1)
    """Limit for all media of one narrative."""


class FetchSettings(Section):
    """Downloads of media that a narrative names by URL and the provider does not fetch itself."""

    allow_http: bool = False
    """Also allow URLs without encryption."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts of your own network, by name or address: they may have addresses that are not public."""
    timeout_seconds: Seconds = Field(default=10, gt=0)
    """Limit from the first packet to the last."""
    max_mb: float = Field(default=20, gt=0)


class TablesSettings(Section):
    allow: TableNames = ()
    """Your own tables that narratives may read, beside content tables: `name` or `schema.name`."""
    write: TableNames = ()
    """The allowed tables that `pull_and_delete` and the command `update_table` may change."""
    timeout_seconds: Seconds = Field(default=2, gt=0)
    """Limit for one query of a narrative."""


class SecuritySettings(Section):
    """Restricts the commands of all narratives. A narrative can narrow it, never widen it."""

    default_policy: Literal["allow", "deny_writes", "deny"] = "allow"
    """Policy for narratives from a file that have no allowed_commands of their own."""
    wire_policy: Literal["allow", "deny_writes", "deny"] = "deny_writes"
    """Policy for narratives that arrive as text, whatever they say themselves."""
    allowed_commands: CommandGlobs | None = None
    """Globs such as `messages.*`; None: all."""
    denied_commands: CommandGlobs = ()
    require_confirmation: bool | CommandGlobs = False
    """Require approval of all commands that write, or of those that match."""
    guild_ids: tuple[str, ...] | None = None
    """The only guilds that commands may touch; None: all."""
    channel_prefix: str | None = Field(default=None, min_length=1)
    """Required start of the name of every channel that commands touch."""
    channel_ids: tuple[str, ...] | None = None
    """The only channels that commands may touch; None: all."""
    max_effects_per_run: int | None = Field(default=None, ge=0)
    """Maximum of commands that write; the next one fails."""
    max_effects_per_hour: int | None = Field(default=None, ge=1)
    """Maximum over all runs in any 60 minutes; the next one waits."""
    max_iterations: int | None = Field(default=1_000_000, ge=1)
    """Maximum of one run, whatever it requests; None: no maximum beyond that of the file format."""
    approval_hours: float = Field(default=24, gt=0)
    """Hours for which a pending command can be approved, and for which the approval is valid."""
    approver_user_ids: DiscordIds | None = None
    """Discord users who may decide by the buttons under a message that waits; None, and no roles: nobody."""
    approver_role_ids: DiscordIds | None = None
    """Discord roles whose members may decide by the buttons, too."""


class WorkerSettings(Section):
    threads: int = Field(default=16, ge=1)
    """Iterations that one worker runs in parallel."""
    max_parallel_acts: int = Field(default=4, ge=1)
    """Acts of one iteration that run in parallel, where `needs` allow it."""
    lease_seconds: Seconds = Field(default=15, gt=0)
    """Silence of a worker after which its iteration is given to another worker."""
    max_attempts: int = Field(default=5, ge=1)
    """Number of workers that may die during an iteration before it fails."""
    shutdown_grace_seconds: Seconds = Field(default=60, ge=0)
    """Time that a stopping worker has to finish its tasks; then it hands the rest back and exits."""
    probe_interval_seconds: Seconds = Field(default=30, gt=0)
    """Time between two probes: tasks that show that the queue is consumed."""
    probe_timeout_seconds: Seconds = Field(default=90, gt=0)
    """Time after which a worker with free threads that received nothing, not even a pending probe, is stalled."""
    exit_when_stalled: bool = True
    """A stalled worker exits, so that its supervisor starts another."""
    sweep_interval_seconds: Seconds = Field(default=1, gt=0)
    redelivery_grace_seconds: Seconds = Field(default=5, gt=0)
    """Time after which a task that is neither claimed nor in the queue is published again; doubles each time, up to a
    minute."""
    inline_wait_seconds: Seconds = Field(default=5, ge=0)
    """Longest wait for a provider or a window inside a task; a longer wait hands the task back."""


class BudgetSettings(Section):
    guard_ms: int = Field(default=25, ge=0)
    """Minimum by which every window is longer than the provider's."""
    guard_max_ms: int = Field(default=2000, ge=0)
    """Maximum to which the measurements of workers raise it; at most a twelfth of the period. Not above `guard_ms`:
    the guard stays as it is."""
    estimate_quantile: float = Field(default=0.9, gt=0, le=1)
    """Quantile of an act's past usage that is its estimate when the narrative gives none: this part of its calls used
    no more."""
    rpm_multiplier: Multiplier | None = None
    tpm_multiplier: Multiplier | None = None
    rpd_multiplier: Multiplier | None = None


class WindowSetting(Section):
    metric: Literal["requests", "tokens", "input_tokens", "output_tokens", "cost_microusd", "concurrency"]
    limit: int = Field(ge=1)
    period_seconds: Seconds = Field(gt=0)
    kind: Literal["sliding", "fixed", "calendar", "month", "bucket"] = "sliding"
    zone: str | None = None
    """IANA name, required for the kinds `calendar` (its day runs from midnight to midnight, `period_seconds` is 86400)
    and `month` (from the first of a month to the next, 2678400), and allowed only there."""


class Limits(Section):
    """Limits as providers publish them: requests and tokens per minute and per day; `windows` defines others."""

    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    rpd: int | None = Field(default=None, ge=1)
    tpd: int | None = Field(default=None, ge=1)
    itpm: int | None = Field(default=None, ge=1)
    """Input tokens per minute."""
    otpm: int | None = Field(default=None, ge=1)
    """Output tokens per minute."""
    max_concurrent: int | None = Field(default=None, ge=1)
    """Requests in flight at once."""
    windows: tuple[WindowSetting, ...] = ()


class ModelLimits(Limits):
    """Limits and prices of a model, or of all models of a tier. Prices are in US dollars."""

    usd_per_million_input: Decimal | None = Field(default=None, ge=0)
    usd_per_million_cached: Decimal | None = Field(default=None, ge=0)
    """Price of input tokens that the provider had in its cache."""
    usd_per_million_cache_write: Decimal | None = Field(default=None, ge=0)
    """Price of input tokens that the provider writes to its cache for its ordinary life: 5 minutes at Anthropic."""
    usd_per_million_cache_write_long: Decimal | None = Field(default=None, ge=0)
    """Price of those that it keeps for its longer life: 1 hour at Anthropic."""
    usd_per_million_output: Decimal | None = Field(default=None, ge=0)
    long_context_tokens: int | None = Field(default=None, ge=1)
    """Size of a prompt beyond which the whole request is priced by the two factors below."""
    long_context_input_factor: Decimal | None = Field(default=None, gt=0)
    long_context_output_factor: Decimal | None = Field(default=None, gt=0)
    batch_price_factor: Decimal | None = Field(default=None, gt=0)
    """Part of the price that batches cost, such as 0.5."""
    flex_price_factor: Decimal | None = Field(default=None, gt=0)
    as_of: str | None = None
    """Month or day of the figures."""
    source: str | None = None
    """Where the figures are published."""
    confidence: Literal["published", "third-party", "measured", "inferred", "default"] | None = None
    """How the figures are known; `default`: the provider prints none, and these are careful guesses."""
    shared: str | None = Field(default=None, min_length=1)
    """Name under which all models of this entry spend from one budget: their model class."""


class Tier(ModelLimits):
    limits: Literal["published", "learned"] | None = None
    """Like the provider's key, for this tier alone."""
    usd_per_10_minutes: Decimal | None = Field(default=None, gt=0)
    """Spend limit over all models of the provider in any 10 minutes."""
    usd_per_month: Decimal | None = Field(default=None, gt=0)
    """Spend limit over all models of the provider in a calendar month."""
    models: dict[str, ModelLimits] = Field(default_factory=dict)
    """Limits of single models, by name or by the beginning of names with `*` behind it; the longest one counts. A model
    inherits the tier's values for those that it does not set."""


class Provider(Section):
    default_tier: str | None = None
    former_tiers: dict[str, str] = Field(default_factory=dict)
    """Former names of tiers, and what each is called now."""
    limits: Literal["published", "learned"] | None = None
    """`learned`: start from the figures of the tier, and follow those that the provider's answers name."""
    learned_min: Limits | None = None
    """Lower bounds for learned limits; None: a tenth of the figure from which they start."""
    learned_max: Limits | None = None
    """Upper bounds for learned limits; None: 100 times the figure from which they start."""
    minute_kind: Literal["sliding", "fixed", "bucket"] | None = None
    """Kind of window in which the provider counts its limits per minute."""
    day_zone: str | None = None
    """IANA name of the zone at whose midnight the daily limits reset."""
    month_zone: str | None = None
    """IANA name of the zone at whose midnight a month begins for spend limits; None: UTC."""
    cached_input_counts: bool | None = None
    """Whether input tokens that the provider had in its cache count in its limits of input tokens."""
    ramp: Ramp | None = None
    tiers: dict[str, Tier] = Field(default_factory=dict)


class PricesSettings(Section):
    list_url: Annotated[str, AfterValidator(http_url)] | None = None
    """Where `botticelli prices update` fetches the price list; None: where genai-prices publishes it."""


class BudgetsSettings(Section):
    """Your own budgets, beside those of the providers: a call is granted only by all that it spends from."""

    narratives: dict[str, Limits] = Field(default_factory=dict)
    """Budget by name of the narrative, over all its runs."""
    guilds: dict[str, Limits] = Field(default_factory=dict)
    """Budget by id of the guild, over all narratives whose commands name it."""
    tenants: dict[str, Limits] = Field(default_factory=dict)
    """Budget by the tenant name that runs are enqueued with, over all of these runs."""


class PlatformSettings(Section):
    implementation: str | None = None
    """Name of the platform plug-in that runs the commands; `echo` rehearses them offline. None: the plug-in named
    like the platform."""
    base_url: Annotated[str, AfterValidator(http_url)] | None = None
    """URL of the platform's API; None: the public one."""
    options: DriverOptions = Field(default_factory=dict)


def _distinct(targets: tuple[NotifyTarget, ...]) -> tuple[NotifyTarget, ...]:
    """Refuse a name that two targets share: it identifies one of them in the database."""
    names = [target.name for target in targets]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ValueError(f"two targets are called {doubled!r}; give each a name of its own")
    return targets


class Settings(Section):
    """All settings. `home` and `base` are computed, not written in a file."""

    home: Path
    """The data directory, which holds the embedded services."""
    base: Path
    """Base of relative paths: the folder of botticelli.toml, else the working directory."""
    left_out: tuple[str, ...] = ()
    """Keys of a file of the founding system that have no effect; computed, not written in a file."""
    default_model: str = "auto"
    """`provider/model` of narratives that name none. `auto`: the recommended model of a provider whose key is set, else
    the offline echo."""
    default_tier: str | None = None
    """Tier of every provider that sets none of its own."""
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    narratives: NarrativesSettings = NarrativesSettings()
    context: ContextSettings = ContextSettings()
    environment: EnvironmentSettings = EnvironmentSettings()
    media: MediaSettings = MediaSettings()
    fetch: FetchSettings = FetchSettings()
    tables: TablesSettings = TablesSettings()
    security: SecuritySettings = SecuritySettings()
    worker: WorkerSettings = WorkerSettings()
    budget: BudgetSettings = BudgetSettings()
    budgets: BudgetsSettings = BudgetsSettings()
    prices: PricesSettings = PricesSettings()
    http: HttpSettings = HttpSettings()
    traces: TracesSettings = TracesSettings()
    providers: dict[str, Provider] = Field(default_factory=dict)
    drivers: dict[str, DriverOptions] = Field(default_factory=dict)
    """`[drivers.NAME]`: the options of one driver, checked by the driver itself."""
    platforms: dict[str, PlatformSettings] = Field(default_factory=dict)
    notify: Annotated[tuple[NotifyTarget, ...], AfterValidator(_distinct)] = ()
    """`[[notify]]`: who is told of what happens."""
    webhooks: dict[WebhookName, WebhookSettings] = Field(default_factory=dict)
    """`[webhooks.NAME]`: whose signed webhooks start which narrative."""

    _origins: Origins = PrivateAttr(default_factory=Origins)

    def remember(self, origins: Origins) -> None:
        """Store where each setting comes from, for messages about settings that prove wrong later."""
        self._origins = origins

    def where(self, *path: str | int) -> str:
        """Return the file and line, the variable or the flag that sets this; its dotted name when nothing does."""
        return self._origins.where(path)

    @property
    def are_founding(self) -> bool:
        """Whether they were read from a file in the form of the founding system."""
        return self._origins.is_founding

    @property
    def context_folders(self) -> tuple[Path, ...]:
        return tuple(self.base / folder for folder in self.context.path)
