"""The checked narrative: what every form of the TOML becomes, and what travels as a run's snapshot. No parsing here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from botticelli.narrative.execution import Carousel, Multipliers, Schedule, Terms
from botticelli.narrative.frozen import Frozen

ReferenceKind = Literal["act", "previous", "state", "var", "iteration", "iterations", "run", "narrative", "now"]


MediaKind = Literal["image", "audio", "video", "document"]
MEDIA_KINDS: tuple[MediaKind, ...] = ("image", "audio", "video", "document")


class Reference(Frozen):
    """One `{...}` of a template. `name` is the act, the variable or the state key; `path` leads into its value.

    act, previous: path begins with `output`, `outputs` or `acts`. state: `name` is the whole dotted key (the split
    between key and path is made at look-up). run, narrative: `name` is the attribute (`id`, `name`).
    """

    kind: ReferenceKind
    name: str = ""
    path: tuple[str, ...] = ()
    text: str
    """As it was written, for error messages."""


class Template(Frozen):
    """Literal text and references in order. Parsed once, at load: what a value brings in is never expanded again."""

    parts: tuple[str | Reference, ...] = ()

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(part for part in self.parts if isinstance(part, Reference))


class Items(Frozen):
    """A list or a table among the arguments of a command; exactly one of the two is set."""

    array: tuple[Value, ...] | None = None
    table: dict[str, Value] | None = None


Value = Template | Items | bool | int | float


class Condition(Frozen):
    """`skip_if`: true when the reference is there and truthy; with `equals`, when it is that text. `negate`: if not."""

    reference: Reference
    negate: bool = False
    equals: str | None = None
    line: int = 0


Retention = Literal["full", "summary", "drop"]
"""How later acts see an input. What was fetched and is very long is summed up even when it is `full`."""


class TextInput(Frozen):
    type: Literal["text"] = "text"
    content: Template
    history_retention: Retention = "full"
    line: int = 0


class Security(Frozen):
    """What the commands of a narrative may do; None: the settings decide."""

    allowed_commands: tuple[str, ...] | None = None
    require_confirmation: bool | tuple[str, ...] = False
    """Of all commands that write, or of those named."""
    guild_id: str | None = None
    channel_prefix: str | None = None
    channel_ids: tuple[str, ...] | None = None


class Content(Frozen):
    """What a narrative does with rows: those it generates, and those it reads."""

    target: str | None = None
    """The content table that rows are stored in."""
    template: str | None = None
    """The table whose columns are the schema of what is generated."""
    skip_content_generation: bool = False
    preserve_source: bool = False
    """Rows that are read stay, whatever `pull_and_delete` says."""

    @property
    def is_generated(self) -> bool:
        return not self.skip_content_generation and (self.target is not None or self.template is not None)


class BotCommandInput(Frozen):
    type: Literal["bot_command"] = "bot_command"
    platform: str = "discord"
    command: str
    args: dict[str, Value] = Field(default_factory=dict)
    required: bool = True
    policy: Security | None = None
    """What the bot that it is of says itself."""
    history_retention: Retention = "full"
    line: int = 0


class NarrativeInput(Frozen):
    """What another narrative said. Its acts stand before the act of this input, and are performed before it.

    `ends` are the positions of its last act, one for each turn of the act that performs it.
    """

    type: Literal["narrative"] = "narrative"
    name: str
    """As it was written: another narrative of the file, or `file` or `file#name` of a file beside it."""
    ends: tuple[int, ...] = ()
    history_retention: Retention = "full"
    line: int = 0


class MediaInput(Frozen):
    """A picture, a sound, a film or a document: bytes that travel with the run (`sha256`), or what is behind a `url`.

    `mime` is empty for a URL whose name says nothing: then the content that is fetched decides.
    """

    type: MediaKind
    mime: str
    sha256: str | None = None
    size_bytes: int = 0
    url: Template | None = None
    filename: str | None = None
    history_retention: Retention = "full"
    line: int = 0


class Moment(Frozen):
    """A moment that the database knows when it reads: `now`, `today`, or a date or time as it is written in `base`.

    `offset` is an interval of Postgres that is added, such as `-7 days`; empty: none.
    """

    node: Literal["moment"] = "moment"
    base: str
    offset: str = ""


class OtherColumn(Frozen):
    """The value that the same row has in another column."""

    node: Literal["column"] = "column"
    name: str


Operand = Value | Moment | OtherColumn


class Comparison(Frozen):
    """`column op values`: one value, for `in` any number, for `between` two, for `is_null` none. Values are bound as text."""

    node: Literal["comparison"] = "comparison"
    column: str
    op: Literal["=", "!=", "<", "<=", ">", ">=", "in", "between", "like", "ilike", "is_null"]
    values: tuple[Operand, ...] = ()


class Constant(Frozen):
    """A condition without a column, such as `1 = 0`: every row meets it, or none."""

    node: Literal["constant"] = "constant"
    holds: bool


class AllOf(Frozen):
    node: Literal["all"] = "all"
    parts: tuple[Filter, ...]


class AnyOf(Frozen):
    node: Literal["any"] = "any"
    parts: tuple[Filter, ...]


class Not(Frozen):
    node: Literal["not"] = "not"
    part: Filter


Filter = Annotated[Comparison | Constant | AllOf | AnyOf | Not, Field(discriminator="node")]


class Order(Frozen):
    column: str
    descending: bool = False


class TableInput(Frozen):
    """Rows of a table. Without `columns` all of them; `sample` is a number of rows, taken at random."""

    type: Literal["table"] = "table"
    table_name: str
    columns: tuple[str, ...] = ()
    where: Filter | None = None
    order_by: tuple[Order, ...] = ()
    limit: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)
    sample: int | None = Field(default=None, ge=1, le=1000)
    format: Literal["json", "markdown", "csv"] = "json"
    alias: str | None = None
    pull_and_delete: bool = False
    required: bool = True
    """False: why the query failed stands in the place of the rows."""
    history_retention: Retention = "full"
    line: int = 0


Input = Annotated[TextInput | BotCommandInput | NarrativeInput | MediaInput | TableInput, Field(discriminator="type")]


class Scope(Frozen):
    """Of an act that came in with another narrative: what is that narrative's own. Part of the checked narrative."""

    narrative: str
    prefix: str
    """What the names of its acts begin with in the whole narrative: `x.acts.`."""
    start: int
    """Position of the first act of this performance of it; tells two performances apart."""
    file: str = ""
    """The file it is from, when that is another one; lines of its acts are lines of that file."""
    variables: dict[str, str] = Field(default_factory=dict)
    iteration: int | None = None
    """Of its own carousel; None when it has none here: then the run's count."""
    iterations: int | None = None
    securities: tuple[Security, ...] = ()
    """Its own and those of the narratives that it is in, but for the whole one's."""
    content: Content = Content()


