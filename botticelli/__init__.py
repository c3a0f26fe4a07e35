"""Botticelli runs LLM narratives unattended, at scale, under budgets that cannot be overspent.

Other programs use `Client`, and `verify_webhook` for the notices that they receive. Importing this package loads nothing
until one of its names is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botticelli.client import Client
    from botticelli.errors import BotticelliError, WebhookRejected
    from botticelli.security.webhook_signatures import verify_webhook

__version__ = "0.1.0"
__all__ = ["BotticelliError", "Client", "WebhookRejected", "__version__", "verify_webhook"]
_HOMES = {
    "BotticelliError": "botticelli.errors",
    "Client": "botticelli.client",
    "WebhookRejected": "botticelli.errors",
    "verify_webhook": "botticelli.security.webhook_signatures",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
