"""Calls model providers, each behind one small protocol. Knows nothing of narratives, budgets or Postgres."""

from botticelli.drivers.interface.capabilities import (
    CountsTokens,
    HasServer,
    KnowsParameters,
    KnowsSchemas,
    NamesModels,
    OnText,
    Readiness,
    ReadsKey,
    RecommendsModel,
    ReportsLimits,
    ReportsReadiness,
    Streams,
    TakesMedia,
    Warmable,
)
from botticelli.drivers.interface.media_support import media_refusal
from botticelli.drivers.interface.model_parameters import NO_PARAMETERS, Choice, Finding, ModelParameters
from botticelli.drivers.interface.protocol import (
    Driver,
    GenerateRequest,
    GenerateResponse,
    Media,
    MediaKind,
    Message,
    Usage,
)
from botticelli.drivers.reading.responses import checked_response
from botticelli.drivers.registry import Drivers, ModelName, UnclaimedModel

__all__ = [
    "NO_PARAMETERS",
    "Choice",
    "CountsTokens",
    "Driver",
    "Drivers",
    "Finding",
    "GenerateRequest",
    "GenerateResponse",
    "HasServer",
    "KnowsParameters",
    "KnowsSchemas",
    "Media",
    "MediaKind",
    "Message",
    "ModelName",
    "ModelParameters",
    "NamesModels",
    "OnText",
    "Readiness",
    "ReadsKey",
    "RecommendsModel",
    "ReportsLimits",
    "ReportsReadiness",
    "Streams",
    "TakesMedia",
    "UnclaimedModel",
    "Usage",
    "Warmable",
    "checked_response",
    "media_refusal",
]