class Act(Frozen):
    """One step. Without any text or media among its inputs it makes no model call.

    An act that performs another narrative stands behind the acts of that narrative: `composes` is the position where
    they begin, and its own `skip_if` decides about all of them.
    """

    name: str
    inputs: tuple[Input, ...]
    system: Template | None = None
    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    """Models that are asked, in this order, when `model` is exhausted or down."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    output_var: str | None = None
    skip_if: Condition | None = None
    carousel: Carousel | None = None
    format: Literal["text", "json"] = "text"
    history: bool = True
    retries: int | None = Field(default=None, ge=0)
    needs: tuple[str, ...] | None = None
    """As it was written; None when nothing was."""
    after: tuple[int, ...] | None = None
    """Positions of the acts that are done first; None: of all acts before it."""
    extract_output: bool = False
    """Its JSON becomes rows of the narrative's content table; without any such act the last one's does."""
    skip_content_generation: bool = False
    """Nothing of its answer is stored as content."""
    composes: int | None = None
    scope: Scope | None = None
    """None: the act is of the narrative itself."""
    line: int = 0

    @property
    def calls_model(self) -> bool:
        return any(one.type == "text" or one.type in MEDIA_KINDS for one in self.inputs)

    @property
    def own_name(self) -> str:
        """Its name in the narrative that it is of."""
        return self.name.removeprefix(self.scope.prefix) if self.scope else self.name


def is_beside(one: Act, other: Act) -> bool:
    """Whether two acts are of the same performance of the same narrative."""
    if one.scope is None or other.scope is None:
        return one.scope is other.scope
    return (one.scope.prefix, one.scope.start) == (other.scope.prefix, other.scope.start)


class Narrative(Frozen):
    """A whole, checked narrative. `model_dump(mode="json")` is the snapshot; `model_validate` brings it back."""

    name: str
    description: str = ""
    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    system: Template | None = None
    variables: dict[str, str] = Field(default_factory=dict)
    """Defaults of the variables that may be given at enqueue."""
    budget: Multipliers = Multipliers()
    """For every call of the narrative; already part of `carousel.budget` when there is a carousel."""
    carousel: Carousel | None = None
    target: str | None = None
    """The content table that rows are stored in."""
    template: str | None = None
    """The table whose columns are the schema of what is generated."""
    skip_content_generation: bool = False
    preserve_source: bool = False
    """Rows that are read stay, whatever `pull_and_delete` says."""
    schedule: Schedule | None = None
    security: Security | None = None
    terms: Terms | None = None
    """Those of a run; None when nothing was said at enqueue."""
    rehearsed: tuple[str, ...] = ()
    """Platforms of its commands that only rehearsed where the run was enqueued, by the settings there. No file says it."""
    acts: tuple[Act, ...]

    @property
    def content(self) -> Content:
        """Its own."""
        return Content(**{name: getattr(self, name) for name in Content.model_fields})

    def content_for(self, act: Act) -> Content:
        """That of the narrative that an act is of; rows that one around it preserves stay as well."""
        if act.scope is None:
            return self.content
        keeps = self.preserve_source or act.scope.content.preserve_source
        return act.scope.content.model_copy(update={"preserve_source": keeps})

    def may_skip(self, position: int) -> bool:
        """Whether its own condition, or that of an act which performs it, may leave it out."""
        around = [
            one
            for place, one in enumerate(self.acts)
            if place == position or (one.composes is not None and one.composes <= position < place)
        ]
        return any(one.skip_if is not None for one in around)

    def positions_beside(self, act: Act) -> list[int]:
        """The positions of all acts of the same performance of the same narrative, its own among them."""
        return [number for number, one in enumerate(self.acts) if is_beside(one, act)]

    def name_for(self, act: Act) -> str:
        """Of the narrative that an act is of: it is `{narrative.name}` there, and its state lies under it."""
        return act.scope.narrative if act.scope else self.name

    def system_for(self, act: Act) -> Template | None:
        """The system text of an act; one of the narrative is not for those that came in with another."""
        return act.system or (None if act.scope else self.system)

    def securities_for(self, act: Act, command: BotCommandInput) -> tuple[Security, ...]:
        """All that has to be kept by a command of an act."""
        inner = act.scope.securities if act.scope else ()
        return tuple(one for one in (self.security, *inner, command.policy) if one is not None)

    def snapshot(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)


Items.model_rebuild()
for _recursive in (Comparison, AllOf, AnyOf, Not, TableInput, Act, Narrative):
    _recursive.model_rebuild()
