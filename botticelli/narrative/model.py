"""Defines the checked narrative that every form of the TOML becomes, and that travels as a run's snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from botticelli.narrative.execution import CallParameters, Carousel, Multipliers, RunOptions, first_given
from botticelli.narrative.expressions import ROW_KINDS as ROW_KINDS
from botticelli.narrative.expressions import Condition as Condition
from botticelli.narrative.expressions import NestedArguments as NestedArguments
from botticelli.narrative.expressions import PlainKind as PlainKind
from botticelli.narrative.expressions import Reference as Reference
from botticelli.narrative.expressions import ReferenceKind as ReferenceKind
from botticelli.narrative.expressions import RowKind as RowKind
from botticelli.narrative.expressions import Template as Template
from botticelli.narrative.expressions import Value as Value
from botticelli.narrative.frozen import Frozen
from botticelli.narrative.gate import Gate
from botticelli.narrative.permissions import Content, Security
from botticelli.schedules.definition import ScheduleDefinition

MediaKind = Literal["image", "audio", "video", "document"]
MEDIA_KINDS: tuple[MediaKind, ...] = ("image", "audio", "video", "document")

Retention = Literal["full", "summary", "drop"]
"""Detail in which later acts see an input. Very long fetched content is summarised even when it is `full`."""


class TextInput(Frozen):
    """Holds a text for the model."""

    type: Literal["text"] = "text"
    content: Template
    history_retention: Retention = "full"
    line: int = 0


class BotCommandInput(Frozen):
    """Holds a command of a platform; its result becomes the input. With `required`, a failure fails the act."""

    type: Literal["bot_command"] = "bot_command"
    platform: str = "discord"
    command: str
    args: dict[str, Value] = Field(default_factory=dict)
    required: bool = True
    policy: Security | None = None
    """Policy of the `[bots.NAME]` table that the command is from."""
    history_retention: Retention = "full"
    line: int = 0


class NarrativeInput(Frozen):
    """Brings in the output of another narrative. Its acts stand before the act of this input and run before it.

    `ends` are the positions of its last act, one for each turn of the act that performs it.
    """

    type: Literal["narrative"] = "narrative"
    name: str
    """The name as written: another narrative of the file, or `file` or `file#name` of a file beside it."""
    ends: tuple[int, ...] = ()
    history_retention: Retention = "full"
    line: int = 0


class MediaInput(Frozen):
    """Holds an image, audio, video or document: stored bytes that travel with the run (`sha256`), or a `url` to fetch.

    `mime` is empty when a URL does not show the type; the fetched content then decides.
    """

    type: MediaKind
    mime: str
    sha256: str | None = None
    size_bytes: int = 0
    url: Template | None = None
    filename: str | None = None
    history_retention: Retention = "full"
    line: int = 0


class PointInTime(Frozen):
    """Stands for a point in time, computed by the database: `base` is `now`, `today`, or a date or time as written.

    `offset` is an interval of Postgres that is added, such as `-7 days`; empty: none.
    """

    node: Literal["moment"] = "moment"
    base: str
    offset: str = ""


class OtherColumn(Frozen):
    """Stands for the value of another column in the same row."""

    node: Literal["column"] = "column"
    name: str


Operand = Value | PointInTime | OtherColumn


class Comparison(Frozen):
    """Compares a column with values: one, for `in` any number, for `between` two, for `is_null` none.

    Values are bound as text.
    """

    node: Literal["comparison"] = "comparison"
    column: str
    op: Literal["=", "!=", "<", "<=", ">", ">=", "in", "between", "like", "ilike", "is_null"]
    values: tuple[Operand, ...] = ()


class Constant(Frozen):
    """Holds a condition without a column, such as `1 = 0`: every row matches it, or none."""

    node: Literal["constant"] = "constant"
    holds: bool


class AllOf(Frozen):
    """Matches a row that matches every part."""

    node: Literal["all"] = "all"
    parts: tuple[Filter, ...]


class AnyOf(Frozen):
    """Matches a row that matches at least one part."""

    node: Literal["any"] = "any"
    parts: tuple[Filter, ...]


class Not(Frozen):
    """Matches a row that does not match the part."""

    node: Literal["not"] = "not"
    part: Filter


Filter = Annotated[Comparison | Constant | AllOf | AnyOf | Not, Field(discriminator="node")]


class SortOrder(Frozen):
    column: str
    descending: bool = False


class TableInput(Frozen):
    """Holds a query for rows of a table. Without `columns` it reads all columns; `sample` is a number of random rows."""

    type: Literal["table"] = "table"
    table_name: str
    columns: tuple[str, ...] = ()
    where: Filter | None = None
    order_by: tuple[SortOrder, ...] = ()
    limit: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)
    sample: int | None = Field(default=None, ge=1, le=1000)
    format: Literal["json", "markdown", "csv"] = "json"
    alias: str | None = None
    pull_and_delete: bool = False
    required: bool = True
    """False: when the query fails, the error message takes the place of the rows."""
    history_retention: Retention = "full"
    line: int = 0


Input = Annotated[TextInput | BotCommandInput | NarrativeInput | MediaInput | TableInput, Field(discriminator="type")]


class Scope(Frozen):
    """Says which embedded narrative an act comes from, with that narrative's variables, security and content."""

    narrative: str
    prefix: str
    """Prefix of the names of its acts in the whole narrative: `x.acts.`."""
    start: int
    """Position of the first act of this performance of it, which tells two performances apart."""
    file: str = ""
    """File it is from, when that is another one; lines of its acts are lines of that file."""
    variables: dict[str, str] = Field(default_factory=dict)
    iteration: int | None = None
    """Iteration of its own carousel; None without one: then the run's iteration counts."""
    iterations: int | None = None
    securities: tuple[Security, ...] = ()
    """Security of this narrative and of those around it, without the outermost one."""
    content: Content = Content()


