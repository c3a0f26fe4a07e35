"""The terms of a run: tiers and tenant, checked and written into its narrative. Knows no limit and spends nothing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from botticelli.drivers import ModelName
from botticelli.errors import InvalidInput
from botticelli.narrative.execution import Terms
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime

LONGEST_TENANT = 200


def terms_of(tiers: Mapping[str, Any] | None = None, tenant: str | None = None) -> Terms:
    """InvalidInput for a tier that is no text, and for a tenant's name that is empty, too long or can't be printed."""
    for provider, tier in (tiers or {}).items():
        if not (isinstance(tier, str) and tier):
            raise InvalidInput(f"the tier of {provider} is no text", where="tiers", do="write PROVIDER=TIER")
    if tenant is not None and not (tenant.isprintable() and 0 < len(tenant) <= LONGEST_TENANT):
        do = f"1 to {LONGEST_TENANT} characters that can be printed"
        raise InvalidInput("this can't be the name of a tenant", where="tenant", do=do)
    return Terms(tiers=dict(tiers or {}), tenant=tenant)


def with_terms(runtime: Runtime, narrative: Narrative, terms: Terms) -> Narrative:
    """Write the terms of one run into the narrative.

    The narrative with the terms of one run written into it: every worker reads them there. InvalidInput for a tier of a
    provider that isn't there, also when no act asks it.
    """
    for provider in terms.tiers:
        _require_tier(runtime, provider, terms.tiers[provider])
    return narrative if terms == Terms() else narrative.model_copy(update={"terms": terms})


def _require_tier(runtime: Runtime, provider: str, tier: str) -> None:
    known = runtime.drivers.names()
    if provider not in known:
        near = difflib.get_close_matches(provider, known, 1) or sorted(known)
        raise InvalidInput(f"there is no provider {provider!r}", where="--tier", do=f"providers: {', '.join(near)}")
    runtime.model_budget(ModelName(provider, ""), tier)
