"""The checked narrative: what every form of the TOML becomes, and what travels as a run's snapshot. No parsing here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ReferenceKind = Literal["act", "previous", "state", "var", "iteration", "iterations", "run", "narrative", "now"]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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


class TextInput(Frozen):
    type: Literal["text"] = "text"
    content: Template
    line: int = 0


class BotCommandInput(Frozen):
    type: Literal["bot_command"] = "bot_command"
    platform: str = "discord"
    command: str
    args: dict[str, Value] = Field(default_factory=dict)
    required: bool = True
    line: int = 0


Input = Annotated[TextInput | BotCommandInput, Field(discriminator="type")]


class Multipliers(Frozen):
    """How much of a provider's limits a carousel may use, 0 < x <= 1."""

    rpm_multiplier: float | None = Field(default=None, gt=0, le=1)
    tpm_multiplier: float | None = Field(default=None, gt=0, le=1)
    rpd_multiplier: float | None = Field(default=None, gt=0, le=1)

    def over(self, general: Multipliers) -> Multipliers:
        """These where they say something, the more `general` ones where they don't."""
        return Multipliers(**{**general.model_dump(exclude_none=True), **self.model_dump(exclude_none=True)})


class Carousel(Frozen):
    iterations: int = Field(ge=1)
    estimated_tokens_per_iteration: int | None = Field(default=None, ge=0)
    continue_on_error: bool = False
    concurrency: int = Field(default=1, ge=1)
    on_budget_exhausted: Literal["stop", "wait"] = "stop"
    max_wait_seconds: float | None = Field(default=None, gt=0)
    retries: int = Field(default=2, ge=0)
    max_tokens_total: int | None = Field(default=None, ge=1)
    max_cost_usd: float | None = Field(default=None, gt=0)
    budget: Multipliers = Multipliers()


class Act(Frozen):
    """One step. Without any text among its inputs it makes no model call."""

    name: str
    inputs: tuple[Input, ...]
    system: Template | None = None
    model: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    output_var: str | None = None
    skip_if: Condition | None = None
    carousel: Carousel | None = None
    format: Literal["text", "json"] = "text"
    history: bool = True
    retries: int | None = Field(default=None, ge=0)
    line: int = 0

    @property
    def calls_model(self) -> bool:
        return any(one.type == "text" for one in self.inputs)


class Narrative(Frozen):
    """A whole, checked narrative. `model_dump(mode="json")` is the snapshot; `model_validate` brings it back."""

    name: str
    description: str = ""
    model: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    system: Template | None = None
    variables: dict[str, str] = Field(default_factory=dict)
    """Defaults of the variables that may be given at enqueue."""
    budget: Multipliers = Multipliers()
    """For every call of the narrative; already part of `carousel.budget` when there is a carousel."""
    carousel: Carousel | None = None
    acts: tuple[Act, ...]

    def snapshot(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)


Items.model_rebuild()