class Act(CallParameters):
    """Describes one step of a narrative. Without any text or media among its inputs it makes no model call.

    An act that performs another narrative stands behind the acts of that narrative: `composes` is the position where
    they begin, and its own `skip_if` decides about all of them.
    """

    name: str
    inputs: tuple[Input, ...]
    system: Template | None = None
    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    """Models to call instead, in this order, when the budget of `model` is exhausted or its provider is down."""
    output_var: str | None = None
    skip_if: Condition | None = None
    carousel: Carousel | None = None
    foreach: Template | None = None
    """The list whose items are the rows of its turns; its carousel says how many at most."""
    format: Literal["text", "json"] = "text"
    answer_schema: str | None = None
    """JSON Schema of its answer, as JSON text, since jsonb would lose the order of the properties."""
    schema_table: str | None = None
    """Content table whose columns are that schema; put in place of it when the run is enqueued."""
    history: bool = True
    retries: int | None = Field(default=None, ge=0)
    needs: tuple[str, ...] | None = None
    """Names of the acts it needs, as written; None when `needs` is not given."""
    after: tuple[int, ...] | None = None
    """Positions of the acts that are done first; None: all acts before it."""
    extract_output: bool = False
    """Stores its JSON output as rows of the content table; without any such act the last act's output is stored."""
    skip_content_generation: bool = False
    """Stores no rows of content from its output."""
    gate: Gate | None = None
    """Judges its answers; None: each answer that can be used is accepted."""
    composes: int | None = None
    scope: Scope | None = None
    """Embedded narrative it comes from; None: the narrative itself."""
    line: int = 0

    @property
    def calls_model(self) -> bool:
        return is_spoken(self.inputs)

    @property
    def is_typed(self) -> bool:
        return self.answer_schema is not None or self.schema_table is not None

    @property
    def own_name(self) -> str:
        """Return its name in the narrative that it comes from."""
        return self.name.removeprefix(self.scope.prefix) if self.scope else self.name


