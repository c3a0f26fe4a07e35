"""Answers requests: one module for each noun. ROUTERS names them all, in the order in which they are tried."""

from __future__ import annotations

PAGES = tuple(
    f"botticelli.http.console.pages.{name}_pages:router"
    for name in ("login", "inbox", "run_list", "run", "budget", "schedule", "content", "narrative", "worker")
)
"""The routers of the console."""
ROUTERS = (
    "botticelli.http.routes.health_routes:router",
    "botticelli.http.routes.metrics_routes:router",
    "botticelli.http.routes.runs.enqueue_routes:router",
    "botticelli.http.routes.runs.control_routes:router",
    "botticelli.http.routes.runs.event_routes:router",
    "botticelli.http.routes.runs.export_routes:router",
    "botticelli.http.routes.runs.list_routes:router",
    "botticelli.http.routes.webhook_routes:receiver",
    "botticelli.http.routes.webhook_routes:router",
    "botticelli.http.routes.outcomes.effect_routes:router",
    "botticelli.http.routes.outcomes.content_routes:router",
    "botticelli.http.routes.outcomes.state_routes:router",
    "botticelli.http.routes.limits.budget_routes:router",
    "botticelli.http.routes.limits.schedule_routes:router",
    "botticelli.http.routes.system.token_routes:router",
    "botticelli.http.routes.system.installation_routes:router",
    "botticelli.http.routes.system.notice_routes:router",
    *PAGES,
)
"""`module:attribute` of each APIRouter. Add yours here; a module that is missing is a defect, not an option."""
