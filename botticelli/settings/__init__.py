"""The settings: defaults < botticelli.toml < environment < flags, merged once at the edge into one frozen object.

Names are loaded when they are first asked for, so that completion finds the data directory without the models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.lazy import make_lazy

if TYPE_CHECKING:
    from botticelli.settings.explain import did_you_mean, in_plain_words
    from botticelli.settings.home import find_home
    from botticelli.settings.model import DriverOptions, Limits, ModelLimits, Provider, Settings, Tier, WindowSetting
    from botticelli.settings.published import published_limits, published_providers
    from botticelli.settings.sources import convert_settings, load_settings
    from botticelli.settings.urls import CheckedUrl, UrlFault, checked_url, http_url, shown_url

__all__ = [
    "CheckedUrl",
    "DriverOptions",
    "Limits",
    "ModelLimits",
    "Provider",
    "Settings",
    "Tier",
    "UrlFault",
    "WindowSetting",
    "checked_url",
    "convert_settings",
    "did_you_mean",
    "find_home",
    "http_url",
    "in_plain_words",
    "load_settings",
    "published_limits",
    "published_providers",
    "shown_url",
]

make_lazy(
    __name__,
    {
        "DriverOptions": "model",
        "Limits": "model",
        "ModelLimits": "model",
        "Provider": "model",
        "Settings": "model",
        "Tier": "model",
        "WindowSetting": "model",
        "convert_settings": "sources",
        "did_you_mean": "explain",
        "find_home": "home",
        "in_plain_words": "explain",
        "load_settings": "sources",
        "published_limits": "published",
        "published_providers": "published",
        "CheckedUrl": "urls",
        "UrlFault": "urls",
        "checked_url": "urls",
        "http_url": "urls",
        "shown_url": "urls",
    },
)