def is_spoken(inputs: Sequence[Input]) -> bool:
    """Tell whether inputs are put to a model: whether a text or media is among them."""
    return any(input_.type == "text" or input_.type in MEDIA_KINDS for input_ in inputs)


def share_performance(act: Act, other: Act) -> bool:
    """Tell whether two acts belong to the same performance of the same narrative."""
    if act.scope is None or other.scope is None:
        return act.scope is other.scope
    return (act.scope.prefix, act.scope.start) == (other.scope.prefix, other.scope.start)


class Narrative(CallParameters):
    """Describes a whole, checked narrative. `snapshot` serialises it to JSON; `model_validate` reads it back."""

    name: str
    description: str = ""
    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    system: Template | None = None
    variables: dict[str, str] = Field(default_factory=dict)
    """Default values of the variables that may be given at enqueue."""
    budget: Multipliers = Multipliers()
    """Multipliers for every call of the narrative; `carousel.budget` already contains them."""
    carousel: Carousel | None = None
    target: str | None = None
    """The content table that rows are stored in."""
    template: str | None = None
    """The table whose columns are the schema of generated rows."""
    skip_content_generation: bool = False
    preserve_source: bool = False
    """Keeps the rows that are read, even with `pull_and_delete`."""
    schedule: ScheduleDefinition | None = None
    security: Security | None = None
    run_options: RunOptions | None = None
    """Options of the run; None when none were given at enqueue."""
    rehearsed: tuple[str, ...] = ()
    """Platforms that rehearse by the settings of the process that enqueued the run. Not a key of the file."""
    acts: tuple[Act, ...]

    @property
    def content(self) -> Content:
        """Return the content settings of the narrative itself."""
        return Content(**{name: getattr(self, name) for name in Content.model_fields})

    def content_for(self, act: Act) -> Content:
        """Return the content settings for an act; an outer narrative's `preserve_source` holds for inner ones too."""
        if act.scope is None:
            return self.content
        keeps = self.preserve_source or act.scope.content.preserve_source
        return act.scope.content.model_copy(update={"preserve_source": keeps})

    def may_skip(self, position: int) -> bool:
        """Tell whether the act may be skipped, by its own condition or that of an act which performs it."""
        deciding = [
            act
            for place, act in enumerate(self.acts)
            if place == position or (act.composes is not None and act.composes <= position < place)
        ]
        return any(act.skip_if is not None for act in deciding)

    def positions_beside(self, act: Act) -> list[int]:
        """Return the positions of all acts of the same performance of the same narrative, its own included."""
        return [number for number, other in enumerate(self.acts) if share_performance(other, act)]

    def name_for(self, act: Act) -> str:
        """Return the name of the narrative that an act comes from: its `{narrative.name}` and the scope of its state."""
        return act.scope.narrative if act.scope else self.name

    def system_for(self, act: Act) -> Template | None:
        """Return the system text of an act; that of the narrative holds only for the narrative's own acts."""
        return act.system or (None if act.scope else self.system)

    def parameters_for(self, act: Act) -> CallParameters:
        """Return the parameters of an act's calls; what it leaves open is the narrative's. A tier of the run wins."""
        return first_given((act, self)).with_tier(self.run_options.service_tier if self.run_options else None)

    def securities_for(self, act: Act, command: BotCommandInput) -> tuple[Security, ...]:
        """Return every security rule that a command of an act must obey."""
        inner = act.scope.securities if act.scope else ()
        return tuple(security for security in (self.security, *inner, command.policy) if security is not None)

    def snapshot(self) -> dict[str, Any]:
        """Return the narrative as JSON values, without the fields that are None."""
        return self.model_dump(mode="json", exclude_none=True)


for _recursive in (Comparison, AllOf, AnyOf, Not, TableInput, Act, Narrative):
    _recursive.model_rebuild()
