"""Checks the options of a run (tiers, tenant, models, service tier) and writes them into its narrative. Spends nothing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from botticelli.drivers import ModelName
from botticelli.errors import InvalidInput
from botticelli.narrative.execution import RunOptions, ServiceTier
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime

LONGEST_TENANT = 200


def checked_run_options(
    tiers: Mapping[str, Any] | None = None,
    tenant: str | None = None,
    model: str | None = None,
    service_tier: ServiceTier | None = None,
) -> RunOptions:
    """Return checked options.

    Raises InvalidInput for a tier that is not a string, and for a tenant or model that can't be a name.
    """
    for provider, tier in (tiers or {}).items():
        if not (isinstance(tier, str) and tier):
            raise InvalidInput(f"the tier of {provider} is no text", where="tiers", do="write PROVIDER=TIER")
    if tenant is not None and not (tenant.isprintable() and 0 < len(tenant) <= LONGEST_TENANT):
        do = f"1 to {LONGEST_TENANT} characters that can be printed"
        raise InvalidInput("this can't be the name of a tenant", where="tenant", do=do)
    if model is not None and not (isinstance(model, str) and model.strip() and model.isprintable()):
        raise InvalidInput("this can't be the name of a model", where="model", do="write PROVIDER/MODEL")
    return RunOptions(tiers=dict(tiers or {}), tenant=tenant, model=model, service_tier=service_tier)


def with_options(runtime: Runtime, narrative: Narrative, run_options: RunOptions) -> Narrative:
    """Return the narrative with the options of one run written into it, where every worker reads them.

    Raises InvalidInput for a model that no driver has, and for a tier of an unknown provider, even if no act uses it.
    """
    if run_options.model is not None:
        _require_model(runtime, run_options.model)
    for provider in run_options.tiers:
        _require_tier(runtime, provider, run_options.tiers[provider])
    return narrative if run_options == RunOptions() else narrative.model_copy(update={"run_options": run_options})


def _require_model(runtime: Runtime, model: str) -> None:
    try:
        runtime.drivers.resolve(model)
    except InvalidInput as error:
        raise InvalidInput(error.what, where=f"model {model}", do=error.do) from None


def _require_tier(runtime: Runtime, provider: str, tier: str) -> None:
    known = runtime.drivers.names()
    if provider not in known:
        near = difflib.get_close_matches(provider, known, 1) or sorted(known)
        raise InvalidInput(f"there is no provider {provider!r}", where="--tier", do=f"providers: {', '.join(near)}")
    runtime.scopes.model_budget(ModelName(provider, ""), tier)
