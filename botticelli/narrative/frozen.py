"""Defines the base class of every part of a checked narrative."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Makes a model immutable and refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
